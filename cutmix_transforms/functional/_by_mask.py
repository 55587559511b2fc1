"""Mixing with a mask of the boxes: in compiled graphs, with gradients and on GPUs."""

import numpy as np
import torch
from torch import Tensor

from cutmix_transforms.functional._blend import blend_unchecked
from cutmix_transforms.functional._boxes import combine_axes, inside_boxes
from cutmix_transforms.functional._draw import Draw, HostDraw, MixDraw, send_tensor
from cutmix_transforms.functional._placement import Size

# Older releases of torch cannot select from unsigned types: the bits of signed ones are the same.
_SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def mix_by_mask(images: Tensor, draw: Draw, pool: Tensor) -> Tensor:
    """Mix all images at once, with a mask that is true inside the boxes."""
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
    """Paste opaque boxes of partners into ``out``, when all partners are the same shift away.

    On a GPU this is half the work of ``mix_by_mask``: it copies no partners and blends nothing. The host computes
    which rows and columns lie inside the boxes, because sending them is faster than computing them on the GPU.
    """
    signed = _SIGNED.get(images.dtype, images.dtype)
    own, mixed = images.view(signed), out.view(signed)
    dims, count = len(draw.size), len(images)
    edges = np.where(draw.opacity[:, None] > 0, draw.boxes, 0).T[..., None]  # (2 * dims, N, 1)
    along = enumerate(map(np.arange, draw.size))
    sides = np.concatenate([(at >= edges[k]) & (at < edges[dims + k]) for k, at in along], axis=1)
    sent = send_tensor(torch.from_numpy(sides), images.device)
    inside = combine_axes(sent.split(draw.size, dim=1)).expand(count, *draw.size)
    inside = inside.view(count, *(1,) * (images.ndim - 1 - dims), *draw.size)
    for here, there in with_partners(draw.shift):
        torch.where(inside[here], own[there], own[here], out=mixed[here])


def with_partners(shift: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return two pairs of slices, samples and their partners, when all partners are the same shift away."""
    return (slice(None, -shift), slice(shift, None)), (slice(-shift, None), slice(None, shift))


def pack(draw: MixDraw) -> Tensor:
    """Pack a draw into one float64 tensor ``(N, 2 + 2 * dims)``: the partner, box and opacity of each sample."""
    partners, boxes, opacity = draw.partners.double()[:, None], draw.boxes.double(), draw.opacity.double()[:, None]
    return torch.cat([partners, boxes, opacity], dim=1)


def unpack(rows: Tensor, size: Size) -> MixDraw:
    """Rebuild the draw from a tensor made by ``pack``."""
    return MixDraw(rows[:, 0].long(), rows[:, 1:-1].long(), rows[:, -1].float(), size)


def send(draw: Draw, device: torch.device) -> MixDraw:
    """Send a draw to a device as one tensor."""
    rows = draw.spread() if isinstance(draw, HostDraw) else draw
    return rows if rows.boxes.device == device else unpack(send_tensor(pack(rows), device), rows.size)
