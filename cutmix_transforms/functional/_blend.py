"""Blending, and the dtypes that it is computed in."""

import math
from typing import Any

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import (
    check_broadcast,
    check_fraction,
    check_range,
    check_tensor,
)

_WIDE = (torch.float64, torch.int32, torch.int64, torch.uint32, torch.uint64)


def exact_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype to calculate in: float64 if float32 cannot hold all values of ``dtype``, otherwise float32."""
    return torch.float64 if dtype in _WIDE else torch.float32


def blend(first: Tensor, second: Tensor, opacity: Tensor | float) -> Tensor:
    """Return ``(1 - opacity) * first + opacity * second`` in the dtype of ``first``.

    The blend is computed in float32, or in float64 where float32 is not exact. Integers are rounded to the nearest
    value. With an opacity of exactly 0 or 1, finite values come back unchanged.

    Args:
        first: any float or integer tensor.
        second: a tensor of the same dtype.
        opacity: the weight of ``second``, from 0 to 1; a tensor or a number.

    Shape:
        - first, second, opacity: shapes that broadcast; the output has the broadcast shape.

    Returns:
        A new tensor.

    Raises:
        TypeError: if the tensors are neither float nor integer, or of different dtypes.
        ValueError: if the shapes do not broadcast, or ``opacity`` is not from 0 to 1 (checked on a CPU).

    Example:
        >>> first, second = torch.tensor([[0, 255], [255, 255]], dtype=torch.uint8)
        >>> blend(first, second, torch.tensor(0.25))
        tensor([ 64, 255], dtype=torch.uint8)
    """
    for name, value in (("first", first), ("second", second)):
        check_tensor(name, value, "(...)")
        check_blendable(value, name)
    if first.dtype != second.dtype:
        raise TypeError(f"second must be of the dtype of first, {first.dtype}, got {second.dtype}")
    if isinstance(opacity, Tensor):
        check_blendable(opacity, "opacity")
        check_range("opacity", opacity)
    else:
        check_fraction("opacity", opacity)
    check_broadcast({"first": first, "second": second, **({"opacity": opacity} if isinstance(opacity, Tensor) else {})})
    return blend_unchecked(first, second, opacity)


def blend_unchecked(first: Tensor, second: Tensor, opacity: Tensor | float) -> Tensor:
    """Blend two tensors without checking the arguments."""
    exact = exact_dtype(first.dtype)
    weight: Any = opacity.to(exact) if isinstance(opacity, Tensor) else opacity
    if first.dtype == exact:
        return torch.lerp(first, second, weight)
    return to_dtype(torch.lerp(first.to(exact), second.to(exact), weight), first.dtype)


def check_blendable(images: Tensor, name: str = "images") -> None:
    """Raise an error if the images are boolean or complex."""
    if images.dtype == torch.bool or images.dtype.is_complex:
        raise TypeError(f"{name} must be float or integer to be blended, got {images.dtype}")


def to_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert values to another dtype; for an integer dtype, round to the nearest value and stay inside its range."""
    if dtype.is_floating_point or dtype == torch.bool or not values.is_floating_point():
        return values.to(dtype)
    most = torch.iinfo(dtype).max
    if most > 2**32:  # the next float64 would wrap around
        values = values.clamp(max=math.nextafter(float(most), 0))
    return values.round().to(dtype)
