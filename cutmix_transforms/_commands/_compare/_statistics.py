"""Means over seeds, and whether a difference is more than their noise."""

import math
import statistics
from dataclasses import dataclass
from typing import Any

LEVEL = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean and the standard deviation around it, which one value does not have."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: list[float]) -> "Mean":
        """The mean of at least one value."""
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Difference:
    """A mean difference of pairs, and half the width of its confidence interval, which one pair does not have."""

    mean: float
    margin: float | None

    @classmethod
    def of(cls, first: list[float], second: list[float]) -> "Difference":
        """``first - second``, paired: by Student's t, as if the differences came from a normal law."""
        differences = Mean.of([one - two for one, two in zip(first, second, strict=True)])
        if differences.deviation is None:
            return cls(differences.mean, None)
        count = len(first)
        return cls(differences.mean, student_bound(count - 1) * differences.deviation / math.sqrt(count))

    @property
    def exceeds_noise(self) -> bool:
        """Tell whether a paired t-test, two-sided at 5 %, finds a difference."""
        return self.margin is not None and abs(self.mean) > self.margin


def student_bound(degrees: int, level: float = LEVEL) -> float:
    """The ``t`` that Student's law with so many degrees of freedom exceeds neither way, with probability ``level``."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < level else (low, middle)
    return math.tan(high) * math.sqrt(degrees)


def _within(angle: float, degrees: int) -> float:
    """The probability of ``|t| < tan(angle) * sqrt(degrees)``.

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


def values_of(results: dict[str, Any], name: str) -> dict[str, dict[int, float]]:
    """A number of all runs: by mix, then by seed."""
    found: dict[str, dict[int, float]] = {}
    for run in results["runs"]:
        seconds = statistics.median(row["seconds"] for row in run["history"])
        value = seconds if name == "seconds" else run["metrics"][name]
        found.setdefault(run["mix"], {})[run["seed"]] = value
    return found


def difference(values: dict[str, dict[int, float]], mix: str, other: str = "none") -> Difference | None:
    """``mix - other`` over the seeds that both have, if any."""
    both = sorted(values.get(mix, {}).keys() & values.get(other, {}).keys())
    if not both or mix == other:
        return None
    return Difference.of([values[mix][seed] for seed in both], [values[other][seed] for seed in both])
