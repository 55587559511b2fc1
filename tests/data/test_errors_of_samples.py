"""Bad input where samples are mixed: structures beside images, ``MixCollate`` and ``MixDataset``."""

import numpy as np
import PIL.Image
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, says
from torch.utils.data import IterableDataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import MixCollate, MixDataset, RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp

MIXES = (RandomCutMix, RandomMixUp)
IMAGES, LABELS = torch.rand(6, 3, HEIGHT, WIDTH), torch.tensor([0, 1, 2, 3, 4, 0])
SIZE = (HEIGHT, WIDTH)


def boxes_of(count, kind="XYXY", canvas=SIZE):
    return tv_tensors.BoundingBoxes(torch.ones(count, 4), format=kind, canvas_size=canvas)


def masks_of(*shape):
    return tv_tensors.Mask(torch.zeros(*shape, dtype=torch.uint8))


def points_of(*shape, canvas=SIZE):
    return tv_tensors.KeyPoints(torch.ones(*shape), canvas_size=canvas)


@pytest.mark.parametrize("make", MIXES)
@pytest.mark.parametrize(
    ("leaf", "kind", "words"),
    [
        (masks_of(6, 9, 9), ValueError, ["masks", "(6, 9, 9)", "(6, 3, 17, 11)"]),
        (masks_of(5, *SIZE), ValueError, ["masks", "(5, 17, 11)"]),
        (masks_of(*SIZE), ValueError, ["masks", "(17, 11)"]),
        (boxes_of(6), TypeError, ["BoundingBoxes", "MixCollate", "MixDataset"]),
        (points_of(6, 2), TypeError, ["KeyPoints", "MixCollate", "MixDataset"]),
    ],
)
def test_structures_of_a_batch(make, leaf, kind, words):
    with says(kind, words):
        make(num_classes=5, target="pair")(IMAGES, {"labels": LABELS, "x": leaf})


INSTANCE_LABELS = torch.zeros(3, dtype=torch.int64)
NO_BOXES = tv_tensors.BoundingBoxes(torch.empty(0), format="XYXY", canvas_size=SIZE)
ROTATED = tv_tensors.BoundingBoxes(torch.ones(3, 5), format="CXCYWHR", canvas_size=SIZE)


@pytest.mark.parametrize("make", [*MIXES, RandomCutout])
@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        ({"boxes": ROTATED}, ValueError, ["boxes", "rotated", "CXCYWHR"]),
        ({"boxes": NO_BOXES}, ValueError, ["boxes", "(n, 4)", "(0, 4)", "(1, 0)"]),
        ({"boxes": boxes_of(3, canvas=(9, 9))}, ValueError, ["canvas_size", "(17, 11)", "(9, 9)"]),
        ({"boxes": boxes_of(3), "masks": masks_of(3, 9, 9)}, ValueError, ["masks", "(17, 11)", "(3, 9, 9)"]),
        ({"boxes": boxes_of(3), "masks": masks_of(2, *SIZE)}, ValueError, ["aligned", "3", "'masks'", "(2, 17, 11)"]),
        ({"boxes": boxes_of(2)}, ValueError, ["aligned", "2", "'labels'", "(3,)"]),
        ({"boxes": boxes_of(3), "keypoints": points_of(2, 4, 2)}, ValueError, ["aligned", "'keypoints'", "(2, 4, 2)"]),
        ({"keypoints": points_of(1, 3, 4, 2)}, ValueError, ["keypoints", "(1, 3, 4, 2)"]),
        ({"boxes": boxes_of(3), "keypoints": points_of(3, 4, 2, canvas=(1, 2))}, ValueError, ["canvas_size", "(1, 2)"]),
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


@pytest.mark.parametrize("make", MIXES)
@pytest.mark.parametrize(
    ("name", "leaf", "kind"),
    [
        ("boxes", torch.ones(3, 4), "BoundingBoxes"),
        ("masks", torch.ones(3, *SIZE), "Mask"),
        ("keypoints", torch.ones(3, 4, 2), "KeyPoints"),
    ],
)
def test_structures_that_are_plain_tensors(make, name, leaf, kind):
    sample = torch.rand(3, *SIZE), {"labels": INSTANCE_LABELS, name: leaf}
    with says(TypeError, [name, kind, str(tuple(leaf.shape))]):
        MixCollate(make(), collate_fn=list)([sample] * 2)
    with says(TypeError, [name, kind]):
        make(num_classes=5)(IMAGES, {"labels": LABELS, name: leaf})
    with says(TypeError, [name, kind]):
        RandomCutout()(sample)


def test_options_that_do_not_go_with_structures():
    masks = masks_of(6, *SIZE)
    for mix in (RandomMixUp(), RandomCutMix(opacity=0.5), RandomMixChoice([RandomCutMix(), RandomMixUp()])):
        with says(ValueError, ["target", "'pair'", "mask", "'soft'"]):
            mix(IMAGES, masks)
    sample = torch.rand(3, *SIZE), {"labels": INSTANCE_LABELS, "boxes": boxes_of(3)}
    with says(ValueError, ["opacity", "1", "(0.2, 0.5)"]):
        MixCollate(RandomCutMix(opacity=(0.2, 0.5)), collate_fn=list)([sample] * 2)
    with says(ValueError, ["dictionary", "weights", "tuple"]):
        MixCollate(RandomMixUp(), collate_fn=list)([(sample[0], boxes_of(3))] * 2)
    with says(ValueError, ["labels_getter", "BoundingBoxes"]):
        MixCollate(RandomCutMix(), collate_fn=list)([(sample[0], boxes_of(3), INSTANCE_LABELS)] * 2)
    with says(ValueError, ["one row", "'labels'", "list"]):
        MixCollate(RandomCutMix(num_classes=5), collate_fn=list)(
            [(sample[0], {**sample[1], "labels": [*INSTANCE_LABELS]})] * 2
        )
    with says(ValueError, ["weights", "3"]):
        MixCollate(RandomMixUp(), collate_fn=list)([(sample[0], {**sample[1], "weights": 0.5})] * 2)
    with says(ValueError, ["min_visibility", "0.1", "0.3"]):
        RandomMixChoice([RandomCutMix(min_visibility=0.1), RandomMixUp(), RandomCutMix(min_visibility=0.3)])
    for target in (sample[1], {"labels": INSTANCE_LABELS, "masks": masks_of(3, *SIZE)}):
        with says(TypeError, ["collate_fn", "default_collate"]):
            MixCollate(RandomCutMix())([(sample[0], target)] * 2)
    with says(TypeError, ["single samples", "batch"]):
        RandomCutout()(IMAGES, {"labels": LABELS, "boxes": boxes_of(6)})


@pytest.mark.parametrize("make", MIXES)
def test_instances_that_differ(make):
    image = torch.rand(3, *SIZE)
    base = {"labels": INSTANCE_LABELS, "boxes": boxes_of(3)}
    for other in (
        {**base, "masks": masks_of(3, *SIZE)},
        {"labels": torch.zeros(3, 2), "boxes": boxes_of(3)},
        {"labels": torch.tensor(0)},
    ):
        with says(ValueError, ["samples", "(3,)"] if len(other) > 1 else ["num_classes"]):
            MixCollate(make(), collate_fn=list)([(image, base), (image, other)])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("make", [*MIXES, RandomCutout])
def test_what_seems_to_belong_to_instances_is_named_once(make, count):
    target = {
        "labels": INSTANCE_LABELS,
        "boxes": boxes_of(3),
        "depths": torch.rand(3),
        "names": ["a", "b", "c"],
        "x": 3,
    }
    if count == 1:
        target = {"labels": INSTANCE_LABELS[:1], "boxes": boxes_of(1), "depths": torch.rand(1), "names": ["a"]}
        target["image_id"] = torch.tensor([7])
    sample, mix = (torch.rand(3, *SIZE), target), make()
    call = mix if make is RandomCutout else lambda one: MixCollate(mix, collate_fn=list)([one] * 2)
    with pytest.warns(UserWarning, match="labels_getter") as caught:
        _ = [call(sample) for _ in range(2)]
    assert [[key for key in ("'depths'", "'names'") if key in str(one.message)] for one in caught] == [
        ["'depths'"],
        ["'names'"],
    ]


def test_places():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    mix, data = RandomCutMix(num_classes=5), [(IMAGES[0], 0), (IMAGES[1], 1)]
    with says(TypeError, ["transform", "callable", "3"]):
        MixCollate(3)
    with says(TypeError, ["transform", "instance", "class", "RandomCutMix"]):
        MixCollate(RandomCutMix)
    with says(TypeError, ["transform"]):
        MixCollate()
    with says(TypeError, ["positional"]):
        MixCollate(mix, list)
    with says(TypeError, ["collate_fn", "callable", "None"]):
        MixCollate(mix, collate_fn=None)
    with says(TypeError, ["transform", "mix", "CutMix(alpha=1.0"]):
        MixDataset(data, v2.CutMix(num_classes=5))
    with says(TypeError, ["dataset", "map-style", "RandomCutMix"]):
        MixDataset(mix, data)
    with says(TypeError, ["dataset", "map-style", "NoneType"]):
        MixDataset(None, mix)
    with says(TypeError, ["positional"]):
        MixDataset(data, mix, 2)
    with says(TypeError, ["collate_fn", "callable", "'stack'"]):
        MixCollate(mix, collate_fn="stack")
    with says(TypeError, ["transform", "mix", "RandomCutout"]):
        MixDataset(data, RandomCutout())
    with says(TypeError, ["dataset", "map-style", "Stream"]):
        MixDataset(Stream(), mix)
    with says(ValueError, ["labels", "[0, num_classes=5)", "7"]):
        MixDataset([(IMAGES[0], 7)] * 2, mix)[0]
    with says(ValueError, ["labels", "[0, num_classes=5)", "7"]):
        MixCollate(mix)([(IMAGES[0], 7)] * 2)


@pytest.mark.parametrize("make", MIXES)
@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([(IMAGES[0], 0), (IMAGES[1, :1], 1)], ["channels", "(3, 17, 11)", "(1, 17, 11)"]),
        ([(IMAGES[0], 0), (IMAGES[1].half(), 1)], ["dtypes"]),
        ([(IMAGES[0], torch.eye(5)[0]), (IMAGES[1], torch.eye(4)[0])], ["classes", "(5,)", "(4,)"]),
    ],
)
def test_samples_that_differ(make, samples, words):
    options = {"num_classes": 5} if isinstance(samples[0][1], int) else {}
    with says(ValueError, ["samples", *words]):
        MixCollate(make(**options), collate_fn=list)(samples)
    with pytest.raises(ValueError, match="samples must hold images, masks, boxes and labels of the same number"):
        [MixDataset(samples, make(**options))[0] for _ in range(20)]


@pytest.mark.parametrize("make", MIXES)
def test_collating_what_cannot_be_stacked(make):
    collate = MixCollate(make(num_classes=5))
    rule = "samples must hold tensors, arrays, numbers, strings, dictionaries or sequences to be stacked"
    with says(TypeError, [f"{rule}, got (Tensor, int, object)"]):
        collate([(IMAGES[0], 0, object()), (IMAGES[1], 1, object())])
    with says(ValueError, ["(3, 17, 11)", "(3, 17, 9)", "a collate_fn that takes samples of unequal size"]):
        collate([(IMAGES[0], 0), (IMAGES[1, ..., :9], 1)])
    picture = PIL.Image.new("RGB", (4, 4))
    with says(TypeError, ["v2.ToImage()", "PIL"]):
        collate([(picture, 0), (picture, 1)])
    with says(TypeError, ["v2.ToImage()", "PIL"]):
        MixDataset([(picture, 0)] * 2, make(num_classes=5))[0]


SAMPLE = (IMAGES[0], 3)
NO_LIST = [(None, "NoneType"), (3, "int: 3"), ("ab", "'ab'"), (iter([SAMPLE]), "list_iterator"), ({0: SAMPLE}, "dict")]


@pytest.mark.parametrize("make", [MixCollate, lambda mix: MixCollate(mix, collate_fn=list)], ids=["default", "own"])
def test_collating_what_is_no_list_of_samples(make):
    collate = make(RandomCutMix(num_classes=5))
    for samples, name in [*NO_LIST, (IMAGES, "float32 of shape (6, 3, 17, 11)")]:
        with says(TypeError, ["samples", "list", name]):
            collate(samples)
    for samples in ([], ()):
        with says(ValueError, ["samples", "at least one", str(samples)]):
            collate(samples)
    with says(TypeError, ["positional"]):
        collate([SAMPLE], 1)


def test_stacking_nothing():
    with says(ValueError, ["samples", "at least one", "[]"]):
        MixCollate(v2.Identity())([])


@pytest.mark.parametrize("transform", [RandomCutMix(num_classes=5), v2.Identity()], ids=["mix", "another"])
@pytest.mark.parametrize(
    ("samples", "kind", "words"),
    [
        ([SAMPLE, SAMPLE[:1]], ValueError, ["(Tensor, int) at index 0", "(Tensor) at index 1"]),
        ([SAMPLE, SAMPLE[0]], ValueError, ["(Tensor, int) at index 0", "Tensor at index 1"]),
        ([SAMPLE, SAMPLE, (IMAGES[0], "cat")], ValueError, ["(Tensor, int) at index 0", "(Tensor, str) at index 2"]),
        ([SAMPLE, (IMAGES[0], None)], ValueError, ["(Tensor, int) at index 0", "(Tensor, NoneType) at index 1"]),
        ([SAMPLE, {"image": IMAGES[0], "label": 3}], ValueError, ["(Tensor, int)", "{'image': Tensor, 'label': int}"]),
        ([{"a": 1, "b": 2}, {"a": 1, "c": 2}], ValueError, ["{'a': int, 'b': int}", "{'a': int, 'c': int} at index 1"]),
        ([(IMAGES[0], [0, 1]), (IMAGES[1], [0])], ValueError, ["(Tensor, (int, int))", "(Tensor, (int)) at index 1"]),
        ([(IMAGES[0], None)] * 2, TypeError, ["samples must hold tensors", "(Tensor, NoneType)"]),
        ([(IMAGES[0], None)], TypeError, ["samples must hold tensors", "(Tensor, NoneType)"]),
        ([(IMAGES[0], object())] * 2, TypeError, ["samples must hold tensors", "(Tensor, object)"]),
        ([(IMAGES[0], LABELS[:1]), (IMAGES[1], LABELS[:2])], ValueError, ["one shape", "(1,), (2,)"]),
    ],
)
def test_stacking_samples_of_several_forms(transform, samples, kind, words):
    with says(kind, ["must", "stacked", *words]):
        MixCollate(transform)(samples)


@pytest.mark.parametrize(
    ("sample", "options", "kind", "words"),
    [
        (IMAGES[0], {}, ValueError, ["labels", "second argument", "Tensor"]),
        ((IMAGES[0],), {}, ValueError, ["labels", "second argument", "Tensor"]),
        ((IMAGES[0], "cat"), {}, TypeError, ["labels", "tensor", "'cat'"]),
        ((IMAGES[0], 5), {}, ValueError, ["labels", "[0, num_classes=5)", "5"]),
        ((IMAGES[0], 0.5), {}, ValueError, ["num_classes", "None", "float", "5"]),
        ((IMAGES[0], True), {}, TypeError, ["labels", "integer", "bool"]),
        ((IMAGES[0], LABELS[:1]), {}, ValueError, ["labels", "num_classes = 5", "1)"]),
        ((IMAGES[0], 3), {"num_classes": None}, ValueError, ["num_classes", "given", "None"]),
        ((3, IMAGES[0]), {}, ValueError, ["must be", "(N,", "got"]),
        (({"image": IMAGES[0], "y": 3}), {}, ValueError, ["'labels'", "none of them", "['image', 'y']"]),
        ((IMAGES[0, 0], 3), {}, ValueError, ["images", "batched", "17, 11)"]),
    ],
)
def test_samples_that_cannot_be_mixed(sample, options, kind, words):
    mix = RandomCutMix(**{"num_classes": 5, **options})
    with says(kind, words):
        MixCollate(mix)([sample] * 2)
    with says(kind, words):
        MixCollate(mix, collate_fn=list)([sample] * 2)
    with says(kind, words):
        MixDataset([sample] * 2, mix)[0]


class PartnerIsBad(list):
    """Samples of which only the first can be mixed."""

    def __getitem__(self, i):
        return super().__getitem__(0) if i == 0 else self[0][:1]


def test_a_partner_that_cannot_be_mixed():
    data = MixDataset(PartnerIsBad([SAMPLE] * 3), RandomMixUp(num_classes=5))
    with pytest.raises(ValueError, match="labels must be the second argument"):
        data[0]


@pytest.mark.parametrize(
    ("index", "kind", "words"),
    [
        (1.0, TypeError, ["index", "integer", "float: 1.0"]),
        ("1", TypeError, ["index", "integer", "'1'"]),
        (None, TypeError, ["index", "integer", "NoneType"]),
        (slice(0, 2), TypeError, ["index", "integer", "slice(0, 2, None)"]),
        ([0, 1], TypeError, ["index", "integer", "[0, 1]"]),
        ((0, 1), TypeError, ["index", "integer", "(0, 1)"]),
        (torch.tensor([0, 1]), TypeError, ["index", "integer", "int64 of shape (2,)"]),
        (torch.tensor(1.0), TypeError, ["index", "integer", "tensor(1.)"]),
        (2, IndexError, ["index", "[-2, 2)", "2"]),
        (-3, IndexError, ["index", "[-2, 2)", "-3"]),
    ],
)
def test_indices(index, kind, words):
    data = MixDataset([SAMPLE] * 2, RandomCutMix(num_classes=5))
    with says(kind, words):
        data[index]


def test_data_sets_without_samples_or_that_lose_some():
    mix, samples = RandomMixUp(num_classes=5), [SAMPLE] * 3
    with says(IndexError, ["index", "[0, 0)", "0"]):
        MixDataset([], mix)[0]
    data = MixDataset(samples, mix)
    assert data[2][1].shape == (5,)
    del samples[1:]
    with says(IndexError, ["index", "[-1, 1)", "2"]):
        data[2]
    image, target = data[0]  # nobody is left to be mixed with
    assert torch.equal(image, SAMPLE[0])
    assert target.tolist() == [0, 0, 0, 1, 0]


def test_numbers_of_numpy_are_indices():
    data = MixDataset([SAMPLE] * 3, RandomMixUp(num_classes=5, p=0))
    assert torch.equal(data[np.int64(1)][0], data[torch.tensor(1)][0])
