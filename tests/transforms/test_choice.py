"""RandomMixChoice: its options, its mixes, and what it decides for all of a batch or for each sample."""

import copy
import pickle

import pytest
import torch
from support.batches import IMAGES
from support.helpers import HEIGHT, WIDTH, says
from torchvision.transforms import v2

from cutmix_transforms import (
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)

NAN, INF = float("nan"), float("inf")
MADE_BOTH = [RandomMixUp(), RandomCutMix()]
CHANGES = {
    "append": lambda mixes: mixes.append(RandomMixUp()),
    "extend": lambda mixes: mixes.extend([RandomMixUp()]),
    "+=": lambda mixes: mixes.__iadd__([RandomMixUp()]),
    "insert": lambda mixes: mixes.insert(0, RandomMixUp()),
    "set": lambda mixes: mixes.__setitem__(0, RandomMixUp()),
    "del": lambda mixes: mixes.__delitem__(0),
    "pop": lambda mixes: mixes.pop(),
}


@pytest.mark.parametrize("name", ["alpha", "ratio", "majority", "weights", "num_classes"])
def test_options_of_its_mixes_cannot_be_set_on_a_choice(name):
    choice = RandomMixChoice([RandomCutMix(), RandomMixChoice([RandomMixUp(), RandomCutMix()])])
    with pytest.raises(AttributeError, match=f"^{name} is read-only"):
        setattr(choice, name, 0.1)
    choice.note = "an attribute that is no option"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("made", [lambda it: it, copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_the_mixes_of_a_choice_are_those_that_it_was_made_of(change, made):
    choice = made(RandomMixChoice(MADE_BOTH, weights=[1, 2]))
    with pytest.raises(AttributeError) as error:
        change(choice.transforms)
    assert str(error.value) == (
        "transforms is read-only, because running DataLoader workers would not see the change; "
        "make a new RandomMixChoice"
    )
    assert [type(mix) for mix in choice.transforms] == [RandomMixUp, RandomCutMix]
    assert [type(mix) for mix in choice.transforms[1:]] == [RandomCutMix]


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
        ([RandomMixUp(), None], {}, TypeError, ["transforms", "mixes", "None at index 1"]),
        ([v2.CutMix(num_classes=3)], {}, TypeError, ["transforms", "mixes", "CutMix(alpha=1.0"]),
        ({"a": RandomMixUp()}, {}, TypeError, ["transforms", "sequence", "{'a'"]),
        (None, {}, TypeError, ["transforms", "sequence", "None"]),
        ("ab", {}, TypeError, ["transforms", "sequence", "'ab'"]),
        (MADE_BOTH, {"weights": "ab"}, TypeError, ["weights", "sequence", "'ab'"]),
        (MADE_BOTH, {"weights": [1, "a"]}, TypeError, ["weights", "numbers", "'a'"]),
        (MADE_BOTH, {"weights": [True, 1]}, TypeError, ["weights", "numbers", "True"]),
        (MADE_BOTH, {"weights": [NAN, 1]}, ValueError, ["weights", "at least 0", "nan"]),
        (MADE_BOTH, {"weights": [INF, 1]}, ValueError, ["weights", "at least 0", "inf"]),
        (MADE_BOTH, {"weights": [1e308, 1e308]}, ValueError, ["weights", "finite sum", "1e+308"]),
        (MADE_BOTH, {"weights": [1, 2, 3]}, ValueError, ["weights", "2 numbers", "[1, 2, 3]"]),
        (MADE_BOTH, {"weights": torch.ones(2)}, TypeError, ["weights", "sequence", "tensor([1., 1.])"]),
        (MADE_BOTH, {"weights": {0: 1, 1: 2}}, TypeError, ["weights", "sequence", "{0: 1, 1: 2}"]),
        (MADE_BOTH, {"per_sample": "no"}, TypeError, ["per_sample", "True or False", "'no'"]),
        (MADE_BOTH, {"generator": 1}, TypeError, ["generator", "torch.Generator", "1"]),
        ([RandomMixUp(num_classes=3), RandomCutMix()], {}, ValueError, ["num_classes", "3", "None"]),
        (
            [RandomMixUp(generator=torch.Generator()), RandomCutMix()],
            {},
            ValueError,
            ["generators of their own", "RandomMixUp"],
        ),
        ([RandomMixUp(target="pair"), RandomCutMix()], {}, ValueError, ["target", "pair", "soft"]),
        ([RandomMixUp(label_smoothing=0.1), RandomCutMix()], {}, ValueError, ["label_smoothing", "0.1", "0.0"]),
        ([RandomMixUp(labels_getter="y"), RandomCutMix()], {}, ValueError, ["labels_getter", "y", "default"]),
    ],
)
def test_choices(transforms, options, kind, words):
    with says(kind, words):
        RandomMixChoice(transforms, **options)


def test_choice_hands_its_generator_down(images, labels):
    def run(seed):
        torch.seed()
        mixes = [RandomCutMix(num_classes=5), RandomMixUp(num_classes=5)]
        mix = RandomMixChoice(mixes, generator=torch.Generator().manual_seed(seed))
        return torch.stack([mix(images, labels)[0] for _ in range(8)])

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_eval_of_a_child_turns_it_off_in_a_choice(images, labels):
    mix = RandomMixChoice([RandomMixUp(num_classes=5), RandomCutMix(num_classes=5)])
    mix.transforms[0].eval()
    mix.transforms[1].eval()
    assert torch.equal(mix(images, labels)[0], images)


def test_p_of_a_choice_is_that_of_its_mixes():
    mixes = [RandomCutMix(p=0.3), RandomMixUp(p=0.6)]
    choice = RandomMixChoice(mixes)
    assert choice.p == (0.3, 0.6)
    choice.p = 0.5
    assert [mix.p for mix in mixes] == [0.5, 0.5]
    assert choice.p == 0.5


def test_p_of_a_choice_can_be_put_back():
    inner = RandomMixChoice([RandomCutMix(p=0.3), RandomMixUp(p=0.6)])
    choice = RandomMixChoice([inner, RandomMixUp(p=0.9)])
    before = choice.p
    choice.p = 0
    assert choice.p == inner.p == 0
    choice.p = before
    assert choice.p == before == ((0.3, 0.6), 0.9)
    for wrong in (((0.1, 2), 0.5), ((0.1, 0.2, 0.3), 0.5), (0.1, (0.2, 0.3))):
        with pytest.raises((TypeError, ValueError), match="p must be a number from 0 to 1"):
            choice.p = wrong
        assert choice.p == before


def test_repr_of_a_choice_shows_its_mixes():
    text = repr(RandomMixChoice([RandomCutMix(alpha=0.3), RandomMixUp(p=0.2)], weights=[1, 2], per_sample=True))
    assert all(part in text for part in ("weights=(1.0, 2.0)", "per_sample=True", "RandomCutMix(alpha=0.3", "p=0.2"))


NUMBERS = torch.arange(6)


def test_a_generator_that_a_mix_of_a_choice_gets_later():
    child = RandomMixUp(num_classes=6)
    choice = RandomMixChoice([child, RandomCutMix(num_classes=6)])
    child.generator = torch.Generator()
    with says(ValueError, ["not have generators of their own"]):
        choice(IMAGES, NUMBERS)


def test_one_choice_for_the_batch_or_one_for_each_sample():
    """Whatever the mixes do: their own draws are for the batch or for each sample as they say."""

    def kinds(draw):
        return (draw.boxes == torch.tensor([0, 0, HEIGHT, WIDTH])).all(1)

    def made(children, choice):
        cut = RandomCutMix(ratio=(0.2, 0.8), per_sample=children)
        inner = RandomMixChoice([cut, RandomMixUp(per_sample=children)], per_sample=choice)
        return inner, RandomMixChoice([inner])  # by default, for the batch

    images = torch.empty(1).expand(12, 1, HEIGHT, WIDTH)
    for mix in made(children=True, choice=False):
        draws = [mix.draw(images) for _ in range(20)]
        assert {len(kinds(draw).unique()) for draw in draws} == {1}
        assert {bool(kinds(draw)[0]) for draw in draws} == {True, False}
        assert min(len(draw.lam.unique()) for draw in draws) > 6
    for mix in made(children=False, choice=True):
        draws = [mix.draw(images) for _ in range(20)]
        assert max(len(kinds(draw).unique()) for draw in draws) == 2
        for draw in draws:
            assert len(draw.boxes[~kinds(draw)].unique(dim=0)) <= 1
            assert len(draw.opacity[kinds(draw)].unique()) <= 1


def test_a_nested_choice_takes_the_p_that_it_returns():
    def make():
        return RandomMixChoice([RandomCutMix(p=0.1), RandomMixUp(p=0.2)])

    choice = RandomMixChoice([make(), make()])
    before = choice.p
    choice.p = 0
    assert choice.p == 0
    choice.p = before
    assert [mix.p for mix in choice._kinds] == [0.1, 0.2, 0.1, 0.2]
