"""Matching two samples whose dictionaries have their keys in a different order."""

from dataclasses import replace

from cutmix_transforms._structure._containers import name_of
from cutmix_transforms._structure._instances import Leaf
from cutmix_transforms._structure._parts import Parts


def in_order_of(first: Parts, second: Parts, which: str = "two that are mixed") -> Parts:
    """Return the parts of a second sample in the order of the first, whose dictionaries may order keys differently."""
    paths = second.nest.paths
    if first.nest.paths == paths:
        return second
    here, there = (set(one.paths([*one.images, *one.maps, *one.targets])) for one in (first, second))
    if here ^ there:
        names = sorted(name_of((first if path in here else second).nest.root, path) for path in here ^ there)
        raise ValueError(
            f"samples must hold images, masks and labels under the same keys, got {', '.join(names)} in only one of "
            f"{which}"
        )
    rank = {path: i for i, path in enumerate(first.nest.paths)}

    def by_name(leaf: Leaf) -> int:
        return rank.get(paths[leaf.place], len(rank))

    images, maps, targets = (sorted(some, key=by_name) for some in (second.images, second.maps, second.targets))
    groups = [replace(group, members=sorted(group.members, key=by_name)) for group in second.groups]
    groups.sort(key=lambda group: by_name(group.members[0]))
    return second._replace(images=images, maps=maps, targets=targets, groups=groups)
