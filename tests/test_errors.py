"""Bad input: an error that names the argument, the rule and the value received; nothing drawn, nothing changed."""

import PIL.Image
import pytest
import torch
from helpers import HEIGHT, WIDTH, says
from torch.utils.data import IterableDataset
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

NAN, INF = float("nan"), float("inf")
MIXES = (RandomCutMix, RandomMixUp)

SHARED_OPTIONS = [
    ({"alpha": 0}, ValueError, ["alpha", "positive", "p=0", "0"]),
    ({"alpha": -1.5}, ValueError, ["alpha", "positive", "-1.5"]),
    ({"alpha": NAN}, ValueError, ["alpha", "nan"]),
    ({"alpha": INF}, ValueError, ["alpha", "inf"]),
    ({"alpha": "1"}, TypeError, ["alpha", "'1'"]),
    ({"alpha": None}, TypeError, ["alpha", "None"]),
    ({"p": -0.1}, ValueError, ["p", "from 0 to 1", "-0.1"]),
    ({"p": 1.01}, ValueError, ["p", "from 0 to 1", "1.01"]),
    ({"p": NAN}, ValueError, ["p", "nan"]),
    ({"p": "half"}, TypeError, ["p", "'half'"]),
    ({"num_classes": 0}, ValueError, ["num_classes", "at least 1", "0"]),
    ({"num_classes": 10.0}, TypeError, ["num_classes", "integer", "10.0"]),
    ({"num_classes": True}, TypeError, ["num_classes", "True"]),
    ({"num_classes": (3, -1)}, ValueError, ["num_classes", "-1"]),
    ({"num_classes": "10"}, TypeError, ["num_classes", "'10'"]),
    ({"target": "hard"}, ValueError, ["target", "'soft'", "'pair'", "'hard'"]),
    ({"label_smoothing": 1}, ValueError, ["label_smoothing", "[0, 1)", "1"]),
    ({"label_smoothing": -0.1}, ValueError, ["label_smoothing", "-0.1"]),
    ({"label_smoothing": 0.1, "target": "pair"}, ValueError, ["label_smoothing", "pair", "0.1"]),
    ({"labels_getter": 1.5}, TypeError, ["labels_getter", "1.5"]),
    ({"generator": 3}, TypeError, ["generator", "3"]),
    ({"aplha": 0.2}, TypeError, ["aplha"]),
]
CUTMIX_OPTIONS = [
    ({"ratio": (0.5, 0.2)}, ValueError, ["ratio", "low <= high", "(0.5, 0.2)"]),
    ({"ratio": (-0.1, 0.2)}, ValueError, ["ratio", "-0.1"]),
    ({"ratio": (0.1, 1.2)}, ValueError, ["ratio", "1.2"]),
    ({"ratio": 0.5}, TypeError, ["ratio", "0.5"]),
    ({"ratio": (0.1, 0.2, 0.3)}, TypeError, ["ratio", "(0.1, 0.2, 0.3)"]),
    ({"ratio": (0.1, 0.3), "majority": True}, ValueError, ["majority", "ratio", "True"]),
    ({"opacity": 1.5}, ValueError, ["opacity", "1.5"]),
    ({"opacity": (0.9, 0.1)}, ValueError, ["opacity", "(0.9, 0.1)"]),
    ({"opacity": "full"}, TypeError, ["opacity", "'full'"]),
    ({"min_visibility": 1}, ValueError, ["min_visibility", "1"]),
    ({"min_visibility": -0.5}, ValueError, ["min_visibility", "-0.5"]),
]
CUTOUT_OPTIONS = [
    ({"size": 0}, ValueError, ["size", "at least 1", "0"]),
    ({"size": -3}, ValueError, ["size", "-3"]),
    ({"size": 0.0}, ValueError, ["size", "0.0"]),
    ({"size": 1.5}, ValueError, ["size", "up to 1.0", "1.5"]),
    ({"size": (5, 3)}, ValueError, ["size", "(5, 3)"]),
    ({"size": (1, 0.5)}, ValueError, ["size", "(1, 0.5)"]),
    ({"size": (1, 2, 3)}, TypeError, ["size", "(1, 2, 3)"]),
    ({"size": "8"}, TypeError, ["size", "'8'"]),
    ({"size": True}, TypeError, ["size", "True"]),
    ({"holes": 0}, ValueError, ["holes", "at least 1", "0"]),
    ({"holes": 1.0}, TypeError, ["holes", "1.0"]),
    ({"fill": "noise"}, ValueError, ["fill", "'random'", "'mean'", "'noise'"]),
    ({"fill": None}, TypeError, ["fill", "None"]),
    ({"fill": ()}, ValueError, ["fill", "()"]),
    ({"fill": NAN}, ValueError, ["fill", "nan"]),
    ({"mask_fill": "0"}, TypeError, ["mask_fill", "'0'"]),
    ({"p": 2}, ValueError, ["p", "2"]),
    ({"min_visibility": 2}, ValueError, ["min_visibility", "2"]),
    ({"hole": 2}, TypeError, ["hole"]),
]
OPTIONS = [(mix, *case) for mix in MIXES for case in SHARED_OPTIONS]
OPTIONS += [(RandomCutMix, *case) for case in CUTMIX_OPTIONS] + [(RandomCutout, *case) for case in CUTOUT_OPTIONS]


@pytest.mark.parametrize(("make", "options", "kind", "words"), OPTIONS)
def test_options(make, options, kind, words):
    with says(kind, words):
        make(**options)


@pytest.mark.parametrize(
    ("transforms", "options", "kind", "words"),
    [
        ([], {}, ValueError, ["transforms", "at least one", "[]"]),
        ([RandomCutout()], {}, TypeError, ["transforms", "RandomCutout"]),
        (RandomMixUp(), {}, TypeError, ["transforms", "sequence", "RandomMixUp"]),
        ([RandomMixUp(), RandomCutMix()], {"weights": [1]}, ValueError, ["weights", "2", "[1]"]),
        ([RandomMixUp(), RandomCutMix()], {"weights": []}, ValueError, ["weights", "[]"]),
        ([RandomMixUp(), RandomCutMix()], {"weights": [0, 0]}, ValueError, ["weights", "zero", "[0, 0]"]),
        ([RandomMixUp(), RandomCutMix()], {"weights": [-1, 2]}, ValueError, ["weights", "-1"]),
        ([RandomMixUp(), RandomCutMix()], {"weights": 3}, TypeError, ["weights", "3"]),
        ([RandomMixUp(num_classes=3), RandomCutMix()], {}, ValueError, ["num_classes", "3", "None"]),
        ([RandomMixUp(target="pair"), RandomCutMix()], {}, ValueError, ["target", "pair", "soft"]),
        ([RandomMixUp(label_smoothing=0.1), RandomCutMix()], {}, ValueError, ["label_smoothing", "0.1", "0.0"]),
        ([RandomMixUp(labels_getter="y"), RandomCutMix()], {}, ValueError, ["labels_getter", "y", "default"]),
    ],
)
def test_choices(transforms, options, kind, words):
    with says(kind, words):
        RandomMixChoice(transforms, **options)


IMAGES, LABELS = torch.rand(6, 3, HEIGHT, WIDTH), torch.tensor([0, 1, 2, 3, 4, 0])
CALLS = [
    # labels
    ((IMAGES, LABELS), {}, ValueError, ["num_classes", "(6,)", "None"]),
    ((IMAGES, LABELS), {"num_classes": 4}, ValueError, ["labels", "[0, num_classes=4)", "4", "index 4"]),
    ((IMAGES, LABELS - 1), {"num_classes": 5}, ValueError, ["labels", "-1", "index 0"]),
    ((IMAGES, LABELS[:4]), {"num_classes": 5}, ValueError, ["batch size", "(6, 3, 17, 11)", "(4,)"]),
    ((IMAGES, torch.tensor(3)), {"num_classes": 5}, ValueError, ["batch size", "()"]),
    ((IMAGES, torch.rand(6, 4)), {"num_classes": 5}, ValueError, ["labels", "num_classes = 5", "(6, 4)"]),
    ((IMAGES, torch.rand(6)), {"num_classes": 5}, ValueError, ["num_classes", "None", "float", "5"]),
    ((IMAGES, torch.rand(6, 4, 2)), {}, ValueError, ["labels", "(N, K)", "(6, 4, 2)"]),
    ((IMAGES, LABELS > 2), {"num_classes": 2}, TypeError, ["labels", "torch.bool", "long()"]),
    ((IMAGES, [0, 1, 2, 3, 4, 0]), {"num_classes": 5}, TypeError, ["labels", "tensor", "int"]),
    ((IMAGES, None), {"num_classes": 5}, TypeError, ["labels", "NoneType"]),
    ((IMAGES, "cat"), {"num_classes": 5}, TypeError, ["labels", "'cat'"]),
    ((IMAGES, MixedTarget(LABELS, LABELS, LABELS / 5)), {}, TypeError, ["labels", "mixed already", "MixedTarget"]),
    ((IMAGES, (LABELS, LABELS)), {"num_classes": (5, 5, 5)}, ValueError, ["num_classes", "2", "(5, 5, 5)"]),
    # no labels found
    ((IMAGES,), {"num_classes": 5}, ValueError, ["labels", "second argument", "labels_getter", "Tensor"]),
    (((IMAGES,),), {"num_classes": 5}, ValueError, ["labels", "item 1", "1 item"]),
    (
        ({"image": IMAGES, "y": LABELS},),
        {"num_classes": 5},
        ValueError,
        ["'labels'", "'target'", "none of them", "'image', 'y'"],
    ),
    (
        (IMAGES, {"label": LABELS, "Targets": LABELS}),
        {"num_classes": 5},
        ValueError,
        ["exactly one", "'label', 'Targets'"],
    ),
    (({"image": IMAGES, "y": LABELS},), {"labels_getter": "z"}, ValueError, ["'z'", "none of them", "'image', 'y'"]),
    ((IMAGES, LABELS), {"labels_getter": 2}, ValueError, ["item 2", "2 item"]),
    (
        (IMAGES, LABELS),
        {"labels_getter": lambda inputs: inputs[1] + 0, "num_classes": 5},
        ValueError,
        ["labels_getter", "input itself"],
    ),
    # images
    ((IMAGES[:, :2], (torch.rand(6, 3, 4),)), {}, ValueError, ["labels", "(6, 3, 4)"]),
    (("image", "label"), {"labels_getter": None}, TypeError, ["image", "str"]),
    ((PIL.Image.new("RGB", (4, 4)), LABELS), {"num_classes": 5}, TypeError, ["v2.ToImage()", "PIL"]),
    (([PIL.Image.new("RGB", (4, 4))] * 6, LABELS), {"num_classes": 5}, TypeError, ["v2.ToImage()", "PIL"]),
    (
        ({"a": tv_tensors.Image(IMAGES), "b": tv_tensors.Image(IMAGES[..., :5]), "label": LABELS},),
        {"num_classes": 5},
        ValueError,
        ["one size", "(6, 3, 17, 11)", "(6, 3, 17, 5)"],
    ),
    (
        ({"a": tv_tensors.Image(IMAGES), "b": tv_tensors.Image(IMAGES[:3]), "label": LABELS},),
        {"num_classes": 5},
        ValueError,
        ["batch size", "(3, 3, 17, 11)"],
    ),
]


@pytest.mark.parametrize("make", MIXES)
@pytest.mark.parametrize(("inputs", "options", "kind", "words"), CALLS)
def test_calls(make, inputs, options, kind, words):
    before = IMAGES.clone(), LABELS.clone()
    with says(kind, words):
        make(**options)(*inputs)
    assert torch.equal(IMAGES, before[0])
    assert torch.equal(LABELS, before[1])


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES[0], ["batched", "(3, 17, 11)"]),
        (IMAGES[0, 0], ["batched", "(17, 11)"]),
        (tv_tensors.Video(IMAGES), ["batched", "Video", "(6, 3, 17, 11)"]),
        (tv_tensors.Image(IMAGES[None]), ["batched", "Image", "(1, 6, 3, 17, 11)"]),
        (IMAGES[None, None], ["batched", "(1, 1, 6, 3, 17, 11)"]),
    ],
)
def test_cutmix_of_unbatched_images(images, words):
    mix = RandomCutMix(num_classes=5)
    with says(ValueError, words):
        mix(images, LABELS)
    with says(ValueError, words):
        mix.draw(images)


def test_mixup_of_what_cannot_be_blended():
    with says(TypeError, ["float or integer", "torch.bool"]):
        RandomCutMix(num_classes=5, opacity=0.5)(IMAGES > 0.5, LABELS)
    with says(TypeError, ["float or integer", "torch.bool"]):
        RandomMixChoice([RandomCutMix(), RandomMixUp()]).draw(IMAGES > 0.5)
    with says(TypeError, ["float or integer", "torch.bool"]):
        RandomMixUp(num_classes=5)(IMAGES > 0.5, LABELS)
    with says(TypeError, ["float or integer", "complex"]):
        RandomMixUp(num_classes=5)(IMAGES + 0j, LABELS)
    with says(ValueError, ["batch dimension", "()"]):
        RandomMixUp(num_classes=5)(torch.tensor(1.0), LABELS)


@pytest.mark.parametrize("make", MIXES)
def test_draws(make):
    mix = make(num_classes=5)
    draw = mix.draw(IMAGES)
    with says(ValueError, ["draw", "(17, 9)", "(17, 11)"]):
        mix(IMAGES[..., :9], LABELS, draw=draw)
    with says(ValueError, ["draw", "(11, 17)"]):
        mix(IMAGES.mT, LABELS, draw=draw)
    with says(ValueError, ["draw", "4", "6"]):
        mix(IMAGES[:4], LABELS[:4], draw=draw)
    with says(TypeError, ["draw", "MixDraw", "0.3"]):
        mix(IMAGES, LABELS, draw=0.3)
    with says(TypeError, ["images", "tensor", "list"]):
        mix.draw([IMAGES])


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
ROTATED = tv_tensors.BoundingBoxes(torch.ones(3, 5), format="CXCYWHR", canvas_size=SIZE)


@pytest.mark.parametrize("make", [*MIXES, RandomCutout])
@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        ({"boxes": ROTATED}, ValueError, ["boxes", "rotated", "CXCYWHR"]),
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
        MixCollate(RandomCutMix(num_classes=5), collate_fn=list)([(sample[0], {**sample[1], "labels": [1, 2, 3]})] * 2)
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
    target = {"labels": INSTANCE_LABELS, "boxes": boxes_of(3), "area": torch.rand(3), "names": ["a", "b", "c"], "x": 3}
    if count == 1:
        target = {"labels": INSTANCE_LABELS[:1], "boxes": boxes_of(1), "area": torch.rand(1), "names": ["a"]}
        target["image_id"] = torch.tensor([7])
    sample, mix = (torch.rand(3, *SIZE), target), make()
    call = mix if make is RandomCutout else lambda one: MixCollate(mix, collate_fn=list)([one] * 2)
    with pytest.warns(UserWarning, match="labels_getter") as caught:
        _ = [call(sample) for _ in range(2)]
    assert [[key for key in ("'area'", "'names'") if key in str(one.message)] for one in caught] == [
        ["'area'"],
        ["'names'"],
    ]


@pytest.mark.parametrize(
    ("sample", "options", "kind", "words"),
    [
        ((torch.rand(HEIGHT, WIDTH),), {}, ValueError, ["images", "(17, 11)"]),
        ((tv_tensors.Video(torch.rand(2, 3, 2, 3, 4, 4)),), {}, ValueError, ["images", "Video", "(2, 3, 2, 3, 4, 4)"]),
        ((3, "x"), {}, TypeError, ["image", "int, str"]),
        ((PIL.Image.new("P", (4, 4)),), {}, ValueError, ["mode", "P", "convert"]),
        ((tv_tensors.Image(IMAGES), tv_tensors.Image(IMAGES[..., 1:])), {}, ValueError, ["one size", "(6, 3, 17, 10)"]),
        ((IMAGES,), {"fill": (1, 2)}, ValueError, ["fill", "channel (3)", "(1.0, 2.0)"]),
        ((IMAGES.byte(),), {"fill": 300}, ValueError, ["fill", "[0, 255]", "300"]),
        (
            (tv_tensors.Image(IMAGES), tv_tensors.Mask(torch.zeros(6, 9, 9))),
            {"mask_fill": 1},
            ValueError,
            ["mask", "(17, 11)", "(6, 9, 9)"],
        ),
    ],
)
def test_cutout_calls(sample, options, kind, words):
    with says(kind, words):
        RandomCutout(**options)(*sample)


def test_masks_of_cutout():
    image, mask = tv_tensors.Image(IMAGES), tv_tensors.Mask(torch.zeros(6, HEIGHT, WIDTH, dtype=torch.uint8))
    with says(ValueError, ["mask_fill", "[0, 255]", "300"]):
        RandomCutout(mask_fill=300)(image, mask)
    with says(ValueError, ["masks", "6 images", "(4, 17, 11)"]):
        RandomCutout(mask_fill=3)(image, tv_tensors.Mask(mask[:4]))


def test_places():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    mix, data = RandomCutMix(num_classes=5), [(IMAGES[0], 0), (IMAGES[1], 1)]
    with says(TypeError, ["transform", "callable", "3"]):
        MixCollate(3)
    with says(TypeError, ["collate_fn", "callable", "'stack'"]):
        MixCollate(mix, collate_fn="stack")
    with says(TypeError, ["transform", "mix", "RandomCutout"]):
        MixDataset(data, RandomCutout())
    with says(TypeError, ["dataset", "map-style", "Stream"]):
        MixDataset(Stream(), mix)
    with says(ValueError, ["num_mix", "at least 1", "0"]):
        MixDataset(data, mix, num_mix=0)
    with says(TypeError, ["num_mix", "1.0"]):
        MixDataset(data, mix, num_mix=1.0)
    with says(ValueError, ["num_mix", "pair", "2"]):
        MixDataset(data, RandomMixUp(target="pair"), num_mix=2)
    with says(IndexError, ["[-2, 2)", "2"]):
        MixDataset(data, mix)[2]
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
    with says(ValueError, ["(3, 17, 11)", "(3, 17, 9)", "collate_fn"]):
        collate([(IMAGES[0], 0), (IMAGES[1, ..., :9], 1)])
    picture = PIL.Image.new("RGB", (4, 4))
    with says(TypeError, ["v2.ToImage()", "PIL"]):
        collate([(picture, 0), (picture, 1)])
    with says(TypeError, ["v2.ToImage()", "PIL"]):
        MixDataset([(picture, 0)] * 2, make(num_classes=5))[0]
