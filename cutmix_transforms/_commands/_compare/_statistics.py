"""Means over seeds, whether a difference is more than their noise, and how many seeds it takes to see one."""

import math
import statistics
from bisect import bisect_left
from dataclasses import dataclass

LEVEL = 0.95
FEWEST = 3  # seeds from which something can be said about noise
POWER = 0.8
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Mean:
    """A mean and the standard deviation around it, which one value does not have."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: list[float]) -> "Mean":
        """Return the mean of at least one value."""
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Difference:
    """A mean difference of pairs, and the standard deviation of their differences, which one pair does not have."""

    mean: float
    deviation: float | None
    count: int

    @classmethod
    def of(cls, first: list[float], second: list[float]) -> "Difference":
        """``first - second``, paired."""
        differences = [one - two for one, two in zip(first, second, strict=True)]
        mean = Mean.of(differences)
        return cls(mean.mean, mean.deviation, len(differences))

    @property
    def error(self) -> float | None:
        """The standard error of the mean."""
        return None if self.deviation is None else self.deviation / math.sqrt(self.count)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidence interval of the mean, by Student's t, as if the differences were normally distributed."""
        if self.error is None:
            return None
        margin = student_bound(self.count - 1) * self.error
        return self.mean - margin, self.mean + margin

    @property
    def p_value(self) -> float | None:
        """The probability, by a two-sided paired t-test, of a mean at least as far from 0 where there is no effect."""
        if self.error is None:
            return None
        return 1 - _within(math.atan2(abs(self.mean), self.error * math.sqrt(self.count - 1)), self.count - 1)

    @property
    def seeds_for_half(self) -> int | None:
        """The number of seeds that find half of the mean with a probability of 80 %; None for more than a thousand."""
        if self.deviation is None:
            return None
        counts = range(FEWEST, MOST_SEEDS + 1)
        found = bisect_left(counts, True, key=self._finds_half)
        return counts[found] if found < len(counts) else None

    def _finds_half(self, count: int) -> bool:
        bound = student_bound(count - 1) + student_bound(count - 1, 2 * POWER - 1)
        return bound * (self.deviation or 0.0) / math.sqrt(count) <= abs(self.mean) / 2


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number, by Holm's method.

    References:
        Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, (name, value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * value))
        corrected[name] = largest
    return corrected


def student_bound(degrees: int, level: float = LEVEL) -> float:
    """Return the ``t`` within which Student's distribution lies on both sides with a probability of ``level``."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < level else (low, middle)
    return math.tan(high) * math.sqrt(degrees)


def _within(angle: float, degrees: int) -> float:
    """Return the probability of ``|t| < tan(angle) * sqrt(degrees)``.

    References:
        Abramowitz & Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4.
    """
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


ByMix = dict[str, dict[int, float]]  # by mix, then by seed


def differences(values: ByMix, other: str) -> dict[str, Difference]:
    """Return ``mix - other`` of each other mix, over the seeds that both have, if any."""
    found = {}
    for mix, its in values.items():
        both = sorted(its.keys() & values.get(other, {}).keys())
        if both and mix != other:
            found[mix] = Difference.of([its[seed] for seed in both], [values[other][seed] for seed in both])
    return found


def beyond_noise(found: dict[str, Difference]) -> dict[str, float]:
    """Return the corrected p-values of the differences that are more than noise: below 5 %, from three seeds on."""
    p_values = {mix: one.p_value for mix, one in found.items() if one.count >= FEWEST}
    corrected = holm({mix: value for mix, value in p_values.items() if value is not None})
    return {mix: value for mix, value in corrected.items() if value < 1 - LEVEL}
