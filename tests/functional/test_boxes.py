"""Boxes: their sides, where they are clipped, and the pixels inside."""

import pytest
import torch
from support.arguments import (
    BOXES,
    CENTERS,
    FIRST,
    FIVE_BOXES,
    IMAGES,
    LABELS,
    LAM,
    NAN,
    SIZE,
)
from support.helpers import rows_of, says

from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    boxes_around,
    cutmix_boxes,
    inside_boxes,
)


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
    for fraction, (top, left, bottom, right) in zip(lam.tolist(), boxes.tolist(), strict=True):
        if top > 0 and left > 0:
            assert abs(bottom - top - 200 * (1 - fraction) ** 0.5) < 1
            assert abs(right - left - 201 * (1 - fraction) ** 0.5) < 1
            assert bottom - top <= 200 * (1 - fraction) ** 0.5 + 1e-4
    assert boxes[-1].tolist() == [100, 100, 100, 100]
    assert cutmix_boxes(torch.tensor([0.36]), torch.tensor([[8, 5]]), (10, 10)).tolist() == [[4, 1, 10, 9]]


def test_inside_boxes():
    mask = inside_boxes(FIVE_BOXES, (17, 11))
    for i, (top, left, bottom, right) in enumerate(FIVE_BOXES.tolist()):
        for y in range(17):
            for x in range(11):
                assert mask[i, y, x].item() == (top <= y < bottom and left <= x < right)


BAD_CALLS = {
    "boxes_around": [
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS), TypeError, ["size"]),
        (lambda: F.boxes_around(1, 2, 3, 4, SIZE), TypeError, ["rows", "tensor", "int: 1"]),
        (lambda: F.boxes_around(LABELS, [2], LABELS, LABELS, SIZE), TypeError, ["columns", "tensor", "list: [2]"]),
        (lambda: F.boxes_around(LAM, LABELS, LABELS, LABELS, SIZE), TypeError, ["rows", "int64", "float32"]),
        (lambda: F.boxes_around(LABELS, LABELS, -LABELS, LABELS, SIZE), ValueError, ["heights", "at least 0", "-2"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, -LABELS, SIZE), ValueError, ["widths", "at least 0", "-2"]),
        (
            lambda: F.boxes_around(LABELS, FIRST, FIRST, LABELS[:3], SIZE),
            ValueError,
            ["rows, columns, heights, widths"],
        ),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS[:3], FIRST, SIZE), ValueError, ["heights", "(3,)", "(4,)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, 17), TypeError, ["size", "(height, width)", "17"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, (17,)), TypeError, ["size", "(17,)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, (17.5, 11)), TypeError, ["size", "(17.5, 11)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, (-1, 3)), ValueError, ["size", "(-1, 3)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, ("a", "b")), TypeError, ["size", "('a', 'b')"]),
    ],
    "cutmix_boxes": [
        (lambda: F.cutmix_boxes(0.3, CENTERS, SIZE), TypeError, ["lam", "(N,)", "float: 0.3"]),
        (lambda: F.cutmix_boxes(LABELS, CENTERS, SIZE), TypeError, ["lam", "float", "int64"]),
        (lambda: F.cutmix_boxes(LAM + 1, CENTERS, SIZE), ValueError, ["lam", "0 to 1", "1.29"]),
        (lambda: F.cutmix_boxes(LAM * NAN, CENTERS, SIZE), ValueError, ["lam", "0 to 1", "nan"]),
        (lambda: F.cutmix_boxes(LAM[:, None], CENTERS, SIZE), ValueError, ["lam", "(N,)", "(4, 1)"]),
        (lambda: F.cutmix_boxes(LAM, LABELS, SIZE), ValueError, ["centers", "(N, 2)", "(4,)"]),
        (lambda: F.cutmix_boxes(LAM, BOXES, SIZE), ValueError, ["centers", "(N, 2)", "(4, 4)"]),
        (lambda: F.cutmix_boxes(LAM, CENTERS[:, None], SIZE), ValueError, ["centers", "(N, 2)", "(4, 1, 2)"]),
        (lambda: F.cutmix_boxes(LAM, [(3, 4)] * 4, SIZE), TypeError, ["centers", "(N, 2)", "list"]),
        (lambda: F.cutmix_boxes(LAM, CENTERS.float(), SIZE), TypeError, ["centers", "int64", "float32"]),
        (lambda: F.cutmix_boxes(LAM[:3], CENTERS, SIZE), ValueError, ["centers", "(3, 2)", "(4, 2)"]),
        (lambda: F.cutmix_boxes(LAM, CENTERS, IMAGES), TypeError, ["size", "(4, 3, 17, 11)"]),
    ],
    "inside_boxes": [
        (lambda: F.inside_boxes(BOXES), TypeError, ["size"]),
        (lambda: F.inside_boxes(BOXES.tolist(), SIZE), TypeError, ["boxes", "(..., 4)", "list"]),
        (lambda: F.inside_boxes(BOXES[:, :3], SIZE), ValueError, ["boxes", "(..., 4)", "(4, 3)"]),
        (lambda: F.inside_boxes(torch.tensor(3), SIZE), ValueError, ["boxes", "(..., 4)", "()"]),
        (lambda: F.inside_boxes(BOXES, 17), TypeError, ["size", "(height, width)", "17"]),
        (lambda: F.inside_boxes(BOXES, (17, 11, 3)), ValueError, ["boxes", "(..., 6)", "(4, 4)"]),
        (lambda: F.inside_boxes(BOXES, (-17, 11)), ValueError, ["size", "(-17, 11)"]),
        (lambda: F.inside_boxes(BOXES, (True, 11)), TypeError, ["size", "(True, 11)"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
