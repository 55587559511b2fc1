"""Both targets of mixed samples, for losses that want hard labels."""

from collections.abc import Iterable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cutmix_transforms.functional._checks import can_look_at, check_real, check_tensor, received
from cutmix_transforms.functional._draw import Draw, HostDraw, MixDraw, for_kernels
from cutmix_transforms.functional._targets import check_targets_fit, lam_of, partners_of


class MixedTarget(NamedTuple):
    """Both targets of each mixed sample and the fraction of the first: what ``MixedLoss`` takes.

    It moves like a tensor, ``target.to(device, non_blocking=True)``, and can be made of its three fields or of one
    iterable of them.

    Attributes:
        a: the targets of the samples, as they came, ``(N, ...)``.
        b: the targets of their partners, ``(N, ...)``.
        lam: ``(N,)`` float32, the fraction of ``a``.

    Example:
        >>> target = MixedTarget(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([0.75, 1.0]))
        >>> target.lam * target.a + (1 - target.lam) * target.b
        tensor([0.2500, 1.0000])
    """

    a: Tensor
    b: Tensor
    lam: Tensor

    @classmethod
    def unmixed(cls, targets: Tensor) -> "MixedTarget":
        """Return the pair of samples that nothing is mixed into."""
        return cls(targets, targets, torch.ones(len(targets), dtype=torch.float32, device=targets.device))

    def to(self, device: torch.device | str | int, *, non_blocking: bool | None = None) -> "MixedTarget":
        """Return the pair on a device.

        Args:
            device: where to; dtypes stay as they are, since a low precision has no room for all class indices.
            non_blocking: as for ``Tensor.to``; by default where memory is pinned, which is safe.

        Returns:
            A ``MixedTarget`` of fields on that device.
        """
        if isinstance(device, (torch.dtype, Tensor)):
            raise TypeError(
                f"device must be a device, such as 'cuda', got {received(device)}; "
                "to change dtypes, replace the fields: target._replace(a=target.a.to(dtype), b=target.b.to(dtype))"
            )
        if non_blocking is None:
            non_blocking = can_look_at(self.lam) and all(field.is_pinned() for field in self)
        return MixedTarget(*(field.to(device, non_blocking=non_blocking) for field in self))

    def pin_memory(self) -> "MixedTarget":
        """Return the pair in pinned memory, as the DataLoader asks for with ``pin_memory=True``."""
        return MixedTarget(*(field.pin_memory() for field in self))


_of_fields = MixedTarget.__new__


@wraps(_of_fields)
def _of_fields_or_one(cls: type[MixedTarget], *fields: Any, **named: Any) -> MixedTarget:
    """Take one iterable for all fields too: so ``transformers.Trainer`` builds a tuple anew whose fields it moved."""
    if len(fields) == 1 and isinstance(fields[0], Iterable) and not isinstance(fields[0], Tensor):
        fields = tuple(fields[0])
    return _of_fields(cls, *fields, **named)


MixedTarget.__new__ = _of_fields_or_one  # type: ignore[method-assign, assignment]  # a NamedTuple may not define it


def pair_targets(labels: Tensor, draw: MixDraw, others: Tensor | None = None) -> MixedTarget:
    """Keep both labels of a mixed sample, with the fraction of the first.

    Args:
        labels: labels of any kind.
        draw: which partner and which fraction.
        others: where ``draw.partners`` point to; ``labels`` themselves by default.

    Shape:
        - labels: ``(N, ...)``; others: ``(M, ...)``.
        - output: ``a`` and ``b`` of the shape of ``labels``, ``lam`` ``(N,)``.

    Returns:
        ``MixedTarget(labels, others[partners], lam)``; of what nothing is mixed into, both labels are its own.

    Raises:
        TypeError: if ``labels`` or ``others`` are no tensors of one dtype, or ``draw`` is no draw.
        ValueError: if the draw was made for another number of labels, or (on a CPU) points outside them.

    Example:
        >>> from cutmix_transforms.functional import mix_draw
        >>> draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]]), (2, 2))
        >>> pair_targets(torch.tensor([5, 7]), draw)
        MixedTarget(a=tensor([5, 7]), b=tensor([7, 7]), lam=tensor([0.7500, 1.0000]))
    """
    check_tensor("labels", labels, "(N, ...)")
    check_targets_fit("labels", labels, draw, others)
    return pair_targets_unchecked(labels, for_kernels(draw), others)


def pair_targets_unchecked(labels: Tensor, draw: Draw, others: Tensor | None = None) -> MixedTarget:
    """Pair labels with a draw that is known to fit."""
    lam = lam_of(draw, labels.device, torch.float32).expand(len(labels)).contiguous()
    partners = partners_of(labels, draw, others)
    if not (isinstance(draw, HostDraw) and (draw.lam.astype(np.float32) < 1).all()):
        partners = torch.where((lam == 1).view(-1, *(1,) * (labels.ndim - 1)), labels, partners)
    return MixedTarget(labels, partners, lam)


def weigh(first: Tensor, second: Tensor, lam: Tensor) -> Tensor:
    """Return ``lam * first + (1 - lam) * second``, in which what has the fraction 0 counts nothing."""
    lam = lam.view(-1, *(1,) * (first.ndim - 1))
    return torch.where(lam == 0, 0, lam * first) + torch.where(lam == 1, 0, (1 - lam) * second)


def check_pair(target: Any) -> None:
    """Raise an error unless a ``MixedTarget`` holds two tensors of one shape and a fraction for each of their rows."""
    check_tensor("target.a", target.a, "(N, ...)")
    check_tensor("target.b", target.b, "(N, ...)")
    if target.a.shape != target.b.shape:
        shapes = tuple(target.a.shape), tuple(target.b.shape)
        raise ValueError(f"target.a and target.b must be of one shape, got {shapes[0]} and {shapes[1]}")
    check_tensor("target.lam", target.lam, "(N,)")
    check_real("target.lam", target.lam)
    if target.lam.shape != target.a.shape[:1] or not target.lam.ndim:
        wanted, got = tuple(target.a.shape[:1]), tuple(target.lam.shape)
        raise ValueError(f"target.lam must be of shape (N,) = {wanted}, got {got}")
