"""MixDataset: its samples, their partners, and what it refuses."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from support.batches import CLASSES, IMAGES
from support.helpers import HEIGHT, WIDTH, says, slow_but
from support.mixes import mixes_of, over
from support.oracles import constant_images
from support.samples import SAMPLES, agree, forms, image_and_target
from torch.utils.data import DataLoader, IterableDataset
from torchvision.transforms import v2

from cutmix_transforms import (
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
)


def test_streams_have_no_partners():
    class Stream(IterableDataset):
        def __len__(self):
            return 3

        def __iter__(self):
            yield from ()

    with says(TypeError, ["map-style", "MixCollate", "Stream"]):
        MixDataset(Stream(), RandomCutMix())


def test_soft_partners_of_class_indices():
    soft = [(image, torch.full((CLASSES,), 0.2)) for image in IMAGES]
    data = MixDataset([(IMAGES[0], 1)], RandomMixUp(num_classes=CLASSES), partners=soft)
    assert data[0][1].sum() == pytest.approx(1)


def test_bad_arguments():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    mix, data = RandomCutMix(num_classes=5), [(IMAGES[0], 0), (IMAGES[1], 1)]
    with says(TypeError, ["transform", "mix", "CutMix(alpha=1.0"]):
        MixDataset(data, v2.CutMix(num_classes=5))
    with says(TypeError, ["transform", "mix", "RandomCutout"]):
        MixDataset(data, RandomCutout())
    with says(TypeError, ["dataset", "map-style", "RandomCutMix"]):
        MixDataset(mix, data)
    with says(TypeError, ["dataset", "map-style", "NoneType"]):
        MixDataset(None, mix)
    with says(TypeError, ["dataset", "map-style", "Stream"]):
        MixDataset(Stream(), mix)
    with says(TypeError, ["positional"]):
        MixDataset(data, mix, 2)
    with says(ValueError, ["labels", "[0, num_classes=5)", "7"]):
        MixDataset([(IMAGES[0], 7)] * 2, mix)[0]


SAMPLE = (IMAGES[0], 3)


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


MIXES = mixes_of(num_classes=6)
mixes = over(MIXES)


@mixes
@forms
def test_dataset_gives_mixed_samples_of_the_same_form(make, samples):
    mixed = MixDataset(samples, make())
    assert len(mixed) == 6
    for i in range(6):
        sample = mixed[i]
        assert type(sample) is type(samples[i])
        image, target = image_and_target(sample)
        assert image.shape == (3, HEIGHT, WIDTH)
        assert target.shape == (6,)
        agree(image, target)
    assert len(list(mixed)) == 6
    assert mixed[-1][0].shape == (3, HEIGHT, WIDTH) if isinstance(mixed[-1], (tuple, list)) else True


def test_pairs_of_the_data_set():
    mixed = MixDataset(SAMPLES["tuple"], RandomMixUp(target="pair"))
    for i in range(6):
        image, (a, b, lam) = mixed[i]
        assert a == i != b
        torch.testing.assert_close(image.mean(), lam * a + (1 - lam) * b)
    _, target = MixDataset(SAMPLES["tuple"], RandomMixUp(target="pair", p=0))[2]
    assert [float(field) for field in target] == [2, 2, 1]


@mixes
def test_unmixed_samples_of_the_data_set(make):
    mix, loaded = make(), []

    class Data:
        def __init__(self, samples):
            self.samples = samples

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, i):
            loaded.append(i)
            return self.samples[i]

    for p in (0, 1e-9):
        mix.p = p
        image, target = MixDataset(Data(SAMPLES["tuple"]), mix)[4]
        assert torch.equal(image, SAMPLES["tuple"][4][0])
        assert torch.equal(target, torch.eye(6)[4])
    assert loaded == [4, 4]  # a partner that is not seen is not loaded
    assert torch.equal(MixDataset(Data(SAMPLES["tuple"][3:4]), make())[0][1], torch.eye(6)[3])
    assert loaded == [4, 4, 0]  # nor is the only sample loaded again
    assert torch.equal(MixDataset(SAMPLES["tuple"], make().eval())[1][1], torch.eye(6)[1])


SIZES = [(17, 11), (9, 20), (17, 11), (5, 5)]
UNEQUAL = [(torch.full((1, *size), float(i)), i) for i, size in enumerate(SIZES)]


def test_dataset_of_unequal_sizes():
    for make in (RandomCutMix, RandomMixUp):
        mixed = MixDataset(UNEQUAL, make(num_classes=4))
        for i in range(4):
            for _ in range(10):
                image, target = mixed[i]
                assert target.sum().item() == pytest.approx(1)
                assert image.shape[-2] >= SIZES[i][0]


CONSTANT = [(image, i) for i, image in enumerate(constant_images(CLASSES, 3, HEIGHT, WIDTH))]
BACKGROUND = [(image + 100, i) for i, image in enumerate(constant_images(3, 3, HEIGHT, WIDTH))]


def partners_of(data, position, count):
    """How often each other class is mixed into the sample at a position."""
    found = torch.zeros(CLASSES)
    for _ in range(count):
        _, target = data[position]
        target[position] = 0
        found += (target > 0).float()
    return found.long().tolist()


WEIGHTS = {
    "ints": [1, 2, 3, 4, 0],
    "tiny": [0.0, 0.0, 1e-300, 3e-300, 0.0],
    "tensor": torch.tensor([5, 1, 1, 1, 2]),
    "array": np.ones(5),
}


@pytest.mark.parametrize("name", slow_but(["ints"], WEIGHTS))
def test_partners_are_drawn_by_their_weights(name):
    """Exactly so, of all but the sample itself."""
    weights, count = WEIGHTS[name], 500 if name == "ints" else 2000
    torch.manual_seed(0)
    data = MixDataset(CONSTANT, RandomMixUp(num_classes=CLASSES), weights=weights)
    for position in (0, 2, 4):
        wanted = np.array([float(weight) for weight in weights])
        wanted[position] = 0
        found = np.array(partners_of(data, position, count))
        assert (found[wanted == 0] == 0).all()
        shown = wanted > 0
        if shown.sum() > 1:
            assert chisquare(found[shown], count * wanted[shown] / wanted.sum()).pvalue > 1e-4
        else:
            assert found[shown].tolist() == [count]


def test_a_weight_of_zero_is_never_drawn():
    """Not even by the smallest number and the largest."""
    data = MixDataset(CONSTANT, RandomMixUp(num_classes=CLASSES), weights=[0, 1, 0, 0, 2, 0][: len(CONSTANT)])
    assert {data._partner(position, u) for position in (0, 2) for u in (0.0, 1 - 2.0**-53)} == {1, 4}
    assert {data._partner(1, u) for u in (0.0, 1 - 2.0**-53)} == {4}


def test_without_weights_partners_are_uniform_over_the_others():
    torch.manual_seed(1)
    found = partners_of(MixDataset(CONSTANT, RandomMixUp(num_classes=CLASSES)), 3, 1000)
    assert found[3] == 0
    assert chisquare(found[:3] + found[4:]).pvalue > 1e-4


def test_a_million_weights_are_drawn_to_the_last():
    class Indices:
        def __len__(self):
            return 1_000_000

        def __getitem__(self, i):
            return torch.full((1, 2, 2), float(i)), torch.tensor([float(i)])

    weights = np.zeros(1_000_000)
    weights[[0, 500_000, 999_999]] = 1
    data = MixDataset(Indices(), RandomCutMix(ratio=(1, 1)), weights=weights)
    torch.manual_seed(2)
    assert {int(data[1][0][0, 0, 0]) for _ in range(50)} == {0, 500_000, 999_999}
    assert {int(data[999_999][0][0, 0, 0]) for _ in range(50)} == {0, 500_000}


@pytest.mark.parametrize("weights", [None, [0, 0.01, 0.03]])
def test_partners_from_another_dataset(weights):
    torch.manual_seed(3)
    mix = RandomCutMix(num_classes=CLASSES, ratio=(0.3, 0.6))
    data = MixDataset(CONSTANT, mix, partners=BACKGROUND, weights=weights)
    seen = [0, 0, 0]
    for i in itertools.chain(*[range(CLASSES)] * 250):
        image, target = data[i]
        others = image[image >= 100].unique()
        assert len(others) == 1
        seen[int(others) - 100] += 1
        wanted = torch.zeros(CLASSES)
        wanted[i] += (image < 100).float().mean()
        wanted[int(others) - 100] += (image >= 100).float().mean()
        torch.testing.assert_close(target, wanted)
    rates = np.array(weights or [1, 1, 1]) / sum(weights or [1, 1, 1])
    assert (np.array(seen)[rates == 0] == 0).all()
    assert chisquare(np.array(seen)[rates > 0], sum(seen) * rates[rates > 0]).pvalue > 1e-4
    assert len(data) == CLASSES
    one = MixDataset(CONSTANT[:1], RandomCutMix(num_classes=CLASSES, ratio=(1, 1)), partners=BACKGROUND)
    assert (one[0][0] >= 100).all()


@pytest.mark.slow
def test_class_balanced_partners_in_workers():
    labels = [0] * 30 + [1] * 3
    samples = [(torch.full((1, 4, 4), float(label)), label) for label in labels]
    weights = [1 / labels.count(label) for label in labels]
    data = MixDataset(samples, RandomCutMix(num_classes=2, ratio=(1, 1)), weights=weights)
    targets = torch.cat([target for _ in range(20) for _, target in DataLoader(data, 11, num_workers=2)])
    assert 0.4 < targets[:, 1].mean() < 0.6
    assert pickle.loads(pickle.dumps(data))[0][1].shape == (2,)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"weights": [1, 2]}, ValueError, ["weights", "5 numbers", "2"]),
        ({"weights": [1, 2, 3, -1, 5]}, ValueError, ["weights", "at least 0", "-1", "index 3"]),
        ({"weights": [1, 2, 3, float("nan"), 5]}, ValueError, ["weights", "finite", "nan"]),
        ({"weights": [1e16, 1, 1, 1, 1]}, ValueError, ["weights", "at most 1e+09 times", "1.0", "1e+16"]),
        ({"weights": [0] * 5}, ValueError, ["weights", "above 0", "0"]),
        ({"weights": [0, 0, 1, 0, 0]}, ValueError, ["weights", "above 0", "2", "1"]),
        ({"weights": "abcde"}, TypeError, ["weights", "sequence of numbers", "abcde"]),
        ({"weights": 3}, TypeError, ["weights", "sequence of numbers", "3"]),
        ({"weights": [[1, 2]]}, TypeError, ["weights", "sequence of numbers"]),
        ({"partners": iter(CONSTANT)}, TypeError, ["partners", "map-style"]),
        ({"partners": []}, ValueError, ["partners", "at least one"]),
        ({"partners": BACKGROUND, "weights": [1, 2, 3, 4, 5]}, ValueError, ["weights", "3 numbers", "5"]),
    ],
)
def test_partners_that_cannot_be(options, kind, words):
    with says(kind, words):
        MixDataset(CONSTANT, RandomMixUp(num_classes=CLASSES), **options)


@pytest.mark.parametrize("wrong", [RandomCutMix, [RandomCutMix(), RandomMixUp()], None])
def test_a_transform_that_is_no_mix_says_what_is_one(wrong):
    with says(TypeError, ["transform", "RandomCutMix()", "RandomMixChoice([...])", type(wrong).__name__]):
        MixDataset(CONSTANT, wrong)


def test_partners_of_another_form_are_an_error():
    data = MixDataset(CONSTANT, RandomCutMix(num_classes=CLASSES, ratio=(1, 1)), partners=[(torch.rand(1, 9, 9), 2)])
    with pytest.raises(ValueError, match="samples must hold images"):
        data[0]


class Failing:
    """Samples, one of which raises an error."""

    def __init__(self, error, bad):
        self.error, self.bad = error, bad

    def __len__(self):
        return 2

    def __getitem__(self, i):
        if i == self.bad:
            raise self.error
        return torch.ones(3, HEIGHT, WIDTH), i


@pytest.mark.parametrize("bad", [0, 1], ids=["own", "partner"])
@pytest.mark.parametrize("error", [OSError(5, "disk"), KeyError("name"), IndexError("row 7"), StopIteration()])
def test_an_error_of_the_data_set_passes_through_a_mixed_one_unchanged(error, bad):
    data = MixDataset(Failing(error, bad), RandomMixUp(num_classes=2))
    with pytest.raises(type(error)) as caught:
        data[0]
    assert caught.value is error
    assert error.__cause__ is None
