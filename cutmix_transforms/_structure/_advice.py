"""Errors for mistakes that beginners make; each message says what to do instead."""

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
    """Raise an error if the input is a list of samples, as a DataLoader passes it to its ``collate_fn``."""
    root = nest.root
    if type(root) is not list or not root or any(keys_of(item) is None for item in root):
        return
    if not any(isinstance(leaf, Tensor) and leaf.ndim >= 4 for leaf in nest.leaves):
        raise TypeError(
            "inputs must be a batch (in a DataLoader, use collate_fn=MixCollate(mix)), "
            f"got a list of {len(root)} samples"
        )


def check_is_stacked(nest: Nest, place: int, ndim: int) -> None:
    """Raise an error if the image is one of a list of images, as a ``collate_fn`` that keeps samples apart returns."""
    image, path = nest.leaves[place], nest.paths[place]
    parent = at(nest.root, path[:-1]) if path else ()
    is_listed = type(parent) is list or (isinstance(parent, tuple) and len(path) > 1)
    if not is_listed or image.ndim >= ndim or len(parent) < 2:
        return
    if all(isinstance(item, Tensor) and item.ndim == image.ndim for item in parent):
        raise TypeError(
            "images must be one tensor, torch.stack(images), or be mixed before they are a batch, "
            f"MixCollate(mix, collate_fn=unstacked), got a {type(parent).__name__} of {len(parent)} tensors"
        )


def check_label(nest: Nest, place: int, *, is_sample: bool) -> None:
    """Raise an error unless a leaf is a tensor that can hold labels."""
    label, path = nest.leaves[place], nest.paths[place]
    if isinstance(label, Tensor):
        first = nest.leaves[0]
        if path == (1,) and label.ndim >= 4 and isinstance(first, Tensor) and first.ndim <= 2:
            raise ValueError(
                f"images must be the first argument and labels the second, got {received(first)} first and "
                f"{received(label)} second"
            )
        return
    parent = at(nest.root, path[:-1]) if path else None
    if isinstance(label, str):
        advice = "convert class names to numbers, such as torch.tensor([classes.index(name) for name in names])"
    elif isinstance(parent, (list, tuple)) and len(path) > 1:
        advice, label = "convert them to one tensor, torch.tensor(labels)", parent
    elif is_sample or not isinstance(label, (int, float)):
        advice = "set labels_getter to say where the labels are, or labels_getter=None if there are none"
    else:
        advice = PLACES
    raise TypeError(f"labels must be a tensor or several tensors, got {received(label)}; {advice}")
