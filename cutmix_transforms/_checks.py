"""Checks of options: errors that name the option, its rule and the value received."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any


def check_number(name: str, value: Any, rule: str, holds: Callable[[float], bool]) -> float:
    """A finite number for which ``holds`` is true, or an error that quotes ``rule``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}, got {value!r}")
    number = float(value)
    if not (math.isfinite(number) and holds(number)):
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return number


def check_alpha(value: Any) -> float:
    """A parameter of the Beta law."""
    return check_number("alpha", value, "a positive number (to turn mixing off, set p=0)", lambda number: number > 0)


def check_share(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    return check_number(name, value, "a number from 0 to 1", lambda number: 0 <= number <= 1)


def check_share_below_one(name: str, value: Any) -> float:
    """A number from 0 to below 1."""
    return check_number(name, value, "a number in [0, 1)", lambda number: 0 <= number < 1)


def check_count(name: str, value: Any) -> int:
    """An integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer of at least 1, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    return int(value)


def check_range(name: str, value: Any) -> tuple[float, float]:
    """A pair of shares ``0 <= low <= high <= 1``."""
    rule = "a pair (low, high) with 0 <= low <= high <= 1"
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be {rule}, got {value!r}")
    low, high = (check_number(name, side, rule, lambda number: 0 <= number <= 1) for side in value)
    if low > high:
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return low, high


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """One of a few words."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
