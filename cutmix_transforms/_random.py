"""Randomness: what every random transform shares, where uniform numbers come from, and the distributions made of them.

Nothing else in the package draws, and everything that is drawn is an array on the host.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import warnings
from copy import copy
from functools import cache, lru_cache, wraps
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info
from torchvision.transforms import v2

from cutmix_transforms._checks import TIMM_SWITCH, check_fraction, check_settable, no_switch
from cutmix_transforms._graph import register
from cutmix_transforms._shared_number import SharedNumber
from cutmix_transforms.functional._draw import as_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray


_CPU = torch.device("cpu")
_NUMBERS = torch.empty(0, dtype=torch.float64, device=_CPU)  # to make others like it takes less than to say how


class RandomTransform(v2.Transform):
    """A transform with a probability and a source of randomness; its instances hold options only."""

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
        """The probability that something happens; setting it also reaches the copies in running DataLoader workers."""
        return self._p.value

    @p.setter
    def p(self, value: float) -> None:
        self._p.value = check_fraction("p", value)

    @property
    def generator(self) -> Generator | None:
        """The CPU generator that draws come from; None is torch's global one. Running workers keep theirs."""
        return self._stream.generator

    @generator.setter
    def generator(self, value: Generator | None) -> None:
        if value is not None and not isinstance(value, Generator):
            raise TypeError(f"generator must be a torch.Generator or None, got {value!r}")
        if value is not None and value.device.type != "cpu":
            raise ValueError(
                f"generator must be a generator of the CPU, where all draws are made, got one of {value.device}"
            )
        self._stream = Stream.of(value)

    def __setattr__(self, name: str, value: Any) -> None:
        cls: Any = type(self)
        if self.__dict__.get("_is_made"):
            check_settable(cls.__name__, name, value, _options(cls))
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name == TIMM_SWITCH:
            raise AttributeError(no_switch(type(self).__name__))
        return super().__getattr__(name)

    def extra_repr(self) -> str:
        """Return all options, as in the call that makes the transform."""
        names: dict[str, None] = {}
        for found in _constructors(type(self)):  # one may hand on **options
            names |= {one.name: None for one in found if one.kind is not one.VAR_KEYWORD}
            if all(one.kind is not one.VAR_KEYWORD for one in found):
                break
        names = {name: None for name in names if name not in self._modules}
        return ", ".join(f"{name}={_option_text(getattr(self, name))}" for name in names)

    def _warn_of(self, keys: Iterable[Any]) -> None:
        """Warn once of what seems to belong to the instances of a sample, but was not named."""
        for key in keys:
            if key not in self._warned_of:
                self._warned_of.add(key)
                warnings.warn(
                    f"labels_getter does not name {key!r}, which has as many rows as there are instances and stays as "
                    "it is; let it return all that belongs to the instances",
                    stacklevel=2,
                )

    def __copy__(self) -> Any:
        """Return a copy of the same options and generator, with a ``p`` of its own."""
        other = type(self).__new__(type(self))
        other.__dict__.update({**self.__dict__, "_p": copy(self._p), "_number": register(other)})
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._number = register(self)


def _sealing(construct: Callable[..., None]) -> Callable[..., None]:
    """Make options read-only when the constructor of an object's own class has run, after all others."""

    @wraps(construct)
    def __init__(self: RandomTransform, *arguments: Any, **options: Any) -> None:  # noqa: N807
        if type(self).__init__ is __init__:
            _check_known(type(self), construct, arguments, options)
        construct(self, *arguments, **options)
        if type(self).__init__ is __init__:
            self._is_made = True

    return __init__


def _check_known(
    cls: type[RandomTransform], construct: Callable[..., None], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Raise an error for options that a transform does not have, or not by position, which says what it has."""
    known = inspect.signature(construct).parameters
    most = sum(one.kind is one.POSITIONAL_OR_KEYWORD for one in known.values()) - 1
    if len(arguments) > most and all(one.kind is not one.VAR_POSITIONAL for one in known.values()):
        raise TypeError(
            f"{cls.__name__} must be given its options by name, such as {list(known)[most + 1]}=..., "
            f"got {arguments[most]!r} by position"
        )
    unknown = [name for name in options if name not in known]
    if unknown and all(one.kind is not one.VAR_KEYWORD for one in known.values()):
        advice = " (p belongs to its mixes: choice.p = 0.5 sets that of all)" if "transforms" in known else ""
        raise TypeError(
            f"{cls.__name__} must be given options that it has, {', '.join(list(known)[1:])}{advice}, "
            f"got {unknown[0]}={options[unknown[0]]!r}"
        )


def _constructors(cls: type[RandomTransform]) -> Iterator[list[inspect.Parameter]]:
    """Yield the parameters of all constructors of a transform, its own first."""
    for one in cls.__mro__[: cls.__mro__.index(RandomTransform)]:
        yield list(inspect.signature(one.__init__).parameters.values())[1:]  # type: ignore[misc]


@lru_cache
def _options(cls: type[Any]) -> frozenset[str]:
    found = [one for parameters in _constructors(cls) for one in parameters]
    return frozenset(one.name for one in found if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL))


class Stream:
    """Uniform numbers that repeat neither between the ranks of a job nor, with a generator, between its copies.

    Without a generator the numbers come from torch's global CPU generator, which DataLoader seeds by worker and epoch,
    unless a ``worker_init_fn`` seeds it otherwise. With one they come from it; a DataLoader worker, where every copy of
    a generator starts from the same state, seeds its copy by that state and its own seed first. Every rank but the
    first draws from numbers of its own, so ranks differ even when they are seeded alike.
    """

    _known: ClassVar[WeakValueDictionary[int, Stream]] = WeakValueDictionary()  # by the generators that they hold
    _rank_of_parent: ClassVar[int | None] = None  # of the process that started this one, if it told

    @classmethod
    def of(cls, generator: Generator | None) -> Stream:
        """Return the stream of a generator: one for all that hold the same, so that pickled copies hold one as well."""
        return cls._known.setdefault(id(generator), cls(generator))

    def __init__(self, generator: Generator | None) -> None:
        self.generator = generator

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Return independent uniform numbers in [0, 1)."""
        numbers = _NUMBERS.new_empty(shape).uniform_(generator=self._source())
        return as_array(numbers)

    def noise(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Return uniform numbers in [0, 1) on a device, from a generator there that one number of the host seeds."""
        seed = _next_seed(self._source())
        try:
            generator = Generator(device).manual_seed(seed)
        except RuntimeError:  # a device without generators
            return torch.rand(shape, generator=_seeded_by(seed), dtype=torch.float32, device=_CPU).to(device)
        return torch.rand(shape, generator=generator, dtype=torch.float32, device=device)

    def _source(self) -> Generator | None:
        """The generator to draw from now: the user's or the global one (None), or one for this rank or worker alone."""
        generator, worker, forgotten = self.generator, get_worker_info(), 0
        if worker is not None and generator is None:
            forgotten = _forgotten_seed(worker.seed)
        elif worker is not None and generator is not None:
            _seed_in_worker(generator, worker.seed)
        rank = self._rank()
        return _seeded_by(_next_seed(generator), rank, forgotten) if rank or forgotten else generator

    def _rank(self) -> int:
        """The rank of this process among those of its job."""
        worker = get_worker_info()
        return (_rank_in_group() or 0) if worker is None else _rank_of_worker(worker.seed)

    def __reduce__(self) -> tuple[Any, ...]:
        # A torch.Generator does not survive the way to a spawned worker, its state does.
        return _stream_from, (None if self.generator is None else _state_of(self.generator),)


def _stream_from(state: bytes | None, rank: int | None = None) -> Stream:
    if rank is not None:
        Stream._rank_of_parent = rank
    if state is None:
        return Stream.of(None)
    generator = Generator()
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return Stream.of(generator)


def _for_worker(stream: Stream) -> tuple[Any, ...]:
    make, arguments = stream.__reduce__()
    rank = _rank_in_group()
    return make, (*arguments, stream._rank_of_parent if rank is None else rank)


ForkingPickler.register(Stream, _for_worker)


def _state_of(generator: Generator) -> bytes:
    return generator.get_state().numpy().tobytes()


def _seed_in_worker(generator: Generator, worker: int) -> None:
    """Seed a worker's copy of a generator by its state and the seed of the worker, unless this was done before.

    The seed tells: the generator uses its lower 32 bits, and those above are a mark of the worker.
    """
    mark = _mark_of(worker)
    if generator.initial_seed() >> 32 != mark:
        generator.manual_seed(mark << 32 | seed_of(_state_of(generator), worker) % 2**32)


@cache
def _mark_of(worker: int) -> int:
    return seed_of("worker", worker) % 2**31


def _option_text(option: Any) -> str:
    if isinstance(option, Generator):
        return f"<Generator on {option.device}, seed {option.initial_seed()}>"
    return getattr(option, "__qualname__", None) or repr(option)


def _rank_in_group() -> int | None:
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else None


@lru_cache(maxsize=1)  # for every draw it would take too long
def _rank_of_worker(worker: int) -> int:  # noqa: ARG001 (which tells one process from another)
    for rank in (_rank_in_group(), Stream._rank_of_parent):
        if rank is not None:
            return rank
    return int(os.environ.get("RANK", "0"))


def _next_seed(generator: Generator | None) -> int:
    return int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator))


def _forgotten_seed(worker: int) -> int:
    """Return the part of a worker's seed that its global generator does not use, where not the DataLoader gave it.

    It uses 32 bits, and there are ``worker_init_fn`` (that of older Lightning) whose seeds differ from epoch to epoch
    in the others only.
    """
    seed = torch.initial_seed()
    return 0 if worker == seed else seed >> 32


def _seeded_by(*parts: object) -> Generator:
    return Generator().manual_seed(seed_of(*parts))


def seed_of(*parts: object) -> int:
    """Return a seed for a generator, which nothing but these parts gives."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "big")


def beta(u: NDArray[np.float64], v: NDArray[np.float64], alpha: float, *, majority: bool = False) -> NDArray[Any]:
    """Return samples of the symmetric ``Beta(alpha, alpha)`` from two uniform numbers each, without rejection.

    With ``c = cos(2 pi v)`` and ``r = (u ** (-1 / alpha) - 1) * c ** 2`` it is
    ``lam = 1 / 2 + sign(c) / (2 * sqrt(1 + 1 / r))``, here written so that a small ``lam`` keeps its digits;
    ``majority`` gives the larger of ``lam`` and ``1 - lam``.

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


def integers(u: NDArray[np.float64], number: Any) -> NDArray[Any]:
    """Return uniform whole numbers from 0 to ``number - 1`` from uniform numbers in [0, 1)."""
    whole: NDArray[Any] = u * number // 1
    return whole
