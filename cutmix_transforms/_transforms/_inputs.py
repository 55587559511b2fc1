"""The images and labels of a mix: checks, and conversion of labels to the form that is mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torchvision import tv_tensors

from cutmix_transforms._structure._advice import PLACES
from cutmix_transforms._structure._fit import check_dense, shapes_of
from cutmix_transforms._structure._images import channels_last_error, has_channels_last
from cutmix_transforms._structure._instances import Leaf
from cutmix_transforms._structure._parts import Parts
from cutmix_transforms._transforms._beside import blends_of, takes_any_shape
from cutmix_transforms.functional._blend import check_blendable
from cutmix_transforms.functional._checks import check_count
from cutmix_transforms.functional._pairs import MixedTarget, pair_targets_unchecked
from cutmix_transforms.functional._soft_targets import ClassLabels, soft_of, target_of
from cutmix_transforms.functional._targets import mix_class_labels, mix_targets_unchecked, union_targets_unchecked

if TYPE_CHECKING:
    from torch import Tensor

    from cutmix_transforms._transforms._mix import Mix
    from cutmix_transforms.functional._draw import Draw

_MOST_CLASSES = 2**31 - 1
_AXES: dict[type, tuple[int, ...]] = {tv_tensors.Video: (5,), tv_tensors.Image: (4,)}
_FORMS = {
    1: "batched signals (N, C, T) with dims=1 (add a missing channel axis with signals[:, None])",
    2: "batched, (N, C, H, W), or videos (N, T, C, H, W) (add a channel to gray images (N, H, W): images[:, None])",
    3: "batched volumes (N, C, D, H, W) with dims=3 (add a missing channel axis with volumes[:, None])",
}
_OF_SAMPLES = {
    1: "signals (C, T) with dims=1",
    2: "(C, H, W), or videos (T, C, H, W)",
    3: "volumes (C, D, H, W) with dims=3",
}


def check_images(mix: Mix, images: list[Tensor], *, is_sample: bool = False) -> None:
    """Raise an error unless the mix can take the images, which are those of a sample with an axis in front of them."""
    for image in images:
        check_dense("images", image)
        if image.ndim == 0:
            raise ValueError(f"images must have a batch dimension, got a tensor of shape {tuple(image.shape)}")
        is_explicit = type(image) in _AXES
        is_usual = image.ndim in _AXES.get(type(image), (mix.dims + 2, mix.dims + 3))
        if not is_usual and (is_explicit or not takes_any_shape(mix)):
            raise _wrong_axes(image, mix.dims, is_sample=is_sample)
        if is_explicit and mix.dims > 2:
            raise ValueError(f"dims must be at most 2 for {type(image).__name__}, got {mix.dims}")
        if mix.dims == 2 and has_channels_last(image) and not takes_any_shape(mix):
            raise channels_last_error(image)
        if (image.dtype == torch.bool or image.dtype.is_complex) and blends_of(mix) != "nothing":
            check_blendable(image)


def _wrong_axes(image: Tensor, dims: int, *, is_sample: bool) -> ValueError:
    if is_sample:
        form, way = _OF_SAMPLES.get(dims, f"a channel and {dims} axes"), "add a missing channel axis with image[None]"
        return ValueError(
            f"images of a dataset must be {form} ({way}), got {type(image).__name__} of shape {tuple(image.shape[1:])}"
        )
    return ValueError(
        f"images must be {_FORMS.get(dims, f'batched, with {dims} axes after N and C')}, "
        f"got {type(image).__name__} of shape {tuple(image.shape)}; {PLACES}"
    )


def with_targets(mix: Mix, parts: Parts) -> Parts:
    """Check the labels and convert them to the form that is mixed."""
    if mix.target == "pair":
        return parts
    labels, counts = parts.targets, mix.num_classes
    if not isinstance(counts, tuple):
        counts = (counts,) * len(labels)
    elif len(counts) != len(labels):
        raise ValueError(f"num_classes must be one number or one for each of {len(labels)} labels, got {counts}")
    smoothing = mix.label_smoothing if mix.training else 0.0
    targets = [
        Leaf(label.place, target_of(label.value, number, smoothing))
        for label, number in zip(labels, counts, strict=True)
    ]
    nest, size, images, maps, _, groups, is_sample = parts  # older compilers know no _replace
    values = [target for _, target in targets if not isinstance(target, ClassLabels) and target.ndim == 1]
    if mix.target == "union" and values:
        raise ValueError(
            "labels must be classes or rows of classes with target='union' (values have no union), got "
            f"{shapes_of([leaf.value for leaf in labels])}"
        )
    return Parts(nest, size, images, maps, targets, groups, is_sample)


def mix_target(mix: Mix, own: Any, draw: Draw, other: Any) -> Tensor | MixedTarget:
    """Mix one target with the partners', None for those of the same batch, in the way that ``mix.target`` names."""
    if mix.target == "pair":
        return pair_targets_unchecked(own, draw, other)
    are_classes = isinstance(own, ClassLabels) and (other is None or isinstance(other, ClassLabels))
    if mix.target == "soft" and are_classes:
        return mix_class_labels(own, draw, other)
    kernel = mix_targets_unchecked if mix.target == "soft" else union_targets_unchecked
    return kernel(soft_of(own), draw, None if other is None else soft_of(other))


def check_num_classes(value: object) -> int | tuple[int | None, ...] | None:
    """Return ``num_classes``, or raise an error unless it is a positive integer, several of them, or None."""
    if not isinstance(value, (tuple, list)):
        return None if value is None else _check_number_of_classes(value)
    if not value:
        raise ValueError(
            f"num_classes must be an integer of at least 1, or one for each of several labels, got {value}"
        )
    return tuple(count if count is None else _check_number_of_classes(count) for count in value)


def _check_number_of_classes(value: object) -> int:
    count = check_count("num_classes", value)
    if count > _MOST_CLASSES:
        raise ValueError(f"num_classes must be at most {_MOST_CLASSES}, got {count}")
    return count
