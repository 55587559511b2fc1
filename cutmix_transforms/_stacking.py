"""Making a batch of samples so that its images can still be mixed while they are written."""

import math
import os
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import collate, collate_tensor_fn, default_collate_fn_map
from torchvision import tv_tensors

from cutmix_transforms._wrap import rewrap, unwrap

SHARED = Path("/dev/shm")  # noqa: S108 - where Linux keeps it
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
    try:
        return collate(samples, collate_fn_map=known), reserved
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        _check_forms(samples, error)
        raise


def _check_forms(samples: list[Any], error: Exception) -> None:
    """Say what it was about the samples, if it was that, that ``default_collate`` could not take."""
    forms = list(map(_form, samples))
    for i, form in enumerate(forms):
        if form != forms[0]:
            raise ValueError(
                f"samples must be of one form to be stacked, got {forms[0]} at index 0 and {form} at index {i}"
            ) from error
    if isinstance(error, TypeError):
        raise TypeError(
            "samples must hold tensors, arrays, numbers, strings, dictionaries or sequences to be stacked, "
            f"got {forms[0]}"
        ) from error


def _form(sample: Any) -> str:
    if isinstance(sample, Mapping):
        return "{" + ", ".join(f"{key!r}: {_form(value)}" for key, value in sample.items()) + "}"
    if isinstance(sample, (tuple, list)):
        return "(" + ", ".join(map(_form, sample)) + ")"
    return type(sample).__name__


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
    if first.ndim < 2 or not _is_ordinary(first):
        return False
    is_real = set(map(attrgetter("dtype"), rows)) == {first.dtype} and not first.dtype.is_complex
    return is_real and not any(map(attrgetter("requires_grad"), rows))


def _is_ordinary(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.layout == torch.strided and not tensor.is_nested


def _allocate(rows: list[Tensor]) -> Tensor:
    """Memory for a batch; of images that are all channels_last it is channels_last as well."""
    channels, *sides = rows[0].shape
    if all(row.ndim == 3 and not row.is_contiguous() and row.permute(1, 2, 0).is_contiguous() for row in rows):
        return _memory(rows[0], len(rows), *sides, channels).permute(0, 3, 1, 2)
    return _memory(rows[0], len(rows), *rows[0].shape)


def _memory(like: Tensor, *shape: int) -> Tensor:
    """In a worker shared with the main process, as ``default_collate`` allocates it."""
    if get_worker_info() is not None:
        count = math.prod(shape)
        _check_free(count * like.element_size())
        try:
            storage = like._typed_storage()._new_shared(count, device=like.device)
            return like.new(storage).resize_(shape)
        except (AttributeError, RuntimeError):  # no more room, or another release of torch: see share
            pass
    return like.new_empty(shape)


def share(batch: Any) -> None:
    """Move tensors that a worker made to shared memory, as the DataLoader would.

    It does so in a thread whose errors nobody hears: where there is no room, the main process waits for ever.
    """
    for tensor in _unshared(batch):
        if not tensor.is_shared():  # by now, as a view of one before
            _check_free(tensor.untyped_storage().nbytes())
            tensor.share_memory_()


def check_room(batch: Any) -> None:
    """In a worker, an error where a batch does not fit into shared memory.

    Some releases of torch die of a bus error there, others leave an empty file behind, or hang as ``share`` tells.
    """
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in _unshared(batch)}
    _check_free(sum(storages.values()))


def _unshared(batch: Any) -> list[Tensor]:
    """In a worker, what is still to be moved."""
    leaves = tree_leaves(batch) if get_worker_info() is not None else []
    plain = (unwrap(leaf) for leaf in leaves if isinstance(leaf, Tensor))
    return [leaf for leaf in plain if type(leaf) is Tensor and _is_ordinary(leaf) and not leaf.is_shared()]


def _check_free(size: int) -> None:
    if not SHARED.is_dir():
        return
    found = os.statvfs(SHARED)
    free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free < size and whole:  # without blocks it has no limit
        raise RuntimeError(
            f"shared memory ({SHARED}) must have room for what a worker made, {size} bytes, got {free} of {whole} "
            "free: enlarge it (docker run --shm-size=...), or use fewer workers, a smaller prefetch_factor or batch"
        )
