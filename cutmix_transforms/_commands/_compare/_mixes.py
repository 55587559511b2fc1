"""The mixes that the compare command compares, as they are written on its command line."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from cutmix_transforms._commands._spec import KINDS, PLUS, options_of
from cutmix_transforms._metrics._accuracy import mixed_accuracy
from cutmix_transforms._metrics._loss import MixedLoss
from cutmix_transforms._transforms._choice import RandomMixChoice
from cutmix_transforms._transforms._cutout import RandomCutout
from cutmix_transforms._transforms._mix import Mix

Transform = Callable[..., Any]  # of a batch of images and their labels

NONE = "none"
FORM = (
    "none, cutout, mixup, cutmix, MODULE:CLASS or several with + between, each with its options, cutmix:alpha=1,p=0.5"
)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PART = re.compile(r"(?P<name>[\w.]+(?::\w+(?=:|$))?)(?::(?P<options>.+))?", re.DOTALL)


class Part(NamedTuple):
    """One of the transforms that take turns in a mix, and the options that it was given."""

    make: Callable[..., Any]
    options: dict[str, Any]


def make(text: str, num_classes: int, mean: list[float]) -> Transform | None:
    """Make what a mix of the command line says.

    Args:
        text: the mix as it was written, such as ``cutmix:alpha=1,p=0.5``.
        num_classes: number of classes, for what asks for it.
        mean: mean of each channel, from 0 to 1, which the holes of Cutout show unless told otherwise.

    Returns:
        The transform of a batch, or None for ``none``.

    Raises:
        ValueError: if the text is no mix, or the class does not take these options; then its error is the message.
    """
    if text == NONE:
        return None
    parts = [_part(one, text) for one in PLUS.split(text)]
    try:
        made = [part.make(**_usual(part, num_classes, mean) | part.options) for part in parts]
        return made[0] if len(made) == 1 else RandomMixChoice(made)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--mix {text}: {error}") from None


def described(text: str, num_classes: int, mean: list[float], size: int) -> str:
    """Return how a mix prints, once it was seen to make a batch that can be learned from.

    Args:
        text: the mix as it was written.
        num_classes: number of classes.
        mean: mean of each channel, from 0 to 1.
        size: side of the images in pixels.

    Returns:
        Its ``repr``, in one line and the same every time.

    Raises:
        ValueError: if there is no such mix, or what it makes of images and labels is no batch.
    """
    mix = make(text, num_classes, mean)
    if mix is not None:
        images = torch.zeros(4, 3, size, size, dtype=torch.uint8)
        try:
            mixed, target = mix(images, torch.arange(4) % num_classes)
            logits = torch.zeros(len(mixed), num_classes)
            MixedLoss(F.cross_entropy)(logits, target)
            mixed_accuracy(logits, target)
        except Exception as error:  # of a user's own class of any kind
            reason = " ".join(str(error).split())
            raise ValueError(
                f"--mix {text} must turn images and labels into a batch to learn from ({reason})"
            ) from None
    return _ADDRESS.sub("", " ".join(repr(mix).split()))


def with_options(text: str, options: dict[str, float | None]) -> str:
    """Return a mix with options for all added to each of its parts that can have them and says nothing of its own."""
    return text if text == NONE else "+".join(_added(one, text, options) for one in PLUS.split(text))


def _added(one: str, text: str, options: dict[str, float | None]) -> str:
    part = _part(one, text)
    fresh = {
        name: value
        for name, value in options.items()
        if value is not None and name not in part.options and _takes(part.make, name)
    }
    more = ",".join(f"{name}={value:g}" for name, value in fresh.items())
    return f"{one}{',' if part.options else ':'}{more}" if more else one


def _part(one: str, text: str) -> Part:
    found = _PART.fullmatch(one)
    if found is None:
        raise ValueError(f"--mix must be {FORM}, got {text!r}")
    name = found["name"]
    if ":" not in name and name not in KINDS:
        raise ValueError(f"--mix must be {FORM}, got {text!r}")
    try:
        options = options_of(found["options"] or "", text)
    except ValueError as error:
        raise ValueError(f"--mix {error}") from None
    return Part(KINDS.get(name) or _imported(name, text), options)


def _imported(name: str, text: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)  # as for python -m
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a module of a user's own may raise anything while it is imported
        raise ValueError(f"--mix must name a class that can be imported, got {text!r} ({error})") from None
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise ValueError(f"--mix must name a class, got {text!r}, which is {found!r}")
    made: Callable[..., Any] = found
    return made


def _usual(part: Part, num_classes: int, mean: list[float]) -> dict[str, Any]:
    """Return the options that a transform gets unless told otherwise."""
    if part.make is RandomCutout:
        return {"fill": [round(255 * one) for one in mean]}
    return {"num_classes": num_classes} if _takes(part.make, "num_classes") else {}


def _takes(made: Callable[..., Any], option: str) -> bool:
    """Tell whether a class takes an option, itself or, of a mix, by handing it on to the base class."""
    parameters = inspect.signature(made).parameters
    hands_on = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    is_mix = isinstance(made, type) and issubclass(made, Mix)
    return option in parameters or (hands_on and is_mix and option in inspect.signature(Mix).parameters)
