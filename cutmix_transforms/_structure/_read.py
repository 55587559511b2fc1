"""Reading the input of a mix: which leaves are images, labels, maps beside the images, or instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._structure._advice import PLACES, check_is_batch, check_is_stacked, check_label
from cutmix_transforms._structure._containers import Nest, check_can_be_rebuilt
from cutmix_transforms._structure._fit import check_dense
from cutmix_transforms._structure._images import (
    channels_last_error,
    check_no_pixels,
    check_none_left,
    find_images,
    has_channels_last,
)
from cutmix_transforms._structure._instances import (
    Instances,
    Leaf,
    check_dims,
    check_names,
    find_instances,
    has_instance_kernel,
    members_of,
    needs_sample,
    with_rows,
    with_weights,
)
from cutmix_transforms._structure._labels import Found, check_one_candidate, find_labels, is_mask_key
from cutmix_transforms._structure._parts import Parts, Rules
from cutmix_transforms.functional._placement import image_size
from cutmix_transforms.functional._registry import map_kernel
from cutmix_transforms.functional._wrap import rewrap

if TYPE_CHECKING:
    from cutmix_transforms.functional._placement import Size

APART = (
    "inputs with boxes, instance masks or keypoints must be mixed sample by sample: use MixDataset, or "
    "MixCollate(mix, collate_fn=unstacked), which keeps samples apart"
)


class _Roles(NamedTuple):
    """The leaves of a batch or sample by what they are for: their indices, and the instances among them."""

    images: list[int]
    maps: list[int]
    targets: list[int]
    groups: list[Instances]
    left: list[int]  # with another or no role


def read(root: Any, rules: Rules, *, is_sample: bool, are_arguments: bool = False) -> Parts:
    """Find the images, maps, labels and instances of a batch or a sample.

    Args:
        root: the batch or sample.
        rules: the options of the mix that say how to read it.
        is_sample: True for a single sample.
        are_arguments: True for several arguments of a call, of which the second holds the labels.

    Returns:
        The parts of the batch or sample.
    """
    if is_sample:
        root = with_rows(root)
    as_they_came = Nest.of(root)
    if not is_sample:
        check_is_batch(as_they_came)
    nest = _converted(as_they_came, is_sample=is_sample)
    labels = find_labels(nest, rules.labels_getter)
    for i in labels.places:
        check_label(nest, i, is_sample=is_sample)
    ndim = rules.dims + (1 if is_sample else 2)
    images = find_images(nest, labels.places, ndim, rules.any_shape)
    if not is_sample:
        check_is_stacked(nest, images[0], ndim)
    first = nest.leaves[images[0]]
    check_dense("images", first)
    batch = first[None] if is_sample else first
    if not batch.ndim:
        raise ValueError(f"images must have a batch dimension, got a tensor of shape {tuple(batch.shape)}; {PLACES}")
    roles = _find_roles(nest, images, labels, batch, rules, is_sample=is_sample)
    if roles.groups and rules.needs_weights():
        weighted = with_weights(root, roles.groups)
        if weighted is not root:
            return read(weighted, rules._replace(needs_weights=lambda: False), is_sample=is_sample)
    _check_roles(nest, roles, labels, batch, rules, is_sample=is_sample, are_arguments=are_arguments)
    return _parts(as_they_came, nest, roles, image_size(batch, rules.dims), is_sample=is_sample)


def _find_roles(
    nest: Nest, images: list[int], labels: Found, batch: Tensor, rules: Rules, *, is_sample: bool
) -> _Roles:
    groups: list[Instances] = []
    if any(map(has_instance_kernel, nest.leaves)):
        size = image_size(batch, rules.dims)
        groups = _find_instances(nest, images, labels.places, batch, size, is_sample=is_sample)
    members = {member.place for member in members_of(groups)}
    rest = [i for i in range(len(nest.leaves)) if i not in members and i not in images]
    maps = [i for i in rest if _is_map(nest, i, rules, labels.places, batch, is_sample=is_sample)]
    targets = [i for i in labels.places if i not in members and i not in maps]
    left = [i for i in rest if i not in maps and i not in targets]
    return _Roles(images, maps, targets, groups, left)


def _taken(roles: _Roles) -> set[int]:
    """Return the leaves that are mixed beside the images: a function, as older compilers know no such properties."""
    return {*roles.maps, *roles.targets, *(member.place for member in members_of(roles.groups))}


def _check_roles(
    nest: Nest, roles: _Roles, labels: Found, batch: Tensor, rules: Rules, *, is_sample: bool, are_arguments: bool
) -> None:
    """Raise an error if something would be left behind, or if it is not clear what the labels are."""
    size, first, taken = image_size(batch, rules.dims), nest.leaves[roles.images[0]], _taken(roles)
    check_names(nest, taken, is_sample=is_sample)
    if rules.dims == 2 and batch.ndim >= 4 and has_channels_last(first) and not rules.any_shape():
        raise channels_last_error(first)
    check_no_pixels(nest, roles.targets, first, size, rules.any_shape, is_sample=is_sample)
    check_none_left(nest, roles.images, first, taken, size, is_sample=is_sample)
    if rules.labels_getter == "default" and not (are_arguments and roles.targets):
        check_one_candidate(nest, labels.places, roles.left, 0 if is_sample else len(batch))
    if labels.missing and not roles.maps and not roles.groups:
        raise ValueError(mask_of_another_size(nest, roles.left, first, least=0) or labels.missing)
    wrong = mask_of_another_size(nest, roles.left, first, least=rules.dims + (not is_sample))
    if rules.labels_getter == "default" and wrong and batch.ndim >= rules.dims + 2:
        raise ValueError(wrong)
    check_can_be_rebuilt(nest, {*roles.images, *taken})


def _parts(as_they_came: Nest, nest: Nest, roles: _Roles, size: Size, *, is_sample: bool) -> Parts:
    def of_batch(places: list[int]) -> list[Leaf]:
        leaves = nest.leaves
        return [Leaf(i, rewrap(leaves[i][None], leaves[i]) if is_sample else leaves[i]) for i in places]

    images, maps, targets, groups, _ = roles
    for i in (*images, *maps, *targets):  # arrays and numbers become tensors there, and stay what they are elsewhere
        as_they_came.leaves[i] = nest.leaves[i]
    return Parts(as_they_came, size, of_batch(images), of_batch(maps), of_batch(targets), groups, is_sample)


def mask_of_another_size(nest: Nest, left: list[int], image: Tensor, least: int) -> str:
    """Return the message of an error if a mask of another size would be left, otherwise an empty text."""
    masks = [i for i in left if is_mask_key(nest.paths[i]) and isinstance(nest.leaves[i], Tensor)]
    masks = [i for i in masks if nest.leaves[i].ndim >= least]
    if not masks:
        return ""
    shape = tuple(nest.leaves[masks[0]].shape)
    return f"{nest.name(masks[0])} must have the height and width of the images {tuple(image.shape)}, got shape {shape}"


def _converted(nest: Nest, *, is_sample: bool) -> Nest:
    """Convert leaves that can be images or labels to tensors."""
    leaves = [as_tensor(leaf) if is_sample else _array_as_tensor(leaf) for leaf in nest.leaves]
    check_no_pil_images(leaves)
    return Nest(nest.root, leaves, nest.paths)


def check_no_pil_images(leaves: list[Any]) -> None:
    """Raise an error if a leaf is a PIL image, which a mix cannot change."""
    for leaf in leaves:
        if isinstance(leaf, PIL.Image.Image):
            raise TypeError(
                "images must be tensors and masks tv_tensors.Mask (let the dataset return tensors, with transform="
                "v2.ToImage() or transforms.ToTensor(); for Hugging Face datasets use with_format('torch'); remove a "
                f"column that is not mixed), got a PIL image: {leaf!r}"
            )


def _array_as_tensor(leaf: object) -> Any:
    """Convert an array of numbers to a tensor, also if it is flipped, read-only or of another byte order."""
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biuf" or leaf.dtype.itemsize > 8:
        return leaf
    return torch.from_numpy(np.require(leaf, leaf.dtype.newbyteorder("="), ["C", "W"]))


def _is_map(nest: Nest, place: int, rules: Rules, labels: list[int], images: Tensor, *, is_sample: bool) -> bool:
    """Return True if a leaf holds one value per pixel: a mask by its type, or labels with the images' size."""
    leaf = nest.leaves[place]
    if not is_pure_tensor(leaf):
        return map_kernel(leaf) is not None
    is_named = rules.labels_getter == "default" and is_mask_key(nest.paths[place])
    can_be = place in labels or (is_named and not _is_of_instances(nest, place))
    if not can_be or not is_dense(leaf, images, rules.dims, is_sample=is_sample):
        return False
    counts = rules.num_classes if isinstance(rules.num_classes, tuple) else (rules.num_classes,)
    return not (rules.dims == 1 and place in labels and leaf.shape[-1] in counts)  # then it holds rows of classes


def _is_of_instances(nest: Nest, place: int) -> bool:
    """Return True if plain masks ``(n, H, W)`` lie beside boxes, so that they are masks of instances."""
    holder = nest.paths[place][:-1]
    beside = [leaf for leaf, path in zip(nest.leaves, nest.paths, strict=True) if path[:-1] == holder]
    return nest.leaves[place].ndim > 2 and any(map(needs_sample, beside))


def is_dense(labels: Tensor, images: Tensor, dims: int, *, is_sample: bool) -> bool:
    """Return True if labels have one value per pixel: ``(N, H, W)`` or ``(N, 1, H, W)``, in a sample without the N."""
    labels = labels[None] if is_sample else labels
    if labels.ndim not in (dims + 1, dims + 2) or images.ndim < dims + 2 or labels.shape[0] != images.shape[0]:
        return False
    return tuple(labels.shape[-dims:]) == image_size(images, dims) and labels.shape[1:-dims] in ((), (1,))


def _find_instances(
    nest: Nest, images: list[int], labels: list[int], batch: Tensor, size: Size, *, is_sample: bool
) -> list[Instances]:
    check_dims(nest.leaves, len(size))
    if is_sample and len(size) == 2:
        return find_instances(nest, images, labels, size)
    _check_batched(nest.leaves, batch, size, is_sample=is_sample)
    return []


def _check_batched(leaves: list[Any], images: Tensor, size: Size, *, is_sample: bool) -> None:
    """Raise an error if masks do not match a batch of images, or if there are boxes or keypoints beside it."""
    for leaf in leaves:
        if isinstance(leaf, tv_tensors.Mask):
            shape = (1, *leaf.shape) if is_sample else tuple(leaf.shape)
            if len(shape) <= len(size) or shape[0] != len(images) or shape[-len(size) :] != size:
                raise ValueError(
                    "masks must be (N, H, W) or (N, 1, H, W) with the N, H and W of the images, "
                    f"got {tuple(leaf.shape)} beside images {tuple(images.shape)}"
                )
        elif has_instance_kernel(leaf):
            raise TypeError(f"{APART}, got {type(leaf).__name__} in a batch")


def check_stackable(sample: Parts) -> None:
    """Raise an error if a sample has instances, which cannot be mixed once they are stacked to a batch."""
    if sample.groups:
        raise TypeError(f"{APART}, got {type(sample.groups[0].members[0].value).__name__} with default_collate")


def as_tensor(leaf: object) -> Any:
    """Convert numbers and arrays to tensors, like ``default_collate``; return anything else unchanged."""
    if isinstance(leaf, Tensor):
        return leaf
    if isinstance(leaf, float):
        return torch.tensor(leaf, dtype=torch.float64, device="cpu")
    if isinstance(leaf, int):
        return torch.tensor(leaf, device="cpu") if -(2**63) <= leaf < 2**63 else leaf
    return _array_as_tensor(np.asarray(leaf) if isinstance(leaf, (np.number, np.bool_)) else leaf)
