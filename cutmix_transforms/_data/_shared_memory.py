"""Memory that a worker shares with the main process."""

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
    return tensor.is_cpu and tensor.layout == torch.strided and not tensor.is_nested


def memory_like(like: Tensor, *shape: int) -> Tensor:
    """Return memory, in a worker shared with the main process, as ``default_collate`` allocates it."""
    if get_worker_info() is not None:
        size = math.prod(shape) * like.element_size()
        _check_free(size)
        try:
            storage = torch.UntypedStorage._new_shared(size)
            return like.new_empty(0).set_(storage, 0, shape)  # type: ignore[call-overload,no-any-return]
        except (AttributeError, RuntimeError):  # no more room, or another release of torch: see share
            pass
    return like.new_empty(shape)


def share(leaves: list[Any]) -> None:
    """Move tensors that a worker made to shared memory, as the DataLoader would.

    It does so in a thread whose errors nobody hears: where there is no room, the main process waits for ever.
    """
    for tensor in _unshared(leaves):  # one at a time: it may be a view of one before
        storage = tensor.untyped_storage()
        _check_free(storage.nbytes())
        storage.share_memory_()


def check_room(batch: Any) -> None:
    """In a worker, an error where a batch does not fit into shared memory.

    Some releases of torch die of a bus error there, others leave an empty file behind, or hang as ``share`` tells.
    """
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in _unshared(tree_leaves(batch))
    }
    _check_free(sum(storages.values()))


def _unshared(leaves: list[Any]) -> Iterator[Tensor]:
    """Yield, in a worker, what is still to be moved."""
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
    if free < size and whole:  # without blocks it has no limit
        raise RuntimeError(
            f"shared memory ({SHARED}) must have room for what a worker made, {size} bytes, got {free} of {whole} "
            "free: enlarge it (docker run --shm-size=...), or use fewer workers, a smaller prefetch_factor or batch"
        )
