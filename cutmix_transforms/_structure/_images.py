"""Finding the images of a batch or sample, and tensors beside them that must not be left unmixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import PIL.Image
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._structure._containers import at
from cutmix_transforms._structure._labels import is_mask_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from cutmix_transforms._structure._containers import Nest, Path
    from cutmix_transforms.functional._placement import Size

_EXPLICIT = (tv_tensors.Image, tv_tensors.Video, PIL.Image.Image)
_MATRIX = 4  # the side of the largest matrix of a camera
_CHANNELS = (1, 3, 4)  # sizes of a last axis that can only be channels


def find_images(nest: Nest, labels: list[int], ndim: int, any_shape: Callable[[], bool]) -> list[int]:
    """Return the indices of the leaves that are images or videos.

    These are all explicit images (``Image``, ``Video``, PIL). If there are none, it is the first plain tensor that is
    no label and has at least ``ndim`` dimensions. If ``any_shape()`` is true, a single candidate may have fewer.
    """
    leaves = nest.leaves
    explicit = [i for i, leaf in enumerate(leaves) if isinstance(leaf, _EXPLICIT) and i not in labels]
    if explicit:
        return explicit
    plain = [i for i, leaf in enumerate(leaves) if is_pure_tensor(leaf) and i not in labels]
    plain = [i for i in plain if not is_mask_key(nest.paths[i])] or plain
    large = [i for i in plain if leaves[i].ndim >= ndim]
    if large or (plain and not any_shape()):
        return large[:1] or [max(plain, key=lambda i: leaves[i].ndim)]
    return _only_one(nest, plain, ndim)


def _only_one(nest: Nest, plain: list[int], ndim: int) -> list[int]:
    """Return the index of the only tensor that can be blended; integers such as tokens cannot."""
    leaves = nest.leaves
    found = [i for i in plain if leaves[i].is_floating_point() or leaves[i].is_complex() or leaves[i].ndim >= ndim - 1]
    if len(found) == 1:
        return found
    if found:
        names = ", ".join(f"{nest.name(i)} of shape {tuple(leaves[i].shape)}" for i in found)
        raise ValueError(
            "inputs must hold one tensor to blend (to blend several, wrap each as tv_tensors.Image; if one holds "
            f"labels, name it in labels_getter), got {names}"
        )
    if plain:
        raise TypeError(
            "inputs must hold images or floats to blend; integers such as tokens must be embedded first, "
            f"got {nest.name(plain[0])}: {leaves[plain[0]].dtype} of shape {tuple(leaves[plain[0]].shape)}"
        )
    kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
    way = "v2.ToImage() makes one of an array; transformers.Trainer keeps images only with remove_unused_columns=False"
    raise TypeError(f"inputs must hold an image or a video ({way}), got {kinds}")


def has_channels_last(image: Tensor) -> bool:
    """Return True if the last axis of a plain tensor can only be channels."""
    if not is_pure_tensor(image) or image.ndim < 3:
        return False
    return image.shape[-1] in _CHANNELS and min(image.shape[-3:-1]) > max(_CHANNELS)


def channels_last_error(image: Tensor) -> ValueError:
    """Make the error for an image whose channels come last."""
    return ValueError(
        "images must have their channels before height and width: use v2.ToImage(), or images.movedim(-1, -3) (if they "
        f"already do, wrap them as tv_tensors.Image(images)), got shape {tuple(image.shape)}"
    )


def check_none_left(
    nest: Nest, images: list[int], first: Tensor, taken: set[int], size: Size, *, is_sample: bool
) -> None:
    """Raise an error if a tensor looks like an image or a mask of ``first``, but would be left unmixed."""
    dims = len(size)
    is_last = dims == 2 and has_channels_last(first)  # as whole images may be
    pixels = tuple(first.shape[-3:-1]) if is_last else size
    sizes = (pixels, pixels[-2:])  # beside volumes also that of a mask of height and width
    for i, leaf in enumerate(nest.leaves):
        if i in taken or i in images or isinstance(leaf, PIL.Image.Image) or not has_shape(leaf):
            continue
        is_listed = not is_sample and _is_one_for_each(nest, nest.paths[i], len(first))
        fits = any(_fits_pixels(leaf, first, one, is_sample=is_sample) for one in sizes)
        fits = fits or (is_listed and _fits_pixels(leaf, first[0], pixels, is_sample=True))
        if fits or _is_image_like(leaf, first, dims, is_sample=is_sample):
            way = "stack the list to one tensor, with torch.stack; then " if is_listed else ""
            raise ValueError(
                f"{nest.name(i)} of shape {tuple(leaf.shape)} must not be left unmixed beside images "
                f"{tuple(first.shape)}: {way}wrap it as tv_tensors.Mask (with any number of channels) or, if there are "
                "several images, all of them as tv_tensors.Image; name it in labels_getter if it holds one class or "
                "value per pixel; or remove it"
            )


def _is_one_for_each(nest: Nest, path: Path, count: int) -> bool:
    """Return True for a leaf in a list that has one item for each image of the batch."""
    lists = [path[:k] for k in range(1, len(path)) if isinstance(path[k], int)]
    return any(len(at(nest.root, one)) == count for one in lists)


def check_no_pixels(
    nest: Nest, labels: list[int], first: Tensor, size: Size, any_shape: Callable[[], bool], *, is_sample: bool
) -> None:
    """Raise an error if labels have several values for each pixel, of which a pair would not say what shows where."""
    least = len(size) + (1 if is_sample else 2)
    for i in labels:
        leaf = nest.leaves[i]
        if leaf.ndim >= least and _fits_pixels(leaf, first, size, is_sample=is_sample) and not any_shape():
            raise ValueError(
                "labels must be of shape (N,) or (N, K), or have one value for each pixel, (N, H, W) or (N, 1, H, W) "
                "(wrap masks with several values per pixel as tv_tensors.Mask, and images as tv_tensors.Image), "
                f"got shape {tuple(leaf.shape)}"
            )


def has_shape(leaf: Any) -> bool:
    """Return True for a tensor or array, unless it is nested: samples of different shapes in one tensor."""
    return not getattr(leaf, "is_nested", False) and hasattr(leaf, "shape")


def _fits_pixels(leaf: Any, first: Tensor, size: Size, *, is_sample: bool) -> bool:
    """Return True if a tensor has one or more values for each pixel, with channels first or last."""
    shape, dims = tuple(leaf.shape), len(size)
    least = dims if is_sample else dims + 1
    if len(shape) < least or first.ndim < least or not (is_sample or shape[0] == len(first)):
        return False
    return shape[-dims:] == size or (len(shape) > least and shape[-dims - 1 : -1] == size)


def _is_image_like(leaf: Any, first: Tensor, dims: int, *, is_sample: bool) -> bool:
    """Return True if a tensor looks like an image of another size, not like a matrix of a camera.

    Signals (``dims=1``) have no typical shape.
    """
    if dims == 1 or not is_pure_tensor(leaf) or min(leaf.ndim, first.ndim) < dims + (1 if is_sample else 2):
        return False
    if not is_sample and len(leaf) != len(first):
        return False
    is_large = max(leaf.shape[-dims:]) > _MATRIX
    return is_large and (is_view(leaf, first, dims) or leaf.shape[-dims - 1] in _CHANNELS)


def is_view(leaf: Tensor, first: Tensor, dims: int) -> bool:
    """Return True if a tensor has the channels of an image, and its dtype or its size: another view of it."""
    is_large = leaf.ndim == first.ndim and max(leaf.shape[-dims:]) > _MATRIX
    is_alike = leaf.dtype == first.dtype or leaf.shape == first.shape
    return is_large and is_alike and leaf.shape[:-dims] == first.shape[:-dims]
