"""Cutout: filling rectangular holes."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import torch
from torch import Tensor

from cutmix_transforms.functional._blend import exact_dtype, to_dtype
from cutmix_transforms.functional._boxes import inside_boxes
from cutmix_transforms.functional._checks import (
    can_look_at,
    check_boxes,
    check_broadcast,
    check_indices,
    check_range,
    check_tensor,
    received,
)
from cutmix_transforms.functional._draw import send_tensor
from cutmix_transforms.functional._placement import image_size, inside_of

Fill = float | Sequence[float] | Tensor | Literal["mean"]


def cutout(images: Tensor, holes: Tensor, fill: Fill = 0.0) -> Tensor:
    """Fill rectangular holes in images.

    Args:
        images: images or videos of any float or integer dtype.
        holes: ``(top, left, bottom, right)`` of each hole in pixels, half-open, inside the image. Holes may overlap.
            For holes over ``dims`` trailing axes, ``2 * dims`` numbers: starts then stops.
        fill: a number, one number per channel, ``"mean"`` (each image's channel means), or a tensor of pixels that
            broadcasts to the images. It is rounded to the nearest value for integer images.

    Shape:
        - images: ``(C, H, W)`` with holes ``(K, 4)``; or ``(N, C, H, W)``, or videos ``(N, T, C, H, W)``, with holes
          ``(N, K, 4)``: one set of holes per image, or per video for all its frames. Signals ``(C, T)`` take holes
          ``(K, 2)``, volumes ``(C, D, H, W)`` take holes ``(K, 6)``.
        - output: like ``images``, with the same dtype, device and memory format.

    Returns:
        A new tensor; ``images`` is not changed.

    Raises:
        TypeError: if ``images`` or ``holes`` is not a tensor of numbers, or ``fill`` has a wrong type.
        ValueError: if the shapes do not match, or ``fill`` has a wrong number of channels or is out of the dtype's
            range.

    References:
        DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv 1708.04552.

    Example:
        >>> cutout(torch.ones(1, 2, 5, dtype=torch.uint8), torch.tensor([[0, 1, 2, 3]]), fill=9)
        tensor([[[1, 9, 9, 1, 1],
                 [1, 9, 9, 1, 1]]], dtype=torch.uint8)
    """
    check_tensor("images", images, "(C, H, W) or (N, ..., C, H, W)")
    check_indices("holes", holes, "(K, 4) or (N, K, 4)")
    dims = holes.shape[-1] // 2 if holes.ndim else 0
    single = images.ndim == dims + 1
    fits = images.ndim > dims and holes.ndim == (2 if single else 3) and holes.shape[-1] == 2 * max(dims, 1)
    if not fits or not (single or len(holes) == len(images)):
        raise ValueError(
            "holes must be of shape (K, 4) for an image (C, H, W), or (N, K, 4) for images (N, ..., C, H, W), "
            f"got holes {tuple(holes.shape)} for images {tuple(images.shape)}"
        )
    check_boxes("holes", holes, image_size(images[None] if single else images, dims))
    batch, each = (images[None], holes[None]) if single else (images, holes)
    pixels = fill_pixels(batch, fill, dims)
    check_broadcast({"fill": pixels, "images": batch})
    if torch.broadcast_shapes(pixels.shape, batch.shape) != batch.shape:
        raise ValueError(f"fill must broadcast to images {tuple(images.shape)}, got shape {tuple(pixels.shape)}")
    out = cutout_unchecked(batch, each, pixels)
    return out[0] if single else out


def cutout_unchecked(images: Tensor, holes: Tensor, pixels: Tensor) -> Tensor:
    """Fill the holes of a batch with ``pixels`` from ``fill_pixels``, without checking the arguments."""
    size, pixels = image_size(images, holes.shape[-1] // 2), pixels.expand(images.shape)
    if not _goes_by_rows(images):
        inside = inside_boxes(send_tensor(holes, images.device), size).any(dim=1)  # (N, *size)
        return torch.where(~inside.view(-1, *(1,) * (images.ndim - 1 - len(size)), *size), images, pixels)
    out = images.clone()
    for i, boxes in enumerate(holes.tolist()):
        for box in boxes:
            out[i][inside_of(box)] = pixels[i][inside_of(box)]
    return out


def fill_pixels(images: Tensor, fill: Fill, dims: int, *, name: str = "fill") -> Tensor:
    """Return the pixels for holes over ``dims`` axes, in the images' dtype and a shape that broadcasts to them."""
    if images.dtype.is_complex:
        raise TypeError(f"images must be float or integer, got {images.dtype}")
    if isinstance(fill, str):
        if fill != "mean":
            raise ValueError(f"{name} must be a number, one number per channel, a tensor or 'mean', got {fill!r}")
        frames = range(1, images.ndim - 1 - dims)  # one mean for a whole video, so that its holes do not flicker
        exact = images.to(exact_dtype(images.dtype))
        fill = exact.mean(dim=(*frames, *range(-dims, 0)), keepdim=True)
    elif isinstance(fill, Tensor):
        if can_look_at(fill) and not (images.dtype.is_floating_point or images.dtype in (torch.bool, fill.dtype)):
            info = torch.iinfo(images.dtype)
            check_range(name, fill.detach().double().round(), info.min, info.max)
    else:
        fill = _channel_fill(images, fill, dims, name)
    return send_tensor(to_dtype(fill, images.dtype), images.device)


def _channel_fill(images: Tensor, fill: float | Sequence[float], dims: int, name: str) -> Tensor:
    channels = images.shape[-1 - dims]
    values: list[Any] = [fill] if isinstance(fill, Real) else list(fill) if isinstance(fill, (tuple, list)) else [None]
    if not all(isinstance(value, Real) for value in values):
        raise TypeError(f"{name} must be a number, one number per channel, a tensor or 'mean', got {received(fill)}")
    if len(values) not in (1, channels):
        raise ValueError(f"{name} must be one number or one per channel ({channels}), got {fill!r}")
    if images.dtype != torch.bool:
        is_float = images.dtype.is_floating_point
        info = torch.finfo(images.dtype) if is_float else torch.iinfo(images.dtype)
        low, high = info.min, info.max
        if not all(math.isfinite(one) and low <= (one if is_float else round(one)) <= high for one in values):
            raise ValueError(f"{name} must lie in [{low}, {high}] for images of {images.dtype}, got {fill!r}")
        if not is_float and any(0 < one < 1 for one in values):
            raise ValueError(
                f"{name} must be in the units of the images, which are {images.dtype} (for uint8 from 0 to 255), "
                f"got the fraction {fill!r}"
            )
    return torch.tensor(values, dtype=torch.float64, device="cpu").view(-1, *(1,) * dims)


def _goes_by_rows(images: Tensor) -> bool:
    """Return True if writing holes image by image is possible, and faster than one operation on the whole batch.

    For small images, indexing takes longer than writing; with autograd, each write would copy the whole gradient.
    """
    if not can_look_at(images) or (images.requires_grad and torch.is_grad_enabled()):
        return False
    # torch.where of older releases does not take unsigned types other than uint8.
    return images[:1].numel() >= 4096 or images.dtype in (torch.uint16, torch.uint32, torch.uint64)
