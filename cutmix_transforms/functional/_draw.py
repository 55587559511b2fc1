"""The draw: everything random about one call, as a value."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import (
    can_look_at,
    check_boxes,
    check_broadcast,
    check_floats,
    check_indices,
    check_range,
    check_share,
    check_size,
    received,
)
from cutmix_transforms.functional._numbers import Number, clamp, functions_of, whole

Size = tuple[int, int]
Edges = tuple[Number, Number, Number, Number]  # top, left, bottom, right


class MixDraw(NamedTuple):
    """Everything random about one call of a mix, one row a sample.

    A draw can be printed, kept, edited and replayed with ``mix(images, labels, draw=draw)``. Inside its box a sample
    becomes ``(1 - opacity) * sample + opacity * partner``; so CutMix is a small box with opacity 1, and MixUp is the
    whole image as box with opacity ``1 - lam``.

    Attributes:
        partners: ``(N,)`` int64, the index of the other sample; never the sample itself when ``N > 1``.
        lam: ``(N,)`` float32, the share of the original sample that is kept: ``1 - opacity * box area / image area``.
        boxes: ``(N, 4)`` int64, ``(top, left, bottom, right)`` in pixels, half-open.
        opacity: ``(N,)`` float32, how strongly the partner covers the box.
        size: ``(height, width)`` of the images that the draw was made for.

    Example:
        >>> from cutmix_transforms import RandomCutMix
        >>> mix = RandomCutMix(num_classes=10)
        >>> draw = mix.draw(torch.rand(8, 3, 17, 11))
        >>> draw.boxes.shape, draw.size
        (torch.Size([8, 4]), (17, 11))
    """

    partners: Tensor
    lam: Tensor
    boxes: Tensor
    opacity: Tensor
    size: Size


class SharedDraw(NamedTuple):
    """What was drawn once for a whole batch, as Python's own numbers, which cost much less than the rows of a draw."""

    shift: int  # from a sample to its partner
    box: tuple[int, int, int, int]
    opacity: float
    lam: float
    size: Size

    def partners(self, count: int) -> list[int]:
        """The partner of each sample."""
        return [*range(self.shift, count), *range(self.shift)]

    def spread(self, count: int, device: torch.device) -> MixDraw:
        """The same with a row for each sample."""
        shares = torch.tensor([[self.lam], [self.opacity]], dtype=torch.float32, device=device)
        lam, opacity = shares.repeat(1, count).unbind()
        boxes = torch.tensor([self.box], device=device).repeat(count, 1)
        return MixDraw(torch.tensor(self.partners(count), device=device), lam, boxes, opacity, self.size)


Draw = MixDraw | SharedDraw


def with_rows(draw: Draw, count: int, device: torch.device) -> MixDraw:
    """A draw with a row for each sample."""
    return draw.spread(count, device) if isinstance(draw, SharedDraw) else draw


def as_lists(draw: Draw, count: int) -> tuple[list[int], list[Any], list[float]]:
    """Partners, boxes and opacities."""
    if isinstance(draw, SharedDraw):
        return draw.partners(count), [draw.box] * count, [draw.opacity] * count
    return draw.partners.tolist(), list(map(tuple, draw.boxes.tolist())), draw.opacity.tolist()


def mix_draw(partners: Tensor, boxes: Tensor, size: Size, opacity: Tensor | float = 1.0) -> MixDraw:
    """Make a draw by hand: fill in ``lam`` from the pixels that the boxes really cover.

    ``lam = 1 - opacity * (bottom - top) * (right - left) / (height * width)``

    Args:
        partners: for each sample the index of its partner.
        boxes: ``(top, left, bottom, right)`` of each sample in pixels, half-open, inside the image.
        size: ``(height, width)`` of the images.
        opacity: how strongly the partner covers the box, from 0 to 1; one number or one a sample.

    Shape:
        - partners: ``(N,)`` int64; boxes: ``(N, 4)`` int64; opacity: ``(N,)`` or a number.

    Returns:
        The draw.

    Raises:
        TypeError: if ``partners`` or ``boxes`` are no integers, or ``opacity`` is neither a number nor a float tensor.
        ValueError: if the shapes do not fit together, or (on a CPU) boxes reach beyond the image, a partner is
            negative, or ``opacity`` is not from 0 to 1.

    Example:
        >>> draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 10, 10], [5, 5, 10, 10]]), (10, 20))
        >>> draw.lam
        tensor([0.5000, 0.8750])
    """
    check_indices("partners", partners, "(N,)", ndims=(1,))
    check_indices("boxes", boxes, "(N, 4)", ndims=(2,), last=4)
    check_size("size", size)
    count = len(partners)
    if len(boxes) != count:
        raise ValueError(f"boxes must be of shape (N, 4) = {(count, 4)}, got {tuple(boxes.shape)}")
    if isinstance(opacity, Tensor):
        check_floats("opacity", opacity, "(N,), or a number", ndims=(1,))
        if len(opacity) != count:
            raise ValueError(f"opacity must be a number or of shape (N,) = {(count,)}, got {tuple(opacity.shape)}")
        check_range("opacity", opacity)
    else:
        check_share("opacity", opacity)
    check_boxes("boxes", boxes, size)
    if can_look_at(partners) and (partners < 0).any():
        raise ValueError(f"partners must be at least 0, got {int(partners.min())}")
    return fill_in(partners, boxes, size, opacity)


def fill_in(partners: Tensor, boxes: Tensor, size: Size, opacity: Tensor | float) -> MixDraw:
    """The same, of what is known to fit."""
    top, left, bottom, right = boxes.unbind(-1)
    if isinstance(opacity, Tensor):
        strength = opacity.to(boxes.device, torch.float32)
    else:
        strength = torch.full((len(boxes),), float(opacity), dtype=torch.float32, device=boxes.device)
    return MixDraw(partners, kept_share((top, left, bottom, right), strength, size), boxes, strength, size)


def check_draw(draw: Any) -> None:
    """Raise an error unless this is a draw with the fields that it must have, whatever it was made for."""
    if not isinstance(draw, MixDraw):
        raise TypeError(f"draw must be a MixDraw, got {received(draw)}")
    check_indices("draw.partners", draw.partners, "(N,)", ndims=(1,))
    check_floats("draw.lam", draw.lam, "(N,)", ndims=(1,))
    check_indices("draw.boxes", draw.boxes, "(N, 4)", ndims=(2,), last=4)
    check_floats("draw.opacity", draw.opacity, "(N,)", ndims=(1,))
    check_size("draw.size", draw.size)


def kept_share(edges: Edges[Number], opacity: Number, size: Size) -> Number:
    """What a box leaves of an image of this size."""
    top, left, bottom, right = edges
    return 1 - opacity * (bottom - top) * (right - left) / max(size[0] * size[1], 1)


def cutmix_boxes(lam: Tensor, centers: Tensor, size: Size) -> Tensor:
    """Boxes of the CutMix paper: sides ``int(side * sqrt(1 - lam))``, clipped at the borders.

    A box that is not clipped has exactly those sides, odd ones included. A clipped box covers less than ``1 - lam`` of
    the image; :func:`mix_draw` counts the pixels again.

    Args:
        lam: the share to keep, from 0 to 1.
        centers: ``(row, column)`` of the middle of each box, in pixels.
        size: ``(height, width)`` of the images.

    Shape:
        - lam: ``(N,)`` float; centers: ``(N, 2)`` int64.
        - output: ``(N, 4)`` int64, ``(top, left, bottom, right)``.

    Returns:
        The boxes.

    Raises:
        TypeError: if ``lam`` is no float tensor, or ``centers`` are no integers.
        ValueError: if the shapes do not fit, or (on a CPU) ``lam`` is not from 0 to 1.

    References:
        Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019,
        arXiv 1905.04899.

    Example:
        >>> cutmix_boxes(torch.tensor([0.75, 0.0]), torch.tensor([[8, 5], [0, 0]]), (17, 11))
        tensor([[ 4,  3, 12,  8],
                [ 0,  0,  9,  6]])
    """
    check_floats("lam", lam, "(N,)", ndims=(1,))
    check_indices("centers", centers, "(N, 2)", ndims=(2,), last=2)
    check_size("size", size)
    if len(centers) != len(lam):
        raise ValueError(f"centers must be of shape (N, 2) = {(len(lam), 2)}, got {tuple(centers.shape)}")
    check_range("lam", lam)
    row, column = centers.unbind(-1)
    return torch.stack(cutmix_edges(lam, row, column, size), dim=-1)


def cutmix_edges(lam: Number, row: Number, column: Number, size: Size) -> Edges[Number]:
    """The edges of such boxes."""
    root = functions_of(lam).sqrt(1 - lam)
    height, width = size
    return edges_around(row, column, whole(root * height), whole(root * width), size)


def boxes_around(rows: Tensor, columns: Tensor, heights: Tensor, widths: Tensor, size: Size) -> Tensor:
    """Boxes of given sides around given middles, clipped at the borders.

    Before it is clipped, a box reaches from ``middle - side // 2`` to ``middle - side // 2 + side``.

    Args:
        rows: row of the middle of each box.
        columns: column of the middle of each box.
        heights: height of each box in pixels.
        widths: width of each box in pixels.
        size: ``(height, width)`` of the image.

    Shape:
        - rows, columns, heights, widths: int64 of one shape ``(...)`` or shapes that broadcast.
        - output: ``(..., 4)`` int64, ``(top, left, bottom, right)``.

    Returns:
        The boxes.

    Raises:
        TypeError: if there is something else than tensors of integers.
        ValueError: if their shapes do not broadcast, or (on a CPU) a side is negative.

    Example:
        >>> middle, side = torch.tensor([0, 8]), torch.tensor(5)
        >>> boxes_around(middle, middle, side, side, (17, 11))
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
    return boxes_between(*edges_around(rows, columns, heights, widths, size))


def boxes_between(*edges: Tensor) -> Tensor:
    """Edges as boxes ``(..., 4)``."""
    return torch.stack(torch.broadcast_tensors(*edges), dim=-1)


def edges_around(row: Number, column: Number, tall: Number, wide: Number, size: Size) -> Edges[Number]:
    """The edges of such boxes."""
    height, width = size
    top, left = row - tall // 2, column - wide // 2
    return clamp(top, 0), clamp(left, 0), clamp(top + tall, high=height), clamp(left + wide, high=width)
