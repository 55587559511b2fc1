"""DataLoader workers and generators: what reaches workers, and what they draw (see also test_randomness.py)."""

import copy
import pickle
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from torch.utils.data import DataLoader, default_collate

from cutmix_transforms import (
    Mix,
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms._random import _stream as _random
from cutmix_transforms._random._stream import Stream
from cutmix_transforms.functional import Placement

IMAGE = torch.ones(1, HEIGHT, WIDTH)
SAMPLES = [(IMAGE, i % 2) for i in range(24)]


class Holes:
    """A data set that cuts holes of its own."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 24

    def __getitem__(self, i):
        return self.transform(IMAGE), 0


class RandomBand(Mix):
    """A mix of one's own."""

    numbers = 1

    def place(self, numbers, size):
        return Placement(opacity=numbers[0])


def as_pairs(samples):
    return default_collate(samples)


def mixes(generator=None):
    """Mixes that draw a share of their own for every batch: the target of sample 0 tells it."""
    options = {"num_classes": 24, "generator": generator}
    children = [RandomMixUp(num_classes=24), RandomCutMix(num_classes=24, ratio=(0.1, 0.9), opacity=(0.1, 0.9))]
    return {
        "mixup": RandomMixUp(**options),
        "cutmix": RandomCutMix(ratio=(0.1, 0.9), opacity=(0.1, 0.9), **options),
        "choice": RandomMixChoice(children, generator=generator),
    }


LABELLED = [(IMAGE, i) for i in range(24)]


def epoch(loader):
    return [targets.amax(1)[0].item() for _, targets in loader]


def loader_of(mix, workers, seed=None, **options):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return DataLoader(LABELLED, 4, collate_fn=MixCollate(mix), num_workers=workers, generator=generator, **options)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "choice"])
@pytest.mark.parametrize("seed", [None, 3], ids=["global", "generator"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_and_epochs_differ(name, seed, workers):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    loader = loader_of(mixes(generator)[name], workers)
    shares = epoch(loader) + epoch(loader) + epoch(loader)
    assert len(shares) == 18
    assert len(set(shares)) == 18


@pytest.mark.parametrize("with_generator", [False, True])
def test_persistent_workers_differ_from_epoch_to_epoch(with_generator):
    mix = mixes(torch.Generator().manual_seed(3) if with_generator else None)["mixup"]
    loader = loader_of(mix, 2, persistent_workers=True)
    shares = epoch(loader) + epoch(loader)
    assert len(set(shares)) == 12


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


@pytest.mark.parametrize(
    "made", [lambda mix: mix, copy.copy, copy.deepcopy, lambda mix: pickle.loads(pickle.dumps(mix))]
)
def test_p_reaches_persistent_workers_at_their_next_batch(made):
    mix = made(RandomCutMix(num_classes=24, ratio=(0.2, 0.8)))
    loader = loader_of(mix, 2, persistent_workers=True, prefetch_factor=1)
    assert max(epoch(loader)) < 1
    mix.p = 0.0
    assert min(epoch(loader)) == 1
    mix.p = 1.0
    assert max(epoch(loader)) < 1


def test_p_of_a_choice_and_of_cutout_reach_persistent_workers():
    choice, cutout = mixes()["choice"], RandomCutout(5)
    loaders = [
        loader_of(choice, 1, persistent_workers=True),
        DataLoader(Holes(cutout), 24, num_workers=1, persistent_workers=True),
    ]
    assert max(epoch(loaders[0])) < 1
    assert next(iter(loaders[1]))[0].min() == 0
    choice.p = cutout.p = 0
    assert min(epoch(loaders[0])) == 1
    assert next(iter(loaders[1]))[0].min() == 1


# --- copies -----------------------------------------------------------------------------------------------------------


def in_process(start, function, *arguments):
    """What a function gives in a process of its own."""
    context = torch.multiprocessing.get_context(start)
    queue = context.SimpleQueue()
    process = context.Process(target=tell, args=(queue, function, arguments))
    process.start()
    found = queue.get()
    process.join()
    assert process.exitcode == 0
    return found


def tell(queue, function, arguments):
    queue.put(function(*arguments))


KINDS = {
    "cutmix": RandomCutMix,
    "mixup": RandomMixUp,
    "cutout": RandomCutout,
    "own": RandomBand,
    "choice": lambda: RandomMixChoice([RandomCutMix(), RandomMixChoice([RandomMixUp(), RandomBand()])]),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda mix: pickle.loads(pickle.dumps(mix))}
starts = pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])


@kinds
@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_a_copy_has_a_p_of_its_own(make, make_copy):
    original = make()
    original.p = 0.5
    first, second = make_copy(original), make_copy(make_copy(original))
    first.p, second.p = 0, 1
    assert (original.p, first.p, second.p) == (0.5, 0, 1)
    original.p = 0.25
    assert (original.p, first.p, second.p) == (0.25, 0, 1)
    assert repr(original).replace("p=0.25", "p=0.0") == repr(first)


def test_a_shallow_copy_has_the_generator_of_the_original():
    original = RandomMixUp(generator=torch.Generator().manual_seed(3))
    assert copy.copy(original).generator is original.generator


def set_and_tell(transforms, wanted, others):
    """In a worker: new transforms, and those that the main process has too."""
    new = [RandomCutMix(p=0.125) for _ in range(600)]
    found = [one.p for one in transforms], [one.p for one in others], {one.p for one in new}
    for transform in transforms:
        transform.p = wanted
    return *found, {one.p for one in new}


@starts
def test_what_a_worker_gets_has_the_same_p(start):
    """Whatever is made in the worker, and what else there is in the main process."""
    transforms, others = [make() for make in KINDS.values()], [RandomMixUp(p=i / 1024) for i in range(1024)]
    values = [i / 1024 for i in range(1024)]
    for transform in transforms:
        transform.p = 0.5
    assert in_process(start, set_and_tell, transforms, 0.75, others) == ([0.5] * 5, values, {0.125}, {0.125})
    assert [one.p for one in transforms] == [0.75] * 5
    assert [one.p for one in others] == values


class Told:
    """A data set that tells the ``p`` of its transforms, and of one that it makes."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return [one.p for one in [*self.transforms, RandomCutMix(p=0.125)]]


@starts
def test_p_reaches_running_workers_however_they_are_started(start):
    """Also when transforms are made, copied and gone in the main process meanwhile."""
    data = Told([make() for make in KINDS.values()])
    loader = DataLoader(data, None, num_workers=1, multiprocessing_context=start, persistent_workers=True)
    followed = data.transforms
    for p in (1, 0.5, 0, 0.25):
        for transform in followed:
            transform.p = p
        assert list(loader) == [[p] * 5 + [0.125]] * 2
    data.transforms = None
    for transform in followed:
        for make_copy in COPIES.values():
            make_copy(transform).p = 1
    assert list(loader) == [[0.25] * 5 + [0.125]] * 2
    del transform, followed  # the worker still has its copies
    others = [RandomMixUp(p=1) for _ in range(2000)]
    assert list(loader) == [[0.25] * 5 + [0.125]] * 2
    assert {one.p for one in others} == {1}


# --- a generator for transforms that are made anew --------------------------------------------------------------------

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


@pytest.mark.parametrize("name", NEW)
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


def test_forked_worker_takes_its_rank_from_the_environment(monkeypatch):
    def run(rank):
        for name, value in (("RANK", rank), ("WORLD_SIZE", 4)):
            monkeypatch.setenv(name, str(value))
        torch.manual_seed(0)
        own = torch.Generator().manual_seed(1)
        return [epoch(loader_of(mixes(generator)["mixup"], 2, seed=9)) for generator in (None, own)]

    runs = [run(rank) for rank in range(4)]
    for i in range(2):
        assert len({share for ranks in runs for share in ranks[i]}) == 24
    assert run(2) == runs[2]


def test_a_rank_without_a_world_size_shares_no_draw_either(monkeypatch):
    shares = []
    for rank in (None, "0", "1", "7"):
        if rank is not None:
            monkeypatch.setenv("RANK", rank)
        shares.append(epoch(loader_of(mixes()["mixup"], 1, seed=9)))
    assert shares[0] == shares[1]
    assert len({share for ranks in shares[1:] for share in ranks}) == 18


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
