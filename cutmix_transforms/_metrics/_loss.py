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
    """A loss for a ``MixedTarget``, computed with a criterion for hard labels.

    The loss is ``lam * criterion(x, a) + (1 - lam) * criterion(x, b)``, with the ``lam`` of each sample. Any other
    target is passed to the criterion unchanged, so the same loss serves training and validation.

    Each half is reduced like the criterion reduces it: with ``reduction="mean"``, torch's losses divide by the class
    weights of the labels and leave out ``ignore_index``. A half in which every label is ignored is 0. A criterion that
    is not torch's is called twice for each half, with and without its reduction; with ``lam = 1`` the loss is exactly
    its own. A label with the weight 0 is left out, even if its loss is infinite or NaN.

    Soft targets do not need this class: ``nn.CrossEntropyLoss`` takes them directly. Smooth labels either in the
    transform or in the criterion, not in both. Pairs of masks are passed to the criterion unchanged;
    ``nn.CrossEntropyLoss`` needs int64 ``(N, H, W)``.

    Args:
        criterion: a loss with a ``reduction``, such as ``nn.CrossEntropyLoss`` or ``F.cross_entropy``, that returns one
            loss per sample with ``reduction="none"``; or a callable that returns one loss per sample, which is then not
            reduced.

    Shape:
        - x: predictions in the shape that the criterion takes.
        - target: a ``MixedTarget`` with ``a`` and ``b`` in the shape that the criterion takes, and ``lam`` ``(N,)``.
        - output: a scalar, or the losses if the criterion does not reduce them.

    Raises:
        TypeError: if ``criterion`` is not callable or is a class, or a field of the target is not a tensor.
        ValueError: if the reduction is unknown, if the criterion does not return one loss per sample without its
            reduction, or if the fields of the target do not match.

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
            raise TypeError(f"criterion must be an instance (nn.CrossEntropyLoss()), got the class {criterion!r}")
        self.reduction = _option(criterion, "reduction")
        if self.reduction not in (None, "none", "mean", "sum", "batchmean"):
            raise ValueError(
                f"criterion.reduction must be 'none', 'mean', 'sum' or 'batchmean', got {self.reduction!r}"
            )
        self.criterion = criterion

    def forward(self, x: Tensor, target: Tensor | MixedTarget) -> Tensor:
        """Return the loss of predictions for a mixed target or any other target.

        Args:
            x: predictions in the shape that the criterion takes.
            target: a ``MixedTarget``, or any target that the criterion takes.

        Returns:
            The loss, with the reduction of the criterion.
        """
        if isinstance(x, MixedTarget):
            raise TypeError("x must be the predictions, and target the MixedTarget, got the MixedTarget first")
        if not isinstance(target, MixedTarget):
            return self.criterion(x, target)
        check_pair(target)
        first, second = _labels_that_count(target)
        return self._half(x, target.a, first, target.lam) + self._half(x, target.b, second, 1 - target.lam)

    def _half(self, x: Tensor, labels: Tensor, counted: Tensor, fraction: Tensor) -> Tensor:
        """Return the loss for one of the two labels; in ``counted``, labels with the weight 0 are replaced."""
        losses = self._losses(x, counted)
        _check_losses(losses, self.reduction, len(fraction))
        fraction = fraction.to(losses).view(-1, *(1,) * (losses.ndim - 1))
        parts = torch.where(fraction == 0, 0, losses * fraction)  # not inf * 0
        if self.reduction in (None, "none"):
            return parts
        if _is_torchs(self.criterion) and self.reduction == "mean":
            return parts.sum() / self._count(labels, losses)
        count = {"mean": losses.numel(), "batchmean": len(losses), "sum": 1}[self.reduction]
        reduced = parts.sum() / count
        if _is_torchs(self.criterion):
            return reduced
        total = losses.sum()  # the criterion alone knows what it divides by, and a total of 0 does not tell
        known = self.criterion(x, counted) * (parts.sum() / torch.where(total == 0, 1, total))
        return torch.where(total == 0, reduced, known)

    def _losses(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the losses of all samples, computed by the criterion without its reduction."""
        if self.reduction is None:
            return self.criterion(x, labels)
        if not hasattr(self.criterion, "reduction"):
            return self.criterion(x, labels, reduction="none")
        each = copy(_uncompiled(self.criterion))  # the buffers are not copied
        try:
            setattr(each, "reduction", "none")  # noqa: B010
        except AttributeError as error:
            raise TypeError(
                f"criterion.reduction must be an attribute that can be set to 'none', got {error}"
            ) from error
        losses: Tensor = each(x, labels)
        return losses

    def _count(self, labels: Tensor, losses: Tensor) -> Tensor | int:
        """Return the divisor of torch's mean: the number of losses, or the sum of the labels' class weights."""
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
    """Return both labels of each sample, in which a label with the weight 0 is replaced by the other label.

    The loss of such a label may be infinite or NaN, and its gradient stays NaN when it is multiplied by 0.
    """
    both, lam = torch.stack(target[:2]), target.lam.to(target.a.device)
    rows = torch.arange(len(lam), device=lam.device)
    return both[(lam == 0).long(), rows], both[(lam != 1).long(), rows]


def _check_losses(losses: Any, reduction: str | None, count: int) -> None:
    if not isinstance(losses, Tensor):
        raise TypeError(f"criterion must return a tensor of losses, got {received(losses)}")
    if losses.ndim == 0 or len(losses) != count:
        when = "or have a reduction" if reduction is None else "when its reduction is 'none'"
        raise ValueError(
            f"criterion must return one loss per sample {when}, got losses of shape {tuple(losses.shape)} "
            f"for {count} samples; it must not take a mean or sum of them"
        )


def _is_torchs(criterion: Any) -> bool:
    """Return True if ``forward`` of the criterion is torch's, so that its reduction is known."""
    criterion = _uncompiled(criterion)
    call = criterion.forward if isinstance(criterion, nn.Module) else getattr(criterion, "func", criterion)
    return str(getattr(call, "__module__", "")).partition(".")[0] == "torch"


def _uncompiled(criterion: Any) -> Any:
    """Return the module inside a compiled module, or anything else unchanged."""
    return getattr(criterion, "_orig_mod", criterion)


def _option(criterion: Any, name: str) -> Any:
    """Return an option of a loss: an attribute, or the default of a function's parameter."""
    if isinstance(criterion, nn.Module) or hasattr(criterion, name):
        return getattr(criterion, name, None)
    parameter = inspect.signature(criterion).parameters.get(name)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default
