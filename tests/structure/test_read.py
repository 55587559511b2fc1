"""Nothing is left behind: what cannot be mixed correctly is an error, wherever it stands in a batch or sample."""

import dataclasses
import warnings
from collections import OrderedDict, UserDict, deque
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, says
from support.oracles import constant_images
from torch.utils.data import IterableDataset, default_collate
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)

COUNT, CLASSES = 6, 5
IMAGES = constant_images(COUNT, 3, HEIGHT, WIDTH)
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])
MASKS = torch.arange(COUNT).view(-1, 1, 1).expand(-1, HEIGHT, WIDTH).contiguous()  # as constant as the images
MIXES = {
    "cutmix": lambda **options: RandomCutMix(ratio=(0.3, 0.6), **options),
    "mixup": RandomMixUp,
    "choice": lambda **options: RandomMixChoice([RandomCutMix(**options), RandomMixUp(**options)]),
}
mixes = pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)
cutmix = MIXES["cutmix"]


def samples_of(batch):
    return [{key: value[i] for key, value in batch.items()} for i in range(COUNT)]


# --- dense labels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [torch.Tensor.clone, tv_tensors.Mask], ids=["plain", "wrapped"])
@pytest.mark.parametrize("channel", [False, True], ids=["(N, H, W)", "(N, 1, H, W)"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.int32, torch.bool], ids=str)
@pytest.mark.parametrize("key", ["labels", "mask", "Masks", None])
def test_dense_labels_are_pasted_with_the_box_of_the_image(wrap, channel, dtype, key):
    masks = (MASKS[:, None] if channel else MASKS).to(dtype)
    mix = cutmix(per_sample=True)
    batch = (IMAGES, wrap(masks)) if key is None else {"image": IMAGES, key: wrap(masks)}
    images, out = mix(batch) if key is None else mix(batch).values()
    assert (type(out), out.dtype, out.shape) == (type(wrap(masks)), dtype, masks.shape)
    shown = images[:, :1] if channel else images[:, 0]
    assert torch.equal(out.as_subclass(torch.Tensor), shown.to(dtype))
    assert not torch.equal(out.as_subclass(torch.Tensor), masks)


def test_a_class_label_and_a_plain_mask_beside_it():
    batch = {"image": IMAGES, "mask": MASKS, "label": LABELS}
    mix = cutmix(num_classes=CLASSES)
    out = mix(batch)
    assert torch.equal(out["mask"].float(), out["image"][:, 0])
    assert out["label"].shape == (COUNT, CLASSES)
    torch.testing.assert_close(out["label"].argmax(1)[out["label"].amax(1) == 1], LABELS[out["label"].amax(1) == 1])
    several = RandomCutMix(num_classes=CLASSES, labels_getter=lambda sample: (sample[1], sample[2]))
    _, target, masks = several(IMAGES, LABELS, MASKS)
    assert target.shape == (COUNT, CLASSES)
    assert not torch.equal(masks, MASKS)


def test_a_mask_before_the_image_is_not_taken_for_it():
    out = cutmix(num_classes=CLASSES)({"mask": MASKS[:, None], "image": IMAGES, "label": LABELS})
    assert torch.equal(out["mask"].float(), out["image"][:, :1])


def test_float_dense_labels_are_mixed_as_images_are():
    depths = IMAGES[:, 0].clone()
    for mix in (cutmix(opacity=0.5), RandomMixUp(), RandomMixUp(per_sample=True)):
        images, out = mix(IMAGES, depths)
        torch.testing.assert_close(out, images[:, 0])
        assert not torch.equal(out, depths)


def test_blended_dense_labels_are_a_pair_or_an_error():
    with says(ValueError, ["target", "'pair'", "masks", "'soft'"]):
        RandomMixUp()(IMAGES, MASKS)
    _, out = RandomMixUp(target="pair")(IMAGES, MASKS)
    assert isinstance(out, MixedTarget)
    assert torch.equal(out.a, MASKS)


def test_dense_labels_agree_in_three_places():
    batch = {"pixel_values": IMAGES, "labels": MASKS}
    samples = samples_of(batch)
    mix = cutmix()
    for out in (
        mix(batch),
        MixCollate(mix)(samples),
        default_collate(MixCollate(mix, collate_fn=list)(samples)),
        default_collate([MixDataset(samples, mix)[i] for i in range(COUNT)]),
    ):
        assert torch.equal(out["labels"].float(), out["pixel_values"][:, 0])
        assert not torch.equal(out["labels"], MASKS)


# --- what would be left -----------------------------------------------------------------------------------------------

LEFT = {
    "segmentation": {"image": IMAGES, "segmentation": MASKS, "label": LABELS},
    "label_map_deep": {"image": IMAGES, "meta": [{"label_map": MASKS}], "label": LABELS},
    "beside_an_image": {"image": tv_tensors.Image(IMAGES), "plain": IMAGES.clone(), "label": LABELS},
    "smaller_beside_an_image": {"image": tv_tensors.Image(IMAGES), "plain": IMAGES[..., :5], "label": LABELS},
    "depth_before": {"depth": IMAGES[:, :1], "image": IMAGES, "label": LABELS},
    "array": {"image": IMAGES, "depth": IMAGES[:, 0].numpy(), "label": LABELS},
    "mask_third": (IMAGES, LABELS, MASKS),
    "mask_second": (IMAGES, MASKS, LABELS),
    "label_after_a_mask": (IMAGES, tv_tensors.Mask(MASKS), LABELS),
    "label_after_an_image": (tv_tensors.Image(IMAGES), tv_tensors.Image(IMAGES), LABELS),
    "label_after_a_dictionary": (IMAGES, {"mask": tv_tensors.Mask(MASKS)}, LABELS),
    "channels_last": {"image": IMAGES, "seg": torch.rand(COUNT, HEIGHT, WIDTH, 7), "label": LABELS},
    "mask_with_channels_last": {"image": IMAGES, "mask": torch.rand(COUNT, HEIGHT, WIDTH, 7), "label": LABELS},
    "small_depth_before": {"depth": IMAGES[:, :1, :6, :5], "image": IMAGES, "label": LABELS},
    "bytes_of_another_size": {"thumb": IMAGES[..., :6, :5].byte(), "image": IMAGES, "label": LABELS},
    "features_before": {"features": torch.rand(COUNT, 8, 3, 3), "image": IMAGES, "label": LABELS},
    "another_view": {"image": IMAGES, "small": IMAGES[..., :5], "label": LABELS},
}


@mixes
@pytest.mark.parametrize("form", LEFT)
def test_what_fits_the_images_is_an_error_that_names_it(make, form):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"inputs(\[|\.)") as caught:
        make(num_classes=CLASSES)(LEFT[form])
    assert "labels_getter" in str(caught.value)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("form", [form for form in LEFT if isinstance(LEFT[form], dict) and "deep" not in form])
def test_what_fits_the_image_of_a_sample_is_an_error_too(form):
    samples = samples_of(
        {key: torch.as_tensor(value) if isinstance(value, np.ndarray) else value for key, value in LEFT[form].items()}
    )
    samples = [
        {
            key: tv_tensors.Image(value) if isinstance(LEFT[form][key], tv_tensors.Image) else value
            for key, value in sample.items()
        }
        for sample in samples
    ]
    mix = cutmix(num_classes=CLASSES)
    for call in (MixCollate(mix), MixCollate(mix, collate_fn=list), lambda some: MixDataset(some, mix)[0]):
        with pytest.raises(ValueError, match="must not stay as it is"):
            call(samples)


def test_the_label_map_can_be_named_or_wrapped():
    batch = {"image": IMAGES, "seg": MASKS, "label": LABELS}
    named = RandomCutMix(num_classes=CLASSES, ratio=(0.3, 0.6), labels_getter=lambda one: (one["label"], one["seg"]))
    wrapped = cutmix(num_classes=CLASSES)
    for out in (named(batch), wrapped({**batch, "seg": tv_tensors.Mask(MASKS)})):
        assert torch.equal(out["seg"].as_subclass(torch.Tensor).float(), out["image"][:, 0])


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


# --- which tensor is the image ----------------------------------------------------------------------------------------


def test_ids_before_a_gray_image_are_not_blended():
    gray, ids = torch.rand(4, 28, 20), torch.arange(4)
    out = RandomMixUp(num_classes=4)({"id": ids, "image": gray, "label": torch.arange(4)})
    assert out["id"] is ids
    assert not torch.equal(out["image"], gray)


def test_several_tensors_to_blend_are_an_error():
    batch = {"a": torch.rand(4, 5), "b": torch.rand(4, 7), "label": torch.arange(4)}
    with says(ValueError, ["inputs['a']", "inputs['b']", "tv_tensors.Image"]):
        RandomMixUp(num_classes=4)(batch)


@pytest.mark.parametrize("shape", [(4,), (4, 9)])
def test_tokens_are_not_averaged(shape):
    tokens = torch.randint(100, shape)
    with says(TypeError, ["embedded first", "torch.int64"]):
        RandomMixUp(num_classes=4)(tokens, torch.arange(4))


def test_embeddings_are_blended():
    tokens = torch.rand(4, 9, 6)
    out, _ = RandomMixUp(num_classes=4)(tokens, torch.arange(4))
    assert not torch.equal(out, tokens)


@pytest.mark.parametrize("shape", [(4, 17, 11, 3), (4, 17, 11, 1), (4, 2, 17, 11, 3)])
def test_channels_last_axis(shape):
    images = torch.rand(shape)
    for call in (lambda: RandomCutMix(num_classes=4)(images, torch.arange(4)), lambda: RandomCutout()(images)):
        with says(ValueError, ["channels", "v2.ToImage()", str(shape)]):
            call()
    out, _ = RandomMixUp(num_classes=4)(images, torch.arange(4))  # whole images have no height and width
    assert out.shape == shape


def test_several_items_that_could_be_labels_are_an_error():
    for batch in ((IMAGES, torch.arange(COUNT), LABELS), [IMAGES, LABELS, torch.rand(COUNT)]):
        with says(ValueError, ["labels_getter", "inputs[1], inputs[2]"]):
            RandomCutMix(num_classes=CLASSES)(batch)
    _, target, index = RandomCutMix(num_classes=CLASSES)(IMAGES, LABELS, torch.arange(COUNT))  # as in torchvision
    assert target.shape == (COUNT, CLASSES)
    for second in (MASKS, tv_tensors.Mask(MASKS)):
        with says(ValueError, ["labels_getter", "inputs[2]"]):
            RandomCutMix(num_classes=CLASSES)(IMAGES, second, LABELS)
    _, index, target = RandomCutMix(num_classes=CLASSES, labels_getter=2)((IMAGES, torch.arange(COUNT), LABELS))
    assert torch.equal(index, torch.arange(COUNT))
    assert target.shape == (COUNT, CLASSES)
    samples = [(image, i, 3) for i, image in enumerate(IMAGES)]
    with says(ValueError, ["labels_getter", "inputs[1], inputs[2]"]):
        MixCollate(RandomCutMix(num_classes=CLASSES))(samples)


def test_labels_that_are_found_by_name_leave_no_doubt():
    boxes = tv_tensors.BoundingBoxes([[0, 0, 5, 5]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    samples = [(image, {"boxes": boxes, "labels": torch.tensor([i])}, i) for i, image in enumerate(IMAGES)]
    assert [index for _, _, index in MixCollate(RandomCutMix(), collate_fn=list)(samples)] == list(range(COUNT))
    _, out, index = RandomCutMix(num_classes=CLASSES)(IMAGES, {"label": LABELS}, torch.arange(COUNT))
    assert out["label"].shape == (COUNT, CLASSES)
    assert torch.equal(index, torch.arange(COUNT))


# --- labels that look like others -------------------------------------------------------------------------------------


@mixes
@pytest.mark.parametrize(
    "labels",
    [torch.tensor([[3], [7], [0], [9]]), torch.tensor([[0, 1], [1, -100], [0, 0], [1, 1]]), torch.tensor([[2, 0]] * 4)],
    ids=["column", "ignored", "counts"],
)
def test_integer_rows_are_of_zeros_and_ones(make, labels):
    for dtype in (torch.int64, torch.int16):
        with says(ValueError, ["(N, K)", "0 and 1", "(N,)"]):
            make()(IMAGES[:4], labels.to(dtype))


def test_rows_of_zeros_and_ones_are_labels():
    rows = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.uint8)
    assert RandomCutMix()(IMAGES[:4], rows)[1].dtype == torch.float32


NAN_OR_INFINITE = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("value", NAN_OR_INFINITE)
@pytest.mark.parametrize("options", [{"p": 1e-9}, {"p": 0.5, "per_sample": True}, {"p": 0}], ids=str)
@mixes
def test_nothing_of_a_partner_is_in_an_unmixed_target(make, options, value):
    mix = (
        RandomMixChoice([RandomCutMix(**options), RandomMixUp(**options)])
        if make is MIXES["choice"]
        else make(**options)
    )
    for labels in (torch.tensor([1.0, value, 3.0, 4.0]), torch.tensor([[1.0, 2], [value, 1], [3, 1], [4, 1]])):
        images = IMAGES[:4].clone()
        images[1] = value
        for _ in range(5):
            out, targets = mix(images, labels)
            for i in (0, 2, 3):
                same = torch.equal(out[i], images[i])
                assert not same or torch.equal(targets[i], labels[i])


# --- containers -------------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    image: torch.Tensor
    label: torch.Tensor


class Named(dict):
    note = "kept"


class Many(list):
    pass


@dataclasses.dataclass
class Record:
    image: torch.Tensor
    label: torch.Tensor
    note: str = "kept"


@dataclasses.dataclass(frozen=True)
class Frozen:
    image: torch.Tensor
    label: torch.Tensor
    note: str = "kept"


CONTAINERS = {
    "dict": lambda image, label: {"image": image, "label": label},
    "ordered": lambda image, label: OrderedDict(image=image, label=label),
    "user": lambda image, label: UserDict(image=image, label=label),
    "subclass": lambda image, label: Named(image=image, label=label),
    "record": Record,
    "frozen": Frozen,
    "pair": Pair,
    "list": lambda image, label: Many([image, label]),
    "deep": lambda image, label: {"data": UserDict(image=image), "more": [deque([1, 2])], "label": label},
}


def contents(batch):
    if isinstance(batch, dict) and "data" in batch:
        return batch["data"]["image"], batch["label"]
    if isinstance(batch, list):
        return tuple(batch)
    if isinstance(batch, (dict, UserDict)):
        return batch["image"], batch["label"]
    return batch.image, batch.label


@mixes
@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_are_opened_and_rebuilt_as_what_they_were(make, container):
    batch = CONTAINERS[container](IMAGES, LABELS)
    mix = make(num_classes=CLASSES)
    draw = mix.draw(IMAGES)
    out = mix(batch, draw=draw)
    images, targets = contents(out)
    wanted = mix(IMAGES, LABELS, draw=draw)
    assert type(out) is type(batch)
    assert torch.equal(images, wanted[0])
    assert torch.equal(targets, wanted[1])
    assert contents(batch) == (IMAGES, LABELS) or all(
        a is b for a, b in zip(contents(batch), (IMAGES, LABELS), strict=True)
    )
    if container == "deep":
        assert out["more"] is batch["more"]


@pytest.mark.parametrize("container", [name for name in CONTAINERS if name not in ("record", "frozen")])
def test_samples_in_such_containers(container):
    samples = [CONTAINERS[container](image, int(label)) for image, label in zip(IMAGES, LABELS, strict=True)]
    mix = cutmix(num_classes=CLASSES)
    torch.manual_seed(0)
    out = MixCollate(mix)(samples)
    torch.manual_seed(0)
    wanted = MixCollate(mix)([(image, int(label)) for image, label in zip(IMAGES, LABELS, strict=True)])
    images, targets = contents(out)
    assert torch.equal(images, wanted[0])
    assert torch.equal(targets, wanted[1])
    one = MixDataset(samples, mix)[0]
    assert type(one) is type(samples[0])


def test_a_container_that_cannot_be_rebuilt_is_an_error_that_names_it():
    class Odd(tuple):
        def __new__(cls, *, image, label):
            return super().__new__(cls, (image, label))

    with says(TypeError, ["containers", "Odd"]):
        RandomCutMix(num_classes=CLASSES)(Odd(image=IMAGES, label=LABELS))


def test_boxes_in_any_container_follow_the_image():
    boxes = tv_tensors.BoundingBoxes([[0, 0, WIDTH, HEIGHT]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    samples = [
        UserDict(image=image, target=UserDict(boxes=boxes, labels=torch.tensor([i]))) for i, image in enumerate(IMAGES)
    ]
    for sample in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(samples):
        assert isinstance(sample["target"], UserDict)
        assert len(sample["target"]["boxes"]) == len(sample["target"]["labels"]) == 2


# --- instances --------------------------------------------------------------------------------------------------------


def boxes_of(*rows):
    return tv_tensors.BoundingBoxes(torch.tensor(rows, dtype=torch.float32), format="XYXY", canvas_size=(HEIGHT, WIDTH))


def detection(i, **more):
    target = {"boxes": boxes_of([0, 0, WIDTH, HEIGHT], [1, 1, 5, 6]), "labels": torch.tensor([i, i])}
    return IMAGES[i], {**target, **more}


@pytest.mark.parametrize("getter", ["default", lambda sample: (sample[1]["labels"], sample[1]["area"])])
def test_area_is_measured_anew_where_a_box_is_cut(getter):
    samples = [detection(i, area=torch.tensor([100.0, 7.0]), iscrowd=torch.tensor([0, 1])) for i in range(2)]
    mix = RandomCutMix(ratio=(0.4, 0.6), labels_getter=getter)
    for _ in range(20):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            left, top, right, bottom = target["boxes"].as_subclass(torch.Tensor).unbind(1)
            real = (right - left) * (bottom - top)
            assert len(target["area"]) == len(target["iscrowd"]) == len(target["labels"]) == len(real)
            whole = (real == HEIGHT * WIDTH) | (real == 20)  # not cut: as the annotation says
            assert torch.equal(target["area"][~whole], real[~whole])
            assert set(target["area"][whole].tolist()) <= {100.0, 7.0}


def test_area_of_masks_is_their_pixels():
    masks = tv_tensors.Mask(torch.ones(1, HEIGHT, WIDTH, dtype=torch.uint8))
    samples = [
        (
            image,
            {
                "boxes": boxes_of([0, 0, WIDTH, HEIGHT]),
                "masks": masks,
                "labels": torch.tensor([i]),
                "area": torch.tensor([5]),
            },
        )
        for i, image in enumerate(IMAGES)
    ]
    for _, target in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(samples):
        assert target["area"].tolist() == target["masks"].flatten(1).sum(1).tolist()
        assert target["area"].dtype == torch.int64


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


def test_rows_of_two_dtypes_are_promoted():
    scores = [torch.tensor([1, 1]), torch.tensor([0.4, 0.4])]
    samples = [detection(i, scores=scores[i]) for i in range(2)]
    for order in (samples, samples[::-1]):
        _, target = MixCollate(RandomMixUp(), collate_fn=list)(order)[0]
        assert sorted(target["scores"].tolist()) == pytest.approx([0.4, 0.4, 1, 1])


def test_lists_of_numbers_with_one_for_each_instance_are_rows():
    """So torchvision wraps COCO."""
    samples = [detection(i, iscrowd=[0, 1], area=[1.5, 2.5]) for i in range(2)]
    for _, target in MixCollate(RandomMixUp(), collate_fn=list)(samples):
        assert target["iscrowd"].tolist() == [0, 1, 0, 1]
        assert target["area"].tolist() == [1.5, 2.5, 1.5, 2.5]
    _, target = RandomCutout(1.0, inside=True)(samples[0])
    assert len(target["iscrowd"]) == len(target["boxes"]) == 0
    assert samples[0][1]["iscrowd"] == [0, 1]


def test_one_plain_mask_of_an_instance_is_not_taken_for_one_of_the_image():
    target = {"boxes": boxes_of([0, 0, 5, 5]), "labels": torch.tensor([1]), "masks": torch.ones(1, HEIGHT, WIDTH)}
    with says(TypeError, ["masks", "tv_tensors.Mask"]):
        MixCollate(RandomCutMix(), collate_fn=list)([(image, target) for image in IMAGES])


def test_boxes_without_labels():
    samples = [{"image": image, "boxes": boxes_of([0, 0, 5, 5])} for image in IMAGES]
    for sample in MixCollate(RandomCutMix(ratio=(1, 1)), collate_fn=list)(samples):
        assert len(sample["boxes"]) == 1


# --- samples ----------------------------------------------------------------------------------------------------------


def test_a_mask_in_later_samples_only_is_an_error_that_names_it():
    samples = [{"image": image, "label": i} for i, image in enumerate(IMAGES[:4])]
    samples[2]["mask"] = tv_tensors.Mask(MASKS[2])
    for call in (MixCollate(RandomCutMix(num_classes=4)), MixCollate(RandomCutMix(num_classes=4), collate_fn=list)):
        with says(ValueError, ["mask", "2"]):
            call(samples)
    samples = [(image, torch.zeros(3, 4), i) for i, image in enumerate(IMAGES[:4])]
    samples[1] = (IMAGES[1], tv_tensors.Mask(torch.zeros(3, 4)), 1)
    with says(ValueError, ["Tensor", "at index 0", "Mask", "at index 1"]):
        MixCollate(RandomCutMix(num_classes=4, labels_getter=2))(samples)


@pytest.mark.parametrize("target", ["soft", "pair"])
@pytest.mark.parametrize("p", [0, 1])
@mixes
def test_samples_are_never_the_tensors_of_the_dataset(make, target, p):
    samples = [
        {
            "image": IMAGES[i].clone(),
            "mask": tv_tensors.Mask(MASKS[i].clone()),
            "label": torch.eye(CLASSES)[i % CLASSES],
        }
        for i in range(COUNT)
    ]
    if target == "soft":
        samples = [{key: value for key, value in sample.items() if key != "mask"} for sample in samples]
    mix = make(target=target, labels_getter="label")
    mix.p = p
    before = [{key: value.clone() for key, value in sample.items()} for sample in samples]
    data = MixDataset(samples, mix)
    for out in [*MixCollate(mix, collate_fn=list)(samples), *(data[i] for i in range(COUNT))]:
        for value in out.values():
            for tensor in value if isinstance(value, MixedTarget) else [value]:
                tensor.fill_(1)
    for sample, old in zip(samples, before, strict=True):
        assert all(torch.equal(value, old[key]) for key, value in sample.items())


def test_instances_are_never_the_tensors_of_the_dataset():
    samples = [detection(i, area=torch.tensor([1.0, 2.0])) for i in range(2)]
    for mix in (RandomCutMix(p=0), RandomCutMix(ratio=(0, 0)), RandomMixUp(p=0)):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            for value in target.values():
                value.fill_(-1)
    assert samples[0][1]["area"].tolist() == [1, 2]
    assert samples[0][1]["boxes"][1].tolist() == [1, 1, 5, 6]


# --- cutout -----------------------------------------------------------------------------------------------------------


def test_mask_fill_reaches_plain_masks():
    for batch, getter in (
        ({"image": IMAGES, "mask": MASKS}, "default"),
        ({"image": IMAGES, "seg": MASKS}, "seg"),
        ({"image": IMAGES[1], "masks": MASKS[1]}, "default"),
    ):
        cut = RandomCutout(5, fill=-1, mask_fill=99, inside=True, labels_getter=getter)
        images, masks = cut(batch).values()
        assert torch.equal(images[..., 0, :, :] == -1, masks == 99)
        assert (masks == 99).any()
    with says(ValueError, ["inputs['seg']", "tv_tensors.Mask"]):
        RandomCutout(mask_fill=255)({"image": IMAGES, "seg": MASKS})


@pytest.mark.parametrize("fill", [0.5, (0.485, 0.456, 0.406)])
def test_a_fraction_is_no_fill_of_integer_images(fill):
    with says(ValueError, ["fill", "units", "uint8", "255", str(fill)]):
        RandomCutout(fill=fill)(torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8))
    RandomCutout(fill=fill)(torch.zeros(3, HEIGHT, WIDTH))
    with says(ValueError, ["mask_fill", "units"]):
        RandomCutout(mask_fill=0.5)(IMAGES, tv_tensors.Mask(MASKS))


# --- what a beginner meets --------------------------------------------------------------------------------------------

PLACES = "mix(images, labels) in the training loop, or let MixCollate(mix) or MixDataset(dataset, mix)"
FIRST_MISTAKES = [
    (lambda mix: mix([(image, 3) for image in IMAGES]), TypeError, ["collate_fn=MixCollate(mix)", "6 samples"]),
    (lambda mix: mix(IMAGES[0], 0), TypeError, ["labels", "int: 0", PLACES]),
    (lambda mix: mix(IMAGES, [0, 1, 2, 3, 4, 0]), TypeError, ["torch.tensor(labels)"]),
    (lambda mix: mix(IMAGES, ["cat"] * 6), TypeError, ["classes.index(name)", "'cat'"]),
    (lambda mix: mix(tv_tensors.Image(IMAGES[0])), ValueError, ["got only Image", PLACES]),
    (lambda mix: mix(LABELS, IMAGES), ValueError, ["images must be the first argument and labels the second"]),
    (
        lambda mix: mix(IMAGES.movedim(1, -1), LABELS),
        ValueError,
        ["channels before height and width", "movedim(-1, -3)"],
    ),
    (lambda mix: mix(IMAGES[:, 0], LABELS), ValueError, ["batched", "images[:, None]", PLACES]),
    (lambda mix: MixCollate(mix)((IMAGES, LABELS)), TypeError, ["batch that was made before", "batch_size=None"]),
    (
        lambda mix: MixCollate(mix, collate_fn=list)([(IMAGES[0], 1), None]),
        TypeError,
        ["None at index 1", "mix(your_collate"],
    ),
    (lambda mix: MixCollate(mix)([(IMAGES[0], 1), None]), TypeError, ["None at index 1"]),
    (
        lambda mix: MixCollate(mix)([(IMAGES[0], 1), (IMAGES[0, :1], 1)]),
        ValueError,
        ["same channels", "convert('RGB')"],
    ),
    (lambda mix: RandomCutMix()(IMAGES, LABELS), ValueError, ["num_classes", "labels.float()"]),
    (lambda mix: mix({"attention": LABELS}, None), TypeError, ["labels"]),
    (lambda mix: RandomMixChoice([mix], p=0.5), TypeError, ["weights", "choice.p = 0.5", "p=0.5"]),
    (lambda mix: setattr(MixCollate(mix), "mixup_enabled", False), AttributeError, ["mixup_enabled", "p = 0"]),
    (lambda mix: setattr(MixDataset([], mix), "mixup_enabled", False), AttributeError, ["mixup_enabled", "p = 0"]),
    (lambda mix: RandomCutMix(aplha=0.5), TypeError, ["alpha, p, num_classes", "aplha=0.5"]),
    (lambda mix: RandomCutMix(num_classes=2**70), ValueError, ["num_classes", "at most", str(2**70)]),
]


@pytest.mark.parametrize(("call", "kind", "words"), FIRST_MISTAKES)
def test_first_mistakes(call, kind, words):
    with says(kind, words):
        call(RandomCutMix(num_classes=CLASSES))


def test_streams_have_no_partners():
    class Stream(IterableDataset):
        def __len__(self):
            return 3

        def __iter__(self):
            yield from ()

    with says(TypeError, ["map-style", "MixCollate", "Stream"]):
        MixDataset(Stream(), RandomCutMix())


def test_arrays_of_a_batch_are_taken_as_tensors():
    for images in (IMAGES, IMAGES.numpy()):
        out, targets = RandomCutMix(num_classes=CLASSES)(images, LABELS.numpy())
        assert isinstance(out, torch.Tensor)
        assert targets.shape == (COUNT, CLASSES)


@mixes
def test_tensors_of_other_kinds(make):
    mix = make(num_classes=CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer releases of torch are about to drop it
        quantized = torch.quantize_per_tensor(IMAGES, 0.1, 0, torch.quint8)
    for images in (IMAGES.to_sparse(), quantized):
        with says(TypeError, ["images", "dense"]):
            mix(images, LABELS)
    with says(TypeError, ["labels", "dense"]):
        mix(IMAGES, LABELS.to_sparse())
    with says(TypeError, ["vmap"]):
        torch.func.vmap(lambda image: mix(image, LABELS)[0])(IMAGES[None])


@pytest.mark.parametrize("side", [8, 128])
@mixes
def test_lazily_turned_signs(make, side):
    images = torch.fft.fft2(torch.rand(4, 3, side, side)).conj().imag
    mix = make(num_classes=4)
    draw = mix.draw(images)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        found = mix(images, torch.arange(4), draw=draw)[0]
        torch.testing.assert_close(found, mix(images.clone(), torch.arange(4), draw=draw)[0])
        collated = MixCollate(make(num_classes=4))([(image, 1) for image in images])[0]
        assert collated.isfinite().all()
    finally:
        torch.set_num_threads(threads)


def test_collate_functions_that_do_not_stack():
    """As in the examples of transformers; a mix comes after them."""
    samples = [{"pixel_values": image, "labels": int(label)} for image, label in zip(IMAGES, LABELS, strict=True)]

    def of_an_example(some):
        pixels = torch.stack([sample["pixel_values"] for sample in some])
        return {"pixel_values": pixels, "labels": torch.tensor([sample["labels"] for sample in some])}

    for options in ({"num_classes": CLASSES}, {"target": "pair"}):
        mix = RandomCutMix(**options)
        with pytest.raises(TypeError, match=r"must stack their targets.*mix\(your_collate"):
            MixCollate(mix, collate_fn=of_an_example)(samples)
        assert mix(of_an_example(samples))["pixel_values"].shape == IMAGES.shape


# --- what a newcomer stumbled over ------------------------------------------------------------------------------------


def picture(mode="RGB"):
    return PIL.Image.new(mode, (WIDTH, HEIGHT), 7)


@pytest.mark.parametrize("beside", [3, {"label": 3}, tv_tensors.Mask(torch.ones(HEIGHT, WIDTH, dtype=torch.int64))])
def test_mask_fill_beside_a_pil_image(beside):
    cut, _ = RandomCutout(5, inside=True, fill=0, mask_fill=9)(picture(), beside)
    assert cut.getpixel((0, 0)) in ((7, 0, 0), (0, 0, 0))
    assert len(cut.getcolors()) == 2


def test_plain_masks_of_a_tuple_take_mask_fill():
    image, mask = RandomCutout(5, inside=True, fill=-1, mask_fill=9)(IMAGES[1], MASKS[1])
    assert torch.equal(image[0] == -1, mask == 9)


MASKED = {
    "mode": (picture(), picture("L")),
    "key": {"image": picture(), "mask": picture()},
    "key_first": {"mask": picture(), "image": picture()},
}


@pytest.mark.parametrize("sample", MASKED.values(), ids=MASKED)
def test_masks_that_are_pil_images_are_not_cut(sample):
    with says(TypeError, ["tv_tensors.Mask(F.pil_to_tensor(mask))", "PIL image"]):
        RandomCutout()(sample)


NEWCOMER = [
    (
        lambda mix: MixCollate(mix, collate_fn=list)([(IMAGES[0], [{"bbox": [1, 2, 3, 4], "category_id": 1}])] * 2),
        ValueError,
        ["wrap_dataset_for_transforms_v2", "list of dict"],
    ),
    (lambda mix: RandomMixUp(labels_getter=None)(tv_tensors.Image(IMAGES[0])), ValueError, ["batched", "Image"]),
    (lambda mix: mix(IMAGES, LABELS, others=IMAGES), ValueError, ["others must be a second batch", "second argument"]),
    (
        lambda mix: MixDataset([(IMAGES[0], 1)], RandomCutMix(num_classes=5, ratio=(1, 1)), partners=[IMAGES[1]])[0],
        ValueError,
        ["partners must hold samples of the same form"],
    ),
    (lambda mix: mix({"image": IMAGES, "mask": MASKS[:, ::2]}), ValueError, ["inputs['mask']", "height and width"]),
    (lambda mix: RandomMixUp(num_classes=5)(IMAGES[0], torch.tensor(3)), ValueError, ["batch size", "MixCollate(mix)"]),
    (lambda mix: mix(IMAGES, (0, 1, 2, 3, 4, 0)), TypeError, ["torch.tensor(labels)", "tuple"]),
    (lambda mix: setattr(MixCollate(mix), "p", 0), AttributeError, ["transform.p", "0"]),
    (lambda mix: setattr(MixDataset([], mix), "p", 0), AttributeError, ["transform.p", "0"]),
    (lambda mix: RandomMixChoice([mix, mix], [2, 1]), TypeError, ["by name", "weights=", "[2, 1]"]),
    (lambda mix: RandomCutMix(10), TypeError, ["by name", "alpha=", "10"]),
]


@pytest.mark.parametrize(("call", "kind", "words"), NEWCOMER)
def test_what_a_newcomer_tried(call, kind, words):
    with pytest.raises(kind) as error:
        call(RandomCutMix(num_classes=CLASSES))
    assert not [word for word in words if word not in str(error.value)], error.value


def test_soft_partners_of_class_indices():
    soft = [(image, torch.full((CLASSES,), 0.2)) for image in IMAGES]
    data = MixDataset([(IMAGES[0], 1)], RandomMixUp(num_classes=CLASSES), partners=soft)
    assert data[0][1].sum() == pytest.approx(1)


@pytest.mark.parametrize("options", [{"p": 1e-9}, {"p": 0.3, "per_sample": True}])
@mixes
def test_pairs_of_what_is_not_mixed_hold_nothing_of_a_partner(make, options):
    labels = torch.tensor([1.0, float("nan"), 3.0, 4.0])
    children = {"target": "pair", **options}
    for _ in range(5):
        for mix in (make(**children), RandomMixUp(**children)):
            batch = list(zip(IMAGES[:4], labels, strict=True))
            pairs = [mix(IMAGES[:4], labels)[1], MixCollate(mix)(batch)[1]]
            for pair in pairs:
                unmixed = pair.lam == 1
                torch.testing.assert_close(pair.b[unmixed], labels[unmixed], equal_nan=True)


@pytest.mark.parametrize(
    "leaf",
    [
        np.datetime64("2020-01-01"),
        2**70,
        np.bytes_(b"a"),
        np.arange(5)[::-1],
        np.arange(5, dtype=">i4"),
        np.longdouble(3),
        np.zeros(2, dtype=[("a", "i4")]),
    ],
    ids=str,
)
def test_leaves_of_any_kind_pass_through(leaf):
    samples = [{"image": image, "label": int(label), "z": leaf} for image, label in zip(IMAGES, LABELS, strict=True)]
    mix = RandomCutMix(num_classes=CLASSES)
    assert MixDataset(samples, mix)[0]["z"] is leaf
    assert MixCollate(mix, collate_fn=list)(samples)[1]["z"] is leaf
    assert mix({"image": IMAGES, "label": LABELS, "z": leaf})["z"] is leaf


def test_arrays_that_are_flipped_read_only_or_of_another_byte_order():
    flipped, labels = IMAGES.numpy()[..., ::-1], LABELS.numpy().astype(">i8")
    labels.flags.writeable = False
    mix = RandomCutMix(num_classes=CLASSES)
    draw = mix.draw(IMAGES)
    images, targets = mix(flipped, labels, draw=draw)
    wanted = mix(torch.from_numpy(flipped.copy()), LABELS, draw=draw)
    assert torch.equal(images, wanted[0])
    assert torch.equal(targets, wanted[1])


def test_dense_labels_compile():
    for batch in ((IMAGES, MASKS), {"image": IMAGES, "mask": MASKS, "label": LABELS}):
        num_classes = CLASSES if isinstance(batch, dict) else None
        mix = RandomCutMix(num_classes=num_classes, ratio=(0.3, 0.6))
        out = torch.compile(mix, fullgraph=True, backend="eager")(batch)
        images, masks = (out["image"], out["mask"]) if num_classes else out
        assert torch.equal(masks.float(), images[:, 0])


def test_several_plain_images_in_cutout_are_an_error():
    with says(ValueError, ["tv_tensors.Image", "inputs[1]"]):
        RandomCutout(4)(IMAGES, IMAGES.clone(), LABELS)
