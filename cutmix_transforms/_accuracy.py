"""Accuracy on mixed targets."""

from typing import Any

from torch import Tensor

from cutmix_transforms._checks import check_count
from cutmix_transforms.functional._targets import MixedTarget


def mixed_accuracy(logits: Tensor, target: Tensor | MixedTarget, *, k: int = 1) -> Tensor:
    """The share of the target's mass that lies on the predicted classes.

    For hard labels this is the usual top-k accuracy; a sample of 0.7 cat and 0.3 dog counts 0.7 when the cat is
    predicted, 0.3 when the dog is, and 1 when both are among the ``k``. So the best that can be reached on a mixed
    batch is less than 1 for ``k=1``.

    Args:
        logits: a score for each class; the ``k`` highest are the predicted classes.
        target: hard labels, soft or multi-hot rows, or a :class:`MixedTarget` of either.
        k: number of predicted classes.

    Shape:
        - logits: ``(N, K)``; target: ``(N,)`` integer, ``(N, K)``, or ``MixedTarget`` of these.
        - output: ``()``.

    Returns:
        The accuracy, from 0 to 1; NaN for an empty batch.

    Raises:
        TypeError: if ``k`` is no integer.
        ValueError: if the shapes do not fit or ``k`` is not from 1 to ``K``.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
        >>> mixed_accuracy(logits, torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]]))
        tensor(0.6250)
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ValueError(f"logits must be a tensor of shape (N, K), got {_form(logits)}")
    if check_count("k", k) > logits.shape[1]:
        raise ValueError(f"k must be at most the number of classes, {logits.shape[1]}, got {k}")
    predicted = logits.topk(k, dim=1).indices  # (N, k)
    if not isinstance(target, MixedTarget):
        hit, mass = _mass(predicted, target, logits)
        return hit.sum() / mass.sum()
    hit_a, mass_a = _mass(predicted, target.a, logits)
    hit_b, mass_b = _mass(predicted, target.b, logits)
    if target.lam.shape != hit_a.shape:
        raise ValueError(f"target.lam must be of shape (N,) = {tuple(hit_a.shape)}, got {_form(target.lam)}")
    lam = target.lam.to(logits.device)
    return (lam * hit_a + (1 - lam) * hit_b).sum() / (lam * mass_a + (1 - lam) * mass_b).sum()


def _mass(predicted: Tensor, target: Any, logits: Tensor) -> tuple[Tensor, Tensor]:
    """For each sample, the mass of its target on the predicted classes, and in all."""
    if isinstance(target, Tensor) and target.shape == logits.shape:
        rows = target.float()
        return rows.gather(1, predicted).sum(1), rows.sum(1)
    if not isinstance(target, Tensor) or target.shape != logits.shape[:1] or target.is_floating_point():
        raise ValueError(
            f"target must be integers of shape (N,) or rows (N, K) = {tuple(logits.shape)}, got {_form(target)}"
        )
    hit = (predicted == target.long()[:, None]).any(1).float()
    return hit, hit.new_ones(hit.shape)


def _form(value: Any) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
