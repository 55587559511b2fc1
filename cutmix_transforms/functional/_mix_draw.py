"""Draws made by hand, and checks of draws that a user passes in."""

from typing import Any

import torch
from torch import Tensor

from cutmix_transforms.functional._blend import check_blendable
from cutmix_transforms.functional._checks import (
    can_look_at,
    check_boxes,
    check_floats,
    check_fraction,
    check_indices,
    check_range,
    check_size,
    received,
)
from cutmix_transforms.functional._draw import MixDraw
from cutmix_transforms.functional._placement import Size, image_size


def mix_draw(partners: Tensor, boxes: Tensor, size: Size, opacity: Tensor | float = 1.0) -> MixDraw:
    """Make a draw by hand, and check it.

    Args:
        partners: the index of each sample's partner.
        boxes: ``(top, left, bottom, right)`` of each sample in pixels, half-open, inside the image.
        size: ``(height, width)`` of the images, or one number for each axis that a box spans.
        opacity: the weight of the partner inside the box, from 0 to 1: one number, or one per sample.

    Shape:
        - partners: ``(N,)`` int64; boxes: ``(N, 4)`` int64, or ``(N, 2 * dims)``, starts then stops;
          opacity: ``(N,)`` or a number.

    Returns:
        The draw.

    Raises:
        TypeError: if ``partners`` or ``boxes`` is not an integer tensor, or ``opacity`` is neither a number nor a float
            tensor.
        ValueError: if the shapes do not match; or if a box reaches beyond the image, a partner is negative, or
            ``opacity`` is not from 0 to 1 (checked on a CPU).

    Example:
        >>> draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 10, 10], [5, 5, 10, 10]]), (10, 20))
        >>> draw.lam
        tensor([0.5000, 0.8750])
    """
    check_indices("partners", partners, "(N,)", ndims=(1,))
    check_size("size", size, any_dims=True)
    edges = 2 * len(size)
    check_indices("boxes", boxes, f"(N, {edges})", ndims=(2,), last=edges)
    count = len(partners)
    if len(boxes) != count:
        raise ValueError(f"boxes must be of shape (N, {edges}) = {(count, edges)}, got {tuple(boxes.shape)}")
    if isinstance(opacity, Tensor):
        check_floats("opacity", opacity, "(N,), or a number", ndims=(1,))
        if len(opacity) != count:
            raise ValueError(f"opacity must be a number or of shape (N,) = {(count,)}, got {tuple(opacity.shape)}")
        check_range("opacity", opacity)
        strength = opacity.to(boxes.device, torch.float32)
    else:
        check_fraction("opacity", opacity)
        strength = torch.full((count,), float(opacity), dtype=torch.float32, device=boxes.device)
    check_boxes("boxes", boxes, size)
    if can_look_at(partners) and (partners < 0).any():
        raise ValueError(f"partners must be at least 0, got {int(partners.min())}")
    return MixDraw(partners, boxes, strength, size)


def check_draw(draw: Any) -> None:
    """Raise an error unless ``draw`` is a ``MixDraw`` whose fields have the right types and shapes."""
    if not isinstance(draw, MixDraw):
        raise TypeError(f"draw must be a MixDraw, got {received(draw)}")
    check_indices("draw.partners", draw.partners, "(N,)", ndims=(1,))
    check_size("draw.size", draw.size, any_dims=True)
    edges = 2 * len(draw.size)
    check_indices("draw.boxes", draw.boxes, f"(N, {edges})", ndims=(2,), last=edges)
    check_floats("draw.opacity", draw.opacity, "(N,)", ndims=(1,))


def check_fit(images: Tensor, draw: MixDraw, pool: Tensor) -> None:
    """Raise an error unless a draw matches the images, and ``pool``, which holds their partners."""
    for name, tensor in (("images", images), ("others", pool)):
        if tensor.ndim == 0:
            raise ValueError(f"{name} must have a batch dimension, got a tensor of shape {tuple(tensor.shape)}")
    count, size = len(images), image_size(images, len(draw.size))
    if size != tuple(draw.size):
        raise ValueError(f"draw must be made for images of size {size}, got one for {tuple(draw.size)}")
    if count != len(draw.partners):
        raise ValueError(f"draw must be made for {count} images, got one for {len(draw.partners)}")
    shapes = [tuple(field.shape) for field in (draw.partners, draw.boxes, draw.opacity)]
    if shapes != [(count,), (count, 2 * len(size)), (count,)]:
        raise ValueError(f"draw must have a row for each of {count} images, got fields of the shapes {shapes}")
    if images.shape[1:] != pool.shape[1:]:
        raise ValueError(f"others must be of shape (M, *{tuple(images.shape[1:])}), got {tuple(pool.shape)}")
    if images.dtype != pool.dtype:
        raise TypeError(f"others must be of the dtype of the images, {images.dtype}, got {pool.dtype}")
    check_numbers(draw, len(pool))
    if can_look_at(draw.opacity) and ((draw.opacity > 0) & (draw.opacity < 1)).any():
        check_blendable(images)


def check_numbers(draw: MixDraw, count: int) -> None:
    """Raise an error unless the numbers of a draw are in range, with ``count`` partners; only those on a CPU."""
    check_boxes("draw.boxes", draw.boxes, draw.size)
    check_range("draw.opacity", draw.opacity)
    wrong = (draw.partners < 0) | (draw.partners >= count)
    if can_look_at(draw.partners) and wrong.any():
        raise ValueError(f"draw.partners must lie in [0, {count}), got {int(draw.partners[wrong][0])}")
