"""The number p, which main process and workers have in common."""

import copy
import pickle

import pytest
import torch
from support.loaders import Holes, RandomBand, epoch, loader_of, mixes
from support.programs import play
from torch.utils.data import DataLoader

from cutmix_transforms import (
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)


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
SLOW_STARTS = [pytest.param(start, marks=pytest.mark.slow) for start in ("spawn", "forkserver")]
starts = pytest.mark.parametrize("start", ["fork", *SLOW_STARTS])


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


MANY = """
    import copy, json, os, resource, sys
    import torch
    from torch.utils.data import DataLoader
    from cutmix_transforms import MixCollate, RandomCutMix, RandomCutout, RandomMixChoice, RandomMixUp

    def make():
        return RandomMixChoice([RandomCutMix(num_classes=2), RandomMixUp(num_classes=2)])

    def files():
        return len(os.listdir("/proc/self/fd"))

    class Data:
        def __init__(self, kept):
            self.kept = kept

        def __len__(self):
            return 8

        def __getitem__(self, i):
            return torch.ones(1, 4, 4), 0

        def __getitems__(self, places):
            return [(torch.full((1, 4, 4), self.kept[-1].p), 0) for _ in places]

    if __name__ == "__main__":
        count, limit, start = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        before = files()
        kept = [(RandomCutMix, RandomMixUp, RandomCutout, make)[i % 4]() for i in range(count)]
        kept += [copy.deepcopy(one) for one in kept[:100]] + [copy.copy(one) for one in kept[:100]]
        between = files()
        for one in kept:
            one.p = 0.5
        loader = DataLoader(
            Data(kept), 4, num_workers=2, collate_fn=MixCollate(kept[3]), multiprocessing_context=start,
            persistent_workers=True,
        )
        first = [images.mean().item() for images, _ in loader]
        kept[-1].p = 0.25
        again = [images.mean().item() for images, _ in loader]
        del loader
        for _ in range(20_000):
            RandomMixUp()
        kept.clear()
        print(json.dumps({"first": first, "again": again, "files": [before, between, files()]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "limit", "start"),
    [(900, 400, "fork"), (1000, 256, "fork"), (900, 400, "forkserver"), (1000, 256, "spawn")],
)
def test_as_many_transforms_as_one_likes_take_a_handful_of_files(count, limit, start, tmp_path):
    """Of which a process may have 1,024, and 256 on a Mac."""
    told = play(MANY, tmp_path, count, limit, start)
    assert (told["first"], told["again"]) == ([0.5] * 2, [0.25] * 2)
    before, between, after = told["files"]
    assert between <= before + 6
    assert after <= before + 6 + 2  # what multiprocessing itself keeps open for workers


WITHOUT = """
    import copy, json, pickle, resource, sys
    import torch
    from torch.utils.data import DataLoader
    from cutmix_transforms import RandomCutMix, RandomMixUp

    class Told:
        def __init__(self, transform):
            self.transform = transform

        def __len__(self):
            return 2

        def __getitem__(self, i):
            return self.transform.p

    if __name__ == "__main__":
        if sys.argv[1] == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        transform = RandomMixUp(p=0.5)
        others = [copy.copy(transform), copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))]
        others[0].p = 0.125
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        loader = DataLoader(Told(transform), None, num_workers=1, multiprocessing_context=sys.argv[2])
        found = list(loader)
        transform.p = 0.25
        later = RandomCutMix(p=0.75)
        print(json.dumps([found, list(loader), transform.p, [one.p for one in others], later.p]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_without_shared_memory_p_is_an_ordinary_number(start, tmp_path):
    """That workers which are started later have."""
    told = play(WITHOUT, tmp_path, "limit", start)
    assert told == [[0.5] * 2, [0.25] * 2, 0.25, [0.125, 0.5, 0.5], 0.75]
