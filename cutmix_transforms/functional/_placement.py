"""Where the partner shows: sizes of images, boxes, and placements of boxes and opacities."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from cutmix_transforms.functional._checks import check_count, edges_in_words, received

Index = tuple[EllipsisType | slice, ...]  # selects the pixels inside a box
Size = tuple[int, ...]  # (height, width), or one number for each axis that a box spans


def image_size(images: Tensor, dims: int = 2) -> Size:
    """Return the sizes of the trailing axes of a batch: ``(height, width)`` for images.

    A batch with fewer axes gets sizes of 1 in front.

    Args:
        images: any tensor with a leading batch dimension.
        dims: the number of axes: 2 for images, 1 for signals, 3 for volumes.

    Shape:
        - images: ``(N, ..., H, W)``, ``(N, W)`` or ``(N,)``.

    Returns:
        ``(height, width)``, or a tuple of ``dims`` sizes.

    Raises:
        TypeError: if ``images`` is not a tensor, or ``dims`` is not an integer.
        ValueError: if ``dims`` is below 1.

    Example:
        >>> import torch
        >>> image_size(torch.rand(8, 3, 17, 11)), image_size(torch.rand(8, 5)), image_size(torch.rand(8))
        ((17, 11), (1, 5), (1, 1))
        >>> image_size(torch.rand(8, 2, 100), dims=1)
        (100,)
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a tensor, got {received(images)}")
    check_count("dims", dims)
    return ((1,) * dims + tuple(images.shape[1:]))[-dims:]


def whole_box(size: Size) -> tuple[int, ...]:
    """Return the box that covers a whole image."""
    return (*(0 for _ in size), *size)


def inside_of(box: Sequence[int]) -> Index:
    """Return the index that selects the pixels inside a box, over the trailing axes of an image."""
    return next(inside_each([box]))


def inside_each(boxes: Sequence[Sequence[int]]) -> Iterator[Index]:
    """Yield the index that selects the pixels inside each of several boxes, as fast as a loop in Python can."""
    edges = [*zip(*boxes, strict=True)]
    dims = len(edges) // 2
    sides = (map(slice, starts, stops) for starts, stops in zip(edges[:dims], edges[dims:], strict=True))
    return zip(repeat(..., len(boxes)), *sides, strict=True)


class Placement(NamedTuple):
    """Boxes where the partner shows, and its opacity there. The ``place`` method of a mix returns one.

    Inside its box a sample becomes ``(1 - opacity) * sample + opacity * partner``. ``Placement(boxes)`` replaces the
    pixels in boxes, as CutMix does. ``Placement(opacity=1 - lam)`` blends whole images, as MixUp does.

    Attributes:
        boxes: ``(rows, 4)`` integers, ``(top, left, bottom, right)`` in pixels, half-open; None is the whole image.
            For a mix with another ``dims`` than 2, ``(rows, 2 * dims)``: starts then stops.
        opacity: the weight of the partner inside the box, from 0 to 1: a number, or one per row, ``(rows,)``.

    Example:
        >>> Placement.between(0, np.array([2, 3]), 17, np.array([5, 11])).boxes
        array([[ 0,  2, 17,  5],
               [ 0,  3, 17, 11]])
    """

    boxes: NDArray[Any] | None = None
    opacity: float | NDArray[Any] = 1.0

    @classmethod
    def between(
        cls, top: ArrayLike, left: ArrayLike, bottom: ArrayLike, right: ArrayLike, opacity: float | NDArray[Any] = 1.0
    ) -> "Placement":
        """Make a placement of boxes with the given edges.

        Args:
            top: the first row of each box.
            left: the first column of each box.
            bottom: the row after the last row of each box.
            right: the column after the last column of each box.
            opacity: the weight of the partner inside the box, from 0 to 1.

        Shape:
            - top, left, bottom, right: numbers or arrays ``(rows,)``; opacity: a number or ``(rows,)``.

        Returns:
            The placement. Edges are rounded down to whole pixels.
        """
        boxes = np.stack(np.broadcast_arrays(*map(np.atleast_1d, (top, left, bottom, right))), axis=-1)
        return cls(boxes.astype(np.int64), opacity)


def start_around(center: Any, length: Any) -> Any:
    """Return the start of a box around a center; a box of odd length reaches equally far on both sides."""
    return center - length // 2


def clipped_boxes(starts: NDArray[np.int64], lengths: NDArray[np.int64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return boxes ``(..., 2 * dims)``, clipped at the borders of the image; all arguments are ``(dims, ...)``."""
    return np.concatenate([np.maximum(starts, 0), np.minimum(starts + lengths, sides)]).T


def check_placement(placement: Any, size: Size, rows: int, name: str) -> None:
    """Raise an error unless ``place`` of a custom mix returned boxes inside the image, one for all rows or one each."""
    if not isinstance(placement, Placement):
        raise TypeError(f"{name}.place must return a functional.Placement, got {received(placement)}")
    opacity, boxes = placement.opacity, placement.boxes
    is_known = isinstance(opacity, (int, float, np.ndarray, np.number)) and np.asarray(opacity).dtype.kind in "fiu"
    if not is_known or np.shape(opacity) not in ((), (1,), (rows,)):
        raise ValueError(
            f"{name}.place must return an opacity that is a number or, for {rows} rows, a numpy array ({rows},) of "
            f"numbers, got {received(opacity)} of shape {np.shape(opacity)}"
        )
    for strength in [opacity] if isinstance(opacity, float) else np.ravel(opacity).tolist():
        if not 0 <= strength <= 1:
            raise ValueError(f"{name}.place must return an opacity from 0 to 1, got {strength}")
    if boxes is None:
        return
    dims, edges = len(size), 2 * len(size)
    if not isinstance(boxes, np.ndarray):
        raise TypeError(
            f"{name}.place must return boxes as a numpy array (rows, {edges}), or None for whole images; "
            f"an opacity is passed by keyword, Placement(opacity=...); got {received(boxes)}"
        )
    if boxes.shape not in ((1, edges), (rows, edges)) or boxes.dtype.kind != "i":
        raise ValueError(
            f"{name}.place must return boxes (rows, {edges}) of integers for {rows} rows, "
            f"got {boxes.dtype} of shape {boxes.shape}"
        )
    first, last = boxes[:, :dims], boxes[:, dims:]
    wrong = (first < 0) | (last < first) | (last > size)
    if wrong.any():
        raise ValueError(
            f"{name}.place must return boxes inside {edges_in_words(size)}, "
            f"got {tuple(boxes[wrong.any(1)][0].tolist())}"
        )
