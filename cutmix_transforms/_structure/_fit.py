"""Checks that images, labels and masks match: the same size, the same number of samples, ordinary tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch._C._functorch import is_batchedtensor

from cutmix_transforms._structure._advice import PLACES
from cutmix_transforms.functional._placement import image_size
from cutmix_transforms.functional._soft_targets import soft_of

if TYPE_CHECKING:
    from torch import Tensor

    from cutmix_transforms._structure._parts import Parts


def check_dense(name: str, tensor: Tensor) -> None:
    """Raise an error if a tensor is nested, quantized, sparse or inside ``torch.func.vmap``."""
    kind = "nested" if tensor.is_nested else "quantized" if tensor.is_quantized else str(tensor.layout)
    if kind != "torch.strided":
        raise TypeError(f"{name} must be dense tensors (use to_dense(), dequantize() or padding), got {kind}")
    if is_batchedtensor(tensor):
        raise TypeError(f"{name} must be whole batches, got one row inside torch.func.vmap, where a mix cannot run")


def check_others(parts: Parts, pool: Parts) -> None:
    """Raise an error unless the samples of a second batch can be partners of the first batch."""
    for own, other in zip(_mixed_leaves(parts), _mixed_leaves(pool), strict=True):
        if own.device != other.device:
            raise ValueError(f"others must be on the device of the batch, {own.device}, got {other.device}")
        fits = type(own) is type(other) and own.dtype == other.dtype and own.shape[1:] == other.shape[1:]
        if not fits or not len(other):
            raise ValueError(
                "others must hold at least one sample of the same shape, dtype and kind as the batch, "
                f"got {other.dtype} of shape {tuple(other.shape)} for {own.dtype} of shape {tuple(own.shape)}"
            )


def _mixed_leaves(parts: Parts) -> list[Tensor]:
    targets = [soft_of(leaf.value) for leaf in parts.targets]
    return [leaf.value for leaf in (*parts.images, *parts.maps)] + targets


def check_counts(parts: Parts) -> None:
    """Raise an error unless all images have the same size, and there is one label and one map for each."""
    images = [image.value for image in parts.images]
    if len({image_size(image, len(parts.size)) for image in images}) > 1:
        raise ValueError(f"images of one batch must have the same size, got the shapes {shapes_of(images)}")
    leaves = images + [leaf.value for leaf in (*parts.maps, *parts.targets)]
    advice = f"; {PLACES}" if any(leaf.ndim == 0 for leaf in leaves) else ""
    if any(leaf.ndim == 0 or len(leaf) != len(images[0]) for leaf in leaves):
        raise ValueError(f"images and labels must have the same batch size, got the shapes {shapes_of(leaves)}{advice}")


def shapes_of(tensors: list[Tensor]) -> str:
    """Return the shapes of tensors as text, for an error message."""
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
