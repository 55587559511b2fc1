"""Randomness: what every random transform shares, where uniform numbers come from, and the distributions made of them.

Nothing else in the package draws, and everything that is drawn is an array on the host.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import math
import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info
from torchvision.transforms import v2

from cutmix_transforms._checks import check_fraction
from cutmix_transforms._graph import register
from cutmix_transforms.functional._draw import as_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


_CPU = torch.device("cpu")
_NUMBERS = torch.empty(0, dtype=torch.float64, device=_CPU)  # to make others like it takes less than to say how


class RandomTransform(v2.Transform):
    """A transform with a probability and a source of randomness; its instances hold options only."""

    def __init__(self, *, p: float, generator: Generator | None) -> None:
        super().__init__()
        with torch.inference_mode(False):  # an inference tensor could not be set outside
            self._p = _in_shared_memory(torch.tensor(check_fraction("p", p), dtype=torch.float64, device="cpu"))
        self.generator = generator
        self._warned_of: set[Any] = set()
        self._number = register(self)

    @property
    def p(self) -> float:
        """The probability that something happens; setting it also reaches the copies in running DataLoader workers."""
        return self._p.item()

    @p.setter
    def p(self, value: float) -> None:
        self._p.fill_(check_fraction("p", value))

    @property
    def generator(self) -> Generator | None:
        """The CPU generator that draws come from; None is torch's global one."""
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

    def extra_repr(self) -> str:
        """Return all options, as in the call that makes the transform."""
        names: dict[str, None] = {}
        for cls in type(self).__mro__[: type(self).__mro__.index(RandomTransform)]:  # one may hand on **options
            found = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
            names |= {one.name: None for one in found if one.kind is not one.VAR_KEYWORD and one.name != "self"}
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        _in_shared_memory(self._p)
        self._number = register(self)


class Stream:
    """Uniform numbers that repeat neither between the ranks of a job nor, with a generator, between its copies.

    Without a generator the numbers come from torch's global CPU generator, which DataLoader seeds by worker and epoch,
    unless a ``worker_init_fn`` seeds it otherwise. With one they come from it; but in a DataLoader worker, where every
    copy of a generator starts from the same state, from one seeded by that state and the worker's own seed. Every rank
    but the first draws from numbers of its own, so ranks differ even when they are seeded alike.
    """

    _shared: ClassVar[WeakValueDictionary[int, Stream]] = WeakValueDictionary()

    @classmethod
    def of(cls, generator: Generator | None) -> Stream:
        """Return the stream of a generator: one for all that hold the same, so that pickled copies hold one as well."""
        if generator is None:
            return cls(None)
        stream = cls._shared.get(id(generator))
        if stream is None:
            cls._shared[id(generator)] = stream = cls(generator)
        return stream

    def __init__(self, generator: Generator | None) -> None:
        self._generator = generator
        self._frozen: bytes | None = None  # the state, until a copy is used
        self._in_worker: _InWorker | None = None
        self._rank_of_original: int | None = None  # of the process that made this copy, if it knew

    @property
    def generator(self) -> Generator | None:
        """The user's generator, or None."""
        if self._frozen is not None:
            self._generator = Generator()
            self._generator.set_state(torch.frombuffer(bytearray(self._frozen), dtype=torch.uint8))
            self._shared[id(self._generator)] = self
            self._frozen = None
        return self._generator

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
        worker = get_worker_info()
        if worker is None:
            return self._apart(self.generator, self._rank())
        if self._in_worker is None or self._in_worker.seed != worker.seed:
            own = _seeded_by(self._state(), worker.seed) if self._is_given() else None
            self._in_worker = _InWorker(worker.seed, own, self._rank())
        _, generator, rank = self._in_worker
        return self._apart(generator, rank, _forgotten_seed(worker.seed) if generator is None else 0)

    @staticmethod
    def _apart(generator: Generator | None, rank: int, forgotten: int = 0) -> Generator | None:
        return _seeded_by(_next_seed(generator), rank, forgotten) if rank or forgotten else generator

    def _rank(self) -> int:
        """The rank of this process among those of its job."""
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank()
        if get_worker_info() is None:
            return 0
        return _rank_in_environment() if self._rank_of_original is None else self._rank_of_original

    def _is_given(self) -> bool:
        return self._generator is not None or self._frozen is not None

    def _state(self) -> bytes:
        if self._frozen is not None:
            return self._frozen
        return bytes(cast(Generator, self._generator).get_state().tolist())

    def __getstate__(self) -> dict[str, Any]:
        # A torch.Generator does not survive the way to a spawned worker, its state does.
        frozen = self._state() if self._is_given() else None
        is_known = torch.distributed.is_available() and torch.distributed.is_initialized()
        rank = self._rank() if is_known else self._rank_of_original
        return {"_generator": None, "_frozen": frozen, "_in_worker": None, "_rank_of_original": rank}


class _InWorker(NamedTuple):
    """What a DataLoader worker draws from."""

    seed: int  # of the worker, another one in every epoch
    generator: Generator | None  # where the user gave one
    rank: int


def _in_shared_memory(number: Tensor) -> Tensor:
    """Move a number into shared memory, where that can be had: a worker's copy of it is then the same number."""
    with contextlib.suppress(RuntimeError):
        number.share_memory_()
    return number


def _option_text(option: Any) -> str:
    if isinstance(option, Generator):
        return f"<Generator on {option.device}, seed {option.initial_seed()}>"
    return getattr(option, "__qualname__", None) or repr(option)


@cache
def _rank_in_environment() -> int:
    return int(os.environ.get("RANK", "0"))


def _next_seed(generator: Generator | None) -> int:
    return int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator))


def _forgotten_seed(worker: int) -> int:
    """What the global generator of a worker does not use of a seed that others than the DataLoader gave it.

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
