"""Masks of instances: visible fractions, boxes and the masks of two samples."""

import pytest
import torch
from support.arguments import BOX, BOXES, FIRST, IMAGES, LAM, MASKS, PARTNERS, VIEW
from support.helpers import rows_of, says

from cutmix_transforms import functional as F
from cutmix_transforms.functional import View, boxes_of_masks, join_masks, visible_mask_fraction


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_masks_by_loops(dtype):
    masks = (torch.rand(5, 300, 9) < 0.3).to(dtype) * (1 if dtype == torch.bool else 7)
    masks[0] = 1  # more rows than a byte can count
    holes = torch.tensor([[0, 0, 290, 5], [10, 3, 300, 7]])
    for boxes in (holes[:1], holes):
        covered = torch.zeros(300, 9, dtype=torch.bool)
        for top, left, bottom, right in boxes.tolist():
            covered[top:bottom, left:right] = True
        for inside in (False, True):
            fraction = visible_mask_fraction(masks, View(boxes, (300, 9), inside))
            seen = (masks != 0) & (covered if inside else ~covered)
            torch.testing.assert_close(fraction, seen.double().sum((1, 2)) / (masks != 0).sum((1, 2)))
    for mask, box in zip(masks, boxes_of_masks(masks).tolist(), strict=True):
        rows, columns = (mask != 0).nonzero().unbind(1)
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_join_masks_of_unequal_canvases():
    base, partner = (torch.rand(3, 10, 12) < 0.5).byte(), (torch.rand(2, 8, 20) < 0.5).byte()
    out = join_masks(base, partner, torch.tensor([2, 3, 8, 12]), (torch.tensor([0, 2]), torch.tensor([1])))
    for y in range(10):
        for x in range(12):
            inside = 2 <= y < 8 and 3 <= x < 12
            assert out[0, y, x] == (0 if inside else base[0, y, x])
            assert out[1, y, x] == (0 if inside else base[2, y, x])
            assert out[2, y, x] == (partner[1, y, x] if inside else 0)


BAD_CALLS = {
    "boxes_of_masks": [
        (lambda: F.boxes_of_masks([1]), TypeError, ["masks", "(n, H, W)", "list: [1]"]),
        (lambda: F.boxes_of_masks(MASKS.numpy()), TypeError, ["masks", "tensor", "ndarray"]),
        (lambda: F.boxes_of_masks(MASKS[0]), ValueError, ["masks", "(n, H, W)", "(17, 11)"]),
        (lambda: F.boxes_of_masks(IMAGES), ValueError, ["masks", "(n, H, W)", "(4, 3, 17, 11)"]),
        (lambda: F.boxes_of_masks(MASKS[:, :0]), ValueError, ["masks", "pixels", "(2, 0, 11)"]),
    ],
    "join_masks": [
        (lambda: F.join_masks(1, MASKS, BOX, (FIRST, FIRST)), TypeError, ["base", "(n, H, W)", "int: 1"]),
        (lambda: F.join_masks(MASKS, MASKS[0], BOX, (FIRST, FIRST)), ValueError, ["partner", "(n, H, W)", "(17, 11)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOXES, (FIRST, FIRST)), ValueError, ["box", "(4,)", "(4, 4)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX.tolist(), (FIRST, FIRST)), TypeError, ["box", "list: [0, 0, 2, 3]"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX.float(), (FIRST, FIRST)), TypeError, ["box", "int64", "float32"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX * 9, (FIRST, FIRST)), ValueError, ["box", "base", "(0, 0, 18, 27)"]),
        (lambda: F.join_masks(MASKS, MASKS[:, :1], BOX, (FIRST, FIRST)), ValueError, ["box", "partner", "1 x 11"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, FIRST), TypeError, ["kept", "pair", "int64 of shape (1,)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX[:3], (FIRST, FIRST)), ValueError, ["box", "(4,)", "(3,)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, PARTNERS[:2]), TypeError, ["kept", "pair", "int64 of shape (2,)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (BOXES, FIRST)), ValueError, ["kept", "(k,)", "(4, 4)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST, FIRST + 2)), ValueError, ["kept", "[0, 2) for partner", "2"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, ([0], [0])), TypeError, ["kept", "tensor", "list: [0]"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (LAM, FIRST)), TypeError, ["kept", "int64", "float32"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST + 5, FIRST)), ValueError, ["kept", "[0, 2) for base", "5"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST, FIRST - 1)), ValueError, ["kept", "partner", "-1"]),
    ],
    "visible_mask_fraction": [
        (lambda: F.visible_mask_fraction(None, VIEW), TypeError, ["masks", "(n, H, W)", "NoneType"]),
        (lambda: F.visible_mask_fraction(MASKS.numpy(), VIEW), TypeError, ["masks", "tensor", "ndarray"]),
        (lambda: F.visible_mask_fraction(MASKS[0], VIEW), ValueError, ["masks", "(n, H, W)", "(17, 11)"]),
        (lambda: F.visible_mask_fraction(IMAGES, VIEW), ValueError, ["masks", "(n, H, W)", "(4, 3, 17, 11)"]),
        (lambda: F.visible_mask_fraction(MASKS.mT, VIEW), ValueError, ["masks", "(17, 11)", "(2, 11, 17)"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
