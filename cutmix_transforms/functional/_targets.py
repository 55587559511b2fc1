"""Targets: mixed with the same fractions as the pixels."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cutmix_transforms.functional._blend import blend_unchecked, exact_dtype
from cutmix_transforms.functional._checks import check_floats, check_tensor
from cutmix_transforms.functional._draw import Draw, HostDraw, MixDraw, as_array, for_kernels, lam_of_boxes, send_tensor
from cutmix_transforms.functional._mix_draw import check_draw, check_numbers
from cutmix_transforms.functional._soft_targets import ClassLabels


def mix_targets(targets: Tensor, draw: MixDraw, others: Tensor | None = None) -> Tensor:
    """Mix float targets with the same fractions as the pixels.

    ``out[i] = lam[i] * targets[i] + (1 - lam[i]) * others[partners[i]]``

    Args:
        targets: float targets, for example from ``soft_targets``.
        draw: the draw that the images are mixed with.
        others: the targets that ``draw.partners`` index; by default ``targets``.

    Shape:
        - targets: ``(N, ...)``; others: ``(M, ...)``.
        - output: ``(N, ...)`` of the same dtype.

    Returns:
        A new tensor.

    Raises:
        TypeError: if ``targets`` and ``others`` are not float tensors of one dtype, or ``draw`` is not a ``MixDraw``.
        ValueError: if the draw was made for another number of targets, or a partner is out of range (checked on a CPU).

    Example:
        >>> from cutmix_transforms.functional import mix_draw
        >>> draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]]), (2, 2))
        >>> mix_targets(torch.eye(2), draw)
        tensor([[0.7500, 0.2500],
                [0.0000, 1.0000]])
    """
    check_floats("targets", targets, "(N, ...)")
    check_targets_fit("targets", targets, draw, others)
    return mix_targets_unchecked(targets, for_kernels(draw), others)


def mix_targets_unchecked(targets: Tensor, draw: Draw, others: Tensor | None = None) -> Tensor:
    """Mix float targets without checking the arguments; a NaN with the weight 0 is ignored."""
    partners = partners_of(targets, draw, others)
    if isinstance(draw, HostDraw) and len(draw.opacity) == len(draw.boxes) == 1:  # one number, which the host knows
        kept = float(draw.lam[0])
        return targets.clone() if kept == 1 else partners if kept == 0 else blend_unchecked(partners, targets, kept)
    lam = lam_of(draw, targets.device, exact_dtype(targets.dtype)).view(-1, *(1,) * (targets.ndim - 1))
    mixed = blend_unchecked(partners, targets, lam)
    if isinstance(draw, HostDraw) and not np.isin(draw.lam, (0, 1)).any():
        return mixed
    return torch.where(lam == 1, targets, torch.where(lam == 0, partners, mixed))


def union_targets(targets: Tensor, draw: MixDraw, others: Tensor | None = None) -> Tensor:
    """Return targets in which a class is present if it is present in either of the two mixed samples.

    ``out[i] = max(targets[i], others[partners[i]])``, where a sample whose fraction is 0 is left out. Use it for
    multi-label images, and for sounds that are heard together.

    Args:
        targets: float targets, for example from ``soft_targets``.
        draw: the draw that the images are mixed with.
        others: the targets that ``draw.partners`` index; by default ``targets``.

    Shape:
        - targets: ``(N, K)``; others: ``(M, K)``.
        - output: ``(N, K)`` of the same dtype.

    Returns:
        A new tensor.

    Raises:
        TypeError: if ``targets`` and ``others`` are not float tensors of one dtype, or ``draw`` is not a ``MixDraw``.
        ValueError: if ``targets`` is not of shape ``(N, K)``, the draw was made for another number of targets, or a
            partner is out of range (checked on a CPU).

    Example:
        >>> from cutmix_transforms.functional import mix_draw
        >>> draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]]), (2, 2))
        >>> union_targets(torch.eye(2), draw)
        tensor([[1., 1.],
                [0., 1.]])
    """
    check_floats("targets", targets, "(N, K)", ndims=(2,))
    check_targets_fit("targets", targets, draw, others)
    return union_targets_unchecked(targets, for_kernels(draw), others)


def union_targets_unchecked(targets: Tensor, draw: Draw, others: Tensor | None = None) -> Tensor:
    """Return the union of both targets of each mixed sample, without checking the arguments."""
    partners = partners_of(targets, draw, others)
    lam = lam_of(draw, targets.device, torch.float32).view(-1, 1)
    return torch.where(lam == 1, targets, torch.where(lam == 0, partners, torch.maximum(targets, partners)))


def mix_class_labels(own: ClassLabels, draw: Draw, others: ClassLabels | None = None) -> Tensor:
    """Return the mixed soft targets of class indices.

    On a CPU they are written directly, with equal results: for small images, making one-hot rows and mixing them would
    take as long as mixing the images.
    """
    if isinstance(draw, MixDraw) or own.smoothing or not own.indices.is_cpu:
        return mix_targets_unchecked(own.soft(), draw, None if others is None else others.soft())
    indices, lam = as_array(own.indices), draw.lam
    pool = indices if others is None else as_array(others.indices)
    targets, rows = np.zeros((len(indices), own.num_classes), dtype=np.float32), np.arange(len(indices))
    targets[rows, indices] = lam
    targets[rows, pool[draw.partners]] += 1 - lam
    return torch.from_numpy(targets)


def check_targets_fit(name: str, rows: Tensor, draw: Any, others: Tensor | None) -> None:
    """Raise an error unless a draw was made for these targets and the targets of the partners."""
    pool = rows if others is None else others
    check_tensor("others", pool, "(M, ...)")
    check_draw(draw)
    if rows.ndim == 0 or pool.ndim == 0:
        which = name if rows.ndim == 0 else "others"
        raise ValueError(f"{which} must have a batch dimension, got a tensor of shape ()")
    if not len(rows) == len(draw.partners) == len(draw.boxes) == len(draw.opacity):
        raise ValueError(f"draw must be made for {len(rows)} {name}, got one for {len(draw.partners)}")
    if pool.dtype != rows.dtype:
        raise TypeError(f"others must be of the dtype of {name}, {rows.dtype}, got {pool.dtype}")
    if pool.shape[1:] != rows.shape[1:]:
        raise ValueError(f"others must be of shape (M, *{tuple(rows.shape[1:])}), got {tuple(pool.shape)}")
    check_numbers(draw, len(pool))


def lam_of(draw: Draw, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return ``lam`` of a draw on a device, with one row for the whole batch if that is enough."""
    if isinstance(draw, MixDraw):
        return send_tensor(lam_of_boxes(draw.boxes, draw.opacity, draw.size).to(dtype), device)
    lam = draw.lam
    if len(lam) == 1:  # nothing to send
        return torch.full((1,), float(lam[0]), dtype=dtype, device=device)
    return send_tensor(torch.from_numpy(lam).to(dtype), device)


def partners_of(rows: Tensor, draw: Draw, others: Tensor | None) -> Tensor:
    """Return the row of each sample's partner."""
    if isinstance(draw, HostDraw):
        if others is None and draw.shift:
            return rows.roll(-draw.shift, 0)
        partners = torch.from_numpy(draw.partners)
    else:
        partners = draw.partners
    pool = rows if others is None else others
    return pool.index_select(0, send_tensor(partners, pool.device))
