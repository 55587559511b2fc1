"""Draws in workers, ranks and copies, from the global generator and from one that is given."""

import copy
import pickle
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, slow_but
from support.loaders import LABELLED, Holes, RandomBand, epoch, loader_of, mixes
from torch.utils.data import DataLoader, default_collate

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms._random import _stream as _random
from cutmix_transforms._random._stream import Stream


def as_pairs(samples):
    return default_collate(samples)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "choice"])
@pytest.mark.parametrize("seed", [None, 3], ids=["global", "generator"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_and_epochs_differ(name, seed, workers):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    loader = loader_of(mixes(generator)[name], workers)
    fractions = epoch(loader) + epoch(loader)
    assert len(fractions) == len(set(fractions)) == 12


@pytest.mark.parametrize("with_generator", [False, True])
def test_persistent_workers_differ_from_epoch_to_epoch(with_generator):
    mix = mixes(torch.Generator().manual_seed(3) if with_generator else None)["mixup"]
    loader = loader_of(mix, 2, persistent_workers=True)
    fractions = epoch(loader) + epoch(loader)
    assert len(set(fractions)) == 12


@pytest.mark.parametrize("workers", [0, 2])
def test_the_whole_repeats_from_its_seeds(workers):
    def run(mix_seed, loader_seed):
        torch.manual_seed(0)
        mix = mixes(torch.Generator().manual_seed(mix_seed))["choice"]
        loader = loader_of(mix, workers, seed=loader_seed)
        return epoch(loader) + epoch(loader)

    first = run(1, 2)
    assert first == run(1, 2)
    assert first != run(5, 2)
    assert workers == 0 or first != run(1, 5)


def outputs(generator):
    """What all transforms make of a batch, one after another."""
    images, labels = torch.arange(4 * HEIGHT * WIDTH).float().view(4, 1, HEIGHT, WIDTH), torch.arange(4)
    mixed = [mix(images, labels)[0] for mix in mixes(generator).values()]
    return torch.stack([*mixed, RandomCutout(1, generator=generator)(images)])


@pytest.mark.parametrize("rank", [0, 1])
def test_draws_go_on_from_the_saved_state_of_a_generator(rank, monkeypatch):
    monkeypatch.setattr(Stream, "_rank", lambda self: rank)
    generator = torch.Generator().manual_seed(3)
    before, state, after = outputs(generator), generator.get_state(), outputs(generator)
    assert not torch.equal(before, after)
    generator.set_state(state)
    assert torch.equal(outputs(generator), after)
    another = torch.Generator()
    another.set_state(state)
    assert torch.equal(outputs(another), after)


@pytest.mark.parametrize("rank", [0, 1])
def test_draws_go_on_from_the_saved_state_of_the_global_generator(rank, monkeypatch):
    monkeypatch.setattr(Stream, "_rank", lambda self: rank)
    state = torch.get_rng_state()
    with torch.random.fork_rng():
        inside = outputs(None)
        assert not torch.equal(outputs(None), inside)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(outputs(None), inside)


def test_without_a_generator_the_loader_seed_repeats_workers():
    def run():
        return epoch(loader_of(mixes()["cutmix"], 2, seed=4))

    assert run() == run()


@pytest.mark.slow
def test_what_is_pickled_for_a_spawned_worker_draws_as_in_a_forked_one():
    """One pass over everything that has to be pickled: mix, choice, collate, data set, generators."""

    def run(context):
        generator = torch.Generator().manual_seed(3)
        generator.get_state()
        torch.rand(5, generator=generator)  # its state is no longer that of its seed
        mix = RandomMixChoice(
            [RandomMixUp(num_classes=24, alpha=0.4), RandomMixUp(num_classes=24)], generator=generator
        )
        data = MixDataset(LABELLED, RandomMixUp(num_classes=24, generator=generator))
        loader = DataLoader(
            data,
            4,
            collate_fn=MixCollate(mix, collate_fn=as_pairs),
            num_workers=1,
            multiprocessing_context=context,
            persistent_workers=True,
            generator=torch.Generator().manual_seed(1),
        )
        first = [targets for _, targets in loader]
        mix.p = 0
        data.transform.p = 0
        return first, [targets for _, targets in loader]

    (first, off), (again, _) = run("spawn"), run("fork")
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({targets.amax(1)[0].item() for targets in first}) == 6
    # setting p reached the persistent worker: the last epochs are unmixed
    assert torch.equal(torch.cat(off), torch.eye(24))


def test_a_shallow_copy_has_the_generator_of_the_original():
    original = RandomMixUp(generator=torch.Generator().manual_seed(3))
    assert copy.copy(original).generator is original.generator


GENERATOR = torch.Generator().manual_seed(3)  # which every spawned worker makes anew as well
NEW = {
    "mixup": lambda: RandomMixUp(generator=GENERATOR),
    "cutmix": lambda: RandomCutMix(ratio=(0.1, 0.9), opacity=(0.1, 0.9), generator=GENERATOR),
    "own": lambda: RandomBand(generator=GENERATOR),
    "choice": lambda: RandomMixChoice([RandomMixUp(), RandomBand()], generator=GENERATOR),
    "data set": lambda: MixDataset(LABELLED, RandomMixUp(num_classes=24, generator=GENERATOR)),
    "noise": lambda: RandomCutout(1.0, inside=True, fill="random", generator=GENERATOR),
    "copy": lambda: copy.copy(RandomMixUp(generator=GENERATOR)),
}


class Anew:
    """A data set whose transform is made anew for every sample, and gone after it."""

    def __init__(self, name):
        self.name = name

    def __len__(self):
        return 12

    def __getitem__(self, i):
        transform = NEW[self.name]()
        if self.name == "data set":
            return transform[i][1].amax().item()
        if self.name == "noise":
            return transform(torch.linspace(0, 1, 9).view(1, 3, 3)).sum().item()
        return transform.draw(torch.empty(4, 1, HEIGHT, WIDTH)).lam[0].item()


@pytest.mark.parametrize("name", slow_but(["mixup"], NEW))
@pytest.mark.parametrize("persistent", [False, True], ids=["anew", "persistent"])
def test_a_transform_made_anew_for_every_sample_goes_on_where_the_last_one_was(name, persistent):
    def run(seed):
        loader = DataLoader(
            Anew(name),
            None,
            num_workers=2,
            persistent_workers=persistent,
            generator=torch.Generator().manual_seed(seed),
        )
        return [draw for _ in range(2) for draw in loader]

    before = GENERATOR.get_state()
    drawn = run(4)
    assert len(set(drawn)) == len(drawn) == 24
    assert run(4) == drawn
    assert not set(run(5)) & set(drawn)
    assert torch.equal(GENERATOR.get_state(), before)


@pytest.mark.slow
def test_transforms_made_anew_draw_alike_however_workers_are_started():
    def run(start):
        options = {"num_workers": 2, "multiprocessing_context": start}
        return list(DataLoader(Anew("mixup"), None, generator=torch.Generator().manual_seed(4), **options))

    drawn = run("fork")
    assert len(set(drawn)) == 12
    assert run("forkserver") == run("spawn") == drawn


def test_holes_and_dataset_differ_between_workers():
    """numpy's generator in forked workers makes every worker draw the same."""
    for generator in (None, torch.Generator().manual_seed(1)):
        images = torch.cat([x for x, _ in DataLoader(Holes(RandomCutout(1, generator=generator)), 12, num_workers=2)])
        assert not torch.equal(images[:12], images[12:])
        data = MixDataset(LABELLED, RandomMixUp(num_classes=24, generator=generator))
        targets = [t.amax(1) for _, t in DataLoader(data, 12, num_workers=2)]
        assert not torch.equal(*targets)


@pytest.mark.slow
def test_forked_worker_takes_its_rank_from_the_environment(monkeypatch):
    def run(rank):
        for name, value in (("RANK", rank), ("WORLD_SIZE", 4)):
            monkeypatch.setenv(name, str(value))
        torch.manual_seed(0)
        own = torch.Generator().manual_seed(1)
        return [epoch(loader_of(mixes(generator)["mixup"], 2, seed=9)) for generator in (None, own)]

    runs = [run(rank) for rank in range(4)]
    for i in range(2):
        assert len({fraction for ranks in runs for fraction in ranks[i]}) == 24
    assert run(2) == runs[2]


def test_a_rank_without_a_world_size_shares_no_draw_either(monkeypatch):
    fractions = []
    for rank in (None, "0", "1", "7"):
        if rank is not None:
            monkeypatch.setenv("RANK", rank)
        fractions.append(epoch(loader_of(mixes()["mixup"], 1, seed=9)))
    assert fractions[0] == fractions[1]
    assert len({fraction for ranks in fractions[1:] for fraction in ranks}) == 18


def test_a_copy_of_a_copy_has_the_generator():
    mix = RandomMixUp(generator=torch.Generator().manual_seed(3))
    twice = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(mix))))
    assert torch.equal(twice.draw(torch.ones(4, 1, 2, 2)).lam, mix.draw(torch.ones(4, 1, 2, 2)).lam)


@pytest.mark.parametrize("given", [False, True], ids=["global", "generator"])
def test_numbers_and_noise_of_ranks_differ(given, monkeypatch):
    """One number of the host seeds the noise, whatever device it is made on."""
    drawn = {}
    for rank in range(3):
        monkeypatch.setattr(Stream, "_rank", lambda stream, rank=rank: rank)
        torch.manual_seed(3)
        stream = Stream(torch.Generator().manual_seed(4) if given else None)
        drawn[rank] = torch.from_numpy(stream.uniform(2, 3)), stream.noise((2, 3, 200), torch.device("cpu"))
    for (few, many), (other_few, other_many) in combinations(drawn.values(), 2):
        assert not torch.isin(few, other_few).any()
        assert not torch.isclose(many, other_many, atol=1e-7).float().mean() > 0.01
    for few, many in drawn.values():
        assert (few.shape, many.shape) == ((2, 3), (2, 3, 200))
        assert many.dtype == torch.float32
        assert 0 <= many.min() < 0.05 < 0.95 < many.max() < 1
        assert len(many.unique()) > 1190


def test_other_ranks_have_as_many_seeds_as_numbers(monkeypatch):
    monkeypatch.setattr(Stream, "_rank", lambda stream: 1)
    torch.manual_seed(3)
    drawn = np.stack([Stream(None).uniform(3) for _ in range(20_000)])
    assert len(np.unique(drawn, axis=0)) == len(drawn)


@pytest.mark.parametrize("generator", [None, torch.Generator()], ids=["global", "generator"])
def test_a_process_alone_takes_the_numbers_that_come_next(generator):
    (generator or torch).manual_seed(3)
    stream = Stream(generator)
    drawn = [stream.uniform(2, 3) for _ in range(2)]
    (generator or torch).manual_seed(3)
    for numbers in drawn:
        assert np.array_equal(numbers, torch.rand(2, 3, generator=generator, dtype=torch.float64).numpy())


def test_seeds_of_a_worker_count_with_all_their_bits(monkeypatch):
    """The global generator uses 32 of them, and there are functions that change only the others from epoch to epoch."""
    own = 7 + (1 << 32)
    monkeypatch.setattr(_random, "get_worker_info", lambda: SimpleNamespace(id=0, seed=own))
    monkeypatch.setattr(Stream, "_rank", lambda stream: 0)
    drawn = []
    for more in range(4):
        torch.manual_seed(5 + (more << 32))
        drawn.append(Stream(None).uniform(8))
    assert len(np.unique(np.concatenate(drawn))) == 32
    torch.manual_seed(own)
    drawn = Stream(None).uniform(8)
    torch.manual_seed(own)
    assert np.array_equal(
        drawn, torch.rand(8, dtype=torch.float64).numpy()
    )  # the worker's own seeds differ in what the generator uses
