"""Reading what a mix was called with: which leaves are images, labels, maps beside the images, and instances."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_unflatten
from torch.utils.data import default_convert
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._find import find_instances, unnamed
from cutmix_transforms._instances import Instances, Leaf
from cutmix_transforms._stacking import stacked
from cutmix_transforms._wrap import rewrap, unwrap
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._draw import image_size
from cutmix_transforms.functional._kernels import instance_kernel, map_kernel
from cutmix_transforms.functional._pairs import MixedTarget

LabelsGetter = str | int | Callable[[Any], Any] | None

STRUCTURES = {"boxes": tv_tensors.BoundingBoxes, "masks": tv_tensors.Mask, "keypoints": tv_tensors.KeyPoints}
LABEL_KEYS = ("labels", "label", "targets", "target")
_APART = (
    "inputs must not hold boxes, instance masks or keypoints but sample by sample: mix them with MixDataset, or with "
    "MixCollate and a collate_fn that keeps samples apart, such as lambda samples: tuple(zip(*samples))"
)


class Parts(NamedTuple):
    """What was found in a batch, or in a sample, which is taken for a batch of one."""

    leaves: list[Any]  # all, as they came
    spec: TreeSpec
    images: list[Leaf]
    maps: list[Leaf]  # such as semantic masks
    targets: list[Leaf]  # labels as they came or, once they are ready, in the form that is mixed
    groups: list[Instances]
    unnamed: list[Any]  # keys of what seems to belong to instances
    is_sample: bool

    def with_leaves(self, leaves: list[Any]) -> "Parts":
        """Return the batch that such samples make: other leaves at the same places; labels are stacked."""
        images, maps = ([Leaf(place, leaves[place]) for place, _ in some] for some in (self.images, self.maps))
        targets = [Leaf(place, stacked(leaves[place])) for place, _ in self.targets]
        return Parts(leaves, self.spec, images, maps, targets, self.groups, self.unnamed, is_sample=False)

    def forms(self) -> "Parts":
        """Return the same without the numbers: shapes, dtypes and types."""
        images, maps, targets = (
            [Leaf(place, rewrap(torch.empty_like(unwrap(value), device="meta"), value)) for place, value in leaves]
            for leaves in (self.images, self.maps, self.targets)
        )
        return Parts([], self.spec, images, maps, targets, self.groups, self.unnamed, self.is_sample)

    def rebuilt(self, values: dict[int, Any]) -> Any:
        """Return the batch or sample with other values at some places; all else in it is the identical object."""
        leaves = list(self.leaves)
        rows = {leaf.place for leaf in (*self.images, *self.maps, *self.targets)} if self.is_sample else ()
        for place, value in values.items():
            leaves[place] = _first(value) if place in rows else value
        return tree_unflatten(leaves, self.spec)


def read(inputs: Any, getter: LabelsGetter, *, is_sample: bool) -> Parts:
    """Find what is mixed in a batch or in a sample."""
    leaves, spec = tree_flatten(inputs)
    tensors = [as_tensor(leaf) for leaf in leaves] if is_sample else leaves
    check_leaves(tensors)
    check_names(inputs)
    labels = find_labels(tensors, spec, getter)
    images = find_images(tensors, labels, ndim=3 if is_sample else 4)
    groups: list[Instances] = []
    if is_sample and any(_is_structure(leaf) for leaf in tensors):
        groups = find_instances(inputs, tensors, images, labels, image_size(tensors[images[0]][None]))
    elif not is_sample:
        _check_batched(tensors, tensors[images[0]])
    taken = {member.place for group in groups for member in group.members}
    maps = [i for i, leaf in enumerate(tensors) if _is_tv(leaf) and i not in taken and map_kernel(leaf)]

    def of_batch(places: list[int]) -> list[Leaf]:
        return [Leaf(i, rewrap(tensors[i][None], tensors[i]) if is_sample else tensors[i]) for i in places]

    kept = [tensors[i] if i in images else leaf for i, leaf in enumerate(leaves)]  # an array becomes a tensor
    targets = [i for i in labels if i not in taken]
    return Parts(
        kept,
        spec,
        of_batch(images),
        of_batch(maps),
        of_batch(targets),
        groups,
        unnamed(inputs, groups) if groups else [],
        is_sample,
    )


def _is_tv(leaf: Any) -> bool:
    return isinstance(leaf, tv_tensors.TVTensor)


def _is_structure(leaf: Any) -> bool:
    return isinstance(leaf, tv_tensors.TVTensor) and instance_kernel(leaf) is not None


def _check_batched(leaves: list[Any], images: Tensor) -> None:
    """Raise an error unless what lies beside a batch of images can be mixed as a batch."""
    for leaf in leaves:
        if isinstance(leaf, tv_tensors.Mask):
            if leaf.ndim < 3 or len(leaf) != len(images) or tuple(leaf.shape[-2:]) != image_size(images):
                raise ValueError(
                    f"masks must be (N, H, W) or (N, 1, H, W) with N, H and W of the images, got {tuple(leaf.shape)} "
                    f"beside images {tuple(images.shape)}"
                )
        elif _is_structure(leaf):
            raise TypeError(f"{_APART}, got {type(leaf).__name__} in a batch")


def check_leaves(leaves: list[Any]) -> None:
    """Raise an error if there is something that a mix would have to change but cannot."""
    for leaf in leaves:
        if isinstance(leaf, PIL.Image.Image):
            raise TypeError(f"images must be tensors (put v2.ToImage() in front of the mix), got a PIL image: {leaf!r}")


def check_names(inputs: Any) -> None:
    """Raise an error if boxes, masks or keypoints are plain tensors, which nothing would happen to."""
    for holder in inputs if isinstance(inputs, (tuple, list)) else [inputs]:
        for name, kind in STRUCTURES.items() if isinstance(holder, Mapping) else ():
            value = holder.get(name)
            if hasattr(value, "shape") and not isinstance(value, tv_tensors.TVTensor) and len(value.shape) >= 2:
                raise TypeError(
                    f"{name} must be tv_tensors.{kind.__name__}, which a plain tensor cannot be taken for, "
                    f"got {type(value).__name__} of shape {tuple(value.shape)}"
                )


def check_stackable(sample: Parts) -> None:
    """Raise an error if samples cannot be stacked to a batch that can be mixed."""
    if sample.groups:
        raise TypeError(f"{_APART}, got {type(sample.groups[0].members[0].value).__name__} with default_collate")


def as_tensor(leaf: Any) -> Any:
    """Return numbers and arrays as tensors, as ``default_collate`` makes them; everything else as it is."""
    if isinstance(leaf, Tensor):
        return leaf
    if isinstance(leaf, (int, float)):
        return torch.tensor(leaf, dtype=torch.float64 if isinstance(leaf, float) else None, device="cpu")
    return default_convert(leaf)


def _first(batch: Tensor | MixedTarget) -> Tensor | MixedTarget:
    """Return the only sample of a batch."""
    if isinstance(batch, MixedTarget):
        return MixedTarget(*(rewrap(field[0], field) for field in batch))
    return rewrap(batch[0], batch)


def check_labels_getter(value: Any) -> LabelsGetter:
    """Return ``"default"``, a key, an index, a callable or None."""
    known = value is None or callable(value) or (isinstance(value, (str, int)) and not isinstance(value, bool))
    if not known:
        raise TypeError(f"labels_getter must be 'default', a key, an index, a callable or None, got {value!r}")
    getter: LabelsGetter = value
    return getter


def find_images(leaves: list[Any], labels: list[int], ndim: int) -> list[int]:
    """Return where the images and videos are among the leaves.

    All explicit ones (``Image``, ``Video``, PIL); without any of those one plain tensor, the first that is no label
    and has at least ``ndim`` dimensions, or simply the first.
    """
    explicit = (tv_tensors.Image, tv_tensors.Video, PIL.Image.Image)
    found = [i for i, leaf in enumerate(leaves) if isinstance(leaf, explicit) and i not in labels]
    if found:
        return found
    plain = [i for i, leaf in enumerate(leaves) if is_pure_tensor(leaf) and i not in labels]
    found = [i for i in plain if leaves[i].ndim >= ndim] or plain
    if not found:
        kinds = sorted({type(leaf).__name__ for leaf in leaves})
        raise TypeError(f"inputs must hold an image or a video, got {', '.join(kinds) or 'nothing'}")
    return found[:1]


def find_labels(leaves: list[Any], spec: TreeSpec, getter: LabelsGetter) -> list[int]:
    """Return where the labels are among the leaves."""
    if getter is None:
        return []
    if callable(getter):
        places = _places_returned(leaves, spec, getter)
    else:
        found = _find_named(tree_unflatten(range(len(leaves)), spec), leaves, getter)  # a nest of places
        if isinstance(found, MixedTarget):
            raise _already_mixed(MixedTarget(*(leaves[place] for place in found)))
        places = tree_leaves(found)
    for place in places:
        _check_tensor(leaves[place])
    return places


def _places_returned(leaves: list[Any], spec: TreeSpec, getter: Callable[[Any], Any]) -> list[int]:
    """Return the places of the tensors that a getter returns, which can only be told by their identity."""
    labels = getter(tree_unflatten(leaves, spec))
    if isinstance(labels, MixedTarget):
        raise _already_mixed(labels)
    found = [_places_of(label, leaves) for label in tree_leaves(labels)]
    if any(len(places) > 1 for places in found):  # one tensor at several places: look again, at aliases
        aliases = [leaf.view_as(leaf) if is_pure_tensor(leaf) else leaf for leaf in leaves]
        found = [_places_of(label, aliases) for label in tree_leaves(getter(tree_unflatten(aliases, spec)))]
    return [places[0] for places in found]


def _places_of(label: Any, leaves: list[Any]) -> list[int]:
    _check_tensor(label)
    found = [i for i, leaf in enumerate(leaves) if leaf is label]
    if not found:
        raise ValueError(f"labels_getter must return tensors of the input itself, got another one: {label!r}")
    return found


def _already_mixed(labels: MixedTarget) -> TypeError:
    return TypeError(f"labels must not be mixed already, got {labels}")


def _check_tensor(label: Any) -> None:
    if not isinstance(label, Tensor):
        raise TypeError(f"labels must be a tensor or several, got {received(label)}")


def _find_named(nest: Any, leaves: list[Any], getter: str | int) -> Any:
    """Return what a key, an index or the default finds in a nest of places."""
    is_default = getter == "default"
    if isinstance(nest, (tuple, list)):
        if is_default or isinstance(getter, int):
            found = _item(nest, 1 if is_default else int(getter))
            if is_default and isinstance(found, int) and isinstance(leaves[found], tv_tensors.TVTensor):
                _check_no_label(leaves[found], len(nest))
                return ()
            if not is_default or not isinstance(found, Mapping):
                return found
            nest = found
        elif getter in getattr(nest, "_fields", ()):
            return getattr(nest, getter)
        else:
            nest = next((item for item in nest if isinstance(item, Mapping)), nest)
    keys = LABEL_KEYS if is_default else (getter,)
    names = ", ".join(map(repr, keys))
    if not isinstance(nest, Mapping):
        kind = type(leaves[nest] if isinstance(nest, int) else nest).__name__
        raise ValueError(
            f"labels must be the second argument or an item {names} of a dictionary (or set labels_getter; None: "
            f"no labels), got only {kind}"
        )
    wanted = [key for key in nest if key in keys or (is_default and str(key).lower() in keys)]
    if len(wanted) != 1:
        raise ValueError(
            f"labels must be exactly one of the items {names} (or set labels_getter; None: no labels), got "
            f"{wanted or 'none of them'} among the keys {list(nest)}"
        )
    return nest[wanted[0]]


def _item(nest: Any, place: int) -> Any:
    if not -len(nest) <= place < len(nest):
        raise ValueError(
            f"labels must be item {place} of the inputs (or set labels_getter; None: no labels), "
            f"got {len(nest)} item(s)"
        )
    return nest[place]


def _check_no_label(second: Any, count: int) -> None:
    """Raise an error where the second item holds neither labels nor, as a mask does, what is mixed without labels."""
    if count > 2 and not isinstance(second, (tv_tensors.Image, tv_tensors.Video, tv_tensors.Mask)):
        raise ValueError(
            "labels_getter must say which item holds the labels (None: no labels), "
            f"got {type(second).__name__} as the second of {count} items"
        )
