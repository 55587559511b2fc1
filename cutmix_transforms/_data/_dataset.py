"""Mixing in the dataset."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: F401 (the example)
from torch.utils.data import Dataset, IterableDataset

from cutmix_transforms._data._samples import mix_two, shows_partner, unmixed_sample
from cutmix_transforms._transforms._mix import Mix
from cutmix_transforms._transforms._read_only import check_no_option
from cutmix_transforms.functional._checks import received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cutmix_transforms._structure._parts import Parts


_MOST_RATIO = 1e9  # of two weights, so that their sums stay exact enough


class MixDataset(Dataset[Any]):
    """A map-style dataset that mixes each sample with a partner drawn from the whole dataset.

    Unlike a collate function it needs no batch: the partner is uniform over all other samples, and every sample gets
    its own draw. It has to load a second sample for each mixed sample.

    Partners come from all of ``dataset``, also if a sampler chooses only some samples. If ``dataset`` also holds
    validation samples, pass the training samples only: ``MixDataset(Subset(dataset, training), mix)``.

    With ``weights``, some partners are drawn more often than others: to oversample rare classes, give every sample the
    weight 1 / (number of samples of its class). With ``partners``, they come from another dataset with samples of the
    same structure, for example from another domain, or backgrounds with rows of zeros as labels (``torch.zeros(K)``).

    Args:
        dataset: the samples, with ``__getitem__`` and ``__len__`` and with images as tensors. If two images differ in
            size, CutMix clips the box to the partner, and MixUp pads both with zeros at the bottom and right.
        transform: the mix; its ``p`` is the probability that a sample is mixed.
        partners: the dataset that partners come from; by default ``dataset``, in which no sample is its own partner.
        weights: how often each possible partner is drawn, one number per sample of ``partners``, with any sum; by
            default all equally often.

    Shape:
        - samples: an image ``(C, H, W)`` and a label, in any structure that ``MixCollate`` takes.
        - output: the same structure; soft targets are ``(K,)``.

    Raises:
        TypeError: if ``dataset`` or ``partners`` is not map-style, ``transform`` is not a mix, or an index is not an
            integer.
        ValueError: if there are no partners, or ``weights`` do not match them.
        IndexError: if an index is out of range.

    Example:
        >>> from cutmix_transforms import RandomMixUp
        >>> samples = [(torch.rand(3, 17, 11), label) for label in range(8)]
        >>> mixed = MixDataset(samples, RandomMixUp(num_classes=8))
        >>> image, target = mixed[0]
        >>> len(mixed), image.shape, target.shape
        (8, torch.Size([3, 17, 11]), torch.Size([8]))
        >>> rare = MixDataset(samples, RandomMixUp(num_classes=8), weights=[0, 0, 0, 0, 0, 0, 1, 1])
        >>> bool(rare[0][1][6:].sum() > 0)
        True
    """

    def __init__(
        self, dataset: Any, transform: Mix, *, partners: Any = None, weights: Sequence[float] | None = None
    ) -> None:
        _check_map_style("dataset", dataset)
        if partners is not None:
            _check_map_style("partners", partners)
            if not len(partners):
                raise ValueError(f"partners must hold at least one sample, got {len(partners)}")
        if not isinstance(transform, Mix):
            raise TypeError(
                "transform must be a mix, such as RandomCutMix() (let RandomMixChoice([...]) choose among several), "
                f"got {received(transform)}"
            )
        self.dataset = dataset
        self.transform = transform
        self.partners = partners
        self._ends = None if weights is None else _ends_of(weights, len(self._pool), least=2 if partners is None else 1)

    def __setattr__(self, name: str, value: object) -> None:
        check_no_option(type(self).__name__, name, value)
        super().__setattr__(name, value)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> Any:
        try:
            position = index(i)
        except TypeError:
            raise TypeError(f"index must be an integer, got {received(i)}") from None
        count, mix = len(self), self.transform
        if not -count <= position < count:
            raise IndexError(f"index must lie in [{-count}, {count}), got {position}")
        base = self._read(self.dataset, position)
        if not mix._is_idle(count, 0 if self.partners is None else len(self.partners)):
            numbers = mix._uniform(1)
            if shows_partner(mix, numbers[1:], base):
                partner = self._read(self._pool, self._partner(position % count, numbers[0, 0]))
                return mix_two(mix, base, partner, numbers[1:])
        return unmixed_sample(mix, base)

    def _partner(self, position: int, u: float) -> int:
        """Return the index of the partner that a uniform number selects."""
        is_own = self.partners is None
        count, ends = len(self.dataset if is_own else self.partners), self._ends
        if ends is None:
            return (position + 1 + int(u * (count - 1))) % count if is_own else int(u * count)
        start, end = (ends[position - 1] if position else 0.0, ends[position]) if is_own else (0.0, 0.0)
        found = u * (ends[-1] - (end - start))
        if is_own and found >= start:  # go past the sample itself
            found = max(found + (end - start), end)
        return int(np.searchsorted(ends, min(found, np.nextafter(ends[-1], 0)), side="right"))

    @property
    def _pool(self) -> Any:
        return self.dataset if self.partners is None else self.partners

    def _read(self, dataset: Any, position: int) -> Parts:
        sample = dataset[position]
        try:
            return self.transform._ready(self.transform._read(sample, is_sample=True))
        except (TypeError, ValueError) as error:
            if dataset is self.dataset:
                raise
            kind = TypeError if isinstance(error, TypeError) else ValueError  # a subclass may need arguments
            raise kind(f"partners must hold samples of the same form as dataset: {error}") from error


def _check_map_style(name: str, dataset: Any) -> None:
    is_stream = isinstance(dataset, IterableDataset)  # it may have a length, too
    if is_stream or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise TypeError(
            f"{name} must be map-style, with __getitem__ and __len__ (for an iterable dataset, use MixCollate), "
            f"got {type(dataset).__name__}"
        )


def _ends_of(weights: object, count: int, least: int) -> NDArray[np.float64]:
    """Return the cumulative sums of the weights, which are checked first."""
    try:
        found = np.asarray(weights, dtype=object if isinstance(weights, str) else None)
    except (RuntimeError, TypeError, ValueError):  # ragged, or a tensor that numpy cannot hold
        found = np.asarray(None)
    if found.ndim != 1 or found.dtype.kind not in "iuf":
        raise TypeError(f"weights must be a sequence of numbers, got {received(weights)}")
    if len(found) != count:
        raise ValueError(f"weights must be {count} numbers, one for each possible partner, got {len(found)}")
    found = found.astype(np.float64)
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        raise ValueError(f"weights must be finite and at least 0, got {found[wrong][0]} at index {int(wrong.argmax())}")
    if (found > 0).sum() < least:
        raise ValueError(
            f"weights must be above 0 for at least {least} possible partner(s), got {int((found > 0).sum())}"
        )
    if found.max() > _MOST_RATIO * found[found > 0].min():
        raise ValueError(
            f"weights above 0 must be at most {_MOST_RATIO:g} times as large as one another, "
            f"got {found[found > 0].min()} and {found.max()}"
        )
    ends: NDArray[np.float64] = np.cumsum(found / found.max())
    return ends
