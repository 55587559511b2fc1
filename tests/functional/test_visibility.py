"""What is visible of boxes, masks and keypoints, counted pixel by pixel."""

import math
from itertools import combinations, product

import pytest
import torch
from support.arguments import BOX, BOXES, CORNERS, DRAW, MASKS, POINTS, SIZE, VIEW
from support.helpers import HEIGHT, WIDTH, rows_of, says

from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    View,
    visible_boxes,
    visible_keypoints,
)


@pytest.mark.parametrize("inside", [False, True])
def test_all_boxes_and_views_of_a_small_image(inside):
    """Whatever edges they share: the tightest box round the pixels that are seen, and their share."""
    size = height, width = 4, 5
    rectangles = [
        (left, top, right, bottom)
        for top, bottom in combinations(range(height + 1), 2)
        for left, right in combinations(range(width + 1), 2)
    ]
    pixels = [set(product(range(left, right), range(top, bottom))) for left, top, right, bottom in rectangles]
    for (left, top, right, bottom), covered in zip(rectangles, pixels, strict=True):
        view = View(torch.tensor([[top, left, bottom, right]]), size, inside)
        boxes, fractions = visible_boxes(torch.tensor(rectangles), view)
        for whole, box, fraction in zip(pixels, boxes.tolist(), fractions.tolist(), strict=True):
            seen = whole & covered if inside else whole - covered
            assert math.isclose(fraction, len(seen) / len(whole), abs_tol=1e-12)
            if seen:
                columns, rows = zip(*seen, strict=True)
                assert box == [min(columns), min(rows), max(columns) + 1, max(rows) + 1]


@pytest.mark.parametrize("inside", [False, True])
def test_fractions_of_boxes_are_exact(inside):
    """In twelfths of a pixel, counted one by one; holes overlap."""
    for _ in range(20):
        edges = [torch.randint(side * 12 + 1, (6, 2)).sort(1)[0] for side in (WIDTH, HEIGHT)]
        boxes = torch.stack([edges[0][:, 0], edges[1][:, 0], edges[0][:, 1], edges[1][:, 1]], 1)
        sides = [torch.randint(side + 1, (3, 2)).sort(1)[0] for side in (HEIGHT, WIDTH)]
        holes = torch.stack([sides[0][:, 0], sides[1][:, 0], sides[0][:, 1], sides[1][:, 1]], 1)
        grid = torch.zeros(HEIGHT * 12, WIDTH * 12, dtype=torch.bool)
        for top, left, bottom, right in (holes * 12).tolist():
            grid[top:bottom, left:right] = True
        fractions = visible_boxes(boxes.double() / 12, View(holes, (HEIGHT, WIDTH), inside))[1]
        for (left, top, right, bottom), fraction in zip(boxes.tolist(), fractions.tolist(), strict=True):
            inner = grid[top:bottom, left:right]
            covered = inner.double().mean().item() if inner.numel() else 0.0
            assert fraction == pytest.approx(covered if inside else 1 - covered, abs=1e-9)
            assert (fraction == 0) == (covered == (0 if inside else 1))


def test_what_lies_outside_of_the_image_cannot_be_seen():
    view = View(torch.tensor([[0, 0, 10, 2]]), (10, 10))
    boxes, fraction = visible_boxes(torch.tensor([[-4.0, 2, 4, 6], [-4, 2, 2, 6], [6, 6, 20, 20]]), view)
    assert fraction.tolist() == [0.5, 0.0, 1.0]
    assert boxes[0].tolist() == [2, 2, 4, 6]
    assert boxes[2].tolist() == [6, 6, 20, 20]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
@pytest.mark.parametrize("inside", [False, True])
def test_points_are_seen_where_their_pixel_is(dtype, inside):
    """Every point of a grid that reaches beyond the image; what lies on the far border is in the last pixel."""
    size, mark = (5, 4), (torch.tensor(float("nan")) if dtype.is_floating_point else torch.tensor(-1))
    boxes = [(0, 1, 2, 3), (3, 2, 5, 4), (4, 0, 5, 1)]
    grid = [(x, y) for x in range(-3, 8) for y in range(-3, 8)]
    points = torch.tensor(grid, dtype=dtype).view(11, 11, 2)
    found, seen = visible_keypoints(points, View(torch.tensor(boxes), size, inside))
    for (x, y), told, is_seen in zip(grid, found.view(-1, 2), seen.flatten().tolist(), strict=True):
        column, row = (3 if x == 4 else x), (4 if y == 5 else y)
        covered = any(top <= row < bottom and left <= column < right for top, left, bottom, right in boxes)
        is_marked = dtype == torch.int64 and (x, y) == (-1, -1)
        assert is_seen == (covered == inside and not is_marked), (x, y)
        wanted = torch.tensor([x, y]).to(dtype) if is_seen else mark.expand(2)
        assert torch.equal(told.nan_to_num(nan=-99), wanted.nan_to_num(nan=-99))


def test_marked_points_stay_marked():
    points = torch.tensor([[float("nan"), float("nan")], [3.0, 3.0]])
    for inside in (False, True):
        now, seen = visible_keypoints(points, View(torch.tensor([[0, 0, 9, 9]]), (9, 9), inside))
        assert seen.tolist() == [False, inside]
        assert now.isnan().all(1).tolist() == [True, not inside]


BAD_CALLS = {
    "View": [
        (lambda: F.View(BOXES), TypeError, ["size"]),
        (lambda: F.visible_boxes(CORNERS, None), TypeError, ["view", "View", "NoneType"]),
        (lambda: F.visible_boxes(CORNERS, tuple(VIEW)), TypeError, ["view", "View", "tuple"]),
        (lambda: F.visible_boxes(CORNERS, DRAW), TypeError, ["view", "View", "MixDraw"]),
        (lambda: F.visible_keypoints(POINTS, (BOXES, SIZE)), TypeError, ["view", "View", "tuple"]),
        (lambda: F.visible_mask_fraction(MASKS, None), TypeError, ["view", "View", "NoneType"]),
        (lambda: F.visible_boxes(CORNERS, F.View([BOX], SIZE)), TypeError, ["view.boxes", "(K, 4)", "list"]),
        (lambda: F.visible_keypoints(POINTS, F.View(BOX, SIZE)), ValueError, ["view.boxes", "(K, 4)", "(4,)"]),
        (lambda: F.visible_mask_fraction(MASKS, F.View(BOXES.float(), SIZE)), TypeError, ["view.boxes", "float32"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES[:, :2], SIZE)), ValueError, ["view.boxes", "(K, 4)", "(4, 2)"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES[:, [0, 1, 2, 2]] * 9, SIZE)), ValueError, ["view.boxes", "18"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES * BOX.new_tensor([1, 1, 1, 9]), SIZE)), ValueError, ["27"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES, 17)), TypeError, ["view.size", "(height, width)", "17"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES, None)), TypeError, ["view.size", "NoneType"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES * 9, SIZE)), ValueError, ["view.boxes", "17 x 11", "27"]),
        (lambda: F.visible_mask_fraction(MASKS, F.View(BOXES - 1, SIZE)), ValueError, ["view.boxes", "(-1, -1, 1, 2)"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES[:0], SIZE, True)), ValueError, ["view.boxes", "(0, 4)"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES, SIZE, "x")), TypeError, ["view.inside", "'x'"]),
    ],
    "visible_boxes": [
        (lambda: F.visible_boxes(CORNERS.tolist(), VIEW), TypeError, ["boxes", "(n, 4)", "list"]),
        (lambda: F.visible_boxes(CORNERS[0], VIEW), ValueError, ["boxes", "(n, 4)", "(4,)"]),
        (lambda: F.visible_boxes(CORNERS[:, :3], VIEW), ValueError, ["boxes", "(n, 4)", "(1, 3)"]),
        (lambda: F.visible_boxes(CORNERS + 0j, VIEW), TypeError, ["boxes", "float or integer", "complex64"]),
    ],
    "visible_keypoints": [
        (lambda: F.visible_keypoints([[1.0, 2.0]], VIEW), TypeError, ["points", "(..., 2)", "[[1.0, 2.0]]"]),
        (lambda: F.visible_keypoints(torch.ones(3, 3), VIEW), ValueError, ["points", "(..., 2)", "(3, 3)"]),
        (lambda: F.visible_keypoints(torch.tensor(3.0), VIEW), ValueError, ["points", "(..., 2)", "()"]),
        (lambda: F.visible_keypoints(POINTS > 0, VIEW), TypeError, ["points", "float or integer", "bool"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
