"""Draws inside a compiled graph, which cannot trace the drawing code or hold a generator."""

from collections.abc import Sequence
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from cutmix_transforms.functional._draw import send_tensor

_known: WeakValueDictionary[int, Any] = WeakValueDictionary()  # transforms by the numbers that graphs hold
_numbers = count()


def register(transform: Any) -> int:
    """Register a transform and return the number by which a compiled graph finds it."""
    number = next(_numbers)
    _known[number] = transform
    return number


def transform_of(number: int) -> Any:
    """Return the transform that is registered under a number."""
    return _known[number]


# A recorded CUDA graph (mode="reduce-overhead") would repeat the same draw forever.
_TAGS = torch.Tag.nondeterministic_seeded, torch.Tag.cudagraph_unsafe


@torch.library.custom_op("cutmix_transforms::draw", mutates_args=(), tags=_TAGS)
def draw_in_graph(
    place: Tensor,
    transform: int,
    method: str,
    arguments: Sequence[int],
    shape: Sequence[int],  # noqa: ARG001 (the graph needs the shape of the result)
    dtype: torch.dtype,  # noqa: ARG001
) -> Tensor:
    """Call a drawing method as one opaque operation, so that every call of the compiled graph makes a fresh draw.

    The draw is sent to the device of ``place``, an empty tensor. Older compilers ignore the tag that says the operation
    is random, but they never merge two empty tensors, and so never merge two draws.
    """
    drawn: Tensor = getattr(transform_of(transform), method)(*arguments, device=place.device)
    return send_tensor(drawn, place.device)


@draw_in_graph.register_fake
def _(
    place: Tensor,
    transform: int,  # noqa: ARG001
    method: str,  # noqa: ARG001
    arguments: Sequence[int],  # noqa: ARG001
    shape: Sequence[int],
    dtype: torch.dtype,
) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=place.device)
