"""Where uniform numbers come from: torch's generators, in workers and ranks of a job."""

from __future__ import annotations

import hashlib
import os
from functools import cache, lru_cache
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info

from cutmix_transforms.functional._draw import as_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_CPU = torch.device("cpu")
_NUMBERS = torch.empty(0, dtype=torch.float64, device=_CPU)  # to make others like it takes less than to say how


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
