"""Images as pixels to be shown: three channels of 8 bits."""

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms._overlay import INTEGERS
from cutmix_transforms._wrap import unwrap
from cutmix_transforms.functional._checks import received

WHITES = (255, 4095, 65535)  # of 8, 12 and 16 bits
NEAR = 0.25  # so far outside of [0, 1] come images that were resized or got noise, but not those that were normalized


class Pixels(NamedTuple):
    """Hold each image as ``(3, H, W)`` uint8 on the CPU, and what a user should know of them, if anything."""

    images: list[Tensor]
    trouble: str


def pixels_of(images: Any, mean: Any, std: Any) -> Pixels:
    """Return a batch or a sequence of images as they are shown."""
    batches = [_plain(batch) for batch in ([images] if isinstance(images, Tensor) else _checked(images))]
    kinds = {batch.dtype for batch in batches}
    whites = {kind: _white(kind, [batch for batch in batches if batch.dtype == kind]) for kind in kinds}
    shades = [_shades(batch, whites[batch.dtype], mean, std) for batch in batches]
    shown = [(batch.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8) for batch in shades]
    in_color = [image.expand(3, -1, -1) for batch in shown for image in batch]
    return Pixels(in_color, _trouble_of(batches, shades, mean, std))


def _checked(images: Any) -> Sequence[Tensor]:
    """Return a sequence of images, or raise an error if it is none."""
    if not isinstance(images, (tuple, list)):
        raise TypeError(f"images must be a tensor or a sequence of tensors (C, H, W), got {type(images).__name__}")
    for i, image in enumerate(images):
        if not isinstance(image, Tensor):
            raise TypeError(f"images must be tensors (C, H, W), got {type(image).__name__} at index {i}")
        if image.ndim != 3:
            raise ValueError(f"images in a sequence must be (C, H, W), got shape {tuple(image.shape)} at index {i}")
    if not images:
        raise ValueError(f"images must be at least one, got an empty {type(images).__name__}")
    return images


def _plain(images: Tensor) -> Tensor:
    """Return images ``(N, C, H, W)`` on the CPU, of videos the middle frame."""
    pixels = unwrap(images.detach()).cpu()
    if pixels.ndim == 3:
        pixels = pixels[None]
    if pixels.ndim == 5 and pixels.shape[1]:
        pixels = pixels[:, pixels.shape[1] // 2]
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or 0 in pixels.shape:
        raise ValueError(
            "images must be (N, C, H, W) with 1 or 3 channels, (C, H, W) or videos (N, T, C, H, W), "
            f"got shape {tuple(images.shape)}"
        )
    if pixels.is_complex():
        raise TypeError(f"images must be float, integer or bool, got {pixels.dtype}")
    return pixels


def _white(kind: torch.dtype, batches: list[Tensor]) -> int:
    """Return which value is white in images of a dtype: few data sets use all bits of an int32."""
    if kind not in INTEGERS:
        return 1
    most = torch.iinfo(kind).max
    highest = _span(batches)[1]
    return next((white for white in WHITES if highest <= white <= most), most)


def _span(batches: list[Tensor]) -> tuple[float, float]:
    """Return the lowest and the highest number; NaN is shown as 0."""
    images = (image.double().nan_to_num(0.0, inf, -inf) for batch in batches for image in batch)
    ends = [end.item() for image in images for end in image.aminmax()]
    return min(ends), max(ends)


def _shades(pixels: Tensor, white: int, mean: Any, std: Any) -> Tensor:
    """Return images of floats from 0 to 1, if they were normalized as these options say."""
    shift, scale = _per_channel("mean", mean, 0.0, pixels), _per_channel("std", std, 1.0, pixels)
    if pixels.is_floating_point():
        return pixels.float() * scale + shift
    return pixels.float() / white


def _trouble_of(batches: list[Tensor], shades: list[Tensor], mean: Any, std: Any) -> str:
    """Return what a user should know of images that lie so far outside of [0, 1] that they cannot be recognized."""
    low, high = _span(shades)
    if low >= -NEAR and high <= 1 + NEAR:
        return ""
    if not any(batch.is_floating_point() for batch in batches):
        lowest = _span(batches)[0]
        return f"images of integers must be at least 0 to be shown, got {lowest:.6g}, which is cut off; shift them up"
    if mean is None and std is None:
        advice = "if they were normalized, give mean and std" if low < -NEAR else "divide images from 0 to 255 by 255"
    elif mean is None or std is None:
        advice = f"give both mean and std, not {'std' if mean is None else 'mean'} alone"
    else:
        advice = "mean and std must be those that images from 0 to 1 were normalized with"
    restored = "" if mean is None and std is None else " once mean and std are undone"
    return f"images must be from 0 to 1 to be shown, got {low:.3g} to {high:.3g}{restored}, which is cut off; {advice}"


def _per_channel(name: str, values: Any, default: float, pixels: Tensor) -> Tensor:
    if values is None:
        return torch.tensor(default, device="cpu")
    try:
        numbers = torch.as_tensor(values, dtype=torch.float32, device="cpu").flatten()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be one number per channel of float images, got {received(values)}") from None
    if not numbers.isfinite().all() or (name == "std" and not (numbers > 0).all()):
        rule = "finite numbers above 0" if name == "std" else "finite numbers"
        raise ValueError(f"{name} must be {rule}, got {values!r}")
    if not pixels.is_floating_point() or len(numbers) not in (1, pixels.shape[1]):
        raise ValueError(
            f"{name} must be one number per channel of float images, "
            f"got {values!r} for {pixels.dtype} of shape {tuple(pixels.shape)}"
        )
    return numbers.view(-1, 1, 1)
