"""Bad input: an error that names the argument, the rule and the value received; nothing drawn, nothing changed."""

import copy
import inspect
import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, says
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    Mix,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms.functional import Placement

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
    ({"alpha": True}, TypeError, ["alpha", "number", "True"]),
    ({"alpha": (1, 1)}, TypeError, ["alpha", "number", "(1, 1)"]),
    ({"alpha": torch.tensor(1.0)}, TypeError, ["alpha", "number", "tensor(1.)"]),
    ({"alpha": np.array(1.0)}, TypeError, ["alpha", "number", "array(1.)"]),
    ({"alpha": 10**400}, ValueError, ["alpha", "number", "100000"]),
    ({"p": True}, TypeError, ["p", "number", "True"]),
    ({"p": torch.tensor(2.0)}, TypeError, ["p", "number", "tensor(2.)"]),
    ({"num_classes": ()}, ValueError, ["num_classes", "one for each", "()"]),
    ({"num_classes": [3, "a"]}, TypeError, ["num_classes", "integer", "'a'"]),
    ({"num_classes": torch.tensor(10)}, TypeError, ["num_classes", "integer", "tensor(10)"]),
    ({"num_classes": range(3)}, TypeError, ["num_classes", "integer", "range(0, 3)"]),
    ({"per_sample": "no"}, TypeError, ["per_sample", "True or False", "'no'"]),
    ({"per_sample": None}, TypeError, ["per_sample", "True or False", "None"]),
    ({"per_sample": torch.ones(2)}, TypeError, ["per_sample", "True or False", "shape (2,)"]),
    ({"majority": "no"}, TypeError, ["majority", "True or False", "'no'"]),
    ({"target": None}, TypeError, ["target", "'soft'", "None"]),
    ({"target": ["soft"]}, TypeError, ["target", "'pair'", "['soft']"]),
    ({"target": np.array(["soft"])}, TypeError, ["target", "'soft'", "array"]),
    ({"label_smoothing": "0.1"}, TypeError, ["label_smoothing", "number", "'0.1'"]),
    ({"label_smoothing": True}, TypeError, ["label_smoothing", "number", "True"]),
    ({"labels_getter": True}, TypeError, ["labels_getter", "key", "True"]),
    ({"labels_getter": ["y"]}, TypeError, ["labels_getter", "key", "['y']"]),
    ({"generator": np.random.default_rng()}, TypeError, ["generator", "torch.Generator", "PCG64"]),
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
    ({"ratio": "ab"}, TypeError, ["ratio", "pair", "'ab'"]),
    ({"ratio": torch.tensor([0.1, 0.2])}, TypeError, ["ratio", "pair", "shape (2,)"]),
    ({"ratio": (True, True)}, TypeError, ["ratio", "low <= high", "True"]),
    ({"ratio": (NAN, 1)}, ValueError, ["ratio", "low <= high", "nan"]),
    ({"opacity": None}, TypeError, ["opacity", "number", "None"]),
    ({"opacity": (0.1,)}, TypeError, ["opacity", "pair", "(0.1,)"]),
    ({"opacity": [0.1, "b"]}, TypeError, ["opacity", "pair", "'b'"]),
    ({"opacity": torch.tensor([0.1, 0.5])}, TypeError, ["opacity", "number", "shape (2,)"]),
    ({"min_visibility": None}, TypeError, ["min_visibility", "number", "None"]),
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
    ({"size": [8]}, TypeError, ["size", "pixels", "[8]"]),
    ({"size": torch.tensor(8)}, TypeError, ["size", "pixels", "tensor(8)"]),
    ({"size": None}, TypeError, ["size", "pixels", "None"]),
    ({"size": (NAN, 0.5)}, ValueError, ["size", "fraction", "nan"]),
    ({"size": INF}, ValueError, ["size", "fraction", "inf"]),
    ({"holes": True}, TypeError, ["holes", "integer", "True"]),
    ({"holes": (1, 2)}, TypeError, ["holes", "integer", "(1, 2)"]),
    ({"fill": torch.zeros(3)}, TypeError, ["fill", "per channel", "shape (3,)"]),
    ({"fill": np.zeros(3)}, TypeError, ["fill", "per channel", "array([0., 0., 0.])"]),
    ({"fill": [1, "a", 2]}, TypeError, ["fill", "number", "'a'"]),
    ({"fill": True}, TypeError, ["fill", "number", "True"]),
    ({"mask_fill": NAN}, ValueError, ["mask_fill", "number", "nan"]),
    ({"mask_fill": (1, 2)}, TypeError, ["mask_fill", "number", "(1, 2)"]),
    ({"inside": "no"}, TypeError, ["inside", "True or False", "'no'"]),
    ({"p": "x"}, TypeError, ["p", "number", "'x'"]),
    ({"labels_getter": 2.5}, TypeError, ["labels_getter", "key", "2.5"]),
    ({"generator": "cpu"}, TypeError, ["generator", "torch.Generator", "'cpu'"]),
]
OPTIONS = [(mix, *case) for mix in MIXES for case in SHARED_OPTIONS]
OPTIONS += [(RandomCutMix, *case) for case in CUTMIX_OPTIONS] + [(RandomCutout, *case) for case in CUTOUT_OPTIONS]


@pytest.mark.parametrize(("make", "options", "kind", "words"), OPTIONS)
def test_options(make, options, kind, words):
    with says(kind, words):
        make(**options)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (RandomCutMix, (0.5,), ["by name", "alpha=...", "0.5"]),
        (RandomMixUp, (0.2, 10), ["by name", "0.2"]),
        (RandomCutout, (8, 2), ["by name", "holes=...", "2"]),
        (RandomMixChoice, (RandomCutMix(), RandomMixUp()), ["by name", "weights=...", "RandomMixUp"]),
        (RandomMixChoice, ([RandomCutMix(), RandomMixUp()], [1, 2]), ["by name", "weights=...", "[1, 2]"]),
        (RandomMixChoice, (), ["transforms"]),
        (RandomMixUp, {"ratio": (0.1, 0.2)}, ["ratio"]),
        (RandomMixChoice, {"transforms": [RandomCutMix()], "p": [1]}, ["weights", "choice.p", "p=[1]"]),
    ],
)
def test_options_by_position_or_of_another_transform(make, options, words):
    with says(TypeError, words):
        make(**options) if isinstance(options, dict) else make(*options)


BOTH = [RandomMixUp(), RandomCutMix()]
MADE = [RandomCutMix(), RandomMixUp(), RandomCutout(), RandomMixChoice(BOTH)]


@pytest.mark.parametrize("transform", MADE, ids=lambda transform: type(transform).__name__)
@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("p", 2, ValueError, ["p", "from 0 to 1", "2"]),
        ("p", -0.1, ValueError, ["p", "from 0 to 1", "-0.1"]),
        ("p", NAN, ValueError, ["p", "from 0 to 1", "nan"]),
        ("p", "x", TypeError, ["p", "number", "'x'"]),
        ("p", None, TypeError, ["p", "number", "None"]),
        ("p", torch.tensor(0.3), TypeError, ["p", "number", "tensor(0.3"]),
        ("p", (0.1, 0.2), TypeError, ["p", "number", "(0.1, 0.2)"]),
        ("generator", 5, TypeError, ["generator", "torch.Generator", "5"]),
        ("generator", "cuda", TypeError, ["generator", "torch.Generator", "'cuda'"]),
    ],
)
def test_setting_an_option(transform, name, value, kind, words):
    with says(kind, words):
        setattr(transform, name, value)


class RandomBand(Mix):
    """A mix of one's own, with an option."""

    numbers = 1

    def __init__(self, height=0.5, **options):
        super().__init__(**options)
        self.height = height

    def place(self, numbers, size):
        return Placement(opacity=self.height * numbers[0])


class Narrow(RandomBand):
    """One that has its constructor from its base."""


OF_MIX = ["num_classes", "per_sample", "min_visibility", "target", "label_smoothing", "labels_getter"]
READ_ONLY = {
    RandomCutMix: [*OF_MIX, "alpha", "ratio", "opacity", "majority", "dims"],
    RandomMixUp: [*OF_MIX, "alpha", "majority"],
    RandomCutout: ["size", "holes", "fill", "mask_fill", "inside", "min_visibility", "dims", "labels_getter"],
    RandomMixChoice: [*OF_MIX, "transforms", "weights"],
    RandomBand: [*OF_MIX, "height"],
}
MADE_LATER = [*MADE, RandomBand(), Narrow()]


def test_all_options_but_two_are_known_to_be_read_only():
    for cls, names in READ_ONLY.items():
        options = {name for one in cls.__mro__[:-3] for name in inspect.signature(one.__init__).parameters}
        assert {*names, "p", "generator"} >= options - {"self", "args", "kwargs", "options"}


@pytest.mark.parametrize("transform", MADE_LATER, ids=lambda transform: type(transform).__name__)
@pytest.mark.parametrize("made", [lambda it: it, copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_options_are_read_only_once_a_transform_is_made(transform, made):
    """Running workers would not follow: nothing that does nothing there."""
    transform, name_of_class = made(transform), type(transform).__name__
    (names,) = (names for cls, names in READ_ONLY.items() if isinstance(transform, cls))
    for name in names:
        before = getattr(transform, name)
        for value in (0.25, before):
            message = (
                f"{name} is read-only, as DataLoader workers that are running would not follow; make a new "
                f"{name_of_class}, got {value!r}"
            )
            with pytest.raises(AttributeError) as error:
                setattr(transform, name, value)
            assert str(error.value) == message
        assert getattr(transform, name) is before
    transform.p = 0.5
    transform.generator = None


CHANGES = {
    "append": lambda mixes: mixes.append(RandomMixUp()),
    "extend": lambda mixes: mixes.extend([RandomMixUp()]),
    "+=": lambda mixes: mixes.__iadd__([RandomMixUp()]),
    "insert": lambda mixes: mixes.insert(0, RandomMixUp()),
    "set": lambda mixes: mixes.__setitem__(0, RandomMixUp()),
    "del": lambda mixes: mixes.__delitem__(0),
    "pop": lambda mixes: mixes.pop(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("made", [lambda it: it, copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_the_mixes_of_a_choice_are_those_that_it_was_made_of(change, made):
    choice = made(RandomMixChoice(BOTH, weights=[1, 2]))
    with pytest.raises(AttributeError) as error:
        change(choice.transforms)
    assert str(error.value) == (
        "transforms is read-only, as DataLoader workers that are running would not follow; make a new RandomMixChoice"
    )
    assert [type(mix) for mix in choice.transforms] == [RandomMixUp, RandomCutMix]
    assert [type(mix) for mix in choice.transforms[1:]] == [RandomCutMix]


@pytest.mark.parametrize("transform", MADE_LATER, ids=lambda transform: type(transform).__name__)
def test_the_switch_of_timm_is_an_error_that_names_p(transform):
    message = (
        f"mixup_enabled is an attribute of timm's mixes, not of {type(transform).__name__}; set p, which also reaches "
        "running DataLoader workers: p = 0 turns mixing off"
    )
    with pytest.raises(AttributeError) as error:
        transform.mixup_enabled = False
    assert str(error.value) == f"{message}, got False"
    with pytest.raises(AttributeError) as error:
        assert transform.mixup_enabled
    assert str(error.value) == message
    assert not hasattr(transform, "mixup_enabled")
    with says(AttributeError, ["no attribute 'mixup'"]):
        assert transform.mixup


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
        ([RandomMixUp, RandomCutMix], {}, TypeError, ["transforms", "mixes", "RandomMixUp"]),
        ([RandomMixUp(), None], {}, TypeError, ["transforms", "mixes", "None"]),
        ([v2.CutMix(num_classes=3)], {}, TypeError, ["transforms", "mixes", "CutMix(alpha=1.0"]),
        ({"a": RandomMixUp()}, {}, TypeError, ["transforms", "sequence", "{'a'"]),
        (None, {}, TypeError, ["transforms", "sequence", "None"]),
        ("ab", {}, TypeError, ["transforms", "sequence", "'ab'"]),
        (BOTH, {"weights": "ab"}, TypeError, ["weights", "sequence", "'ab'"]),
        (BOTH, {"weights": [1, "a"]}, TypeError, ["weights", "numbers", "'a'"]),
        (BOTH, {"weights": [True, 1]}, TypeError, ["weights", "numbers", "True"]),
        (BOTH, {"weights": [NAN, 1]}, ValueError, ["weights", "at least 0", "nan"]),
        (BOTH, {"weights": [INF, 1]}, ValueError, ["weights", "at least 0", "inf"]),
        (BOTH, {"weights": [1e308, 1e308]}, ValueError, ["weights", "finite sum", "1e+308"]),
        (BOTH, {"weights": [1, 2, 3]}, ValueError, ["weights", "2 numbers", "[1, 2, 3]"]),
        (BOTH, {"weights": torch.ones(2)}, TypeError, ["weights", "sequence", "tensor([1., 1.])"]),
        (BOTH, {"weights": {0: 1, 1: 2}}, TypeError, ["weights", "sequence", "{0: 1, 1: 2}"]),
        (BOTH, {"per_sample": "no"}, TypeError, ["per_sample", "True or False", "'no'"]),
        (BOTH, {"generator": 1}, TypeError, ["generator", "torch.Generator", "1"]),
        ([RandomMixUp(num_classes=3), RandomCutMix()], {}, ValueError, ["num_classes", "3", "None"]),
        (
            [RandomMixUp(generator=torch.Generator()), RandomCutMix()],
            {},
            ValueError,
            ["generator of their own", "RandomMixUp"],
        ),
        ([RandomMixUp(target="pair"), RandomCutMix()], {}, ValueError, ["target", "pair", "soft"]),
        ([RandomMixUp(label_smoothing=0.1), RandomCutMix()], {}, ValueError, ["label_smoothing", "0.1", "0.0"]),
        ([RandomMixUp(labels_getter="y"), RandomCutMix()], {}, ValueError, ["labels_getter", "y", "default"]),
    ],
)
def test_choices(transforms, options, kind, words):
    with says(kind, words):
        RandomMixChoice(transforms, **options)


IMAGES, LABELS = torch.rand(6, 3, HEIGHT, WIDTH), torch.tensor([0, 1, 2, 3, 4, 0])
DRAW = RandomMixUp().draw(IMAGES)
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
    (
        (IMAGES, LABELS > 2),
        {"num_classes": 2},
        TypeError,
        ["labels", "torch.bool", "make them labels.long() or labels.float()"],
    ),
    ((IMAGES, [0, 1, 2, 3, 4, 0]), {"num_classes": 5}, TypeError, ["labels", "torch.tensor(labels)", "list"]),
    ((IMAGES, None), {"num_classes": 5}, TypeError, ["labels", "NoneType"]),
    ((IMAGES, "cat"), {"num_classes": 5}, TypeError, ["labels", "'cat'"]),
    ((IMAGES, MixedTarget(LABELS, LABELS, LABELS / 5)), {}, TypeError, ["labels", "mixed already", "MixedTarget"]),
    ((IMAGES, (LABELS, LABELS)), {"num_classes": (5, 5, 5)}, ValueError, ["num_classes", "2", "(5, 5, 5)"]),
    # no labels found
    ((IMAGES,), {"num_classes": 5}, ValueError, ["labels", "second argument", "labels_getter", "Tensor"]),
    (((IMAGES,),), {"num_classes": 5}, ValueError, ["labels", "second argument", "Tensor", "MixCollate(mix)"]),
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
    # what is no tensor, or something else than it should be
    ((LABELS, IMAGES), {"num_classes": 5}, ValueError, ["images must be the first argument", "int64 of shape (6,)"]),
    ((), {"num_classes": 5}, ValueError, ["labels", "second argument", "tuple"]),
    ((None, LABELS), {"num_classes": 5}, TypeError, ["image", "NoneType"]),
    ((IMAGES.tolist(), LABELS), {"num_classes": 5}, TypeError, ["image", "float"]),
    ((IMAGES.to_sparse(), LABELS), {"num_classes": 5}, TypeError, ["images", "dense", "torch.sparse_coo"]),
    ((IMAGES, 3), {"num_classes": 5}, TypeError, ["labels", "tensor", "int: 3"]),
    ((IMAGES, LABELS[None]), {"num_classes": 5}, ValueError, ["batch size", "(1, 6)"]),
    ((IMAGES, LABELS[:, None]), {"num_classes": 5}, ValueError, ["labels", "num_classes = 5", "(6, 1)"]),
    ((IMAGES, LABELS + 0j), {"num_classes": 5}, TypeError, ["labels", "integer", "complex64"]),
    ((IMAGES, LABELS), {"num_classes": (3, 5)}, ValueError, ["num_classes", "1 labels", "(3, 5)"]),
    ((IMAGES, LABELS, DRAW), {"num_classes": 5}, TypeError, ["draw", "draw=draw", "by position"]),
    ((tv_tensors.Mask(LABELS), LABELS), {"num_classes": 5}, TypeError, ["image", "Mask"]),
    ((IMAGES, LABELS), {"labels_getter": lambda inputs: 3}, TypeError, ["labels", "tensor", "int: 3"]),
    ((IMAGES, LABELS), {"labels_getter": lambda inputs: None}, TypeError, ["labels", "tensor", "NoneType"]),
]


@pytest.mark.parametrize("make", MIXES)
@pytest.mark.parametrize(("inputs", "options", "kind", "words"), CALLS)
def test_calls(make, inputs, options, kind, words):
    with says(kind, words):
        make(**options)(*inputs)


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
    with says(TypeError, ["images", "float or integer", "torch.bool"]):
        RandomCutMix(num_classes=5, opacity=0.5)(IMAGES > 0.5, LABELS)
    with says(TypeError, ["images", "float or integer", "torch.bool"]):
        RandomMixChoice([RandomCutMix(), RandomMixUp()]).draw(IMAGES > 0.5)
    with says(TypeError, ["images", "float or integer", "torch.bool"]):
        RandomMixUp(num_classes=5)(IMAGES > 0.5, LABELS)
    with says(TypeError, ["images", "float or integer", "complex"]):
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
    for images, name in (
        ([IMAGES], "list"),
        (IMAGES.numpy(), "ndarray"),
        ((6, 3, 17, 11), "tuple"),
        (None, "NoneType"),
    ):
        with says(TypeError, ["images", "tensor", name]):
            mix.draw(images)
    with says(TypeError, ["positional"]):
        mix.draw(IMAGES, LABELS)
    with says(TypeError, ["images"]):
        mix(images=IMAGES, labels=LABELS)


@pytest.mark.parametrize(
    ("sample", "options", "kind", "words"),
    [
        ((torch.rand(HEIGHT, WIDTH),), {}, ValueError, ["images", "(17, 11)"]),
        ((tv_tensors.Video(torch.rand(2, 3, 2, 3, 4, 4)),), {}, ValueError, ["images", "Video", "(2, 3, 2, 3, 4, 4)"]),
        ((3, "x"), {}, TypeError, ["image", "int, str"]),
        ((PIL.Image.new("P", (4, 4)),), {}, ValueError, ["mode", "P", "convert"]),
        ((tv_tensors.Image(IMAGES), tv_tensors.Image(IMAGES[..., 1:])), {}, ValueError, ["one size", "(6, 3, 17, 10)"]),
        ((), {}, TypeError, ["image", "nothing"]),
        ((None,), {}, TypeError, ["image", "NoneType"]),
        ((IMAGES.numpy(),), {}, TypeError, ["image", "ndarray"]),
        ((IMAGES.tolist(),), {}, TypeError, ["image", "float"]),
        ((torch.tensor(1.0),), {}, ValueError, ["images", "(C, H, W)", "()"]),
        ((IMAGES + 0j,), {}, TypeError, ["images", "float or integer", "complex64"]),
        ((IMAGES + 0j,), {"fill": "random"}, TypeError, ["images", "float or integer", "complex64"]),
        ((IMAGES[:, :1],), {"fill": (0.1, 0.2, 0.3)}, ValueError, ["fill", "channel (1)", "(0.1, 0.2, 0.3)"]),
        ((IMAGES.byte(),), {"fill": -1}, ValueError, ["fill", "[0, 255]", "-1.0"]),
        ((IMAGES.half(),), {"fill": 1e60}, ValueError, ["fill", "float16", "1e+60"]),
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


FAULTS = ["no error", "another error", "another word", "random number", "input", "option", "generator"]


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_what_is_wrong_with_an_error_is_noticed(fault, images):
    """The check that all bad calls go through."""
    mix = RandomCutMix(generator=torch.Generator())

    def fail():
        raise (TypeError if fault == "another error" else ValueError)(
            "a number" if fault == "another word" else "a word"
        )

    def call():
        if fault == "random number":
            torch.rand(1)
        if fault == "input":
            images[0, 0, 0, 0] += 1
        if fault == "option":
            mix.p = 0.5
        if fault == "generator":
            torch.rand(1, generator=mix.generator)
        if fault != "no error":
            fail()

    if fault is None:
        with says(ValueError, ["word"]):
            call()
    else:
        with pytest.raises((AssertionError, TypeError, pytest.fail.Exception)), says(ValueError, ["word"]):
            call()
