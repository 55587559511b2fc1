"""Kernels of pixels against loops."""

import math

import pytest
import torch
from support.helpers import FLOATS, INTEGERS, says
from support.oracles import cutout_loops, mix_loops

from cutmix_transforms.functional import (
    _cutout,
    _pixels,
    blend,
    boxes_around,
    cutmix_boxes,
    cutout,
    image_size,
    inside_boxes,
    mix_draw,
    mix_images,
)
from cutmix_transforms.functional._by_mask import mix_by_mask

BOXES = torch.tensor([[0, 0, 17, 11], [2, 3, 9, 4], [0, 0, 0, 0], [16, 10, 17, 11], [5, 0, 12, 11]])
PARTNERS = torch.tensor([3, 4, 0, 1, 2])


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
    draw = mix_draw(PARTNERS, BOXES, shape[-2:])
    before = images.clone()
    out = mix_images(images, draw)
    assert out.dtype == dtype
    assert torch.equal(out.double(), mix_loops(images, draw).double())
    assert torch.equal(images.double(), before.double())
    assert out.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
def test_blend_inside_boxes(dtype):
    images = noise(5, 2, 17, 11, dtype=dtype)
    draw = mix_draw(PARTNERS, BOXES, (17, 11), opacity=torch.tensor([0.25, 0.5, 0.9, 1.0, 0.0]))
    out = mix_images(images, draw).double()
    # Integers are exact: these shares are sums of powers of two, or land on no tie.
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
    """Neither the share nor the sum is rounded to the images' dtype on the way."""
    images, share = torch.rand(2, 1, 100, 100).to(dtype), 0.3
    draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 100, 100]] * 2), (100, 100), opacity=share)
    exact = (images.double() * (1 - share) + images.flip(0).double() * share).to(dtype)
    assert (mix_images(images, draw) == exact).double().mean() > 0.999


@pytest.mark.parametrize("shape", [(5,), (5, 4), (5, 4, 6), (5, 2, 3, 4, 5, 6)], ids=str)
def test_mixup_draw_takes_any_shape(shape):
    batch = torch.randn(shape)
    size = image_size(batch)
    whole = torch.tensor([[0, 0, *size]]).expand(5, 4)
    lam = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0])
    out = mix_images(batch, mix_draw(PARTNERS, whole, size, opacity=1 - lam))
    view = lam.view(-1, *(1,) * (len(shape) - 1))
    torch.testing.assert_close(out, view * batch + (1 - view) * batch[PARTNERS])


def test_partners_from_another_pool():
    images, others = torch.zeros(5, 1, 17, 11), torch.ones(9, 1, 17, 11) * torch.arange(9).view(9, 1, 1, 1)
    draw = mix_draw(torch.tensor([8, 7, 6, 5, 0]), BOXES, (17, 11))
    out = mix_images(images, draw, others)
    assert torch.equal(out, mix_loops(images, draw, others))


WAYS = ["one_by_one", "together", "by_mask"]


@pytest.fixture
def way(monkeypatch):
    """Make the kernel of holes go one of its two ways, whatever suits the images better."""
    return lambda rows: monkeypatch.setattr(_cutout, "_goes_by_rows", lambda images: rows)


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
    "own_boxes": mix_draw(SHIFTED, BOXES, (17, 11)),
    "own_boxes_blended": mix_draw(SHIFTED, BOXES, (17, 11), opacity=torch.tensor([0.25, 0.6, 0.8, 1.0, 0.0])),
    "one_box": mix_draw(SHIFTED, ONE_BOX, (17, 11)),
    "one_box_blended": mix_draw(SHIFTED, ONE_BOX, (17, 11), opacity=0.2),
    "one_box_sometimes": mix_draw(SHIFTED, ONE_BOX, (17, 11), opacity=torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0])),
    "whole": mix_draw(SHIFTED, WHOLE, (17, 11), opacity=0.2),
    "whole_own_shares": mix_draw(SHIFTED, WHOLE, (17, 11), opacity=torch.tensor([0.25, 0.6, 0.8, 1.0, 0.0])),
    "whole_pasted": mix_draw(SHIFTED, WHOLE, (17, 11)),
    "upright_band": mix_draw(SHIFTED, torch.tensor([[0, 3, 17, 8]] * 5), (17, 11), opacity=0.2),  # in the middle
    "level_band": mix_draw(SHIFTED, torch.tensor([[5, 0, 12, 11]] * 5), (17, 11), opacity=0.2),
    "nothing": mix_draw(SHIFTED, WHOLE, (17, 11), opacity=0.0),
    "empty_box": mix_draw(SHIFTED, WHOLE * 0, (17, 11)),
    "no_shift": mix_draw(SCATTERED, WHOLE, (17, 11), opacity=0.2),
    "no_shift_one_box": mix_draw(SCATTERED, ONE_BOX, (17, 11)),
    "with_itself": mix_draw(torch.arange(5), WHOLE, (17, 11), opacity=0.2),
}


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS], ids=str)
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
    """A share of 0 or 1 in the midst of others is a copy, not a product with 0."""
    mixing_way(name)
    images = torch.rand(5, 3, 17, 11)
    draw = DRAWS["whole_own_shares"]
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


DTYPES = [
    (torch.float32, torch.int64),
    (torch.uint8, torch.float64),
    (torch.bool, torch.uint8),
    (torch.int8, torch.uint8),
]


@pytest.mark.parametrize(("dtype", "other"), DTYPES, ids=str)
def test_pixels_to_fill_with_may_be_of_another_dtype(dtype, other):
    image, holes, fill = torch.ones(3, 17, 11, dtype=dtype), torch.tensor([[2, 3, 9, 4], [5, 0, 12, 11]]), [0, 1, 0]
    out = cutout(image, holes, torch.tensor(fill, dtype=other).view(3, 1, 1))
    assert torch.equal(out, cutout_loops(image, holes, fill))


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16, torch.int64], ids=str)
def test_both_ways_of_cutout_give_the_same_bits(dtype, way):
    images = noise(5, 3, 17, 11, dtype=dtype)
    outs = []
    for rows in (True, False):
        way(rows)
        outs.append(cutout(images, BOXES[:, None], 9))
    assert torch.equal(*outs)
    assert not torch.equal(outs[0], images)


def test_small_rows_gradients_and_compiled_graphs_do_not_go_by_rows():
    assert _cutout._goes_by_rows(torch.empty(5, 3, 64, 64))
    assert not _cutout._goes_by_rows(torch.empty(5, 3, 17, 11))
    assert not _cutout._goes_by_rows(torch.empty(5, 3, 64, 64, requires_grad=True))
    assert not _cutout._goes_by_rows(torch.empty(5, 3, 64, 64, device="meta"))
    assert _cutout._goes_by_rows(torch.empty(5, 3, 17, 11, dtype=torch.uint16))


def test_runs_without_looking_at_data():
    """On the meta device there is nothing to look at, so a host synchronisation would raise."""
    images = torch.empty(5, 3, 17, 11, device="meta")
    draw = mix_draw(PARTNERS.to("meta"), BOXES.to("meta"), (17, 11), opacity=0.5)
    out = mix_images(images, draw)
    assert out.shape == images.shape
    assert out.device.type == "meta"
    assert cutout(images, torch.empty(5, 2, 4, dtype=torch.int64, device="meta"), "mean").shape == images.shape


@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_channels_last_is_kept(opacity):
    images = torch.rand(5, 3, 17, 11).contiguous(memory_format=torch.channels_last)
    draw = mix_draw(PARTNERS, BOXES, (17, 11), opacity=opacity)
    plain = torch.rand(5, 3, 17, 11)
    outs = [mix_images(images, draw), mix_images(images, draw, plain), cutout(images, BOXES[:, None], plain)]
    large = images.repeat(1, 1, 5, 5).contiguous(memory_format=torch.channels_last)  # goes by rows
    for out in [*outs, mix_images(large, draw._replace(size=(85, 55)))]:
        assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(mix_images(images, draw), mix_images(images.contiguous(), draw))


def test_expanded_and_strided_images_are_not_written_to():
    row = torch.rand(1, 3, 17, 11)
    images = row.expand(5, 3, 17, 11)
    before = row.clone()
    out = mix_images(images + torch.arange(5).view(5, 1, 1, 1), mix_draw(PARTNERS, BOXES, (17, 11)))
    mix_images(images, mix_draw(PARTNERS, BOXES, (17, 11)))
    cutout(images, BOXES[:, None], 3)
    assert torch.equal(row, before)
    wide = torch.rand(5, 3, 34, 22)[..., ::2, ::2]
    torch.testing.assert_close(
        mix_images(wide, mix_draw(PARTNERS, BOXES, (17, 11))).double(),
        mix_loops(wide, mix_draw(PARTNERS, BOXES, (17, 11))).double(),
    )
    assert out.shape == images.shape


def test_nan_and_infinity_stay_in_the_box():
    images = torch.zeros(5, 1, 17, 11)
    images[PARTNERS[1]] = float("nan")
    images[PARTNERS[2]] = float("inf")  # sample 2 has an empty box
    draw = mix_draw(PARTNERS, BOXES, (17, 11))
    for out in (mix_images(images, draw), mix_by_mask(images, draw, images)):
        assert out[1].isnan().sum() == 7
        assert out[2].abs().sum() == 0
        assert (out[4, 0, 5:12] == 0).all()  # a pasted pixel is a copy, whatever it covers
        nothing = mix_images(images, mix_draw(PARTNERS, BOXES[:1].expand(5, 4), (17, 11), opacity=0.0))
        assert torch.equal(nothing.nan_to_num(7), images.nan_to_num(7))
    unmixed = mix_draw(PARTNERS, BOXES[:1].expand(5, 4), (17, 11), opacity=torch.tensor([0, 0.0, 0, 0, 0]))
    assert torch.equal(mix_by_mask(images, unmixed, images).nan_to_num(7), images.nan_to_num(7))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # what torch writes forward derivatives in
def test_gradients_flow_to_both_samples():
    images = torch.rand(5, 1, 17, 11, dtype=torch.float64, requires_grad=True)
    draw = mix_draw(PARTNERS, BOXES, (17, 11), opacity=torch.tensor([1.0, 0.3, 1.0, 0.5, 0.25]))
    assert torch.autograd.gradcheck(lambda x: mix_images(x, draw), images, check_forward_ad=True)
    assert torch.autograd.gradcheck(lambda x: mix_by_mask(x, draw, x), images)
    mix_images(images, mix_draw(PARTNERS, BOXES[:1].expand(5, 4), (17, 11), opacity=0.25)).sum().backward()
    torch.testing.assert_close(images.grad, torch.ones_like(images))
    others = images.detach().clone().requires_grad_()
    mix_images(
        images.detach(), mix_draw(PARTNERS, BOXES[:1].expand(5, 4), (17, 11), opacity=0.25), others
    ).sum().backward()
    torch.testing.assert_close(others.grad, torch.full_like(others, 0.25))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (11, 17)}, ["draw", "(17, 11)", "(11, 17)"]),
        ({"partners": torch.tensor([1, 2])}, ["draw", "5", "2"]),
        ({"partners": torch.tensor([3, 4, 0, 1, 5])}, ["draw.partners", "[0, 5)", "5"]),
        ({"boxes": BOXES + torch.tensor([0, 0, 1, 0])}, ["draw.boxes", "17 x 11", "(0, 0, 18, 11)"]),
        ({"boxes": BOXES - 1}, ["draw.boxes", "-1"]),
        ({"boxes": BOXES[:4]}, ["draw", "5 images", "(4, 4)"]),
        ({"opacity": torch.ones(3)}, ["draw", "5 images", "(3,)"]),
        ({"opacity": torch.tensor([0, 1, 0.5, 1.25, 1])}, ["draw.opacity", "0 to 1", "1.25"]),
    ],
)
def test_draws_that_do_not_fit(change, words):
    images = torch.rand(5, 3, 17, 11)
    before = images.clone()
    draw = mix_draw(PARTNERS, BOXES, (17, 11))._replace(**change)
    with says(ValueError, words):
        mix_images(images, draw)
    assert torch.equal(images, before)


def test_pool_of_another_shape_and_boolean_blends():
    draw = mix_draw(PARTNERS, BOXES, (17, 11), opacity=0.5)
    with pytest.raises(ValueError, match=r"others must be of shape .*got \(5, 1, 17, 11\)"):
        mix_images(torch.rand(5, 3, 17, 11), draw, torch.rand(5, 1, 17, 11))
    with pytest.raises(TypeError, match=r"float or integer.*torch\.bool"):
        mix_images(torch.ones(5, 1, 17, 11, dtype=torch.bool), draw)
    pasted = mix_images(
        torch.tensor([True, False] * 2 + [True]).view(5, 1, 1, 1).expand(5, 1, 17, 11),
        mix_draw(PARTNERS, BOXES, (17, 11)),
    )
    assert pasted.dtype == torch.bool


def test_blend_keeps_equal_values_and_ends():
    x, y = torch.randn(1000), torch.randn(1000)
    assert torch.equal(blend(x, x, torch.tensor(0.37)), x)
    assert torch.equal(blend(x, y, torch.tensor(0.0)), x)
    assert torch.equal(blend(x, y, torch.tensor(1.0)), y)


@pytest.mark.parametrize("height", range(1, 8))
def test_boxes_around_every_pixel(height):
    """Unclipped boxes have exactly their sides, also odd ones; clipped ones are what a loop over the pixels keeps."""
    width = 5
    for row in range(17):
        for column in range(11):
            box = boxes_around(*map(torch.tensor, (row, column, height, width)), (17, 11)).tolist()
            rows = [y for y in range(row - height // 2, row - height // 2 + height) if 0 <= y < 17]
            columns = [x for x in range(column - width // 2, column - width // 2 + width) if 0 <= x < 11]
            assert box == [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]


def test_cutmix_boxes_have_the_sides_of_the_paper():
    lam = torch.linspace(0, 1, 101)
    middle = torch.tensor([100, 100]).expand(101, 2)
    boxes = cutmix_boxes(lam, middle, (200, 201))
    for share, (top, left, bottom, right) in zip(lam.tolist(), boxes.tolist(), strict=True):
        if top > 0 and left > 0:
            assert abs(bottom - top - 200 * (1 - share) ** 0.5) < 1
            assert abs(right - left - 201 * (1 - share) ** 0.5) < 1
            assert bottom - top <= 200 * (1 - share) ** 0.5 + 1e-4
    assert boxes[-1].tolist() == [100, 100, 100, 100]
    assert cutmix_boxes(torch.tensor([0.36]), torch.tensor([[8, 5]]), (10, 10)).tolist() == [[4, 1, 10, 9]]


def test_inside_boxes():
    mask = inside_boxes(BOXES, (17, 11))
    for i, (top, left, bottom, right) in enumerate(BOXES.tolist()):
        for y in range(17):
            for x in range(11):
                assert mask[i, y, x].item() == (top <= y < bottom and left <= x < right)


HOLES = torch.tensor([[[0, 0, 5, 3], [4, 2, 9, 9]], [[0, 0, 0, 0], [16, 10, 17, 11]], [[0, 0, 17, 11], [3, 3, 4, 4]]])


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
@pytest.mark.parametrize("fill", [3, (1, 2, 3), "mean"], ids=str)
def test_cutout_fills_holes_and_nothing_else(dtype, fill):
    images = noise(3, 3, 17, 11, dtype=dtype)
    out = cutout(images, HOLES, fill)
    assert out.dtype == dtype
    for i in range(3):
        if fill == "mean":
            values = images[i].double().mean((1, 2))
            values = values if dtype.is_floating_point else values.round()
        else:
            values = [fill] * 3 if isinstance(fill, int) else fill
        expected = cutout_loops(images[i].double(), HOLES[i], values)
        eps = 2 * torch.finfo(dtype).eps if dtype.is_floating_point else 0
        torch.testing.assert_close(out[i].double(), expected, rtol=eps, atol=max(eps, 1e-6 if eps else 0))
        single = cutout(images[i], HOLES[i], fill)
        assert torch.equal(single.double(), out[i].double())


def test_cutout_of_videos_is_the_same_in_every_frame():
    video = torch.rand(3, 4, 3, 17, 11)
    out = cutout(video, HOLES, "mean")
    for i in range(3):
        values = video[i].double().mean((0, 2, 3))
        for frame in range(4):
            torch.testing.assert_close(out[i, frame].double(), cutout_loops(video[i, frame].double(), HOLES[i], values))


def test_numbers_to_fill_with_keep_their_digits():
    hole = torch.tensor([[0, 0, 1, 1]])
    assert cutout(torch.ones(1, 2, 2), hole).flatten().tolist() == [0, 1, 1, 1]
    assert cutout(torch.ones(1, 2, 2, dtype=torch.float64), hole, 0.1)[0, 0, 0].item() == 0.1
    filled = [cutout(torch.ones(1, 2, 2, dtype=torch.uint8), hole, fill)[0, 0, 0].item() for fill in (255.4, -0.4)]
    assert filled == [255, 0]


def test_draws_made_by_hand_have_shares_in_float32():
    boxes = torch.tensor([[0, 0, 2, 5], [1, 1, 3, 4]])
    draw = mix_draw(torch.tensor([1, 0]), boxes, (4, 5), torch.tensor([1.0, 0.1], dtype=torch.float64))
    assert draw.opacity.dtype == draw.lam.dtype == torch.float32
    torch.testing.assert_close(draw.lam, torch.tensor([0.5, 1 - 0.1 * 6 / 20]))


def test_what_is_not_blended_may_be_of_any_dtype():
    masks = torch.rand(2, 1, 4, 5) > 0.5
    boxes = torch.tensor([[0, 0, 2, 5], [1, 1, 3, 4]])
    draw = mix_draw(torch.tensor([1, 0]), boxes, (4, 5), torch.tensor([1.0, 0.0]))
    mixed = mix_images(masks, draw)
    assert torch.equal(mixed[0, 0, :2], masks[1, 0, :2])
    assert torch.equal(mixed[0, 0, 2:], masks[0, 0, 2:])
    assert torch.equal(mixed[1], masks[1])


def test_cutout_takes_pixels_as_fill_and_rounds():
    images, pixels = torch.zeros(3, 2, 17, 11, dtype=torch.uint8), torch.rand(3, 2, 17, 11) * 255
    out = cutout(images, HOLES, pixels)
    for i in range(3):
        inside = torch.zeros(17, 11, dtype=torch.bool)
        for top, left, bottom, right in HOLES[i].tolist():
            inside[top:bottom, left:right] = True
        assert torch.equal(out[i], torch.where(inside, pixels[i].round().to(torch.uint8), images[i]))
    assert cutout(images, HOLES, 2.6).max() == 3


@pytest.mark.parametrize(
    ("images", "holes", "fill", "words"),
    [
        (torch.zeros(3, 3, 17, 11), HOLES[:2], 0, ["holes", "(2, 2, 4)", "(3, 3, 17, 11)"]),
        (torch.zeros(17, 11), HOLES[0], 0, ["holes", "(17, 11)"]),
        (torch.zeros(3, 17, 11), HOLES, 0, ["holes", "(3, 2, 4)"]),
        (torch.zeros(3, 3, 17, 11), HOLES, (1, 2), ["fill", "channel", "(1, 2)"]),
        (torch.zeros(3, 3, 17, 11, dtype=torch.uint8), HOLES, 256, ["fill", "[0, 255]", "256"]),
        (torch.zeros(3, 3, 17, 11, dtype=torch.int8), HOLES, (0, 0, -129), ["fill", "[-128, 127]", "-129"]),
        (torch.zeros(3, 3, 17, 11), HOLES, "median", ["fill", "median"]),
        (torch.zeros(3, 3, 17, 11), HOLES - 1, 0, ["holes", "17 x 11", "(-1, -1, 4, 2)"]),
        (torch.zeros(3, 3, 11, 17), HOLES, 0, ["holes", "11 x 17", "(16, 10, 17, 11)"]),
    ],
)
def test_cutout_that_does_not_fit(images, holes, fill, words):
    with says(ValueError, words):
        cutout(images, holes, fill)
    assert images.abs().sum() == 0


@pytest.mark.parametrize(
    ("boxes", "opacity", "words"),
    [
        (BOXES[:3], 1.0, ["boxes", "(5, 4)", "(3, 4)"]),
        (BOXES, 1.5, ["opacity", "0 to 1", "1.5"]),
        (BOXES, torch.ones(3), ["opacity", "(5,)", "(3,)"]),
    ],
)
def test_draws_by_hand_that_do_not_fit(boxes, opacity, words):
    with says(ValueError, words):
        mix_draw(PARTNERS, boxes, (17, 11), opacity)


def test_booleans_can_be_cut_out():
    assert cutout(torch.ones(3, 1, 17, 11, dtype=torch.bool), HOLES, 0).sum() == (187 - (15 + 35 - 1)) + (187 - 1)
