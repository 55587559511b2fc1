"""Randomness: where uniform numbers come from, and the laws made of them. Nothing else in the package draws."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence  # noqa: TC003 (torch reads the annotations of an operator)
from functools import cache
from itertools import count
from typing import Any, ClassVar, cast
from weakref import WeakValueDictionary

import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info

from cutmix_transforms.functional._numbers import Number, clamp, functions_of, pick, whole


class Stream:
    """Uniform numbers that repeat neither between the ranks of a job nor, with a generator, between its copies.

    Without a generator the numbers come from the global generator of the device they are made on, which DataLoader
    seeds by worker and epoch, unless a ``worker_init_fn`` seeds it otherwise. With one they come from it; but in a
    DataLoader worker, where every copy of a generator starts from the same state, from one seeded by that state and the
    worker's own seed. Every rank but the first draws from numbers of its own, so ranks differ even when they are seeded
    alike.
    """

    _shared: ClassVar[WeakValueDictionary[int, Stream]] = WeakValueDictionary()
    _known: ClassVar[WeakValueDictionary[int, Stream]] = WeakValueDictionary()  # by the number that graphs hold
    _numbers: ClassVar[Iterator[int]] = count()

    @classmethod
    def of(cls, generator: Generator | None) -> Stream:
        """The stream of a generator: one for all that hold the same, so that pickled copies share one as well."""
        if generator is None:
            return cls(None)
        stream = cls._shared.get(id(generator))
        if stream is None:
            cls._shared[id(generator)] = stream = cls(generator)
        return stream

    def __init__(self, generator: Generator | None) -> None:
        self._generator = generator
        self._frozen: tuple[str, bytes] | None = None  # device and state, until a copy is used
        self._in_worker: tuple[int, Generator] | None = None  # the seed of a worker, and what it draws from
        self._rank = (0, 1)  # of the process that made this copy
        self._register()

    def _register(self) -> None:
        self._number = next(self._numbers)
        self._known[self._number] = self

    @property
    def generator(self) -> Generator | None:
        """The user's generator, or None."""
        if self._frozen is not None:
            device, state = self._frozen
            self._generator = Generator(device)
            self._generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
            self._shared[id(self._generator)] = self
            self._frozen = None
        return self._generator

    @property
    def given(self) -> bool:
        """Whether there is a generator, without making one."""
        return self._generator is not None or self._frozen is not None

    def uniform(self, *shape: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
        """Independent uniform numbers in [0, 1)."""
        if self.given and torch.compiler.is_compiling():
            return cast(Tensor, _draw_in_graph(torch.empty(0, device=device), self._number, "uniform", shape))
        rank, ranks = self._place()
        generator = self._generator_here()
        if _is_on_cpu(generator, device):
            apart = rank, 0 if self.given else _forgotten_seed()
            return _rand(shape, _fork(generator, *apart) if any(apart) else generator, device, dtype)
        if ranks == 1:
            return _rand(shape, generator, device, dtype)
        # The host would wait for a seed: every rank takes its part of one block.
        return _rand((ranks, *shape), generator, device, dtype)[rank]

    def noise(self, rows: int, *shape: int, device: torch.device) -> Tensor:
        """``(rows, *shape)`` uniform numbers, for blocks as large as images: no rank makes those of all ranks."""
        if self.given and torch.compiler.is_compiling():
            return cast(Tensor, _draw_in_graph(torch.empty(0, device=device), self._number, "noise", (rows, *shape)))
        generator = self._generator_here()
        if _is_on_cpu(generator, device):
            return self.uniform(rows, *shape, device=device)
        # Every rank takes the same and turns them by numbers of its own.
        turn = self.uniform(rows, *(1,) * len(shape), device=device)
        return (_rand((rows, *shape), generator, device, torch.float32) + turn) % 1

    def _generator_here(self) -> Generator | None:
        worker = _worker()
        if worker is None or not self.given:
            return self.generator
        if self._in_worker is None or self._in_worker[0] != worker.seed:
            self._in_worker = worker.seed, _seeded_by(self._state(), worker.seed)
        return self._in_worker[1]

    def _state(self) -> bytes:
        if self._frozen is not None:
            return self._frozen[1]
        return bytes(cast(Generator, self._generator).get_state().tolist())

    def _place(self) -> tuple[int, int]:
        """Rank and number of ranks."""
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        if _worker() is None:
            return 0, 1
        if self._rank[1] > 1:
            return self._rank
        return _place_in_environment()

    def __getstate__(self) -> dict[str, Any]:
        # A torch.Generator does not survive the way to a spawned worker, its state does.
        frozen = self._frozen
        if self._generator is not None:
            frozen = str(self._generator.device), self._state()
        return {"_generator": None, "_frozen": frozen, "_in_worker": None, "_rank": self._place()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._register()


@torch.library.custom_op("cutmix_transforms::draw", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,))
def _draw_in_graph(place: Tensor, stream: int, method: str, shape: Sequence[int]) -> Tensor:
    """Numbers of a stream with a generator, which a compiled graph cannot hold itself, where an empty tensor lies.

    Older compilers do not ask for the tag, but take no two empty tensors for one, nor then what is made with them.
    """
    return cast(Tensor, getattr(Stream._known[stream], method)(*shape, device=place.device))


@_draw_in_graph.register_fake
def _(place: Tensor, stream: int, method: str, shape: Sequence[int]) -> Tensor:  # noqa: ARG001
    return torch.empty(shape, dtype=torch.float32, device=place.device)


@cache
def _place_in_environment() -> tuple[int, int]:
    rank = int(os.environ.get("RANK", "0"))
    return rank, max(int(os.environ.get("WORLD_SIZE", "1")), rank + 1)


def _is_on_cpu(generator: Generator | None, device: torch.device) -> bool:
    """Whether numbers are made on the CPU, where one of them can be a seed without anybody waiting for it."""
    source = device if generator is None else generator.device
    return source.type == "cpu" and not torch.compiler.is_compiling()


def _rand(shape: tuple[int, ...], generator: Generator | None, device: torch.device, dtype: torch.dtype) -> Tensor:
    if generator is None:
        return torch.rand(shape, device=device, dtype=dtype)
    return torch.rand(shape, generator=generator, device=generator.device, dtype=dtype).to(device)


def _fork(generator: Generator | None, *parts: int) -> Generator:
    """A generator for another rank or seed, seeded by the next number of this one."""
    return _seeded_by(int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator)), *parts)


def _forgotten_seed() -> int:
    """What the global generator of a worker does not use of a seed that others than the DataLoader gave it.

    On the CPU it uses 32 bits, and there are ``worker_init_fn`` (that of older Lightning) whose seeds differ from epoch
    to epoch in the others only.
    """
    worker, seed = _worker(), torch.initial_seed()
    return 0 if worker is None or worker.seed == seed else seed >> 32


def _seeded_by(*parts: object) -> Generator:
    return Generator().manual_seed(seed_of(*parts))


def seed_of(*parts: object) -> int:
    """A seed for a generator, which nothing but these parts gives."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "big")


def _worker() -> Any:
    """The DataLoader worker that this process is, if any. A compiled graph cannot ask, but does not run in one."""
    return None if torch.compiler.is_compiling() else get_worker_info()


def beta(u: Number, v: Number, alpha: float, *, majority: bool = False) -> Number:
    """Samples of the symmetric ``Beta(alpha, alpha)`` law from two uniform numbers each, without rejection.

    With ``c = cos(2 pi v)`` and ``r = (u ** (-1 / alpha) - 1) * c ** 2`` the smaller of the two shares is
    ``(1 - 1 / sqrt(1 + 1 / r)) / 2``, here written so that it keeps its digits near 0;
    the sign of ``c`` says whose it is; with ``majority`` the larger share is given.

    References:
        Devroye, Random variate generation in one line of code, Winter Simulation Conference 1996.
    """
    f = functions_of(u)
    c = f.cos(2 * math.pi * v)
    r = f.expm1(clamp(f.log1p(-u) * (-1 / alpha), high=88)) * c * c  # up to the largest float32
    more = 1 + r
    smaller: Number = 0.5 / (more + f.sqrt(r) * f.sqrt(more))
    larger = 1 - smaller
    share: Number = larger if majority else pick(c < 0, smaller, larger)
    return share


def integers(u: Number, count: int | Number) -> Number:
    """Uniform integers from 0 to ``count - 1`` from uniform numbers in [0, 1)."""
    return whole(u * count)


def cyclic_shift(u: Number, count: int) -> Number:
    """By how many to turn ``count`` samples to find partners: 1 to ``count - 1``, so that nobody meets themselves."""
    return 1 + integers(u, max(count - 1, 1))
