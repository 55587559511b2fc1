"""Making a batch of samples so that its images are mixed while they are written."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import collate, collate_tensor_fn, default_collate_fn_map
from torchvision import tv_tensors

from cutmix_transforms._structure._containers import fields_of, item_of, keys_of
from cutmix_transforms._wrap import rewrap, unwrap
from cutmix_transforms.functional._draw import HostDraw
from cutmix_transforms.functional._mixing import write_mixed

SHARED = Path("/dev/shm")  # noqa: S108 - where Linux keeps it


@dataclass
class Column:
    """Tensors of the samples of a batch that are not stacked yet, so that they can be mixed while they are written."""

    rows: Sequence[Tensor]  # plain
    first: Tensor  # the first one as it came, with its type and metadata

    def stacked(self) -> Tensor:
        """Return the batch."""
        return rewrap(torch.stack(list(self.rows), out=_allocate(self.rows)), self.first)

    def mixed(self, draw: HostDraw) -> Tensor:
        """Return the mixed batch."""
        out = _allocate(self.rows)
        write_mixed(out, self.rows, draw)
        return rewrap(out, self.first)


@dataclass
class Columns:
    """The leaves of the samples of a batch, column by column."""

    values: list[Sequence[Any]]  # in the order in which a sample is flattened
    form: list[Any]  # types and keys of what they lay in, then types, shapes and dtypes of the first sample's leaves

    @classmethod
    def of(cls, samples: Sequence[Any]) -> "Columns":
        """Take samples apart; all must be of the form of the first one."""
        values: list[Sequence[Any]] = []
        form: list[Any] = []
        _take_apart(samples, values, form)
        for column in values:
            first = column[0]
            form += [type(first), getattr(first, "shape", None), getattr(first, "dtype", None)]
        return cls(values, form)


def _take_apart(samples: Sequence[Any], values: list[Sequence[Any]], form: list[Any]) -> None:
    """Collect the leaves of samples column by column, in the order in which one sample is read."""
    first = samples[0]
    kind = type(first)
    if kind in (tuple, list) or (keys_of(first) is not None and fields_of(first) is None):
        form += [kind, len(first)]
        columns: Any = zip(*samples, strict=True)
    elif isinstance(first, Mapping):  # by key, as each sample may have another order
        keys = list(first.keys())
        form += [kind, *keys]
        _check_keys(samples)
        columns = ([sample[key] for sample in samples] for key in keys)
    elif fields_of(first):
        form.append(kind)
        columns = ([item_of(sample, key) for sample in samples] for key in fields_of(first) or ())
    else:
        form.append("leaf")
        values.append(samples)
        return
    for column in columns:
        _take_apart(column, values, form)


def _check_keys(samples: Sequence[Any]) -> None:
    """Raise an error where a later sample has a key that the first one lacks, which would be left out silently."""
    first = samples[0].keys()
    for i, sample in enumerate(samples):
        if len(sample.keys()) != len(first):
            differing = sorted(map(str, set(sample.keys()) ^ set(first)))
            raise ValueError(
                f"samples must all have the same keys to be stacked, got {differing} in only one of those at index 0 "
                f"and {i}"
            )


def stacked(value: Any) -> Any:
    """Return the batch of a column, or anything else as it is."""
    return value.stacked() if isinstance(value, Column) else value


def stack(samples: list[Any]) -> Any:
    """Return what ``default_collate`` makes of samples, with the type of tv_tensors kept."""
    try:
        return tree_map_only(Column, Column.stacked, _collated(samples))
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        check_forms(samples, error)
        raise


def column_of(values: Sequence[Any]) -> Any:
    """Return what ``default_collate`` makes of one leaf of all samples; of tensors ``(H, W)`` and larger a column."""
    first = values[0]
    if type(first) is int:  # a label, most often
        numbers = np.array(values)
        if numbers.dtype == np.int64:
            return torch.from_numpy(numbers)
    return _column(values) if isinstance(first, Tensor) else _collated(values)


def _collated(samples: Sequence[Any]) -> Any:
    return collate(samples, collate_fn_map=_KNOWN)


def check_forms(samples: list[Any], error: Exception) -> None:
    """Raise a clearer error if it was the form of the samples that could not be stacked."""
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


def _column(batch: Sequence[Tensor], *, collate_fn_map: Any = None) -> Column | Tensor:  # noqa: ARG001
    shapes = [row.shape for row in batch]
    if shapes.count(shapes[0]) < len(shapes):
        found = ", ".join(map(str, sorted(set(map(tuple, shapes)))))
        raise ValueError(
            f"images and labels must be of one shape to be stacked, got {found}; {_way_to_one_shape(shapes)}, or give "
            "a collate_fn that takes samples of unequal size"
        )
    kinds = set(map(type, batch))
    if len(kinds) > 1 and any(issubclass(kind, tv_tensors.TVTensor) for kind in kinds):
        raise TypeError(f"samples must hold tensors of one type to be stacked, got {kinds}")  # see check_forms
    rows = batch if kinds == {Tensor} else list(map(unwrap, batch))
    if _can_wait(rows):
        return Column(rows, batch[0])
    return rewrap(collate_tensor_fn(list(rows)), batch[0])


def _way_to_one_shape(shapes: Sequence[torch.Size]) -> str:
    """Tell what to do with images that differ in channels, or in size."""
    is_color = len({shape[-2:] for shape in shapes}) == 1 and len(shapes[0]) > 2
    return "give all the same channels, as image.convert('RGB') or v2.RGB() do" if is_color else "resize them"


def _can_wait(rows: Sequence[Tensor]) -> bool:
    """Tell whether these are ordinary tensors that can be images."""
    first = rows[0]
    if first.ndim < 2 or not _is_ordinary(first) or first.dtype.is_complex:
        return False
    return set(map(attrgetter("dtype", "requires_grad"), rows)) == {(first.dtype, False)}


_KNOWN: Any = {**default_collate_fn_map, tv_tensors.TVTensor: _column, Tensor: _column}


def _is_ordinary(tensor: Tensor) -> bool:
    return tensor.is_cpu and tensor.layout == torch.strided and not tensor.is_nested


def _allocate(rows: Sequence[Tensor]) -> Tensor:
    """Return memory for a batch; of images that are all channels_last it is channels_last as well."""
    channels, *sides = rows[0].shape
    if all(row.ndim == 3 and not row.is_contiguous() and row.permute(1, 2, 0).is_contiguous() for row in rows):
        return _memory(rows[0], len(rows), *sides, channels).permute(0, 3, 1, 2)
    return _memory(rows[0], len(rows), *rows[0].shape)


def _memory(like: Tensor, *shape: int) -> Tensor:
    """Return memory, in a worker shared with the main process, as ``default_collate`` allocates it."""
    if get_worker_info() is not None:
        count = math.prod(shape)
        _check_free(count * like.element_size())
        try:
            storage = like._typed_storage()._new_shared(count, device=like.device)
            return like.new(storage).resize_(shape)
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
        if type(plain) is Tensor and _is_ordinary(plain) and not plain.untyped_storage().is_shared():
            yield plain


@cache
def _is_there(folder: Path) -> bool:
    return folder.is_dir()


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
