"""The inputs of Cutout: single images or batches, as tensors or PIL images, and the masks beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._structure._advice import check_label
from cutmix_transforms._structure._containers import Nest, check_can_be_rebuilt
from cutmix_transforms._structure._fit import check_dense
from cutmix_transforms._structure._images import (
    channels_last_error,
    check_none_left,
    find_images,
    has_channels_last,
    has_shape,
    is_view,
)
from cutmix_transforms._structure._instances import (
    Instances,
    Leaf,
    check_dims,
    check_names,
    find_instances,
    has_instance_kernel,
    has_rows,
    members_of,
    needs_sample,
    with_rows,
)
from cutmix_transforms._structure._labels import LabelsGetter, find_labels, is_label_key, is_mask_key, second_path
from cutmix_transforms._structure._read import as_tensor, is_dense, mask_of_another_size
from cutmix_transforms.functional._cutout import fill_pixels
from cutmix_transforms.functional._placement import image_size
from cutmix_transforms.functional._wrap import rewrap, unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutmix_transforms._transforms._cutout import RandomCutout
    from cutmix_transforms.functional._placement import Size

_MODES = ("L", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "I", "I;16", "F")
_FORMS = {
    1: "signals (C, T) or (N, C, T) with dims=1",
    2: "(C, H, W), (N, C, H, W) or videos (T, C, H, W), (N, T, C, H, W)",
    3: "volumes (C, D, H, W) or (N, C, D, H, W) with dims=3",
}


class Filled(NamedTuple):
    """An image that gets holes: the index of its leaf, the image as a batch, and the pixels for the holes."""

    place: int
    batch: Tensor
    pixels: Tensor | None  # None for noise, which is drawn later


class Inputs(NamedTuple):
    """The images, masks and instances of a sample or a batch that Cutout changes."""

    nest: Nest
    images: list[Filled]
    masks: list[Leaf]  # with the pixels for their holes; empty without mask_fill
    groups: list[Instances]


def read_inputs(cutout: RandomCutout, sample: Any) -> Inputs:
    """Find the images, masks and instances of a sample or a batch, or raise an error if they cannot get holes."""
    nest, dims, getter = Nest.of(with_rows(sample)), cutout.dims, cutout.labels_getter
    images = _find_images(nest, dims, getter)
    fills_masks = cutout.mask_fill is not None
    _check_pil_images(nest, images, fills_masks=fills_masks)
    batches = [as_batch(nest.leaves[i], dims) for i in images]
    first = batches[0]
    _check_sizes(batches, nest.leaves, dims)
    _check_no_second_image(nest, images, first, dims, getter)
    groups = _find_groups(nest, images, dims, getter, image_size(first, dims))
    masks_by_key = {*_find_plain_masks(nest, images, first, dims)}
    check_names(nest, masks_by_key, is_sample=_is_single(nest.leaves[images[0]], dims))
    members = {member.place for member in members_of(groups)}
    masks = _find_masks(nest, images, first, dims, getter, members) if fills_masks else []
    filled = [
        Filled(i, batch, None if cutout.fill == "random" else fill_pixels(batch, cutout.fill, dims))
        for i, batch in zip(images, batches, strict=True)
    ]
    pixels = [
        Leaf(i, fill_pixels(mask_batch(nest.leaves[i], first, dims), cutout.mask_fill or 0.0, dims, name="mask_fill"))
        for i in masks
    ]
    check_can_be_rebuilt(nest, {*images, *masks, *members})
    return Inputs(nest, filled, pixels, groups)


def _find_images(nest: Nest, dims: int, getter: LabelsGetter) -> list[int]:
    """Return the indices of the images: all explicit ones, or else one plain tensor that is not in the place of labels.

    The first plain tensor may be something else of a batch, such as matrices ``(N, 3, 3)``, if there is one with more
    axes and as many samples.
    """
    plain = [i for i, leaf in enumerate(nest.leaves) if is_pure_tensor(leaf) and leaf.ndim > dims]
    labels = [i for i in _label_places(nest, getter) if i in plain]
    others = [i for i in plain if i not in labels and not is_mask_key(nest.paths[i])]
    images = find_images(nest, labels if others else [], ndim=dims + 1, any_shape=lambda: False)
    first = nest.leaves[images[0]]
    if not is_pure_tensor(first) or first.ndim != dims + 1:
        return images
    return [i for i in others if nest.leaves[i].ndim > dims + 1 and len(nest.leaves[i]) == len(first)][:1] or images


def as_batch(image: Any, dims: int) -> Tensor:
    """Convert an image to a plain tensor ``(N, C, H, W)``, or a video to ``(N, T, C, H, W)``."""
    is_explicit = isinstance(image, (PIL.Image.Image, tv_tensors.Image, tv_tensors.Video))
    if is_explicit and dims > 2:
        raise ValueError(f"dims must be at most 2 for {type(image).__name__}, got {dims}")
    if isinstance(image, PIL.Image.Image):
        if image.mode not in _MODES:
            raise ValueError(
                f"PIL images must be of mode {', '.join(_MODES)}, got {image.mode}; use image.convert('RGB')"
            )
        pixels: Tensor = F.pil_to_tensor(image)
        return pixels[None]
    check_dense("images", image)
    least = 3 if is_explicit else dims + 1
    if not least <= image.ndim <= least + 2 or (isinstance(image, tv_tensors.Video) and image.ndim == 3):
        raise ValueError(
            f"images must be {_FORMS.get(dims, f'of {dims + 1} or more dimensions')}, "
            f"got {type(image).__name__} of shape {tuple(image.shape)}"
        )
    if dims == 2 and has_channels_last(image):
        raise channels_last_error(image)
    if image.is_complex():
        raise TypeError(f"images must be float or integer, got {image.dtype}")
    plain = unwrap(image)
    return plain[None] if _is_single(image, dims) else plain


def _check_pil_images(nest: Nest, images: list[int], *, fills_masks: bool) -> None:
    """Raise an error if a PIL image seems to be a mask, which would be filled like an image."""
    found = [i for i in images if isinstance(nest.leaves[i], PIL.Image.Image)]
    others = [i for i in found[1:] if fills_masks or nest.leaves[i].mode != nest.leaves[found[0]].mode]
    masks = [i for i in found if is_mask_key(nest.paths[i])] or others
    if masks:
        raise TypeError(
            f"masks must be tensors, tv_tensors.Mask(F.pil_to_tensor(mask)), got {nest.name(masks[0])}, a PIL image of "
            f"mode {nest.leaves[masks[0]].mode}"
        )


def _check_no_second_image(nest: Nest, images: list[int], batch: Tensor, dims: int, getter: LabelsGetter) -> None:
    """Raise an error if a second plain tensor looks like an image, since only the first would get holes."""
    first = nest.leaves[images[0]]
    rest = [i for i in range(len(nest.leaves)) if i not in images and not is_mask_key(nest.paths[i])]
    views = [i for i in rest if is_pure_tensor(first) and _is_second_view(nest.leaves[i], first, dims)]
    masks = _find_plain_masks(nest, images, batch, dims, _label_places(nest, getter)) if views else []
    for i in views:
        if i not in masks:
            raise ValueError(
                f"images must be tv_tensors.Image if there are several (and masks tv_tensors.Mask), got {nest.name(i)} "
                f"as a plain tensor beside {nest.name(images[0])}"
            )


def _is_second_view(leaf: Any, first: Tensor, dims: int) -> bool:
    """Return True for a tensor like the image, of one channel only if it has the same shape and dtype."""
    if not is_pure_tensor(leaf) or not has_shape(leaf):
        return False
    is_equal = leaf.dtype == first.dtype and leaf.shape == first.shape
    return is_equal or (dims > 1 and first.shape[-1 - dims] >= 3 and is_view(leaf, first, dims))


def _find_plain_masks(nest: Nest, images: list[int], batch: Tensor, dims: int, named: Sequence[int] = ()) -> list[int]:
    """Return the plain tensors that hold a mask for each image, by their keys or in the places ``named``."""
    leaves, is_sample = nest.leaves, _is_single(nest.leaves[images[0]], dims)
    can_be = [i for i, path in enumerate(nest.paths) if i not in images and (i in named or is_mask_key(path))]
    return [i for i in can_be if is_pure_tensor(leaves[i]) and is_dense(leaves[i], batch, dims, is_sample=is_sample)]


def _label_places(nest: Nest, getter: LabelsGetter) -> list[int]:
    """Return the indices of the leaves that may hold dense labels; none if ``labels_getter`` finds none."""
    if getter == "default":
        second = second_path(nest.root)
        by_key = [i for i, path in enumerate(nest.paths) if path and is_label_key(path[-1])]
        return by_key + (nest.under(second) if second else [])
    try:
        return find_labels(Nest(nest.root, [as_tensor(leaf) for leaf in nest.leaves], nest.paths), getter).places
    except (TypeError, ValueError):
        return []  # Cutout needs labels for instances only, and looks for those again


def _is_single(image: Any, dims: int) -> bool:
    """Return True for a single image or video, False for a batch."""
    if isinstance(image, tv_tensors.TVTensor):
        return bool(image.ndim == (4 if isinstance(image, tv_tensors.Video) else 3))
    return isinstance(image, PIL.Image.Image) or image.ndim == dims + 1


def like(image: Any, batch: Tensor, holes: Tensor) -> Any:
    """Convert a batch back to the type and shape of the image that it was made of."""
    if isinstance(image, PIL.Image.Image):
        filled = image.copy()  # keeps the metadata
        pixels = batch[0].view(torch.int16) if batch.dtype == torch.uint16 else batch[0]  # as Pillow reads mode I;16
        for box in holes[0].tolist():
            top, left, bottom, right = box if len(box) == 4 else (0, box[0], image.height, box[1])
            if top < bottom and left < right:
                filled.paste(F.to_pil_image(pixels[:, top:bottom, left:right], mode=image.mode), (left, top))
        return filled
    return rewrap(batch.reshape(image.shape), image)


def mask_batch(mask: Tensor, images: Tensor, dims: int) -> Tensor:
    """Return masks as a plain tensor ``(N, number of masks, H, W)``."""
    if len(images) != 1 and (mask.ndim <= dims or len(mask) != len(images)):
        raise ValueError(f"expected one mask for each of {len(images)} images, got masks of shape {tuple(mask.shape)}")
    check_dense("masks", mask)
    each = mask.shape[:-dims].numel() // max(len(images), 1)
    return unwrap(mask).reshape(len(images), each, *image_size(images, dims))


def _check_sizes(batches: list[Tensor], leaves: list[Any], dims: int) -> None:
    """Raise an error unless all images and masks have the same size."""
    count, size = len(batches[0]), image_size(batches[0], dims)
    for batch in batches:
        if (len(batch), image_size(batch, dims)) != (count, size):
            shapes = [tuple(one.shape) for one in batches]
            raise ValueError(f"images of one sample must have the same size, got the shapes {shapes}")
    for leaf in leaves:
        if isinstance(leaf, tv_tensors.Mask) and tuple(leaf.shape[-dims:]) != size:
            raise ValueError(f"masks must be of the size of the image, {size}, got shape {tuple(leaf.shape)}")


def _find_masks(
    nest: Nest, images: list[int], batch: Tensor, dims: int, getter: LabelsGetter, taken: set[int]
) -> list[int]:
    """Return the indices of the masks that get ``mask_fill``; plain masks are found by key or ``labels_getter``.

    ``taken`` are the indices of leaves that follow the image in another way.
    """
    leaves = nest.leaves
    masks = [i for i, leaf in enumerate(leaves) if isinstance(leaf, tv_tensors.Mask)]
    named = [] if dims == 1 and getter == "default" else _label_places(nest, getter)  # may be rows of classes
    masks += _find_plain_masks(nest, images, batch, dims, named)
    is_sample = _is_single(leaves[images[0]], dims)
    first = batch[0] if is_sample else batch  # a PIL image as a tensor
    check_none_left(nest, images, first, {*masks, *taken}, image_size(batch, dims), is_sample=is_sample)
    left = [i for i in range(len(leaves)) if i not in masks and i not in taken and i not in images]
    wrong = mask_of_another_size(nest, left, first, least=dims + (not is_sample))
    if wrong:
        raise ValueError(wrong)
    return masks


def _find_groups(nest: Nest, images: list[int], dims: int, getter: LabelsGetter, size: Size) -> list[Instances]:
    """Return the instances of a single sample, with the labels of those that can be dropped."""
    leaves = nest.leaves
    if not any(map(needs_sample, leaves)):
        return []
    check_dims(leaves, dims)
    if not _is_single(leaves[images[0]], dims):
        raise TypeError("inputs with boxes or keypoints must be single samples, got a batch of images")
    tensors = Nest(nest.root, [as_tensor(leaf) for leaf in leaves], nest.paths)
    can_go = any(has_instance_kernel(leaf) and has_rows(leaf) for leaf in leaves)
    labels = find_labels(tensors, getter).places if can_go else []
    for i in labels:
        check_label(tensors, i, is_sample=True)
    return find_instances(tensors, images, labels, size)
