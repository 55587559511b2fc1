"""Mixes as they are written on the command line."""

import pytest
import torch
from torchvision.transforms import v2

from cutmix_transforms import RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp
from cutmix_transforms._commands._compare import _mixes

MEAN = [0.5, 0.2, 0.1]

OWN = """
from cutmix_transforms import Mix
from cutmix_transforms.functional import Placement

class Even(Mix):
    numbers = 1
    def place(self, numbers, size):
        return Placement(opacity=0.45 + 0.1 * numbers[0])

class Plain:
    def __init__(self, *, strength=1):
        self.strength = strength
    def __call__(self, images, labels):
        return images, labels

class HandsOn(Mix):
    numbers = 1
    def __init__(self, *, width=2, **options):
        super().__init__(**options)
        self.width = width
    place = Even.place

class Half(Plain):
    def __call__(self, images, labels):
        return (images,)

def one_only():
    def one_only(images):
        return images, None
    return one_only
number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_mixes.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


def make(text):
    return _mixes.make(text, 10, MEAN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cutmix", RandomCutMix(num_classes=10)),
        ("cutmix:alpha=0.5,p=0.5", RandomCutMix(alpha=0.5, p=0.5, num_classes=10)),
        ("cutmix:ratio=(0.2,0.8),target='pair'", RandomCutMix(ratio=(0.2, 0.8), target="pair", num_classes=10)),
        ("cutmix:target=pair", RandomCutMix(target="pair", num_classes=10)),
        ("mixup:alpha=1e+1,num_classes=12", RandomMixUp(alpha=10.0, num_classes=12)),
        ("cutout", RandomCutout(fill=[128, 51, 26])),
        ("cutout:size=16,fill=0", RandomCutout(16, fill=0)),
        (
            "cutmix:alpha=1e+1+mixup:p=0.5",
            RandomMixChoice([RandomCutMix(alpha=10.0, num_classes=10), RandomMixUp(p=0.5, num_classes=10)]),
        ),
    ],
)
def test_a_mix_is_what_is_written(text, expected):
    assert repr(make(text)) == repr(expected)


def test_none_is_no_mix():
    assert make("none") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cutmux", "--mix must be none, cutout, mixup, cutmix, MODULE:CLASS or several with + between"),
        ("none:p=1", "--mix must be none, cutout"),
        ("none+cutmix", "--mix must be none, cutout"),
        ("cutmix:", "--mix must be none, cutout"),
        ("", "--mix must be none, cutout"),
        ("cutmix+", "--mix must be none, cutout"),
        ("cutmix:0.5", "--mix must have options as in Python, alpha=1,p=0.5 or target=pair, got '0.5' in"),
        ("cutmix:alpha=", "--mix must have options as in Python"),
        ("cutmix:p=1);print(1", "--mix must have options as in Python"),
        ("cutmix:**{}", "--mix must have options as in Python"),
        ("cutmix:alpha=-1", "--mix cutmix:alpha=-1: alpha must be a positive number"),
        ("cutmix:alfa=1", "--mix cutmix:alfa=1: options of RandomCutMix must be some of alpha, p"),
        ("cutmix:p='x'", "--mix cutmix:p='x': p must be"),
        ("cutmix+cutout", "--mix cutmix+cutout: transforms must be a sequence of mixes"),
        ("own_mixes:Even:p=2", "--mix own_mixes:Even:p=2: p must be"),
        ("own_mixes:Odd", "--mix must name a class that can be imported, got 'own_mixes:Odd' ("),
        ("no_module:Even", "--mix must name a class that can be imported, got 'no_module:Even' (No module named"),
        ("own_mixes:number", "--mix must name a class, got 'own_mixes:number', which is 3"),
        ("own_mixes:Plain:strong=2", "--mix own_mixes:Plain:strong=2: Plain.__init__() got an unexpected"),
    ],
)
def test_what_is_no_mix_is_an_error_that_says_why(text, message, own):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
        make(text)
    assert str(caught.value).startswith(message)


def test_a_mix_of_ones_own_gets_the_classes_where_it_takes_them(own):
    for text in ("own_mixes:Even:p=0.5", "own_mixes:HandsOn:width=3"):
        images, targets = make(text)(torch.rand(4, 3, 17, 11), torch.tensor([0, 1, 2, 9]))
        assert (images.shape, targets.shape) == ((4, 3, 17, 11), (4, 10))
    assert make("own_mixes:HandsOn:width=3").width == 3
    assert make("own_mixes:Plain:strength=2").strength == 2
    both = make("own_mixes:Even+cutmix")
    assert [type(one).__name__ for one in both.transforms] == ["Even", "RandomCutMix"]
    theirs = make("torchvision.transforms.v2:CutMix:alpha=0.3")
    assert isinstance(theirs, v2.CutMix)
    assert theirs.num_classes == 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", "none"),
        ("cutmix", "cutmix:alpha=0.3,p=0.5"),
        ("cutmix:p=1", "cutmix:p=1,alpha=0.3"),
        ("cutout:size=16", "cutout:size=16,p=0.5"),
        ("cutmix+mixup:alpha=1", "cutmix:alpha=0.3,p=0.5+mixup:alpha=1,p=0.5"),
        ("own_mixes:Even", "own_mixes:Even:p=0.5"),
        ("own_mixes:Plain", "own_mixes:Plain"),
    ],
)
def test_options_for_all_go_to_what_takes_them_and_does_not_say_it_itself(text, expected, own):
    assert _mixes.with_options(text, {"alpha": 0.3, "p": 0.5}) == expected
    assert _mixes.with_options(text, {"alpha": None, "p": None}) == text
    make(expected)


@pytest.mark.parametrize(
    "text", ["cutout", "cutmix", "cutmix:target='pair'", "own_mixes:Plain", "own_mixes:Even+mixup"]
)
def test_a_mix_is_tried_before_anything_is_trained_and_prints_the_same_every_time(text, own):
    found = _mixes.described(text, 10, MEAN, 12)
    assert found == _mixes.described(text, 10, MEAN, 12)
    assert found.split("(")[0] in ("RandomCutout", "RandomCutMix", "RandomMixChoice", "<own_mixes.Plain object>")
    assert _mixes.described("none", 10, MEAN, 12) == "None"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cutmix:num_classes=12", ""),
        ("own_mixes:one_only", "one_only.<locals>.one_only() takes 1 positional argument but 2 were given"),
        ("own_mixes:Half", "not enough values to unpack (expected 2, got 1)"),
    ],
)
def test_a_mix_that_makes_no_batch_is_an_error_before_that(text, reason, own):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
        _mixes.described(text, 10, MEAN, 12)
    words = f"--mix {text} must turn images and labels into a batch to learn from ({reason}"
    assert str(caught.value).startswith(words)
