"""The draw: everything random about one call, as a value."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cutmix_transforms.functional._checks import can_look_at
from cutmix_transforms.functional._placement import Placement, Size, whole_box

_ROUNDED = 2**-25  # 1 minus this, or minus less, is 1 in float32


class MixDraw(NamedTuple):
    """Everything random about one call of a mix, with one row for each sample.

    A draw can be printed, saved, edited and replayed with ``mix(images, labels, draw=draw)``. Inside its box a sample
    becomes ``(1 - opacity) * sample + opacity * partner``. CutMix draws a box with opacity 1. MixUp draws a box that is
    the whole image, with opacity ``1 - lam``.

    Attributes:
        partners: ``(N,)`` int64, the index of each sample's partner, in the batch or in ``others``; in the batch never
            the sample itself when ``N > 1``.
        boxes: ``(N, 4)`` int64, ``(top, left, bottom, right)`` in pixels, without row ``bottom`` and column ``right``;
            for a mix with another ``dims`` than 2, ``(N, 2 * dims)``: starts then stops.
        opacity: ``(N,)`` float32, the weight of the partner inside the box.
        size: ``(height, width)`` of the images that the draw was made for, or one number for each axis that a box
            spans.

    Example:
        >>> from cutmix_transforms import RandomCutMix
        >>> mix = RandomCutMix(num_classes=10)
        >>> draw = mix.draw(torch.rand(8, 3, 17, 11))
        >>> draw.boxes.shape, draw.size
        (torch.Size([8, 4]), (17, 11))
    """

    partners: Tensor
    boxes: Tensor
    opacity: Tensor
    size: Size

    @property
    def lam(self) -> Tensor:
        """The fraction of each original sample that is kept, ``1 - opacity * box area / image area``: ``(N,)`` float32.

        It is computed from the other fields, in float64, so it is also right for a draw that was edited.
        """
        return lam_of_boxes(self.boxes, self.opacity, self.size)


def lam_of_boxes(boxes: Tensor, opacity: Tensor, size: Size) -> Tensor:
    """Return the fraction of each original sample that is kept, from the fields of a draw of tensors."""
    # A function: torch.compile of older releases does not know properties of named tuples.
    dims = len(size)
    covered = (boxes[:, dims:] - boxes[:, :dims]).prod(-1).double() / max(math.prod(size), 1)
    return (1 - opacity.double() * covered).float()


class HostDraw(NamedTuple):
    """A draw as numpy arrays on the host, with a single row if all samples have the same box and opacity.

    Attributes:
        partners: ``(N,)`` int64, the index of each sample's partner.
        boxes: ``(1 or N, 2 * dims)`` int64, starts then stops.
        opacity: ``(1 or N,)`` float32, the weight of the partner inside the box.
        size: the size of the images, one number for each axis that a box spans.
        shift: the distance from each sample to its partner in the same batch, or 0 if it is not the same for all.
    """

    partners: NDArray[np.int64]
    boxes: NDArray[np.int64]
    opacity: NDArray[np.float32]
    size: Size
    shift: int = 0

    @classmethod
    def of(cls, draw: MixDraw) -> "HostDraw":
        """Convert a draw of tensors to arrays, with a single row if all rows are equal."""
        partners, boxes, opacity = as_array(draw.partners), as_array(draw.boxes), as_array(draw.opacity)
        count = len(partners)
        shift = int(partners[0]) if count else 0
        if not np.array_equal((np.arange(count) + shift) % max(count, 1), partners):
            shift = 0
        boxes, opacity = (rows[:1] if count and (rows == rows[:1]).all() else rows for rows in (boxes, opacity))
        return cls(partners, boxes, opacity.astype(np.float32), draw.size, shift)

    @property
    def lam(self) -> NDArray[np.float32]:
        """The fraction of each original sample that is kept: ``(1 or N,)`` float32, as in ``MixDraw``."""
        return (1 - self.covered).astype(np.float32)

    @property
    def covered(self) -> NDArray[np.float64]:
        """The fraction of the partner in each mixed sample, ``1 - lam``: ``(1 or N,)``."""
        dims = len(self.size)
        area = (self.boxes[:, dims:] - self.boxes[:, :dims]).prod(axis=1)
        covered: NDArray[np.float64] = self.opacity * (area / max(math.prod(self.size), 1))
        return covered

    def spread(self) -> MixDraw:
        """Convert the draw to tensors with one row per sample."""
        count = len(self.partners)
        boxes, opacity = np.empty((count, 2 * len(self.size)), dtype=np.int64), np.empty(count, dtype=np.float32)
        boxes[:], opacity[:] = self.boxes, self.opacity
        return MixDraw(torch.from_numpy(self.partners), torch.from_numpy(boxes), torch.from_numpy(opacity), self.size)


def as_array(numbers: Tensor) -> NDArray[Any]:
    """Convert a CPU tensor to an array, also if numpy lacks its dtype or torch.func wraps it."""
    try:
        return numbers.numpy()
    except (RuntimeError, TypeError):
        with torch._C._DisableFuncTorch():
            return np.array(numbers.detach().tolist())


Draw = HostDraw | MixDraw  # kernels get tensors inside a compiled graph, where the host cannot read numbers


def for_kernels(draw: MixDraw) -> Draw:
    """Convert a draw to the form that kernels take: arrays if the host can read it, otherwise tensors."""
    if can_look_at(draw.boxes):
        return _only_visible(HostDraw.of(draw))
    shows = lam_of_boxes(draw.boxes, draw.opacity, draw.size) < 1
    return MixDraw(draw.partners, draw.boxes, draw.opacity.where(shows, 0), draw.size)


def draw_of(partners: NDArray[np.int64], placement: Placement, size: Size, shift: int = 0) -> HostDraw:
    """Make a draw of partners and a placement with one row for all samples, or one per sample."""
    boxes = np.array([whole_box(size)]) if placement.boxes is None else placement.boxes
    opacity = np.array(placement.opacity, dtype=np.float32, ndmin=1)
    return _only_visible(HostDraw(partners, boxes, opacity, size, shift))


def _only_visible(draw: HostDraw) -> HostDraw:
    """Set the opacity to 0 where ``lam`` is 1 in float32, so that not even a NaN of the partner is mixed."""
    covered = draw.covered
    is_lost = (covered > 0) & (covered <= _ROUNDED)
    return draw._replace(opacity=np.where(is_lost, np.float32(0), draw.opacity)) if is_lost.any() else draw


def send_tensor(values: Tensor, device: torch.device) -> Tensor:
    """Send a CPU tensor to a device through pinned memory, so that the host does not wait."""
    if device.type == "cuda" and values.device.type == "cpu" and not torch.compiler.is_compiling():
        values = values.pin_memory()
    return values.to(device, non_blocking=device.type == "cuda")
