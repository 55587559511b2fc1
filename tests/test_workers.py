"""DataLoader workers, generators and ranks: nobody draws what another one drew; all repeats from its seeds."""

import copy
import os
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from helpers import HEIGHT, WIDTH
from torch.utils.data import DataLoader, default_collate

from cutmix_transforms import MixCollate, MixDataset, RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp

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


def test_without_a_generator_the_loader_seed_repeats_workers():
    def run():
        return epoch(loader_of(mixes()["cutmix"], 2, seed=4))

    assert run() == run()


def test_spawned_workers_draw_apart_and_repeat():
    """One pass over everything that has to be pickled: mix, choice, cutout, collate, data set, generators."""

    def run():
        generator = torch.Generator().manual_seed(3)
        generator.get_state()
        torch.rand(5, generator=generator)  # its state is no longer that of its seed
        mix = RandomMixChoice(
            [RandomMixUp(num_classes=24, generator=generator), RandomMixUp(num_classes=24)], generator=generator
        )
        data = MixDataset(LABELLED, RandomMixUp(num_classes=24, generator=generator))
        loader = DataLoader(
            data,
            4,
            collate_fn=MixCollate(mix, collate_fn=as_pairs),
            num_workers=2,
            multiprocessing_context="spawn",
            persistent_workers=True,
            generator=torch.Generator().manual_seed(1),
        )
        first = [targets for _, targets in loader]
        mix.p = 0
        data.transform.p = 0
        return first, [targets for _, targets in loader]

    (first, off), (again, _) = run(), run()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({targets.amax(1)[0].item() for targets in first}) == 6
    # setting p reached the persistent workers: the last epochs are unmixed
    assert torch.equal(torch.cat(off), torch.eye(24))


@pytest.mark.parametrize("copy", [lambda mix: mix, copy.deepcopy, lambda mix: pickle.loads(pickle.dumps(mix))])
def test_p_reaches_persistent_workers_at_their_next_batch(copy):
    mix = copy(RandomCutMix(num_classes=24, ratio=(0.2, 0.8)))
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


def test_holes_and_dataset_differ_between_workers():
    """numpy's generator in forked workers makes every worker draw the same."""
    for generator in (None, torch.Generator().manual_seed(1)):
        images = torch.cat([x for x, _ in DataLoader(Holes(RandomCutout(1, generator=generator)), 12, num_workers=2)])
        assert not torch.equal(images[:12], images[12:])
        data = MixDataset(LABELLED, RandomMixUp(num_classes=24, generator=generator))
        targets = [t.amax(1) for _, t in DataLoader(data, 12, num_workers=2)]
        assert not torch.equal(*targets)


class DrawsInDataset:
    def __init__(self, mix):
        self.mix = mix

    def __len__(self):
        return 1

    def __getitem__(self, i):
        return self.mix.draw(torch.ones(2, 1, 4, 4)).lam[0]


class DrawsInCollate:
    def __init__(self, mix):
        self.mix = mix

    def __call__(self, samples):
        return samples[0], self.mix.draw(torch.ones(2, 1, 4, 4)).lam[0]


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_mixes_that_share_a_generator_do_not_draw_alike_in_workers(context):
    """Their copies start from one state: were each to draw from its own, data set and collate would be correlated."""
    generator = torch.Generator().manual_seed(3)
    data, collate = DrawsInDataset(RandomMixUp(generator=generator)), DrawsInCollate(RandomMixUp(generator=generator))
    loader = DataLoader(data, 1, collate_fn=collate, num_workers=1, multiprocessing_context=context)
    ((first, second),) = loader
    assert first != second


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


TWO_RANKS = """
    import sys, torch
    import torch.distributed as dist
    import torch.multiprocessing as mp
    from torch.utils.data import DataLoader
    from cutmix_transforms import MixCollate, RandomCutMix, RandomCutout, RandomMixUp

    DATA = [(torch.ones(1, 17, 11), i) for i in range(8)]

    def rank_main(rank, store, out):
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
        images, labels = torch.ones(8, 1, 17, 11), torch.arange(8)
        seen = []
        for generator in (None, torch.Generator().manual_seed(1)):
            torch.manual_seed(0)
            mix = RandomMixUp(num_classes=8, per_sample=True, generator=generator)
            seen += [mix.draw(images).lam, mix.draw(images).lam]
            seen.append(RandomCutout(1, generator=generator)(images).flatten(1).argmin(1).float())
            noise = RandomCutout(1.0, inside=True, fill="random", generator=generator)
            ramp = torch.arange(187.0).view(1, 1, 17, 11).expand(8, 1, 17, 11)
            seen.append(noise(ramp)[:, 0, 0, 0])
            for context in ("fork", "spawn"):
                loader = DataLoader(DATA, 8, collate_fn=MixCollate(mix), num_workers=1, multiprocessing_context=context)
                seen.append(next(iter(loader))[1].amax(1))
        torch.save(seen, f"{out}/{rank}.pt")
        dist.destroy_process_group()

    if __name__ == "__main__":
        mp.spawn(rank_main, sys.argv[1:], nprocs=2)
"""


def test_ranks_of_one_job_draw_apart_though_seeded_alike(tmp_path):
    program = tmp_path / "ranks.py"
    program.write_text(textwrap.dedent(TWO_RANKS))
    names = ("RANK", "WORLD_SIZE")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    subprocess.run([sys.executable, program, tmp_path / "store", tmp_path], check=True, env=environment)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert len(first) == len(second) == 12
    for a, b in zip(first, second, strict=True):
        assert (a == b).float().mean() < 0.5
