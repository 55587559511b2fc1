"""Reading what a mix was called with: which leaves are images, and which are labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import PIL.Image
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_unflatten
from torch.utils.data import default_collate, default_convert
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms.functional import image_size
from cutmix_transforms.functional._draw import Size
from cutmix_transforms.functional._targets import MixedTarget

LabelsGetter = str | int | Callable[[Any], Any] | None

LABEL_KEYS = ("labels", "label", "targets", "target")


@dataclass
class Parts:
    """A batch, or a sample as a batch of one, taken apart into images, labels and the rest."""

    leaves: list[Any]
    spec: TreeSpec
    image_places: list[int]
    label_places: list[int]
    images: list[Tensor]
    labels: list[Tensor]
    is_sample: bool
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
        for i, image in zip(self.image_places, self.images, strict=True):
            if self.is_mixed:
                leaves[i] = rewrap(image[0], image) if self.is_sample else image
        for i, target in zip(self.label_places, self.targets, strict=True):
            leaves[i] = _first(target) if self.is_sample else target
        return tree_unflatten(leaves, self.spec)


def take_apart(inputs: Any, getter: LabelsGetter, *, is_sample: bool) -> Parts:
    """Find the images and labels of a batch or of a sample."""
    leaves, spec = tree_flatten(inputs)
    tensors = [_as_tensor(leaf) for leaf in leaves] if is_sample else list(leaves)
    check_leaves(tensors)
    label_places = label_positions(tree_unflatten(tensors, spec), tensors, spec, getter)
    image_places = image_positions(tensors, label_places, ndim=3 if is_sample else 4)
    for i in image_places:
        leaves[i] = tensors[i]  # an array becomes a tensor, mixed or not
    images = [tensors[i] for i in image_places]
    labels = [tensors[i] for i in label_places]
    if is_sample:
        images = [rewrap(image[None], image) for image in images]
        labels = [label[None] for label in labels]
    return Parts(leaves, spec, image_places, label_places, images, labels, is_sample)


def unwrap(tensor: Tensor) -> Tensor:
    """A tv_tensor as a plain tensor: its methods are faster, and can be compiled."""
    return tensor.as_subclass(Tensor) if isinstance(tensor, tv_tensors.TVTensor) else tensor


def rewrap(plain: Tensor, like: Tensor) -> Tensor:
    """Give a plain tensor the type and metadata of another one."""
    return tv_tensors.wrap(plain, like=like) if isinstance(like, tv_tensors.TVTensor) else plain


def check_leaves(leaves: list[Any]) -> None:
    """Raise an error if there is something that a mix would have to change but cannot."""
    for leaf in leaves:
        if isinstance(leaf, PIL.Image.Image):
            raise TypeError(f"images must be tensors (put v2.ToImage() in front of the mix), got a PIL image: {leaf!r}")
        if isinstance(leaf, (tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)):
            raise TypeError(f"inputs must be images, videos and labels, got {type(leaf).__name__}")


def _as_tensor(leaf: Any) -> Any:
    """Numbers and arrays as tensors, as ``default_collate`` makes them; everything else as it is."""
    return default_collate([leaf])[0] if isinstance(leaf, (int, float)) else default_convert(leaf)


def _first(target: Tensor | MixedTarget) -> Tensor | MixedTarget:
    return MixedTarget(*(field[0] for field in target)) if isinstance(target, MixedTarget) else target[0]


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
    positions = [_positions_of(label, leaves) for label in _labels(inputs, getter)]
    if any(len(found) > 1 for found in positions):  # one tensor at several places: look again, at aliases
        aliases = [leaf.view_as(leaf) if is_pure_tensor(leaf) else leaf for leaf in leaves]
        positions = [_positions_of(label, aliases) for label in _labels(tree_unflatten(aliases, spec), getter)]
    return [found[0] for found in positions]


def _labels(inputs: Any, getter: LabelsGetter) -> list[Any]:
    labels = find_labels(inputs, getter)
    if isinstance(labels, MixedTarget):
        raise TypeError(f"labels must not be mixed already, got {labels}")
    return tree_leaves(labels)


def _positions_of(label: Any, leaves: list[Any]) -> list[int]:
    if not isinstance(label, Tensor):
        raise TypeError(f"labels must be a tensor or several, got {type(label).__name__}: {label!r}")
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
    if isinstance(inputs, (tuple, list)):
        if isinstance(getter, int):
            return _item(inputs, getter)
        if getter == "default":
            second = _item(inputs, 1)
            return _by_key(second, LABEL_KEYS) if isinstance(second, Mapping) else second
        if getter in getattr(inputs, "_fields", ()):
            return getattr(inputs, getter)
        inputs = next((item for item in inputs if isinstance(item, Mapping)), inputs)
    if getter == "default":
        return _by_key(inputs, LABEL_KEYS)
    return _by_key(inputs, (getter,))


def _item(inputs: Any, index: int) -> Any:
    try:
        return inputs[index]
    except IndexError:
        raise ValueError(
            f"labels must be item {index} of the inputs (or set labels_getter; None: no labels), "
            f"got {len(inputs)} item(s)"
        ) from None


def _by_key(inputs: Any, keys: tuple[str | int, ...]) -> Any:
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
