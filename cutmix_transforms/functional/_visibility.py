"""Instances: what of boxes, masks and keypoints can still be seen. Pure functions of tensors and a view."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms.functional._boxes import inside_boxes
from cutmix_transforms.functional._checks import (
    can_look_at,
    check_indices,
    check_real,
    check_size,
    check_tensor,
    received,
)
from cutmix_transforms.functional._draw import Size

ROUNDING = 1e-9  # a share that is smaller was left by rounding


class View(NamedTuple):
    """The visible part of an image: everything outside of some boxes, or only the inside of one.

    Attributes:
        boxes: ``(K, 4)`` int64, ``(top, left, bottom, right)`` in pixels, half-open, inside the image.
        size: ``(height, width)`` of the image.
        inside: whether the inside of the boxes is seen, not the outside.

    Example:
        >>> View(torch.tensor([[0, 0, 10, 4]]), size=(10, 20)).inside
        False
    """

    boxes: Tensor
    size: Size
    inside: bool = False


def _check_view(view: Any) -> None:
    if not isinstance(view, View):
        raise TypeError(f"view must be a View, got {received(view)}")
    check_indices("view.boxes", view.boxes, "(K, 4)", ndims=(2,), last=4)
    check_size("view.size", view.size)
    if not isinstance(view.inside, bool):
        raise TypeError(f"view.inside must be True or False, got {received(view.inside)}")
    if view.inside and not len(view.boxes):
        raise ValueError(f"view.boxes must hold a box where its inside is seen, got {tuple(view.boxes.shape)}")
    height, width = view.size
    for top, left, bottom, right in view.boxes.tolist() if can_look_at(view.boxes) else ():
        if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
            raise ValueError(f"view.boxes must lie inside {height} x {width}, got {(top, left, bottom, right)}")


def visible_boxes(boxes: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """Bounding boxes of what can be seen of rectangles, and how large a share that is.

    The tightest box round the visible part: it becomes smaller where a whole side is hidden, and stays what it is
    where only a corner or the middle is. A box that the view does not touch is left alone.

    Args:
        boxes: ``(left, top, right, bottom)``, torchvision's format ``XYXY``, in pixels.
        view: what can be seen. Outside of several boxes only the share is computed, and boxes stay as they are.

    Shape:
        - boxes: ``(n, 4)``; output: ``(n, 4)`` float64 and shares ``(n,)`` float64.

    Returns:
        The boxes, of no meaning where the share is 0; and the visible share of what lies within the image.

    Raises:
        TypeError: if ``boxes`` are no tensor of real numbers, or ``view`` is no view.
        ValueError: if ``boxes`` are of another shape, or those of the view lie outside the image.

    Example:
        >>> view = View(torch.tensor([[0, 0, 10, 4]]), size=(10, 10))
        >>> boxes, share = visible_boxes(torch.tensor([[2, 2, 6, 6], [2, 2, 4, 6]]), view)
        >>> boxes[0], share
        (tensor([4., 2., 6., 6.], dtype=torch.float64), tensor([0.5000, 0.0000], dtype=torch.float64))
    """
    check_tensor("boxes", boxes, "(n, 4)", ndims=(2,), last=4)
    check_real("boxes", boxes)
    _check_view(view)
    boxes = boxes.to(torch.float64)
    height, width = view.size
    within = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
    share = _visible_share(within, view)
    if view.inside:
        top, left, bottom, right = view.boxes[0].to(boxes).unbind()
        low, high = torch.stack([left, top]), torch.stack([right, bottom])
        return torch.cat([within[:, :2].maximum(low), within[:, 2:].minimum(high)], dim=1), share
    if len(view.boxes) != 1:
        return boxes, share
    return torch.where((share < 1)[:, None], _around(within, view.boxes[0].to(boxes)), boxes), share


def _visible_share(boxes: Tensor, view: View) -> Tensor:
    """Exact also where the boxes of the view overlap: they are cut into cells along all their edges."""
    holes = view.boxes.to(boxes)
    rows, columns = holes[:, ::2].flatten(), holes[:, 1::2].flatten()  # (2K,)
    if len(holes) > 1:
        rows, columns = rows.sort()[0], columns.sort()[0]
    left, top, right, bottom = boxes[:, :, None].unbind(1)  # (n, 1)
    down = (bottom.minimum(rows[1:]) - top.maximum(rows[:-1])).clamp_(min=0)  # (n, 2K - 1)
    across = (right.minimum(columns[1:]) - left.maximum(columns[:-1])).clamp_(min=0)
    area = ((right - left) * (bottom - top)).squeeze(1)
    covered = (_in_holes(holes, rows, columns, down) * across).sum(1) / area.clamp_(min=torch.finfo(boxes.dtype).tiny)
    share = covered if view.inside else 1 - covered
    return share.where(share > ROUNDING, 0)


def _in_holes(holes: Tensor, rows: Tensor, columns: Tensor, down: Tensor) -> Tensor:
    """For each column of cells, how much of ``down`` lies in cells that a hole covers."""
    if len(holes) == 1:
        return down
    in_rows = (holes[:, :1] <= rows[:-1]) & (rows[1:] <= holes[:, 2:3])  # (K, 2K - 1)
    in_columns = (holes[:, 1:2] <= columns[:-1]) & (columns[1:] <= holes[:, 3:])
    return down @ (in_rows[:, :, None] & in_columns[:, None, :]).any(0).to(down)


def _around(boxes: Tensor, hole: Tensor) -> Tensor:
    """The tightest boxes round what is left of others outside of a hole."""
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
    """Keypoints of which those that cannot be seen are marked, and which can.

    A covered point becomes ``nan`` (``-1`` in integers): it stays in its place, and a loss can leave it out with
    ``points.isfinite()``. A point lies in the pixel of its rounded-down coordinates.

    Args:
        points: ``(x, y)`` of each point in pixels; points that are marked already stay so.
        view: what can be seen.

    Shape:
        - points: ``(..., 2)``; output: ``(..., 2)`` of the same dtype, and ``(...)`` bool.

    Returns:
        The points, and whether each can be seen.

    Raises:
        TypeError: if ``points`` are no tensor of real numbers, or ``view`` is no view.
        ValueError: if ``points`` are of another shape, or the boxes of the view lie outside the image.

    Example:
        >>> view = View(torch.tensor([[0, 0, 10, 4]]), size=(10, 10))
        >>> points, seen = visible_keypoints(torch.tensor([[3.0, 5.0], [4.0, 5.0]]), view)
        >>> points, seen
        (tensor([[nan, nan],
                [4., 5.]]), tensor([False,  True]))
    """
    check_tensor("points", points, "(..., 2)", last=2)
    check_real("points", points)
    _check_view(view)
    height, width = view.size
    x, y = points[..., None, :].unbind(-1)  # (..., 1)
    x, y = x.where(x != width, width - 1), y.where(y != height, height - 1)  # on the border is still in the image
    top, left, bottom, right = view.boxes.to(points.device).unbind(-1)  # (K,)
    covered = ((x >= left) & (x < right) & (y >= top) & (y < bottom)).any(-1)
    marked = points.isnan().any(-1) if points.is_floating_point() else (points == -1).all(-1)
    seen = ~marked & (covered if view.inside else ~covered)
    return points.where(seen[..., None], float("nan") if points.is_floating_point() else -1), seen


def visible_mask_share(masks: Tensor, view: View) -> Tensor:
    """How large a share of each mask can be seen.

    Args:
        masks: masks of instances; everything but 0 belongs to the instance.
        view: what can be seen.

    Shape:
        - masks: ``(n, H, W)``; output: ``(n,)`` float64.

    Returns:
        The shares. Of a mask that is empty nothing is hidden, and nothing seen inside.

    Raises:
        TypeError: if ``masks`` are no tensor, or ``view`` is no view.
        ValueError: if ``masks`` are not of the size of the view, or its boxes lie outside the image.

    Example:
        >>> masks = torch.tensor([[[1, 1, 0], [1, 1, 0]]])
        >>> visible_mask_share(masks, View(torch.tensor([[0, 0, 1, 1]]), size=(2, 3)))
        tensor([0.7500], dtype=torch.float64)
    """
    check_tensor("masks", masks, "(n, H, W)", ndims=(3,))
    _check_view(view)
    if tuple(masks.shape[1:]) != tuple(view.size):
        raise ValueError(f"masks must be of the size of the view, {tuple(view.size)}, got {tuple(masks.shape)}")
    bits = _bits(masks)
    if len(view.boxes) == 1:
        top, left, bottom, right = view.boxes[0].tolist()
        inside = bits[:, top:bottom, left:right]
    else:
        inside = bits * inside_boxes(view.boxes.to(bits.device), view.size).any(0)
    covered = _count(inside)
    whole = covered.clone()
    for k in covered.nonzero()[:, 0].tolist():  # most masks lie elsewhere, and counting reads all of them
        whole[k] = _count(bits[k : k + 1])
    share = covered.double() / whole.clamp(min=1)
    return share if view.inside else 1 - share


def boxes_of_masks(masks: Tensor) -> Tensor:
    """The tightest boxes round masks, half-open: a mask of one pixel has a box of one pixel.

    Args:
        masks: masks of instances; everything but 0 belongs to the instance.

    Shape:
        - masks: ``(n, H, W)``; output: ``(n, 4)`` int64, ``(left, top, right, bottom)``, torchvision's ``XYXY``.

    Returns:
        The boxes; of no meaning for a mask that is empty.

    Raises:
        TypeError: if ``masks`` are no tensor.
        ValueError: if they are of another shape, or have no pixels.

    Example:
        >>> boxes_of_masks(torch.tensor([[[0, 0, 0], [0, 1, 1]]]))
        tensor([[1, 1, 3, 2]])
    """
    check_tensor("masks", masks, "(n, H, W)", ndims=(3,))
    if 0 in masks.shape[1:]:
        raise ValueError(f"masks must have pixels, got shape {tuple(masks.shape)}")
    bits = _bits(masks)
    sides = [bits.amax(1), bits.amax(2)]  # columns (n, W), rows (n, H)
    first = [side.argmax(1) for side in sides]
    last = [side.shape[1] - side.flip(1).argmax(1) for side in sides]
    return torch.stack([*first, *last], dim=1)


def join_masks(base: Tensor, partner: Tensor, box: Tensor, kept: tuple[Tensor, Tensor]) -> Tensor:
    """Masks of the instances that are kept, the partner's after the base's, each cut to what can be seen of it.

    Args:
        base: masks of the base's instances, seen outside of the box.
        partner: masks of the partner's, seen inside.
        box: ``(top, left, bottom, right)`` in pixels, half-open, inside both images.
        kept: the indices of the instances that are kept, of the base and of the partner.

    Shape:
        - base: ``(n, H, W)``; partner: ``(m, H', W')``; box: ``(4,)``; kept: ``(k,)`` and ``(l,)`` int64.
        - output: ``(k + l, H, W)``.

    Returns:
        A new tensor of the dtype of ``base``.

    Raises:
        TypeError: if there is something else than tensors, or ``kept`` is no pair of indices.
        ValueError: if shapes do not fit, the box lies outside an image, or an index outside the masks.

    Example:
        >>> base, partner = torch.ones(2, 1, 3, dtype=torch.uint8), torch.ones(1, 1, 3, dtype=torch.uint8)
        >>> join_masks(base, partner, torch.tensor([0, 1, 1, 3]), (torch.tensor([1]), torch.tensor([0])))
        tensor([[[1, 0, 0]],
        <BLANKLINE>
                [[0, 1, 1]]], dtype=torch.uint8)
    """
    _check_joined(base, partner, box, kept)
    top, left, bottom, right = box.tolist()
    count = len(kept[0])
    out = base.new_empty(count + len(kept[1]), *base.shape[1:])
    torch.index_select(base, 0, kept[0].to(base.device), out=out[:count])
    out[count:] = 0
    out[:count, top:bottom, left:right] = 0
    for i, k in enumerate(kept[1].tolist(), count):
        out[i, top:bottom, left:right] = partner[k, top:bottom, left:right]
    return out


def _check_joined(base: Any, partner: Any, box: Any, kept: Any) -> None:
    check_indices("box", box, "(4,)", ndims=(1,), last=4)
    if not isinstance(kept, (tuple, list)) or len(kept) != 2:
        raise TypeError(f"kept must be a pair of tensors of indices, got {received(kept)}")
    top, left, bottom, right = box.tolist()
    for name, masks, rows in (("base", base, kept[0]), ("partner", partner, kept[1])):
        check_tensor(name, masks, "(n, H, W)", ndims=(3,))
        check_indices("kept", rows, "(k,)", ndims=(1,))
        height, width = masks.shape[1:]
        if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
            raise ValueError(f"box must lie inside {name}, {height} x {width}, got {(top, left, bottom, right)}")
        wrong = [k for k in rows.tolist() if not 0 <= k < len(masks)] if can_look_at(rows) else []
        if wrong:
            raise ValueError(f"kept must hold indices in [0, {len(masks)}) for {name}, got {wrong[0]}")


def _bits(masks: Tensor) -> Tensor:
    """0 and 1 in single bytes, which are much faster to count than bool is."""
    return (masks if masks.dtype == torch.bool else masks != 0).view(torch.uint8)


def _count(bits: Tensor) -> Tensor:
    """Ones in each mask: first in bytes, over so few rows that they cannot overflow."""
    parts = [rows.sum(1, dtype=torch.uint8).sum(1, dtype=torch.int64) for rows in bits.split(255, dim=1)]
    return torch.stack(parts).sum(0)
