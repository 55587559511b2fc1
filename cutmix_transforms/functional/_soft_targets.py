"""Labels as soft targets: checked, converted and smoothed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from cutmix_transforms.functional._checks import can_look_at, check_count, check_fraction_below_one, received
from cutmix_transforms.functional._draw import as_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


def soft_targets(labels: Tensor, num_classes: int | None = None, label_smoothing: float = 0.0) -> Tensor:
    """Convert labels to float targets that can be mixed.

    Class indices become one-hot rows, smoothed to ``(1 - s) * one_hot + s / K``. Integer and boolean rows of 0 and 1
    (one-hot or multi-hot) become floats, smoothed towards 0.5. Float rows and float values are returned unchanged.

    Args:
        labels: class indices, one-hot, multi-hot or soft rows, or float values (binary targets, regression).
        num_classes: the number of classes ``K``. Needed for class indices; checked for rows; must be None for float
            values.
        label_smoothing: the smoothing ``s``, in [0, 1). Smooth either here or in the loss, not in both.

    Shape:
        - labels: ``(N,)`` integer, ``(N, K)`` float, integer or bool, or ``(N,)`` float.
        - output: ``(N, K)`` float32, or like the labels if they are float.

    Returns:
        The targets.

    Raises:
        TypeError: if ``labels`` is not a tensor or has a wrong dtype, or ``num_classes`` or ``label_smoothing`` is not
            a number.
        ValueError: if ``labels`` has a wrong shape; if ``num_classes`` is missing or does not match; if
            ``label_smoothing`` is out of range; or if class indices lie outside ``[0, num_classes)`` or integer rows
            hold anything but 0 and 1 (both checked on a CPU).

    Example:
        >>> soft_targets(torch.tensor([2, 0]), num_classes=3, label_smoothing=0.3)
        tensor([[0.1000, 0.1000, 0.8000],
                [0.8000, 0.1000, 0.1000]])
    """
    if not isinstance(labels, Tensor):
        raise TypeError(f"labels must be a tensor, got {received(labels)}")
    if num_classes is not None:
        check_count("num_classes", num_classes)
    check_labels(labels, num_classes)
    check_fraction_below_one("label_smoothing", label_smoothing)
    return soft_targets_unchecked(labels, num_classes, label_smoothing)


def soft_targets_unchecked(labels: Tensor, num_classes: int | None, label_smoothing: float) -> Tensor:
    """Convert labels to float targets that can be mixed, without checking the arguments."""
    if labels.dtype.is_floating_point:
        return labels
    if labels.ndim == 2:
        return labels.to(torch.float32) * (1 - label_smoothing) + label_smoothing / 2
    count = num_classes or 0
    rest = label_smoothing / max(count, 1)
    targets = torch.full((len(labels), count), rest, dtype=torch.float32, device=labels.device)
    return targets.scatter_(1, labels.long().view(-1, 1), 1 - label_smoothing + rest)


def check_labels(labels: Tensor, num_classes: int | None) -> None:
    """Raise an error unless labels have one of the forms that ``soft_targets`` takes."""
    ndim, dtype = labels.ndim, labels.dtype
    if ndim not in (1, 2):
        raise ValueError(
            "labels must be of shape (N,) or (N, K), or dense with the images' height and width, (N, H, W) or "
            f"(N, 1, H, W), got {tuple(labels.shape)}"
        )
    if dtype.is_complex or (dtype == torch.bool and ndim == 1):
        raise TypeError(
            f"labels must be integer (classes) or float (values), got {dtype} of shape {tuple(labels.shape)}; "
            "convert them with labels.long() or labels.float()"
        )
    if ndim == 2:
        if num_classes is not None and labels.shape[1] != num_classes:
            way = " (class indices are of shape (N,): labels.flatten())" if labels.shape[1] == 1 else ""
            raise ValueError(
                f"labels of shape (N, K) must have K = num_classes = {num_classes}{way}, got {tuple(labels.shape)}"
            )
        if not dtype.is_floating_point and can_look_at(labels):
            _check_rows(as_array(labels))
    elif dtype.is_floating_point:
        if num_classes is not None:
            raise ValueError(f"num_classes must be None for float labels of shape (N,), got {num_classes}")
    elif num_classes is None:
        raise ValueError(
            "num_classes must be given for integer labels, which are class indices (for regression or one binary "
            "output the labels must be floats: labels.float(), or target_transform=float in the dataset; a row of 0 "
            f"and 1 is one tensor, not a list), got None for labels of shape (N,) = {tuple(labels.shape)}"
        )
    elif can_look_at(labels):
        _check_classes(as_array(labels).tolist(), num_classes)


def _check_rows(rows: NDArray[Any]) -> None:
    wrong = (rows != 0) & (rows != 1)
    if wrong.any():
        raise ValueError(
            "labels of shape (N, K) must be rows of 0 and 1, or float rows (class indices are of shape (N,): "
            f"labels.flatten()), got {rows[wrong][0]} in row {int(wrong.any(1).argmax())}"
        )


def _check_classes(labels: list[int], num_classes: int) -> None:
    if labels and not 0 <= min(labels) <= max(labels) < num_classes:
        first = next(i for i, label in enumerate(labels) if not 0 <= label < num_classes)
        raise ValueError(f"labels must lie in [0, num_classes={num_classes}), got {labels[first]} at index {first}")


class ClassLabels(NamedTuple):
    """Class indices ``(N,)`` that are to become soft targets."""

    indices: Tensor
    num_classes: int
    smoothing: float

    def soft(self) -> Tensor:
        """Return the soft targets."""
        return soft_targets_unchecked(self.indices, self.num_classes, self.smoothing)


def target_of(labels: Tensor, num_classes: int | None, smoothing: float) -> Tensor | ClassLabels:
    """Check labels and convert them to float targets; keep class indices until they are mixed."""
    check_labels(labels, num_classes)
    if labels.ndim == 1 and num_classes is not None:
        return ClassLabels(labels, num_classes, smoothing)
    return soft_targets_unchecked(labels, num_classes, smoothing)


def soft_of(target: Tensor | ClassLabels) -> Tensor:
    """Return the soft targets of labels from ``target_of``."""
    return target.soft() if isinstance(target, ClassLabels) else target
