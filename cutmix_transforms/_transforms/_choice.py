"""A random choice between several mixes, for every batch or for every sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch  # noqa: F401 (the example)
from torch import Generator, nn

from cutmix_transforms._transforms._beside import takes_any_shape
from cutmix_transforms._transforms._mix import Mix
from cutmix_transforms._transforms._read_only import read_only
from cutmix_transforms.functional._checks import check_fraction, check_number, received
from cutmix_transforms.functional._placement import Placement, whole_box

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from cutmix_transforms.functional._placement import Size

_COMMON = ("num_classes", "target", "label_smoothing", "labels_getter")


class RandomMixChoice(Mix):
    """Apply one of several mixes, chosen at random for every batch or, with ``per_sample``, for every sample.

    Every mix keeps its own ``p``, ``alpha`` and other options; setting ``p`` of the choice sets it for all mixes. The
    mixes must agree on ``num_classes``, ``target``, ``label_smoothing`` and ``labels_getter``, and CutMixes also on
    ``min_visibility`` and ``dims``. If one of the mixes blends, masks become pairs and instances get ``weights`` in
    every batch, also in batches for which another mix is chosen.

    Args:
        transforms: the mixes: ``RandomCutMix``, ``RandomMixUp``, your own ``Mix`` or other choices.
        weights: how often each mix is chosen, as numbers with any sum; by default all equally often.
        per_sample: choose a mix for every sample, not one for the batch.
        generator: the CPU generator for the choice and for the draws of all mixes; by default torch's global one.

    Shape:
        - images and labels: all shapes that every one of the mixes takes.
        - output: the shapes that the mixes return.

    Raises:
        TypeError: if ``transforms`` is not a sequence of mixes.
        ValueError: if there is no mix, if the mixes disagree or have generators, or if ``weights`` do not match them.

    Example:
        >>> from cutmix_transforms import RandomCutMix, RandomMixUp
        >>> mixes = [RandomCutMix(num_classes=10), RandomMixUp(alpha=0.4, num_classes=10)]
        >>> mix = RandomMixChoice(mixes, weights=[3, 1])
        >>> images, targets = mix(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> mix.p = 0.5
        >>> [one.p for one in mixes]
        [0.5, 0.5]
    """

    numbers = 0  # each mix has its own

    def __init__(
        self,
        transforms: Sequence[Mix],
        *,
        weights: Sequence[float] | None = None,
        per_sample: bool = False,
        generator: Generator | None = None,
    ) -> None:
        _check_mixes(transforms)
        common: dict[str, Any] = {name: _agreed(name, [getattr(mix, name) for mix in transforms]) for name in _COMMON}
        found = [mix.min_visibility for mix in transforms if mix.min_visibility is not None]
        min_visibility = _agreed("min_visibility", found or [None])
        dims = _agreed("dims", sorted({mix.dims for mix in transforms if not takes_any_shape(mix)}) or [2])
        super().__init__(p=1.0, per_sample=per_sample, generator=generator, **common)
        self.transforms = _Mixes(transforms)
        self.min_visibility, self.dims = min_visibility, dims
        self.weights = None if weights is None else _check_weights(weights, len(transforms))

    @property
    def _options(self) -> frozenset[str]:
        """The names of its own options and those of its mixes, none of which can be set later."""
        return super()._options.union(*(mix._options for mix in self._mixes))

    @property
    def _mixes(self) -> list[Mix]:
        return cast(list[Mix], list(self.transforms))

    @property
    def p(self) -> Any:
        """The probability that a batch or sample is mixed: one number, or a tuple if the mixes differ."""
        found = tuple(mix.p for mix in self._mixes)
        is_one = len(set(found)) == 1 and not isinstance(found[0], tuple)  # which would be read as its own
        return found[0] if is_one else found

    @p.setter
    def p(self, value: Any) -> None:
        for mix, one in self._with_p(value):
            mix.p = one

    def _with_p(self, value: Any) -> list[tuple[Mix, float]]:
        """Return every mix with its new probability: one number for all, or a tuple as the property returns it."""
        mixes, pairs = self._mixes, []
        each = value if isinstance(value, tuple) and len(value) == len(mixes) else (value,) * len(mixes)
        for mix, one in zip(mixes, each, strict=True):
            if isinstance(mix, RandomMixChoice):
                pairs += mix._with_p(one)
            else:
                check_fraction("p", one)
                pairs.append((mix, one))
        return pairs

    def __copy__(self) -> Any:
        """Return a copy of the choice with copies of its mixes, so that ``p`` is independent."""
        other = super().__copy__()
        other._modules = {**self._modules, "transforms": _Mixes(map(copy, self._mixes))}
        return other

    @property
    def _kinds(self) -> list[Mix]:
        """All mixes, including the mixes of nested choices."""
        return [kind for mix in self._mixes for kind in mix._kinds]

    @property
    def _needed(self) -> int:
        _check_generators(self._mixes)  # a generator may have been set later
        return 1 + sum(mix._needed for mix in self._mixes)  # one for the choice, then those of each mix

    @property
    def _draws_per_sample(self) -> bool:
        return self.per_sample or any(mix._draws_per_sample for mix in self._mixes)

    def _level(self, numbers: NDArray[np.float64]) -> None:
        """Give all samples the same choice unless ``per_sample`` is set, and do the same in each mix."""
        if not self.per_sample:
            numbers[0] = numbers[0, 0]
        for mix, own in self._parts_of(numbers):
            mix._level(own)

    def _placed(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Choose a mix for each row, and let each chosen mix place its rows."""
        weights = self.weights or (1.0,) * len(self._mixes)
        bounds = [bound / sum(weights) for bound in accumulate(weights)][:-1]
        chosen = np.searchsorted(bounds, numbers[0], side="right")
        parts = list(self._parts_of(numbers))
        if (chosen == chosen[0]).all():
            mix, own = parts[chosen[0]]
            only: Placement = mix._placed(own, size)
            return only
        boxes, opacity = np.empty((len(chosen), 2 * len(size)), dtype=np.int64), np.empty(len(chosen))
        for k in np.unique(chosen):
            rows = chosen == k
            mix, own = parts[k]
            placement = mix._placed(own[:, rows], size)
            boxes[rows] = whole_box(size) if placement.boxes is None else placement.boxes
            opacity[rows] = placement.opacity
        return Placement(boxes, opacity)

    def _parts_of(self, numbers: NDArray[np.float64]) -> Iterator[tuple[Mix, NDArray[np.float64]]]:
        """Yield each mix with its part of the uniform numbers."""
        start = 1
        for mix in self._mixes:
            yield mix, numbers[start : start + mix._needed]
            start += mix._needed


class _Mixes(nn.ModuleList):
    """The mixes of a choice, as a read-only list."""

    def __init__(self, mixes: Iterable[Mix]) -> None:
        super().__init__()
        self._modules.update((str(i), mix) for i, mix in enumerate(mixes))

    def _get_name(self) -> str:
        return nn.ModuleList.__name__

    def _stay(self, *_: Any) -> Any:
        raise AttributeError(read_only("RandomMixChoice", "transforms"))

    __setitem__ = __delitem__ = __iadd__ = append = extend = insert = pop = _stay  # type: ignore[assignment]


def _check_mixes(transforms: Any) -> None:
    """Raise an error unless ``transforms`` is a sequence of mixes without generators of their own."""
    wrong = "transforms must be a sequence of mixes, such as [RandomCutMix(), RandomMixUp()], got"
    if isinstance(transforms, str) or not isinstance(transforms, (Sequence, nn.ModuleList)):
        raise TypeError(f"{wrong} {received(transforms)}")
    for i, mix in enumerate(transforms):
        if not isinstance(mix, Mix):
            raise TypeError(f"{wrong} {received(mix)} at index {i}")
    if not len(transforms):
        raise ValueError(f"transforms must hold at least one mix, got {transforms!r}")
    _check_generators(transforms)


def _agreed(name: str, values: list[Any]) -> Any:
    """Return the value of an option that all mixes agree on, or raise an error."""
    if any(value != values[0] for value in values):
        raise ValueError(f"transforms must agree on {name}, got {values}")
    return values[0]


def _check_generators(mixes: Any) -> None:
    for mix in mixes:
        if mix.generator is not None:
            raise ValueError(
                "transforms must not have generators of their own (set RandomMixChoice(..., generator=generator) "
                f"instead), got {mix!r}"
            )


def _check_weights(weights: object, count: int) -> tuple[float, ...]:
    if isinstance(weights, str) or not isinstance(weights, Sequence):
        raise TypeError(f"weights must be a sequence of numbers, got {weights!r}")
    numbers = tuple(
        check_number("weights", weight, "numbers of at least 0", holds=lambda number: number >= 0) for weight in weights
    )
    if len(numbers) != count or not 0 < sum(numbers) < math.inf:
        raise ValueError(
            f"weights must be {count} numbers, one per transform, not all zero, with a finite sum, got {weights!r}"
        )
    return numbers
