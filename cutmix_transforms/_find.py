"""Which leaves of a sample belong to its instances: boxes, masks, keypoints, and the labels beside them."""

from collections.abc import Mapping
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path
from torchvision import tv_tensors

from cutmix_transforms._instances import Instances, Leaf
from cutmix_transforms._wrap import unwrap
from cutmix_transforms.functional._draw import Size
from cutmix_transforms.functional._kernels import instance_kernel

WEIGHTS = "weights"


def find_instances(inputs: Any, leaves: list[Any], images: list[int], labels: list[int], size: Size) -> list[Instances]:
    """The instances of a sample: those of each dictionary, tuple or list that holds any are one group."""
    paths = [path for path, _ in tree_flatten_with_path(inputs)[0]]
    holders: dict[Any, list[int]] = {}
    for i, leaf in enumerate(leaves):
        if instance_kernel(leaf) is not None:
            check_structure(leaf, size)
            holders.setdefault(paths[i][:-1], []).append(i)
    is_video = any(isinstance(leaves[i], tv_tensors.Video) for i in images)
    groups = []
    for path, places in holders.items():
        beside = [i for i in range(len(leaves)) if paths[i][:-1] == path]
        _check_lists(leaves, paths, path, labels)
        members = _members(leaves, places, [i for i in labels if i in beside], is_video=is_video)
        points = [[i] for i in places if _is_points(leaves[i]) and i not in members]
        weights = [i for i in beside if members and _key(paths[i]) == WEIGHTS and not _is_points(leaves[members[0]])]
        named = {_key(paths[i]) for i in beside if i in images or i in labels or i in places or i in weights}
        for some in ([members + weights] if members else []) + points:
            place = weights[0] if weights and weights[0] in some else None
            groups.append(Instances(_aligned(leaves, paths, some), size, path, named, place))
    return groups


def _check_lists(leaves: list[Any], paths: list[Any], path: Any, labels: list[int]) -> None:
    for i in labels:
        if len(paths[i]) == len(path) + 2 and paths[i][: len(path)] == path and leaves[i].ndim == 0:
            raise ValueError(
                f"labels beside boxes and the like must be a tensor with one row for each, got {_key(paths[i][:-1])!r} "
                "as a list"
            )


def _members(leaves: list[Any], places: list[int], labels: list[int], *, is_video: bool) -> list[int]:
    """What has a row for each instance.

    Keypoints ``(n, 2)`` are those of the whole image, and instances only where there is nothing else; and so are masks
    ``(n, H, W)`` without boxes only instances if they have as many integer labels.
    """
    masks = [i for i in places if isinstance(leaves[i], tv_tensors.Mask) and leaves[i].ndim == 3]
    rows = [i for i in places if has_rows(leaves[i])]
    if rows:
        return rows + masks + labels
    points = [i for i in places if _is_points(leaves[i])]
    for found in ([] if is_video else masks), points[:1]:
        if found and any(_fits(leaves[i], len(leaves[found[0]])) for i in labels):
            return found + labels
    return points[:1]


def _fits(label: Tensor, count: int) -> bool:
    return label.ndim == 1 and len(label) == count and not (count and label.is_floating_point())


def has_rows(leaf: Any) -> bool:
    """Whether a leaf that an instance kernel takes has a row for each instance, whatever lies beside it."""
    return not isinstance(leaf, tv_tensors.Mask) and not _is_points(leaf)


def _is_points(leaf: Any) -> bool:
    return isinstance(leaf, tv_tensors.KeyPoints) and leaf.ndim == 2


def _aligned(leaves: list[Any], paths: list[Any], places: list[int]) -> list[Leaf]:
    count = len(leaves[places[0]])
    for i in places:
        leaf = leaves[i]
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or len(leaf) != count:
            what = f"shape {tuple(leaf.shape)}" if isinstance(leaf, Tensor) else repr(leaf)
            hint = " (a mask of classes is (H, W) there)" if isinstance(leaf, tv_tensors.Mask) else ""
            raise ValueError(
                f"boxes, labels and all else of instances must be aligned, one row for each of {count} in "
                f"{_key(paths[places[0]])!r}, got {_key(paths[i])!r} of {what}{hint}"
            )
    return [Leaf(i, leaves[i]) for i in places]


def _key(path: Any) -> Any:
    """The last key, index or field of a path."""
    last = path[-1] if path else None
    return next((getattr(last, name) for name in ("key", "idx", "name") if hasattr(last, name)), None)


def check_structure(leaf: Any, size: Size) -> None:
    """Raise an error if boxes, masks or keypoints do not fit an image of this size, or cannot be mixed at all."""
    shape = tuple(leaf.shape)
    if isinstance(leaf, tv_tensors.Mask):
        if shape[-2:] != size:
            raise ValueError(f"masks must be of the size of the image, {size}, got shape {shape}")
        return
    if isinstance(leaf, tv_tensors.BoundingBoxes):
        if tv_tensors.is_rotated_bounding_format(leaf.format):
            raise ValueError(f"boxes must not be rotated (XYXY, XYWH or CXCYWH), got format {leaf.format.value}")
        if leaf.ndim != 2 or shape[1] != 4:
            raise ValueError(f"boxes must be of shape (n, 4), and (0, 4) where there are none, got {shape}")
    if isinstance(leaf, tv_tensors.KeyPoints) and (leaf.ndim not in (2, 3) or shape[-1] != 2):
        raise ValueError(f"keypoints must be of shape (n, 2), of the image, or (n, k, 2), of instances, got {shape}")
    canvas = getattr(leaf, "canvas_size", size)
    if canvas is None or tuple(canvas) != size:
        raise ValueError(f"canvas_size of {type(leaf).__name__} must be the size of the image, {size}, got {canvas}")


def unnamed(inputs: Any, groups: list[Instances]) -> list[Any]:
    """Keys of what is as long as there are instances, so seems to belong to them, but was not named as a label."""
    found = []
    for group in groups:
        count, holder = len(group.members[0].value), _at(inputs, group.path)
        for key, value in holder.items() if isinstance(holder, Mapping) else enumerate(holder):
            is_list = isinstance(value, (list, tuple)) or (hasattr(value, "shape") and len(value.shape) > 0)
            is_known = key in group.named or key == "image_id" or isinstance(value, tv_tensors.TVTensor)
            if count and is_list and not is_known and len(value) == count:
                found.append(key)
    return found


def with_weights(inputs: Any, groups: list[Instances]) -> Any:
    """The sample with a weight of 1 for each instance, beside the instances, where there are no weights yet."""
    for group in groups:
        holder = _at(inputs, group.path)
        if group.weights_place is not None or _is_points(group.members[0].value):
            continue  # points of the image weigh nothing
        if not isinstance(holder, Mapping):
            raise ValueError(
                f"boxes and the like must lie in a dictionary, to which MixUp adds {WEIGHTS!r}, got a "
                f"{type(holder).__name__}"
            )
        new: Any = copy(holder)
        new[WEIGHTS] = torch.ones(
            len(group.members[0].value), dtype=torch.float32, device=unwrap(group.members[0].value).device
        )
        inputs = _replaced(inputs, group.path, new)
    return inputs


def _at(inputs: Any, path: Any) -> Any:
    for step in path:
        inputs = getattr(inputs, step.name) if hasattr(step, "name") else inputs[_key((step,))]
    return inputs


def _replaced(inputs: Any, path: Any, new: Any) -> Any:
    """The same nest with something new at the end of a path; nothing is changed in place."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    inner = _replaced(_at(inputs, (step,)), rest, new)
    if isinstance(inputs, (Mapping, list)):
        out: Any = copy(inputs)
        out[_key((step,))] = inner
        return out
    if hasattr(inputs, "_replace"):
        name = getattr(step, "name", None) or inputs._fields[step.idx]
        return inputs._replace(**{name: inner})
    return tuple(inner if k == step.idx else item for k, item in enumerate(inputs))
