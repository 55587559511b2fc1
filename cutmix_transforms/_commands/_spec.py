"""Transforms as they are written on a command line, such as ``mixup:alpha=0.2``."""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms._transforms._choice import RandomMixChoice
from cutmix_transforms._transforms._cutmix import RandomCutMix
from cutmix_transforms._transforms._cutout import RandomCutout
from cutmix_transforms._transforms._mixup import RandomMixUp

KINDS: dict[str, type[RandomTransform]] = {"cutmix": RandomCutMix, "mixup": RandomMixUp, "cutout": RandomCutout}
FORM = "cutmix, mixup or cutout, or mixes with + between, each with its options, mixup:alpha=0.2,p=0.5"
PLUS = re.compile(r"\+(?=[^\W\d])")  # not that of 1e+3


class _Call(NamedTuple):
    kind: type[RandomTransform]
    options: dict[str, Any]


def transform_of(text: str, **defaults: Any) -> RandomTransform:
    """Make the transform that a text names.

    Args:
        text: a name, and after a colon options of its class, separated by commas. Their values are literals of Python;
            a word needs no quotes. Mixes with ``+`` between take turns.
        **defaults: options that the text need not say, for the classes that have them.

    Returns:
        The transform.

    Raises:
        ValueError: if the text names none, or its class does not take these options. The name of what was given the
            text belongs before the message.

    Example:
        >>> mix = transform_of("cutmix:ratio=(0.2,0.8),target=pair", num_classes=10)
        >>> type(mix).__name__, mix.ratio, mix.target, mix.num_classes
        ('RandomCutMix', (0.2, 0.8), 'pair', 10)
    """
    calls = list(_calls(text, defaults))
    try:
        made: list[Any] = [call.kind(**call.options) for call in calls]
        return made[0] if len(made) == 1 else RandomMixChoice(made, **_known(RandomMixChoice, defaults))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text}: {error}") from error


def title_of(text: str, **shown: Any) -> str:
    """Return the code that makes a transform, with the options that are written and defaults that are to be shown.

    Args:
        text: what ``transform_of`` takes.
        **shown: defaults.

    Returns:
        The code.

    Raises:
        ValueError: if the text names no transform.

    Example:
        >>> title_of("cutmix+mixup:p=0.5", alpha=1.0)
        'RandomMixChoice([RandomCutMix(alpha=1.0), RandomMixUp(alpha=1.0, p=0.5)])'
    """
    titles = [_title(call.kind, [], call.options) for call in _calls(text, shown)]
    return titles[0] if len(titles) == 1 else _title(RandomMixChoice, titles, _known(RandomMixChoice, shown))


def _title(kind: type[RandomTransform], mixes: list[str], options: dict[str, Any]) -> str:
    first = [f"[{', '.join(mixes)}]"] if mixes else []
    return f"{kind.__name__}({', '.join(first + [f'{name}={value!r}' for name, value in options.items()])})"


def _known(kind: type[RandomTransform], options: dict[str, Any]) -> dict[str, Any]:
    """Return those of some options that a class has."""
    return {name: value for name, value in options.items() if name in inspect.signature(kind).parameters}


def _calls(text: str, defaults: dict[str, Any]) -> Iterator[_Call]:
    for part in PLUS.split(text):
        name, _, written = part.partition(":")
        if name not in KINDS:
            raise ValueError(f"must be {FORM}, got {text!r}")
        yield _Call(KINDS[name], _known(KINDS[name], defaults) | options_of(written, text))


def options_of(written: str, text: str) -> dict[str, Any]:
    """Return ``alpha=1,p=0.5`` as a dictionary; ``text`` is all that was written, for the error."""
    try:
        call = ast.parse(f"_({written})", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("no options by name")
        options = {_name(one): _literal(one.value) for one in call.keywords}
        if len(options) < len(call.keywords):
            raise ValueError("a name twice")
        return options
    except (SyntaxError, ValueError):
        raise ValueError(
            f"must have options as in Python, alpha=1,p=0.5 or target=pair, got {written!r} in {text!r}"
        ) from None


def _name(option: ast.keyword) -> str:
    if option.arg is None:
        raise ValueError("** has no name")
    return option.arg


def _literal(value: ast.expr) -> Any:
    return value.id if isinstance(value, ast.Name) else ast.literal_eval(value)
