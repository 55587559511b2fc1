"""Losses for mixed targets."""

import inspect
from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._pairs import MixedTarget, check_pair


class MixedLoss(nn.Module):
    """Let a loss for hard labels take a ``MixedTarget``: each of the two labels counts with its fraction.

    ``lam * criterion(x, a) + (1 - lam) * criterion(x, b)``, with the ``lam`` of each sample. Each half is reduced as
    the criterion reduces it: a mean of torch's divides by the class weights of its labels and leaves out
    ``ignore_index``; a half with nothing but ignored labels counts 0. A criterion of your own is asked twice for each
    half, for its reduced loss and for those of the samples, and with ``lam = 1`` the loss is what it gives. A label
    whose fraction is 0 counts nothing, even if its loss is infinite or NaN. Any other target goes straight to the
    criterion, so that one criterion serves training and validation.

    Soft targets need no such help: ``nn.CrossEntropyLoss`` takes them as they are. Label smoothing belongs in the
    transform or in the criterion, not in both. Pairs of masks are handed on as they are: ``nn.CrossEntropyLoss``
    wants int64 ``(N, H, W)``.

    Args:
        criterion: a loss with a ``reduction``, such as ``nn.CrossEntropyLoss`` or ``F.cross_entropy``, that gives one
            loss per sample with ``reduction="none"``; or a callable that gives one loss per sample, which is then not
            reduced.

    Shape:
        - x: what the criterion takes; target: ``MixedTarget`` with ``a`` and ``b`` as the criterion takes them and
          ``lam`` ``(N,)``.
        - output: what the criterion gives.

    Raises:
        TypeError: if ``criterion`` cannot be called or is a class, or if a field of the target is no tensor.
        ValueError: if its reduction is unknown, or if it does not give one loss per sample where it is not to reduce;
            or if the fields of the target do not fit together.

    Example:
        >>> criterion = MixedLoss(nn.CrossEntropyLoss())
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
        >>> target = MixedTarget(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([0.75, 0.75]))
        >>> criterion(logits, target), criterion(logits, torch.tensor([0, 1]))
        (tensor(0.6269), tensor(0.1269))
    """

    def __init__(self, criterion: Callable[..., Tensor]) -> None:
        super().__init__()
        if not callable(criterion):
            raise TypeError(f"criterion must be callable, got {criterion!r}")
        if isinstance(criterion, type):
            raise TypeError(f"criterion must be an instance, nn.CrossEntropyLoss() say, got the class {criterion!r}")
        self.reduction = _option(criterion, "reduction")
        if self.reduction not in (None, "none", "mean", "sum", "batchmean"):
            raise ValueError(
                f"criterion.reduction must be 'none', 'mean', 'sum' or 'batchmean', got {self.reduction!r}"
            )
        self.criterion = criterion

    def forward(self, x: Tensor, target: Tensor | MixedTarget) -> Tensor:
        """Return the loss of predictions against mixed or any other targets.

        Args:
            x: predictions, as the criterion takes them.
            target: a ``MixedTarget``, or what the criterion takes.

        Returns:
            The loss, reduced as the criterion reduces it.
        """
        if isinstance(x, MixedTarget):
            raise TypeError("x must be the predictions, and target the MixedTarget, got the MixedTarget first")
        if not isinstance(target, MixedTarget):
            return self.criterion(x, target)
        check_pair(target)
        first, second = _labels_that_count(target)
        return self._half(x, target.a, first, target.lam) + self._half(x, target.b, second, 1 - target.lam)

    def _half(self, x: Tensor, labels: Tensor, counted: Tensor, fraction: Tensor) -> Tensor:
        """Return the loss of one label of each sample; ``counted`` has no label whose fraction is 0."""
        losses = self._losses(x, counted)
        _check_losses(losses, self.reduction, len(fraction))
        fraction = fraction.to(losses).view(-1, *(1,) * (losses.ndim - 1))
        parts = torch.where(fraction == 0, 0, losses * fraction)  # not inf * 0
        if self.reduction in (None, "none"):
            return parts
        if not _is_torchs(self.criterion):
            total = losses.sum()  # the criterion alone knows what it divides by
            return self.criterion(x, counted) * (parts.sum() / torch.where(total == 0, 1, total))
        if self.reduction == "mean":
            return parts.sum() / self._count(labels, losses)
        return parts.sum() / (len(losses) if self.reduction == "batchmean" else 1)

    def _losses(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return what the criterion gives without its reduction."""
        if self.reduction is None:
            return self.criterion(x, labels)
        if not hasattr(self.criterion, "reduction"):
            return self.criterion(x, labels, reduction="none")
        each = copy(_uncompiled(self.criterion))  # shares its buffers
        setattr(each, "reduction", "none")  # noqa: B010
        losses: Tensor = each(x, labels)
        return losses

    def _count(self, labels: Tensor, losses: Tensor) -> Tensor | int:
        """Return what torch divides by for a mean: the number of losses, or the sum of the weights of the labels."""
        ignored = _option(self.criterion, "ignore_index")
        if ignored is None or labels.is_floating_point():
            return losses.numel()
        seen = labels != ignored
        counts = seen.to(losses.dtype)
        weight = _option(self.criterion, "weight")
        if weight is not None:
            counts = counts * weight[labels.long().where(seen, 0)]
        total: Tensor = counts.sum()
        return total.clamp(min=torch.finfo(losses.dtype).tiny)


def _labels_that_count(target: MixedTarget) -> tuple[Tensor, Tensor]:
    """Return both labels of each sample, one whose fraction is 0 replaced by the other.

    Its loss may be infinite or NaN, and its gradient is so whatever the loss is multiplied by.
    """
    both, lam = torch.stack(target[:2]), target.lam.to(target.a.device)
    rows = torch.arange(len(lam), device=lam.device)
    return both[(lam == 0).long(), rows], both[(lam != 1).long(), rows]


def _check_losses(losses: Any, reduction: str | None, count: int) -> None:
    if not isinstance(losses, Tensor):
        raise TypeError(f"criterion must give a tensor of losses, got {received(losses)}")
    if losses.ndim == 0 or len(losses) != count:
        when = "or have a reduction" if reduction is None else "when its reduction is 'none'"
        raise ValueError(
            f"criterion must give one loss per sample {when}, got losses of shape {tuple(losses.shape)} "
            f"for {count} samples; let it return them before their mean or sum is taken"
        )


def _is_torchs(criterion: Any) -> bool:
    """Return True if torch computes the loss: a class derived from one of torch's may reduce in a way of its own."""
    criterion = _uncompiled(criterion)
    call = criterion.forward if isinstance(criterion, nn.Module) else getattr(criterion, "func", criterion)
    return str(getattr(call, "__module__", "")).partition(".")[0] == "torch"


def _uncompiled(criterion: Any) -> Any:
    """Return what ``torch.compile`` was given, to which the compiled module hands on every option that is set."""
    return getattr(criterion, "_orig_mod", criterion)


def _option(criterion: Any, name: str) -> Any:
    """Return an option of a loss: an attribute of a module, or what a function takes where nothing else is said."""
    if isinstance(criterion, nn.Module) or hasattr(criterion, name):
        return getattr(criterion, name, None)
    parameter = inspect.signature(criterion).parameters.get(name)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default
