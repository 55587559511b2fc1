"""Two processes that train one model: they draw apart, learn what one process would, and repeat."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from support import two_ranks
from support.toys import COUNT, PICTURES, agree, network, soft, train_by_hand

from cutmix_transforms import MixedTarget

pytestmark = pytest.mark.slow

PROGRAM = Path(two_ranks.__file__)
jobs = pytest.mark.parametrize("name", two_ranks.JOBS)


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """What both ranks wrote, when started by ``torchrun`` and by ``torch.multiprocessing.spawn``."""
    by_torchrun, by_spawn = (tmp_path_factory.mktemp(name) for name in ("torchrun", "spawn"))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([*launcher, PROGRAM, by_torchrun], env=environment) as program:
        mp.spawn(two_ranks.rank_main, (by_spawn / "store", by_spawn), nprocs=2)
    assert program.returncode == 0
    return [[torch.load(out / f"{rank}.pt") for rank in range(2)] for out in (by_torchrun, by_spawn)]


def rows(target):
    return soft(MixedTarget(*target)) if isinstance(target, tuple) else target


@jobs
def test_together_they_learn_what_one_process_would(launched, name):
    """In float64: the mean of both losses, and the weights, of one process that gets the batches of both."""
    (first, trained), (second, trained_too) = (rank[name] for rank in launched[0])
    steps = list(zip(first, second, strict=True))
    assert len(steps) == 6
    batches = [(torch.cat([one[0], two[0]]), torch.cat([rows(one[1]), rows(two[1])])) for one, two in steps]
    assert max(agree(*batch) for batch in batches) < 1
    losses, alone = train_by_hand(network().double(), batches, two_ranks.RATE)
    assert [(one[3] + two[3]) / 2 for one, two in steps] == pytest.approx(losses, rel=1e-12)
    for weight, same, wanted, start in zip(
        trained, trained_too, alone.parameters(), network().parameters(), strict=True
    ):
        assert torch.equal(weight, same)
        torch.testing.assert_close(weight, wanted, rtol=1e-11, atol=1e-13)
        assert (weight - start).abs().max() > 1e-3


def draws_told(steps, place):
    """Fractions, boxes, and how far it is to each partner, as pixels and targets tell them."""
    fractions, boxes, ways = [], [], []
    for images, target, index, _ in steps:
        own, targets = index.tolist(), rows(target)
        partners = targets.scatter(1, index[:, None], 0).argmax(1).tolist()
        fractions.append(targets[range(len(own)), own].tolist())
        for image, i, partner in zip(images[:, 0], own, partners, strict=True):
            changed = image != PICTURES[i, 0].double()
            boxes.append([changed.any(axis).nonzero().aminmax() for axis in (1, 0)])
            ways.append((partner - i) % COUNT if place == "dataset" else (own.index(partner) - own.index(i)) % 4)
    return fractions, boxes, ways


@jobs
def test_they_draw_apart(launched, name):
    """Though they are seeded alike: other fractions, other boxes, other partners."""
    place = two_ranks.JOBS[name][0]
    (fractions, boxes, ways), (other_fractions, other_boxes, other_ways) = (
        draws_told(rank[name][0], place) for rank in launched[0]
    )
    draws = 4 if place == "dataset" else 1  # in a batch
    alone = {fraction for batch in fractions for fraction in batch}
    assert len(alone) == 6 * draws
    assert alone.isdisjoint({fraction for batch in other_fractions for fraction in batch})
    assert sum(one == other for one, other in zip(boxes, other_boxes, strict=True)) <= 4
    assert sum(one == other for one, other in zip(ways, other_ways, strict=True)) < 24


@jobs
def test_all_repeats_whoever_starts_it(launched, name):
    for rank in range(2):
        (steps, weights), (again, weights_again) = (job[rank][name] for job in launched)
        torch.testing.assert_close((steps, weights), (again, weights_again), rtol=0, atol=0)
