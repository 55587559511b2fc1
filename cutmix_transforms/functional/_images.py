"""Pixels: sizes, boxes, blending and holes."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import (
    can_look_at,
    check_boxes,
    check_broadcast,
    check_indices,
    check_range,
    check_share,
    check_size,
    check_tensor,
    received,
)
from cutmix_transforms.functional._draw import Size

Fill = float | Sequence[float] | Tensor | Literal["mean"]

_WIDE = (torch.float64, torch.int32, torch.int64, torch.uint32, torch.uint64)


def exact_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype to calculate in: float64 where float32 does not hold all values, otherwise float32."""
    return torch.float64 if dtype in _WIDE else torch.float32


def image_size(images: Tensor) -> Size:
    """Height and width of a batch: its last two sides, with sides of 1 in front of a shape that has fewer.

    Args:
        images: any tensor with a leading batch dimension.

    Shape:
        - images: ``(N, ..., H, W)``, ``(N, W)`` or ``(N,)``.

    Returns:
        ``(height, width)``.

    Raises:
        TypeError: if ``images`` are no tensor.

    Example:
        >>> image_size(torch.rand(8, 3, 17, 11)), image_size(torch.rand(8, 5)), image_size(torch.rand(8))
        ((17, 11), (1, 5), (1, 1))
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a tensor, got {received(images)}")
    height, width = (1, 1, *images.shape[1:])[-2:]
    return height, width


def _goes_by_rows(images: Tensor) -> bool:
    """Whether to write holes row by row: where that is possible, and faster than one operation on the whole batch.

    Small rows cost more to reach than to write, and with a gradient each would copy that of the whole batch.
    """
    if not can_look_at(images) or (images.requires_grad and torch.is_grad_enabled()):
        return False
    # Older releases of torch cannot select from the unsigned types but uint8.
    return images[:1].numel() >= 4096 or images.dtype in (torch.uint16, torch.uint32, torch.uint64)


def inside_boxes(boxes: Tensor, size: Size) -> Tensor:
    """Masks that are true inside boxes.

    Args:
        boxes: ``(top, left, bottom, right)`` in pixels, half-open.
        size: ``(height, width)`` of the masks.

    Shape:
        - boxes: ``(..., 4)``; output: ``(..., H, W)`` bool.

    Returns:
        The masks.

    Raises:
        TypeError: if ``boxes`` are no tensor, or ``size`` is no pair of integers.
        ValueError: if ``boxes`` are of another shape, or ``size`` is negative.

    Example:
        >>> inside_boxes(torch.tensor([0, 1, 2, 3]), (3, 4)).int()
        tensor([[0, 1, 1, 0],
                [0, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    check_tensor("boxes", boxes, "(..., 4)", last=4)
    check_size("size", size)
    top, left, bottom, right = boxes[..., None].unbind(-2)  # (..., 1)
    y = torch.arange(size[0], device=boxes.device)
    x = torch.arange(size[1], device=boxes.device)
    return ((y >= top) & (y < bottom))[..., :, None] & ((x >= left) & (x < right))[..., None, :]


def blend(first: Tensor, second: Tensor, share: Tensor | float) -> Tensor:
    """``(1 - share) * first + share * second``, computed in float32 or better, in the dtype of ``first``.

    Integers are rounded to the nearest value. A share of exactly 0 or 1 gives finite values back bit by bit.

    Args:
        first: any float or integer tensor.
        second: another of the same dtype.
        share: the share of ``second``, from 0 to 1; a tensor or a number.

    Shape:
        - first, second, share: shapes that broadcast; the output has the broadcast shape.

    Returns:
        A new tensor.

    Raises:
        TypeError: if the tensors are neither float nor integer, or of different dtypes.
        ValueError: if their shapes do not broadcast, or ``share`` is (on a CPU) not from 0 to 1.

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
    if isinstance(share, Tensor):
        check_blendable(share, "share")
        check_range("share", share)
    else:
        check_share("share", share)
    check_broadcast({"first": first, "second": second, **({"share": share} if isinstance(share, Tensor) else {})})
    return blended(first, second, share)


def blended(first: Tensor, second: Tensor, share: Tensor | float) -> Tensor:
    """The same, of what is known to fit."""
    exact = exact_dtype(first.dtype)
    weight: Any = share.to(exact) if isinstance(share, Tensor) else share
    if first.dtype == exact:
        return torch.lerp(first, second, weight)
    return to_dtype(torch.lerp(first.to(exact), second.to(exact), weight), first.dtype)


def check_blendable(images: Tensor, name: str = "images") -> None:
    """Raise an error unless the images are of numbers that have an order."""
    if images.dtype == torch.bool or images.dtype.is_complex:
        raise TypeError(f"{name} must be float or integer to be blended, got {images.dtype}")


def to_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Values in another dtype; as integers rounded to the nearest and kept in its range."""
    if dtype.is_floating_point or dtype == torch.bool or not values.is_floating_point():
        return values.to(dtype)
    most = torch.iinfo(dtype).max
    if most > 2**32:  # the next float64 would wrap around
        values = values.clamp(max=math.nextafter(float(most), 0))
    return values.round().to(dtype)


def cutout(images: Tensor, holes: Tensor, fill: Fill = 0.0) -> Tensor:
    """Fill rectangular holes in images.

    Args:
        images: images or videos of any float or integer dtype.
        holes: ``(top, left, bottom, right)`` of each hole in pixels, half-open, inside the image; they may overlap.
        fill: a number, one number per channel, ``"mean"`` (each image's channel means) or a tensor of pixels that
            broadcasts to the images. Rounded to the nearest value for integer images.

    Shape:
        - images: ``(C, H, W)`` with holes ``(K, 4)``; or ``(N, C, H, W)``, or videos ``(N, T, C, H, W)``, with holes
          ``(N, K, 4)``: each image its own, a video the same in every frame.
        - output: as ``images``, with their dtype, device and memory format.

    Returns:
        A new tensor; ``images`` stay as they are.

    Raises:
        TypeError: if ``images`` or ``holes`` are no tensors of numbers, or ``fill`` is something else.
        ValueError: if the shapes do not fit, or ``fill`` has another number of channels or is beyond the dtype's range.

    References:
        DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv 1708.04552.

    Example:
        >>> cutout(torch.ones(1, 2, 5, dtype=torch.uint8), torch.tensor([[0, 1, 2, 3]]), fill=9)
        tensor([[[1, 9, 9, 1, 1],
                 [1, 9, 9, 1, 1]]], dtype=torch.uint8)
    """
    check_tensor("images", images, "(C, H, W) or (N, ..., C, H, W)")
    check_indices("holes", holes, "(K, 4) or (N, K, 4)")
    single = images.ndim == 3
    fits = images.ndim >= 3 and holes.ndim == (2 if single else 3) and holes.shape[-1] == 4
    if not fits or not (single or len(holes) == len(images)):
        raise ValueError(
            "holes must be of shape (K, 4) for an image (C, H, W), or (N, K, 4) for images (N, ..., C, H, W), "
            f"got holes {tuple(holes.shape)} for images {tuple(images.shape)}"
        )
    check_boxes("holes", holes, image_size(images))
    batch, each = (images[None], holes[None]) if single else (images, holes)
    pixels = fill_pixels(batch, fill)
    check_broadcast({"fill": pixels, "images": batch})
    out = cut_out(batch, each, pixels)
    return out[0] if single else out


def cut_out(images: Tensor, holes: Tensor, pixels: Tensor) -> Tensor:
    """The same for a batch, with what :func:`fill_pixels` gives, all of it known to fit."""
    size, pixels = image_size(images), pixels.expand(images.shape)
    if not _goes_by_rows(images):
        inside = inside_boxes(holes.to(images.device), size).any(dim=1)  # (N, H, W)
        return torch.where(~inside.view(-1, *(1,) * (images.ndim - 3), *size), images, pixels)
    out = images.clone()
    for i, boxes in enumerate(holes.tolist()):
        for top, left, bottom, right in boxes:
            place = (..., slice(top, bottom), slice(left, right))
            out[i][place] = pixels[i][place]
    return out


def fill_pixels(images: Tensor, fill: Fill, *, name: str = "fill") -> Tensor:
    """What holes show: the fill in the images' dtype, in a shape that broadcasts to ``(N, ..., C, H, W)``."""
    if images.dtype.is_complex:
        raise TypeError(f"images must be float or integer, got {images.dtype}")
    if isinstance(fill, str):
        if fill != "mean":
            raise ValueError(f"{name} must be a number, one number per channel, a tensor or 'mean', got {fill!r}")
        frames = range(1, images.ndim - 3)  # one mean for a whole video, so that its holes do not flicker
        exact = images.to(exact_dtype(images.dtype))
        fill = exact.mean(dim=(*frames, -2, -1), keepdim=True)
    elif isinstance(fill, Tensor):
        if can_look_at(fill) and not (images.dtype.is_floating_point or images.dtype in (torch.bool, fill.dtype)):
            info = torch.iinfo(images.dtype)
            check_range(name, fill.detach().double().round(), info.min, info.max)
    else:
        fill = _channel_fill(images, fill, name)
    return to_dtype(fill, images.dtype).to(images.device)


def _channel_fill(images: Tensor, fill: float | Sequence[float], name: str) -> Tensor:
    channels = images.shape[-3]
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
    return torch.tensor(values, dtype=torch.float64, device="cpu").view(-1, 1, 1)
