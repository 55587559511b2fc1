"""Containers, opened into leaves and rebuilt with the same types."""

from __future__ import annotations

import dataclasses
from collections import UserList, deque
from collections.abc import Iterable, Mapping
from copy import copy, deepcopy
from typing import Any, NamedTuple

from torch import Tensor

Path = tuple[Any, ...]  # the keys, indices and fields that lead to a leaf

SEQUENCES = (tuple, list, deque, UserList)
_LEAVES = (Tensor, int, str)  # the most common leaves, tested first because it is fast


class Nest(NamedTuple):
    """A batch or sample with its leaves, and the path to each leaf."""

    root: Any
    leaves: list[Any]
    paths: list[Path]

    @classmethod
    def of(cls, root: Any) -> Nest:
        """Open mappings, tuples, lists and dataclasses; anything else is a leaf."""
        leaves: list[Any] = []
        paths: list[Path] = []
        _collect(root, (), leaves, paths)
        return cls(root, leaves, paths)

    def with_leaves(self, leaves: list[Any]) -> Any:
        """Rebuild the containers with other leaves; a container without a changed leaf is returned itself."""
        return _rebuilt(self.root, iter(leaves))

    def under(self, path: Path) -> list[int]:
        """Return the indices of all leaves at a path or below it."""
        return [place for place, one in enumerate(self.paths) if one[: len(path)] == path]

    def name(self, place: int) -> str:
        """Return the path of a leaf as a user would write it, such as ``inputs[1]['masks']``."""
        return name_of(self.root, self.paths[place])


def _collect(node: object, path: Path, leaves: list[Any], paths: list[Path]) -> None:
    keys = keys_of(node)
    if keys is None:
        leaves.append(node)
        paths.append(path)
        return
    for key in keys:
        _collect(item_of(node, key), (*path, key), leaves, paths)


def keys_of(node: object) -> Iterable[Any] | None:
    """Return the keys of a mapping, the indices of a sequence or the fields of a record; None for a leaf."""
    if isinstance(node, _LEAVES):
        return None
    if isinstance(node, SEQUENCES):
        return fields_of(node) or range(len(node))
    return fields_of(node)


def fields_of(node: object) -> list[Any] | None:
    """Return the keys of a mapping, or the fields of a named tuple or dataclass; None for anything else."""
    if isinstance(node, _LEAVES):
        return None
    if isinstance(node, Mapping):
        return list(node.keys())  # a TensorDict iterates over its rows
    if isinstance(node, tuple):
        return list(getattr(node, "_fields", ())) or None
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return [field.name for field in dataclasses.fields(node)]
    return None


def item_of(node: Any, key: Any) -> Any:
    """Return the item of a container at a key, an index or a field name."""
    if isinstance(node, Mapping) or not isinstance(key, str):
        return node[key]
    return getattr(node, key)


def at(root: Any, path: Path) -> Any:
    """Return the item at the end of a path."""
    for key in path:
        root = item_of(root, key)
    return root


def name_of(root: Any, path: Path) -> str:
    """Return a path as a user would write it, such as ``inputs[1]['masks']``."""
    text = "inputs"
    for key in path:
        is_field = not isinstance(root, Mapping) and isinstance(key, str)
        text += f".{key}" if is_field else f"[{key!r}]"
        root = item_of(root, key)
    return text


def _rebuilt(node: object, leaves: Any) -> Any:
    keys = keys_of(node)
    if keys is None:
        return next(leaves)
    changed = {}
    for key in keys:
        old = item_of(node, key)
        new = _rebuilt(old, leaves)
        if new is not old:
            changed[key] = new
    return with_items(node, changed) if changed else node


def check_can_be_rebuilt(nest: Nest, places: set[int]) -> None:
    """Raise an error if a container cannot be rebuilt with other leaves; it is called before anything is drawn."""
    if not _is_plain(nest.root):
        nest.with_leaves([_alike(leaf) if i in places else leaf for i, leaf in enumerate(nest.leaves)])


def _alike(leaf: Any) -> Any:
    """Return another object with the same pixels or values."""
    return leaf.view_as(leaf) if isinstance(leaf, Tensor) else copy(leaf)


def _is_plain(node: object) -> bool:
    keys = keys_of(node)
    if keys is None:
        return True
    is_known = type(node) in (dict, tuple, list) or (isinstance(node, tuple) and hasattr(node, "_fields"))
    return is_known and all(_is_plain(item_of(node, key)) for key in keys)


def can_be_kept(node: object) -> bool:
    """Return True if no two copies of a container, rebuilt later, have an empty container or a state in common."""
    return _is_plain(node) and not _holds_empty(node)


def _holds_empty(node: object) -> bool:
    keys = keys_of(node)
    return keys is not None and (not keys or any(_holds_empty(item_of(node, key)) for key in keys))


def with_items(node: Any, items: dict[Any, Any]) -> Any:
    """Return a container of the same type with some items replaced, or added to a mapping."""
    kind = type(node)
    if kind is dict:
        return {**node, **items}
    if kind is tuple or kind is list:
        return kind(items.get(i, item) for i, item in enumerate(node))
    try:
        return _copy_with(node, items)
    except Exception as error:
        raise TypeError(
            f"containers must allow a copy with mixed images and targets, got {kind.__name__}: {error}; "
            "use a dict, tuple, list, named tuple or dataclass, or unpack it"
        ) from error


def _copy_with(node: Any, items: dict[Any, Any]) -> Any:
    kind = type(node)
    if isinstance(node, tuple):
        keys = getattr(node, "_fields", range(len(node)))
        values = [items.get(key, item) for key, item in zip(keys, node, strict=True)]
        if hasattr(kind, "n_sequence_fields"):  # what torch.max returns, for example
            return kind(values)
        made: Any = tuple.__new__(kind, values)  # a constructor of its own may change its arguments
        if hasattr(node, "__dict__"):
            made.__dict__.update(node.__dict__)
        return made
    out = _copied(node)
    for key, item in items.items():
        if isinstance(node, (Mapping, *SEQUENCES)):
            out[key] = item
        else:
            object.__setattr__(out, key, item)  # a frozen dataclass too
    return out


def _copied(node: Any) -> Any:
    """Return a copy of a container with the identical items; a mapping may hold them in a dictionary of its own."""
    if isinstance(node, Mapping) and not isinstance(node, dict) and not hasattr(type(node), "__copy__"):
        return deepcopy(node, {id(item): item for item in node.values()})
    return copy(node)
