"""Mixing the instances of a sample: boxes, masks, keypoints and labels, whose rows stay aligned."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision import tv_tensors

from cutmix_transforms._structure._instances import Instances, Leaf
from cutmix_transforms.functional._blend import to_dtype
from cutmix_transforms.functional._draw import HostDraw
from cutmix_transforms.functional._masks import boxes_of_masks, join_masks
from cutmix_transforms.functional._placement import Size
from cutmix_transforms.functional._registry import convert_boxes, instance_kernel
from cutmix_transforms.functional._visibility import ROUNDING, View
from cutmix_transforms.functional._wrap import rewrap, unwrap

XYXY = tv_tensors.BoundingBoxFormat.XYXY


class Seen(NamedTuple):
    """The visible parts of the instances of one sample."""

    leaves: list[Tensor]
    kept: Tensor  # (k,) indices of the instances that are not dropped
    is_cut: Tensor  # (n,) True if a part of the instance's mask is hidden
    is_smaller: Tensor  # (n,) True if its mask, or else its box, is smaller than before


def paste_instances(base: Instances, partner: Instances, boxes: Tensor, min_visibility: float) -> dict[int, Tensor]:
    """Return the visible instances after the partner was pasted into a box ``(1, 4)``: the base's, then the partner's.

    The result maps the indices of the base's leaves to the new tensors.
    """
    base, partner = _in_common_dtypes(base, partner), _in_common_dtypes(partner, base)
    first = look_at(base, View(boxes, base.size), min_visibility)
    second = look_at(partner, View(boxes, partner.size, inside=True), min_visibility)
    leaves = [
        _joined(own, other, boxes[0], (first.kept, second.kept))
        for own, other in zip(first.leaves, second.leaves, strict=True)
    ]
    _fit_boxes_to_masks(leaves, torch.cat([first.is_cut[first.kept], second.is_cut[second.kept]]))
    if base.area_place is not None:
        i = next(i for i, member in enumerate(base.members) if member.place == base.area_place)
        is_smaller = torch.cat([first.is_smaller[first.kept], second.is_smaller[second.kept]])
        leaves[i] = _measured(leaves[i], leaves, is_smaller)
    return {member.place: leaf for member, leaf in zip(base.members, leaves, strict=True)}


def unite_instances(base: Instances, partner: Instances, draw: HostDraw) -> dict[int, Tensor]:
    """Return all instances of two samples, on a canvas for both images, with weights ``lam`` and ``1 - lam``."""
    base, partner = _in_common_dtypes(base, partner), _in_common_dtypes(partner, base)
    united, lam = {}, float(draw.lam[0])
    for (place, first), (_, second) in zip(base.members, partner.members, strict=True):
        own, other = unwrap(first), _in_format_of(first, second)
        if place == base.weights_place:
            own, other = own * lam, other * (1 - lam)
        if isinstance(first, tv_tensors.Mask):
            own, other = _padded(own, draw.size), _padded(other, draw.size)
        has_canvas = isinstance(first, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints))
        united[place] = rewrap(_concatenated(own, other), first, **({"canvas_size": draw.size} if has_canvas else {}))
    return united


def hide_instances(instances: Instances, holes: Tensor, min_visibility: float) -> dict[int, Tensor]:
    """Drop instances that are hidden by holes, and mark hidden keypoints; boxes and masks are not cut."""
    seen = look_at(instances, View(holes, instances.size), min_visibility)
    left = {}
    for (place, old), new in zip(instances.members, seen.leaves, strict=True):
        is_whole = isinstance(old, (tv_tensors.BoundingBoxes, tv_tensors.Mask)) or _equal(old, new)
        leaf = old if is_whole else new
        is_all = len(seen.kept) == len(leaf)
        left[place] = leaf if is_all else rewrap(unwrap(leaf)[seen.kept.to(leaf.device)], leaf)
    return left


def look_at(instances: Instances, view: View, min_visibility: float) -> Seen:
    """Cut partly hidden instances, and select those to keep by the visible fraction of masks, boxes or keypoints."""
    fractions: dict[int, Tensor] = {}
    leaves = []
    has_masks = any(isinstance(leaf, tv_tensors.Mask) for _, leaf in instances.members)
    for _, leaf in instances.members:
        is_decided = has_masks and not view.inside and isinstance(leaf, tv_tensors.BoundingBoxes)
        kernel = None if is_decided else instance_kernel(leaf)  # the mask decides how its box changes
        visible, fraction = (leaf, None) if kernel is None else kernel(leaf, view)
        leaves.append(rewrap(visible, leaf))
        if fraction is not None:
            fractions.setdefault(_rank(leaf), fraction.to("cpu", torch.float64))
    everything = torch.ones(len(leaves[0]), dtype=torch.float64, device="cpu")
    decisive = fractions[min(fractions)] if fractions else everything
    is_cut = fractions.get(0, everything) < 1
    is_smaller = is_cut if has_masks else _is_changed(instances, leaves)
    return Seen(leaves, (decisive > min_visibility + ROUNDING).nonzero()[:, 0], is_cut, is_smaller)


def _is_changed(instances: Instances, leaves: list[Tensor]) -> Tensor:
    """Return True for each instance whose box has changed."""
    for (_, old), new in zip(instances.members, leaves, strict=True):
        if isinstance(old, tv_tensors.BoundingBoxes):
            return (unwrap(old) != unwrap(new)).any(1).cpu()
    return torch.zeros(len(leaves[0]), dtype=torch.bool, device="cpu")


def _rank(leaf: Tensor) -> int:
    """Return the rank of a leaf's visible fraction: the lowest rank decides which instances are kept."""
    return 0 if isinstance(leaf, tv_tensors.Mask) else 1 if isinstance(leaf, tv_tensors.BoundingBoxes) else 2


def _joined(first: Tensor, second: Tensor, box: Tensor, kept: tuple[Tensor, Tensor]) -> Tensor:
    if isinstance(first, tv_tensors.Mask):
        return rewrap(join_masks(unwrap(first), unwrap(second), box, kept), first)
    plain = unwrap(first)[kept[0].to(first.device)], _in_format_of(first, second)[kept[1].to(second.device)]
    return rewrap(_concatenated(*plain), first)


def _fit_boxes_to_masks(leaves: list[Tensor], is_cut: Tensor) -> None:
    """Fit the boxes of instances with a cut mask to the rest of the mask, on sides that move by a pixel or more."""
    masks = next((unwrap(leaf) for leaf in leaves if isinstance(leaf, tv_tensors.Mask)), None)
    if masks is None or not is_cut.any():
        return
    rows = is_cut.nonzero()[:, 0]
    tight = torch.cat([boxes_of_masks(masks[k : k + 1]) for k in rows.tolist()])
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, tv_tensors.BoundingBoxes):
            plain = unwrap(leaf).clone()
            own = plain[rows]
            corners = convert_boxes(own.to(torch.float64), leaf.format, XYXY)
            moved = (tight - corners).abs() >= 1
            back = to_dtype(convert_boxes(tight.to(corners).where(moved, corners), XYXY, leaf.format), leaf.dtype)
            plain[rows] = back.where(moved.any(1, keepdim=True), own)
            leaves[i] = rewrap(plain, leaf)


def _measured(areas: Tensor, leaves: list[Tensor], is_smaller: Tensor) -> Tensor:
    """Recompute the areas of cut instances: as the pixels of the mask, or else as the area of the box."""
    masks = next((unwrap(leaf) for leaf in leaves if isinstance(leaf, tv_tensors.Mask)), None)
    boxes = next((leaf for leaf in leaves if isinstance(leaf, tv_tensors.BoundingBoxes)), None)
    if masks is not None:
        found = (masks != 0).flatten(1).sum(1)
    elif boxes is not None:
        left, top, right, bottom = convert_boxes(unwrap(boxes).to(torch.float64), boxes.format, XYXY).unbind(-1)
        found = (right - left) * (bottom - top)
    else:
        return areas
    new = to_dtype(found.to(areas.device), areas.dtype)
    return torch.where(is_smaller.to(areas.device), new, areas.flatten()).view(areas.shape)


def _in_common_dtypes(instances: Instances, other: Instances) -> Instances:
    """Convert all leaves to dtypes that hold the values of both samples; one without rows does not decide."""
    members = []
    for (place, own), (_, theirs) in zip(instances.members, other.members, strict=True):
        dtypes = [leaf.dtype for leaf in (own, theirs) if len(leaf)] or [own.dtype]
        dtype = _common_dtype(dtypes[0], dtypes[-1])
        members.append(Leaf(place, own if own.dtype == dtype else rewrap(_converted(own, dtype), own)))
    return replace(instances, members=members)


def _common_dtype(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    """Return a dtype that holds the values of both; torch promotes no unsigned integers but uint8."""
    if first == second:
        return first
    wide = (torch.uint16, torch.uint32, torch.uint64)
    return torch.promote_types(*(torch.int64 if dtype in wide else dtype for dtype in (first, second)))


def _converted(leaf: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert a leaf to another dtype; hidden keypoints, -1 in integers, become ``nan`` in floats."""
    plain = unwrap(leaf)
    if isinstance(leaf, tv_tensors.KeyPoints) and dtype.is_floating_point and not plain.is_floating_point():
        return plain.to(dtype).where(~(plain == -1).all(-1, keepdim=True), float("nan"))
    return plain.to(dtype)


def _concatenated(first: Tensor, second: Tensor) -> Tensor:
    """Concatenate the rows of two samples; a sample without rows does not decide about shape and dtype."""
    if not len(second):
        return first.clone()
    return torch.cat([first, second]) if len(first) else second.clone()


def _padded(masks: Tensor, size: Size) -> Tensor:
    if tuple(masks.shape[-2:]) == size:
        return masks  # pad would copy them
    return pad(masks, (0, size[1] - masks.shape[-1], 0, size[0] - masks.shape[-2]))


def _in_format_of(first: Tensor, second: Tensor) -> Tensor:
    if isinstance(first, tv_tensors.BoundingBoxes) and isinstance(second, tv_tensors.BoundingBoxes):
        return convert_boxes(unwrap(second), second.format, first.format)
    return unwrap(second)


def _equal(first: Tensor, second: Tensor) -> bool:
    a, b = unwrap(first), unwrap(second)
    return first is second or bool(((a == b) | ((a != a) & (b != b))).all())
