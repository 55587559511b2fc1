"""Measures of a network on images that it did not learn from."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cutmix_transforms._commands._compare._networks import Classifier

BINS = 15
HALF = "0.5"
SIDES = ("0.25", HALF, "0.75")  # of the box, as fractions of the image's sides

View = tuple[str, str]  # what of an image is hidden, and the side of the box
WHOLE: View = ("nothing", "")
Batches = Iterable[tuple[Tensor, Tensor]]
Metrics = dict[str, Any]  # numbers, lists of numbers by class or bin, and accuracies by side


def test(classifier: Classifier, images: Batches, some: Batches) -> Metrics | None:
    """Measure all that the report tells.

    Args:
        classifier: the network.
        images: all images and labels to test on, in batches.
        some: those of which parts are hidden, as this takes six times as long.

    Returns:
        The metrics, or None where a logit is not finite.
    """
    logits, labels = _logits(classifier, images, {WHOLE: None})
    if not logits[WHOLE].isfinite().all():
        return None
    metrics = quality(logits[WHOLE], labels)
    hidden, labels = _logits(classifier, some, _views(classifier.size, classifier.place.device))
    for (part, side), found in hidden.items():
        accuracy = (found.argmax(1) == labels).double().mean().item()
        metrics.setdefault(f"{part}_hidden", {})[side] = accuracy
    return metrics


def _logits(
    classifier: Classifier, batches: Batches, views: dict[View, Tensor | None]
) -> tuple[dict[View, Tensor], Tensor]:
    """Return the logits of all images, in each view, and their labels."""
    found: dict[View, list[Tensor]] = {view: [] for view in views}
    labels = []
    for images, its_labels in batches:
        labels.append(its_labels)
        for view, shown in views.items():
            found[view].append(classifier.predict(images, shown))
    return {view: torch.cat(some) for view, some in found.items()}, torch.cat(labels)


def _views(size: int, device: torch.device) -> dict[View, Tensor | None]:
    """Return what shows of an image, ``(H, W)``, when a box in the center is hidden, or all around it."""
    boxes = {side: box_in_the_center((size, size), float(side), device) for side in SIDES}
    centers: dict[View, Tensor | None] = {("center", side): ~box for side, box in boxes.items()}
    return centers | {("border", side): box for side, box in boxes.items()}


def validate(classifier: Classifier, some: Batches) -> dict[str, float]:
    """Measure what the curves show."""
    logits, labels = _logits(classifier, some, {WHOLE: None})
    error = (logits[WHOLE].argmax(1) != labels).double().mean().item()
    return {"val_error": error, "val_nll": F.cross_entropy(logits[WHOLE].double(), labels).item()}


def quality(logits: Tensor, labels: Tensor) -> Metrics:
    """Measure how good logits are.

    Args:
        logits: ``(N, K)``.
        labels: ``(N,)``.

    Returns:
        ``error``, ``nll`` and ``ece``; ``reliability``, of each bin of confidence the number of images, their mean
        confidence and their accuracy; and ``precision`` and ``recall`` of each class.
    """
    logits = logits.double()
    confidence, predicted = logits.softmax(1).max(1)
    right = predicted == labels
    inside = (confidence * BINS).ceil().long().clamp(1, BINS) - 1  # above b / BINS, up to (b + 1) / BINS
    count = torch.bincount(inside, minlength=BINS)
    sums = [torch.bincount(inside, weights, BINS) for weights in (confidence, right.double())]
    means = [one / count.clamp(min=1) for one in sums]
    hits, real, named = (torch.bincount(some, minlength=logits.shape[1]) for some in (labels[right], labels, predicted))
    return {
        "error": 1 - right.double().mean().item(),
        "nll": F.cross_entropy(logits, labels).item(),
        "ece": ((sums[0] - sums[1]).abs().sum() / len(labels)).item(),
        "reliability": [list(row) for row in zip(count.tolist(), *(mean.tolist() for mean in means), strict=True)],
        "precision": (hits / named.clamp(min=1)).tolist(),
        "recall": (hits / real.clamp(min=1)).tolist(),
    }


def box_in_the_center(size: Iterable[int], side: float, device: torch.device) -> Tensor:
    """Return a mask ``(H, W)`` that is true in a box in the center whose sides are a fraction of the image's."""
    inside = []
    for length in size:
        long = int(side * length)
        start = (length - long) // 2
        line = torch.arange(length, device=device)
        inside.append((line >= start) & (line < start + long))
    return inside[0][:, None] & inside[1]
