"""Kernels that mix pixels, against loops."""

import math

import pytest
import torch
from support.arguments import BYTES, DRAW, FIVE_BOXES, FIVE_PARTNERS, IMAGES
from support.helpers import FLOATS, INTEGERS, rows_of, says, slow_but
from support.oracles import mix_loops

from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    _cutout,
    _pixels,
    cutout,
    image_size,
    mix_draw,
    mix_images,
)
from cutmix_transforms.functional._by_mask import mix_by_mask, pack, paste_by_mask, unpack
from cutmix_transforms.functional._draw import for_kernels


def noise(*shape, dtype=torch.float32):
    if dtype.is_floating_point:
        return torch.randn(shape).to(dtype)
    return torch.randint(0, 120, shape).to(dtype)


@pytest.mark.parametrize("shape", [(3, 17, 11), (4, 3, 17, 11), (17, 11), (3, 67, 71)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
def test_paste_is_an_exact_copy(shape, dtype):
    if shape[-1] == 71:  # large enough to go the other way
        assert _cutout._goes_by_rows(torch.empty(5, *shape, dtype=dtype))
    images = noise(5, *shape, dtype=dtype)
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, shape[-2:])
    before = images.clone()
    out = mix_images(images, draw)
    assert out.dtype == dtype
    assert torch.equal(out.double(), mix_loops(images, draw).double())
    assert torch.equal(images.double(), before.double())
    assert out.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
def test_blend_inside_boxes(dtype):
    images = noise(5, 2, 17, 11, dtype=dtype)
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11), opacity=torch.tensor([0.25, 0.5, 0.9, 1.0, 0.0]))
    out = mix_images(images, draw).double()
    # Integers are exact: these fractions are sums of powers of two, or land on no tie.
    eps = 1e-12 if dtype == torch.float64 else 0 if not dtype.is_floating_point else 2 * torch.finfo(dtype).eps
    torch.testing.assert_close(out, mix_loops(images, draw).double(), rtol=eps, atol=eps)


def test_integers_round_to_nearest():
    images = torch.tensor([0, 255, 254, 1], dtype=torch.uint8).view(4, 1, 1, 1)
    whole = torch.tensor([[0, 0, 1, 1]]).expand(4, 4)
    draw = mix_draw(torch.tensor([1, 0, 3, 2]), whole, (1, 1), opacity=torch.tensor([0.6, 0.001, 0.9999, 0.3]))
    assert mix_images(images, draw).flatten().tolist() == [153, 255, 1, 77]


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint64, torch.int32, torch.uint8], ids=str)
def test_the_highest_integers_do_not_wrap_around(dtype):
    high = torch.iinfo(dtype).max
    images = torch.full((2, 1, 2, 2), high, dtype=dtype)
    draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 2, 2]] * 2), (2, 2), opacity=0.2)
    for out in (mix_images(images, draw), cutout(images, torch.tensor([[[0, 0, 2, 2]]] * 2), "mean")):
        assert all(high - 2048 <= value <= high for value in out.flatten().tolist())


def test_wide_integers_blend_beyond_float32():
    images = torch.tensor([2**30 + 1, 2**30 + 3]).view(2, 1, 1, 1)
    draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 1, 1]] * 2), (1, 1), opacity=0.5)
    assert mix_images(images, draw).flatten().tolist() == [2**30 + 2, 2**30 + 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_rounded_once(dtype):
    """Neither the fraction nor the sum is rounded to the images' dtype on the way."""
    images, fraction = torch.rand(2, 1, 100, 100).to(dtype), 0.3
    draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 100, 100]] * 2), (100, 100), opacity=fraction)
    exact = (images.double() * (1 - fraction) + images.flip(0).double() * fraction).to(dtype)
    assert (mix_images(images, draw) == exact).double().mean() > 0.999


@pytest.mark.parametrize("shape", [(5,), (5, 4), (5, 4, 6), (5, 2, 3, 4, 5, 6)], ids=str)
def test_mixup_draw_takes_any_shape(shape):
    batch = torch.randn(shape)
    size = image_size(batch)
    whole = torch.tensor([[0, 0, *size]]).expand(5, 4)
    lam = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0])
    out = mix_images(batch, mix_draw(FIVE_PARTNERS, whole, size, opacity=1 - lam))
    view = lam.view(-1, *(1,) * (len(shape) - 1))
    torch.testing.assert_close(out, view * batch + (1 - view) * batch[FIVE_PARTNERS])


def test_partners_from_another_pool():
    images, others = torch.zeros(5, 1, 17, 11), torch.ones(9, 1, 17, 11) * torch.arange(9).view(9, 1, 1, 1)
    draw = mix_draw(torch.tensor([8, 7, 6, 5, 0]), FIVE_BOXES, (17, 11))
    out = mix_images(images, draw, others)
    assert torch.equal(out, mix_loops(images, draw, others))


WAYS = ["one_by_one", "together", "by_mask"]


@pytest.fixture
def mixing_way(monkeypatch):
    """Make the kernel of mixes go one of its three ways."""

    def go(name):
        if name == "by_mask":
            monkeypatch.setattr(_pixels, "for_kernels", lambda draw: draw)
        monkeypatch.setattr(_pixels, "_goes_one_by_one", lambda out: name != "together")

    return go


def test_values_and_rows_from_another_pool():
    for shape in ((), (4,)):
        images, others = torch.zeros(3, *shape), torch.arange(3.0).view(3, *(1,) * len(shape)).expand(3, *shape)
        size = image_size(images)
        whole = torch.tensor([[0, 0, *size]] * 3)
        out = mix_images(images, mix_draw(torch.tensor([1, 2, 0]), whole, size, opacity=0.5), others)
        assert torch.equal(out, torch.tensor([0.5, 1.0, 0.0]).view(3, *(1,) * len(shape)).expand(3, *shape))


SHIFTED = torch.tensor([2, 3, 4, 0, 1])
SCATTERED = torch.tensor([3, 0, 1, 2, 0])
WHOLE = torch.tensor([[0, 0, 17, 11]] * 5)
ONE_BOX = torch.tensor([[2, 3, 16, 9]] * 5)
DRAWS = {
    "own_boxes": mix_draw(SHIFTED, FIVE_BOXES, (17, 11)),
    "own_boxes_blended": mix_draw(SHIFTED, FIVE_BOXES, (17, 11), opacity=torch.tensor([0.25, 0.6, 0.8, 1.0, 0.0])),
    "one_box": mix_draw(SHIFTED, ONE_BOX, (17, 11)),
    "one_box_blended": mix_draw(SHIFTED, ONE_BOX, (17, 11), opacity=0.2),
    "one_box_sometimes": mix_draw(SHIFTED, ONE_BOX, (17, 11), opacity=torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0])),
    "whole": mix_draw(SHIFTED, WHOLE, (17, 11), opacity=0.2),
    "whole_own_fractions": mix_draw(SHIFTED, WHOLE, (17, 11), opacity=torch.tensor([0.25, 0.6, 0.8, 1.0, 0.0])),
    "whole_pasted": mix_draw(SHIFTED, WHOLE, (17, 11)),
    "upright_band": mix_draw(SHIFTED, torch.tensor([[0, 3, 17, 8]] * 5), (17, 11), opacity=0.2),  # in the middle
    "level_band": mix_draw(SHIFTED, torch.tensor([[5, 0, 12, 11]] * 5), (17, 11), opacity=0.2),
    "nothing": mix_draw(SHIFTED, WHOLE, (17, 11), opacity=0.0),
    "empty_box": mix_draw(SHIFTED, WHOLE * 0, (17, 11)),
    "no_shift": mix_draw(SCATTERED, WHOLE, (17, 11), opacity=0.2),
    "no_shift_one_box": mix_draw(SCATTERED, ONE_BOX, (17, 11)),
    "with_itself": mix_draw(torch.arange(5), WHOLE, (17, 11), opacity=0.2),
}


@pytest.mark.parametrize("dtype", slow_but([torch.float32, torch.bfloat16, torch.uint8], FLOATS + INTEGERS), ids=str)
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_all_ways_are_right_and_give_the_same_bits(dtype, draw, mixing_way):
    images = noise(5, 3, 17, 11, dtype=dtype)
    before = images.clone()
    flipped = images.flip(0)
    more = torch.cat([flipped, images]), draw._replace(partners=draw.partners + 4)  # of which some are none of ours
    for others, one in ((None, draw), (flipped, draw), more):
        outs = []
        for name in WAYS[:2] if "uint" in str(dtype) and dtype != torch.uint8 else WAYS:  # those cannot be gathered
            mixing_way(name)
            outs.append(mix_images(images, one, others))
        assert all(torch.equal(outs[0], out) for out in outs[1:])
        torch.testing.assert_close(outs[0], mix_loops(images, one, others))
    assert torch.equal(images, before)


@pytest.mark.parametrize("dtype", slow_but([torch.float32, torch.uint8], FLOATS + INTEGERS), ids=str)
@pytest.mark.parametrize("name", ["own_boxes", "one_box", "one_box_sometimes", "whole_pasted", "empty_box"])
def test_pasting_by_mask_is_an_exact_copy(dtype, name):
    """The way of a GPU, which takes opaque boxes of partners that are all equally far away."""
    for shape in ((5, 17, 11), (5, 3, 17, 11), (5, 2, 3, 17, 11)):
        images, draw = noise(*shape, dtype=dtype), DRAWS[name]
        out = torch.full_like(images, 7)
        paste_by_mask(out, images, for_kernels(draw))
        assert torch.equal(out, mix_loops(images, draw).to(dtype))
    signal, short = noise(5, 3, 20), mix_draw(SHIFTED, torch.tensor([[3, 20]] * 5), (20,))
    out = torch.empty_like(signal)
    paste_by_mask(out, signal, for_kernels(short))
    assert torch.equal(out, torch.cat([signal[..., :3], signal[SHIFTED][..., 3:]], dim=2))


def test_a_packed_draw_is_rebuilt():
    draw = DRAWS["own_boxes_blended"]
    for found, wanted in zip(unpack(pack(draw), draw.size), draw, strict=True):
        assert torch.equal(found, wanted) if isinstance(wanted, torch.Tensor) else found == wanted
        assert getattr(found, "dtype", None) == getattr(wanted, "dtype", None)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("draw", [DRAWS["one_box"], DRAWS["own_boxes"]], ids=["one_box", "own_boxes"])
def test_booleans_and_complex_numbers_can_be_pasted(name, draw, mixing_way):
    mixing_way(name)
    bits = torch.rand(5, 3, 17, 11) < 0.5
    assert torch.equal(mix_images(bits, draw), mix_loops(bits.to(torch.uint8), draw).bool())
    waves = torch.randn(5, 3, 17, 11, dtype=torch.complex64)
    assert torch.equal(mix_images(waves, draw).imag, mix_loops(waves.imag, draw))


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_does_not_show_may_be_infinite(name, value, mixing_way):
    """A fraction of 0 or 1 in the midst of others is a copy, not a product with 0."""
    mixing_way(name)
    images = torch.rand(5, 3, 17, 11)
    draw = DRAWS["whole_own_fractions"]
    images[0] = value  # the partner of sample 3, which it covers wholly, and itself mixed with sample 2
    out = mix_images(images, draw)
    assert torch.equal(out[3], images[0].expand_as(out[3])) or out[3].isnan().all()
    assert out[1].isfinite().all()
    assert out[2].isfinite().all()
    images = torch.rand(5, 3, 17, 11)
    images[1] = value  # the partner of sample 4, which shows nothing of it
    assert mix_images(images, draw)[4].isfinite().all()
    images = torch.rand(5, 3, 17, 11)
    images[3] = value  # covered wholly
    assert torch.equal(mix_images(images, draw)[3], images[0])


def test_runs_without_looking_at_data():
    """On the meta device there is nothing to look at, so a host synchronisation would raise."""
    images = torch.empty(5, 3, 17, 11, device="meta")
    draw = mix_draw(FIVE_PARTNERS.to("meta"), FIVE_BOXES.to("meta"), (17, 11), opacity=0.5)
    out = mix_images(images, draw)
    assert out.shape == images.shape
    assert out.device.type == "meta"
    assert cutout(images, torch.empty(5, 2, 4, dtype=torch.int64, device="meta"), "mean").shape == images.shape


@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_channels_last_is_kept(opacity):
    images = torch.rand(5, 3, 17, 11).contiguous(memory_format=torch.channels_last)
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11), opacity=opacity)
    plain = torch.rand(5, 3, 17, 11)
    outs = [mix_images(images, draw), mix_images(images, draw, plain), cutout(images, FIVE_BOXES[:, None], plain)]
    large = images.repeat(1, 1, 5, 5).contiguous(memory_format=torch.channels_last)  # goes by rows
    for out in [*outs, mix_images(large, draw._replace(size=(85, 55)))]:
        assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(mix_images(images, draw), mix_images(images.contiguous(), draw))


def test_expanded_and_strided_images_are_not_written_to():
    row = torch.rand(1, 3, 17, 11)
    images = row.expand(5, 3, 17, 11)
    before = row.clone()
    out = mix_images(images + torch.arange(5).view(5, 1, 1, 1), mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11)))
    mix_images(images, mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11)))
    cutout(images, FIVE_BOXES[:, None], 3)
    assert torch.equal(row, before)
    wide = torch.rand(5, 3, 34, 22)[..., ::2, ::2]
    torch.testing.assert_close(
        mix_images(wide, mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11))).double(),
        mix_loops(wide, mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11))).double(),
    )
    assert out.shape == images.shape


def test_nan_and_infinity_stay_in_the_box():
    images = torch.zeros(5, 1, 17, 11)
    images[FIVE_PARTNERS[1]] = float("nan")
    images[FIVE_PARTNERS[2]] = float("inf")  # sample 2 has an empty box
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11))
    for out in (mix_images(images, draw), mix_by_mask(images, draw, images)):
        assert out[1].isnan().sum() == 7
        assert out[2].abs().sum() == 0
        assert (out[4, 0, 5:12] == 0).all()  # a pasted pixel is a copy, whatever it covers
        nothing = mix_images(images, mix_draw(FIVE_PARTNERS, FIVE_BOXES[:1].expand(5, 4), (17, 11), opacity=0.0))
        assert torch.equal(nothing.nan_to_num(7), images.nan_to_num(7))
    unmixed = mix_draw(FIVE_PARTNERS, FIVE_BOXES[:1].expand(5, 4), (17, 11), opacity=torch.tensor([0, 0.0, 0, 0, 0]))
    assert torch.equal(mix_by_mask(images, unmixed, images).nan_to_num(7), images.nan_to_num(7))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # what torch writes forward derivatives in
def test_gradients_flow_to_both_samples():
    images = torch.rand(5, 1, 17, 11, dtype=torch.float64, requires_grad=True)
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11), opacity=torch.tensor([1.0, 0.3, 1.0, 0.5, 0.25]))
    assert torch.autograd.gradcheck(lambda x: mix_images(x, draw), images, check_forward_ad=True)
    assert torch.autograd.gradcheck(lambda x: mix_by_mask(x, draw, x), images)
    mix_images(images, mix_draw(FIVE_PARTNERS, FIVE_BOXES[:1].expand(5, 4), (17, 11), opacity=0.25)).sum().backward()
    torch.testing.assert_close(images.grad, torch.ones_like(images))
    others = images.detach().clone().requires_grad_()
    mix_images(
        images.detach(), mix_draw(FIVE_PARTNERS, FIVE_BOXES[:1].expand(5, 4), (17, 11), opacity=0.25), others
    ).sum().backward()
    torch.testing.assert_close(others.grad, torch.full_like(others, 0.25))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (11, 17)}, ["draw", "(17, 11)", "(11, 17)"]),
        ({"partners": torch.tensor([1, 2])}, ["draw", "5", "2"]),
        ({"partners": torch.tensor([3, 4, 0, 1, 5])}, ["draw.partners", "[0, 5)", "5"]),
        ({"boxes": FIVE_BOXES + torch.tensor([0, 0, 1, 0])}, ["draw.boxes", "17 x 11", "(0, 0, 18, 11)"]),
        ({"boxes": FIVE_BOXES - 1}, ["draw.boxes", "-1"]),
        ({"boxes": FIVE_BOXES[:4]}, ["draw", "5 images", "(4, 4)"]),
        ({"opacity": torch.ones(3)}, ["draw", "5 images", "(3,)"]),
        ({"opacity": torch.tensor([0, 1, 0.5, 1.25, 1])}, ["draw.opacity", "0 to 1", "1.25"]),
    ],
)
def test_draws_that_do_not_fit(change, words):
    images = torch.rand(5, 3, 17, 11)
    before = images.clone()
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11))._replace(**change)
    with says(ValueError, words):
        mix_images(images, draw)
    assert torch.equal(images, before)


def test_pool_of_another_shape_and_boolean_blends():
    draw = mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11), opacity=0.5)
    with pytest.raises(ValueError, match=r"others must be of shape .*got \(5, 1, 17, 11\)"):
        mix_images(torch.rand(5, 3, 17, 11), draw, torch.rand(5, 1, 17, 11))
    with pytest.raises(TypeError, match=r"float or integer.*torch\.bool"):
        mix_images(torch.ones(5, 1, 17, 11, dtype=torch.bool), draw)
    pasted = mix_images(
        torch.tensor([True, False] * 2 + [True]).view(5, 1, 1, 1).expand(5, 1, 17, 11),
        mix_draw(FIVE_PARTNERS, FIVE_BOXES, (17, 11)),
    )
    assert pasted.dtype == torch.bool


def test_what_is_not_blended_may_be_of_any_dtype():
    masks = torch.rand(2, 1, 4, 5) > 0.5
    boxes = torch.tensor([[0, 0, 2, 5], [1, 1, 3, 4]])
    draw = mix_draw(torch.tensor([1, 0]), boxes, (4, 5), torch.tensor([1.0, 0.0]))
    mixed = mix_images(masks, draw)
    assert torch.equal(mixed[0, 0, :2], masks[1, 0, :2])
    assert torch.equal(mixed[0, 0, 2:], masks[0, 0, 2:])
    assert torch.equal(mixed[1], masks[1])


BAD_CALLS = {
    "mix_images": [
        (lambda: F.mix_images(IMAGES), TypeError, ["draw"]),
        (lambda: F.mix_images(IMAGES, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.mix_images(IMAGES, DRAW, torch.tensor(1.0)), ValueError, ["others", "batch dimension", "()"]),
        (lambda: F.mix_images(DRAW, IMAGES), TypeError, ["images", "tensor", "MixDraw"]),
        (lambda: F.mix_images(IMAGES.numpy(), DRAW), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: F.mix_images(list(IMAGES), DRAW), TypeError, ["images", "tensor", "list"]),
        (lambda: F.mix_images(torch.tensor(3.0), DRAW), ValueError, ["images", "batch dimension", "()"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES.numpy()), TypeError, ["others", "tensor", "ndarray"]),
        (lambda: F.mix_images(IMAGES, DRAW, BYTES), TypeError, ["others", "float32", "uint8"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES.double()), TypeError, ["others", "float32", "float64"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES[0]), ValueError, ["others", "(M, *(3, 17, 11))", "(3, 17, 11)"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
