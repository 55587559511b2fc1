"""Processes that train one network together, as torchrun starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

Value = TypeVar("Value")
_TORCHRUN = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


class Place(NamedTuple):
    """Which of how many processes this is, and the device that it trains on."""

    rank: int
    ranks: int
    device: torch.device


@contextmanager
def joined(device: str) -> Iterator[Place]:
    """Join the processes that torchrun has started, if it has.

    Args:
        device: where to train, or ``auto``: on a GPU where there is one, each process of a machine on its own.

    Yields:
        Place: that of this process.

    Raises:
        ValueError: if there is no such device.
    """
    rank, ranks, local = (int(os.environ.get(name, usual)) for name, usual in _TORCHRUN.items())
    place = Place(rank, ranks, _checked(device, local))
    if ranks == 1:
        yield place
        return
    if place.device.type == "cuda":
        torch.cuda.set_device(place.device)
    dist.init_process_group("nccl" if place.device.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        dist.destroy_process_group()


def _checked(name: str, local: int) -> torch.device:
    if name == "auto":
        name = f"cuda:{local}" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
        return torch.device(name)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"--device must be one that torch has here, got {name} ({reason})") from None


def of_first(value: Value, place: Place) -> Value:
    """Return what the first process has."""
    if place.ranks == 1:
        return value
    held = [value]
    dist.broadcast_object_list(held)
    return held[0]


def mean_of_all(value: Tensor, place: Place) -> Tensor:
    """Return the mean of what all processes have."""
    if place.ranks > 1:
        dist.all_reduce(value)
    return value / place.ranks
