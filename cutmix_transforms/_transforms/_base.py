"""The base of every random transform: a probability, a generator, read-only options, and a ``repr`` that shows them."""

from __future__ import annotations

import inspect
import warnings
from copy import copy
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

from torch import Generator
from torchvision.transforms import v2

from cutmix_transforms._random._graph import register
from cutmix_transforms._random._shared_number import SharedNumber
from cutmix_transforms._random._stream import Stream
from cutmix_transforms._transforms._read_only import SWITCHES, check_settable, instead_of, no_switch
from cutmix_transforms.functional._checks import check_fraction, received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class RandomTransform(v2.Transform):
    """A transform with a probability and a source of random numbers. Its instances hold options only."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _sealing(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, *, p: float, generator: Generator | None) -> None:
        super().__init__()
        self._p = SharedNumber(check_fraction("p", p))
        self.generator = generator
        self._warned_of: set[Any] = set()
        self._number = register(self)

    @property
    def p(self) -> float:
        """The probability that the transform is applied. Setting it also changes it in running DataLoader workers."""
        return self._p.value

    @p.setter
    def p(self, value: float) -> None:
        self._p.value = check_fraction("p", value)

    @property
    def generator(self) -> Generator | None:
        """The CPU generator that draws come from, or None for torch's global one. Running workers keep their copies."""
        return self._stream.generator

    @generator.setter
    def generator(self, value: Generator | None) -> None:
        if value is not None and not isinstance(value, Generator):
            raise TypeError(
                f"generator must be a torch.Generator, such as torch.Generator().manual_seed(0), or None, got {value!r}"
            )
        if value is not None and value.device.type != "cpu":
            raise ValueError(f"generator must be on the CPU, where all draws are made, got one on {value.device}")
        self._stream = Stream.of(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_is_made"):
            check_settable(type(self).__name__, name, value, self._options)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in SWITCHES:
            raise AttributeError(no_switch(type(self).__name__, name))
        return super().__getattr__(name)

    @property
    def _options(self) -> frozenset[str]:
        """The names of the options of all constructors."""
        cls: Any = type(self)
        return _options_of(cls)

    def extra_repr(self) -> str:
        """Return all options as text, in the form of the call that makes the transform."""
        names: dict[str, None] = {}
        for found in _constructors(type(self)):  # a constructor may pass **options to its base
            names |= {one.name: None for one in found if one.kind is not one.VAR_KEYWORD}
            if all(one.kind is not one.VAR_KEYWORD for one in found):
                break
        names = {name: None for name in names if name not in self._modules and hasattr(self, name)}
        return ", ".join(f"{name}={_option_text(getattr(self, name))}" for name in names)

    def _warn_of(self, keys: Iterable[Any]) -> None:
        """Warn, once per key, of items with one row per instance that are left unchanged."""
        for key in keys:
            if key not in self._warned_of:
                self._warned_of.add(key)
                warnings.warn(
                    f"{key!r} has one row per instance but is left unchanged, so it no longer fits the boxes. If it "
                    f"belongs to the instances, make it a tensor and set labels_getter={key!r}, or for several keys a "
                    "function that returns a tuple of tensors",
                    stacklevel=2,
                )

    def __copy__(self) -> Any:
        """Return a copy with the same options and generator, and an independent ``p``."""
        other = type(self).__new__(type(self))
        other.__dict__.update({**self.__dict__, "_p": copy(self._p), "_number": register(other)})
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._number = register(self)


def _sealing(construct: Callable[..., None]) -> Callable[..., None]:
    """Wrap a constructor so that options become read-only after the last constructor of an object has run."""

    @wraps(construct)
    def __init__(self: RandomTransform, *arguments: Any, **options: Any) -> None:  # noqa: N807
        if type(self).__init__ is __init__:
            _check_known(type(self), construct, arguments, options)
        construct(self, *arguments, **options)
        if type(self).__init__ is __init__:
            self._is_made = True

    __init__.__doc__ = construct.__doc__ or "Make the transform; the docstring of the class describes its options."
    return __init__


def _check_known(
    cls: type[RandomTransform], construct: Callable[..., None], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Raise an error for unknown options, and for positional options that must be passed by keyword."""
    known = inspect.signature(construct).parameters
    most = sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in known.values()) - 1
    if len(arguments) > most and all(one.kind is not one.VAR_POSITIONAL for one in known.values()):
        advice = f" (and all mixes in one list: {cls.__name__}([first, second]))" if "transforms" in known else ""
        example = next((name for name, one in known.items() if one.kind is one.KEYWORD_ONLY), "p")
        raise TypeError(
            f"options of {cls.__name__} must be passed by keyword, such as {example}=...{advice}, "
            f"got as a positional argument {received(arguments[most])}"
        )
    unknown = [name for name in options if name not in known]
    if unknown and all(one.kind is not one.VAR_KEYWORD for one in known.values()):
        way = " (weights=[2, 1] says how often each is chosen; choice.p = 0.5 sets p of all mixes)"
        advice = way if "transforms" in known else ""
        raise TypeError(
            f"options of {cls.__name__} must be some of {', '.join(list(known)[1:])}{advice}, "
            f"got {unknown[0]}={options[unknown[0]]!r}{instead_of(unknown[0], list(known)[1:])}"
        )


def _constructors(cls: type[RandomTransform]) -> Iterator[list[inspect.Parameter]]:
    """Yield the parameters of each constructor of a transform, starting with the one of its own class."""
    for one in cls.__mro__[: cls.__mro__.index(RandomTransform)]:
        yield list(inspect.signature(one.__init__).parameters.values())[1:]  # type: ignore[misc]


@lru_cache
def _options_of(cls: type[Any]) -> frozenset[str]:
    found = [one for parameters in _constructors(cls) for one in parameters]
    return frozenset(one.name for one in found if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL))


def _option_text(option: Any) -> str:
    if isinstance(option, Generator):
        return f"<Generator on {option.device}, seed {option.initial_seed()}>"
    return getattr(option, "__qualname__", None) or repr(option)
