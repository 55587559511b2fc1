"""Batches of workers in shared memory, and too little of it."""

import re
import subprocess
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.programs import SHARED, play, segments
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    RandomCutMix,
)
from cutmix_transforms._data import _shared_memory, _stacking


class Pictures(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        return torch.full((3, 8 * HEIGHT, 8 * WIDTH), float(i)), i % 5


def test_a_worker_writes_into_shared_memory(monkeypatch):
    """Told by the storage that is asked for, since what arrives is shared in any case."""
    asked = []
    share = torch.UntypedStorage._new_shared

    def spy(*arguments, **options):
        asked.append(arguments)
        return share(*arguments, **options)

    def collate(samples):
        monkeypatch.setattr(torch.UntypedStorage, "_new_shared", spy)
        return asked, MixCollate(RandomCutMix(num_classes=5))(samples)

    ((found, (images, _)),) = list(DataLoader(Pictures(), 8, num_workers=1, collate_fn=collate))
    assert found == [(8 * 3 * 64 * HEIGHT * WIDTH * 4,)]
    assert images.is_shared()
    assert not MixCollate(RandomCutMix(num_classes=5))([Pictures()[i] for i in range(8)])[0].is_shared()


def test_a_worker_without_shared_memory_to_write_into(monkeypatch):
    """The batch is then moved there, or what is wrong is said: data/test_faults.py."""

    def full(*arguments, **options):
        raise RuntimeError("unable to allocate shared memory")

    def collate(samples):
        with monkeypatch.context() as context:
            context.setattr(torch.UntypedStorage, "_new_shared", full)
            image = _stacking._allocate([sample[0] for sample in samples])
        return image.is_shared(), MixCollate(RandomCutMix(num_classes=5))(samples)

    (was_shared, (images, targets)), *_ = DataLoader(Pictures(), 8, num_workers=1, collate_fn=collate)
    assert not was_shared
    torch.testing.assert_close(images.mean((1, 2, 3)).sum(), torch.tensor(28.0))
    assert targets.shape == (8, 5)


@pytest.fixture
def room(monkeypatch, tmp_path):
    """This process as a worker, beside shared memory of 50 blocks of 10 bytes, of which so many are free."""

    def leave(free, blocks=50):
        found = SimpleNamespace(f_bavail=free, f_frsize=10, f_blocks=blocks)
        monkeypatch.setattr(_shared_memory.os, "statvfs", {tmp_path: found}.__getitem__)

    monkeypatch.setattr(_shared_memory, "SHARED", tmp_path)
    monkeypatch.setattr(_shared_memory, "get_worker_info", lambda: SimpleNamespace(id=0, seed=0))
    return leave


def shareable():
    """A batch of 40 bytes that are to be moved to shared memory, and of what is not."""
    part = torch.zeros(8)  # 32 bytes
    there = torch.zeros(90).share_memory_()
    return {"batch": (part[:4], tv_tensors.Image(part[4:].view(1, 2, 2))), "label": torch.zeros(1).double(),
            "there": there, "sparse": torch.eye(90).to_sparse(), "name": "x" * 90}  # fmt: skip


@pytest.mark.parametrize("ask", [_shared_memory.move_to_shared_memory, _shared_memory.check_room])
def test_what_a_worker_made_has_to_fit_into_shared_memory(ask, room):
    rule = f"shared memory ({_shared_memory.SHARED}) must have room for a batch of"
    advice = "free: enlarge it (docker run --shm-size=...), or use fewer workers, a smaller prefetch_factor or batch"
    size = 32 if ask is _shared_memory.move_to_shared_memory else 40
    room(3)
    with pytest.raises(RuntimeError, match=re.escape(f"{rule} {size} bytes, got 30 of 500 bytes {advice}")):
        ask(tree_leaves(shareable()))
    for free, blocks in ((4, 50), (0, 0)):  # just enough, or without a limit
        room(free, blocks)
        batch = shareable()
        ask(tree_leaves(batch))
        moved = [leaf.as_subclass(torch.Tensor).is_shared() for leaf in (*batch["batch"], batch["label"])]
        assert moved == [ask is _shared_memory.move_to_shared_memory] * 3


def test_only_a_worker_moves_to_shared_memory(room, monkeypatch):
    room(0)
    monkeypatch.setattr(_shared_memory, "get_worker_info", lambda: None)
    batch = shareable()
    _shared_memory.move_to_shared_memory(tree_leaves(batch))
    _shared_memory.check_room(batch)
    assert not batch["label"].is_shared()


@pytest.mark.parametrize("collate_fn", [default_collate, partial(default_collate)])
def test_a_collate_function_of_ones_own_shares_by_itself(room, collate_fn):
    room(10**6)
    _, targets = MixCollate(RandomCutMix(num_classes=5), collate_fn=collate_fn)([Pictures()[i] for i in range(4)])
    assert targets.is_shared() == (collate_fn is default_collate)
    room(0)
    with pytest.raises(RuntimeError, match="shared memory"):
        MixCollate(RandomCutMix(num_classes=5), collate_fn=collate_fn)([Pictures()[i] for i in range(4)])


FULL = """
    import json, multiprocessing, os, resource, sys
    import torch
    from torch.utils.data import DataLoader, default_collate
    from cutmix_transforms import MixCollate, RandomCutMix

    ROOM = 2**20

    class Data:
        def __init__(self, side):
            self.side = side

        def __getitem__(self, i):
            side = self.side if i < 4 else 8
            return torch.ones(3, side, side), i % 2

    def as_they_are(samples):
        return tuple(zip(*samples))

    def crowd(_):
        if sys.argv[1] == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
        if sys.argv[1] == "told":
            blocks = ROOM // 4096
            little = os.statvfs_result((4096, 4096, blocks, blocks, blocks, 9, 9, 9, 0, 255))
            os.statvfs = lambda path: little

    def play(name):
        side, classes = (8, 200_000) if name == "targets" else (200, 2)
        mix = RandomCutMix(num_classes=classes)
        collates = {"plain": default_collate, "own": MixCollate(mix, collate_fn=as_they_are)}
        loader = DataLoader(
            Data(side),
            batch_sampler=[[0, 1, 2, 3], [4]],
            collate_fn=collates.get(name, MixCollate(mix)),
            num_workers=1,
            worker_init_fn=crowd,
        )
        batches = iter(loader)
        pids.update(child.pid for child in multiprocessing.active_children())
        try:
            return ["no error", str(next(batches)[0])], 0
        except Exception as error:
            return [type(error).__name__, str(error)], next(batches)[0][0].sum().item()

    if __name__ == "__main__":
        torch.multiprocessing.set_sharing_strategy(sys.argv[2])
        pids = {os.getpid()}
        results = {name: play(name) for name in sys.argv[3:]}
        left = os.listdir("/dev/shm") if sys.argv[1] == "tmpfs" else []
        print(json.dumps({"results": results, "pids": sorted(pids), "left": left}))
"""
SMALL = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'


def with_little_shared_memory():
    """What to put before a command so that it has 1 MiB, if this user can have that."""
    for unshare in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        prefix = [*unshare, "sh", "-c", SMALL, "sh"]
        try:
            if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
                return prefix
        except OSError:  # no such program
            break
    return []


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["file_descriptor", "file_system"])
def test_a_batch_for_which_shared_memory_has_no_room_is_one_clear_error(strategy, tmp_path):
    """No bus error and no hang: of images, of targets, and of what a collate_fn of the user's own makes."""
    prefix = with_little_shared_memory()
    sizes = {"images": 4 * 3 * 200 * 200 * 4, "targets": 4 * 200_000 * 4, "own": 4 * 3 * 200 * 200 * 4}
    told = play(FULL, tmp_path, "tmpfs" if prefix else "told", strategy, *sizes, prefix=prefix)
    for name, size in sizes.items():
        (kind, message), next_batch = told["results"][name]
        assert kind == "RuntimeError"
        found = re.search(
            r"shared memory \(/dev/shm\) must have room .* (\d+) bytes, got (\d+) of (\d+) bytes free", message
        )
        needed, free, whole = map(int, found.groups())
        assert free <= whole == 2**20 < size <= needed <= size + 2**16
        assert "--shm-size" in message
        assert next_batch == 3 * 8 * 8
    assert strategy == "file_system" or told["left"] == []


@pytest.mark.slow
def test_shared_memory_that_cannot_be_had_is_the_error_of_default_collate(tmp_path):
    """Not a plain batch instead: the DataLoader would fail to move it in a thread that nobody hears, and hang."""
    told = play(FULL, tmp_path, "limit", "file_descriptor", "plain", "images", "targets")
    for (kind, message), next_batch in told["results"].values():
        assert kind == "RuntimeError"
        assert "File too large" in message
        assert next_batch == 3 * 8 * 8
    for name in segments(told["pids"]):  # torch leaves the name of a segment that is too large
        (SHARED / name).unlink()
