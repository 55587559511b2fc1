"""Options that cannot be set later, and what to do in their place."""

from collections.abc import Collection
from typing import Any

_SETTABLE = ("p", "generator")
TIMM_SWITCH = "mixup_enabled"


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
