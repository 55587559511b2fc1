"""Draws that are made by hand: what is computed of them, and what they must not be."""

import pytest
import torch
from support.arguments import (
    BOX,
    BOXES,
    DRAW,
    FIVE_BOXES,
    FIVE_PARTNERS,
    IMAGES,
    LABELS,
    LAM,
    NAN,
    PARTNERS,
    ROWS,
    SIZE,
    changed,
)
from support.helpers import rows_of, says

from cutmix_transforms import MixDraw, RandomCutMix, show_batch
from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    mix_draw,
)


def test_draws_made_by_hand_have_fractions_in_float32():
    boxes = torch.tensor([[0, 0, 2, 5], [1, 1, 3, 4]])
    draw = mix_draw(torch.tensor([1, 0]), boxes, (4, 5), torch.tensor([1.0, 0.1], dtype=torch.float64))
    assert draw.opacity.dtype == draw.lam.dtype == torch.float32
    torch.testing.assert_close(draw.lam, torch.tensor([0.5, 1 - 0.1 * 6 / 20]))


@pytest.mark.parametrize("opacity", [0.5, torch.tensor([0.5, 0.2], dtype=torch.float64)], ids=["number", "tensor"])
def test_a_draw_by_hand_lies_on_the_device_of_its_boxes(opacity):
    """Its opacity is of float32, whatever the default."""
    partners, boxes = torch.tensor([1, 0], device="meta"), torch.zeros(2, 4, dtype=torch.int64, device="meta")
    assert mix_draw(partners, boxes, (4, 5), opacity).opacity.device.type == "meta"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        draw = mix_draw(torch.tensor([1, 0]), torch.zeros(2, 4, dtype=torch.int64), (4, 5), opacity)
    finally:
        torch.set_default_dtype(before)
    assert draw.opacity.dtype == torch.float32


@pytest.mark.parametrize(
    ("boxes", "opacity", "words"),
    [
        (FIVE_BOXES[:3], 1.0, ["boxes", "(5, 4)", "(3, 4)"]),
        (FIVE_BOXES, 1.5, ["opacity", "0 to 1", "1.5"]),
        (FIVE_BOXES, torch.ones(3), ["opacity", "(5,)", "(3,)"]),
    ],
)
def test_draws_by_hand_that_do_not_fit(boxes, opacity, words):
    with says(ValueError, words):
        mix_draw(FIVE_PARTNERS, boxes, (17, 11), opacity)


# What takes a draw, and what it says of one that was made by hand: of its form, and of its numbers.
TAKERS = {
    "mix": lambda draw: RandomCutMix(num_classes=3)(IMAGES, LABELS, draw=draw),
    "mix_images": lambda draw: F.mix_images(IMAGES, draw),
    "mix_targets": lambda draw: F.mix_targets(ROWS, draw),
    "union_targets": lambda draw: F.union_targets(ROWS, draw),
    "pair_targets": lambda draw: F.pair_targets(LABELS, draw),
    "show_batch": lambda draw: show_batch(IMAGES, draw=draw),
}
FORMS = [
    (tuple(DRAW), TypeError, ["draw", "MixDraw", "tuple"]),
    (DRAW._asdict(), TypeError, ["draw", "MixDraw", "dict"]),
    (MixDraw, TypeError, ["draw", "MixDraw", "type"]),
    (changed(partners=[3, 0, 1, 2]), TypeError, ["draw.partners", "(N,)", "list: [3, 0, 1, 2]"]),
    (changed(partners=PARTNERS.numpy()), TypeError, ["draw.partners", "tensor", "ndarray"]),
    (changed(partners=PARTNERS.float()), TypeError, ["draw.partners", "int64", "float32"]),
    (changed(partners=PARTNERS.bool()), TypeError, ["draw.partners", "int64", "bool"]),
    (changed(partners=PARTNERS.byte()), TypeError, ["draw.partners", "int64", "uint8"]),
    (changed(partners=PARTNERS[:, None]), ValueError, ["draw.partners", "(N,)", "(4, 1)"]),
    (changed(boxes=None), TypeError, ["draw.boxes", "(N, 4)", "NoneType"]),
    (changed(boxes=BOXES.float()), TypeError, ["draw.boxes", "int64", "float32"]),
    (changed(boxes=BOXES.bool()), TypeError, ["draw.boxes", "int64", "bool"]),
    (changed(boxes=BOX), ValueError, ["draw.boxes", "(N, 4)", "(4,)"]),
    (changed(boxes=BOXES[:, :2]), ValueError, ["draw.boxes", "(N, 4)", "(4, 2)"]),
    (changed(opacity=1.0), TypeError, ["draw.opacity", "tensor", "float: 1.0"]),
    (changed(opacity=LABELS), TypeError, ["draw.opacity", "float", "int64"]),
    (changed(opacity=LAM[:, None]), ValueError, ["draw.opacity", "(N,)", "(4, 1)"]),
    (changed(size=None), TypeError, ["draw.size", "(height, width)", "NoneType"]),
    (changed(size=17), TypeError, ["draw.size", "(height, width)", "int: 17"]),
    (changed(size=(17.0, 11.0)), TypeError, ["draw.size", "integers", "(17.0, 11.0)"]),
    (changed(size=(17, 11, 3)), ValueError, ["draw.boxes", "(N, 6)", "(4, 4)"]),
    (changed(size=torch.tensor(SIZE)), TypeError, ["draw.size", "(height, width)", "int64 of shape (2,)"]),
    (changed(size=(-17, 11)), ValueError, ["draw.size", "at least 0", "(-17, 11)"]),
]
BOXES_OUTSIDE = [
    (changed(boxes=BOXES * 5), ValueError, ["draw.boxes", "17 x 11", "(0, 0, 10, 15)"]),
    (changed(boxes=BOXES.flip(1)), ValueError, ["draw.boxes", "17 x 11", "(3, 2, 0, 0)"]),
]
OPACITIES = [
    (changed(opacity=LAM * NAN), ValueError, ["draw.opacity", "0 to 1", "nan"]),
    (changed(opacity=LAM + 1), ValueError, ["draw.opacity", "0 to 1", "1.29"]),
    (changed(opacity=LAM - torch.tensor([0.8, 0, 0, 0])), ValueError, ["draw.opacity", "0 to 1", "got -0.5"]),
]
NUMBERS = [
    (changed(partners=PARTNERS + 1), ValueError, ["draw.partners", "[0, 4)", "4"]),
    (changed(partners=PARTNERS - 1), ValueError, ["draw.partners", "[0, 4)", "-1"]),
]
BAD_DRAWS = [(taker, *row) for row in FORMS for taker in TAKERS]
BAD_DRAWS += [(taker, *row) for row in BOXES_OUTSIDE for taker in TAKERS]
BAD_DRAWS += [(taker, *row) for row in OPACITIES for taker in TAKERS if taker != "show_batch"]
BAD_DRAWS += [(taker, *row) for row in NUMBERS for taker in TAKERS if taker != "show_batch"]


@pytest.mark.parametrize(("taker", "draw", "kind", "words"), BAD_DRAWS)
def test_draws_made_by_hand(taker, draw, kind, words):
    with says(kind, words):
        TAKERS[taker](draw)


BAD_CALLS = {
    "mix_draw": [
        (lambda: F.mix_draw(PARTNERS, BOXES), TypeError, ["size"]),
        (lambda: F.mix_draw(BOXES, PARTNERS, SIZE), ValueError, ["partners", "(N,)", "(4, 4)"]),
        (lambda: F.mix_draw(PARTNERS.tolist(), BOXES, SIZE), TypeError, ["partners", "tensor", "[3, 0, 1, 2]"]),
        (lambda: F.mix_draw(PARTNERS.float(), BOXES, SIZE), TypeError, ["partners", "int64", "float32"]),
        (lambda: F.mix_draw(PARTNERS[0], BOXES, SIZE), ValueError, ["partners", "(N,)", "()"]),
        (lambda: F.mix_draw(PARTNERS - 1, BOXES, SIZE), ValueError, ["partners", "at least 0", "-1"]),
        (lambda: F.mix_draw(PARTNERS, BOXES.tolist(), SIZE), TypeError, ["boxes", "(N, 4)", "list"]),
        (lambda: F.mix_draw(PARTNERS, BOXES[:, :2], SIZE), ValueError, ["boxes", "(N, 4)", "(4, 2)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES[:, None], SIZE), ValueError, ["boxes", "(N, 4)", "(4, 1, 4)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES[:3], SIZE), ValueError, ["boxes", "(N, 4) = (4, 4)", "(3, 4)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES.float(), SIZE), TypeError, ["boxes", "int64", "float32"]),
        (lambda: F.mix_draw(PARTNERS, BOXES * 9, SIZE), ValueError, ["boxes", "17 x 11", "(0, 0, 18, 27)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES - 1, SIZE), ValueError, ["boxes", "17 x 11", "(-1, -1, 1, 2)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES.flip(1), SIZE), ValueError, ["boxes", "17 x 11", "(3, 2, 0, 0)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, 17), TypeError, ["size", "(height, width)", "17"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, (17.0, 11.0)), TypeError, ["size", "(17.0, 11.0)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, (0, 0)), ValueError, ["boxes", "0 x 0", "(0, 0, 2, 3)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, "full"), TypeError, ["opacity", "number", "'full'"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, None), TypeError, ["opacity", "number", "None"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, True), TypeError, ["opacity", "number", "True"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, NAN), ValueError, ["opacity", "0 to 1", "nan"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, [0.5] * 4), TypeError, ["opacity", "[0.5, 0.5, 0.5, 0.5]"]),
        (
            lambda: F.mix_draw(PARTNERS, BOXES, SIZE, torch.tensor(0.5)),
            ValueError,
            ["opacity", "(N,), or a number", "()"],
        ),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, LABELS), TypeError, ["opacity", "float", "int64"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, LAM + 1), ValueError, ["opacity", "0 to 1", "1.29"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
