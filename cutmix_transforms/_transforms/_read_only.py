"""Errors for options that cannot be set on an existing object; each message says what to do instead."""

from collections.abc import Collection

_SETTABLE = ("p", "generator")
_OF_CLASS = ("dims", "numbers")  # which a mix without such an option sets for all its objects
SWITCHES = ("mixup_enabled", "enabled", "prob", "probability")  # of other libraries, the first of timm


def check_settable(owner: str, name: str, value: object, options: Collection[str]) -> None:
    """Raise an error if an option of an existing transform is set, other than ``p`` and ``generator``."""
    if name not in _SETTABLE and (name in options or name in _OF_CLASS):
        raise AttributeError(f"{read_only(owner, name)}, got {value!r}")
    check_no_switch(owner, name, value)


def read_only(owner: str, name: str) -> str:
    """Return the message of an error for setting a read-only option."""
    return f"{name} is read-only, because running DataLoader workers would not see the change; make a new {owner}"


def check_no_switch(owner: str, name: str, value: object) -> None:
    """Raise an error if a switch of another library is set, which would have no effect."""
    if name in SWITCHES:
        raise AttributeError(f"{no_switch(owner, name)}, got {value!r}")


def check_no_option(owner: str, name: str, value: object) -> None:
    """Raise an error if an option of a mix is set on the collate function or dataset that holds the mix."""
    check_no_switch(owner, name, value)
    if name == "p":
        raise AttributeError(f"p is an option of the mix that {owner} holds: set transform.p, got {value!r}")


def no_switch(owner: str, name: str) -> str:
    """Return the message of an error for a switch of another library."""
    whose = "timm's mixes" if name == SWITCHES[0] else "other libraries"
    return (
        f"{name} is an attribute of {whose}, not of {owner}; set p, which also reaches running DataLoader workers: "
        "p = 0 turns mixing off"
    )
