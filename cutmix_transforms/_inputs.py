"""Reading what a mix was called with: which leaves are images, labels, maps beside the images, and instances."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import PIL.Image
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_unflatten
from torch.utils.data import default_collate, default_convert
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._find import check_names, find_instances, unnamed, with_weights
from cutmix_transforms._instances import Instances
from cutmix_transforms._wrap import rewrap
from cutmix_transforms.functional import image_size
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._draw import Size
from cutmix_transforms.functional._kernels import instance_kernel, map_kernel
from cutmix_transforms.functional._targets import MixedTarget

LabelsGetter = str | int | Callable[[Any], Any] | None

_APART = (
    "inputs must not hold boxes, instance masks or keypoints but sample by sample: mix them with MixDataset, or with "
    "MixCollate and a collate_fn that keeps samples apart, such as lambda samples: tuple(zip(*samples))"
)
LABEL_KEYS = ("labels", "label", "targets", "target")


@dataclass
class Parts:
    """A batch, or a sample as a batch of one, taken apart into what is mixed and the rest."""

    leaves: list[Any]
    spec: TreeSpec
    image_places: list[int]
    map_places: list[int]
    label_places: list[int]
    images: list[Tensor]
    maps: list[Any]  # such as semantic masks
    labels: list[Tensor]
    groups: list[Instances]
    is_sample: bool
    unnamed: list[Any]  # keys of what seems to belong to instances
    targets: list[Any] = field(default_factory=list)  # the labels in the form that is mixed
    is_mixed: bool = False

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.images[0])

    @property
    def size(self) -> Size:
        """``(height, width)`` of the images."""
        return image_size(self.images[0])

    def put_together(self) -> Any:
        """The batch or sample again, with its targets for labels; images that nothing happened to are identical."""
        leaves = list(self.leaves)
        for places, values in ((self.image_places, self.images), (self.map_places, self.maps)):
            for i, value in zip(places, values, strict=True):
                if self.is_mixed or isinstance(value, MixedTarget):
                    leaves[i] = _first(value) if self.is_sample else value
        for i, target in zip(self.label_places, self.targets, strict=True):
            leaves[i] = _first(target) if self.is_sample else target
        for group in self.groups:
            for i, leaf in zip(group.places, group.leaves, strict=True):
                leaves[i] = leaf
        return tree_unflatten(leaves, self.spec)


def take_apart(inputs: Any, getter: LabelsGetter, *, is_sample: bool = False, has_weights: bool = False) -> Parts:
    """Find what is mixed in a batch or in a sample; with ``has_weights`` instances of a sample get weights."""
    leaves, spec = tree_flatten(inputs)
    tensors = [as_tensor(leaf) for leaf in leaves] if is_sample else list(leaves)
    check_leaves(tensors)
    check_names(inputs)
    label_places = label_positions(tree_unflatten(tensors, spec) if is_sample else inputs, tensors, spec, getter)
    image_places = image_positions(tensors, label_places, ndim=3 if is_sample else 4)
    groups: list[Instances] = []
    if is_sample and any(instance_kernel(leaf) is not None for leaf in tensors):
        size = image_size(tensors[image_places[0]][None])
        groups = find_instances(inputs, tensors, image_places, label_places, size)
        weighed = with_weights(inputs, groups) if has_weights else inputs
        if weighed is not inputs:
            return take_apart(weighed, getter, is_sample=True, has_weights=True)
    taken = {i for group in groups for i in group.places}
    label_places = [i for i in label_places if i not in taken]
    map_places = [i for i, leaf in enumerate(tensors) if i not in taken and map_kernel(leaf) is not None]
    for i in image_places:
        leaves[i] = tensors[i]  # an array becomes a tensor, mixed or not
    images, maps, labels = ([tensors[i] for i in places] for places in (image_places, map_places, label_places))
    unknown = unnamed(inputs, groups)
    if is_sample:
        images, maps = ([rewrap(leaf[None], leaf) for leaf in some] for some in (images, maps))
        labels = [label[None] for label in labels]
    else:
        _check_batched(tensors, images[0])
    return Parts(leaves, spec, image_places, map_places, label_places, images, maps, labels, groups, is_sample, unknown)


def _check_batched(leaves: list[Any], images: Tensor) -> None:
    """Raise an error unless what lies beside a batch of images can be mixed as a batch."""
    for leaf in leaves:
        if isinstance(leaf, tv_tensors.Mask):
            if leaf.ndim < 3 or len(leaf) != len(images) or tuple(leaf.shape[-2:]) != image_size(images):
                raise ValueError(
                    f"masks must be (N, H, W) or (N, 1, H, W) with N, H and W of the images, got {tuple(leaf.shape)} "
                    f"beside images {tuple(images.shape)}"
                )
        elif instance_kernel(leaf) is not None:
            raise TypeError(f"{_APART}, got {type(leaf).__name__} in a batch")


def check_leaves(leaves: list[Any]) -> None:
    """Raise an error if there is something that a mix would have to change but cannot."""
    for leaf in leaves:
        if isinstance(leaf, PIL.Image.Image):
            raise TypeError(f"images must be tensors (put v2.ToImage() in front of the mix), got a PIL image: {leaf!r}")


def may_hold_instances(sample: Any) -> bool:
    """Whether a sample holds boxes, keypoints or masks, so that it may be none that can be stacked."""
    return any(map(instance_kernel, tree_leaves(sample)))


def check_stackable(sample: Parts) -> None:
    """Raise an error if samples cannot be stacked to a batch that can be mixed."""
    if sample.groups:
        raise TypeError(f"{_APART}, got {type(sample.groups[0].leaves[0]).__name__} with default_collate")


def as_tensor(leaf: Any) -> Any:
    """Numbers and arrays as tensors, as ``default_collate`` makes them; everything else as it is."""
    return default_collate([leaf])[0] if isinstance(leaf, (int, float)) else default_convert(leaf)


def _first(batch: Tensor | MixedTarget) -> Tensor | MixedTarget:
    """The only sample of a batch."""
    if isinstance(batch, MixedTarget):
        return MixedTarget(*(rewrap(field[0], field) for field in batch))
    return rewrap(batch[0], batch)


def check_labels_getter(value: Any) -> LabelsGetter:
    """``"default"``, a key, an index, a callable or None."""
    known = value is None or callable(value) or (isinstance(value, (str, int)) and not isinstance(value, bool))
    if not known:
        raise TypeError(f"labels_getter must be 'default', a key, an index, a callable or None, got {value!r}")
    getter: LabelsGetter = value
    return getter


def image_positions(leaves: list[Any], labels: list[int], ndim: int) -> list[int]:
    """Where the images and videos are among the leaves.

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


def label_positions(inputs: Any, leaves: list[Any], spec: TreeSpec, getter: LabelsGetter) -> list[int]:
    """Where the labels that ``getter`` finds are among the leaves."""
    labels = find_labels(inputs, getter)
    if isinstance(labels, MixedTarget):
        raise TypeError(f"labels must not be mixed already, got {labels}")
    positions = list(map(partial(_positions_of, leaves), tree_leaves(labels)))
    if any(len(found) > 1 for found in positions):  # one tensor at several places: look again, at aliases
        aliases = [leaf.view_as(leaf) if is_pure_tensor(leaf) else leaf for leaf in leaves]
        again = find_labels(tree_unflatten(aliases, spec), getter)
        positions = list(map(partial(_positions_of, aliases), tree_leaves(again)))
    return [found[0] for found in positions]


def _positions_of(leaves: list[Any], label: Any) -> list[int]:
    if not isinstance(label, Tensor):
        raise TypeError(f"labels must be a tensor or several, got {received(label)}")
    found = [i for i, leaf in enumerate(leaves) if leaf is label]
    if not found:
        raise ValueError(f"labels_getter must return tensors of the input itself, got another one: {label!r}")
    return found


def find_labels(inputs: Any, getter: LabelsGetter) -> Any:
    """The labels in the inputs of a transform: a tensor, a nest of several, or ``()`` with the getter None."""
    if getter is None:
        return ()
    if callable(getter):
        return getter(inputs)
    is_default = getter == "default"
    if isinstance(inputs, (tuple, list)):
        if is_default or isinstance(getter, int):
            place = 1 if is_default else int(getter)
            if not -len(inputs) <= place < len(inputs):
                raise ValueError(
                    f"labels must be item {place} of the inputs (or set labels_getter; None: no labels), "
                    f"got {len(inputs)} item(s)"
                )
            found = inputs[place]
            if is_default and isinstance(found, tv_tensors.TVTensor):  # masks, say: there are no class labels
                if len(inputs) > 2 and not isinstance(found, (tv_tensors.Image, tv_tensors.Video, tv_tensors.Mask)):
                    raise ValueError(
                        "labels_getter must say which item holds the labels (None: no labels), "
                        f"got {type(found).__name__} as the second of {len(inputs)} items"
                    )
                return ()
            if not is_default or not isinstance(found, Mapping):
                return found
            inputs = found
        elif getter in getattr(inputs, "_fields", ()):
            return getattr(inputs, getter)
        else:
            inputs = next((item for item in inputs if isinstance(item, Mapping)), inputs)
    keys = LABEL_KEYS if is_default else (getter,)
    names = ", ".join(map(repr, keys))
    if not isinstance(inputs, Mapping):
        raise ValueError(
            f"labels must be the second argument or an item {names} of a dictionary (or set labels_getter; None: "
            f"no labels), got only {type(inputs).__name__}"
        )
    wanted = [key for key in inputs if key in keys or (keys is LABEL_KEYS and str(key).lower() in keys)]
    if len(wanted) != 1:
        raise ValueError(
            f"labels must be exactly one of the items {names} (or set labels_getter; None: no labels), got "
            f"{wanted or 'none of them'} among the keys {list(inputs)}"
        )
    return inputs[wanted[0]]
