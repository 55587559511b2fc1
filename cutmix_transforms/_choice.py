"""One of several mixes, for every batch or every sample anew."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Generator, nn

from cutmix_transforms._checks import check_number, check_share
from cutmix_transforms._mix import Blending, Chance, Mix, Region
from cutmix_transforms._sampling import Stream
from cutmix_transforms.functional._draw import Size
from cutmix_transforms.functional._numbers import pick

_SHARED = ("num_classes", "target", "label_smoothing", "labels_getter")


class RandomMixChoice(Mix):
    """Apply one of several mixes, chosen anew for every batch or, with ``per_sample``, for every sample.

    Every mix keeps its own ``p``, ``alpha`` and the like; setting the ``p`` of the choice sets theirs. They must agree
    on ``num_classes``, ``target``, ``label_smoothing`` and ``labels_getter``, and CutMixes on ``min_visibility``. Where
    one of them blends images, masks and instances always take the form that this needs: pairs, and ``weights``.

    Args:
        transforms: the mixes: :class:`RandomCutMix`, :class:`RandomMixUp` or other choices.
        weights: how often each is chosen, in any unit; equally often by default.
        per_sample: choose for every sample, not for the batch.
        generator: where the choice comes from, and the draws of the mixes that have no generator of their own.

    Shape:
        - as the mixes.

    Raises:
        TypeError: if there is something else than mixes among ``transforms``.
        ValueError: if there are none, if they disagree, or if ``weights`` do not fit.

    Example:
        >>> from cutmix_transforms import RandomCutMix, RandomMixUp
        >>> mixes = [RandomCutMix(num_classes=10), RandomMixUp(alpha=0.4, num_classes=10)]
        >>> mix = RandomMixChoice(mixes, weights=[3, 1])
        >>> images, targets = mix(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> mix.p = 0.5
        >>> [one.p for one in mixes]
        [0.5, 0.5]
    """

    def __init__(
        self,
        transforms: Sequence[Mix],
        *,
        weights: Sequence[float] | None = None,
        per_sample: bool = False,
        generator: Generator | None = None,
    ) -> None:
        first = _check_agreement(transforms)
        super().__init__(
            p=1.0, per_sample=per_sample, generator=generator, **{name: getattr(first, name) for name in _SHARED}
        )
        self.transforms = nn.ModuleList(transforms)
        self.min_visibility = next((mix.min_visibility for mix in transforms if mix.min_visibility is not None), None)
        self.weights = None if weights is None else _check_weights(weights, len(transforms))

    @property
    def _mixes(self) -> list[Mix]:
        return cast(list[Mix], list(self.transforms))

    @property
    def p(self) -> Any:
        """The chance that a batch or sample is mixed: one number, or one for each mix where they differ."""
        chances = tuple(mix.p for mix in self._mixes)
        return chances[0] if len(set(chances)) == 1 else chances

    @p.setter
    def p(self, value: float) -> None:
        check_share("p", value)
        for mix in self._mixes:
            mix.p = value

    @property
    def blending(self) -> Blending:
        """What any of the mixes blends."""
        kinds = {mix.blending for mix in self._mixes}
        return next(kind for kind in ("boxes", "images", "nothing") if kind in kinds)

    @property
    def kinds(self) -> list[Mix]:
        """The mixes, and those of choices among them."""
        return [kind for mix in self._mixes for kind in mix.kinds]

    def _chance(self, count: int, device: torch.device, *, stream: Stream | None = None, sure: bool = False) -> Chance:
        own = self._block(3, count, device, stream, sure=sure)
        source = self._stream if self._stream.given else stream
        return own, *(mix._chance(count, device, stream=source, sure=sure) for mix in self._mixes)

    def _region(self, chance: Chance, size: Size, other: Size) -> Region:
        own, *chances = chance
        regions = [mix._region(one, size, other) for mix, one in zip(self._mixes, chances, strict=True)]
        weights = self.weights or (1.0,) * len(regions)
        chosen = regions[0]
        bounds = list(accumulate(weights))[:-1]
        for bound, region in zip(bounds, regions[1:], strict=True):
            later = own[2] >= bound / sum(weights)
            chosen = tuple(pick(later, new, old) for new, old in zip(region, chosen, strict=True))
        return chosen


def _check_agreement(transforms: Any) -> Mix:
    """The first of several mixes that agree on what a target looks like."""
    if not isinstance(transforms, (Sequence, nn.ModuleList)) or not all(isinstance(mix, Mix) for mix in transforms):
        raise TypeError(
            f"transforms must be a sequence of mixes, such as RandomCutMix and RandomMixUp, got {transforms!r}"
        )
    if not len(transforms):
        raise ValueError(f"transforms must hold at least one mix, got {transforms!r}")
    for name in (*_SHARED, "min_visibility"):
        values = [getattr(mix, name) for mix in transforms]
        values = [value for value in values if name != "min_visibility" or value is not None] or [None]
        if any(value != values[0] for value in values):
            raise ValueError(f"transforms must agree on {name}, got {values}")
    return cast(Mix, transforms[0])


def _check_weights(weights: Any, count: int) -> tuple[float, ...]:
    if isinstance(weights, str) or not isinstance(weights, Sequence):
        raise TypeError(f"weights must be a sequence of numbers, got {weights!r}")
    numbers = tuple(
        map(partial(check_number, "weights", rule="numbers of at least 0", holds=lambda number: number >= 0), weights)
    )
    if len(numbers) != count or not 0 < sum(numbers) < math.inf:
        raise ValueError(
            f"weights must be {count} numbers, one for each transform, not all zero, with a finite sum, got {weights!r}"
        )
    return numbers
