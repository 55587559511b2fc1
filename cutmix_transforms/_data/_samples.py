"""Mixing samples one by one, before they are stacked to a batch."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision import tv_tensors

from cutmix_transforms._structure._instances import Leaf, members_of
from cutmix_transforms._structure._order import in_order_of
from cutmix_transforms.functional._draw import HostDraw, draw_of
from cutmix_transforms.functional._placement import Placement, Size, inside_of, whole_box
from cutmix_transforms.functional._soft_targets import ClassLabels
from cutmix_transforms.functional._wrap import rewrap, unwrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cutmix_transforms._structure._parts import Parts
    from cutmix_transforms._transforms._mix import Mix


def mix_samples(mix: Mix, parts: list[Parts]) -> list[Any]:
    """Mix each of several samples with a partner among them."""
    for i, one in enumerate(parts):
        _check_alike(parts[0], in_order_of(parts[0], one, f"those at index 0 and {i}"))
    count = len(parts)
    if mix._is_idle(count):
        return [unmixed_sample(mix, one) for one in parts]
    numbers = mix._uniform(count)
    shift = mix._shift_of(numbers, count)
    rows = np.broadcast_to(numbers[1:], (len(numbers) - 1, count))
    mixed = []
    for i, base in enumerate(parts):
        own = rows[:, i : i + 1]
        shows = shows_partner(mix, own, base)
        mixed.append(mix_two(mix, base, parts[(i + shift) % count], own) if shows else unmixed_sample(mix, base))
    return mixed


def unmixed_sample(mix: Mix, sample: Parts) -> Any:
    """Return an unmixed sample, with its targets in the form of mixed targets.

    Its images, maps and instances are copied, so that the dataset's own tensors are never returned.
    """
    copies = {leaf.place: leaf.value.clone() for leaf in (*sample.images, *sample.maps, *members_of(sample.groups))}
    for place, target in mix._unmixed(sample).items():
        copies[place] = target.clone() if isinstance(target, Tensor) else target
    return sample.rebuilt(copies)


def shows_partner(mix: Mix, numbers: NDArray[np.float64], base: Parts) -> bool:
    """Return True if a part of the partner would be visible, so that the partner must be loaded."""
    return _shows(_draw_for_two(mix, numbers, base.size, base.size))


def _shows(draw: HostDraw) -> bool:
    starts, stops = np.split(draw.boxes[0], 2)
    return bool(draw.opacity[0] and (starts < stops).all())


def mix_two(mix: Mix, base: Parts, partner: Parts, numbers: NDArray[np.float64]) -> Any:
    """Mix a sample with a partner, which may have another size.

    A box is clipped to the size of the partner. If whole images are blended, both are padded with zeros at the bottom
    and right.
    """
    partner = in_order_of(base, partner)
    _check_alike(base, partner)
    draw = _draw_for_two(mix, numbers, base.size, partner.size)
    if not _shows(draw):  # the box lies outside a smaller partner
        return unmixed_sample(mix, base)
    base, partner = _on_canvas(base, draw.size), _on_canvas(partner, draw.size)
    return base.rebuilt(mix._mixed(base, draw, partner))


def _draw_for_two(mix: Mix, numbers: NDArray[np.float64], size: Size, other: Size) -> HostDraw:
    placement, partners = mix._placed(numbers, size), np.zeros(1, dtype=np.int64)
    if placement.boxes is None:
        return draw_of(partners, placement, tuple(map(max, size, other)))
    return draw_of(partners, Placement(np.minimum(placement.boxes, (*other, *other)), placement.opacity), size)


def _check_alike(first: Parts, second: Parts) -> None:
    """Raise an error unless the images, maps, labels and instances of two samples can be mixed with each other."""
    if first is second or (_forms(first) == _forms(second) and _rows_are_alike(first, second)):
        return
    raise ValueError(
        "samples must hold images, masks, boxes and labels of the same number, channels, classes and dtypes, "
        f"got {_described(first)} beside {_described(second)}"
    )


def _forms(parts: Parts) -> list[Any]:
    dims = len(parts.size)
    channels = [leaf.shape[1] for _, leaf in parts.images if dims == 2 and leaf.ndim == 3]  # signals (1, C, T)
    pixels = [(tuple(leaf.shape[:-dims]), leaf.dtype) for _, leaf in (*parts.images, *parts.maps)]
    targets = [
        ((1, leaf.num_classes), torch.float32) if isinstance(leaf, ClassLabels) else (tuple(leaf.shape), leaf.dtype)
        for _, leaf in parts.targets
    ]
    return [channels, pixels, targets, [[type(leaf) for _, leaf in group.members] for group in parts.groups]]


def _rows_are_alike(first: Parts, second: Parts) -> bool:
    """Return True if the instances of two samples can be concatenated; masks are resized to the same canvas before."""
    for group, other in zip(first.groups, second.groups, strict=True):
        for (_, own), (_, theirs) in zip(group.members, other.members, strict=True):
            is_empty = not len(own) or not len(theirs)
            if not (is_empty or isinstance(own, tv_tensors.Mask) or own.shape[1:] == theirs.shape[1:]):
                return False
    return True


def _described(parts: Parts) -> str:
    """Return the dtypes and shapes of what is mixed in a sample, such as ``[float32 (3, 17, 11), 10 classes]``."""
    leaves = [leaf.value for leaf in (*parts.images, *parts.maps, *parts.targets)]
    each = [f"{leaf.num_classes} classes" if isinstance(leaf, ClassLabels) else _form(leaf[0]) for leaf in leaves]
    return f"[{', '.join(each + [_form(leaf) for group in parts.groups for _, leaf in group.members])}]"


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _on_canvas(parts: Parts, canvas: Size) -> Parts:
    """Crop images and maps, or pad them with zeros, at the bottom and right."""
    if parts.size == canvas:
        return parts

    def fitted(leaf: Leaf) -> Leaf:
        plain: Tensor = unwrap(leaf.value)[inside_of(whole_box(canvas))]
        missing = [(0, side - own) for side, own in zip(canvas, plain.shape[-len(canvas) :], strict=True)]
        return Leaf(leaf.place, rewrap(pad(plain, [*chain(*reversed(missing))]), leaf.value))

    return parts._replace(size=canvas, images=[*map(fitted, parts.images)], maps=[*map(fitted, parts.maps)])
