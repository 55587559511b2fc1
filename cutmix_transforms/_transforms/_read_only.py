"""Errors for options that are unknown or cannot be set on an existing object; each message says what to do instead."""

from collections.abc import Collection
from difflib import get_close_matches

_SETTABLE = ("p", "generator")
_OF_CLASS = ("dims", "numbers")  # which a mix without such an option sets for all its objects
SWITCHES = ("mixup_enabled", "enabled", "prob", "probability")  # of other libraries, the first of timm

_HERE = {  # options of other libraries, and what to write instead
    "prob": "p",
    "probability": "p",
    "mixup_alpha": "alpha of RandomMixUp",
    "cutmix_alpha": "alpha of RandomCutMix",
    "beta": "alpha",
    "beta_param": "alpha",
    "switch_prob": "weights of RandomMixChoice",
    "mode": "per_sample (True for 'elem')",
    "cutmix_minmax": "ratio",
    "cut_size": "ratio",
    "smoothing": "label_smoothing",
    "same_on_batch": "per_sample",
    "seed": "generator, torch.Generator().manual_seed(seed)",
    "n_holes": "holes",
    "num_holes": "holes",
    "length": "size",
    "value": "fill",
}


def instead_of(name: str, known: Collection[str]) -> str:
    """Return what an unknown option is called here, as the end of an error message; an empty text if nobody knows."""
    here = _HERE.get(name, "")
    is_known = here.split(" ")[0].strip(",") in known or " of " in here
    use = here if is_known else next(iter(get_close_matches(name, known, n=1)), "")
    return f"; use {use}" if use else ""


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
