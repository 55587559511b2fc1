"""Distributions, tested as distributions.

Were the seed not fixed, one run in a thousand would fail although all is right: ``ALARM`` is the probability of that
for each check, and no more are made than ``CHECKS``.
"""

from collections import Counter
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from support.helpers import HEIGHT, WIDTH

from cutmix_transforms import MixDataset, MixDraw, RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp
from cutmix_transforms._random import _stream as _random
from cutmix_transforms._random._distributions import beta

CHECKS = 300
ALARM = 1e-3 / CHECKS

checked = []


@pytest.fixture(scope="module", autouse=True)
def _no_more_checks_than_promised():
    checked.clear()  # of a run before in the same process
    yield
    assert len(checked) <= CHECKS


def passes(p):
    checked.append(p)
    assert p > ALARM


def is_distribution(sample, distribution, low=1e-6, high=1 - 1e-6):
    """Kolmogorov and Smirnov's test; beyond low and high float32 rounds too much to tell."""
    points = distribution.ppf(np.linspace(0, 1, 4001)[1:-1])
    points = points[(points > low) & (points < high)]
    found = np.searchsorted(np.sort(sample.double().numpy()), points, side="right") / len(sample)
    passes(stats.kstwobign.sf(np.abs(found - distribution.cdf(points)).max() * len(sample) ** 0.5))


def is_proportional(counts, expected=None):
    """Pearson's test of counts, with the rare cells taken together."""
    counts = np.asarray(counts)
    expected = np.ones(len(counts)) if expected is None else np.asarray(expected)
    assert not counts[expected == 0].any()
    expected = expected / expected.sum() * counts.sum()
    order = expected.argsort()
    rare = max(int((expected < 10).sum()), int((expected[order].cumsum() < 10).sum()) + 1)
    counts, expected = ([cells[order][:rare].sum(), *cells[order][rare:]] for cells in (counts, expected))
    if len(counts) > 1:
        passes(stats.chisquare(counts, expected).pvalue)


def is_rate(hits, p):
    passes(stats.binomtest(int(hits.sum()), len(hits), p).pvalue)


def are_independent(*columns):
    """Pearson's test of every two columns; numbers of more than 20 values are sorted into ten bins."""
    binned = []
    for column in map(np.asarray, columns):
        values = np.unique(column)
        edges = values[1:] if len(values) <= 20 else np.unique(np.quantile(column, np.linspace(0, 1, 11)[1:-1]))
        binned.append(np.searchsorted(edges, column, side="right"))
    for first, second in combinations(binned, 2):
        table = np.zeros((first.max() + 1, second.max() + 1))
        np.add.at(table, (first, second), 1)
        passes(stats.chi2_contingency(table).pvalue)


def draws_of_samples(mix, count=200_000, size=(HEIGHT, WIDTH)):
    """One draw of many samples, each its own."""
    vars(mix)["per_sample"] = True  # as if it had been made so
    return mix.draw(torch.empty(1).expand(count, 1, *size))


def draws_of_batches(mix, count=4000, size=(HEIGHT, WIDTH), batch=2):
    """Many draws of batches, of each the row that all samples share."""
    images = torch.empty(1).expand(batch, 1, *size)
    rows = [mix.draw(images) for _ in range(count)]
    return MixDraw(*(torch.stack([row[i][0] for row in rows]) for i in range(3)), size)


each_batch = pytest.param(draws_of_batches, marks=pytest.mark.slow, id="batches")
several = pytest.mark.parametrize("draws", [pytest.param(draws_of_samples, id="samples"), each_batch])


# --- boxes: the probability of each, counted out ---------------------------------------------------------------------


def spans(length, side, inside):
    """The probability of every ``(low, high)`` that a side of a box can take."""
    if inside:
        return {(low, low + length): 1 / (side - length + 1) for low in range(side - length + 1)}
    first = (middle - length // 2 for middle in range(side))
    times = Counter((max(low, 0), min(low + length, side)) for low in first)
    return {span: count / side for span, count in times.items()}


def code(top, left, bottom, right):
    return ((top * (WIDTH + 1) + left) * (HEIGHT + 1) + bottom) * (WIDTH + 1) + right


GRID = (HEIGHT + 1, WIDTH + 1) * 2
CODES = code(HEIGHT, WIDTH, HEIGHT, WIDTH) + 1


def follow(boxes, sides, inside):
    """Whether boxes are as often where they are as the probabilities of their ``(height, width)`` say."""
    expected = np.zeros(CODES)
    for (tall, wide), probability in sides.items():
        rows, columns = spans(tall, HEIGHT, inside), spans(wide, WIDTH, inside)
        for ((top, bottom), one), ((left, right), other) in product(rows.items(), columns.items()):
            expected[code(top, left, bottom, right)] += probability * one * other
    where = np.unravel_index(np.arange(CODES), GRID)
    found = torch.bincount(code(*boxes.T), minlength=CODES).numpy()
    is_proportional(found, expected)
    for ends in ((0, 2), (1, 3)):  # rows and columns alone: fewer boxes of each kind are needed to see a difference
        one_side = np.ravel_multi_index([where[i] for i in ends], [GRID[i] for i in ends])
        is_proportional(*(np.bincount(one_side, weights=cells) for cells in (found, expected)))


def steps(kept, cdf, height=HEIGHT, width=WIDTH):
    """The probabilities of the sides that a random number gives, which steps up where ``kept`` of a whole number is."""
    edges = sorted({0.0, 1.0, *(kept(k / side) for side in (height, width) for k in range(side + 1))})
    return list(zip(edges, edges[1:], np.diff(cdf(np.array(edges))), strict=False))


def sides_of_cutmix(cdf, height=HEIGHT, width=WIDTH, nothing=0.0):
    """The probabilities of the sides of a box; ``1 - lam0`` is 1 for a ``lam0`` that is next to nothing."""
    found = Counter({(height, width): cdf(nothing), (height - 1, width - 1): -cdf(nothing)})
    for low, high, probability in steps(lambda fraction: 1 - fraction**2, cdf, height, width):
        root = (1 - (low + high) / 2) ** 0.5
        found[int(root * height), int(root * width)] += probability
    return found


# --- fractions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draws", "alpha"),
    [
        *product([draws_of_samples], [0.1, 0.2, 0.4, 1.0, 2.5, 5.0, 1e4, 1e8]),
        *product([draws_of_batches], [0.2, 1.0, 5.0]),
    ],
)
def test_mixup_lam_is_beta(draws, alpha):
    lam = draws(RandomMixUp(alpha=alpha)).lam
    is_distribution(lam, stats.beta(alpha, alpha))
    assert lam.min() >= 0
    assert lam.max() <= 1


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 0.05, 0.1, 0.2, 0.4])
def test_beta_keeps_its_small_tail(alpha):
    """A small ``lam`` has all its digits; near 1 it is as near as float64 comes, so test it from below."""
    u, v = torch.rand(2, 200_000, dtype=torch.float64).numpy()
    lam = torch.from_numpy(beta(u, v, alpha))
    is_rate(lam < 0.5, 0.5)
    distribution = stats.beta(alpha, alpha)
    low, half = distribution.cdf(1e-30), distribution.cdf(0.5)
    tail = SimpleNamespace(
        cdf=lambda x: (distribution.cdf(x) - low) / (half - low), ppf=lambda q: distribution.ppf(low + q * (half - low))
    )
    is_distribution(lam[(lam < 0.5) & (lam > 1e-30)], tail, low=1e-30, high=0.5)


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 1.0, 1e4, 1e8])
def test_beta_of_extreme_numbers_is_a_fraction(alpha):
    ends = np.array(list(product([0.0, 2**-53, 2**-24, 0.25, 0.5, 0.75, 1 - 2**-53], repeat=2)))
    for majority in (False, True):
        lam = beta(*ends.T, alpha, majority=majority)
        assert ((lam >= 0.5 * majority) & (lam <= 1)).all()


@several
def test_majority_keeps_the_larger_fraction(draws):
    lam = draws(RandomMixUp(alpha=0.4, majority=True)).lam
    assert lam.min() >= 0.5
    distribution = stats.beta(0.4, 0.4)
    is_distribution(
        1 - lam, SimpleNamespace(cdf=lambda x: 2 * distribution.cdf(x), ppf=lambda q: distribution.ppf(q / 2)), high=0.5
    )


# --- boxes ----------------------------------------------------------------------------------------------------------


@several
@pytest.mark.parametrize(("alpha", "majority"), [(0.2, False), (0.7, False), (1.0, False), (5.0, False), (1.0, True)])
def test_cutmix_boxes(draws, alpha, majority):
    """Sides ``int(side * sqrt(1 - lam0))`` of one lam0, around a middle uniform over the pixels, clipped."""
    distribution = stats.beta(alpha, alpha)
    boxes = draws(RandomCutMix(alpha=alpha, majority=majority)).boxes

    def cdf(lam):
        return (2 * distribution.cdf(lam) - 1).clip(0) if majority else distribution.cdf(lam)

    follow(boxes, sides_of_cutmix(cdf, nothing=2**-54), inside=False)


def ratio_sides(low, high):
    rows, columns = ([length for length in range(side + 1) if low <= length / side <= high] for side in (HEIGHT, WIDTH))
    return {sides: 1 / len(rows) / len(columns) for sides in product(rows or [8], columns or [5])}


@several
@pytest.mark.parametrize("ratio", [(0.2, 0.5), (0, 0.3), (0, 1), (4 / 17, 9 / 17), (1, 1)])
def test_ratio_sides_are_uniform_and_the_box_is_inside(draws, ratio):
    follow(draws(RandomCutMix(ratio=ratio)).boxes, ratio_sides(*ratio), inside=True)


def test_ratio_without_a_whole_pixel_takes_the_one_below():
    follow(draws_of_samples(RandomCutMix(ratio=(0.5, 0.5))).boxes, {(8, 5): 1.0}, inside=True)


@pytest.mark.parametrize("options", [{"alpha": 1e12}, {"ratio": (0.5, 0.5)}], ids=["around", "inside"])
def test_places_are_uniform_in_large_images(options):
    """Where float32 has 4000 numbers a pixel."""
    boxes = draws_of_samples(RandomCutMix(**options), size=(4000, 3000)).boxes
    for low, high, side in ((boxes[:, 0], boxes[:, 2], 4000), (boxes[:, 1], boxes[:, 3], 3000)):
        length = int(side * 0.5**0.5) if "alpha" in options else side // 2
        middle = torch.where(low > 0, low, high - length) + (length // 2 if "alpha" in options else 0)
        is_proportional(torch.bincount(middle, minlength=side if "alpha" in options else side - length + 1))


def test_documented_consequences_of_clipping():
    """README and docstring quote these."""
    mean = 1.0
    for (tall, wide), probability in sides_of_cutmix(stats.uniform.cdf, 224, 224).items():
        covered = [
            sum((high - low) * one for (low, high), one in spans(length, 224, inside=False).items()) / 224
            for length in (tall, wide)
        ]
        mean -= probability * covered[0] * covered[1]
    assert round(mean, 2) == 0.68
    empty = stats.beta(0.2, 0.2).cdf(1 / 32**2)
    assert round(empty, 2) == 0.13
    is_rate(draws_of_samples(RandomCutMix(alpha=0.2), size=(32, 32)).lam == 1, empty)


def test_lam_is_counted_from_the_pixels_of_the_box():
    draw = draws_of_samples(RandomCutMix(opacity=(0.3, 0.9)), 500)
    for lam, (top, left, bottom, right), opacity in zip(draw.lam, draw.boxes, draw.opacity, strict=True):
        inside = sum(1 for y in range(HEIGHT) for x in range(WIDTH) if top <= y < bottom and left <= x < right)
        assert abs(lam.item() - (1 - opacity.item() * inside / (HEIGHT * WIDTH))) < 1e-6


@several
def test_opacity_is_uniform_in_its_range(draws):
    is_distribution(draws(RandomCutMix(opacity=(0.25, 0.75))).opacity, stats.uniform(0.25, 0.5))
    assert set(draws(RandomCutMix(opacity=0.25), 100).opacity.tolist()) == {0.25}


# --- probability and choice -----------------------------------------------------------------------------------------

makers = pytest.mark.parametrize(
    "make", [RandomMixUp, lambda **options: RandomCutMix(ratio=(0.5, 0.5), **options)], ids=["mixup", "cutmix"]
)


@several
@makers
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_p_is_the_rate(draws, make, p):
    is_rate(draws(make(p=p)).lam < 1, p)


@makers
def test_probability_decides_for_all_of_a_batch(make):
    mix = make(p=0.3)
    mixed = [mix.draw(torch.empty(3, 1, HEIGHT, WIDTH)).lam < 1 for _ in range(100)]
    assert {int(one.sum()) for one in mixed} == {0, 3}


@several
def test_what_is_mixed_follows_the_same_distribution_whatever_p_is(draws):
    """The probability to be mixed has numbers of its own."""
    lam = draws(RandomMixUp(alpha=0.7, p=0.3)).lam
    is_distribution(lam[lam < 1], stats.beta(0.7, 0.7))
    draw = draws(RandomCutMix(ratio=(0.2, 0.5), opacity=(0.25, 0.75), p=0.3))
    mixed = draw.lam < 1
    is_distribution(draw.opacity[mixed], stats.uniform(0.25, 0.5))
    follow(draw.boxes[mixed], ratio_sides(0.2, 0.5), inside=True)


def test_gate_is_applied_once_in_a_choice():
    mixes = [RandomMixUp(p=0.5, per_sample=True), RandomMixUp(p=0.5, per_sample=True)]
    is_rate(draws_of_samples(RandomMixChoice(mixes)).lam < 1, 0.5)
    mix = RandomMixChoice(mixes)  # for a batch, whose first sample is mixed as often as the others
    is_rate(torch.stack([mix.draw(torch.empty(2, 1, 4, 4)).lam[0] for _ in range(2000)]) < 1, 0.5)


@several
@pytest.mark.parametrize("weights", [None, [1, 2, 0.5], [3, 0, 1]])
def test_choice_follows_its_weights(draws, weights):
    ratios = [(0.2, 0.3), (0.5, 0.5), (0.8, 0.9)]  # 4 or 5, 8, 14 or 15 rows
    choice = RandomMixChoice([RandomCutMix(ratio=ratio) for ratio in ratios], weights=weights)
    boxes = draws(choice).boxes
    chosen = torch.bucketize(boxes[:, 2] - boxes[:, 0], torch.tensor([6, 10]))
    is_proportional(torch.bincount(chosen, minlength=3), weights)


@several
def test_choice_between_opacities(draws):
    """Whole numbers among them, and fractions that half precision could not hold."""
    opacities = torch.tensor([0.0, 0.3, 0.9, 1.0])
    choice = RandomMixChoice([RandomCutMix(opacity=opacity) for opacity in (0.9, 1, 0, 0.3)], weights=[1, 2, 2, 1])
    found, chosen = draws(choice).opacity.unique(return_inverse=True)
    assert torch.equal(found, opacities)
    is_proportional(chosen.bincount(), [2, 1, 1, 2])


def test_every_mix_of_a_choice_keeps_its_distribution():
    children = [RandomCutMix(ratio=(0.2, 0.5), per_sample=True), RandomMixUp(alpha=0.4, per_sample=True)]
    draw = draws_of_samples(RandomMixChoice(children, weights=[1, 3]))
    whole = draw.boxes[:, 2] - draw.boxes[:, 0] == HEIGHT
    is_distribution(draw.lam[whole], stats.beta(0.4, 0.4))
    assert (draw.opacity[~whole] == 1).all()
    follow(draw.boxes[~whole], ratio_sides(0.2, 0.5), inside=True)


# --- partners -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mix",
    [RandomCutMix(), RandomMixUp(per_sample=True), RandomMixChoice([RandomMixUp()])],
    ids=lambda mix: str(type(mix)),
)
@pytest.mark.parametrize("count", [2, 3, 8])
def test_partner_is_a_uniform_cyclic_shift(mix, count):
    partners = torch.stack([mix.draw(torch.empty(count, 1, 4, 4)).partners for _ in range(2000)])
    shifts = (partners - torch.arange(count)) % count
    assert (shifts == shifts[:, :1]).all()
    is_proportional(torch.bincount(shifts[:, 0], minlength=count), [0] + [1] * (count - 1))


@pytest.mark.slow
@pytest.mark.parametrize("position", [0, 2, -1])
def test_partners_of_a_data_set_are_uniform_over_all_others(position):
    data = [(torch.full((1, 4, 4), float(i)), i) for i in range(5)]
    mixed = MixDataset(data, RandomMixUp(alpha=1e12, num_classes=5))  # halves
    own = torch.arange(5) == position % 5
    partners = torch.stack([mixed[position][1].masked_fill(own, 0).argmax() for _ in range(1500)])
    is_proportional(torch.bincount(partners, minlength=5), (~own).double())


@pytest.mark.slow
@pytest.mark.parametrize("choice", [False, True])
def test_p_of_a_data_set_is_the_rate_of_samples(choice):
    data = [(torch.full((1, 4, 4), float(i)), i) for i in range(3)]
    mix = RandomMixUp(alpha=1e12, p=0.25, num_classes=3)
    mixed = MixDataset(data, RandomMixChoice([mix, mix]) if choice else mix)
    own = torch.stack([mixed[0][1][0] for _ in range(1500)])
    is_rate(own < 1, 0.25)
    torch.testing.assert_close(own[own < 1], torch.full_like(own[own < 1], 0.5))


# --- holes ----------------------------------------------------------------------------------------------------------


def holes_of(transform, count=30_000):
    """Boxes of what a transform cuts out of each of many images, if anything; the holes of all."""
    holes = transform(torch.ones(1).expand(count, 1, HEIGHT, WIDTH))[:, 0] == 0
    edges = []
    for lines in (holes.any(2).byte(), holes.any(1).byte()):
        edges += [lines.argmax(1), lines.shape[1] - lines.flip(1).argmax(1)]
    top, bottom, left, right = edges
    return torch.stack([top, left, bottom, right], dim=1), holes


def hole_sides(size):
    """The probabilities of the sides of a hole."""
    low, high = size if isinstance(size, tuple) else (size, size)
    if isinstance(low, int):
        return {(side, side): 1 / (high - low + 1) for side in range(low, high + 1)}
    if low == high:
        return {tuple(max(int(low * side), 1) for side in (HEIGHT, WIDTH)): 1.0}
    found = Counter()
    for least, most, probability in steps(lambda fraction: fraction, stats.uniform(low, high - low).cdf):
        fraction = (least + most) / 2
        found[tuple(max(int(fraction * side), 1) for side in (HEIGHT, WIDTH))] += probability
    return found


SIZES = [1, 4, 5, (2, 7), 0.5, 0.3, (0.2, 0.8), (0.01, 0.3), 1.0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("inside", [False, True])
def test_holes_of_cutout(size, inside):
    """Both sides from one number, around a middle uniform over the pixels and clipped, or uniform where they fit."""
    boxes, holes = holes_of(RandomCutout(size, inside=inside))
    assert torch.equal((boxes[:, 2:] - boxes[:, :2]).prod(1), holes.sum((1, 2)))
    follow(boxes, hole_sides(size), inside)


def test_holes_larger_than_the_image_fill_it():
    boxes, _ = holes_of(RandomCutout(30, inside=True), 10)
    assert (boxes == torch.tensor([0, 0, HEIGHT, WIDTH])).all()


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_p_of_cutout_is_the_rate_of_images(p):
    boxes, holes = holes_of(RandomCutout((2, 5), p=p))
    cut = holes.any((1, 2))
    is_rate(cut, p)
    if p:
        follow(boxes[cut], hole_sides((2, 5)), inside=False)
    _, holes = holes_of(RandomCutout(3, holes=3, p=p))
    is_rate(holes.any((1, 2)), p)


def test_holes_of_an_image_are_independent():
    """Of two holes in 15 pixels only the set can be seen: two different ones can be made in two ways."""
    out = RandomCutout(1, holes=2)(torch.ones(60_000, 1, 5, 3)).flatten(1) == 0
    first, last = out.byte().argmax(1), 14 - out.flip(1).byte().argmax(1)
    assert torch.equal(out.sum(1), 1 + (first < last).long())
    expected = [[0 if a > b else 1 + (a < b) for b in range(15)] for a in range(15)]
    is_proportional(torch.bincount(first * 15 + last, minlength=225), np.ravel(expected))


def test_images_of_a_batch_have_independent_holes():
    places = (RandomCutout(1)(torch.ones(60_000, 1, 5, 3)) == 0).flatten(1).byte().argmax(1)
    are_independent(places[:-1], places[1:])
    gates = (RandomCutout(1, p=0.5)(torch.ones(60_000, 1, 5, 3)) == 0).flatten(1).any(1)
    are_independent(gates[:-1], gates[1:])


def noise_on(image):
    return RandomCutout(1.0, inside=True, fill="random")(image)


def test_random_fill_is_noise_over_the_whole_range():
    pixels = noise_on(torch.zeros(20, 3, 60, 60, dtype=torch.uint8))
    is_proportional(torch.bincount(pixels.flatten().int(), minlength=256))
    image = torch.rand(2, 3, 150, 100) * 5 - 2
    image[1] *= 10
    for before, after in zip(image, noise_on(image), strict=True):
        low, high = before.min().item(), before.max().item()
        is_distribution(after.flatten(), stats.uniform(low, high - low), low=-np.inf, high=np.inf)
    ticks = torch.randint(-3, 4, (2, 1, 150, 100), dtype=torch.int16)
    is_proportional(torch.bincount(noise_on(ticks).flatten().int() + 3, minlength=7))


def test_pixels_of_random_fill_are_independent():
    noise = noise_on(torch.rand(2, 3, 200, 100))
    are_independent(noise[0].flatten(), noise[1].flatten())
    for dim in (1, 2, 3):
        a, b = noise.narrow(dim, 0, noise.shape[dim] - 1), noise.narrow(dim, 1, noise.shape[dim] - 1)
        are_independent(a.flatten(), b.flatten())


# --- one thing beside another ---------------------------------------------------------------------------------------


def test_draws_of_a_batch_are_shared_and_of_samples_are_not():
    batch = torch.empty(50, 1, 64, 64)
    for make in (RandomCutMix, RandomMixUp):
        assert len(set(make().draw(batch).lam.tolist())) == 1
        assert len(set(make(per_sample=True).draw(batch).lam.tolist())) > 30


@pytest.mark.slow
def test_all_of_a_draw_is_independent():
    """Where boxes are and how large they are: see the distributions of boxes."""
    up = draws_of_batches(RandomMixUp(p=0.5), 5000, batch=10)
    mixed = up.lam < 1
    are_independent(up.partners, mixed)
    are_independent(up.partners[mixed], up.lam[mixed])
    cut = draws_of_batches(RandomCutMix(ratio=(0.2, 0.5), opacity=(0.1, 0.9)), 5000, batch=10)
    top, left, bottom, right = cut.boxes.T
    are_independent(cut.partners, cut.opacity, bottom - top, right - left)
    are_independent(cut.partners, cut.opacity, top)
    are_independent(cut.partners, cut.opacity, left)
    choice = RandomMixChoice([RandomMixUp(), RandomMixUp(majority=True)])
    draw = draws_of_batches(choice, 5000, batch=10)
    are_independent(draw.partners, draw.lam)


@several
def test_one_draw_after_another_is_independent(draws):
    up = draws(RandomMixUp(p=0.5)).lam
    cut = draws(RandomCutMix(ratio=(0.2, 0.5), opacity=(0.1, 0.9)))
    for column in (up, up < 1, cut.opacity, cut.boxes[:, 2] - cut.boxes[:, 0], cut.boxes[:, 0], cut.boxes[:, 1]):
        are_independent(column[:-1], column[1:])
    shifts = draws_of_batches(RandomMixUp(), batch=10).partners
    are_independent(shifts[:-1], shifts[1:])


@pytest.mark.slow
@pytest.mark.parametrize("given", [False, True], ids=["global", "generator"])
def test_neighboring_epochs_workers_and_ranks_are_independent(given, monkeypatch):
    """What loaders seed alike on all ranks would draw, the first two draws of each of their workers."""
    epochs, workers, ranks = 40, 10, 3
    state, loader = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    lam, shift = torch.zeros(2, epochs, workers, ranks, 2)
    for epoch in range(epochs):
        base = int(torch.empty((), dtype=torch.int64).random_(generator=loader))
        for worker, rank in product(range(workers), range(ranks)):
            info = SimpleNamespace(id=worker, seed=base + worker)
            monkeypatch.setattr(torch.utils.data._utils.worker, "_worker_info", info)
            monkeypatch.setattr(_random, "_rank_of_worker", lambda _, rank=rank: rank)
            torch.manual_seed(info.seed)
            mix = RandomMixUp(generator=state.clone_state() if given else None)  # each worker has a copy
            for i in range(2):
                draw = mix.draw(torch.empty(10, 1, 1, 1))
                lam[epoch, worker, rank, i], shift[epoch, worker, rank, i] = draw.lam[0], draw.partners[0]
    is_distribution(lam.flatten(), stats.uniform)
    is_proportional(torch.bincount(shift.flatten().long(), minlength=10), [0] + [1] * 9)
    for values, dim in product((lam, shift), range(4)):
        last = values.shape[dim] - 1
        are_independent(values.narrow(dim, 0, last).flatten(), values.narrow(dim, 1, last).flatten())
