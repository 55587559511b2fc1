"""Mixing while a batch is collated."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.data import default_collate
from torch.utils.data._utils.collate import collate

from cutmix_transforms._data._samples import mix_samples
from cutmix_transforms._data._shared_memory import check_room, move_to_shared_memory
from cutmix_transforms._data._stacking import Columns, check_forms, column_of, stack
from cutmix_transforms._structure._column import stacked
from cutmix_transforms._structure._containers import Nest, can_be_kept, item_of, keys_of
from cutmix_transforms._structure._fit import check_counts
from cutmix_transforms._structure._parts import Parts
from cutmix_transforms._structure._read import check_no_pil_images, check_stackable
from cutmix_transforms._transforms._inputs import with_targets
from cutmix_transforms._transforms._mix import Mix
from cutmix_transforms._transforms._read_only import check_no_option
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._pairs import MixedTarget

_MUST_STACK = (
    "collate_fn must stack the targets of samples that are already mixed, torch.stack([sample['labels'] for sample in "
    "samples]), or MixedTarget(*map(torch.stack, zip(*pairs))); or run it before the mix: "
    "collate_fn=lambda samples: mix(your_collate(samples))"
)


class MixCollate:
    """A ``collate_fn`` for a DataLoader that mixes the batch, in the workers if there are any.

    With ``default_collate``, images are mixed while they are written into the batch; tv_tensors keep their type, and
    images that are all channels_last keep their memory format. With another ``collate_fn``, the samples are mixed
    first, one by one, and are then passed to ``collate_fn``. For detection, use ``collate_fn=unstacked``. A
    ``collate_fn`` of your own must take samples that are already mixed, with float targets; if workers are spawned (on
    Windows and macOS), it must not be a ``lambda``. A transform that is not a mix of this package, such as a
    ``v2.Compose`` that ends with one, is applied to the collated batch.

    To resume in the middle of an epoch with the same mixes, use torchdata's ``StatefulDataLoader`` and give the dataset
    a ``state_dict()`` that returns ``{"random": torch.get_rng_state()}`` and a ``load_state_dict(state)`` that calls
    ``torch.set_rng_state(state["random"])``.

    Args:
        transform: the mix, or another transform of batches.
        collate_fn: a function that makes a batch of a list of samples.

    Shape:
        - samples: tuples, lists, named tuples or dictionaries with an image ``(C, H, W)`` and a label (a number, or a
          tensor ``()`` or ``(K,)``), and perhaps masks. With a ``collate_fn`` other than ``default_collate``, also
          boxes and keypoints.
        - output: a batch from ``collate_fn``, with mixed images and mixed targets.

    Raises:
        TypeError: if ``transform`` or ``collate_fn`` is not callable, or samples hold something that cannot be mixed.
        ValueError: if there are no samples, or they cannot be stacked because they differ in structure or size.

    Example:
        >>> import torch
        >>> from torch.utils.data import DataLoader
        >>> from cutmix_transforms import RandomCutMix
        >>> samples = [(torch.rand(3, 17, 11), label) for label in range(8)]
        >>> loader = DataLoader(samples, 4, shuffle=True, collate_fn=MixCollate(RandomCutMix(num_classes=8)))
        >>> [tuple(targets.shape) for images, targets in loader]
        [(4, 8), (4, 8)]
    """

    def __init__(
        self, transform: nn.Module | Callable[[Any], Any], *, collate_fn: Callable[[list[Any]], Any] = default_collate
    ) -> None:
        if not callable(transform):
            way = "in a DataLoader, collate_fn=MixCollate(mix); RandomMixChoice([...]) chooses among several mixes"
            raise TypeError(f"transform must be callable ({way}), got {received(transform)}")
        if not callable(collate_fn):
            raise TypeError(f"collate_fn must be callable, got {received(collate_fn)}")
        if isinstance(transform, type):
            raise TypeError(f"transform must be an instance, such as RandomCutMix(), got the class {transform!r}")
        self.transform = transform
        self.collate_fn = collate_fn
        self._layout: _Layout | None = None

    def __call__(self, samples: list[Any]) -> Any:
        """Collate and mix a list of samples."""
        mix, is_own = self.transform, self.collate_fn is not default_collate
        if isinstance(mix, Mix) or not is_own:
            _check_samples(samples)
        if not isinstance(mix, Mix):
            batch = mix(self.collate_fn(samples) if is_own else stack(samples))
        elif is_own:
            parts = [mix._ready(mix._read(sample, is_sample=True)) for sample in samples]
            batch = self._own_batch(mix_samples(mix, parts))
        else:
            return self._mixed_batch(mix, samples)
        if is_own:
            check_room(batch)
        else:
            move_to_shared_memory(tree_leaves(batch))
        return batch

    def _own_batch(self, mixed: list[Any]) -> Any:
        """Collate mixed samples with the user's function, and raise an error if it spoils their targets."""
        try:
            batch = self.collate_fn(mixed)
        except (TypeError, ValueError) as error:
            if "one element tensors" in str(error):  # torch.tensor of a list of rows
                raise TypeError(f"{_MUST_STACK}, got: {error}") from error
            raise
        pairs = [leaf for sample in mixed for leaf in _pairs_in(sample)]
        lam = [float(pair.lam) for pair in pairs if pair.a.ndim == 0]
        for leaf in Nest.of(batch).leaves if lam else ():
            if isinstance(leaf, Tensor) and leaf.shape == (len(mixed), 3) and leaf[:, 2].tolist() == lam:
                raise TypeError(f"{_MUST_STACK}, got pairs of labels as one tensor {tuple(leaf.shape)}")
        return batch

    def _mixed_batch(self, mix: Mix, samples: list[Any]) -> Any:
        """Stack samples, and mix their images while they are written into the batch."""
        try:
            columns = Columns.of(samples)
            leaves = [column_of(column) for column in columns.values]
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            check_no_pil_images(Nest.of(samples[0]).leaves)
            check_forms(samples, error)
            raise
        layout = self._layout_of(mix, samples[0], columns)
        batch = with_targets(mix, layout.places.with_leaves(leaves))
        count = len(samples)
        mixed = mix._unmixed(batch) if mix._is_idle(count) else mix._mixed(batch, mix._draw(count, batch.size))
        leaves = [stacked(mixed.get(i, leaf)) for i, leaf in enumerate(leaves)]
        move_to_shared_memory(leaves)
        return leaves if layout.is_list else layout.nest.with_leaves([leaves[place] for place in layout.nest.leaves])

    def _layout_of(self, mix: Mix, sample: Any, columns: Columns) -> "_Layout":
        """Return the layout of the samples, which is the last one as long as their structure stays the same."""
        key, layout = [mix, *columns.form], self._layout
        if layout is None or layout.key != key or callable(mix.labels_getter):
            layout = _Layout.of(mix, sample, key)
            self._layout = layout if can_be_kept(sample) else None
        return layout

    def __setattr__(self, name: str, value: object) -> None:
        check_no_option(type(self).__name__, name, value)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_layout": None}

    def __repr__(self) -> str:
        name = getattr(self.collate_fn, "__qualname__", repr(self.collate_fn))
        return f"{type(self).__name__}({self.transform!r}, collate_fn={name})"


def unstacked(samples: Sequence[Any]) -> tuple[Any, ...]:
    """Keep the samples of a batch apart instead of stacking them. Detectors need this ``collate_fn``.

    Args:
        samples: the samples, for example all tuples or all dictionaries.

    Shape:
        - samples: N tuples of k items, or N dictionaries; the output: k tuples of N items, or N dictionaries.

    Returns:
        For tuples ``(image, target)``, a tuple of all images and a tuple of all targets. For samples of another kind,
        such as dictionaries, a tuple of all samples.

    Raises:
        ValueError: if the samples are tuples with different numbers of items.

    Example:
        >>> unstacked([("image 0", "target 0"), ("image 1", "target 1")])
        (('image 0', 'image 1'), ('target 0', 'target 1'))
    """
    lengths = [len(sample) if isinstance(sample, (tuple, list)) else None for sample in samples]
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            first, other = ("no tuple" if one is None else f"{one} item(s)" for one in (lengths[0], length))
            raise ValueError(
                "samples must all be tuples with the same number of items, or none a tuple, "
                f"got {first} at index 0 and {other} at index {i}"
            )
    return tuple(samples) if lengths[:1] == [None] else tuple(zip(*samples, strict=True))


def _pairs_in(node: object) -> list[MixedTarget]:
    if isinstance(node, MixedTarget):
        return [node]
    return [pair for key in keys_of(node) or () for pair in _pairs_in(item_of(node, key))]


class _Layout(NamedTuple):
    """The roles of the leaves in samples of one structure, and the containers that ``default_collate`` returns."""

    key: list[Any]  # equal for samples with the same structure
    places: Parts  # the indices of the leaves that are mixed
    nest: Nest  # the batch, whose leaves are the indices of the sample's leaves
    is_list: bool  # True if the batch is a list of all leaves

    @classmethod
    def of(cls, mix: Mix, sample: Any, key: list[Any]) -> "_Layout":
        """Find the layout of samples by reading one of them, or raise an error if they cannot be mixed."""
        parts = mix._read(sample, is_sample=True)
        check_stackable(parts)
        check_counts(parts)
        mix._check(parts)
        count = len(parts.nest.leaves)
        places = parts.nest.with_leaves([_Place(i) for i in range(count)])
        batch = collate([places], collate_fn_map={_Place: lambda batch, **_: batch[0]})
        return cls(key, parts.places(), Nest.of(batch), is_list=type(batch) is list and batch == [*range(count)])


def _check_samples(samples: Any) -> None:
    """Raise an error if samples are no list, are empty or already a batch, or if some are None."""
    if not isinstance(samples, Sequence) or isinstance(samples, str):
        raise TypeError(f"samples must be a list of samples, got {received(samples)}")
    if not samples:
        raise ValueError(f"samples must not be empty, got {samples!r}")
    first = samples[0]
    if isinstance(first, Tensor) and first.ndim >= 4 and any(_are_labels(one, first) for one in samples[1:]):
        raise TypeError(
            "samples must be a list of samples, not a batch (for a dataset of batches, use the mix as collate_fn: "
            f"DataLoader(..., batch_size=None, collate_fn=mix)), got a first item of shape {tuple(first.shape)}"
        )
    missing = [i for i, sample in enumerate(samples) if sample is None]
    if missing:
        raise TypeError(
            "samples must not be None (to skip samples, run your collate_fn before the mix: "
            f"collate_fn=lambda samples: mix(your_collate(samples))), got None at index {missing[0]}"
        )


def _are_labels(value: object, images: Tensor) -> bool:
    """Return True if this is one label for each image, not another sample."""
    return isinstance(value, Tensor) and 0 < value.ndim < images.ndim and len(value) == len(images)


class _Place(int):
    """The index of a leaf, as a type that no leaf of a sample has."""
