"""Making a batch of samples so that its images can still be mixed while they are written."""

import math
from functools import partial
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import collate, collate_tensor_fn, default_collate_fn_map
from torchvision import tv_tensors

from cutmix_transforms._wrap import rewrap, unwrap

Reserved = list[tuple[Tensor, list[Tensor]]]  # batches of which only the memory is there, and their plain samples


def stack(samples: list[Any]) -> Any:
    """``default_collate`` that keeps the type of tv_tensors and says what is wrong with images of unequal size."""
    batch, reserved = reserve(samples)
    write(reserved)
    return batch


def reserve(samples: list[Any]) -> tuple[Any, Reserved]:
    """The same, but tensors ``(H, W)`` and larger are still to be written."""
    reserved: Reserved = []
    stack_tensors = partial(_stack_tensors, reserved)
    known: Any = {**default_collate_fn_map, tv_tensors.TVTensor: stack_tensors, Tensor: stack_tensors}
    return collate(samples, collate_fn_map=known), reserved


def write(reserved: Reserved) -> None:
    """Write what is still to be written."""
    for out, rows in reserved:
        torch.stack(rows, out=unwrap(out))


def _stack_tensors(reserved: Reserved, batch: list[Tensor], *, collate_fn_map: Any = None) -> Tensor:
    shapes = set(map(attrgetter("shape"), batch))
    if len(shapes) > 1:
        found = ", ".join(map(str, sorted(map(tuple, shapes))))
        raise ValueError(
            f"images and labels must be of one shape to be stacked, got {found}; resize them, or give a collate_fn "
            "that takes samples of unequal size"
        )
    rows = batch if set(map(type, batch)) == {Tensor} else list(map(unwrap, batch))
    if not _can_wait(rows):
        return rewrap(collate_tensor_fn(rows, collate_fn_map=collate_fn_map), batch[0])
    out = rewrap(_allocate(rows), batch[0])
    reserved.append((out, rows))
    return out


def _can_wait(rows: list[Tensor]) -> bool:
    """Whether these are ordinary tensors that can be images."""
    first = rows[0]
    if first.ndim < 2 or first.device.type != "cpu" or first.layout != torch.strided or first.is_nested:
        return False
    is_real = set(map(attrgetter("dtype"), rows)) == {first.dtype} and not first.dtype.is_complex
    return is_real and not any(map(attrgetter("requires_grad"), rows))


def _allocate(rows: list[Tensor]) -> Tensor:
    """Memory for a batch; of images that are all channels_last it is channels_last as well."""
    channels, *sides = rows[0].shape
    if all(row.ndim == 3 and not row.is_contiguous() and row.permute(1, 2, 0).is_contiguous() for row in rows):
        return _memory(rows[0], len(rows), *sides, channels).permute(0, 3, 1, 2)
    return _memory(rows[0], len(rows), *rows[0].shape)


def _memory(like: Tensor, *shape: int) -> Tensor:
    """In a worker shared with the main process, as ``default_collate`` allocates it."""
    if get_worker_info() is not None:
        try:
            storage = like._typed_storage()._new_shared(math.prod(shape), device=like.device)
            return like.new(storage).resize_(shape)
        except (AttributeError, RuntimeError):  # no more room, or another release of torch: it is copied there later
            pass
    return like.new_empty(shape)
