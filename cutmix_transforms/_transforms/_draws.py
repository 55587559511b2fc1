"""What is random about a mix: whether it happens, with which partners, where and how strongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from cutmix_transforms._random._graph import draw_in_graph
from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms.functional._by_mask import pack, unpack
from cutmix_transforms.functional._checks import check_count, check_flag
from cutmix_transforms.functional._draw import HostDraw, Placement, check_placement, draw_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from cutmix_transforms.functional._draw import Draw, Size


class DrawingTransform(RandomTransform):
    """A random transform that draws partners and places where they show: one for the batch or one for each sample.

    Everything that is drawn comes from one array of uniform numbers ``(1 + needed, rows)``: the first number chooses
    the partners, the second decides whether the row is mixed, and the others are for ``place``.
    """

    numbers: int
    dims = 2

    def __init__(self, *, p: float, per_sample: bool, generator: Generator | None) -> None:
        super().__init__(p=p, generator=generator)
        self._check_hooks()
        self.per_sample = check_flag("per_sample", per_sample)

    def _check_hooks(self) -> None:
        """Raise an error unless the class says how many numbers its ``place`` needs, and over how many axes it goes."""
        check_count("dims", self.dims)
        found = getattr(type(self), "numbers", None)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise TypeError(
                f"{type(self).__name__}.numbers must be how many uniform numbers place() needs for a row, an int of at "
                f"least 0 in the class, got {found!r}"
            )

    def place(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Turn uniform numbers into the places where the partner shows: the hook that a mix fills.

        Args:
            numbers: uniform in [0, 1).
            size: ``(height, width)`` of the images, or one number for each of ``dims`` axes.

        Shape:
            - numbers: ``(self.numbers, rows)``.

        Returns:
            The placement, with as many rows.

        Raises:
            NotImplementedError: if a subclass has no such method.
        """
        raise NotImplementedError(f"{type(self).__name__} must have a method place(numbers, size)")

    def _draw_for(self, count: int, size: Size, device: torch.device, others: int = 0) -> Draw | None:
        """Return a draw for a batch; None if it is clear without one that nothing is mixed.

        Args:
            count: how many samples there are.
            size: of the images, over the axes that boxes span.
            device: where they are.
            others: how many samples partners are taken from, if not from the batch itself.

        Returns:
            The draw.
        """
        if self._is_idle(2 if others and count else count):
            return None
        if not torch.compiler.is_compiling():
            return self._draw(count, size, others)
        place = torch.empty(0, device=device)
        shape = [count, 2 + 2 * len(size)]
        rows = draw_in_graph(place, self._number, "_packed", [count, others, *size], shape, torch.float64)
        return unpack(rows, size)

    def _is_idle(self, count: int) -> bool:
        """Return True if it is clear without a draw that nothing is mixed."""
        return not self.training or count < 2 or (not torch.compiler.is_compiling() and self.p == 0)

    def _draw(self, count: int, size: Size, others: int = 0) -> HostDraw:
        if count == 0 or (count == 1 and not others):
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
        """Return how far it is from each of some samples to its partner: never to itself."""
        return 1 + int(numbers[0, 0] * (count - 1))

    def _uniform(self, count: int) -> NDArray[np.float64]:
        """Return the uniform numbers of one draw, ``(1 + needed, 1 or count)``: the first chooses the partners."""
        numbers = self._stream.uniform(1 + self._needed, count if self._draws_per_sample else 1)
        if numbers.shape[1] > 1:
            self._level(numbers[1:])
        return numbers

    def _level(self, numbers: NDArray[np.float64]) -> None:
        """Give all samples the same numbers where they share one draw, in a choice that draws for each."""
        if not self.per_sample:
            numbers[:] = numbers[:, :1]

    @property
    def _needed(self) -> int:
        """How many numbers a row needs: one that decides whether it is mixed, then those for ``place``."""
        return 1 + self.numbers

    @property
    def _draws_per_sample(self) -> bool:
        return self.per_sample

    @property
    def _is_of_user(self) -> bool:
        """True if the user wrote ``place``: what this package places is known to fit."""
        return not type(self).place.__module__.startswith("cutmix_transforms.")

    def _placed(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Return where the partner shows: nowhere in what ``p`` leaves alone, nor after ``.eval()``."""
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
