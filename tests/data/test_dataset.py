"""Where partners come from: weighted, from another dataset, from a second batch; and the union of targets."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from support.helpers import HEIGHT, WIDTH, says
from support.oracles import constant_images
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
    functional,
)

CLASSES = 5
SAMPLES = [(image, i) for i, image in enumerate(constant_images(CLASSES, 3, HEIGHT, WIDTH))]
BACKGROUND = [(image + 100, i) for i, image in enumerate(constant_images(3, 3, HEIGHT, WIDTH))]
BATCH = constant_images(4, 3, HEIGHT, WIDTH), torch.arange(4)
SECOND = constant_images(7, 3, HEIGHT, WIDTH) + 100, torch.arange(7) % CLASSES


def partners_of(data, position, count):
    """How often each other class is mixed into the sample at a position."""
    found = torch.zeros(CLASSES)
    for _ in range(count):
        _, target = data[position]
        target[position] = 0
        found += (target > 0).float()
    return found.long().tolist()


WEIGHTS = [[1, 2, 3, 4, 0], [0.0, 0.0, 1e-300, 3e-300, 0.0], torch.tensor([5, 1, 1, 1, 2]), np.ones(5)]


@pytest.mark.parametrize("weights", WEIGHTS, ids=["ints", "tiny", "tensor", "array"])
def test_partners_are_drawn_by_their_weights(weights):
    """Exactly so, of all but the sample itself."""
    torch.manual_seed(0)
    data = MixDataset(SAMPLES, RandomMixUp(num_classes=CLASSES), weights=weights)
    for position in (0, 2, 4):
        wanted = np.array([float(weight) for weight in weights])
        wanted[position] = 0
        found = np.array(partners_of(data, position, 2000))
        assert (found[wanted == 0] == 0).all()
        shown = wanted > 0
        if shown.sum() > 1:
            assert chisquare(found[shown], 2000 * wanted[shown] / wanted.sum()).pvalue > 1e-4
        else:
            assert found[shown].tolist() == [2000]


def test_without_weights_partners_are_uniform_over_the_others():
    torch.manual_seed(1)
    found = partners_of(MixDataset(SAMPLES, RandomMixUp(num_classes=CLASSES)), 3, 2000)
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


@pytest.mark.parametrize("weights", [None, [0, 1, 3]])
def test_partners_from_another_dataset(weights):
    torch.manual_seed(3)
    mix = RandomCutMix(num_classes=CLASSES, ratio=(0.3, 0.6))
    data = MixDataset(SAMPLES, mix, partners=BACKGROUND, weights=weights)
    seen = set()
    for i in itertools.chain(*[range(CLASSES)] * 20):
        image, target = data[i]
        others = image[image >= 100].unique()
        assert len(others) == 1
        seen.add(int(others) - 100)
        wanted = torch.zeros(CLASSES)
        wanted[i] += (image < 100).float().mean()
        wanted[int(others) - 100] += (image >= 100).float().mean()
        torch.testing.assert_close(target, wanted)
    assert seen == ({0, 1, 2} if weights is None else {1, 2})
    assert len(data) == CLASSES
    one = MixDataset(SAMPLES[:1], RandomCutMix(num_classes=CLASSES, ratio=(1, 1)), partners=BACKGROUND)
    assert (one[0][0] >= 100).all()


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
        ({"weights": [0] * 5}, ValueError, ["weights", "above 0", "0"]),
        ({"weights": [0, 0, 1, 0, 0]}, ValueError, ["weights", "above 0", "2", "1"]),
        ({"weights": "abcde"}, TypeError, ["weights", "sequence of numbers", "abcde"]),
        ({"weights": 3}, TypeError, ["weights", "sequence of numbers", "3"]),
        ({"weights": [[1, 2]]}, TypeError, ["weights", "sequence of numbers"]),
        ({"partners": iter(SAMPLES)}, TypeError, ["partners", "map-style"]),
        ({"partners": []}, ValueError, ["partners", "at least one"]),
        ({"partners": BACKGROUND, "weights": [1, 2, 3, 4, 5]}, ValueError, ["weights", "3 numbers", "5"]),
    ],
)
def test_partners_that_cannot_be(options, kind, words):
    with says(kind, words):
        MixDataset(SAMPLES, RandomMixUp(num_classes=CLASSES), **options)


def test_partners_of_another_form_are_an_error():
    data = MixDataset(SAMPLES, RandomCutMix(num_classes=CLASSES, ratio=(1, 1)), partners=[(torch.rand(1, 9, 9), 2)])
    with pytest.raises(ValueError, match="samples must hold images"):
        data[0]


# --- a second batch ---------------------------------------------------------------------------------------------------

MIXES = {
    "cutmix": RandomCutMix,
    "mixup": RandomMixUp,
    "choice": lambda **options: RandomMixChoice([RandomCutMix(**options), RandomMixUp(**options)]),
}
mixes = pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)


@mixes
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_partners_from_a_second_batch(make, per_sample, count):
    """Constant images tell whose they are: their mean is the target's own expectation."""
    second = SECOND[0][:count], SECOND[1][:count]
    mix = make(num_classes=CLASSES, per_sample=per_sample)
    drawn = set()
    for _ in range(20):
        draw = mix.draw(BATCH[0], others=second)
        assert bool((draw.partners < count).all())
        drawn |= set(draw.partners.tolist())
        images, targets = mix(BATCH, draw=draw, others=second)
        wanted = torch.zeros(4, CLASSES)
        for i, (partner, lam) in enumerate(zip(draw.partners.tolist(), draw.lam.tolist(), strict=True)):
            wanted[i, BATCH[1][i]] += lam
            wanted[i, second[1][partner]] += 1 - lam
            mean = lam * BATCH[0][i].mean() + (1 - lam) * second[0][partner].mean()
            torch.testing.assert_close(images[i].mean(), mean, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(targets, wanted)
    assert drawn == set(range(count))
    assert not torch.equal(mix(*BATCH, others=second)[0], BATCH[0])
    one = mix((BATCH[0][:1], BATCH[1][:1]), others=second)
    assert one[0].shape[0] == 1


def test_unlabelled_batches_and_their_predictions():
    """Consistency training: predictions are mixed by the draw of the images."""
    mix = RandomCutMix(labels_getter=None, per_sample=True)
    images, others = BATCH[0], SECOND[0]
    draw = mix.draw(images, others=others)
    mixed = mix(images, draw=draw, others=others)
    predictions = functional.mix_targets(images.mean((1, 2, 3))[:, None], draw, others.mean((1, 2, 3))[:, None])
    torch.testing.assert_close(mixed.mean((1, 2, 3))[:, None], predictions)


def test_masks_and_dictionaries_of_a_second_batch():
    masks = BATCH[0][:, 0].long()
    first = {"image": BATCH[0], "mask": masks, "label": BATCH[1]}
    second = {"label": SECOND[1], "mask": SECOND[0][:, 0].long(), "image": SECOND[0]}
    out = RandomCutMix(num_classes=CLASSES, ratio=(0.4, 0.6))(first, others=second)
    assert torch.equal(out["mask"].float(), out["image"][:, 0])
    assert (out["mask"] >= 100).any()
    pair = RandomMixUp(target="pair")(first, others=second)
    assert isinstance(pair["mask"], MixedTarget)
    assert (pair["label"].b < CLASSES).all()


@pytest.mark.parametrize(
    ("others", "kind", "words"),
    [
        ((SECOND[0][..., :5], SECOND[1]), ValueError, ["others", "(7, 3, 17, 5)"]),
        ((SECOND[0].double(), SECOND[1]), ValueError, ["others", "float64"]),
        ((SECOND[0][:0], SECOND[1][:0]), ValueError, ["others", "at least one"]),
        ((tv_tensors.Image(SECOND[0]), SECOND[1]), ValueError, ["others", "kind"]),
        ((SECOND[0], SECOND[1][:3]), ValueError, ["batch size"]),
        ({"image": SECOND[0], "label": SECOND[1]}, ValueError, ["same keys", "others"]),
        (SECOND[0], ValueError, ["labels"]),
    ],
)
def test_second_batches_that_do_not_fit(others, kind, words):
    with says(kind, words):
        RandomCutMix(num_classes=CLASSES)(*BATCH, others=others)


def test_a_draw_that_points_beyond_the_second_batch():
    mix = RandomCutMix(num_classes=CLASSES)
    draw = mix.draw(BATCH[0], others=SECOND)._replace(partners=torch.tensor([6, 5, 4, 3]))
    with says(ValueError, ["draw.partners", "[0, 2)"]):
        mix(*BATCH, draw=draw, others=(SECOND[0][:2], SECOND[1][:2]))


def test_compiled_with_a_second_batch():
    mix = RandomMixUp(num_classes=CLASSES, per_sample=True)
    compiled = torch.compile(lambda batch, second: mix(batch, others=second), fullgraph=True)
    torch.manual_seed(5)
    found = [compiled(BATCH, SECOND) for _ in range(3)]
    torch.manual_seed(5)
    wanted = [mix(BATCH, others=SECOND) for _ in range(3)]
    torch.testing.assert_close(found, wanted)


# --- unions -----------------------------------------------------------------------------------------------------------

ROWS = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
LABELS = {"classes": BATCH[1], "int": ROWS, "float": ROWS.float(), "bool": ROWS.bool(), "soft": ROWS * 0.3}


@mixes
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_union_holds_every_class_that_shows(make, per_sample, labels):
    num_classes = CLASSES if labels.ndim == 1 else None
    mix = make(num_classes=num_classes, per_sample=per_sample, target="union")
    soft = functional.soft_targets(labels, num_classes)
    for _ in range(20):
        draw = mix.draw(BATCH[0])
        _, targets = mix(BATCH[0], labels, draw=draw)
        for i, (partner, lam) in enumerate(zip(draw.partners.tolist(), draw.lam.tolist(), strict=True)):
            both = torch.stack([soft[i], soft[partner]])[[lam > 0, lam < 1]]
            assert torch.equal(targets[i], both.amax(0))


def test_union_agrees_in_three_places():
    samples = [(image, row) for image, row in zip(BATCH[0], ROWS, strict=True)]
    mix = RandomCutMix(target="union", ratio=(0.3, 0.6))
    collated = MixCollate(mix)(samples)[1]
    listed = torch.stack([target for _, target in MixCollate(mix, collate_fn=list)(samples)])
    single = torch.stack([MixDataset(samples, mix)[i][1] for i in range(4)])
    for targets in (collated, listed, single):
        assert targets.dtype == torch.float32
        assert bool((targets >= ROWS).all())
        assert bool((targets.sum(1) > ROWS.sum(1)).any())


def test_union_of_values_is_an_error():
    with says(ValueError, ["target='union'", "(4,)"]):
        RandomMixUp(target="union")(BATCH[0], BATCH[1].float())
    with says(ValueError, ["target", "union"]):
        RandomMixChoice([RandomMixUp(target="union"), RandomCutMix()])


def test_union_of_what_is_not_mixed():
    rows = ROWS.float()
    rows[1] = float("nan")
    for mix in [*(RandomCutMix(target="union", p=p) for p in (0, 1e-9)), RandomMixUp(target="union").eval()]:
        torch.testing.assert_close(mix(BATCH[0], rows)[1], rows, equal_nan=True)
    smooth = RandomMixUp(target="union", num_classes=CLASSES, label_smoothing=0.5)(*BATCH)[1]
    assert smooth.unique().tolist() == pytest.approx([0.1, 0.6])
