"""Pixels: pure functions of images and boxes."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cutmix_transforms.functional._draw import MixDraw, Size

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

    Example:
        >>> image_size(torch.rand(8, 3, 17, 11)), image_size(torch.rand(8, 5)), image_size(torch.rand(8))
        ((17, 11), (1, 5), (1, 1))
    """
    height, width = (1, 1, *images.shape[1:])[-2:]
    return height, width


def mix_images(images: Tensor, draw: MixDraw, others: Tensor | None = None) -> Tensor:
    """Put the partner's pixels over each image, inside the image's box, as strongly as the draw says.

    ``out[i] = (1 - opacity[i]) * images[i] + opacity[i] * others[partners[i]]`` inside ``boxes[i]``, ``images[i]``
    outside. One kernel for CutMix (a box, opacity 1: exact copies) and MixUp (the whole image, opacity ``1 - lam``).
    Integer images are rounded to the nearest value. NaN and infinities never leave the box of their own partner.

    Args:
        images: images or videos of any float or integer dtype, or any other batch for a MixUp draw.
        draw: which partner, which box, how strongly; made for images of this size.
        others: where ``draw.partners`` point to; ``images`` themselves by default.

    Shape:
        - images: ``(N, ..., H, W)``; others: ``(M, ..., H, W)``.
        - output: ``(N, ..., H, W)``, with dtype, device and memory format of ``images``.

    Returns:
        A new tensor; ``images`` stay as they are.

    Raises:
        TypeError: if images that are neither float nor integer would have to be blended.
        ValueError: if the draw was made for another number or size of images, or points outside them.

    Example:
        >>> from cutmix_transforms.functional import mix_draw
        >>> images = torch.tensor([0, 100], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 2, 3)
        >>> draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 1, 2, 3], [0, 0, 2, 3]]), (2, 3), opacity=0.25)
        >>> mix_images(images, draw)[:, 0]
        tensor([[[ 0, 25, 25],
                 [ 0, 25, 25]],
        <BLANKLINE>
                [[75, 75, 75],
                 [75, 75, 75]]], dtype=torch.uint8)
    """
    pool = images if others is None else others
    _check_fit(images, pool, draw)
    if images.ndim < 3:
        size = image_size(images)
        flat = mix_images(images.reshape(-1, *size), draw, pool.reshape(-1, *size))
        return flat.reshape(images.shape)
    if _goes_by_rows(images):
        return _mix_by_rows(images, draw, pool)
    return _mix_by_mask(images, draw, pool)


def can_look_at(tensor: Tensor) -> bool:
    """Whether reading numbers is free: elsewhere it would make the host wait, or break the graph."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def _goes_by_rows(images: Tensor) -> bool:
    """Whether to write row by row: where that is possible, and faster than one operation on the whole batch.

    Small rows cost more to reach than to write, and with a gradient each would copy that of the whole batch.
    """
    if not can_look_at(images) or (images.requires_grad and torch.is_grad_enabled()):
        return False
    # Older releases of torch cannot select from the unsigned types but uint8.
    return images[:1].numel() >= 4096 or images.dtype in (torch.uint16, torch.uint32, torch.uint64)


def _check_fit(images: Tensor, pool: Tensor, draw: MixDraw) -> None:
    count, size = len(images), image_size(images)
    if size != tuple(draw.size):
        raise ValueError(f"draw must be made for images of size {size}, got one for {tuple(draw.size)}")
    if count != len(draw.partners):
        raise ValueError(f"draw must be made for {count} images, got one for {len(draw.partners)}")
    fields = (draw.partners, draw.lam, draw.boxes, draw.opacity)  # torch 2.8 cannot compile a slice of the draw
    shapes = [tuple(field.shape) for field in fields]
    if shapes != [(count,), (count,), (count, 4), (count,)]:
        raise ValueError(f"draw must have a row for each of {count} images, got fields of the shapes {shapes}")
    if images.shape[1:] != pool.shape[1:]:
        raise ValueError(f"others must be of shape (M, *{tuple(images.shape[1:])}), got {tuple(pool.shape)}")
    _check_boxes("draw.boxes", draw.boxes, size)
    if not can_look_at(draw.partners):
        return
    wrong = (draw.partners < 0) | (draw.partners >= len(pool))
    if wrong.any():
        raise ValueError(f"draw.partners must lie in [0, {len(pool)}), got {int(draw.partners[wrong][0])}")
    wrong = (draw.opacity < 0) | (draw.opacity > 1)
    if wrong.any():
        raise ValueError(f"draw.opacity must be from 0 to 1, got {float(draw.opacity[wrong][0])}")
    if ((draw.opacity > 0) & (draw.opacity < 1)).any():
        check_blendable(images)


def _check_boxes(name: str, boxes: Tensor, size: Size) -> None:
    """Raise an error unless all boxes lie inside the image, where looking at them is free."""
    if not can_look_at(boxes):
        return
    first, last = boxes[..., :2], boxes[..., 2:]
    wrong = ((first < 0) | (last < first) | (last > last.new_tensor(size))).any(-1)
    if wrong.any():
        raise ValueError(f"{name} must lie inside {size[0]} x {size[1]}, got {tuple(boxes[wrong][0].tolist())}")


def _mix_by_rows(images: Tensor, draw: MixDraw, pool: Tensor) -> Tensor:
    """Touch only the pixels inside the boxes."""
    out = images.clone()
    rows = zip(draw.partners.tolist(), draw.boxes.tolist(), draw.opacity.tolist(), strict=True)
    for i, (partner, (top, left, bottom, right), opacity) in enumerate(rows):
        if opacity > 0:
            box = (..., slice(top, bottom), slice(left, right))
            source = pool[partner][box]
            out[i][box] = source if opacity == 1 else blend(images[i][box], source, draw.opacity[i])
    return out


def _mix_by_mask(images: Tensor, draw: MixDraw, pool: Tensor) -> Tensor:
    """The same for all images at once, without looking at the draw."""
    ones = (1,) * (images.ndim - 3)
    opacity = draw.opacity.to(images.device).view(-1, *ones, 1, 1)
    inside = inside_boxes(draw.boxes.to(images.device), draw.size).view(-1, *ones, *draw.size) & (opacity != 0)
    source = pool[draw.partners.to(images.device)]  # unlike index_select, keeps channels_last
    if images.dtype != torch.bool and not images.dtype.is_complex:
        source = torch.where(opacity == 1, source, blend(images, source, opacity))
    return torch.where(~inside, images, source)  # the first of two decides about the memory format


def inside_boxes(boxes: Tensor, size: Size) -> Tensor:
    """Masks that are true inside boxes.

    Args:
        boxes: ``(top, left, bottom, right)`` in pixels, half-open.
        size: ``(height, width)`` of the masks.

    Shape:
        - boxes: ``(..., 4)``; output: ``(..., H, W)`` bool.

    Returns:
        The masks.

    Example:
        >>> inside_boxes(torch.tensor([0, 1, 2, 3]), (3, 4)).int()
        tensor([[0, 1, 1, 0],
                [0, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    top, left, bottom, right = boxes[..., None].unbind(-2)  # (..., 1)
    y = torch.arange(size[0], device=boxes.device)
    x = torch.arange(size[1], device=boxes.device)
    return ((y >= top) & (y < bottom))[..., :, None] & ((x >= left) & (x < right))[..., None, :]


def blend(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """``(1 - share) * first + share * second``, computed in float32 or better, in the dtype of ``first``.

    Integers are rounded to the nearest value. A share of exactly 0 or 1 gives finite values back bit by bit.

    Args:
        first: any float or integer tensor.
        second: another of the same dtype.
        share: the share of ``second``, from 0 to 1.

    Shape:
        - first, second, share: shapes that broadcast; the output has the broadcast shape.

    Returns:
        A new tensor.

    Raises:
        TypeError: if the tensors are neither float nor integer.

    Example:
        >>> first, second = torch.tensor([[0, 255], [255, 255]], dtype=torch.uint8)
        >>> blend(first, second, torch.tensor(0.25))
        tensor([ 64, 255], dtype=torch.uint8)
    """
    check_blendable(first)
    exact = exact_dtype(first.dtype)
    return to_dtype(torch.lerp(first.to(exact), second.to(exact), share.to(exact)), first.dtype)


def check_blendable(images: Tensor) -> None:
    """Raise an error unless the images are of numbers that have an order."""
    if images.dtype == torch.bool or images.dtype.is_complex:
        raise TypeError(f"images must be float or integer to be blended, got {images.dtype}")


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
        ValueError: if the shapes do not fit, or ``fill`` has another number of channels or is beyond the dtype's range.

    References:
        DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv 1708.04552.

    Example:
        >>> cutout(torch.ones(1, 2, 5, dtype=torch.uint8), torch.tensor([[0, 1, 2, 3]]), fill=9)
        tensor([[[1, 9, 9, 1, 1],
                 [1, 9, 9, 1, 1]]], dtype=torch.uint8)
    """
    single = images.ndim == 3
    fits = images.ndim >= 3 and holes.ndim == (2 if single else 3) and holes.shape[-1] == 4
    if not fits or not (single or len(holes) == len(images)):
        raise ValueError(
            "holes must be of shape (K, 4) for an image (C, H, W), or (N, K, 4) for images (N, ..., C, H, W), "
            f"got holes {tuple(holes.shape)} for images {tuple(images.shape)}"
        )
    if single:
        return cutout(images[None], holes[None], fill)[0]
    size = image_size(images)
    _check_boxes("holes", holes, size)
    pixels = fill_pixels(images, fill).expand(images.shape)
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
    if isinstance(fill, str):
        if fill != "mean":
            raise ValueError(f"{name} must be a number, one number per channel, a tensor or 'mean', got {fill!r}")
        frames = range(1, images.ndim - 3)  # one mean for a whole video, so that its holes do not flicker
        exact = images.to(exact_dtype(images.dtype))
        fill = exact.mean(dim=(*frames, -2, -1), keepdim=True)
    elif not isinstance(fill, Tensor):
        fill = _channel_fill(images, fill, name)
    return to_dtype(fill, images.dtype).to(images.device)


def _channel_fill(images: Tensor, fill: float | Sequence[float], name: str) -> Tensor:
    channels = images.shape[-3]
    values = [fill] if isinstance(fill, (int, float)) else list(fill)
    if len(values) not in (1, channels):
        raise ValueError(f"{name} must be one number or one per channel ({channels}), got {fill!r}")
    if not images.dtype.is_floating_point and images.dtype != torch.bool:
        low, high = torch.iinfo(images.dtype).min, torch.iinfo(images.dtype).max
        if not all(low <= round(value) <= high for value in values):
            raise ValueError(f"{name} must lie in [{low}, {high}] for images of {images.dtype}, got {fill!r}")
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
