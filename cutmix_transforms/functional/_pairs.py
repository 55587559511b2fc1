"""Both targets of mixed samples, for losses that want hard labels."""

from collections.abc import Iterable
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import can_look_at, check_real, check_tensor, received
from cutmix_transforms.functional._draw import Draw, HostDraw, MixDraw, for_kernels
from cutmix_transforms.functional._targets import check_targets_fit, lam_of, partners_of


class MixedTarget(NamedTuple):
    """Both targets of each mixed sample, and the fraction of the first. ``MixedLoss`` computes a loss from it.

    It moves to a device like a tensor: ``target.to(device, non_blocking=True)``. It is made from three fields, or from
    one iterable of three.

    Attributes:
        a: ``(N, ...)``, the targets of the original samples.
        b: ``(N, ...)``, the targets of their partners.
        lam: ``(N,)`` float32, the fraction of the original sample that is kept, which is the weight of ``a``.

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
        """Return the pair for samples that are not mixed: both targets are their own, and ``lam`` is 1."""
        return cls(targets, targets, torch.ones(len(targets), dtype=torch.float32, device=targets.device))

    def to(self, device: torch.device | str | int, *, non_blocking: bool | None = None) -> "MixedTarget":
        """Move all fields to a device.

        Args:
            device: the device. A dtype is an error, because a low-precision dtype cannot hold all class indices.
            non_blocking: as for ``Tensor.to``; by default True if the memory is pinned.

        Returns:
            A ``MixedTarget`` with its fields on that device.
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
        """Copy all fields to pinned memory; the DataLoader calls this with ``pin_memory=True``."""
        return MixedTarget(*(field.pin_memory() for field in self))


_of_fields = MixedTarget.__new__


@wraps(_of_fields)
def _of_fields_or_one(cls: type[MixedTarget], *fields: Any, **named: Any) -> MixedTarget:
    """Make a target from three fields or from one iterable of three, as ``transformers.Trainer`` rebuilds tuples."""
    if len(fields) == 1 and isinstance(fields[0], Iterable) and not isinstance(fields[0], Tensor):
        fields = tuple(fields[0])
    return _of_fields(cls, *fields, **named)


MixedTarget.__new__ = _of_fields_or_one  # type: ignore[method-assign, assignment]  # a NamedTuple may not define it


def pair_targets(labels: Tensor, draw: MixDraw, others: Tensor | None = None) -> MixedTarget:
    """Return both labels of each mixed sample, and the fraction of the first.

    Args:
        labels: labels of any kind, one per image.
        draw: the draw that the images are mixed with.
        others: the labels that ``draw.partners`` index; by default ``labels``.

    Shape:
        - labels: ``(N, ...)``; others: ``(M, ...)``.
        - output: ``a`` and ``b`` of the shape of ``labels``, ``lam`` ``(N,)``.

    Returns:
        ``MixedTarget(labels, others[partners], lam)``. For a sample that is not mixed, both labels are its own.

    Raises:
        TypeError: if ``labels`` and ``others`` are not tensors of one dtype, or ``draw`` is not a ``MixDraw``.
        ValueError: if the draw was made for another number of labels, or a partner is out of range (checked on a CPU).

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
    """Return both labels of each mixed sample, without checking the arguments."""
    lam = lam_of(draw, labels.device, torch.float32).expand(len(labels)).contiguous()
    partners = partners_of(labels, draw, others)
    if not (isinstance(draw, HostDraw) and (draw.lam < 1).all()):
        partners = torch.where((lam == 1).view(-1, *(1,) * (labels.ndim - 1)), labels, partners)
    return MixedTarget(labels, partners, lam)


def weigh(first: Tensor, second: Tensor, lam: Tensor) -> Tensor:
    """Return ``lam * first + (1 - lam) * second``; a NaN or infinity with the weight 0 is ignored."""
    lam = lam.view(-1, *(1,) * (first.ndim - 1))
    return torch.where(lam == 0, 0, lam * first) + torch.where(lam == 1, 0, (1 - lam) * second)


def check_pair(target: Any) -> None:
    """Raise an error unless a ``MixedTarget`` holds two tensors of one shape and a fraction for each of their rows."""
    check_tensor("target.a", target.a, "(N, ...)")
    check_tensor("target.b", target.b, "(N, ...)")
    if target.a.shape != target.b.shape:
        shapes = tuple(target.a.shape), tuple(target.b.shape)
        raise ValueError(f"target.a and target.b must have the same shape, got {shapes[0]} and {shapes[1]}")
    check_tensor("target.lam", target.lam, "(N,)")
    check_real("target.lam", target.lam)
    if target.lam.shape != target.a.shape[:1] or not target.lam.ndim:
        wanted, got = tuple(target.a.shape[:1]), tuple(target.lam.shape)
        raise ValueError(f"target.lam must be of shape (N,) = {wanted}, got {got}")
