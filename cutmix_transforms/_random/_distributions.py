"""Random distributions, computed from uniform numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def beta(u: NDArray[np.float64], v: NDArray[np.float64], alpha: float, *, majority: bool = False) -> NDArray[Any]:
    """Return samples of the distribution ``Beta(alpha, alpha)``, each computed from two uniform numbers.

    With ``c = cos(2 pi v)`` and ``r = (u ** (-1 / alpha) - 1) * c ** 2``, a sample is
    ``lam = 1 / 2 + sign(c) / (2 * sqrt(1 + 1 / r))``. The code uses an equal form in which a small ``lam`` stays exact.
    ``majority`` returns the larger of ``lam`` and ``1 - lam``.

    References:
        Devroye, Random variate generation in one line of code, Winter Simulation Conference 1996.
    """
    if alpha == 1:  # the uniform distribution
        return np.maximum(u, 1 - u) if majority else u
    c = np.cos(2 * math.pi * v)
    r = np.expm1(np.minimum(np.log1p(-u) / -alpha, 700)) * c * c  # up to the largest float64
    smaller = 0.5 / (1 + r + np.sqrt(r) * np.sqrt(1 + r))
    lam: NDArray[Any] = 1 - smaller if majority else np.where(c < 0, smaller, 1 - smaller)
    return lam


def integers(u: NDArray[np.float64], number: Any) -> NDArray[np.int64]:
    """Return uniform integers from 0 to ``number - 1``, computed from uniform numbers in [0, 1)."""
    whole: NDArray[np.int64] = (u * number).astype(np.int64)
    return whole
