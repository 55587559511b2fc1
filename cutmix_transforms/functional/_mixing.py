"""Pixels of mixes: pure functions of images and a draw."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from cutmix_transforms.functional._checks import can_look_at, check_boxes, check_range, check_tensor
from cutmix_transforms.functional._draw import Draw, MixDraw, as_lists, check_draw, with_rows
from cutmix_transforms.functional._images import (
    blended,
    check_blendable,
    exact_dtype,
    image_size,
    inside_boxes,
    to_dtype,
)

Rows = Tensor | Sequence[Tensor]  # a batch, or samples of one shape and dtype that are still separate

Box = tuple[int, int, int, int]

SMALL = 1 << 14  # numbers in an image; where both ways are about equally fast
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


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
        TypeError: if ``images``, ``others`` or fields of the draw are no tensors, or of another dtype; or if images
            that are neither float nor integer would have to be blended.
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
    check_tensor("images", images, "(N, ..., H, W)")
    if others is not None:
        check_tensor("others", others, "(M, ..., H, W)")
    pool = images if others is None else others
    check_draw(draw)
    check_fit(images, draw, pool)
    return apply_draw(images, draw, pool)


def apply_draw(images: Tensor, draw: Draw, pool: Tensor) -> Tensor:
    """The same, of a draw that fits."""
    if images.ndim < 3:
        size = image_size(images)
        rows = images.reshape(-1, *size)
        return apply_draw(rows, draw, rows if pool is images else pool.reshape(-1, *size)).reshape(images.shape)
    if not can_look_at(images) or _has_gradient(images) or _has_gradient(pool):
        return _mix_by_mask(images, with_rows(draw, len(images), images.device), pool)
    out = torch.empty_like(images)
    plain = images.detach()
    write_mixed(out, plain, draw, None if pool is images else pool.detach())
    return out


def _has_gradient(images: Tensor) -> bool:
    """Whether a gradient, of the backward or the forward mode, has to go through."""
    return (images.requires_grad and torch.is_grad_enabled()) or unpack_dual(images).tangent is not None


def check_fit(images: Tensor, draw: MixDraw, pool: Tensor) -> None:
    """Raise an error unless a draw was made for such images and others."""
    if images.ndim == 0:
        raise ValueError(f"images must have a batch dimension, got a tensor of shape {tuple(images.shape)}")
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
    if images.dtype != pool.dtype:
        raise TypeError(f"others must be of the dtype of the images, {images.dtype}, got {pool.dtype}")
    check_boxes("draw.boxes", draw.boxes, size)
    if not can_look_at(draw.partners):
        return
    wrong = (draw.partners < 0) | (draw.partners >= len(pool))
    if wrong.any():
        raise ValueError(f"draw.partners must lie in [0, {len(pool)}), got {int(draw.partners[wrong][0])}")
    check_range("draw.lam", draw.lam)
    check_range("draw.opacity", draw.opacity)
    if ((draw.opacity > 0) & (draw.opacity < 1)).any():
        check_blendable(images)


def write_mixed(out: Tensor, rows: Rows, draw: Draw, others: Tensor | None = None) -> None:
    """Write :func:`mix_images` of plain CPU tensors into ``out``, which shares no memory with them.

    Large images are written one after another, so that each is still in the cache when its box is. Small ones cost more
    to reach than to write, so all go at once where they can. The draw is not checked.
    """
    drawn = as_lists(draw, len(out))
    if out[:1].numel() >= SMALL:
        _write_in_turn(out, rows, others, *drawn)
    elif others is not None or not _write_together(out, rows, *drawn):
        _write_patches(out, rows, others, *drawn)


def _write_in_turn(
    out: Tensor, rows: Rows, others: Tensor | None, partners: list[int], boxes: list[Box], opacity: list[float]
) -> None:
    size, blender, pool = image_size(out), _Blender(out), rows if others is None else others
    targets, sources = _bits_of(out), list(map(_bits_of, pool))
    for i in _along_chains(partners) if others is None else range(len(out)):
        partner, (top, left, bottom, right), share = partners[i], boxes[i], opacity[i]
        box = (..., slice(top, bottom), slice(left, right))
        if not (share and (bottom - top, right - left) == size):
            out[i].copy_(rows[i])
        if share == 1:
            targets[i][box] = sources[partner][box]
        elif share:
            blender.write(out[i][box], rows[i][box], pool[partner][box], share)


def _write_patches(
    out: Tensor, rows: Rows, others: Tensor | None, partners: list[int], boxes: list[Box], opacity: list[float]
) -> None:
    """Copy all images at once, and then to each what shows of its partner."""
    _copy_all(out, rows)
    blender, pool = _Blender(out), rows if others is None else others
    targets = _bits_of(out)
    sources = targets.copy() if others is None else _bits_of(others)
    for i, (partner, (top, left, bottom, right), share) in enumerate(zip(partners, boxes, opacity, strict=True)):
        if share == 1:
            targets[i, ..., top:bottom, left:right] = sources[partner, ..., top:bottom, left:right]
        elif share:
            box = (..., slice(top, bottom), slice(left, right))
            blender.write(out[i][box], rows[i][box], pool[partner][box], share)


def _along_chains(partners: list[int]) -> list[int]:
    """All samples, each right before its partner where possible, which then is still in the cache."""
    seen: dict[int, None] = {}
    for start in range(len(partners)):
        i = start
        while i not in seen:
            seen[i] = None
            i = partners[i]
    return list(seen)


def _write_together(out: Tensor, rows: Rows, partners: list[int], boxes: list[Box], opacity: list[float]) -> bool:
    """Mix a whole batch at once, if all have one shift of partners and one box: an opaque one, or whole images."""
    count, shift = len(partners), partners[0] if partners else 0
    if not shift or partners != [*range(shift, count), *range(shift)] or boxes.count(boxes[0]) < count:
        return False
    top, left, bottom, right = boxes[0]
    halves = (slice(None, -shift), slice(shift, None)), (slice(-shift, None), slice(None, shift))
    if opacity.count(1) == count:
        _copy_all(out, rows)
        patch = _bits_of(out)[..., top:bottom, left:right]
        source = patch.copy()
        for here, there in halves:
            patch[here] = source[there]
        return True
    if (bottom - top, right - left) != image_size(out) or not any(opacity):
        return False
    images = rows if isinstance(rows, Tensor) else torch.stack(list(rows))
    exact = images.to(exact_dtype(out.dtype))
    mixed = out if exact.dtype == out.dtype else torch.empty_like(exact)
    is_one = opacity.count(opacity[0]) == count
    shares: Any = None if is_one else exact.new_tensor(opacity).view(-1, *(1,) * (out.ndim - 1))
    for here, there in halves:
        torch.lerp(exact[here], exact[there], opacity[0] if is_one else shares[here], out=mixed[here])
    if mixed is not out:
        _narrow(out, mixed)
    for i in [i for i, share in enumerate(opacity) if share in (0, 1)]:  # what does not show may be infinite
        out[i] = images[partners[i] if opacity[i] else i]
    return True


class _Blender:
    """Blends images one after another, calculating in the same memory."""

    def __init__(self, images: Tensor) -> None:
        self.dtype = exact_dtype(images.dtype)
        self.memory = images.new_empty(0, dtype=self.dtype)

    def write(self, out: Tensor, first: Tensor, second: Tensor, share: float) -> None:
        """Write ``blend(first, second, share)``."""
        if self.dtype == out.dtype:
            torch.lerp(first, second, share, out=out)
            return
        if self.memory.numel() < 2 * out.numel():
            self.memory = self.memory.new_empty(2 * out.numel())
        exact, other = self.memory[: 2 * out.numel()].view(2, *out.shape)
        torch.lerp(exact.copy_(first), other.copy_(second), share, out=exact)
        _narrow(out, exact)


def _narrow(out: Tensor, values: Tensor) -> None:
    """Copy values, which are lost, into another dtype: of integers the nearest."""
    if out.dtype == torch.uint8:
        out.numpy()[...] = values.round_().numpy()  # three times as fast as the way of tensors
    else:
        out.copy_(to_dtype(values, out.dtype))


def _copy_all(out: Tensor, rows: Rows) -> None:
    if isinstance(rows, Tensor):
        out.copy_(rows)
    else:
        torch.stack(list(rows), out=out)


def _bits_of(images: Tensor) -> Any:
    """Images as an array, whose parts are faster to copy than those of a tensor; types it lacks as integers."""
    try:
        return images.numpy()
    except TypeError:
        return images.view(_BITS[images.element_size()]).numpy()


def _mix_by_mask(images: Tensor, draw: MixDraw, pool: Tensor) -> Tensor:
    """The same for all images at once, without looking at the draw."""
    ones = (1,) * (images.ndim - 3)
    opacity = draw.opacity.to(images.device).view(-1, *ones, 1, 1)
    inside = inside_boxes(draw.boxes.to(images.device), draw.size).view(-1, *ones, *draw.size) & (opacity != 0)
    source = pool[draw.partners.to(images.device)]  # unlike index_select, keeps channels_last
    if images.dtype != torch.bool and not images.dtype.is_complex:
        source = torch.where(opacity == 1, source, blended(images, source, opacity))
    return torch.where(~inside, images, source)  # the first of two decides about the memory format
