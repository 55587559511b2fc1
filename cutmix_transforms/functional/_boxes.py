"""Boxes: half-open, in pixels, starts then stops: ``(top, left, bottom, right)`` over the two axes of images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import (
    can_look_at,
    check_broadcast,
    check_floats,
    check_indices,
    check_range,
    check_size,
    check_tensor,
)
from cutmix_transforms.functional._placement import Size, start_around


def cutmix_boxes(lam: Tensor, centers: Tensor, size: Size) -> Tensor:
    """Return the boxes of the CutMix paper: sides ``int(side * sqrt(1 - lam))``, clipped at the borders.

    With ``dims`` axes instead of two, the sides are ``int(side * (1 - lam) ** (1 / dims))``. A box that is not clipped
    has exactly these sides, also when they are odd. A clipped box covers less than ``1 - lam`` of the image, so
    ``MixDraw.lam`` is computed from the clipped box.

    Args:
        lam: the fraction to keep, from 0 to 1.
        centers: ``(row, column)`` of the center of each box, in pixels.
        size: ``(height, width)`` of the images, or one number for each axis that a box spans.

    Shape:
        - lam: ``(N,)`` float; centers: ``(N, 2)`` int64, or ``(N, dims)``.
        - output: ``(N, 4)`` int64, ``(top, left, bottom, right)``, or ``(N, 2 * dims)``, starts then stops.

    Returns:
        The boxes.

    Raises:
        TypeError: if ``lam`` is not a float tensor, or ``centers`` is not an integer tensor.
        ValueError: if the shapes do not match, or ``lam`` is not from 0 to 1 (checked on a CPU).

    References:
        Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019,
        arXiv 1905.04899.

    Example:
        >>> cutmix_boxes(torch.tensor([0.75, 0.0]), torch.tensor([[8, 5], [0, 0]]), (17, 11))
        tensor([[ 4,  3, 12,  8],
                [ 0,  0,  9,  6]])
    """
    check_floats("lam", lam, "(N,)", ndims=(1,))
    check_size("size", size, any_dims=True)
    dims = len(size)
    check_indices("centers", centers, f"(N, {dims})", ndims=(2,), last=dims)
    if len(centers) != len(lam):
        raise ValueError(f"centers must be of shape (N, {dims}) = {(len(lam), dims)}, got {tuple(centers.shape)}")
    check_range("lam", lam)
    root = (1 - lam) ** (1 / dims)
    lengths = torch.stack([root * side // 1 for side in size], dim=-1).long()
    starts = start_around(centers, lengths)
    return _clipped(torch.cat([starts, starts + lengths], dim=-1), size)


def boxes_around(rows: Tensor, columns: Tensor, heights: Tensor, widths: Tensor, size: Size) -> Tensor:
    """Return boxes with the given sides around the given centers, clipped at the borders.

    Before clipping, a box spans ``center - side // 2`` to ``center - side // 2 + side``.

    Args:
        rows: the row of each box's center.
        columns: the column of each box's center.
        heights: the height of each box in pixels.
        widths: the width of each box in pixels.
        size: ``(height, width)`` of the image.

    Shape:
        - rows, columns, heights, widths: int64, of shapes that broadcast to ``(...)``.
        - output: ``(..., 4)`` int64, ``(top, left, bottom, right)``.

    Returns:
        The boxes.

    Raises:
        TypeError: if an argument is not an integer tensor.
        ValueError: if the shapes do not broadcast, or a side is negative (checked on a CPU).

    Example:
        >>> center, side = torch.tensor([0, 8]), torch.tensor(5)
        >>> boxes_around(center, center, side, side, (17, 11))
        tensor([[ 0,  0,  3,  3],
                [ 6,  6, 11, 11]])
    """
    given = {"rows": rows, "columns": columns, "heights": heights, "widths": widths}
    for name, value in given.items():
        check_indices(name, value, "(...)")
        if name in ("heights", "widths") and can_look_at(value) and (value < 0).any():
            raise ValueError(f"{name} must be at least 0, got {int(value.min())}")
    check_size("size", size)
    check_broadcast(given)
    top, left = start_around(rows, heights), start_around(columns, widths)
    edges = torch.broadcast_tensors(top, left, top + heights, left + widths)
    return _clipped(torch.stack(edges, dim=-1), size)


def _clipped(boxes: Tensor, size: Size) -> Tensor:
    edges = zip(boxes.unbind(-1), (*size, *size), strict=True)
    return torch.stack([edge.clamp(0, most) for edge, most in edges], dim=-1)


def inside_boxes(boxes: Tensor, size: Size) -> Tensor:
    """Return masks that are true inside boxes.

    Args:
        boxes: ``(top, left, bottom, right)`` in pixels, half-open.
        size: ``(height, width)`` of the masks, or one number for each axis that a box spans.

    Shape:
        - boxes: ``(..., 4)``, or ``(..., 2 * dims)`` for ``dims`` axes.
        - output: ``(..., H, W)`` bool, or ``(..., *size)``.

    Returns:
        The masks.

    Raises:
        TypeError: if ``boxes`` is not a tensor, or ``size`` is not a tuple of integers.
        ValueError: if ``boxes`` has another shape, or ``size`` is negative.

    Example:
        >>> inside_boxes(torch.tensor([0, 1, 2, 3]), (3, 4)).int()
        tensor([[0, 1, 1, 0],
                [0, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    check_size("size", size, any_dims=True)
    edges = 2 * len(size)
    check_tensor("boxes", boxes, f"(..., {edges})", last=edges)
    starts, stops = boxes[..., None].chunk(2, dim=-2)  # (..., dims, 1)
    along = [torch.arange(side, device=boxes.device) for side in size]
    return combine_axes([(at >= starts[..., k, :]) & (at < stops[..., k, :]) for k, at in enumerate(along)])


def combine_axes(sides: Sequence[Tensor]) -> Tensor:
    """Combine one mask ``(..., size[k])`` per axis into masks ``(..., *size)``, true where all of them are true."""
    inside = sides[0]
    for side in sides[1:]:
        inside = inside[..., None] & side.view(*side.shape[:-1], *(1,) * (inside.ndim - side.ndim + 1), side.shape[-1])
    return inside
