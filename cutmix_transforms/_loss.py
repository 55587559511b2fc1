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
    """Let a loss for hard labels take a :class:`MixedTarget`: each of the two labels counts with its share.

    ``lam * criterion(x, a) + (1 - lam) * criterion(x, b)``, with the ``lam`` of each sample. Each half is reduced as
    the criterion reduces it: a mean divides by the class weights of its labels and leaves out ``ignore_index``; a half
    with nothing but ignored labels counts 0. Any other target goes straight to the criterion, so that one criterion
    serves training and validation.

    Soft targets need no such help: ``nn.CrossEntropyLoss`` takes them as they are. Label smoothing belongs in the
    transform or in the criterion, not in both. Pairs of masks are handed on as they are: ``nn.CrossEntropyLoss``
    wants int64 ``(N, H, W)``.

    Args:
        criterion: a loss with a ``reduction``, such as ``nn.CrossEntropyLoss`` or ``F.cross_entropy``; or a callable
            that gives one loss a sample, which is then not reduced.

    Shape:
        - x: what the criterion takes; target: ``MixedTarget`` with ``a`` and ``b`` as the criterion takes them and
          ``lam`` ``(N,)``.
        - output: what the criterion gives.

    Raises:
        TypeError: if ``criterion`` cannot be called or is a class, or if a field of the target is no tensor.
        ValueError: if its reduction is unknown, or if it has none and does not give one loss a sample; or if the fields
            of the target do not fit together.

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
        """The loss of predictions against mixed or any other targets.

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
        return self._half(x, target.a, target.lam) + self._half(x, target.b, 1 - target.lam)

    def _half(self, x: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        losses = self._losses(x, labels)
        if not isinstance(losses, Tensor):
            raise TypeError(f"criterion must give a tensor of losses, got {received(losses)}")
        if losses.ndim == 0 or share.shape != losses.shape[:1]:
            raise ValueError(
                "criterion must have a reduction or give one loss a sample, as many as lam, "
                f"got losses {tuple(losses.shape)} for lam {tuple(share.shape)}"
            )
        losses = losses * share.to(losses).view(-1, *(1,) * (losses.ndim - 1))
        if self.reduction == "mean":
            return losses.sum() / self._count(labels, losses)
        if self.reduction == "batchmean":
            return losses.sum() / len(losses)
        return losses.sum() if self.reduction == "sum" else losses

    def _losses(self, x: Tensor, labels: Tensor) -> Tensor:
        """The criterion without its reduction."""
        if self.reduction is None:
            return self.criterion(x, labels)
        if not isinstance(self.criterion, nn.Module):
            return self.criterion(x, labels, reduction="none")
        each = copy(self.criterion)  # shares its buffers
        setattr(each, "reduction", "none")  # noqa: B010
        losses: Tensor = each(x, labels)
        return losses

    def _count(self, labels: Tensor, losses: Tensor) -> Tensor | int:
        """What the criterion divides by for a mean: the number of losses, or the sum of the weights of the labels."""
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


def _option(criterion: Any, name: str) -> Any:
    """An option of a loss: an attribute of a module, or what a function takes where nothing else is said."""
    if isinstance(criterion, nn.Module) or hasattr(criterion, name):
        return getattr(criterion, name, None)
    parameter = inspect.signature(criterion).parameters.get(name)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default
