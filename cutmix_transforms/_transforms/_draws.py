"""The random part of a mix: the partners, the boxes and opacities, and the probability that a row is mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from cutmix_transforms._random._graph import draw_in_graph
from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms.functional._by_mask import pack, unpack
from cutmix_transforms.functional._checks import check_count, check_flag
from cutmix_transforms.functional._draw import HostDraw, draw_of
from cutmix_transforms.functional._placement import Placement, check_placement

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from cutmix_transforms.functional._draw import Draw
    from cutmix_transforms.functional._placement import Size


class DrawingTransform(RandomTransform):
    """A random transform that draws partners and placements, one for the batch or one per sample.

    Every draw comes from one array of uniform numbers ``(2 + self.numbers, rows)``; a choice needs one more for itself.
    The first number chooses the partners, the second decides if the row is mixed, and the others are for ``place``.
    """

    numbers: int
    dims = 2

    def __init__(self, *, p: float, per_sample: bool, generator: Generator | None) -> None:
        super().__init__(p=p, generator=generator)
        self._check_hooks()
        self.per_sample = check_flag("per_sample", per_sample)

    def _check_hooks(self) -> None:
        """Raise an error unless the class has valid attributes ``numbers`` and ``dims``."""
        check_count("dims", self.dims)
        found = getattr(type(self), "numbers", None)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise TypeError(
                f"{type(self).__name__}.numbers must be the number of uniform numbers that place() needs per row, an "
                f"int of at least 0 as a class attribute, got {found!r}"
            )

    def place(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Turn uniform numbers into boxes and opacities. A mix of your own implements this method.

        Args:
            numbers: independent uniform numbers in [0, 1).
            size: ``(height, width)`` of the images, or one number for each axis that a box spans.

        Shape:
            - numbers: ``(self.numbers, rows)``.

        Returns:
            The placement, with one row for all or as many rows as ``numbers``.

        Raises:
            NotImplementedError: if the subclass does not define the method.
        """
        raise NotImplementedError(f"{type(self).__name__} must define the method place(numbers, size)")

    def _draw_for(self, count: int, size: Size, device: torch.device, others: int = 0) -> Draw | None:
        """Return a draw for a batch, or None if it is clear without a draw that nothing is mixed.

        Args:
            count: the number of samples.
            size: the size of the images, one number for each axis that a box spans.
            device: the device of the images.
            others: the number of samples in a second batch that partners come from, or 0 without one.

        Returns:
            The draw, or None.
        """
        if self._is_idle(count, others):
            return None
        if not torch.compiler.is_compiling():
            return self._draw(count, size, others)
        place = torch.empty(0, device=device)
        shape = [count, 2 + 2 * len(size)]
        rows = draw_in_graph(place, self._number, "_packed", [count, others, *size], shape, torch.float64)
        return unpack(rows, size)

    def _is_idle(self, count: int, others: int = 0) -> bool:
        """Return True if nothing can be mixed, whatever is drawn."""
        return not self.training or _is_alone(count, others) or (not torch.compiler.is_compiling() and self.p == 0)

    def _draw(self, count: int, size: Size, others: int = 0) -> HostDraw:
        """Draw partners and placements for a batch; without a possible partner, return a draw that mixes nothing."""
        if _is_alone(count, others):
            nowhere = Placement(np.zeros((1, 2 * len(size)), dtype=np.int64), 0.0)
            return draw_of(np.zeros(count, dtype=np.int64), nowhere, size)
        numbers = self._uniform(count)
        placement = self._placed(numbers[1:], size)
        if others:
            first = int(numbers[0, 0] * others)
            return draw_of(np.arange(first, first + count) % others, placement, size)
        shift = self._shift_of(numbers, count)
        return draw_of(np.arange(shift, shift + count) % count, placement, size, shift)

    def _packed(self, count: int, others: int, *size: int, device: torch.device) -> Tensor:  # noqa: ARG002
        return pack(self._draw(count, size, others).spread())

    def _shift_of(self, numbers: NDArray[np.float64], count: int) -> int:
        """Return the distance from each sample to its partner, from 1 to ``count - 1``."""
        return 1 + int(numbers[0, 0] * (count - 1))

    def _uniform(self, count: int) -> NDArray[np.float64]:
        """Return the uniform numbers of one draw, ``(1 + self._needed, 1 or count)``."""
        numbers = self._stream.uniform(1 + self._needed, count if self._draws_per_sample else 1)
        if numbers.shape[1] > 1:
            self._level(numbers[1:])
        return numbers

    def _level(self, numbers: NDArray[np.float64]) -> None:
        """Give all rows the same numbers unless ``per_sample`` is set; a choice may draw more rows than a mix needs."""
        if not self.per_sample:
            numbers[:] = numbers[:, :1]

    @property
    def _needed(self) -> int:
        """The number of uniform numbers per row: one that decides if it is mixed, then those for ``place``."""
        return 1 + self.numbers

    @property
    def _draws_per_sample(self) -> bool:
        return self.per_sample

    @property
    def _is_of_user(self) -> bool:
        """True if ``place`` is the user's own, so that its result has to be checked."""
        return not type(self).place.__module__.startswith("cutmix_transforms.")

    def _placed(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Return the placement, with empty boxes or opacity 0 in rows that are not mixed."""
        placement = self.place(numbers[1:].copy(), size)
        if self._is_of_user:
            check_placement(placement, size, numbers.shape[1], type(self).__name__)
        p = self.p if self.training else 0
        if p == 1:
            return placement
        is_left = numbers[0] >= p
        if placement.boxes is None:
            return Placement(None, np.where(is_left, 0.0, placement.opacity))
        return Placement(np.where(is_left[:, None], 0, placement.boxes), placement.opacity)


def _is_alone(count: int, others: int) -> bool:
    """Return True if there is no sample, or no other one that can be its partner."""
    return count < (1 if others else 2)
