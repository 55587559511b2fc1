"""Which kernel mixes which kind of tensor: found by type, and open to types of the user's own."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms.functional._blend import to_dtype
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._draw import MixDraw
from cutmix_transforms.functional._pixels import mix_images
from cutmix_transforms.functional._visibility import View, visible_boxes, visible_keypoints, visible_mask_share

MapFunction = Callable[[Tensor, MixDraw, Tensor], Tensor]
InstanceFunction = Callable[[Any, View], tuple[Tensor, Tensor | None]]
AnyMap = TypeVar("AnyMap", bound=MapFunction)
Kernel = TypeVar("Kernel")
AnyInstance = TypeVar("AnyInstance", bound=InstanceFunction)


class MapKernel(NamedTuple):
    """How a batch of maps of pixels is mixed; categorical ones hold classes, which cannot be blended."""

    mix: MapFunction
    categorical: bool


_MAPS: dict[type, MapKernel] = {}
_INSTANCES: dict[type, InstanceFunction] = {}


def register_kernel(cls: type[tv_tensors.TVTensor], *, categorical: bool = False) -> Callable[[AnyMap], AnyMap]:
    """Let mixes take tv_tensors of a type of your own that lie beside the images, such as depth maps.

    The function gets plain tensors with a leading batch dimension: the maps, the draw, and the maps that
    ``draw.partners`` point to. It gives the mixed maps. Where samples are mixed before they are a batch, the batch is
    of one sample, and maps are padded and cut as images are.

    Args:
        cls: the type; what derives from it is mixed alike.
        categorical: whether the maps hold classes: then the function is only asked to paste, with an opacity of 0 or
            1, and a mix that blends gives a ``MixedTarget`` of both maps (``target="pair"``) or an error.

    Shape:
        - the function: ``(N, ...)``, a draw for ``N`` samples and ``(M, ...)`` to ``(N, ...)``.

    Returns:
        A decorator of the function.

    Raises:
        TypeError: if ``cls`` is no type of tv_tensor, ``categorical`` is no bool, or what is decorated is no function.

    Example:
        >>> class Depth(tv_tensors.TVTensor):
        ...     pass
        >>> @register_kernel(Depth)
        ... def mix_depth(depth, draw, others):
        ...     return mix_images(depth, draw, others)
    """
    _check_type(cls)
    if not isinstance(categorical, bool):
        raise TypeError(f"categorical must be True or False, got {received(categorical)}")

    def register(function: AnyMap) -> AnyMap:
        _check_function(function)
        _MAPS[cls] = MapKernel(function, categorical)
        return function

    return register


def register_instance_kernel(cls: type[tv_tensors.TVTensor]) -> Callable[[AnyInstance], AnyInstance]:
    """Let CutMix and Cutout take tv_tensors of a type of your own that hold a row for each instance, such as polygons.

    The function gets the rows of one sample and a ``View`` of it. It gives the rows as a plain tensor, changed to
    what can be seen of them, and the visible share of each, or None where the boxes beside them decide.

    Args:
        cls: the type; what derives from it is treated alike.

    Shape:
        - the function: ``(n, ...)`` and a view to ``(n, ...)`` and shares ``(n,)``.

    Returns:
        A decorator of the function.

    Raises:
        TypeError: if ``cls`` is no type of tv_tensor, or what is decorated is no function.

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
    """The kernel for maps of this type, if any."""
    return _of_type(_MAPS, leaf)


def instance_kernel(leaf: Any) -> InstanceFunction | None:
    """The kernel for instances of this type, if any."""
    return _of_type(_INSTANCES, leaf)


def _of_type(kernels: dict[type, Kernel], leaf: Any) -> Kernel | None:
    if isinstance(leaf, tv_tensors.TVTensor):
        for cls in type(leaf).__mro__:
            if cls in kernels:
                return kernels[cls]
    return None


_MAPS[tv_tensors.Mask] = MapKernel(mix_images, categorical=True)


@register_instance_kernel(tv_tensors.BoundingBoxes)
def _visible_boxes_of_any_format(boxes: tv_tensors.BoundingBoxes, view: View) -> tuple[Tensor, Tensor]:
    plain = boxes.as_subclass(Tensor)
    corners = convert_boxes(plain.to(torch.float64), boxes.format, tv_tensors.BoundingBoxFormat.XYXY)
    visible, share = visible_boxes(corners, view)
    back = to_dtype(convert_boxes(visible, tv_tensors.BoundingBoxFormat.XYXY, boxes.format), plain.dtype)
    return torch.where((visible != corners).any(1, keepdim=True), back, plain), share


@register_instance_kernel(tv_tensors.Mask)
def _share_of_masks(masks: Tensor, view: View) -> tuple[Tensor, Tensor]:
    plain = masks.as_subclass(Tensor)
    return plain, visible_mask_share(plain, view)  # they are large, and cut only where they are written


@register_instance_kernel(tv_tensors.KeyPoints)
def _visible_keypoints_of_instances(points: tv_tensors.KeyPoints, view: View) -> tuple[Tensor, Tensor | None]:
    plain = points.as_subclass(Tensor)
    _, before = visible_keypoints(plain, View(view.boxes[:0], view.size))
    marked, seen = visible_keypoints(plain, view)
    if points.ndim == 2:  # points of the image: each keeps its place
        return marked, None
    share = seen.sum(1).double() / before.sum(1)
    return marked, share.where(before.any(1), 0.0 if view.inside else 1.0)


def convert_boxes(boxes: Tensor, old: Any, new: Any) -> Tensor:
    """Plain boxes in another of torchvision's formats."""
    return boxes if old == new else F.convert_bounding_box_format(boxes, old_format=old, new_format=new)
