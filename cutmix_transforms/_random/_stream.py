"""The source of uniform numbers: torch's generators, in the main process, in workers and in the ranks of a job."""

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
_NUMBERS = torch.empty(0, dtype=torch.float64, device=_CPU)  # new_empty of it is faster than torch.empty


class Stream:
    """A source of uniform numbers that differ between the ranks of a job, and between workers with copied generators.

    Without a generator the numbers come from torch's global CPU generator. The DataLoader seeds it for every worker and
    epoch, unless a ``worker_init_fn`` seeds it otherwise. With a generator they come from that generator. In a
    DataLoader worker every copy of a generator starts from the same state, so the worker first seeds its copy with this
    state and its own seed. Every rank but the first derives a seed from its rank, so ranks differ even if all are
    seeded alike.
    """

    _known: ClassVar[WeakValueDictionary[int, Stream]] = WeakValueDictionary()  # by the id of the generator
    _rank_of_parent: ClassVar[int | None] = None  # the rank of the process that started this one, if known

    @classmethod
    def of(cls, generator: Generator | None) -> Stream:
        """Return the stream of a generator; a generator has only one, so that pickled copies keep it in common."""
        return cls._known.setdefault(id(generator), cls(generator))

    def __init__(self, generator: Generator | None) -> None:
        self.generator = generator

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Return independent uniform numbers in [0, 1)."""
        numbers = _NUMBERS.new_empty(shape).uniform_(generator=self._source())
        return as_array(numbers)

    def noise(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Return uniform numbers in [0, 1) on a device, from a generator there that is seeded by a draw on the host."""
        seed = _next_seed(self._source())
        try:
            generator = Generator(device).manual_seed(seed)
        except RuntimeError:  # a device without generators
            return torch.rand(shape, generator=_seeded_by(seed), dtype=torch.float32, device=_CPU).to(device)
        return torch.rand(shape, generator=generator, dtype=torch.float32, device=device)

    def _source(self) -> Generator | None:
        """Return the generator to draw from: the user's, the global one (None), or one for this rank or worker."""
        generator, worker, forgotten = self.generator, get_worker_info(), 0
        if worker is not None:
            if generator is None:
                forgotten = _forgotten_seed(worker.seed)
            else:
                _seed_in_worker(generator, worker.seed)
        rank = self._rank()
        return _seeded_by(_next_seed(generator), rank, forgotten) if rank or forgotten else generator

    def _rank(self) -> int:
        """Return the rank of this process in its distributed job."""
        worker = get_worker_info()
        return (_rank_in_group() or 0) if worker is None else _rank_of_worker(worker.seed)

    def __reduce__(self) -> tuple[Any, ...]:
        # A torch.Generator cannot be sent to a spawned worker, but its state can.
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
    """Seed a worker's copy of a generator with its state and the worker's seed, unless this was done before.

    Whether it was done can be read from the generator's seed: the upper 32 bits are a mark of the worker, and the
    generator uses the lower 32 bits only.
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


@lru_cache(maxsize=1)  # too slow to repeat for every draw
def _rank_of_worker(worker: int) -> int:  # noqa: ARG001 (the key of the cache)
    for rank in (_rank_in_group(), Stream._rank_of_parent):
        if rank is not None:
            return rank
    return int(os.environ.get("RANK", "0"))


def _next_seed(generator: Generator | None) -> int:
    return int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator))


def _forgotten_seed(worker: int) -> int:
    """Return the upper bits of a worker's seed, which its global generator ignores, or 0 if the DataLoader seeded it.

    The generator uses 32 bits of a seed. A ``worker_init_fn`` (as in older Lightning) may set seeds that differ between
    epochs in the upper bits only.
    """
    seed = torch.initial_seed()
    return 0 if worker == seed else seed >> 32


def _seeded_by(*parts: object) -> Generator:
    return Generator().manual_seed(seed_of(*parts))


def seed_of(*parts: object) -> int:
    """Return a seed for a generator that depends on all parts."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "big")
