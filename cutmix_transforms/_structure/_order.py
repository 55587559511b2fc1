"""Matching two samples whose dictionaries have their keys in a different order."""

from dataclasses import replace

from cutmix_transforms._structure._containers import Path, name_of
from cutmix_transforms._structure._instances import Leaf, members_of
from cutmix_transforms._structure._parts import Parts


def in_order_of(first: Parts, second: Parts, which: str = "two that are mixed") -> Parts:
    """Return the parts of a second sample in the order of the first, whose dictionaries may order keys differently."""
    wanted, found = _paths_in_order(first), _paths_in_order(second)
    if wanted == found:
        return second
    if set(wanted) != set(found):
        roots = {**dict.fromkeys(wanted, first.nest.root), **dict.fromkeys(found, second.nest.root)}
        names = sorted(name_of(roots[path], path) for path in set(wanted) ^ set(found))
        raise ValueError(
            "samples must hold images, masks, labels and rows of instances under the same keys, got "
            f"{', '.join(names)} in only one of {which}"
        )
    rank = {path: i for i, path in enumerate(wanted)}

    def by_name(leaf: Leaf) -> int:
        return rank[second.nest.paths[leaf.place]]

    images, maps, targets = (sorted(some, key=by_name) for some in (second.images, second.maps, second.targets))
    groups = [replace(group, members=sorted(group.members, key=by_name)) for group in second.groups]
    groups.sort(key=lambda group: by_name(group.members[0]))
    return second._replace(images=images, maps=maps, targets=targets, groups=groups)


def _paths_in_order(parts: Parts) -> list[Path]:
    """Return the path of everything that is mixed, in the order in which it is mixed."""
    return parts.paths([*parts.images, *parts.maps, *parts.targets, *members_of(parts.groups)])
