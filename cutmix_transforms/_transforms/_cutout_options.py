"""Checks of the options of Cutout, and of holes that a user passes in."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from torch import Tensor

from cutmix_transforms.functional._checks import check_boxes, check_indices, check_number
from cutmix_transforms.functional._placement import image_size


def check_holes(holes: Any, images: Tensor, dims: int) -> None:
    """Raise an error unless holes from a user match the images."""
    check_indices("draw", holes, f"(N, K, {2 * dims})", ndims=(3,), last=2 * dims)
    if len(holes) != len(images):
        raise ValueError(f"draw must hold holes for {len(images)} images, got holes for {len(holes)}")
    check_boxes("draw", holes, image_size(images, dims))


def check_size(value: object) -> Any:
    """Return a size in pixels, a fraction, or a pair of either, after checking it."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = map(_check_side, value)
        if type(low) is not type(high) or low > high:
            raise ValueError(
                f"size must be a pair (low, high) of pixels (ints) or of fractions (floats), got {value!r}"
            )
        return low, high
    return _check_side(value)


def _check_side(value: object) -> int | float:
    rule = "pixels (an int of at least 1), a fraction (a float above 0, up to 1.0) or a pair (low, high) of either"
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(check_number("size", value, rule, lambda number: number >= 1))
    return check_number("size", value, rule, lambda number: 0 < number <= 1)


def check_fill(value: object) -> Any:
    """Return a fill: a number, a tuple of numbers, or one of two words, after checking it."""
    rule = "a finite number, one per channel, 'random' or 'mean'"
    if isinstance(value, str):
        if value not in ("random", "mean"):
            raise ValueError(f"fill must be {rule}, got {value!r}")
        return value
    if isinstance(value, Sequence):
        if not value:
            raise ValueError(f"fill must be {rule}, got {value!r}")
        return tuple(check_number("fill", number, rule, math.isfinite) for number in value)
    return check_number("fill", value, rule, math.isfinite)
