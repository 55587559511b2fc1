"""Mixed pixels, as pure functions of images and a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd.forward_ad import unpack_dual
from torchvision import tv_tensors

from cutmix_transforms.functional._blend import exact_dtype, to_dtype
from cutmix_transforms.functional._by_mask import mix_by_mask, paste_by_mask, with_partners
from cutmix_transforms.functional._checks import check_tensor
from cutmix_transforms.functional._draw import Draw, HostDraw, MixDraw, for_kernels, send_tensor
from cutmix_transforms.functional._mix_draw import check_draw, check_fit
from cutmix_transforms.functional._placement import image_size, inside_each, inside_of, whole_box
from cutmix_transforms.functional._wrap import rewrap, unwrap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rows = Tensor | Sequence[Tensor]  # a batch, or samples of one shape and dtype that are still separate

LARGE = 1 << 14  # an image of at least so many numbers is faster to write alone than with the batch
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


def mix_images(images: Tensor, draw: MixDraw, others: Tensor | None = None) -> Tensor:
    """Blend the partner's pixels into each image, inside the image's box.

    Inside ``boxes[i]``, ``out[i] = (1 - opacity[i]) * images[i] + opacity[i] * others[partners[i]]``; outside,
    ``out[i] = images[i]``. This one kernel serves CutMix (a box, opacity 1: pixels are copied exactly) and MixUp (the
    whole image, opacity ``1 - lam``). Integer images are rounded to the nearest value. A NaN or infinity of the partner
    is never written outside the box.

    Args:
        images: images or videos of any float or integer dtype, or any other batch for a MixUp draw.
        draw: partners, boxes and opacities, drawn for images of this size.
        others: the images that ``draw.partners`` index; by default ``images``.

    Shape:
        - images: ``(N, ..., H, W)``, or ``(N, ..., *draw.size)``; others: ``(M, ..., H, W)``.
        - output: like ``images``, with the same dtype, device and memory format.

    Returns:
        A new tensor; ``images`` is not changed.

    Raises:
        TypeError: if ``images``, ``others`` or a field of the draw is not a tensor or has a wrong dtype; or if boolean
            or complex images would have to be blended.
        ValueError: if the draw was made for another number or size of images, or a partner is out of range.

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
    check_draw(draw)
    check_fit(images, draw, images if others is None else others)
    return mix_images_unchecked(images, for_kernels(draw), others)


def mix_images_unchecked(images: Tensor, draw: Draw, others: Tensor | None = None) -> Tensor:
    """Blend the partner's pixels into each image, without checking the arguments; tv_tensors keep their type."""
    if isinstance(images, tv_tensors.TVTensor):
        pool = None if others is None else unwrap(others)
        return rewrap(mix_images_unchecked(unwrap(images), draw, pool), images)
    if images.ndim <= len(draw.size):
        size = image_size(images, len(draw.size))
        pool = None if others is None else others.reshape(len(others), *size)
        return mix_images_unchecked(images.reshape(len(images), *size), draw, pool).reshape(images.shape)
    if isinstance(draw, MixDraw) or any(map(_has_gradient, (images,) if others is None else (images, others))):
        return mix_by_mask(images, draw, images if others is None else others)
    out = torch.empty_like(images)
    write_mixed(out, images.detach(), draw, None if others is None else others.detach())
    return out


def write_mixed(out: Tensor, rows: Rows, draw: HostDraw, others: Tensor | None = None) -> None:
    """Write mixed images into ``out``, which must not overlap them, in the fastest of several ways with equal results.

    ``rows`` is a batch, or samples that are still separate; arguments are not checked. With several threads the whole
    batch is written at once, because the threads synchronize at every operation. With one thread large images are
    written one by one, because an image is then still in the cache when its box is written.
    """
    if out.is_cpu and _goes_one_by_one(out):
        _write_one_by_one(out, rows, draw, others)
        return
    boxes, opacity, shift = draw.boxes.tolist(), draw.opacity.tolist(), draw.shift if others is None else 0
    is_one = len(boxes) == len(opacity) == 1
    if not is_one:
        boxes, opacity = _one_each(boxes, len(out)), _one_each(opacity, len(out))
    hidden, count = opacity.count(0), len(opacity)
    if hidden:
        boxes = [box if strength else [0] * len(box) for box, strength in zip(boxes, opacity, strict=True)]
    is_opaque = hidden + opacity.count(1) == count
    if is_opaque and (out.is_cpu or (is_one and shift)):
        _copy_all(out, rows)
        if is_one and shift:
            _write_patch(out, rows, boxes[0], shift)
        else:
            _write_patches(out, rows, draw.partners.tolist(), _one_each(boxes, len(out)), others)
    elif shift and is_opaque:
        paste_by_mask(out, _as_batch(rows), draw)
    elif shift and hidden + boxes.count([*whole_box(draw.size)]) >= count:
        _write_blend(out, rows, draw.opacity, shift)
    else:
        batch = _as_batch(rows)
        out.copy_(mix_by_mask(batch, draw, batch if others is None else others))


def _one_each(rows: list[Any], count: int) -> list[Any]:
    return rows * count if len(rows) == 1 else rows


def _goes_one_by_one(out: Tensor) -> bool:
    return out.numel() >= LARGE * max(len(out), 1) and torch.get_num_threads() == 1


def _write_one_by_one(out: Tensor, rows: Rows, draw: HostDraw, others: Tensor | None) -> None:
    blender, pool, whole = _Blender(out), rows if others is None else others, [*whole_box(draw.size)]
    written, sources = _bits_of(out), [_bits_of(row) for row in pool]
    partners = draw.partners.tolist()
    boxes, opacity = (_one_each(field.tolist(), len(out)) for field in (draw.boxes, draw.opacity))
    for i in _along_chains(partners) if others is None else range(len(out)):
        partner, box, strength = partners[i], inside_of(boxes[i]), opacity[i]
        if not (strength and boxes[i] == whole):
            out[i].copy_(rows[i])
        if strength == 1:
            written[i][box] = sources[partner][box]
        elif strength:
            blender.write(out[i][box], rows[i][box], pool[partner][box], strength)


def _along_chains(partners: list[int]) -> list[int]:
    """Return the order in which each sample comes right before its partner, if possible, for the sake of the cache."""
    seen: dict[int, None] = {}
    for start in range(len(partners)):
        i = start
        while i not in seen:
            seen[i] = None
            i = partners[i]
    return list(seen)


class _Blender:
    """Blends images one after another, and reuses the memory for intermediate results."""

    def __init__(self, images: Tensor) -> None:
        self.dtype = exact_dtype(images.dtype)
        self.memory = images.new_empty(0, dtype=self.dtype)

    def write(self, out: Tensor, first: Tensor, second: Tensor, opacity: float) -> None:
        """Write ``blend(first, second, opacity)``."""
        if self.dtype == out.dtype:
            torch.lerp(first, second, opacity, out=out)
            return
        if self.memory.numel() < 2 * out.numel():
            self.memory = self.memory.new_empty(2 * out.numel())
        exact, other = self.memory[: 2 * out.numel()].view(2, *out.shape)
        torch.lerp(exact.copy_(first), other.copy_(second), opacity, out=exact)
        _narrow(out, exact)


def _write_patch(out: Tensor, rows: Rows, box: list[int], shift: int) -> None:
    """Write the partners' pixels as one slice, when all samples have the same box and the same shift."""
    patch = _bits_of(out)[inside_of(box)]
    source = _bits_of(rows)[inside_of(box)] if isinstance(rows, Tensor) else patch.copy()
    patch[:-shift], patch[-shift:] = source[shift:], source[:shift]


def _write_patches(out: Tensor, rows: Rows, partners: list[int], boxes: list[list[int]], others: Tensor | None) -> None:
    written = _bits_of(out)
    pool = rows if others is None else others
    sources = _bits_of(pool) if isinstance(pool, Tensor) else written.copy()
    for i, (partner, box) in enumerate(zip(partners, inside_each(boxes), strict=True)):
        written[i][box] = sources[partner][box]


def _write_blend(out: Tensor, rows: Rows, opacity: NDArray[np.float32], shift: int) -> None:
    """Blend whole images with their partners, when all partners are the same shift away."""
    exact, images = exact_dtype(out.dtype), _as_batch(rows)
    weights: Any = float(opacity[0])  # which need not be sent
    if len(opacity) > 1:
        weights = send_tensor(torch.from_numpy(opacity).to(exact), out.device).view(-1, *(1,) * (out.ndim - 1))
    if exact == out.dtype:
        for here, there in with_partners(shift):
            torch.lerp(images[here], images[there], weights if len(opacity) == 1 else weights[here], out=out[here])
    else:
        _narrow(out, images.to(exact).lerp_(images.roll(-shift, 0).to(exact), weights))
    for i, strength in enumerate(opacity.tolist()):
        if strength in (0, 1):  # what does not show may be infinite
            out[i] = rows[(i + shift) % len(out) if strength else i]


def _as_batch(rows: Rows) -> Tensor:
    return rows if isinstance(rows, Tensor) else torch.stack(list(rows))


def _copy_all(out: Tensor, rows: Rows) -> None:
    if isinstance(rows, Tensor):
        out.copy_(rows)
    else:
        torch.stack(list(rows), out=out)


def _narrow(out: Tensor, values: Tensor) -> None:
    """Convert ``values`` to the dtype of ``out``, rounding to integers; ``values`` may be overwritten."""
    if out.dtype == torch.uint8 and out.is_cpu:
        out.numpy()[...] = values.round_().numpy()  # three times as fast as the way of tensors
    else:
        out.copy_(to_dtype(values, out.dtype))


def _bits_of(images: Tensor) -> Any:
    """View CPU images as an array, which numpy copies faster; view dtypes that numpy lacks as integers."""
    if not images.is_cpu:
        return images
    try:
        return images.numpy()
    except RuntimeError:  # a view that turns signs
        return images.resolve_conj().resolve_neg().numpy()
    except TypeError:
        return images.view(_BITS[images.element_size()]).numpy()


def _has_gradient(images: Tensor) -> bool:
    """Return True if autograd, forward-mode differentiation or torch.func must see the operations on ``images``."""
    if images.requires_grad and torch.is_grad_enabled():
        return True
    return is_functorch_wrapped_tensor(images) or unpack_dual(images).tangent is not None
