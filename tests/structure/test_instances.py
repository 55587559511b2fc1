"""Which items have a row for each instance, and must be as many."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from support.batches import CLASSES, IMAGES
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import BOTH, mixes
from support.structures import INSTANCE_LABELS, SIZE, boxes_of, detection, some_boxes, some_masks, some_points
from torch.utils.data import default_collate
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
)


@mixes
@pytest.mark.parametrize("name", ["bboxes", "boxes", "bbox", "keypoints"])
@pytest.mark.parametrize("kind", [torch.tensor, np.array, list], ids=["tensor", "array", "list"])
def test_boxes_that_nobody_would_move_are_an_error(make, name, kind):
    boxes = kind([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0]])
    samples = [{"image": image, name: boxes, "labels": torch.tensor([0, 1])} for image in IMAGES]
    mix = make(num_classes=CLASSES)
    with says(TypeError, [name, "tv_tensors."]):
        MixCollate(mix, collate_fn=list)(samples)
    with says(TypeError, [name, "tv_tensors."]):
        RandomCutout()(samples[0])


def test_rows_that_are_known_stay_aligned_in_mixup(recwarn):
    samples = [
        detection(i, area=torch.tensor([1.0, 2.0]), iscrowd=torch.tensor([0, 1]), scores=torch.rand(2))
        for i in range(2)
    ]
    _, target = MixCollate(RandomMixUp(), collate_fn=list)(samples)[0]
    assert {key: len(value) for key, value in target.items()} == dict.fromkeys(
        ["boxes", "labels", "area", "iscrowd", "scores", "weights"], 4
    )
    assert not recwarn.list


def test_targets_of_detr():
    samples = [
        {
            "pixel_values": IMAGES[i],
            "labels": {
                "class_labels": torch.tensor([i, 0]),
                "boxes": boxes_of([0, 0, WIDTH, HEIGHT], [1, 1, 5, 6]),
                "orig_size": torch.tensor([HEIGHT, WIDTH]),
                "size": torch.tensor([HEIGHT, WIDTH]),
                "image_id": torch.tensor([3, 4]),
            },
        }
        for i in range(2)
    ]
    for mix in (RandomCutMix(ratio=(0.4, 0.6)), RandomMixUp()):
        for sample in MixCollate(mix, collate_fn=list)(samples):
            target = sample["labels"]
            assert target["orig_size"].tolist() == target["size"].tolist() == [HEIGHT, WIDTH]
            assert target["image_id"].tolist() == [3, 4]
            assert len(target["class_labels"]) == len(target["boxes"])


def test_lists_of_numbers_with_one_for_each_instance_are_rows():
    """So torchvision wraps COCO."""
    samples = [detection(i, iscrowd=[0, 1], area=[1.5, 2.5]) for i in range(2)]
    for _, target in MixCollate(RandomMixUp(), collate_fn=list)(samples):
        assert target["iscrowd"].tolist() == [0, 1, 0, 1]
        assert target["area"].tolist() == [1.5, 2.5, 1.5, 2.5]
    _, target = RandomCutout(1.0, inside=True)(samples[0])
    assert len(target["iscrowd"]) == len(target["boxes"]) == 0
    assert samples[0][1]["iscrowd"] == [0, 1]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("labels", [torch.tensor([1]), torch.tensor([2])], ["'labels' as a list"]),
        ("scores", [torch.rand(2)], ["'scores' as a list"]),
        ("scores", {"iou": torch.rand(2)}, ["'scores' as a dictionary"]),
    ],
)
@pytest.mark.parametrize("make", BOTH)
def test_rows_in_containers_are_an_error(make, name, value, words):
    samples = [detection(i, **{name: value}) for i in range(2)]
    with says(ValueError, ["one row per instance", *words]):
        MixCollate(make(), collate_fn=list)(samples)


def test_a_plain_map_of_the_image_lies_beside_its_boxes():
    """Of two axes it is no mask of an instance."""
    for key in ("mask", "masks"):
        samples = [
            (torch.full((1, HEIGHT, WIDTH), float(i)), detection(i, **{key: torch.full((HEIGHT, WIDTH), i)})[1])
            for i in range(2)
        ]
        for image, target in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(samples):
            assert torch.equal(target[key].float(), image[0])
            assert image.unique().tolist() == [0, 1]


def test_mixup_adds_weights_beside_the_boxes_however_deep_they_are():
    samples = [(image, {"objects": {"boxes": some_boxes(2), "id": 3}}) for image in IMAGES[:2]]
    for _, target in MixCollate(RandomMixUp(), collate_fn=list)(samples):
        assert list(target) == ["objects"]
        assert target["objects"].keys() == {"boxes", "id", "weights"}
        assert len(target["objects"]["weights"]) == 4


def test_weights_beside_one_point_for_each_label_stay_aligned():
    def sample(i):
        points = tv_tensors.KeyPoints(torch.full((3, 2), float(i)), canvas_size=SIZE)
        return IMAGES[i], {"points": points, "labels": torch.full((3,), i), "weights": torch.full((3,), 1.0 + i)}

    for _, target in MixCollate(RandomCutMix(), collate_fn=list)([sample(0), sample(1)]):
        assert target["weights"].tolist() == [1 + i for i in target["labels"].tolist()]
    for _, target in MixCollate(RandomMixUp(), collate_fn=list)([sample(0), sample(1)]):
        assert len(target["weights"]) == len(target["labels"]) == len(target["points"]) == 6


def test_weights_beside_the_keypoints_of_an_image_are_not_theirs():
    def sample(i):
        points = tv_tensors.KeyPoints(torch.ones(3, 2), canvas_size=SIZE)
        return IMAGES[i], {"keypoints": points, "weights": torch.full((3,), 0.5 + i), "label": torch.tensor(i)}

    for make in BOTH:
        for i, (_, target) in enumerate(MixCollate(make(num_classes=2), collate_fn=list)([sample(0), sample(1)])):
            assert len(target["keypoints"]) == 6
            assert target["weights"].tolist() == [0.5 + i] * 3


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("shape", [(0, 3, 2), (0, 0, 2)])
def test_without_instances_the_other_axes_of_rows_play_no_part(make, shape):
    annotated = detection(0, keypoints=tv_tensors.KeyPoints(torch.ones(2, 3, 2), canvas_size=SIZE))
    nothing = {"boxes": boxes_of([1, 1, 2, 2])[:0], "labels": torch.tensor([], dtype=torch.int64)}
    nothing["boxes"] = tv_tensors.wrap(nothing["boxes"], like=annotated[1]["boxes"])
    empty = IMAGES[1], {**nothing, "keypoints": tv_tensors.KeyPoints(torch.empty(shape), canvas_size=SIZE)}
    for samples in ([annotated, empty], [empty, annotated]):
        for _, target in MixCollate(make(), collate_fn=list)(samples):
            assert len(target["keypoints"]) == len(target["boxes"]) == len(target["labels"])
            assert target["keypoints"].shape[1:] == (3, 2) or not len(target["boxes"])


def test_one_plain_mask_of_an_instance_is_not_taken_for_one_of_the_image():
    target = {"boxes": boxes_of([0, 0, 5, 5]), "labels": torch.tensor([1]), "masks": torch.ones(1, HEIGHT, WIDTH)}
    with says(TypeError, ["masks", "tv_tensors.Mask"]):
        MixCollate(RandomCutMix(), collate_fn=list)([(image, target) for image in IMAGES])


def test_boxes_without_labels():
    samples = [{"image": image, "boxes": boxes_of([0, 0, 5, 5])} for image in IMAGES]
    for sample in MixCollate(RandomCutMix(ratio=(1, 1)), collate_fn=list)(samples):
        assert len(sample["boxes"]) == 1


NO_BOXES = tv_tensors.BoundingBoxes(torch.empty(0), format="XYXY", canvas_size=SIZE)
ROTATED = tv_tensors.BoundingBoxes(torch.ones(3, 5), format="CXCYWHR", canvas_size=SIZE)


@pytest.mark.parametrize("make", [*BOTH, RandomCutout])
@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        ({"boxes": ROTATED}, ValueError, ["boxes", "rotated", "CXCYWHR"]),
        ({"boxes": NO_BOXES}, ValueError, ["boxes", "(n, 4)", "(0, 4)", "(1, 0)"]),
        ({"boxes": some_boxes(3, canvas=(9, 9))}, ValueError, ["canvas_size", "(17, 11)", "(9, 9)"]),
        ({"boxes": some_boxes(3), "masks": some_masks(3, 9, 9)}, ValueError, ["masks", "(17, 11)", "(3, 9, 9)"]),
        (
            {"boxes": some_boxes(3), "masks": some_masks(2, *SIZE)},
            ValueError,
            ["aligned", "3", "'masks'", "(2, 17, 11)"],
        ),
        (
            {"boxes": some_boxes(3), "seg": some_masks(1, *SIZE)},
            ValueError,
            ["aligned", "'seg'", "(1, 17, 11) (a semantic mask beside instances is (H, W))"],
        ),
        ({"boxes": some_boxes(2)}, ValueError, ["aligned", "2", "'labels'", "(3,)"]),
        (
            {"boxes": some_boxes(3), "keypoints": some_points(2, 4, 2)},
            ValueError,
            ["aligned", "'keypoints'", "(2, 4, 2)"],
        ),
        ({"keypoints": some_points(1, 3, 4, 2)}, ValueError, ["keypoints", "(1, 3, 4, 2)"]),
        (
            {"boxes": some_boxes(3), "keypoints": some_points(3, 4, 2, canvas=(1, 2))},
            ValueError,
            ["canvas_size", "(1, 2)"],
        ),
    ],
)
def test_instances_of_a_sample(make, target, kind, words):
    sample = torch.rand(3, *SIZE), {"labels": INSTANCE_LABELS, **target}
    mix = make()
    with says(kind, words):
        mix(sample) if make is RandomCutout else MixCollate(mix, collate_fn=list)([sample] * 2)
    if make is not RandomCutout:
        with says(kind, words):
            MixDataset([sample] * 2, mix)[0]


@pytest.mark.parametrize("make", BOTH)
def test_instances_that_differ(make):
    image = torch.rand(3, *SIZE)
    base = {"labels": INSTANCE_LABELS, "boxes": some_boxes(3)}
    for other, words in (
        ({**base, "masks": some_masks(3, *SIZE)}, ["samples", "inputs[1]['masks'] in only one"]),
        ({"labels": torch.zeros(3, 2), "boxes": some_boxes(3)}, ["samples", "(3,)"]),
        ({"labels": torch.tensor(0)}, ["num_classes"]),
    ):
        with says(ValueError, words):
            MixCollate(make(), collate_fn=list)([(image, base), (image, other)])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("make", [*BOTH, RandomCutout])
def test_what_seems_to_belong_to_instances_is_named_once(make, count):
    target = {
        "labels": INSTANCE_LABELS,
        "boxes": some_boxes(3),
        "depths": torch.rand(3),
        "names": ["a", "b", "c"],
        "x": 3,
    }
    if count == 1:
        target = {"labels": INSTANCE_LABELS[:1], "boxes": some_boxes(1), "depths": torch.rand(1), "names": ["a"]}
        target["image_id"] = torch.tensor([7])
    sample, mix = (torch.rand(3, *SIZE), target), make()
    call = mix if make is RandomCutout else lambda one: MixCollate(mix, collate_fn=list)([one] * 2)
    with pytest.warns(UserWarning, match="labels_getter") as caught:
        _ = [call(sample) for _ in range(2)]
    assert [[key for key in ("'depths'", "'names'") if key in str(one.message)] for one in caught] == [
        ["'depths'"],
        ["'names'"],
    ]


class Mapped(NamedTuple):
    mask: tv_tensors.Mask


def test_what_is_opened_is_not_taken_for_a_row_of_each_instance(recwarn):
    """A record or list that is as long as there are instances, by chance."""
    mask = tv_tensors.Mask(torch.randint(3, SIZE))
    for held in (Mapped(mask), [mask]):
        samples = [
            (image, {"labels": INSTANCE_LABELS[:1], "boxes": some_boxes(1), "seg": held})
            for image in [torch.rand(3, *SIZE)] * 2
        ]
        for _, target in MixCollate(RandomCutMix(ratio=(0.4, 0.6)), collate_fn=list)(samples):
            assert target["seg"] is not held
    assert not recwarn.list


def test_boxes_in_fractions_of_the_image_are_warned_of():
    def samples(*rows):
        boxes = tv_tensors.BoundingBoxes(torch.tensor(rows), format="CXCYWH", canvas_size=SIZE)
        return [(image, {"boxes": boxes, "labels": torch.arange(len(rows))}) for image in IMAGES[:2]]

    collate = MixCollate(RandomCutMix(), collate_fn=list)
    with pytest.warns(UserWarning, match="boxes must be in pixels.*width and height"):
        collate(samples([0.5, 0.5, 0.4, 0.2], [0.1, 0.9, 1, 0.3]))
    collate(samples([0.5, 0.5, 0.4, 0.2], [3.0, 4, 2, 2]))
    collate(samples([0, 0, 1, 1]))


def test_a_plain_box_for_each_image_is_an_error_in_all_places():
    samples = [{"image": IMAGES[i], "label": i, "bbox": torch.rand(4)} for i in range(4)]
    mix = RandomCutMix(num_classes=4)
    for call in (
        lambda: mix(default_collate(samples)),
        lambda: MixCollate(mix)(samples),
        lambda: MixCollate(mix, collate_fn=list)(samples),
        lambda: MixDataset(samples, mix)[0],
    ):
        with says(TypeError, ["bbox must be tv_tensors.BoundingBoxes"]):
            call()


@pytest.mark.parametrize("beside", [{"bbox": [1, 2, 3, 4]}, {"keypoints": torch.rand(34)}, {"masks": torch.rand(5)}])
def test_numbers_under_names_of_instances_pass_in_all_places(beside):
    samples = [{"image": IMAGES[i], "label": i, "meta": dict(beside)} for i in range(4)]
    mix = RandomCutMix(num_classes=4)
    batch = default_collate(samples)
    assert mix(batch)["meta"] is batch["meta"]
    assert MixCollate(mix)(samples)["meta"].keys() == beside.keys()
    assert MixDataset(samples, mix)[0]["meta"] is samples[0]["meta"]


@pytest.mark.parametrize("boxes", [[torch.rand(2, 4)] * 4, [np.ones((2, 4))] * 4, [], ["a", "b"]])
def test_lists_of_boxes_beside_a_batch_are_an_error(boxes):
    batch = {"image": IMAGES[:4], "label": torch.arange(4), "boxes": boxes}
    if boxes:
        with says(TypeError, ["boxes must be tv_tensors.BoundingBoxes", "list of length"]):
            RandomCutMix(num_classes=4)(batch)
    else:
        assert RandomCutMix(num_classes=4)(batch)["boxes"] is boxes


def test_a_list_of_single_boxes_in_a_sample_is_an_error():
    data = MixDataset([{"image": IMAGES[0], "label": 1, "boxes": [torch.ones(4)] * 2}] * 2, RandomCutMix(num_classes=4))
    with says(TypeError, ["boxes must be tv_tensors.BoundingBoxes", "list of length 2"]):
        data[0]


def test_a_plain_mask_beside_one_box_is_that_of_an_instance():
    boxes = tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=SIZE)
    target = {"boxes": boxes, "labels": torch.tensor([1]), "masks": torch.ones(1, HEIGHT, WIDTH)}
    for sample in ({"image": IMAGES[0], **target}, (IMAGES[0], target)):
        with says(TypeError, ["masks must be tv_tensors.Mask"]):
            MixDataset([sample] * 2, RandomCutMix())[0]
