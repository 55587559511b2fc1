"""What a mix has to find in a nest: written again, in plain loops, without the package."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from torchvision import tv_tensors

LABEL_KEYS = ("labels", "label", "targets", "target")
IMAGE, MASK, LABEL, LEFT = "image", "mask", "label", "left"


def children(node):
    """Keys and what lies under them, of anything that is a container; None of a leaf."""
    if isinstance(node, Mapping):
        return [(key, node[key]) for key in node]
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return [(name, getattr(node, name)) for name in node._fields]
    if dataclasses.is_dataclass(node):
        return [(field.name, getattr(node, field.name)) for field in dataclasses.fields(node)]
    return list(enumerate(node)) if isinstance(node, (tuple, list)) else None


def walk(node, path=()):
    """All leaves by their paths."""
    found = children(node)
    if found is None:
        return {path: node}
    return {deep: leaf for key, child in found for deep, leaf in walk(child, (*path, key)).items()}


def is_pure(leaf):
    is_array = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf"
    return is_array or (isinstance(leaf, torch.Tensor) and not isinstance(leaf, tv_tensors.TVTensor))


def has_names(node):
    return children(node) is not None and (not isinstance(node, (tuple, list)) or hasattr(node, "_fields"))


def label_paths(root):
    """Where labels are by default: under the one key that says so, or the second of several."""
    if has_names(root) and (
        not isinstance(root, tuple) or any(str(key).lower() in LABEL_KEYS for key, _ in children(root))
    ):
        holder = ()
    else:
        (key, second) = children(root)[1]
        holder = (key,)
        if not has_names(second):
            return [] if isinstance(second, tv_tensors.TVTensor) else [path for path in walk(root) if path[0] == key]
    while True:
        node = root
        for key in holder:
            node = dict(children(node))[key]
        if holder and str(holder[-1]).lower() in LABEL_KEYS and not has_names(node):
            return [path for path in walk(root) if path[: len(holder)] == holder]
        wanted = [key for key, _ in children(node) if str(key).lower() in LABEL_KEYS]
        if len(wanted) != 1:
            return []
        holder = (*holder, wanted[0])


def is_dense(leaf, size, *, is_sample):
    shape = tuple(leaf.shape) if is_sample else tuple(leaf.shape[1:])
    return shape in (size, (1, *size))


def roles(root, *, is_sample):
    """What each leaf is, by the rules of the package: explicit images, else the first plain tensor that is large."""
    leaves, labels = walk(root), label_paths(root)
    explicit = [p for p, leaf in leaves.items() if isinstance(leaf, (tv_tensors.Image, tv_tensors.Video))]
    plain = [path for path, leaf in leaves.items() if is_pure(leaf) and path not in labels]
    plain = [path for path in plain if str(path[-1]).lower() not in ("mask", "masks")] or plain
    large = [path for path in plain if leaves[path].ndim >= (3 if is_sample else 4)]
    images = [path for path in explicit if path not in labels] or large[:1]
    size = tuple(leaves[images[0]].shape[-2:]) if images else None
    found = {}
    for path, leaf in leaves.items():
        is_named = str(path[-1]).lower() in ("mask", "masks")
        can_be = is_pure(leaf) and (path in labels or is_named) and leaf.ndim
        is_map = can_be and is_dense(leaf, size, is_sample=is_sample)
        if path in images:
            found[path] = IMAGE
        elif isinstance(leaf, tv_tensors.Mask) or is_map:
            found[path] = MASK
        else:
            found[path] = LABEL if path in labels else LEFT
    return found


def fits(leaf, image, count, *, is_sample):
    """Whether a leaf has a value, or several, for each pixel of each image, whose channels may be last."""
    sizes = [tuple(image.shape[-2:])] + ([tuple(image.shape[-3:-1])] if image.shape[-1] == 3 else [])
    shape = tuple(getattr(leaf, "shape", ()))
    if not is_sample:
        if shape[:1] != (count,):
            return False
        shape = shape[1:]
    return shape[-2:] in sizes or (len(shape) > 2 and shape[-3:-1] in sizes)


def walk_like(before, after):
    """The leaves of the second nest by the paths of the first, in which no label is a pair yet."""
    found = {}
    for path in walk(before):
        node = after
        for key in path:
            node = node[key] if not isinstance(key, str) or hasattr(node, "keys") else getattr(node, key)
        found[path] = node
    return found


def image_of(root, what):
    """The first image; None where there is none of three axes or more."""
    return next((leaf for path, leaf in walk(root).items() if what[path] == IMAGE), None)
