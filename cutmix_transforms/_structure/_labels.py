"""Finding the labels of a batch or sample: by position, key, index or a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import is_pure_tensor

from cutmix_transforms._structure._advice import PLACES
from cutmix_transforms._structure._containers import SEQUENCES, Nest, at, fields_of
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._pairs import MixedTarget

if TYPE_CHECKING:
    from cutmix_transforms._structure._containers import Path

LabelsGetter = str | int | Callable[[Any], Any] | None

LABEL_KEYS = ("labels", "label", "targets", "target")
MASK_KEYS = ("mask", "masks")
_WAYS_OUT = "(or set labels_getter; None means no labels)"


class Found(NamedTuple):
    """The indices of the leaves that are labels, and the message of an error if labels are missing."""

    places: list[int]
    missing: str = ""  # empty if labels are not needed


def check_labels_getter(value: Any) -> LabelsGetter:
    """Return ``labels_getter``, or raise an error unless it is a key, an index, a callable or None."""
    known = value is None or callable(value) or (isinstance(value, (str, int)) and not isinstance(value, bool))
    if not known:
        raise TypeError(f"labels_getter must be 'default', a key, an index, a callable or None, got {value!r}")
    getter: LabelsGetter = value
    return getter


def find_labels(nest: Nest, getter: LabelsGetter) -> Found:
    """Find the leaves that are labels."""
    if getter is None:
        return Found([])
    if getter == "default":
        return _find_default(nest)
    if callable(getter):
        return Found(_places_returned(nest, getter))
    return Found(_places_at(nest, _path_of(nest.root, getter)))


def _find_default(nest: Nest) -> Found:
    """Find the labels as the second of several items, or by one of the usual keys."""
    root = nest.root
    fields = fields_of(root)
    if fields is not None and (not isinstance(root, tuple) or any(map(is_label_key, fields))):
        return _find_by_name(nest, ())
    if not isinstance(root, SEQUENCES) or len(root) < 2:
        kind = _kind_of(root)
        raise ValueError(
            f"labels must be the second argument or an item {_quoted(LABEL_KEYS)} of a dictionary, got only {kind}; "
            f"{PLACES} (set labels_getter if the labels are elsewhere; None means no labels)"
        )
    second, path = root[1], second_path(root)
    if fields_of(second) is not None and not isinstance(second, MixedTarget):
        return _find_by_name(nest, path)
    if isinstance(second, SEQUENCES) and any(fields_of(item) is not None for item in second):
        raise ValueError(
            "labels must be a tensor or several tensors, or be in a dictionary (with boxes, samples are mixed before "
            "they are a batch: MixCollate(mix, collate_fn=unstacked); a COCO dataset is wrapped first with "
            f"torchvision.datasets.wrap_dataset_for_transforms_v2), got a list of {type(second[0]).__name__}"
        )
    if isinstance(second, tv_tensors.TVTensor):
        _check_no_label(second, len(root))
        return Found([])
    return Found(_places_at(nest, path))


def second_path(root: Any) -> Path:
    """Return the path of the second of several items, or an empty path."""
    if not isinstance(root, SEQUENCES) or len(root) < 2:
        return ()
    return ((fields_of(root) or range(2))[1],)


def _find_by_name(nest: Nest, path: Path) -> Found:
    fields = fields_of(at(nest.root, path)) or []
    wanted = [field for field in fields if is_label_key(field)]
    message = (
        f"labels must be exactly one of the items {_quoted(LABEL_KEYS)} {_WAYS_OUT}, "
        f"got {wanted or 'none of them'} among the keys {fields}"
    )
    if len(wanted) > 1:
        raise ValueError(message)
    if not wanted:
        hint = "; an image without annotations needs boxes (0, 4) and labels (0,)" if "image_id" in fields else ""
        return Found([], message + hint)
    inner = at(nest.root, (*path, wanted[0]))
    if fields_of(inner) is not None and not isinstance(inner, MixedTarget):  # the targets of a detector
        return _find_by_name(nest, (*path, wanted[0]))
    return Found(_places_at(nest, (*path, wanted[0])))


def is_label_key(key: object) -> bool:
    """Return True if a key is a usual name for labels."""
    return str(key).lower() in LABEL_KEYS


def is_mask_key(path: Path) -> bool:
    """Return True if the last key of a path is a usual name for masks."""
    return bool(path) and str(path[-1]).lower() in MASK_KEYS


def _path_of(root: Any, getter: str | int) -> Path:
    """Return the path of a key or an index, looked up in the container or in its first item that has keys."""
    fields = fields_of(root)
    if fields is not None and getter in fields:
        return (getter,)
    if isinstance(getter, int) and isinstance(root, SEQUENCES):
        if not -len(root) <= getter < len(root):
            raise ValueError(f"labels must be item {getter} of the inputs {_WAYS_OUT}, got {len(root)} item(s)")
        index = getter % len(root)
        return (fields[index],) if fields else (index,)
    if fields is None and isinstance(root, SEQUENCES):
        held = [(i, fields_of(item) or []) for i, item in enumerate(root) if fields_of(item) is not None]
        if held:
            index, fields = held[0]
            if getter in fields:
                return index, getter
    is_one = not isinstance(root, SEQUENCES) or len(root) < 2
    items = f"only {_kind_of(root)}" if is_one else f"{len(root)} items without keys"
    found = f"the keys {fields}" if fields is not None else items
    raise ValueError(
        f"labels_getter must be a key or an index of the inputs (None means no labels), got {getter!r} for {found}"
    )


def _kind_of(root: Any) -> str:
    return type(root[0] if isinstance(root, SEQUENCES) and root else root).__name__


def _quoted(keys: Iterable[object]) -> str:
    return ", ".join(map(repr, keys))


def _places_at(nest: Nest, path: Path) -> list[int]:
    found = at(nest.root, path)
    if isinstance(found, MixedTarget):
        raise _already_mixed(found)
    return nest.under(path)


def _places_returned(nest: Nest, getter: Callable[[Any], Any]) -> list[int]:
    """Return the indices of the tensors that a getter returns; they are found by identity."""
    labels = getter(nest.with_leaves(nest.leaves))  # numbers and arrays of a sample are now tensors
    if isinstance(labels, MixedTarget):
        raise _already_mixed(labels)
    found = [_places_of(label, nest.leaves) for label in Nest.of(labels).leaves]
    if any(len(places) > 1 for places in found):  # one tensor at several places: look again, at aliases
        aliases = [leaf.view_as(leaf) if is_pure_tensor(leaf) else leaf for leaf in nest.leaves]
        found = [_places_of(label, aliases) for label in Nest.of(getter(nest.with_leaves(aliases))).leaves]
    chosen = [places[0] for places in found]
    if len(set(chosen)) < len(chosen):
        raise ValueError(
            f"labels_getter must return each tensor once, got {nest.name(max(chosen, key=chosen.count))} several times"
        )
    return chosen


def _places_of(label: Any, leaves: list[Any]) -> list[int]:
    if not isinstance(label, Tensor):
        raise TypeError(f"labels_getter must return the labels, a tensor or several tensors, got {received(label)}")
    found = [i for i, leaf in enumerate(leaves) if leaf is label]
    if not found:
        raise ValueError(f"labels_getter must return tensors of the input itself, got another tensor: {label!r}")
    return found


def _already_mixed(labels: MixedTarget) -> TypeError:
    return TypeError(f"labels must not be mixed already, got {labels}")


def _check_no_label(second: Any, count: int) -> None:
    """Raise an error if the second of more than two items is a tv_tensor that holds neither labels nor pixels."""
    if count > 2 and not isinstance(second, (tv_tensors.Image, tv_tensors.Video, tv_tensors.Mask)):
        raise ValueError(
            "labels_getter must say which item holds the labels (None means no labels), "
            f"got {type(second).__name__} as the second of {count} items"
        )


def check_one_candidate(nest: Nest, labels: list[int], left: list[int], count: int) -> None:
    """Raise an error if a plain tuple holds several items that could be the labels.

    Args:
        nest: the batch or sample.
        labels: the indices of the leaves that were found as labels.
        left: the indices of the leaves with another or no role.
        count: the number of images; 0 for a sample.
    """
    if any(len(nest.paths[i]) > 1 for i in labels):
        return  # found by name
    rows = [i for i in left if len(nest.paths[i]) == 1 and _can_be_labels(nest.leaves[i], count)]
    if fields_of(nest.root) is None and rows and len(nest.root) > 2:
        candidates = sorted([*labels, *rows])
        names = ", ".join(f"{nest.name(i)} of shape {tuple(nest.leaves[i].shape)}" for i in candidates)
        likely = min(candidates, key=lambda i: nest.leaves[i].ndim)  # rather class labels than dense labels
        raise ValueError(
            "labels_getter must say which of several items holds the labels, such as "
            f"labels_getter={nest.paths[likely][0]!r}, got the candidates {names}"
        )


def _can_be_labels(leaf: Any, count: int) -> bool:
    if not is_pure_tensor(leaf):
        return False
    return leaf.ndim < 2 if not count else leaf.ndim in (1, 2) and len(leaf) == count
