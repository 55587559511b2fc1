"""Stacking samples to a batch whose images can be mixed while they are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data._utils.collate import collate, collate_tensor_fn, default_collate_fn_map
from torchvision import tv_tensors

from cutmix_transforms._data._shared_memory import is_ordinary, memory_like
from cutmix_transforms._structure._column import Column, stacked
from cutmix_transforms._structure._containers import fields_of, keys_of
from cutmix_transforms.functional._draw import HostDraw
from cutmix_transforms.functional._pixels import write_mixed
from cutmix_transforms.functional._wrap import rewrap, unwrap


@dataclass
class Rows(Column):
    """Plain CPU tensors with the same shape and dtype, to be stacked."""

    rows: Sequence[Tensor]
    first: Tensor

    def stacked(self) -> Tensor:
        """Stack the rows to a batch."""
        return rewrap(torch.stack(list(self.rows), out=_allocate(self.rows)), self.first)

    def mixed(self, draw: HostDraw) -> Tensor:
        """Mix the rows while they are written into a batch."""
        out = _allocate(self.rows)
        write_mixed(out, self.rows, draw)
        return rewrap(out, self.first)


@dataclass
class Columns:
    """The leaves of the samples of a batch, one column per leaf."""

    values: list[Sequence[Any]]  # in the order in which a sample is flattened
    form: list[Any]  # types and keys of the containers, then types, shapes and dtypes of the first sample's leaves

    @classmethod
    def of(cls, samples: Sequence[Any]) -> "Columns":
        """Open samples, which must all have the structure of the first one."""
        columns = cls([], [])
        _take_apart(samples, columns.values, columns.form)
        return columns


def _take_apart(samples: Sequence[Any], values: list[Sequence[Any]], form: list[Any]) -> None:
    """Append the leaves of samples to ``values``, one column per leaf, in the order in which a sample is flattened."""
    first = samples[0]
    form.append(type(first))
    if keys_of(first) is None:
        form += [getattr(first, "shape", None), getattr(first, "dtype", None)]
        values.append(samples)
        return
    keys = fields_of(first)
    if keys is None:
        form.append(len(first))
        columns: Any = zip(*samples, strict=True)
    else:  # by key, since samples may order their keys differently
        form += keys
        take: Any = attrgetter
        if isinstance(first, Mapping):
            _check_keys(samples)
            take = itemgetter
        columns = (list(map(take(key), samples)) for key in keys)
    for column in columns:
        _take_apart(column, values, form)


def _check_keys(samples: Sequence[Any]) -> None:
    """Raise an error unless all samples have the keys of the first one, since other keys would be lost silently."""
    first = samples[0].keys()
    for i, sample in enumerate(samples):
        if len(sample.keys()) != len(first):
            differing = sorted(map(str, set(sample.keys()) ^ set(first)))
            raise ValueError(
                f"samples must all have the same keys to be stacked, got {differing} in only one of those at index 0 "
                f"and {i}"
            )


def stack(samples: list[Any]) -> Any:
    """Collate samples like ``default_collate``, but keep the types of tv_tensors."""
    try:
        return collate(samples, collate_fn_map=_STACKED)
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        check_forms(samples, error)
        raise


def column_of(values: Sequence[Any]) -> Any:
    """Collate one leaf of all samples like ``default_collate``, but keep tensors ``(H, W)`` and larger as a column."""
    first = values[0]
    if type(first) is int:  # usually a label
        numbers = np.array(values)
        if numbers.dtype == np.int64:
            return torch.from_numpy(numbers)
    return _column(values) if isinstance(first, Tensor) else collate(values, collate_fn_map=_KNOWN)


def check_forms(samples: list[Any], error: Exception) -> None:
    """Raise a clearer error if samples could not be stacked because of their structure."""
    forms = list(map(_form, samples))
    for i, form in enumerate(forms):
        if form != forms[0]:
            raise ValueError(
                f"samples must have the same structure to be stacked, got {forms[0]} at index 0 and {form} at index {i}"
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


def _column(batch: Sequence[Tensor], *, collate_fn_map: Any = None) -> Rows | Tensor:  # noqa: ARG001
    kinds = set(map(type, batch))
    rows = batch if kinds == {Tensor} else list(map(unwrap, batch))
    forms = set(map(_form_of_tensor, rows))
    if len(forms) > 1:
        _check_shapes({shape for shape, *_ in forms})
        _check_complex({dtype for _, dtype, _ in forms})
    if len(kinds) > 1 and any(issubclass(kind, tv_tensors.TVTensor) for kind in kinds):
        raise TypeError(f"samples must hold tensors of the same type to be stacked, got {kinds}")  # see check_forms
    first = rows[0]
    can_be_images = first.ndim >= 2 and is_ordinary(first) and not (first.dtype.is_complex or first.requires_grad)
    if can_be_images and len(forms) == 1:
        return Rows(rows, batch[0])
    return rewrap(collate_tensor_fn(list(rows)), batch[0])


_form_of_tensor = attrgetter("shape", "dtype", "requires_grad")


def _check_shapes(shapes: set[torch.Size]) -> None:
    """Raise an error with advice if tensors differ in shape."""
    if len(shapes) > 1:
        least = min(map(len, shapes))
        is_color = len({shape[-2:] for shape in shapes}) == 1 and least > 2
        way = "convert all to the same channels, with image.convert('RGB') or v2.RGB()" if is_color else "resize them"
        ways = f"{way}, or keep samples apart" if least > 2 else "keep samples apart"
        found = ", ".join(map(str, sorted(map(tuple, shapes))))
        raise ValueError(
            f"images and labels must have the same shape in all samples to be stacked, got {found}; {ways} with "
            "MixCollate(mix, collate_fn=unstacked)"
        )


def _check_complex(dtypes: set[torch.dtype]) -> None:
    """Raise an error if only some samples are complex, since the others would become complex silently."""
    if len({dtype.is_complex for dtype in dtypes}) > 1:
        found = ", ".join(sorted(map(str, dtypes)))
        raise ValueError(f"samples must be all complex or all real to be stacked, got {found}")


def _stacked_column(batch: Sequence[Tensor], *, collate_fn_map: Any = None) -> Tensor:  # noqa: ARG001
    column: Tensor = stacked(_column(batch))
    return column


_KNOWN: Any = {**default_collate_fn_map, Tensor: _column}
_STACKED: Any = {**default_collate_fn_map, Tensor: _stacked_column}


def _allocate(rows: Sequence[Tensor]) -> Tensor:
    """Return an empty batch, which is channels_last if all images are."""
    channels, *sides = rows[0].shape
    if all(row.ndim == 3 and not row.is_contiguous() and row.permute(1, 2, 0).is_contiguous() for row in rows):
        return memory_like(rows[0], len(rows), *sides, channels).permute(0, 3, 1, 2)
    return memory_like(rows[0], len(rows), *rows[0].shape)
