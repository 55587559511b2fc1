"""The images, maps, labels and instances found in a batch or sample, and the rules for finding them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cutmix_transforms._structure._column import stacked
from cutmix_transforms._structure._containers import Nest
from cutmix_transforms._structure._instances import Instances, Leaf
from cutmix_transforms.functional._pairs import MixedTarget
from cutmix_transforms.functional._wrap import rewrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from cutmix_transforms._structure._containers import Path
    from cutmix_transforms._structure._labels import LabelsGetter
    from cutmix_transforms.functional._placement import Size


class Rules(NamedTuple):
    """The options of a mix that say how to read its inputs."""

    labels_getter: LabelsGetter
    num_classes: Any
    dims: int  # the number of trailing axes of the images that a box spans
    any_shape: Callable[[], bool]  # True if images may have any shape, since they are blended as a whole
    needs_weights: Callable[[], bool]  # True if instances get weights


class Parts(NamedTuple):
    """The images, maps, labels and instances of a batch, or of a sample, which is read as a batch of one."""

    nest: Nest
    size: Size  # of the images, over the axes that boxes span
    images: list[Leaf]
    maps: list[Leaf]  # one value per pixel, such as semantic masks
    targets: list[Leaf]  # first the labels as they came, then in the form that is mixed
    groups: list[Instances]
    is_sample: bool

    def with_leaves(self, leaves: list[Any]) -> Parts:
        """Return the parts of a batch of such samples, with leaves at the same indices; labels are stacked."""
        images, maps = ([Leaf(place, leaves[place]) for place, _ in some] for some in (self.images, self.maps))
        targets = [Leaf(place, stacked(leaves[place])) for place, _ in self.targets]
        return Parts(self.nest, self.size, images, maps, targets, self.groups, is_sample=False)

    def places(self) -> Parts:
        """Return the parts with None for every leaf, so that they can be kept and the memory of the batch freed."""
        images, maps, targets = (
            [Leaf(place, None) for place, _ in leaves] for leaves in (self.images, self.maps, self.targets)
        )
        return Parts(Nest(None, [], self.nest.paths), self.size, images, maps, targets, [], self.is_sample)

    def rebuilt(self, values: dict[int, Any]) -> Any:
        """Rebuild the batch or sample with some leaves replaced; everything else in it is the identical object."""
        leaves = list(self.nest.leaves)
        rows = {leaf.place for leaf in (*self.images, *self.maps, *self.targets)} if self.is_sample else ()
        for place, value in values.items():
            leaves[place] = _first(value) if place in rows else value
        return self.nest.with_leaves(leaves)

    def paths(self, leaves: list[Leaf]) -> list[Path]:
        """Return the paths of some leaves."""
        return [self.nest.paths[place] for place, _ in leaves]


def _first(batch: Tensor | MixedTarget) -> Tensor | MixedTarget:
    """Return the only sample of a batch."""
    if isinstance(batch, MixedTarget):
        return MixedTarget(*(rewrap(field[0].clone(), field) for field in batch))  # no alias of the dataset's tensors
    return rewrap(batch[0], batch)


def with_others(leaves: list[Leaf], others: list[Leaf] | None) -> Iterator[tuple[Leaf, Any]]:
    """Return each leaf with the value that partners are taken from, or None if they are in the same batch."""
    return zip(leaves, [None] * len(leaves) if others is None else [leaf.value for leaf in others], strict=True)
