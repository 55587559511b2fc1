"""Cutout."""

import math
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Literal

import PIL.Image
import torch
from torch import Generator, Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._base import RandomTransform
from cutmix_transforms._checks import check_count, check_flag, check_number, check_share_below_one
from cutmix_transforms._find import check_names, find_instances, has_rows, unnamed
from cutmix_transforms._inputs import LabelsGetter, as_tensor, check_labels_getter, image_positions, label_positions
from cutmix_transforms._instances import Instances, hide_instances
from cutmix_transforms._sampling import integers
from cutmix_transforms._wrap import rewrap, unwrap
from cutmix_transforms.functional import image_size
from cutmix_transforms.functional._checks import can_look_at
from cutmix_transforms.functional._draw import boxes_between, edges_around
from cutmix_transforms.functional._images import cut_out, exact_dtype, fill_pixels, to_dtype
from cutmix_transforms.functional._kernels import instance_kernel

_MODES = ("L", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "I", "I;16", "F")


class RandomCutout(RandomTransform):
    """Fill rectangular holes in images, so that a classifier learns to look at all of them.

    The middle of each hole is uniform over the pixels, and holes are clipped at the borders, as in the paper. On a
    batch every image gets holes of its own. Labels stay as they are.

    Args:
        size: the sides of a hole: pixels (an int, a square), a share of each side of the image (a float up to 1.0, so
            that 1 is one pixel and 1.0 the whole side), or ``(low, high)`` of either to draw it for every hole.
        holes: number of holes; they may overlap.
        fill: a number, one number per channel, ``"random"`` for noise (0 to 255 for uint8, over the image's own range
            for other dtypes) or ``"mean"`` for the image's channel means.
        mask_fill: what masks take in the hole, those of instances too; by default they stay as they are.
        inside: place holes wholly inside the image instead of clipping them.
        p: the chance that an image gets holes.
        min_visibility: instances with boxes or keypoints whose visible share, by their mask or else their box, is not
            above it are dropped, with their labels; at 0 only those that are wholly hidden. Boxes are not changed.
        labels_getter: how to find the labels of instances: ``"default"`` (the second argument, or one item ``labels``,
            ``label``, ``targets`` or ``target`` of a dictionary), a key, an index, a callable that gets the inputs and
            may return several, such as labels and areas, or None for no labels.
        generator: where draws come from; by default the global generator of the image's device.

    Shape:
        - images: ``(C, H, W)``, ``(N, C, H, W)``, videos ``(T, C, H, W)`` as ``tv_tensors.Video`` or
          ``(N, T, C, H, W)``, of any float or integer dtype, plain or tv_tensors; PIL images of common modes.
        - beside a single image: masks ``(H, W)`` or ``(n, H, W)``, boxes ``(n, 4)``, keypoints ``(n, 2)`` or
          ``(n, k, 2)``; covered keypoints become ``nan`` (integers ``-1``). Beside a batch: masks ``(N, ..., H, W)``.
        - output: as they came.

    Raises:
        TypeError: if an option or an input is of a wrong type.
        ValueError: if it is of the right type with a wrong value; nothing is drawn or changed then.

    References:
        DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv 1708.04552.

    Example:
        >>> from torchvision.transforms import v2
        >>> transform = v2.Compose([v2.RandomHorizontalFlip(), RandomCutout(8, fill="mean", p=0.5)])
        >>> transform(torch.rand(3, 17, 11)).shape
        torch.Size([3, 17, 11])
    """

    def __init__(
        self,
        size: float | tuple[float, float] = 0.5,
        *,
        holes: int = 1,
        fill: float | Sequence[float] | Literal["random", "mean"] = 0.0,
        mask_fill: float | None = None,
        inside: bool = False,
        p: float = 1.0,
        min_visibility: float = 0.0,
        labels_getter: LabelsGetter = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p=p, generator=generator)
        self.size: float | tuple[float, float] = _check_size(size)
        self.holes = check_count("holes", holes)
        self.fill = _check_fill(fill)
        self.mask_fill = (
            mask_fill if mask_fill is None else check_number("mask_fill", mask_fill, "a number", math.isfinite)
        )
        self.inside = check_flag("inside", inside)
        self.min_visibility = check_share_below_one("min_visibility", min_visibility)
        self.labels_getter = check_labels_getter(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """Cut holes into an image, a batch, or whatever nest of tuples, lists and dictionaries holds one.

        Args:
            *inputs: the image or batch, with or without targets.

        Returns:
            The same with holes; everything that gets none is the identical object.

        Raises:
            TypeError: if there is no image, or something that cannot have holes.
            ValueError: if images and masks differ in size, or the fill does not fit them.
        """
        sample = inputs[0] if len(inputs) == 1 else inputs
        check_names(sample)
        leaves, spec = tree_flatten(sample)
        images = image_positions(leaves, [], ndim=3)
        batches = [_as_batch(leaves[i]) for i in images]
        _check_sizes(batches, leaves)
        groups = self._groups(sample, leaves, spec, images)
        masks = (
            [] if self.mask_fill is None else [i for i, leaf in enumerate(leaves) if isinstance(leaf, tv_tensors.Mask)]
        )
        fills = list(map(self._fill, batches))
        mask_fills = [
            fill_pixels(_mask_batch(leaves[i], batches[0]), self.mask_fill or 0.0, name="mask_fill") for i in masks
        ]
        is_off = not torch.compiler.is_compiling() and self.p == 0
        if not self.training or is_off or batches[0].numel() == 0:
            return sample
        holes = self._holes(batches[0])
        if can_look_at(holes) and not (holes[..., 2:] > holes[..., :2]).all(-1).any():
            return sample
        for i, batch, image_fill in zip(images, batches, fills, strict=True):
            pixels = to_dtype(self._noise(batch), batch.dtype) if image_fill is None else image_fill
            leaves[i] = _like(leaves[i], cut_out(batch, holes, pixels), holes)
        for group in groups:
            for i, leaf in zip(group.places, hide_instances(group, holes[0].cpu(), self.min_visibility), strict=True):
                leaves[i] = leaf
        for i, fill in zip(masks, mask_fills, strict=True):
            leaves[i] = _like(leaves[i], cut_out(_mask_batch(leaves[i], batches[0]), holes, fill), holes)
        return tree_unflatten(leaves, spec)

    def _groups(self, sample: Any, leaves: list[Any], spec: TreeSpec, images: list[int]) -> list[Instances]:
        """The instances of a single sample, and the labels beside those that can go."""
        if not any(instance_kernel(leaf) is not None and not isinstance(leaf, tv_tensors.Mask) for leaf in leaves):
            return []
        if not _is_single(leaves[images[0]]):
            raise TypeError("inputs must be single samples where there are boxes or keypoints, got a batch of images")
        tensors = [as_tensor(leaf) for leaf in leaves]
        can_go = any(instance_kernel(leaf) is not None and has_rows(leaf) for leaf in leaves)
        labels = label_positions(tree_unflatten(tensors, spec), tensors, spec, self.labels_getter) if can_go else []
        groups = find_instances(sample, tensors, images, labels, image_size(_as_batch(leaves[images[0]])))
        self._warn_of(unnamed(sample, groups))
        return groups

    def _fill(self, images: Tensor) -> Tensor | None:
        """What the holes of a batch show; None for noise, which is drawn later than holes."""
        return None if self.fill == "random" else fill_pixels(images, self.fill)

    def _noise(self, images: Tensor) -> Tensor:
        noise = self._stream.noise(*images.shape, device=images.device)
        if images.dtype == torch.uint8:
            return (noise * 256).floor()
        exact = images.detach().to(exact_dtype(images.dtype)).flatten(1)
        ones = (1,) * (images.ndim - 1)
        low, high = exact.amin(1).view(-1, *ones), exact.amax(1).view(-1, *ones)
        if images.dtype.is_floating_point:
            return low + noise * (high - low)
        return low + (noise * (high - low + 1)).floor()

    def _holes(self, images: Tensor) -> Tensor:
        """``(N, holes, 4)`` boxes; those of images that chance leaves alone are empty."""
        height, width = image_size(images)
        share, y, x, gate = self._stream.uniform(4, len(images), self.holes, device=images.device)
        heights, widths = self._sides(share, height), self._sides(share, width)
        if self.inside:
            heights, widths = heights.clamp(max=height), widths.clamp(max=width)
            top, left = integers(y, height - heights + 1), integers(x, width - widths + 1)
            holes = torch.stack([top, left, top + heights, left + widths], dim=-1)
        else:
            edges = edges_around(integers(y, height), integers(x, width), heights, widths, (height, width))
            holes = boxes_between(*edges)
        return holes.where((gate[:, :1] < self._p)[..., None], 0)

    def _sides(self, u: Tensor, side: int) -> Tensor:
        """Sides in pixels, at least one, for uniform numbers: the same number for both sides of a hole."""
        low, high = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        if isinstance(low, int):
            return low + integers(u, int(high) - low + 1)
        if low == high:  # not by way of float32
            return torch.full_like(u, int(low * side), dtype=torch.int64).clamp(min=1)
        return ((low + (high - low) * u) * side).long().clamp(min=1)


def _as_batch(image: Any) -> Tensor:
    """Any image as a plain tensor ``(N, C, H, W)``, any video as ``(N, T, C, H, W)``."""
    if isinstance(image, PIL.Image.Image):
        if image.mode not in _MODES:
            raise ValueError(
                f"PIL images must be of mode {', '.join(_MODES)}, got {image.mode}; use image.convert('RGB')"
            )
        pixels: Tensor = F.pil_to_tensor(image)
        return pixels[None]
    if image.ndim not in (3, 4, 5) or (isinstance(image, tv_tensors.Video) and image.ndim == 3):
        raise ValueError(
            "images must be (C, H, W), (N, C, H, W) or videos (T, C, H, W), (N, T, C, H, W), "
            f"got {type(image).__name__} of shape {tuple(image.shape)}"
        )
    if image.is_complex():
        raise TypeError(f"images must be float or integer, got {image.dtype}")
    plain = unwrap(image)
    return plain[None] if _is_single(image) else plain


def _is_single(image: Any) -> bool:
    return isinstance(image, PIL.Image.Image) or image.ndim == (4 if isinstance(image, tv_tensors.Video) else 3)


def _like(image: Any, batch: Tensor, holes: Tensor) -> Any:
    """The batch in the form of the image that it was made of."""
    if isinstance(image, PIL.Image.Image):
        picture = image.copy()  # keeps what a tensor does not: metadata
        pixels = batch[0].view(torch.int16) if batch.dtype == torch.uint16 else batch[0]  # what mode I;16 is made of
        for top, left, bottom, right in holes[0].tolist():
            if top < bottom and left < right:
                picture.paste(F.to_pil_image(pixels[:, top:bottom, left:right], mode=image.mode), (left, top))
        return picture
    return rewrap(batch.reshape(image.shape), image)


def _mask_batch(mask: Tensor, images: Tensor) -> Tensor:
    """Masks as ``(N, any number, H, W)`` beside the images they belong to."""
    if len(images) > 1 and (mask.ndim < 3 or len(mask) != len(images)):
        raise ValueError(f"masks must be one for each of {len(images)} images, got shape {tuple(mask.shape)}")
    each = mask.shape[:-2].numel() // max(len(images), 1)
    return unwrap(mask).reshape(len(images), each, *image_size(images))


def _check_sizes(batches: list[Tensor], leaves: list[Any]) -> None:
    count, size = len(batches[0]), image_size(batches[0])
    for batch in batches:
        if (len(batch), image_size(batch)) != (count, size):
            shapes = [tuple(one.shape) for one in batches]
            raise ValueError(f"images of one sample must be of one size, got the shapes {shapes}")
    for leaf in leaves:
        if isinstance(leaf, tv_tensors.Mask) and tuple(leaf.shape[-2:]) != size:
            raise ValueError(f"masks must be of the size of the image, {size}, got shape {tuple(leaf.shape)}")


def _check_size(value: Any) -> Any:
    """Pixels, a share, or a pair of either."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = map(_check_side, value)
        if type(low) is not type(high) or low > high:
            raise ValueError(f"size must be a pair (low, high) of pixels (ints) or of shares (floats), got {value!r}")
        return low, high
    return _check_side(value)


def _check_side(value: Any) -> int | float:
    rule = "pixels (an int of at least 1), a share (a float above 0, up to 1.0) or a pair (low, high) of either"
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(check_number("size", value, rule, lambda number: number >= 1))
    return check_number("size", value, rule, lambda number: 0 < number <= 1)


def _check_fill(value: Any) -> Any:
    rule = "a finite number, one per channel, 'random' or 'mean'"
    if isinstance(value, str):
        if value not in ("random", "mean"):
            raise ValueError(f"fill must be {rule}, got {value!r}")
        return value
    if isinstance(value, Sequence):
        if not value:
            raise ValueError(f"fill must be {rule}, got {value!r}")
        return tuple(map(partial(check_number, "fill", rule=rule, holds=math.isfinite), value))
    return check_number("fill", value, rule, math.isfinite)
