"""Checks of options and arguments: errors that name the argument, the rule and the value received.

Types, dtypes and shapes are always checked. The numbers in a tensor are checked on a CPU only: reading them elsewhere
would wait for the GPU or break a compiled graph.
"""

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor


def can_look_at(tensor: Tensor) -> bool:
    """Return True if reading a tensor's numbers neither waits for a device nor breaks a compiled graph."""
    return tensor.is_cpu and not torch.compiler.is_compiling()


def received(value: object) -> str:
    """Describe a value in a few words, for an error message."""
    if isinstance(value, Tensor) and (value.ndim or not can_look_at(value)):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    text = repr(value)
    return f"{type(value).__name__}: {text if len(text) <= 100 else text[:97] + '...'}"


def check_tensor(name: str, value: object, form: str, *, ndims: tuple[int, ...] = (), last: int | None = None) -> None:
    """Raise an error unless ``value`` is a tensor of the shape that ``form`` describes."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor of shape {form}, got {received(value)}")
    if (ndims and value.ndim not in ndims) or (last is not None and (value.ndim == 0 or value.shape[-1] != last)):
        raise ValueError(f"{name} must be of shape {form}, got {tuple(value.shape)}")


def check_indices(name: str, value: Any, form: str, *, ndims: tuple[int, ...] = (), last: int | None = None) -> None:
    """Raise an error unless ``value`` is an int64 or int32 tensor."""
    check_tensor(name, value, form, ndims=ndims, last=last)
    if value.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{name} must be int64 or int32, got {value.dtype}")


def check_floats(name: str, value: Any, form: str, *, ndims: tuple[int, ...] = ()) -> None:
    """Raise an error unless ``value`` is a float tensor."""
    check_tensor(name, value, form, ndims=ndims)
    if not value.is_floating_point():
        raise TypeError(f"{name} must be float, got {value.dtype}")


def check_real(name: str, value: Tensor) -> None:
    """Raise an error if a tensor is boolean or complex."""
    if value.dtype == torch.bool or value.dtype.is_complex:
        raise TypeError(f"{name} must be float or integer, got {value.dtype}")


def check_size(name: str, value: Any, *, any_dims: bool = False) -> None:
    """Raise an error unless ``value`` is ``(height, width)`` or, with ``any_dims``, a tuple of any length."""
    form = "a tuple of integers, such as (height, width)," if any_dims else "(height, width), two integers,"
    is_tuple = isinstance(value, (tuple, list)) and (len(value) == 2 or (any_dims and len(value) > 0))
    if not is_tuple or not all(isinstance(side, Integral) and not isinstance(side, bool) for side in value):
        raise TypeError(f"{name} must be {form} got {received(value)}")
    if min(value) < 0:
        raise ValueError(f"{name} must be {form} of at least 0, got {tuple(value)}")


def check_range(name: str, values: Tensor, least: int = 0, most: int = 1) -> None:
    """Raise an error unless all values lie in a range; only values on a CPU are checked."""
    if can_look_at(values) and values.numel():
        low, high = map(float, values.detach().aminmax())  # nan if there is one
        if not (low >= least and high <= most):
            raise ValueError(f"{name} must be from {least} to {most}, got {low if not low >= least else high}")


def check_boxes(name: str, boxes: Tensor, size: tuple[int, ...]) -> None:
    """Raise an error unless all boxes lie inside an image; only boxes on a CPU are checked."""
    if not can_look_at(boxes):
        return
    first, last = boxes[..., : len(size)], boxes[..., len(size) :]
    wrong = ((first < 0) | (last < first) | (last > last.new_tensor(size))).any(-1)
    if wrong.any():
        raise ValueError(f"{name} must lie inside {edges_in_words(size)}, got {tuple(boxes[wrong][0].tolist())}")


def edges_in_words(size: tuple[int, ...]) -> str:
    """Describe an image's size and the order of a box's edges, for an error message."""
    sides = " x ".join(map(str, size))
    if len(size) == 2:
        return f"{sides} (height x width), as (top, left, bottom, right) with top <= bottom and left <= right"
    return f"{sides}, as starts, then stops, with start <= stop"


def check_broadcast(tensors: dict[str, Tensor]) -> None:
    """Raise an error unless the shapes of all tensors broadcast."""
    sides = zip_longest(*(reversed(tensor.shape) for tensor in tensors.values()), fillvalue=1)
    if any(len({side for side in at if side != 1}) > 1 for at in sides):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors.values())
        raise ValueError(f"{', '.join(tensors)} must have shapes that broadcast, got {shapes}")


def check_number(name: str, value: object, rule: str, holds: Callable[[float], bool]) -> float:
    """Return a finite number for which ``holds`` is true, or raise an error that quotes ``rule``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}, got {received(value)}")
    try:
        number = float(value)
    except OverflowError:  # an integer that is too large
        number = math.inf
    if not (math.isfinite(number) and holds(number)):
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return number


def check_alpha(value: object) -> float:
    """Return a positive number."""
    return check_number(
        "alpha", value, "a positive number (to turn mixing off, set p=0)", holds=lambda number: number > 0
    )


def check_fraction(name: str, value: object) -> float:
    """Return a number from 0 to 1."""
    return check_number(name, value, "a number from 0 to 1", holds=lambda number: 0 <= number <= 1)


def check_fraction_below_one(name: str, value: object) -> float:
    """Return a number in [0, 1)."""
    return check_number(name, value, "a number in [0, 1)", holds=lambda number: 0 <= number < 1)


def check_flag(name: str, value: object) -> bool:
    """Return True or False; numpy booleans are accepted."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {received(value)}")
    return bool(value)


def check_count(name: str, value: object) -> int:
    """Return an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer of at least 1, got {received(value)}")
    if value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    return int(value)


def check_fractions(name: str, value: object) -> tuple[float, float]:
    """Return a pair of fractions ``0 <= low <= high <= 1``."""
    rule = "a pair (low, high) with 0 <= low <= high <= 1"
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be {rule}, got {received(value)}")
    low, high = (check_number(name, number, rule, holds=lambda number: 0 <= number <= 1) for number in value)
    if low > high:
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return low, high


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise an error unless ``value`` is one of the choices."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, choices))}, got {received(value)}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
