"""Accuracy on mixed targets."""

from typing import Any

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import can_look_at, check_count, check_real, check_tensor, received
from cutmix_transforms.functional._pairs import MixedTarget, check_pair, weigh


def mixed_accuracy(logits: Tensor, target: Tensor | MixedTarget, *, k: int = 1) -> Tensor:
    """Return the fraction of the target's weight that lies on the predicted classes.

    For hard labels this is the usual top-k accuracy. A sample of 0.7 cat and 0.3 dog counts 0.7 if the cat is
    predicted, 0.3 if the dog is predicted, and 1 if both are among the ``k`` classes. So with ``k=1``, the highest
    possible accuracy on a mixed batch is below 1.

    Args:
        logits: a score for each class. The ``k`` classes with the highest scores are the predicted classes.
        target: hard labels, soft or multi-hot rows, or a ``MixedTarget`` of either.
        k: the number of predicted classes.

    Shape:
        - logits: ``(N, K)`` with ``K`` at least 2; target: ``(N,)`` integer, ``(N, K)``, or a ``MixedTarget`` of these.
        - output: ``()``.

    Returns:
        The accuracy, from 0 to 1; NaN for an empty batch.

    Raises:
        TypeError: if ``logits`` or ``target`` has a wrong type or dtype, or ``k`` is not an integer.
        ValueError: if the shapes do not match, ``logits`` has a single column, ``k`` is not from 1 to ``K``, or a label
            is out of range (checked on a CPU).

    Example:
        >>> import torch
        >>> logits = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
        >>> mixed_accuracy(logits, torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]]))
        tensor(0.6250)
    """
    if isinstance(logits, Tensor) and logits.ndim == 1:
        raise ValueError(f"logits must be of shape (N, K), scores and not their argmax, got {received(logits)}")
    if isinstance(logits, Tensor) and logits.ndim == 4:
        raise ValueError(
            "logits must be of shape (N, K); for masks, (logits.argmax(1) == masks).float().mean() is the fraction of "
            f"correct pixels, got shape {tuple(logits.shape)}"
        )
    check_tensor("logits", logits, "(N, K)", ndims=(2,))
    check_real("logits", logits)
    if logits.shape[1] == 1:
        raise ValueError(
            f"logits must hold scores of at least 2 classes, got shape {tuple(logits.shape)}; for a binary output pass "
            "torch.cat([-logits, logits], 1), and as target integers (N,) or torch.cat([1 - target, target], 1)"
        )
    if check_count("k", k) > logits.shape[1]:
        raise ValueError(f"k must be at most the number of classes, {logits.shape[1]}, got {k}")
    predicted = logits.topk(k, dim=1).indices  # (N, k)
    if not isinstance(target, MixedTarget):
        hit, mass = _mass(predicted, target, logits)
        return hit.sum() / mass.sum()
    check_pair(target)
    hit_a, mass_a = _mass(predicted, target.a, logits)
    hit_b, mass_b = _mass(predicted, target.b, logits)
    lam = target.lam.to(logits.device)
    return weigh(hit_a, hit_b, lam).sum() / weigh(mass_a, mass_b, lam).sum()


def _mass(predicted: Tensor, target: Any, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return, for each sample, the weight of its target on the predicted classes and on all classes."""
    rule = f"integers of shape (N,) or rows (N, K) = {tuple(logits.shape)}"
    if not isinstance(target, Tensor):
        raise TypeError(f"target must be {rule}, got {received(target)}")
    if target.shape == logits.shape:
        rows = target.float()
        return rows.gather(1, predicted).sum(1), rows.sum(1)
    if target.shape != logits.shape[:1] or target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(f"target must be {rule}, got {received(target)}")
    labels = target.long()
    if can_look_at(labels):
        wrong = (labels < 0) | (labels >= logits.shape[1])
        if wrong.any():
            raise ValueError(f"target must hold classes in [0, {logits.shape[1]}), got {int(labels[wrong][0])}")
    hit = (predicted == labels[:, None]).any(1).float()
    return hit, hit.new_ones(hit.shape)
