"""All that is drawn in a grid of ranks, workers and epochs, by all that draws, across modules on purpose.

Run as a program, this file makes the part of one rank.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch import distributed
from torch.utils.data import DataLoader, get_worker_info

from cutmix_transforms import MixDataset, RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp

pytestmark = pytest.mark.slow

RANKS, EPOCHS, BATCHES = 2, 2, 4
BATCH = torch.empty(1).expand(1000, 1, 4000, 3000)  # takes no memory
IMAGES = torch.ones(3, 1, 60, 40)
RAMP = torch.linspace(0, 1, 4).view(1, 1, 2, 2)
LABELLED = [(torch.ones(1, 2, 2), i) for i in range(50)]


def beyond_32_bits(worker):
    """Lightning's, up to 2.5: seeds that differ from epoch to epoch only in bits that torch does not use."""
    base = torch.initial_seed() - worker
    torch.manual_seed((base << 32 | worker) % 2**64)


def careless(worker):
    torch.manual_seed(0)


INIT = {"beyond 32 bits": beyond_32_bits, "careless": careless}
SEEDINGS = ["plain", "of the loader", "lightning", *INIT]
STARTS = ["fork", "forkserver"]
GRID = [(start, persistent, seeding) for start in STARTS for persistent in (False, True) for seeding in SEEDINGS]
GRID.append(("no worker", False, "plain"))
SPAWNED = [("spawn", persistent, "of the loader") for persistent in (False, True)]
IN_ENVIRONMENT = [(start, *way) for start in STARTS for way in [(False, "plain"), (True, "of the loader")]]


class Anew:
    """A transform that is made anew for every draw, and gone after it."""

    def __init__(self, generator):
        self.given = RandomMixUp(generator=generator)  # a generator alone does not survive the way to a spawned worker

    def draw(self, images):
        return RandomMixUp(generator=self.given.generator).draw(images)


def kinds(generator):
    """What draws, for each kind twice: two of a kind in one pipeline draw apart, too."""
    patches = {"ratio": (0.0, 1.0), "opacity": (0.1, 0.9)}
    for _ in range(2):
        yield "mixup", RandomMixUp(generator=generator)
        yield "cutmix", RandomCutMix(generator=generator, **patches)
        yield "choice", RandomMixChoice([RandomMixUp(), RandomCutMix(**patches)], generator=generator)
        yield "data set", MixDataset(LABELLED, RandomMixUp(num_classes=50, generator=generator))
        yield "anew", Anew(generator)
        yield "holes", RandomCutout(1, generator=generator)
        yield "noise", RandomCutout(1.0, inside=True, fill="random", generator=generator)


def draw_from(kind, transform):
    if kind == "data set":
        return transform[0][1].tolist()
    if kind == "holes":
        return transform(IMAGES).flatten(1).argmin(1).tolist()
    if kind == "noise":
        return transform(RAMP).flatten().tolist()
    draw = transform.draw(BATCH)
    return [draw.partners[0].item(), draw.lam[0].item(), draw.opacity[0].item(), *draw.boxes[0].tolist()]


class Everything:
    """A data set, or a collate function for it: draws from all kinds of transforms, with a generator and without."""

    def __init__(self, given):
        self.all = [(kind, bool(own), one) for own in (None, given) for kind, one in kinds(own)]

    def draw(self):
        return [(kind, given, draw_from(kind, transform)) for kind, given, transform in self.all]

    def __len__(self):
        return BATCHES

    def __getitem__(self, i):
        return self.draw()

    def __call__(self, samples):
        worker = get_worker_info()
        return worker.id if worker else None, samples[0] + self.draw()


def loader_of(start, persistent, seeding):
    torch.manual_seed(0)
    given = torch.Generator().manual_seed(1)
    workers = {"num_workers": 2, "multiprocessing_context": start, "persistent_workers": persistent}
    loader = DataLoader(
        Everything(given),
        collate_fn=Everything(given),
        generator=torch.Generator().manual_seed(2) if seeding == "of the loader" else None,
        worker_init_fn=INIT.get(seeding),
        **({} if start == "no worker" else workers),
    )
    if seeding != "lightning":
        return loader
    from lightning.fabric import Fabric, seed_everything  # noqa: PLC0415 (no spawned worker needs it)

    seed_everything(0, workers=True, verbose=False)
    return Fabric(accelerator="cpu", devices=1).setup_dataloaders(loader, move_to_device=False)


def cell(start, persistent, seeding):
    loader = loader_of(start, persistent, seeding)
    return [
        {"epoch": epoch, "batch": batch, "worker": worker, "kind": kind, "given": given, "value": value}
        for epoch in range(EPOCHS)
        for batch, (worker, values) in enumerate(loader)
        for kind, given, value in values
    ]


def main(folder, rank):
    """Draw all that one rank draws: first one that only the environment tells, then one of a process group."""
    mp.set_forkserver_preload(["lightning.fabric", "cutmix_transforms"])
    found = {"environment": [[name, cell(*name)] for name in IN_ENVIRONMENT]}
    del os.environ["RANK"], os.environ["WORLD_SIZE"]
    group = {"init_method": f"file://{folder}/store", "rank": int(rank), "world_size": RANKS}
    distributed.init_process_group("gloo", **group, timeout=timedelta(minutes=5))  # where the other rank failed
    spawned = SPAWNED if rank == "1" else []  # one rank's tell enough: such a worker takes seconds to start
    found["group"] = [[name, cell(*name)] for name in [*GRID, *spawned]]
    distributed.destroy_process_group()
    Path(folder, f"{rank}.json").write_text(json.dumps(found))


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """The draws of all ranks: ``grid[place][cell]``, for ranks known from the environment or the process group."""
    folder = tmp_path_factory.mktemp("grid")
    runs = [
        subprocess.Popen([sys.executable, __file__, folder, rank], env=os.environ | {"RANK": rank, "WORLD_SIZE": "2"})
        for rank in map(str, range(RANKS))
    ]
    assert [run.wait() for run in runs] == [0] * RANKS
    found = {"environment": {}, "group": {}}
    for rank in range(RANKS):
        for place, cells in json.loads((folder / f"{rank}.json").read_text()).items():
            for name, records in cells:
                found[place].setdefault(tuple(name), []).extend(one | {"rank": rank} for one in records)
    return found


@pytest.mark.parametrize("name", GRID, ids=str)
def test_nobody_draws_what_another_drew(grid, name):
    """No rank, worker, epoch, batch or transform; where all workers are seeded alike, those with a generator."""
    records = grid["group"][name]
    assert len(records) == RANKS * EPOCHS * BATCHES * 2 * 2 * len(list(kinds(None)))
    assert {one["worker"] for one in records} == ({None} if name[0] == "no worker" else {0, 1})
    if name[2] == "careless":
        records = [one for one in records if one["given"]]
    seen = Counter((one["kind"], *one["value"]) for one in records)
    repeated = {value for value, times in seen.items() if times > 1}
    assert not [one for one in records if (one["kind"], *one["value"]) in repeated]


@pytest.mark.parametrize("name", [*(one for one in GRID if one[0] == "forkserver"), *SPAWNED], ids=str)
def test_however_workers_are_started_they_draw_the_same(grid, name):
    records = grid["group"][name]
    ranks = {one["rank"] for one in records}
    assert ranks == ({1} if name in SPAWNED else {0, 1})
    assert records == [one for one in grid["group"][("fork", *name[1:])] if one["rank"] in ranks]


@pytest.mark.parametrize("seeding", SEEDINGS)
def test_persistent_workers_begin_as_others_do(grid, seeding):
    first, other = (
        [one for one in grid["group"]["fork", persistent, seeding] if one["epoch"] == 0] for persistent in (False, True)
    )
    assert first == other


@pytest.mark.parametrize("name", IN_ENVIRONMENT, ids=str)
def test_a_second_run_whose_ranks_the_environment_tells_draws_the_same(grid, name):
    assert grid["environment"][name] == grid["group"][name]


if __name__ == "__main__":
    main(*sys.argv[1:])
