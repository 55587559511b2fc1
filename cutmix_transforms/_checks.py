"""Checks of options: errors that name the option, its rule and the value received."""

import sys
from collections.abc import Callable, Collection, Sequence
from numbers import Integral, Real
from typing import Any

_LARGEST = sys.float_info.max
_SETTABLE = ("p", "generator")
TIMM_SWITCH = "mixup_enabled"


def check_number(name: str, value: Any, rule: str, holds: Callable[[Any], bool]) -> float:
    """Return a finite number for which ``holds`` is true, or raise an error that quotes ``rule``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}, got {value!r}")
    number: Any = value
    if not (-_LARGEST <= number <= _LARGEST and holds(number)):  # nan is neither
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return float(number)


def check_alpha(value: Any) -> float:
    """Return a positive number."""
    return check_number(
        "alpha", value, "a positive number (to turn mixing off, set p=0)", holds=lambda number: number > 0
    )


def check_fraction(name: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    return check_number(name, value, "a number from 0 to 1", holds=lambda number: 0 <= number <= 1)


def check_fraction_below_one(name: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    return check_number(name, value, "a number in [0, 1)", holds=lambda number: 0 <= number < 1)


def check_flag(name: str, value: Any) -> bool:
    """Return True or False, also for numpy's."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_count(name: str, value: Any) -> int:
    """Return an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer of at least 1, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    return int(value)


def check_range(name: str, value: Any) -> tuple[float, float]:
    """Return a pair of fractions ``0 <= low <= high <= 1``."""
    rule = "a pair (low, high) with 0 <= low <= high <= 1"
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be {rule}, got {value!r}")
    low, high = (check_number(name, number, rule, holds=lambda number: 0 <= number <= 1) for number in value)
    if low > high:
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return low, high


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise an error unless this is one of a few words."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_settable(owner: str, name: str, value: Any, options: Collection[str]) -> None:
    """Raise an error if this is an option of a transform that has been made, and none that can change."""
    if name in options and name not in _SETTABLE:
        raise AttributeError(f"{read_only(owner, name)}, got {value!r}")
    check_no_switch(owner, name, value)


def read_only(owner: str, name: str) -> str:
    """Return what to do in place of setting an option."""
    return f"{name} is read-only, as DataLoader workers that are running would not follow; make a new {owner}"


def check_no_switch(owner: str, name: str, value: Any) -> None:
    """Raise an error where timm's attribute is set, which would do nothing."""
    if name == TIMM_SWITCH:
        raise AttributeError(f"{no_switch(owner)}, got {value!r}")


def check_no_option(owner: str, name: str, value: Any) -> None:
    """Raise an error where what belongs to the mix is set on what holds it."""
    check_no_switch(owner, name, value)
    if name == "p":
        raise AttributeError(f"p is an option of the mix that {owner} holds: set transform.p, got {value!r}")


def no_switch(owner: str) -> str:
    """Return what to do in place of timm's attribute."""
    return (
        f"{TIMM_SWITCH} is an attribute of timm's mixes, not of {owner}; set p, which also reaches running DataLoader "
        "workers: p = 0 turns mixing off"
    )
