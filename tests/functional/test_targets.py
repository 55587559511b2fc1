"""Targets: every row of what may come in, and what comes out."""

import pytest
import torch
from support.arguments import DRAW, IMAGES, LABELS, ROWS
from support.batches import BATCH, CLASSES
from support.helpers import HEIGHT, WIDTH, rows_of, says
from support.mixes import BOTH, mixes
from support.oracles import constant_images, target_loops, told_fractions

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
    functional,
)
from cutmix_transforms import functional as F
from cutmix_transforms.functional import mix_draw, mix_targets, pair_targets, soft_targets

both = pytest.mark.parametrize("make", BOTH)


def draw_for(count, *, seed=0):
    torch.manual_seed(seed)
    return RandomMixUp(per_sample=True).draw(torch.empty(count, 1, HEIGHT, WIDTH))


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16], ids=str)
def test_pixels_and_targets_agree(make, dtype):
    """Sample j is j everywhere, with label j: a pasted image tells its own target; a blended one its mean."""
    images, labels = constant_images(20, 1, HEIGHT, WIDTH, dtype=dtype), torch.arange(20)
    mix = make(num_classes=20, per_sample=True)
    for _ in range(20):
        mixed, targets = mix(images, labels)
        if make is RandomCutMix:
            for fractions, target in zip(told_fractions(mixed), targets, strict=True):
                for j, fraction in fractions.items():
                    assert abs(fraction - target[j].item()) < 1e-6
        else:
            mean = targets @ torch.arange(20.0)
            atol = {torch.float32: 1e-5, torch.uint8: 0.5 + 1e-5, torch.bfloat16: 0.07}[dtype]
            torch.testing.assert_close(mixed.float().mean((1, 2, 3)), mean, rtol=0, atol=atol)


@both
def test_target_weights_do_not_take_the_dtype_of_the_images(make):
    """timm's weight became 0 with uint8 images; half precision would round it to three digits."""
    for dtype in (torch.uint8, torch.float16, torch.bfloat16):
        mix = make(num_classes=2, generator=torch.Generator().manual_seed(3))
        same = make(num_classes=2, generator=torch.Generator().manual_seed(3))
        _, targets = mix(torch.zeros(2, 1, HEIGHT, WIDTH, dtype=dtype), torch.tensor([0, 1]))
        _, wanted = same(torch.zeros(2, 1, HEIGHT, WIDTH), torch.tensor([0, 1]))
        assert torch.equal(targets, wanted)
        assert 0 < targets[0, 0] < 1


@both
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("num_classes", [None, 4])
def test_float_rows_keep_their_dtype(make, dtype, num_classes, images):
    rows = torch.rand(6, 4).to(dtype)
    mix = make(num_classes=num_classes, per_sample=True)
    draw = mix.draw(images)
    _, targets = mix(images, rows, draw=draw)
    assert targets.dtype == dtype
    lam = draw.lam[:, None].double()
    wanted = lam * rows.double() + (1 - lam) * rows[draw.partners].double()
    torch.testing.assert_close(targets, wanted.to(dtype))


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_float_values_are_mixed(make, dtype, images):
    values = torch.randn(6, dtype=dtype)
    mix = make(per_sample=True)
    draw = mix.draw(images)
    _, targets = mix(images, values, draw=draw)
    assert targets.dtype == dtype
    torch.testing.assert_close(targets, (draw.lam * values + (1 - draw.lam) * values[draw.partners]).to(dtype))


@both
@pytest.mark.parametrize("num_classes", [5, (5, 5), [5, None]])
def test_several_labels(make, num_classes, images, labels):
    rows = torch.rand(6, 5)
    second = labels.flip(0) if num_classes != [5, None] else rows
    mix = make(num_classes=num_classes, per_sample=True, labels_getter=lambda inputs: (inputs["a"], inputs["b"]))
    draw = mix.draw(images)
    out = mix({"a": labels, "image": images, "b": second, "c": labels.clone()}, draw=draw)
    torch.testing.assert_close(out["a"].double(), target_loops(labels, 5, draw.partners, draw.lam))
    wanted = mix_targets(soft_targets(second, None if second is rows else 5), draw)
    assert torch.equal(out["b"], wanted)
    assert torch.equal(out["c"], labels)


@both
def test_second_argument_may_be_several_labels(make, images, labels):
    mix = make(num_classes=(5, 9))
    _, (first, second) = mix(images, (labels, labels + 3))
    assert first.shape == (6, 5)
    assert second.shape == (6, 9)


@both
@pytest.mark.parametrize("off", ["p", "eval", "single", "empty"])
@pytest.mark.parametrize("target", ["soft", "pair"])
def test_unmixed_samples_get_the_same_form(make, off, target, images, labels):
    mix = make(num_classes=5, target=target, label_smoothing=0.1 if target == "soft" else 0)
    if off == "p":
        mix.p = 0
    if off == "eval":
        mix.eval()
    count = {"single": 1, "empty": 0}.get(off, 6)
    images, labels = images[:count], labels[:count]
    out, got = mix(images, labels)
    assert out is images
    if target == "pair":
        assert isinstance(got, MixedTarget)
        assert torch.equal(got.lam, torch.ones(count))
        assert torch.equal(got.a, labels)
    else:
        smoothing = 0.0 if off == "eval" else 0.1
        assert got.dtype == torch.float32
        assert got.shape == (count, 5)
        torch.testing.assert_close(got.double(), target_loops(labels, 5, range(count), torch.ones(count), smoothing))


@both
def test_samples_that_p_leaves_alone(make, images, labels):
    """With p below 1 and per_sample, mixed and unmixed samples stand side by side in one target."""
    mix = make(num_classes=5, p=0.5, per_sample=True)
    for _ in range(10):
        draw = mix.draw(images)
        mixed, targets = mix(images, labels, draw=draw)
        alone = draw.lam == 1
        assert torch.equal(mixed[alone], images[alone])
        assert torch.equal(targets[alone], soft_targets(labels, 5)[alone])


def test_same_class_pairs_sum_to_one(images):
    """ffcv's did not."""
    _, targets = RandomCutMix(num_classes=3)(images, torch.full((6,), 2))
    torch.testing.assert_close(targets, torch.tensor([[0.0, 0.0, 1.0]]).expand(6, 3))


def test_fraction_of_the_original_is_reported_not_that_of_the_partner():
    """kornia reports the partner's by default."""
    images, labels = constant_images(2, 1, 10, 10), torch.tensor([0, 1])
    draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 2, 5]] * 2), (10, 10))
    mixed, targets = RandomCutMix(num_classes=2)(images, labels, draw=draw)
    assert mixed[0].mean().item() == pytest.approx(0.1)
    torch.testing.assert_close(targets, torch.tensor([[0.9, 0.1], [0.1, 0.9]]))


def test_one_hot_labels_are_not_cut_like_images():
    """MONAI cuts them: here the row is mixed as a whole, although it is as wide as the image."""
    rows = torch.eye(WIDTH)[:6]
    mix = RandomCutMix()
    images = torch.rand(6, 3, HEIGHT, WIDTH)
    draw = mix.draw(images)
    _, targets = mix(images, rows, draw=draw)
    torch.testing.assert_close(targets, draw.lam[:, None] * rows + (1 - draw.lam[:, None]) * rows[draw.partners])


def test_gradients_through_targets(images):
    rows = torch.rand(6, 4, requires_grad=True)
    images.requires_grad_()
    mixed, targets = RandomMixUp()(images, rows)
    (mixed.sum() + targets.sum()).backward()
    torch.testing.assert_close(rows.grad, torch.ones(6, 4))
    torch.testing.assert_close(images.grad, torch.ones_like(images))


def test_kernels_with_a_pool_and_of_any_shape():
    draw = draw_for(3)._replace(partners=torch.tensor([4, 0, 2]))
    rows, pool = torch.rand(3, 2, 2), torch.rand(5, 2, 2)
    lam = draw.lam.view(3, 1, 1)
    torch.testing.assert_close(mix_targets(rows, draw, pool), lam * rows + (1 - lam) * pool[draw.partners])
    assert torch.equal(pair_targets(rows, draw, pool).b, pool[draw.partners])
    with pytest.raises(ValueError, match="draw must be made for 2 targets, got one for 3"):
        mix_targets(torch.rand(2, 2), draw)


def test_lam_of_the_target_is_exactly_lam_of_the_draw(images):
    draw = draw_for(6)
    targets = mix_targets(soft_targets(torch.arange(6), 6), draw)
    assert torch.equal(targets.diagonal(), draw.lam)
    assert torch.equal(targets[torch.arange(6), draw.partners], 1 - draw.lam)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_draw_made_by_hand_may_hold_opacity_in_double_precision(dtype):
    draw, rows = draw_for(6), torch.rand(6, 3, dtype=dtype)
    mixed = mix_targets(rows, draw._replace(opacity=draw.opacity.double()))
    assert mixed.dtype == dtype
    torch.testing.assert_close(mixed, mix_targets(rows, draw))


NAN_OR_INFINITE = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("value", NAN_OR_INFINITE)
@pytest.mark.parametrize("options", [{"p": 1e-9}, {"p": 0.5, "per_sample": True}, {"p": 0}], ids=str)
@mixes
def test_nothing_of_a_partner_is_in_an_unmixed_target(make, options, value):
    mix = make(**options)
    for labels in (torch.tensor([1.0, value, 3.0, 4.0]), torch.tensor([[1.0, 2], [value, 1], [3, 1], [4, 1]])):
        images = IMAGES[:4].clone()
        images[1] = value
        for _ in range(5):
            out, targets = mix(images, labels)
            for i in (0, 2, 3):
                same = torch.equal(out[i], images[i])
                assert not same or torch.equal(targets[i], labels[i])


MULTI_HOT = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
MULTI_LABELS = {
    "classes": BATCH[1],
    "int": MULTI_HOT,
    "float": MULTI_HOT.float(),
    "bool": MULTI_HOT.bool(),
    "soft": MULTI_HOT * 0.3,
}


@mixes
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("labels", MULTI_LABELS.values(), ids=MULTI_LABELS)
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
    samples = [(image, row) for image, row in zip(BATCH[0], MULTI_HOT, strict=True)]
    mix = RandomCutMix(target="union", ratio=(0.3, 0.6))
    collated = MixCollate(mix)(samples)[1]
    listed = torch.stack([target for _, target in MixCollate(mix, collate_fn=list)(samples)])
    single = torch.stack([MixDataset(samples, mix)[i][1] for i in range(4)])
    for targets in (collated, listed, single):
        assert targets.dtype == torch.float32
        assert bool((targets >= MULTI_HOT).all())
        assert bool((targets.sum(1) > MULTI_HOT.sum(1)).any())


@pytest.mark.parametrize("is_second", [False, True], ids=["batch", "others"])
def test_union_of_rows(is_second):
    """Of a draw by hand: what does not show, and what shows alone."""
    rows, pool = torch.rand(4, 3), torch.rand(5, 3)
    boxes = torch.tensor([[0, 0, 17, 11], [0, 0, 0, 0], [2, 3, 9, 8], [5, 0, 17, 11]])
    draw = mix_draw(torch.tensor([2, 3, 0, 1]), boxes, (17, 11))
    partners = (pool if is_second else rows)[draw.partners]
    wanted = [partners[0], rows[1], torch.maximum(rows[2], partners[2]), torch.maximum(rows[3], partners[3])]
    assert torch.equal(F.union_targets(rows, draw, pool if is_second else None), torch.stack(wanted))


def test_union_of_values_is_an_error():
    with says(ValueError, ["target='union'", "(4,)"]):
        RandomMixUp(target="union")(BATCH[0], BATCH[1].float())
    with says(ValueError, ["target", "union"]):
        RandomMixChoice([RandomMixUp(target="union"), RandomCutMix()])


def test_union_of_what_is_not_mixed():
    rows = MULTI_HOT.float()
    rows[1] = float("nan")
    for mix in [*(RandomCutMix(target="union", p=p) for p in (0, 1e-9)), RandomMixUp(target="union").eval()]:
        torch.testing.assert_close(mix(BATCH[0], rows)[1], rows, equal_nan=True)
    smooth = RandomMixUp(target="union", num_classes=CLASSES, label_smoothing=0.5)(*BATCH)[1]
    assert smooth.unique().tolist() == pytest.approx([0.1, 0.6])


BAD_CALLS = {
    "union_targets": [
        (lambda: F.union_targets(ROWS, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.union_targets(ROWS.long(), DRAW), TypeError, ["targets", "float", "int64"]),
        (lambda: F.union_targets(ROWS[:, 0], DRAW), ValueError, ["targets", "(N, K)", "(4,)"]),
        (lambda: F.union_targets(ROWS[:3], DRAW), ValueError, ["draw", "3 targets", "4"]),
        (lambda: F.union_targets(ROWS, DRAW, ROWS[:, :2]), ValueError, ["others", "(M, *(3,))", "(4, 2)"]),
        (lambda: F.union_targets(ROWS, DRAW, ROWS[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
    "mix_targets": [
        (lambda: F.mix_targets(ROWS), TypeError, ["draw"]),
        (lambda: F.mix_targets(ROWS, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.mix_targets(DRAW, ROWS), TypeError, ["targets", "tensor", "MixDraw"]),
        (lambda: F.mix_targets(ROWS.tolist(), DRAW), TypeError, ["targets", "tensor", "list"]),
        (lambda: F.mix_targets(ROWS.numpy(), DRAW), TypeError, ["targets", "tensor", "ndarray"]),
        (lambda: F.mix_targets(LABELS, DRAW), TypeError, ["targets", "float", "int64"]),
        (lambda: F.mix_targets(ROWS > 0, DRAW), TypeError, ["targets", "float", "bool"]),
        (lambda: F.mix_targets(torch.tensor(1.0), DRAW), ValueError, ["targets", "batch dimension", "()"]),
        (lambda: F.mix_targets(ROWS[:3], DRAW), ValueError, ["draw", "3 targets", "4"]),
        (lambda: F.mix_targets(ROWS, DRAW, [1]), TypeError, ["others", "tensor", "[1]"]),
        (lambda: F.mix_targets(ROWS, DRAW, ROWS[:, :2]), ValueError, ["others", "(M, *(3,))", "(4, 2)"]),
        (lambda: F.mix_targets(ROWS, DRAW, ROWS.double()), TypeError, ["others", "float32", "float64"]),
        (lambda: F.mix_targets(ROWS, DRAW, ROWS[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
