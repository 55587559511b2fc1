"""Mixing by a mask, without looking at the draw: in a compiled graph, with a gradient, and row by row on a GPU."""

import numpy as np
import torch
from torch import Tensor

from cutmix_transforms.functional._blend import blend_unchecked
from cutmix_transforms.functional._boxes import inside_boxes, meet
from cutmix_transforms.functional._draw import Draw, HostDraw, MixDraw, Size, send_tensor

# Older releases of torch cannot select from unsigned types: the bits of signed ones are the same.
_SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def mix_by_mask(images: Tensor, draw: Draw, pool: Tensor) -> Tensor:
    """Mix all images at once."""
    sent = send(draw, images.device)
    ones = (1,) * (images.ndim - 1 - len(sent.size))
    opacity = sent.opacity.view(-1, *(1,) * (images.ndim - 1))
    inside = inside_boxes(sent.boxes, sent.size).view(-1, *ones, *sent.size) & (opacity != 0)
    if images.dtype in _SIGNED:
        signed, pool = images.view(_SIGNED[images.dtype]), pool.view(_SIGNED[images.dtype])
        source = pool[sent.partners]
        blended = blend_unchecked(images, source.view(images.dtype), opacity).view(signed.dtype)
        return torch.where(~inside, signed, torch.where(opacity == 1, source, blended)).view(images.dtype)
    source = pool[sent.partners]  # unlike index_select, keeps channels_last
    if images.dtype != torch.bool and not images.dtype.is_complex:
        source = torch.where(opacity == 1, source, blend_unchecked(images, source, opacity))
    return torch.where(~inside, images, source)  # the first of two decides about the memory format


def paste_by_mask(out: Tensor, images: Tensor, draw: HostDraw) -> None:
    """Write images with opaque boxes of partners that all are one shift away: on a GPU half the work of the way above.

    It needs no copy of the partners, and calculates nothing. The host says which rows and columns lie in the boxes:
    sending that takes less time than the operations that would find it out there.
    """
    signed = _SIGNED.get(images.dtype, images.dtype)
    own, mixed = images.view(signed), out.view(signed)
    dims, count = len(draw.size), len(images)
    edges = np.where(draw.opacity[:, None] > 0, draw.boxes, 0).T[..., None]  # (2 * dims, N, 1)
    along = enumerate(map(np.arange, draw.size))
    sides = np.concatenate([(at >= edges[k]) & (at < edges[dims + k]) for k, at in along], axis=1)
    sent = send_tensor(torch.from_numpy(sides), images.device)
    inside = meet(sent.split(draw.size, dim=1)).expand(count, *draw.size)
    inside = inside.view(count, *(1,) * (images.ndim - 1 - dims), *draw.size)
    for here, there in with_partners(draw.shift):
        torch.where(inside[here], own[there], own[here], out=mixed[here])


def with_partners(shift: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return which samples stand side by side with which partners, where all are one shift away."""
    return (slice(None, -shift), slice(shift, None)), (slice(-shift, None), slice(None, shift))


def pack(draw: MixDraw) -> Tensor:
    """Return a draw as one tensor ``(N, 2 + 2 * dims)`` float64: partner, box and opacity of each sample."""
    partners, boxes, opacity = draw.partners.double()[:, None], draw.boxes.double(), draw.opacity.double()[:, None]
    return torch.cat([partners, boxes, opacity], dim=1)


def unpack(rows: Tensor, size: Size) -> MixDraw:
    """Return the draw that ``pack`` made a tensor of."""
    return MixDraw(rows[:, 0].long(), rows[:, 1:-1].long(), rows[:, -1].float(), size)


def send(draw: Draw, device: torch.device) -> MixDraw:
    """Return a draw as tensors on the device where it is needed; it travels in one piece."""
    rows = draw.spread() if isinstance(draw, HostDraw) else draw
    return rows if rows.boxes.device == device else unpack(send_tensor(pack(rows), device), rows.size)
