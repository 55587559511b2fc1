"""Options of all transforms: what they must not be, how they are shown, and that they are read-only."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import torch
from support.batches import IMAGES
from support.helpers import says
from support.mixes import BOTH
from support.own_mixes import RandomBand, choices

from cutmix_transforms import (
    Mix,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms.functional import Placement

NAN, INF = float("nan"), float("inf")
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
    ({"prob": 0.5}, TypeError, ["prob=0.5", "use p"]),
    ({"mode": "elem"}, TypeError, ["use per_sample (True for 'elem')"]),
    ({"num_clases": 3}, TypeError, ["num_clases=3", "use num_classes"]),
    ({"generator": np.random.default_rng()}, TypeError, ["generator", "torch.Generator", "PCG64"]),
]


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(("options", "kind", "words"), SHARED_OPTIONS)
def test_options(make, options, kind, words):
    with says(kind, words):
        make(**options)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (RandomCutMix, (0.5,), ["by keyword", "alpha=...", "0.5"]),
        (RandomMixUp, (0.2, 10), ["by keyword", "0.2"]),
        (RandomCutout, (8, 2), ["by keyword", "holes=...", "2"]),
        (RandomMixChoice, (RandomCutMix(), RandomMixUp()), ["in one list", "RandomMixChoice([", "RandomMixUp"]),
        (RandomMixChoice, ([RandomCutMix(), RandomMixUp()], [1, 2]), ["by keyword", "weights=...", "[1, 2]"]),
        (RandomMixChoice, (), ["transforms"]),
        (RandomMixUp, {"ratio": (0.1, 0.2)}, ["ratio"]),
        (RandomMixUp, {"cutmix_alpha": 1.0}, ["cutmix_alpha=1.0", "use alpha of RandomCutMix"]),
        (RandomMixUp, {"seed": 3}, ["use generator, torch.Generator().manual_seed(seed)"]),
        (RandomCutout, {"n_holes": 3}, ["n_holes=3", "use holes"]),
        (RandomMixChoice, {"transforms": [RandomCutMix()], "p": [1]}, ["weights", "choice.p", "p=[1]"]),
    ],
)
def test_options_by_position_or_of_another_transform(make, options, words):
    with says(TypeError, words):
        make(**options) if isinstance(options, dict) else make(*options)


MADE_BOTH = [RandomMixUp(), RandomCutMix()]
MADE = [RandomCutMix(), RandomMixUp(), RandomCutout(), RandomMixChoice(MADE_BOTH)]


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
        ("p", (0.1, 0.2, 0.3), TypeError, ["p", "number", "(0.1, 0.2, 0.3)"]),
        ("generator", 5, TypeError, ["generator", "torch.Generator", "5"]),
        ("generator", "cuda", TypeError, ["generator", "torch.Generator", "'cuda'"]),
    ],
)
def test_setting_an_option(transform, name, value, kind, words):
    with says(kind, words):
        setattr(transform, name, value)


class HighBand(Mix):
    """A mix of one's own, with an option."""

    numbers = 1

    def __init__(self, height=0.5, **options):
        super().__init__(**options)
        self.height = height

    def place(self, numbers, size):
        return Placement(opacity=self.height * numbers[0])


class Narrow(HighBand):
    """One that has its constructor from its base."""


OF_MIX = ["num_classes", "per_sample", "min_visibility", "target", "label_smoothing", "labels_getter"]
READ_ONLY = {
    RandomCutMix: [*OF_MIX, "alpha", "ratio", "opacity", "majority", "dims", "numbers"],
    RandomMixUp: [*OF_MIX, "alpha", "majority", "dims"],
    RandomCutout: ["size", "holes", "fill", "mask_fill", "inside", "min_visibility", "dims", "labels_getter"],
    RandomMixChoice: [*OF_MIX, "transforms", "weights", "dims"],
    HighBand: [*OF_MIX, "height", "dims", "numbers"],
}
MADE_LATER = [*MADE, HighBand(), Narrow()]


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
                f"{name} is read-only, because running DataLoader workers would not see the change; make a new "
                f"{name_of_class}, got {value!r}"
            )
            with pytest.raises(AttributeError) as error:
                setattr(transform, name, value)
            assert str(error.value) == message
        assert getattr(transform, name) is before
    transform.p = 0.5
    transform.generator = None


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
    for name in ("enabled", "prob", "probability"):
        with says(AttributeError, [f"{name} is an attribute of other libraries", "p = 0", "got 0"]):
            setattr(transform, name, 0)


def test_copies_that_shared_a_generator_share_one_again(images, labels):
    generator = torch.Generator().manual_seed(4)
    pair = RandomMixUp(generator=generator), RandomCutMix(generator=generator)
    for first, second in (pair, pickle.loads(pickle.dumps(pair)), copy.deepcopy(pair)):
        assert first.generator is second.generator


def test_p_of_a_transform_made_in_inference_mode():
    with torch.inference_mode():
        transform = RandomCutMix()
    transform.p = 0.5
    assert transform.p == 0.5


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (
            RandomCutMix(
                alpha=0.5,
                p=0.25,
                num_classes=7,
                per_sample=True,
                ratio=(0.1, 0.5),
                opacity=(0, 1),
                min_visibility=0.1,
                label_smoothing=0.1,
                labels_getter=1,
            ),
            (
                "RandomCutMix(alpha=0.5, p=0.25, num_classes=7, per_sample=True, ratio=(0.1, 0.5), "
                "opacity=(0.0, 1.0), majority=False, min_visibility=0.1, dims=2, target='soft', "
                "label_smoothing=0.1, labels_getter=1, generator=None)"
            ),
        ),
        (
            RandomMixUp(
                majority=True,
                target="pair",
                labels_getter=len,
                num_classes=(3, None),
                generator=torch.Generator().manual_seed(5),
            ),
            (
                "RandomMixUp(alpha=1.0, p=1.0, num_classes=(3, None), per_sample=False, majority=True, target='pair', "
                "label_smoothing=0.0, labels_getter=len, generator=<Generator on cpu, seed 5>)"
            ),
        ),
        (
            RandomCutout((1, 3), holes=2, fill=(1, 2, 3), mask_fill=255, inside=True, p=0.5),
            (
                "RandomCutout(size=(1, 3), holes=2, fill=(1.0, 2.0, 3.0), mask_fill=255.0, inside=True, p=0.5, "
                "min_visibility=0.0, dims=2, labels_getter='default', generator=None)"
            ),
        ),
    ],
)
def test_repr_shows_every_option(transform, text):
    assert repr(transform) == text


NUMBERS = torch.arange(6)


class Adjusted(RandomCutMix):
    """A mix that sets attributes of its own, and an option, in its constructor and later."""

    def __init__(self, strength=1.0, *args, **options):
        super().__init__(**options)
        self.alpha = 2.0 * strength
        self.prepare(strength)
        self.calls = 0

    def prepare(self, strength):
        self.strength = self.opacity = strength

    def place(self, numbers, size):
        self.calls += 1
        self.options, self.args = "names that the constructor takes any under", "too"
        return super().place(numbers, size)


class Inherited(Adjusted):
    pass


@pytest.mark.parametrize("make", [Adjusted, Inherited])
def test_attributes_of_ones_own(make):
    mix = make(0.5, num_classes=6)
    for _ in range(3):
        mix(IMAGES, NUMBERS)
    assert (mix.calls, mix.alpha, mix.opacity, mix.strength) == (3, 1.0, 0.5, 0.5)
    mix.epoch, mix.calls = 4, 0
    assert pickle.loads(pickle.dumps(mix)).epoch == copy.deepcopy(mix).epoch == copy.copy(mix).epoch == 4
    for name in ("alpha", "opacity", "strength"):
        with says(AttributeError, [f"{name} is read-only", "make a new"]):
            setattr(mix, name, 0.25)


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp, RandomCutout, RandomBand, lambda: choices(False)])
def test_what_modules_do_goes_on(make):
    transform, seen = make(), []
    handle = transform.register_forward_hook(lambda *given: seen.append(given))
    transform.eval()
    assert not transform.training
    assert transform.to("cpu").train().requires_grad_(False).double().training
    transform(IMAGES, torch.eye(6))
    handle.remove()
    transform.training = False
    transform.extra = torch.nn.Linear(1, 1)
    transform.register_buffer("more", torch.zeros(1))
    assert set(transform.state_dict()) == {"extra.weight", "extra.bias", "more"}
    assert len(seen) == 1


def test_a_generator_of_another_device_is_an_error():
    """Draws are made on the host. A stand-in for one of a GPU, which cannot be made without."""

    class OfGPU(torch.Generator):
        device = torch.device("cuda", 0)

    for make in (RandomBand, RandomCutMix, RandomMixUp, RandomCutout):
        with pytest.raises(ValueError, match=r"generator must be on the CPU.* got one on cuda:0"):
            make(generator=OfGPU())


def test_options_that_are_handed_on_are_shown():
    class Tall(RandomBand):
        def __init__(self, *, tall=0.5, **options):
            super().__init__(**options)
            self.tall = tall

    assert repr(Tall(num_classes=3)).startswith("Tall(tall=0.5, p=1.0, num_classes=3, per_sample=False")


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"cutmix_alpha": 1}, "got cutmix_alpha=1; use alpha of RandomCutMix"),
        ({"prob": 1}, "got prob=1; use p"),
        ({"seed": 1}, "got seed=1; use generator, torch.Generator().manual_seed(seed)"),
        ({"num_class": 1}, "got num_class=1; use num_classes"),
        ({"value": 1}, "got value=1"),
        ({"quite_unknown": 1}, "got quite_unknown=1"),
    ],
)
def test_what_unknown_options_are_called_here(options, end):
    with pytest.raises(TypeError) as error:
        RandomMixUp(**options)
    assert str(error.value).endswith(f"generator, {end}")
