"""The visible part of boxes, masks and keypoints, as pure functions of tensors and a view."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import (
    check_boxes,
    check_indices,
    check_real,
    check_size,
    check_tensor,
    received,
)
from cutmix_transforms.functional._placement import Size

ROUNDING = 1e-9  # a smaller fraction is a rounding error


class View(NamedTuple):
    """The visible part of an image: everything outside of some boxes, or only the inside of one.

    Attributes:
        boxes: ``(K, 4)`` int64, ``(top, left, bottom, right)`` in pixels, half-open, inside the image.
        size: ``(height, width)`` of the image.
        inside: True if the inside of the box is visible, False if everything outside of the boxes is.

    Example:
        >>> View(torch.tensor([[0, 0, 10, 4]]), size=(10, 20)).inside
        False
    """

    boxes: Tensor
    size: Size
    inside: bool = False


def check_view(view: Any) -> None:
    """Raise an error unless ``view`` is a valid ``View``."""
    if not isinstance(view, View):
        raise TypeError(f"view must be a View, got {received(view)}")
    check_indices("view.boxes", view.boxes, "(K, 4)", ndims=(2,), last=4)
    check_size("view.size", view.size)
    if not isinstance(view.inside, bool):
        raise TypeError(f"view.inside must be True or False, got {received(view.inside)}")
    if view.inside and not len(view.boxes):
        raise ValueError(f"view.boxes must hold a box when view.inside is True, got {tuple(view.boxes.shape)}")
    check_boxes("view.boxes", view.boxes, view.size)


def visible_boxes(boxes: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """Return the tightest boxes around the visible parts of boxes, and the visible fractions.

    A box becomes smaller if a whole side of it is hidden. It stays as it is if only a corner or the middle is hidden.

    Args:
        boxes: ``(left, top, right, bottom)``, torchvision's format ``XYXY``, in pixels.
        view: the visible part of the image. If the view is the outside of several boxes, only the fractions are
            computed, and ``boxes`` are returned unchanged.

    Shape:
        - boxes: ``(n, 4)``; output: ``(n, 4)`` float64, and fractions ``(n,)`` float64.

    Returns:
        The boxes, meaningless where the fraction is 0; and the visible fraction of each box's part inside the image.

    Raises:
        TypeError: if ``boxes`` is not a tensor of real numbers, or ``view`` is not a ``View``.
        ValueError: if ``boxes`` has a wrong shape, or the boxes of the view lie outside the image.

    Example:
        >>> view = View(torch.tensor([[0, 0, 10, 4]]), size=(10, 10))
        >>> boxes, fraction = visible_boxes(torch.tensor([[2, 2, 6, 6], [2, 2, 4, 6]]), view)
        >>> boxes[0], fraction
        (tensor([4., 2., 6., 6.], dtype=torch.float64), tensor([0.5000, 0.0000], dtype=torch.float64))
    """
    check_tensor("boxes", boxes, "(n, 4)", ndims=(2,), last=4)
    check_real("boxes", boxes)
    check_view(view)
    boxes = boxes.to(torch.float64)
    height, width = view.size
    within = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
    fraction = _visible_fraction(within, view)
    if view.inside:
        top, left, bottom, right = view.boxes[0].to(boxes).unbind()
        low, high = torch.stack([left, top]), torch.stack([right, bottom])
        return torch.cat([within[:, :2].maximum(low), within[:, 2:].minimum(high)], dim=1), fraction
    if len(view.boxes) != 1:
        return boxes, fraction
    return torch.where((fraction < 1)[:, None], _around(within, view.boxes[0].to(boxes)), boxes), fraction


def _visible_fraction(boxes: Tensor, view: View) -> Tensor:
    """Return the visible fraction of each box, exact also if the boxes of the view overlap.

    The image is cut into cells along all edges of the view's boxes, and the cells are counted.
    """
    holes = view.boxes.to(boxes)
    rows, columns = holes[:, ::2].flatten(), holes[:, 1::2].flatten()  # (2K,)
    if len(holes) > 1:
        rows, columns = rows.sort()[0], columns.sort()[0]
    left, top, right, bottom = boxes[:, :, None].unbind(1)  # (n, 1)
    down = (bottom.minimum(rows[1:]) - top.maximum(rows[:-1])).clamp_(min=0)  # (n, 2K - 1)
    across = (right.minimum(columns[1:]) - left.maximum(columns[:-1])).clamp_(min=0)
    area = ((right - left) * (bottom - top)).squeeze(1)
    covered = (_in_holes(holes, rows, columns, down) * across).sum(1) / area.clamp_(min=torch.finfo(boxes.dtype).tiny)
    fraction = covered if view.inside else 1 - covered
    return fraction.where(fraction > ROUNDING, 0)


def _in_holes(holes: Tensor, rows: Tensor, columns: Tensor, down: Tensor) -> Tensor:
    """Return, for each column of cells, the part of ``down`` that lies in cells covered by a hole."""
    if len(holes) == 1:
        return down
    in_rows = (holes[:, :1] <= rows[:-1]) & (rows[1:] <= holes[:, 2:3])  # (K, 2K - 1)
    in_columns = (holes[:, 1:2] <= columns[:-1]) & (columns[1:] <= holes[:, 3:])
    return down @ (in_rows[:, :, None] & in_columns[:, None, :]).any(0).to(down)


def _around(boxes: Tensor, hole: Tensor) -> Tensor:
    """Return the tightest boxes around the parts of boxes outside of a hole."""
    top, left, bottom, right = hole.unbind()
    x1, y1, x2, y2 = boxes.unbind(1)
    across, down = (left <= x1) & (right >= x2), (top <= y1) & (bottom >= y2)
    return torch.stack(
        [
            x1.where(~(down & (left <= x1) & (right > x1)), right),
            y1.where(~(across & (top <= y1) & (bottom > y1)), bottom),
            x2.where(~(down & (right >= x2) & (left < x2)), left),
            y2.where(~(across & (bottom >= y2) & (top < y2)), top),
        ],
        dim=1,
    )


def visible_keypoints(points: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """Mark keypoints that are hidden, and return which are visible.

    A hidden point becomes ``nan`` (``-1`` in integer tensors) and keeps its row, so a loss can leave it out with
    ``points.isfinite()``. A point lies in the pixel of its rounded-down coordinates.

    Args:
        points: ``(x, y)`` of each point in pixels. Points that are already marked stay marked.
        view: the visible part of the image.

    Shape:
        - points: ``(..., 2)``; output: ``(..., 2)`` of the same dtype, and ``(...)`` bool.

    Returns:
        The points, and True for each point that is visible.

    Raises:
        TypeError: if ``points`` is not a tensor of real numbers, or ``view`` is not a ``View``.
        ValueError: if ``points`` has a wrong shape, or the boxes of the view lie outside the image.

    Example:
        >>> view = View(torch.tensor([[0, 0, 10, 4]]), size=(10, 10))
        >>> points, seen = visible_keypoints(torch.tensor([[3.0, 5.0], [4.0, 5.0]]), view)
        >>> points, seen
        (tensor([[nan, nan],
                [4., 5.]]), tensor([False,  True]))
    """
    check_tensor("points", points, "(..., 2)", last=2)
    check_real("points", points)
    check_view(view)
    height, width = view.size
    x, y = points[..., None, :].unbind(-1)  # (..., 1)
    x, y = x.where(x != width, width - 1), y.where(y != height, height - 1)  # on the border is still in the image
    top, left, bottom, right = view.boxes.to(points.device).unbind(-1)  # (K,)
    covered = ((x >= left) & (x < right) & (y >= top) & (y < bottom)).any(-1)
    marked = points.isnan().any(-1) if points.is_floating_point() else (points == -1).all(-1)
    seen = ~marked & (covered if view.inside else ~covered)
    return points.where(seen[..., None], float("nan") if points.is_floating_point() else -1), seen
