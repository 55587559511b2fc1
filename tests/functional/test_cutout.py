"""Kernel of holes, against loops."""

import pytest
import torch
from support.arguments import BOXES, BYTES, FIVE_BOXES, HOLES_RULE, IMAGES, INF, NAN
from support.helpers import FLOATS, INTEGERS, rows_of, says
from support.oracles import cutout_loops

from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    _cutout,
    cutout,
)


def noise(*shape, dtype=torch.float32):
    if dtype.is_floating_point:
        return torch.randn(shape).to(dtype)
    return torch.randint(0, 120, shape).to(dtype)


@pytest.fixture
def way(monkeypatch):
    """Make the kernel of holes go one of its two ways, whatever suits the images better."""
    return lambda rows: monkeypatch.setattr(_cutout, "_goes_by_rows", lambda images: rows)


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
        outs.append(cutout(images, FIVE_BOXES[:, None], 9))
    assert torch.equal(*outs)
    assert not torch.equal(outs[0], images)


def test_small_rows_gradients_and_compiled_graphs_do_not_go_by_rows():
    assert _cutout._goes_by_rows(torch.empty(5, 3, 64, 64))
    assert not _cutout._goes_by_rows(torch.empty(5, 3, 17, 11))
    assert not _cutout._goes_by_rows(torch.empty(5, 3, 64, 64, requires_grad=True))
    assert not _cutout._goes_by_rows(torch.empty(5, 3, 64, 64, device="meta"))
    assert _cutout._goes_by_rows(torch.empty(5, 3, 17, 11, dtype=torch.uint16))


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


def test_booleans_can_be_cut_out():
    assert cutout(torch.ones(3, 1, 17, 11, dtype=torch.bool), HOLES, 0).sum() == (187 - (15 + 35 - 1)) + (187 - 1)


BAD_CALLS = {
    "cutout": [
        (lambda: F.cutout(IMAGES[0]), TypeError, ["holes"]),
        (lambda: F.cutout(IMAGES[0].numpy(), BOXES), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: F.cutout(BOXES, IMAGES[0]), TypeError, ["holes", "int64", "float32"]),
        (lambda: F.cutout(IMAGES[0], BOXES.tolist()), TypeError, ["holes", "tensor", "list"]),
        (lambda: F.cutout(IMAGES[0], BOXES.float()), TypeError, ["holes", "int64", "float32"]),
        (
            lambda: F.cutout(IMAGES[0], BOXES[None]),
            ValueError,
            [HOLES_RULE, "got holes (1, 4, 4) for images (3, 17, 11)"],
        ),
        (lambda: F.cutout(IMAGES, BOXES), ValueError, [HOLES_RULE, "got holes (4, 4) for images (4, 3, 17, 11)"]),
        (lambda: F.cutout(IMAGES[0], BOXES, None), TypeError, ["fill", "number", "None"]),
        (
            lambda: F.cutout(IMAGES[0], BOXES, torch.zeros(2, 3, *IMAGES.shape[-2:])),
            ValueError,
            ["fill must broadcast to images (3, 17, 11)", "(2, 3, 17, 11)"],
        ),
        (lambda: F.cutout(IMAGES[0], BOXES, ["a"]), TypeError, ["fill", "number", "['a']"]),
        (lambda: F.cutout(IMAGES[0], BOXES, {0: 1}), TypeError, ["fill", "number", "{0: 1}"]),
        (lambda: F.cutout(IMAGES[0], BOXES, "random"), ValueError, ["fill", "'mean'", "'random'"]),
        (lambda: F.cutout(IMAGES[0], BOXES, []), ValueError, ["fill", "channel (3)", "[]"]),
        (lambda: F.cutout(BYTES[0], BOXES, NAN), ValueError, ["fill", "[0, 255]", "nan"]),
        (lambda: F.cutout(BYTES[0], BOXES, INF), ValueError, ["fill", "[0, 255]", "inf"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor(255.6)), ValueError, ["fill", "from 0 to 255", "256.0"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor([[[0, 300]]])), ValueError, ["fill", "from 0 to 255", "300.0"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor([[[-1, 0]]])), ValueError, ["fill", "from 0 to 255", "-1.0"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.zeros(0)), ValueError, ["fill, images must", "broadcast", "(0,)"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor([[[NAN]]])), ValueError, ["fill", "from 0 to 255", "nan"]),
        (lambda: F.cutout(IMAGES[0].half(), BOXES, 1e6), ValueError, ["fill", "float16", "1000000.0"]),
        (lambda: F.cutout(IMAGES[0], BOXES, torch.zeros(3)), ValueError, ["fill, images must", "broadcast", "(3,)"]),
        (lambda: F.cutout(IMAGES[0] + 0j, BOXES), TypeError, ["images", "float or integer", "complex64"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
