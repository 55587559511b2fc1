"""Numbers in shared memory, which a transform and its copies in worker processes have in common."""

from __future__ import annotations

import os
from functools import cache
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_MANY = 512  # as many as a page of memory has room for


class SharedNumber:
    """A number that is the same one in worker processes, however they are started; any other copy is one of its own.

    Where there is no shared memory it is an ordinary number, of which workers get a copy.
    """

    def __init__(self, value: float) -> None:
        self._place = _new_place()
        self.value = value

    @property
    def value(self) -> float:
        """The number as it is now in all processes."""
        _, numbers, row = self._place
        number: float = numbers.item(row)
        return number

    @value.setter
    def value(self, value: float) -> None:
        _, numbers, row = self._place
        numbers[row] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedNumber, (self.value,)


class _Place(NamedTuple):
    """Where a number is: one of many in a block, as each piece of shared memory takes a file descriptor."""

    block: Tensor | None  # None if it is not in shared memory
    numbers: NDArray[np.float64]  # of the block: it takes less time to read one here
    row: int


def _for_worker(number: SharedNumber) -> tuple[Any, ...]:
    block, _, row = number._place
    return number.__reduce__() if block is None else (_in_worker, (block, row))


def _in_worker(block: Tensor, row: int) -> SharedNumber:
    number = SharedNumber.__new__(SharedNumber)
    number._place = _Place(block, block.numpy(), row)
    return number


ForkingPickler.register(SharedNumber, _for_worker)


def _new_place() -> _Place:
    """Return a place for a number: in shared memory, if that can be had.

    None is given away twice: a worker may still read it when the transform is gone here. The memory and its file
    descriptor go with the last of its numbers.
    """
    free = _free(os.getpid())
    try:
        return free.pop()
    except IndexError:
        pass
    try:
        block = torch.zeros(_MANY, dtype=torch.float64, device="cpu").share_memory_()
        numbers = block.numpy()
    except RuntimeError:
        return _Place(None, np.zeros(1), 0)
    first, *others = (_Place(block, numbers, row) for row in range(_MANY))
    free.extend(others)
    return first


@cache
def _free(process: int) -> list[_Place]:  # noqa: ARG001 (a forked process has none of its parent's)
    """The places that a process may give to new numbers."""
    return []
