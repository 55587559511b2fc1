"""Converting images to pixels that can be shown: three channels of 8 bits."""

from collections.abc import Mapping, Sequence
from math import inf
from operator import index
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms._show._overlay import INTEGERS
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._wrap import unwrap

SHAPES = "(N, C, H, W), (C, H, W) or videos (N, T, C, H, W)"
WHITES = (255, 4095, 65535)  # of 8, 12 and 16 bits
_APART = " (images and targets are two arguments: show_batch(*batch))"
NEAR = 0.25  # resized or noisy images stay within this distance of [0, 1], normalized images do not


class Pixels(NamedTuple):
    """Hold each image as ``(3, H, W)`` uint8 on the CPU, and a warning about the images, which may be empty."""

    images: list[Tensor]
    trouble: str


class _Batch(NamedTuple):
    """Hold the pixels that are shown, the indices of their channels, and the number of channels of the images."""

    pixels: Tensor  # (N, 1 or 3, H, W)
    channels: list[int]
    total: int


def pixels_of(images: Any, mean: Any, std: Any, channels: Any) -> Pixels:
    """Convert a batch or a sequence of images to pixels that can be shown."""
    chosen = None if channels is None else _indices(channels)
    batches = [_plain(batch, chosen) for batch in ([images] if isinstance(images, Tensor) else _checked(images))]
    kinds = {batch.pixels.dtype for batch in batches}
    whites = {kind: _white(kind, [b.pixels for b in batches if b.pixels.dtype == kind]) for kind in kinds}
    shades = [_shades(batch, whites[batch.pixels.dtype], mean, std) for batch in batches]
    shown = [(batch.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8) for batch in shades]
    in_color = [image.expand(3, -1, -1) for batch in shown for image in batch]
    return Pixels(in_color, _trouble_of([batch.pixels for batch in batches], shades, mean, std))


def _checked(images: Any) -> Sequence[Tensor]:
    """Return ``images``, or raise an error unless it is a sequence of images."""
    if not isinstance(images, (tuple, list)):
        raise TypeError(f"images must be a tensor or a sequence of tensors (C, H, W), got {type(images).__name__}")
    for i, image in enumerate(images):
        if not isinstance(image, Tensor):
            raise TypeError(f"images must be tensors (C, H, W){_APART}, got {type(image).__name__} at index {i}")
        if image.ndim != 3:
            raise ValueError(
                f"images in a sequence must be (C, H, W){_APART}, got shape {tuple(image.shape)} at index {i}"
            )
    if not images:
        raise ValueError(f"images must not be empty, got an empty {type(images).__name__}")
    return images


def _indices(channels: Any) -> list[int]:
    """Return the indices of the channels that a user passed, one or three."""
    rule = "the index of one channel, or of three for red, green and blue"
    is_in_order = hasattr(channels, "__getitem__") and not isinstance(channels, Mapping)
    values = list(channels) if is_in_order and getattr(channels, "shape", None) != () else [channels]
    if any(isinstance(value, bool) or not hasattr(value, "__index__") for value in values):
        raise TypeError(f"channels must be {rule}, got {received(channels)}")
    if len(values) not in (1, 3):
        raise ValueError(f"channels must be {rule}, got {received(channels)}")
    return [_index(value, rule) for value in values]


def _index(value: Any, rule: str) -> int:
    try:
        return index(value)
    except TypeError:  # arrays and tensors of floats also have __index__
        raise TypeError(f"channels must be {rule}, got {received(value)}") from None


def _plain(images: Tensor, chosen: list[int] | None) -> _Batch:
    """Select the channels to show, and move them to the CPU; of videos, select the middle frame."""
    pixels = unwrap(images.detach())
    if pixels.ndim == 3:
        pixels = pixels[None]
    if pixels.ndim == 5 and pixels.shape[1]:
        pixels = pixels[:, pixels.shape[1] // 2]
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise ValueError(f"images must be {SHAPES}, of at least one pixel, got shape {tuple(images.shape)}")
    if pixels.is_complex():
        raise TypeError(f"images must be float, integer or bool, got {pixels.dtype}")
    count = pixels.shape[1]
    channels = _usual_channels(images, count) if chosen is None else chosen
    wrong = [channel for channel in channels if not 0 <= channel < count]
    if wrong:
        raise ValueError(f"channels must be from 0 to {count - 1} for images with {count} channels, got {wrong[0]}")
    return _Batch(torch.stack([pixels[:, channel] for channel in channels], 1).cpu(), channels, count)


def _usual_channels(images: Tensor, count: int) -> list[int]:
    """Return the channels for gray or color; a second or fourth channel is usually alpha."""
    if count <= 4:
        return [0, 1, 2] if count > 2 else [0]
    if images.shape[-1] in (1, 3, 4):
        way = "with the channels before height and width, as of images.movedim(-1, -3)"
        raise ValueError(f"images must be {SHAPES}, {way}, got shape {tuple(images.shape)}")
    of_volumes = f"; of volumes (N, C, D, H, W) show a slice, such as images[:, :, {count // 2}]"
    raise ValueError(
        f"images must be {SHAPES}; with more than 4 channels set which to show as red, green and blue, such as "
        f"channels=(2, 1, 0), or as gray, such as channels=0{of_volumes if images.ndim == 5 else ''}; "
        f"got shape {tuple(images.shape)}"
    )


def _white(kind: torch.dtype, batches: list[Tensor]) -> int:
    """Return the value of white in images of a dtype, since few datasets use all bits of an int32."""
    if kind not in INTEGERS:
        return 1
    most = torch.iinfo(kind).max
    highest = _span(batches)[1]
    return next((white for white in WHITES if highest <= white <= most), most)


def _span(batches: list[Tensor]) -> tuple[float, float]:
    """Return the lowest and the highest value, with NaN counted as 0."""
    images = (image.double().nan_to_num(0.0, inf, -inf) for batch in batches for image in batch)
    ends = [end.item() for image in images for end in image.aminmax()]
    return min(ends), max(ends)


def _shades(batch: _Batch, white: int, mean: Any, std: Any) -> Tensor:
    """Convert images to floats from 0 to 1, and undo their normalization with ``mean`` and ``std``."""
    shift, scale = _per_channel("mean", mean, 0.0, batch), _per_channel("std", std, 1.0, batch)
    if batch.pixels.is_floating_point():
        return batch.pixels.float() * scale + shift
    return batch.pixels.float() / white


def _trouble_of(batches: list[Tensor], shades: list[Tensor], mean: Any, std: Any) -> str:
    """Return a warning if values lie so far outside [0, 1] that the images would be unrecognizable."""
    low, high = _span(shades)
    if low >= -NEAR and high <= 1 + NEAR:
        return ""
    if not any(batch.is_floating_point() for batch in batches):
        lowest = _span(batches)[0]
        return f"images of integers must be at least 0 to be shown, got {lowest:.6g}, which is cut off; shift them up"
    if mean is None and std is None:
        advice = "if they were normalized, pass mean and std" if low < -NEAR else "divide images from 0 to 255 by 255"
    elif mean is None or std is None:
        advice = f"pass both mean and std, not {'std' if mean is None else 'mean'} alone"
    else:
        advice = "mean and std must be the values that images from 0 to 1 were normalized with"
    restored = "" if mean is None and std is None else " once mean and std are undone"
    return f"images must be from 0 to 1 to be shown, got {low:.3g} to {high:.3g}{restored}, which is cut off; {advice}"


def _per_channel(name: str, values: Any, default: float, batch: _Batch) -> Tensor:
    if values is None:
        return torch.tensor(default, device="cpu")
    try:
        numbers = torch.as_tensor(values, dtype=torch.float32, device="cpu").flatten()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be one number per channel of float images, got {received(values)}") from None
    if not numbers.isfinite().all() or (name == "std" and not (numbers > 0).all()):
        rule = "finite numbers above 0" if name == "std" else "finite numbers"
        raise ValueError(f"{name} must be {rule}, got {values!r}")
    if not batch.pixels.is_floating_point() or len(numbers) not in (1, batch.total):
        raise ValueError(
            f"{name} must be one number per channel of float images, "
            f"got {values!r} for {batch.pixels.dtype} with {batch.total} channels"
        )
    return (numbers if len(numbers) == 1 else numbers[batch.channels]).view(-1, 1, 1)
