"""Errors for someone who uses a mix for the first time: they name the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from cutmix_transforms._structure._containers import at, keys_of
from cutmix_transforms.functional._checks import received

if TYPE_CHECKING:
    from cutmix_transforms._structure._containers import Nest

PLACES = (
    "a mix takes a whole batch with its labels: call mix(images, labels) in the training loop, or let "
    "MixCollate(mix) or MixDataset(dataset, mix) apply it"
)


def check_is_batch(nest: Nest) -> None:
    """Raise an error for a list of samples, which a DataLoader gives to its ``collate_fn``."""
    root = nest.root
    if type(root) is not list or not root or any(keys_of(item) is None for item in root):
        return
    if not any(isinstance(leaf, Tensor) and leaf.ndim >= 4 for leaf in nest.leaves):
        raise TypeError(
            "inputs must be a batch (to mix in a DataLoader, give it collate_fn=MixCollate(mix)), "
            f"got a list of {len(root)} samples"
        )


def check_label(nest: Nest, place: int, *, is_sample: bool) -> None:
    """Raise an error that says what to do unless this can be a label."""
    label, path = nest.leaves[place], nest.paths[place]
    if isinstance(label, Tensor):
        first = nest.leaves[0]
        if path == (1,) and label.ndim >= 4 and isinstance(first, Tensor) and first.ndim <= 1:
            raise ValueError(
                f"images must be the first argument and labels the second, got {received(first)} first and "
                f"{received(label)} second"
            )
        return
    parent = at(nest.root, path[:-1]) if path else None
    if isinstance(label, str):
        advice = "a number stands for each class, such as torch.tensor([classes.index(name) for name in names])"
    elif isinstance(parent, (list, tuple)) and len(path) > 1:
        advice, label = "make one of them all, torch.tensor(labels)", parent
    elif is_sample or not isinstance(label, (int, float)):
        advice = "say which they are with labels_getter, or that there are none with labels_getter=None"
    else:
        advice = PLACES
    raise TypeError(f"labels must be a tensor or several, got {received(label)}; {advice}")
