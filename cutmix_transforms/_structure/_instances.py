"""Finding the instances of a sample: boxes, masks, keypoints, and all tensors with one row per instance."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._structure._containers import Nest, at, fields_of, item_of, keys_of, with_items
from cutmix_transforms.functional._checks import can_look_at
from cutmix_transforms.functional._registry import instance_kernel
from cutmix_transforms.functional._wrap import unwrap

if TYPE_CHECKING:
    from cutmix_transforms._structure._containers import Path
    from cutmix_transforms.functional._placement import Size

WEIGHTS = "weights"
ROWS = ("labels", "class_labels", "area", "iscrowd", "scores", WEIGHTS)  # keys with one row per instance
_OF_THE_IMAGE = (
    "image_id", "orig_size", "original_size", "size", "img_shape", "ori_shape", "pad_shape", "scale_factor"
)  # fmt: skip
_KINDS = {
    "boxes": tv_tensors.BoundingBoxes,
    "bboxes": tv_tensors.BoundingBoxes,
    "bbox": tv_tensors.BoundingBoxes,
    "masks": tv_tensors.Mask,
    "keypoints": tv_tensors.KeyPoints,
}
_MADE_BY = {
    tv_tensors.BoundingBoxes: 'tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(H, W))',
    tv_tensors.Mask: "tv_tensors.Mask(masks)",
    tv_tensors.KeyPoints: "tv_tensors.KeyPoints(points, canvas_size=(H, W))",
}


class Leaf(NamedTuple):
    """A value that is mixed, and its index among the leaves of a batch or sample."""

    place: int
    value: Any  # a tensor with a leading batch dimension, or a column of samples to stack


@dataclass(frozen=True)
class Instances:
    """Tensors with one row per instance of a sample."""

    members: list[Leaf]
    size: Size  # of the image
    path: Path  # of the dictionary, tuple or list that holds the members
    weights_place: int | None = None  # the index of the leaf for MixUp's weights
    area_place: int | None = None  # the index of the leaf with the areas
    unnamed: tuple[Hashable, ...] = ()  # keys of items with as many rows that were not named


def has_instance_kernel(leaf: object) -> bool:
    """Return True if a leaf is a tv_tensor with an instance kernel, such as boxes, masks or keypoints."""
    return instance_kernel(leaf) is not None


def needs_sample(leaf: object) -> bool:
    """Return True for boxes and keypoints, which belong to a single sample; masks can also be those of a batch."""
    return has_instance_kernel(leaf) and not isinstance(leaf, tv_tensors.Mask)


def members_of(groups: list[Instances]) -> list[Leaf]:
    """Return the leaves of several groups of instances."""
    return [member for group in groups for member in group.members]


def has_rows(leaf: object) -> bool:
    """Return True if a leaf always has one row per instance; masks and keypoints can belong to the whole image."""
    return not isinstance(leaf, tv_tensors.Mask) and not _is_points(leaf)


def _is_points(leaf: object) -> bool:
    return isinstance(leaf, tv_tensors.KeyPoints) and leaf.ndim == 2


def find_instances(nest: Nest, images: list[int], labels: list[int], size: Size) -> list[Instances]:
    """Return the instances of a sample, in one group per dictionary, tuple or list that holds them."""
    holders: dict[Path, list[int]] = {}
    for i, leaf in enumerate(nest.leaves):
        if has_instance_kernel(leaf):
            check_annotation(leaf, size)
            holders.setdefault(nest.paths[i][:-1], []).append(i)
    frames = [nest.leaves[i].shape[-4] for i in images if isinstance(nest.leaves[i], tv_tensors.Video)]
    groups = []
    for path, places in holders.items():
        beside = [i for i, one in enumerate(nest.paths) if one[:-1] == path]
        named = [i for i in labels if i in beside]
        members = _members(nest, places, named, frames)
        points = [[i] for i in places if _is_points(nest.leaves[i]) and i not in members]
        if members:
            known = [i for i in beside if nest.paths[i][-1] in ROWS and i not in (*members, *images)]
            _check_lists(nest, path, labels)
            unnamed = _unnamed(nest, path, {*members, *known, *images, *labels, *places}, members[0])
            groups.append(_group(nest, members + known, size, path, unnamed))
        groups += [_group(nest, some, size, path) for some in points]
    return groups


def _group(nest: Nest, places: list[int], size: Size, path: Path, unnamed: tuple[Hashable, ...] = ()) -> Instances:
    keys = {nest.paths[i][-1]: i for i in places if is_pure_tensor(nest.leaves[i])}
    return Instances(_aligned(nest, places), size, path, keys.get(WEIGHTS), _area_in(nest, keys), unnamed)


def _area_in(nest: Nest, keys: dict[Any, int]) -> int | None:
    """Return the index of the areas, one number for each instance, which are recomputed where instances are cut."""
    place = keys.get("area")
    return place if place is not None and nest.leaves[place][:1].numel() <= 1 else None


def _check_lists(nest: Nest, path: Path, labels: list[int]) -> None:
    """Raise an error if a list or dictionary holds what must be a tensor with one row per instance."""
    for i, one in enumerate(nest.paths):
        is_inside = len(one) == len(path) + 2 and one[: len(path)] == path
        if is_inside and (i in labels or one[-2] in ROWS):
            kind = "list" if isinstance(one[-1], int) else "dictionary"
            raise ValueError(
                f"labels of instances must be a tensor with one row per instance, got {one[-2]!r} as a {kind}"
            )


def _members(nest: Nest, places: list[int], labels: list[int], frames: list[int]) -> list[int]:
    """Return the indices of the leaves with one row per instance.

    Masks ``(n, H, W)`` without boxes are instances only if there are as many integer labels; beside a video with as
    many frames they are its masks. Keypoints ``(n, 2)`` belong to the whole image, unless there are no other instances
    and as many integer labels.
    """
    leaves = nest.leaves
    every_mask = [i for i in places if isinstance(leaves[i], tv_tensors.Mask)]
    rows = [i for i in places if has_rows(leaves[i])]
    counts = [len(leaves[i]) for i in rows[:1]] or [len(leaves[i]) for i in labels if leaves[i].ndim == 1]
    for i in every_mask:
        _check_no_doubt(leaves[i], counts, frames, has_boxes=bool(rows))
    masks = [i for i in every_mask if leaves[i].ndim == 3 and len(leaves[i]) not in frames]
    if rows:
        return rows + masks + labels
    points = [i for i in places if _is_points(leaves[i])]
    for found in ([] if frames else masks), points[:1]:
        if found and any(_fits(leaves[i], len(leaves[found[0]])) for i in labels):
            return found + labels
    return []


def _check_no_doubt(masks: Tensor, counts: list[int], frames: list[int], *, has_boxes: bool) -> None:
    """Raise an error if it is not clear whether masks beside boxes or labels are those of instances."""
    count = len(masks)
    if count not in counts:
        return
    if masks.ndim > 3 and count not in frames:
        raise ValueError(
            f"masks of instances must be of shape (n, H, W), got {tuple(masks.shape)} beside {count} boxes or labels"
        )
    if masks.ndim == 3 and count in frames and has_boxes:
        raise ValueError(
            f"masks beside a video of {count} frames and {count} boxes may be those of frames or of instances (put "
            f"masks of frames outside of the dictionary with the boxes), got shape {tuple(masks.shape)}"
        )


def _fits(label: Tensor, count: int) -> bool:
    return label.ndim == 1 and len(label) == count and not (count and label.is_floating_point())


def _aligned(nest: Nest, places: list[int]) -> list[Leaf]:
    count = len(nest.leaves[places[0]])
    for i in places:
        leaf = nest.leaves[i]
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or len(leaf) != count:
            what = f"shape {tuple(leaf.shape)}" if isinstance(leaf, Tensor) else repr(leaf)
            hint = " (a semantic mask beside instances is (H, W))" if isinstance(leaf, tv_tensors.Mask) else ""
            raise ValueError(
                f"boxes, labels and all else of instances must be aligned, one row for each of {count} in "
                f"{nest.paths[places[0]][-1]!r}, got {nest.paths[i][-1]!r} of {what}{hint}"
            )
    return [Leaf(i, nest.leaves[i]) for i in places]


def _unnamed(nest: Nest, path: Path, known: set[int], first: int) -> tuple[Hashable, ...]:
    """Return the keys of items with as many rows as there are instances that were not named as part of them."""
    count, holder = len(nest.leaves[first]), at(nest.root, path)
    known_keys = {nest.paths[i][len(path)] for i in known if nest.paths[i][: len(path)] == path}
    found = []
    for key in keys_of(holder) or ():
        value = item_of(holder, key)
        is_long = _is_plain_list(value) or (hasattr(value, "shape") and len(value.shape) > 0)
        is_known = key in known_keys or key in _OF_THE_IMAGE or isinstance(value, tv_tensors.TVTensor)
        if count and is_long and not is_known and len(value) == count:
            found.append(key)
    return tuple(found)


def _is_plain_list(value: object) -> bool:
    """Return True if a list or tuple may have an item for each instance: not a record, nor a holder of tv_tensors."""
    is_list = isinstance(value, (list, tuple)) and fields_of(value) is None
    return is_list and not any(isinstance(leaf, tv_tensors.TVTensor) for leaf in Nest.of(value).leaves)


def check_annotation(leaf: Any, size: Size) -> None:
    """Raise an error if boxes, masks or keypoints have another size than the image, or cannot be mixed."""
    shape = tuple(leaf.shape)
    is_small_box = isinstance(leaf, tv_tensors.BoundingBoxes) and leaf.dtype == torch.uint8
    if needs_sample(leaf) and not leaf.dtype.is_signed and not is_small_box:
        raise TypeError(f"{type(leaf).__name__} must be floats or signed integers, got {leaf.dtype}")
    if isinstance(leaf, tv_tensors.Mask):
        if shape[-2:] != size:
            raise ValueError(f"masks must be of the size of the image, {size}, got shape {shape}")
        return
    if isinstance(leaf, tv_tensors.BoundingBoxes):
        if tv_tensors.is_rotated_bounding_format(leaf.format):
            raise ValueError(f"boxes must not be rotated (XYXY, XYWH or CXCYWH), got format {leaf.format.value}")
        if leaf.ndim != 2 or shape[1] != 4:
            raise ValueError(f"boxes must be of shape (n, 4), and (0, 4) if there are none, got {shape}")
    if isinstance(leaf, tv_tensors.KeyPoints) and (leaf.ndim not in (2, 3) or shape[-1] != 2):
        raise ValueError(f"keypoints must be of shape (n, 2), for the image, or (n, k, 2), for instances, got {shape}")
    canvas = getattr(leaf, "canvas_size", size)
    if canvas is None or tuple(canvas) != size:
        raise ValueError(f"canvas_size of {type(leaf).__name__} must be the size of the image, {size}, got {canvas}")
    if isinstance(leaf, tv_tensors.BoundingBoxes):
        _warn_of_fractions(unwrap(leaf), size)


def _warn_of_fractions(boxes: Tensor, size: Size) -> None:
    """Warn of boxes that all lie within the first pixel, as boxes in fractions of the image do."""
    if not boxes.is_floating_point() or min(size) <= 1 or not can_look_at(boxes):
        return
    if (boxes.abs() <= 1).all() and ((boxes > 0) & (boxes < 1)).any():
        warnings.warn(
            "boxes must be in pixels, but these look like fractions of the image (multiply them by its width and "
            f"height), got {boxes[0].tolist()}",
            stacklevel=2,
        )


def check_dims(leaves: list[Any], dims: int) -> None:
    """Raise an error if there are boxes or keypoints, which need ``dims=2``, and ``dims`` is not 2."""
    flat = [type(leaf).__name__ for leaf in leaves if needs_sample(leaf)]
    if flat and dims != 2:
        raise ValueError(f"dims must be 2 if there are boxes or keypoints, got {dims} beside {flat[0]}")


def check_names(nest: Nest, taken: set[int], *, is_sample: bool) -> None:
    """Raise an error if boxes, masks or keypoints are plain tensors, arrays or lists, which would be left unmixed."""
    axes = 2 if is_sample else 3
    for i, path in enumerate(nest.paths):
        if i in taken or isinstance(nest.leaves[i], tv_tensors.TVTensor):
            continue
        for depth, key in enumerate(path):
            kind = _KINDS.get(str(key).lower())
            if kind is None:
                continue
            value = at(nest.root, path[: depth + 1])
            least = axes - 1 if kind is tv_tensors.BoundingBoxes else axes  # (4,) is the only box of an image
            if _is_list_of_rows(value, is_sample=is_sample) or len(getattr(value, "shape", ())) >= least:
                what = f"of shape {tuple(value.shape)}" if hasattr(value, "shape") else f"of length {len(value)}"
                raise TypeError(
                    f"{key} must be tv_tensors.{kind.__name__}, as anything else would be left unmixed "
                    f"(wrap it: {_MADE_BY[kind]}), got {type(value).__name__} {what}"
                )


def _is_list_of_rows(value: object, *, is_sample: bool) -> bool:
    """Return True for a list, but not for one of numbers, which is in a batch one of tensors ``(N,)``."""
    if not isinstance(value, (list, tuple)) or any(isinstance(item, (int, float)) for item in value):
        return False
    return is_sample or not value or any(getattr(item, "ndim", 0) != 1 for item in value)


def with_rows(root: Any) -> Any:
    """Convert lists with one number per instance, as in COCO datasets wrapped by torchvision, to tensors."""
    keys = keys_of(root)
    if keys is None:
        return root
    holds_instances = any(has_instance_kernel(item_of(root, key)) for key in keys)
    changed = {}
    for key in keys:
        item = item_of(root, key)
        is_list = holds_instances and key in ROWS and type(item) is list
        is_row = is_list and all(isinstance(number, (int, float)) for number in item)
        new = _row_of(item, key) if is_row else with_rows(item)
        if new is not item:
            changed[key] = new
    return with_items(root, changed) if changed else root


def _row_of(numbers: list[Any], key: object) -> Tensor:
    """Convert a list of numbers to a tensor; an empty list has the dtype that other samples have."""
    if numbers or key not in ("labels", "class_labels", "iscrowd"):
        return torch.tensor(numbers)
    return torch.empty(0, dtype=torch.int64)


def with_weights(root: Any, groups: list[Instances]) -> Any:
    """Add a weight of 1 for each instance to every group of instances without weights."""
    for group in groups:
        holder, first = at(root, group.path), group.members[0].value
        own = next((member.value for member in group.members if member.place == group.weights_place), None)
        if own is not None:
            root = root if own.is_floating_point() else _with_item(root, group.path, WEIGHTS, own.float())
            continue
        if _is_points(first):
            continue  # keypoints of the image have no weights
        if not isinstance(holder, Mapping):
            raise ValueError(
                f"boxes, masks and keypoints must be in a dictionary, to which MixUp adds {WEIGHTS!r}, got a "
                f"{type(holder).__name__}"
            )
        weights = torch.ones(len(first), dtype=torch.float32, device=unwrap(first).device)
        root = _with_item(root, group.path, WEIGHTS, weights)
    return root


def _with_item(node: object, path: Path, key: object, item: Any) -> Any:
    if not path:
        return with_items(node, {key: item})
    return with_items(node, {path[0]: _with_item(item_of(node, path[0]), path[1:], key, item)})
