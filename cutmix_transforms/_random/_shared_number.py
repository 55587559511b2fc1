"""Numbers in shared memory, which a transform and its copies in worker processes both read."""

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

_MANY = 512  # float64 numbers that fit into one page of memory


class SharedNumber:
    """A number that worker processes read from shared memory, however they are started.

    Any other copy is an independent number. Without shared memory it is an ordinary number, and workers get a copy.
    """

    def __init__(self, value: float) -> None:
        self._place = _new_place()
        self.value = value

    @property
    def value(self) -> float:
        """The current value, which is the same in all processes."""
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
    """The location of a number: a row of a block. Every block needs a file descriptor, so it holds many numbers."""

    block: Tensor | None  # None if it is not in shared memory
    numbers: NDArray[np.float64]  # the block as an array, which is faster to read
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
    """Return a new location for a number, in shared memory if possible.

    A location is never reused, because a worker may still read it after the transform is deleted here. A block and its
    file descriptor are freed with its last number.
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
    """Return the unused locations of a process, as a list that can be changed."""
    return []
