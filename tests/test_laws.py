"""Distributions, tested as distributions: the seed is fixed, and one check in ten thousand fails for a right law."""

import math

import pytest
import torch
from helpers import HEIGHT, WIDTH
from scipy import stats

from cutmix_transforms import MixDataset, RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp
from cutmix_transforms._sampling import beta

ALARM = 1e-4


def draws(mix, count=20_000, channels=1):
    """One draw of many samples, each its own."""
    mix.per_sample = True
    return mix.draw(torch.empty(count, channels, HEIGHT, WIDTH))


def uniform(counts):
    return len(counts) == 1 or stats.chisquare(counts).pvalue > ALARM


@pytest.mark.parametrize("alpha", [0.4, 1.0, 2.5, 30.0])
def test_mixup_lam_is_beta(alpha):
    lam = draws(RandomMixUp(alpha=alpha)).lam
    assert stats.kstest(lam.double().numpy(), stats.beta(alpha, alpha).cdf).pvalue > ALARM
    assert lam.min() >= 0
    assert lam.max() <= 1


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_beta_keeps_its_small_tail(alpha):
    """Small shares have all their digits; shares near 1 are as near as float32 comes, so test them from below."""
    lam = beta(torch.rand(20_000), torch.rand(20_000), alpha).double()
    small = lam[lam < 0.5]
    assert stats.binomtest(len(small), len(lam)).pvalue > ALARM
    kept = small[small > 1e-37]
    law = stats.beta(alpha, alpha)
    low, half = law.cdf(1e-37), law.cdf(0.5)
    assert stats.kstest(kept.numpy(), lambda x: (law.cdf(x) - low) / (half - low)).pvalue > ALARM
    assert not lam.isnan().any()


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 1e4, 1e8])
def test_beta_of_extreme_alpha(alpha):
    u = torch.cat([torch.rand(10_000), torch.tensor([0.0, 1 - 2**-24, 0.0, 1 - 2**-24])])
    v = torch.cat([torch.rand(10_000), torch.tensor([0.0, 0.0, 0.25, 0.75])])
    lam = beta(u, v, alpha)
    assert ((lam >= 0) & (lam <= 1)).all()
    expected = 1 / (4 * (2 * alpha + 1))
    assert math.isclose(lam.double().var().item(), expected, rel_tol=0.1, abs_tol=1e-9)


def test_majority_keeps_the_larger_share():
    lam = draws(RandomMixUp(alpha=0.4, majority=True)).lam.double()
    law = stats.beta(0.4, 0.4)
    assert lam.min() >= 0.5
    assert stats.kstest(lam.numpy(), lambda x: 2 * law.cdf(x) - 1).pvalue > ALARM
    sides = draws(RandomCutMix(alpha=0.4, majority=True)).boxes
    assert (sides[:, 2] - sides[:, 0]).max() <= int(HEIGHT * 0.5**0.5)


def test_cutmix_middle_is_uniform_over_the_pixels():
    """A huge alpha fixes lam0 at 0.5 and so the sides, from which the middle can be told although boxes are clipped."""
    boxes = draws(RandomCutMix(alpha=1e7)).boxes
    middles = []
    for side, low, high in ((HEIGHT, boxes[:, 0], boxes[:, 2]), (WIDTH, boxes[:, 1], boxes[:, 3])):
        length = int(side * 0.5**0.5)
        middle = torch.where(low > 0, low + length // 2, high - length + length // 2)
        middles.append(middle)
        assert uniform(torch.bincount(middle, minlength=side))
        assert torch.equal((middle - length // 2).clamp(min=0), low)
        assert torch.equal((middle - length // 2 + length).clamp(max=side), high)
    assert uniform(torch.bincount(middles[0] * WIDTH + middles[1], minlength=HEIGHT * WIDTH))


def test_cutmix_boxes_follow_lam0():
    """Unclipped sides are int(side * sqrt(1 - lam0)) of one lam0: compare with a simulation written apart."""
    boxes = draws(RandomCutMix(alpha=0.7), 40_000).boxes
    lam0 = torch.distributions.Beta(0.7, 0.7).sample((40_000,))
    heights, widths = ((1 - lam0).sqrt() * HEIGHT).int(), ((1 - lam0).sqrt() * WIDTH).int()
    y, x = torch.randint(HEIGHT, (40_000,)), torch.randint(WIDTH, (40_000,))
    tall = (y - heights // 2 + heights).clamp(max=HEIGHT) - (y - heights // 2).clamp(min=0)
    wide = (x - widths // 2 + widths).clamp(max=WIDTH) - (x - widths // 2).clamp(min=0)
    got_tall, got_wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    for got, expected, side in ((got_tall, tall, HEIGHT), (got_wide, wide, WIDTH)):
        table = torch.stack([torch.bincount(got, minlength=side + 1), torch.bincount(expected, minlength=side + 1)])
        assert stats.chi2_contingency(table[:, table.sum(0) > 0]).pvalue > ALARM


def test_documented_consequences_of_clipping():
    """README and docstring quote these."""
    mix = RandomCutMix(alpha=1.0, per_sample=True)
    lam = mix.draw(torch.empty(50_000, 1, 224, 224)).lam
    assert abs(lam.mean().item() - 0.68) < 0.01
    small = RandomCutMix(alpha=0.2, per_sample=True).draw(torch.empty(50_000, 1, 32, 32))
    assert abs((small.lam == 1).float().mean().item() - 0.13) < 0.01


def test_lam_is_counted_from_the_pixels_of_the_box():
    draw = draws(RandomCutMix(opacity=(0.3, 0.9)), 500)
    for lam, (top, left, bottom, right), opacity in zip(draw.lam, draw.boxes, draw.opacity, strict=True):
        inside = sum(1 for y in range(HEIGHT) for x in range(WIDTH) if top <= y < bottom and left <= x < right)
        assert abs(lam.item() - (1 - opacity.item() * inside / (HEIGHT * WIDTH))) < 1e-6


@pytest.mark.parametrize(
    ("ratio", "rows", "columns"),
    [
        ((0.2, 0.5), range(4, 9), range(3, 6)),
        ((0, 1), range(18), range(12)),
        ((0.5, 0.5), [8], [5]),
        ((1, 1), [17], [11]),
    ],
)
def test_ratio_sides_are_uniform_and_inside(ratio, rows, columns):
    boxes = draws(RandomCutMix(ratio=ratio)).boxes
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    for got, wanted, low, side in ((tall, rows, boxes[:, 0], HEIGHT), (wide, columns, boxes[:, 1], WIDTH)):
        counts = torch.bincount(got, minlength=side + 1)
        assert set(got.tolist()) == set(wanted)
        assert len(wanted) == 1 or uniform(counts[list(wanted)])
        first = wanted[0]
        assert uniform(torch.bincount(low[got == first], minlength=side - first + 1))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= HEIGHT).all()
    assert (boxes[:, 3] <= WIDTH).all()
    assert len(rows) == 1 or abs(stats.pearsonr(tall, wide).statistic) < 0.05


def test_opacity_is_uniform_in_its_range():
    opacity = draws(RandomCutMix(opacity=(0.25, 0.75))).opacity.double()
    assert stats.kstest(opacity.numpy(), stats.uniform(0.25, 0.5).cdf).pvalue > ALARM
    assert set(draws(RandomCutMix(opacity=0.25)).opacity.tolist()) == {0.25}


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_p_is_the_rate_of_samples(make, p):
    options = {"ratio": (0.5, 0.5)} if make is RandomCutMix else {}
    lam = draws(make(p=p, **options), 4000).lam
    assert stats.binomtest(int((lam < 1).sum()), 4000, p).pvalue > ALARM


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])
def test_p_is_the_rate_of_batches(make):
    mix = make(p=0.3, **({"ratio": (0.5, 0.5)} if make is RandomCutMix else {}))
    batch = torch.empty(3, 1, HEIGHT, WIDTH)
    mixed = [mix.draw(batch).lam < 1 for _ in range(1500)]
    assert all(one.all() or not one.any() for one in mixed)
    assert stats.binomtest(sum(bool(one.all()) for one in mixed), 1500, 0.3).pvalue > ALARM


def test_what_is_mixed_follows_the_same_law_whatever_p_is():
    """The chance to be mixed has numbers of its own."""
    lam = draws(RandomMixUp(alpha=0.7, p=0.3)).lam.double()
    assert stats.kstest(lam[lam < 1].numpy(), stats.beta(0.7, 0.7).cdf).pvalue > ALARM
    draw = draws(RandomCutMix(ratio=(0.2, 0.5), opacity=(0.25, 0.75), p=0.3))
    mixed = draw.lam < 1
    assert stats.kstest(draw.opacity[mixed].double().numpy(), stats.uniform(0.25, 0.5).cdf).pvalue > ALARM
    top, left, bottom, right = draw.boxes[mixed].T
    assert uniform(torch.bincount(bottom - top, minlength=9)[4:])
    assert uniform(torch.bincount(right - left, minlength=6)[3:])
    assert uniform(torch.bincount(top[bottom - top == 4], minlength=14))
    assert uniform(torch.bincount(left[right - left == 3], minlength=9))


def test_gate_is_applied_once_in_a_choice():
    mix = RandomMixChoice([RandomMixUp(p=0.5), RandomMixUp(p=0.5)], per_sample=True)
    for child in mix.transforms:
        child.per_sample = True
    lam = mix.draw(torch.empty(4000, 1, 4, 4)).lam
    assert stats.binomtest(int((lam < 1).sum()), 4000, 0.5).pvalue > ALARM


@pytest.mark.parametrize("mix", [RandomCutMix(), RandomMixUp(per_sample=True), RandomMixChoice([RandomMixUp()])])
@pytest.mark.parametrize("count", [2, 3, 8])
def test_partner_is_a_uniform_cyclic_shift(mix, count):
    shifts = []
    for _ in range(1200):
        partners = mix.draw(torch.empty(count, 1, 4, 4)).partners
        shift = (partners - torch.arange(count)) % count
        assert len(set(shift.tolist())) == 1
        shifts.append(shift[0].item())
    assert 0 not in shifts
    assert count == 2 or uniform(torch.bincount(torch.tensor(shifts), minlength=count)[1:])


def test_draws_of_a_batch_are_shared_and_of_samples_are_not():
    batch = torch.empty(50, 1, 64, 64)
    for make in (RandomCutMix, RandomMixUp):
        assert len(set(make().draw(batch).lam.tolist())) == 1
        assert len(set(make(per_sample=True).draw(batch).lam.tolist())) > 30


@pytest.mark.parametrize("per_sample", [False, True])
def test_choice_follows_its_weights(per_sample):
    mix = RandomMixChoice(
        [RandomMixUp(), RandomCutMix(ratio=(0.5, 0.5)), RandomMixUp()], weights=[1, 2, 0], per_sample=per_sample
    )
    batch = torch.empty(2000 if per_sample else 2, 1, HEIGHT, WIDTH)
    boxes = torch.cat([mix.draw(batch).boxes[: None if per_sample else 1] for _ in range(1 if per_sample else 2000)])
    whole = int(((boxes[:, 2] == HEIGHT) & (boxes[:, 0] == 0)).sum())
    assert stats.binomtest(whole, 2000, 1 / 3).pvalue > ALARM
    if not per_sample:
        boxes = mix.draw(torch.empty(20, 1, HEIGHT, WIDTH)).boxes
        assert (boxes == boxes[0]).all()


def test_every_mix_of_a_choice_keeps_its_law():
    draw = RandomMixChoice(
        [RandomCutMix(ratio=(0.5, 0.5), per_sample=True), RandomMixUp(per_sample=True)], per_sample=True
    ).draw(torch.empty(20_000, 1, HEIGHT, WIDTH))
    whole = draw.boxes[:, 2] - draw.boxes[:, 0] == HEIGHT
    assert stats.kstest(draw.lam[whole].double().numpy(), stats.uniform().cdf).pvalue > ALARM
    assert (draw.opacity[~whole] == 1).all()
    assert (draw.boxes[~whole, 3] - draw.boxes[~whole, 1] == 5).all()


def holes_of(transform, count=8000):
    """Where a transform cuts holes, told from images of ones."""
    out = transform(torch.ones(count, 1, HEIGHT, WIDTH))
    return out[:, 0] == 0


def test_cutout_middle_is_uniform_over_the_pixels():
    holes = holes_of(RandomCutout(1), 30_000)
    assert (holes.sum((1, 2)) == 1).all()
    assert uniform(holes.sum(0).flatten())


@pytest.mark.parametrize(
    ("size", "inside"), [(4, True), (5, True), (0.5, True), ((2, 7), True), (30, True), (0.3, False)]
)
def test_cutout_sizes(size, inside):
    holes = holes_of(RandomCutout(size, inside=inside))
    tall, wide = holes.any(2).sum(1), holes.any(1).sum(1)
    if isinstance(size, tuple):
        assert torch.equal(tall, wide)
        assert uniform(torch.bincount(tall, minlength=8)[2:])
    else:
        expected = [int(size * side) if isinstance(size, float) else min(size, side) for side in (HEIGHT, WIDTH)]
        assert (tall.max().item(), wide.max().item()) == tuple(expected)
        if inside:
            assert (tall.min().item(), wide.min().item()) == tuple(expected)
            top = holes.any(2).int().argmax(1)
            assert uniform(torch.bincount(top, minlength=HEIGHT - expected[0] + 1))


def test_cutout_share_is_drawn_for_both_sides_together():
    holes = RandomCutout((0.2, 0.8), inside=True)(torch.ones(4000, 1, 100, 50)) == 0
    tall, wide = holes.any(3).sum((1, 2)), holes.any(2).sum((1, 2))
    assert ((tall // 2 - wide).abs() <= 1).all()
    assert stats.kstest(tall.double().numpy() / 100, stats.uniform(0.195, 0.6).cdf).pvalue > ALARM


def test_cutout_p_is_the_rate_of_images():
    holes = holes_of(RandomCutout(3, holes=3, p=0.3), 4000)
    assert stats.binomtest(int(holes.any((1, 2)).sum()), 4000, 0.3).pvalue > ALARM


def test_holes_are_several_and_every_image_has_its_own():
    counts = holes_of(RandomCutout(1, holes=3), 4000).sum((1, 2))
    assert counts.max() == 3
    # Two of three single pixels meet with a chance of about 3 / 187.
    assert stats.binomtest(int((counts < 3).sum()), 4000, 1 - (186 / 187) * (185 / 187)).pvalue > ALARM
    positions = holes_of(RandomCutout(1), 500).flatten(1).int().argmax(1)
    assert len(set(positions.tolist())) > 100


def test_random_fill_is_noise_over_the_whole_range():
    pixels = RandomCutout(1.0, inside=True, fill="random")(torch.zeros(20, 3, 60, 60, dtype=torch.uint8))
    assert uniform(torch.bincount(pixels.flatten().int(), minlength=256))
    image = torch.rand(2, 3, 60, 60) * 5 - 2
    image[1] *= 10
    out = RandomCutout(1.0, inside=True, fill="random")(image)
    for before, after in zip(image, out, strict=True):
        low, high = before.min().item(), before.max().item()
        assert stats.kstest(after.flatten().double().numpy(), stats.uniform(low, high - low).cdf).pvalue > ALARM
    ticks = torch.randint(-3, 4, (2, 1, 60, 60), dtype=torch.int16)
    out = RandomCutout(1.0, inside=True, fill="random")(ticks)
    assert uniform(torch.bincount(out.flatten().int() + 3, minlength=7))


def test_dataset_partner_is_uniform_over_all_others():
    data = [(torch.full((1, 4, 4), float(i)), i) for i in range(7)]
    mixed = MixDataset(data, RandomCutMix(ratio=(1, 1), num_classes=7))
    partners = torch.tensor([int(mixed[2][0].max()) for _ in range(2000)])
    counts = torch.bincount(partners, minlength=7)
    assert counts[2] == 0
    assert uniform(counts[[0, 1, 3, 4, 5, 6]])


@pytest.mark.parametrize("num_mix", [1, 3])
@pytest.mark.parametrize("choice", [False, True])
def test_dataset_p_is_the_rate_of_samples(num_mix, choice):
    """However many partners there are: chance decides once."""
    data = [(torch.full((1, 4, 4), float(i)), i) for i in range(3)]
    mix = RandomMixUp(p=0.25, num_classes=3)
    mixed = MixDataset(data, RandomMixChoice([mix, mix]) if choice else mix, num_mix=num_mix)
    hit = sum(mixed[0][1][0] < 1 for _ in range(1500))
    assert stats.binomtest(int(hit), 1500, 0.25).pvalue > ALARM
