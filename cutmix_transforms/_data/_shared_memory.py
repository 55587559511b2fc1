"""Shared memory, in which a worker hands batches to the main process."""

import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.data import get_worker_info

from cutmix_transforms.functional._wrap import unwrap

SHARED = "/dev/shm"  # noqa: S108 - where Linux keeps it


def is_ordinary(tensor: Tensor) -> bool:
    """Return True for a dense tensor on the CPU."""
    return tensor.is_cpu and tensor.layout == torch.strided and not tensor.is_nested


def memory_like(like: Tensor, *shape: int) -> Tensor:
    """Return an empty tensor like another one, in a worker in shared memory, like ``default_collate``."""
    if get_worker_info() is not None:
        size = math.prod(shape) * like.element_size()
        _check_free(size)
        try:
            storage = torch.UntypedStorage._new_shared(size)
            return like.new_empty(0).set_(storage, 0, shape)  # type: ignore[call-overload,no-any-return]
        except (AttributeError, RuntimeError):  # no room, or another release of torch
            pass
    return like.new_empty(shape)


def move_to_shared_memory(leaves: list[Any]) -> None:
    """Move the tensors of a batch to shared memory, if this is a worker.

    The DataLoader would do so in a thread that hides errors: if there is no room, the main process waits forever.
    """
    for tensor in _not_in_shared_memory(leaves):  # one at a time, since it may be a view of an earlier one
        storage = tensor.untyped_storage()
        _check_free(storage.nbytes())
        storage.share_memory_()


def check_room(batch: Any) -> None:
    """Raise an error if this is a worker and a batch does not fit into shared memory.

    Without the error, releases of torch crash with a bus error, leave an empty file behind, or wait forever.
    """
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in _not_in_shared_memory(tree_leaves(batch))
    }
    _check_free(sum(storages.values()))


def _not_in_shared_memory(leaves: list[Any]) -> Iterator[Tensor]:
    """Yield the tensors that are not in shared memory yet, if this is a worker."""
    if get_worker_info() is None:
        return
    for leaf in leaves:
        plain = unwrap(leaf) if isinstance(leaf, Tensor) else None
        if type(plain) is Tensor and is_ordinary(plain) and not plain.untyped_storage().is_shared():
            yield plain


@cache
def _is_there(folder: str) -> bool:
    return Path(folder).is_dir()


def _check_free(size: int) -> None:
    if not _is_there(SHARED):
        return
    found = os.statvfs(SHARED)
    free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free < size and whole:  # a size of 0 means no limit
        raise RuntimeError(
            f"shared memory ({SHARED}) must have room for a batch of {size} bytes, got {free} of {whole} bytes free: "
            "enlarge it (docker run --shm-size=...), or use fewer workers, a smaller prefetch_factor or batch"
        )
