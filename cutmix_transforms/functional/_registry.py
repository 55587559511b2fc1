"""A registry of kernels by type of tv_tensor, which users can extend with types of their own."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms.functional._blend import to_dtype
from cutmix_transforms.functional._checks import check_flag, received
from cutmix_transforms.functional._draw import MixDraw
from cutmix_transforms.functional._masks import visible_mask_fraction
from cutmix_transforms.functional._pixels import mix_images
from cutmix_transforms.functional._visibility import View, visible_boxes, visible_keypoints

MapFunction = Callable[[Tensor, MixDraw, Tensor], Tensor]
InstanceFunction = Callable[[Any, View], tuple[Tensor, Tensor | None]]
AnyMap = TypeVar("AnyMap", bound=MapFunction)
Kernel = TypeVar("Kernel")
AnyInstance = TypeVar("AnyInstance", bound=InstanceFunction)


class MapKernel(NamedTuple):
    """A function that mixes a batch of maps, and True if they hold classes, which cannot be blended; None: by dtype."""

    mix: MapFunction
    categorical: bool | None


_MAPS: dict[type, MapKernel] = {}
_INSTANCES: dict[type, InstanceFunction] = {}


def register_kernel(cls: type[tv_tensors.TVTensor], *, categorical: bool = False) -> Callable[[AnyMap], AnyMap]:
    """Register a function that mixes maps of your own tv_tensor type, such as depth maps that come with the images.

    The function is called with the maps and the maps that ``draw.partners`` index, as plain tensors with a leading
    batch dimension, and the draw. It returns the mixed maps. When samples are mixed before they form a batch, it gets a
    batch of one sample, padded or cut like the image.

    Args:
        cls: the tv_tensor type. Subclasses are mixed with the same function.
        categorical: True if the maps hold classes. The function is then called with opacities of 0 or 1 only; a mix
            that blends returns a ``MixedTarget`` of both maps (``target="pair"``) or raises an error.

    Shape:
        - the function: ``(N, ...)``, a draw for ``N`` samples, and ``(M, ...)`` to ``(N, ...)``.

    Returns:
        A decorator for the function.

    Raises:
        TypeError: if ``cls`` is not a type of tv_tensor, ``categorical`` is not a bool, or the decorated object is not
            callable.

    Example:
        >>> class Depth(tv_tensors.TVTensor):
        ...     pass
        >>> @register_kernel(Depth)
        ... def mix_depth(depth, draw, others):
        ...     return mix_images(depth, draw, others)
    """
    _check_type(cls)
    check_flag("categorical", categorical)

    def register(function: AnyMap) -> AnyMap:
        _check_function(function)
        _MAPS[cls] = MapKernel(function, categorical)
        return function

    return register


def register_instance_kernel(cls: type[tv_tensors.TVTensor]) -> Callable[[AnyInstance], AnyInstance]:
    """Register a function that cuts instances of your own tv_tensor type, such as polygons, for CutMix and Cutout.

    The function is called with the rows of one sample, one per instance, and a ``View`` of the sample. It returns
    the rows as a plain tensor, reduced to their visible part, and the visible fraction of each instance. Instead of the
    fractions it may return None: then the boxes of the sample decide which instances are dropped.

    Args:
        cls: the tv_tensor type. Subclasses use the same function.

    Shape:
        - the function: ``(n, ...)`` and a view to ``(n, ...)`` and fractions ``(n,)``.

    Returns:
        A decorator for the function.

    Raises:
        TypeError: if ``cls`` is not a type of tv_tensor, or the decorated object is not callable.

    Example:
        >>> class Names(tv_tensors.TVTensor):
        ...     pass
        >>> @register_instance_kernel(Names)
        ... def all_visible(names, view):
        ...     return names, None
    """
    _check_type(cls)

    def register(function: AnyInstance) -> AnyInstance:
        _check_function(function)
        _INSTANCES[cls] = function
        return function

    return register


def _check_type(cls: Any) -> None:
    if not (isinstance(cls, type) and issubclass(cls, tv_tensors.TVTensor)):
        raise TypeError(f"cls must be a type of tv_tensor, got {cls!r}")


def _check_function(function: Any) -> None:
    if not callable(function):
        raise TypeError(f"function must be callable, got {received(function)}")


def map_kernel(leaf: Any) -> MapKernel | None:
    """Return the kernel that is registered for maps of this type, or None."""
    return _of_type(_MAPS, leaf)


def instance_kernel(leaf: Any) -> InstanceFunction | None:
    """Return the function that is registered for instances of this type, or None."""
    return _of_type(_INSTANCES, leaf)


def _of_type(kernels: dict[type, Kernel], leaf: Any) -> Kernel | None:
    if isinstance(leaf, tv_tensors.TVTensor):
        for cls in type(leaf).__mro__:
            if cls in kernels:
                return kernels[cls]
    return None


_MAPS[tv_tensors.Mask] = MapKernel(mix_images, categorical=None)


@register_instance_kernel(tv_tensors.BoundingBoxes)
def _visible_boxes_of_any_format(boxes: tv_tensors.BoundingBoxes, view: View) -> tuple[Tensor, Tensor]:
    plain = boxes.as_subclass(Tensor)
    corners = convert_boxes(plain.to(torch.float64), boxes.format, tv_tensors.BoundingBoxFormat.XYXY)
    visible, fraction = visible_boxes(corners, view)
    back = to_dtype(convert_boxes(visible, tv_tensors.BoundingBoxFormat.XYXY, boxes.format), plain.dtype)
    return torch.where((visible != corners).any(1, keepdim=True), back, plain), fraction


@register_instance_kernel(tv_tensors.Mask)
def _visible_fraction_of_masks(masks: Tensor, view: View) -> tuple[Tensor, Tensor]:
    plain = masks.as_subclass(Tensor)
    return plain, visible_mask_fraction(plain, view)  # they are large, and cut only where they are written


@register_instance_kernel(tv_tensors.KeyPoints)
def _visible_keypoints_of_instances(points: tv_tensors.KeyPoints, view: View) -> tuple[Tensor, Tensor | None]:
    plain = points.as_subclass(Tensor)
    _, before = visible_keypoints(plain, View(view.boxes[:0], view.size))
    marked, seen = visible_keypoints(plain, view)
    if points.ndim == 2:  # points of the image, not of instances: all are kept
        return marked, None
    fraction = seen.sum(1).double() / before.sum(1)
    return marked, fraction.where(before.any(1), 0.0 if view.inside else 1.0)


def convert_boxes(boxes: Tensor, old: Any, new: Any) -> Tensor:
    """Convert boxes, as a plain tensor, from one of torchvision's formats to another."""
    return boxes if old == new else F.convert_bounding_box_format(boxes, old_format=old, new_format=new)
