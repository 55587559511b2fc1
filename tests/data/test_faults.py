"""Faults around the package, across rooms: workers that die, data that raise, memory that grows."""

import os
from statistics import median

import pytest
from support.helpers import HEIGHT, WIDTH
from support.programs import PATIENCE, left_behind, play

pytestmark = pytest.mark.slow

WORKERS = """
    import json, multiprocessing, os, signal, sys, threading, time
    from functools import partial
    from pathlib import Path
    import torch
    from torch.utils.data import DataLoader
    from cutmix_transforms import MixCollate, RandomCutMix

    DEADLY, BROKEN, MISLABELLED, SLOW = 100, 101, 102, 103
    FAULTS = {"raises": BROKEN, "mislabelled": MISLABELLED, "dies": DEADLY, "killed": SLOW}
    VICTIM = Path(sys.argv[2])

    class Data:
        def __init__(self, received):
            self.received = received

        def __getitem__(self, i):
            while i in (DEADLY, SLOW) and self.received.value < 4:
                time.sleep(0.01)  # until all batches before have arrived, which need their worker to do so
            if i == DEADLY:
                os.kill(os.getpid(), signal.SIGKILL)
            if i == SLOW:
                VICTIM.with_suffix(".part").write_text(str(os.getpid()))
                VICTIM.with_suffix(".part").rename(VICTIM)
                time.sleep(3600)
            if i == BROKEN:
                raise LookupError(f"sample {i} cannot be read")
            return torch.full((3, 17, 11), float(i)), 77 if i == MISLABELLED else i % 5

    def kill():
        while not VICTIM.exists():
            time.sleep(0.01)
        os.kill(int(VICTIM.read_text()), signal.SIGKILL)
        VICTIM.unlink()

    class Scene:
        def __init__(self):
            self.pids, self.names, self.received = {os.getpid()}, set(), multiprocessing.Value("i")

        def epoch(self, loader, is_deadly=False):
            self.received.value = 0
            good, caught, batches = [], None, iter(loader)
            self.pids.update(worker.pid for worker in multiprocessing.active_children())
            while True:
                try:
                    images, targets = next(batches)
                except StopIteration:
                    return good, caught
                except Exception as error:
                    caught = [type(error).__name__, str(error)]
                    if is_deadly:
                        return good, caught
                    continue
                self.names.update(os.listdir("/dev/shm"))
                good.append([*images.shape, targets.sum().item()])
                self.received.value += 1

        def play(self, fault, persistent):
            order, is_deadly = list(range(40)), fault in ("dies", "killed")
            make = partial(DataLoader, Data(self.received), 4, num_workers=2, persistent_workers=persistent)
            loader = make(sampler=order, collate_fn=MixCollate(RandomCutMix(num_classes=5)))
            order[17] = FAULTS[fault]
            if fault == "killed":
                threading.Thread(target=kill, daemon=True).start()
            first = self.epoch(loader, is_deadly)
            order[:] = range(40)
            if persistent and is_deadly:  # workers that are to stay are not replaced
                loader = make(sampler=order, collate_fn=loader.collate_fn)
            return first, self.epoch(loader)

    if __name__ == "__main__":
        torch.multiprocessing.set_sharing_strategy(sys.argv[1])
        scene = Scene()
        results = {f"{fault} {kept}": scene.play(fault, kept) for fault in FAULTS for kept in (False, True)}
        seen = [name for name in scene.names if name.startswith(tuple(f"torch_{pid}_" for pid in scene.pids))]
        print(json.dumps({"results": results, "pids": sorted(scene.pids), "seen": seen}))
"""


@pytest.fixture(scope="module", params=["file_descriptor", "file_system"])
def after_faults(request, tmp_path_factory):
    """What loaders with two workers gave, each for an epoch with a fault and for the one after it."""
    folder = tmp_path_factory.mktemp("workers")
    return request.param, play(WORKERS, folder, request.param, folder / "victim")


WHOLE = [[4, 3, HEIGHT, WIDTH, pytest.approx(4)]] * 10
RAISED = {
    "raises": ["LookupError", "sample 101 cannot be read"],
    "mislabelled": ["ValueError", "labels must lie in [0, num_classes=5), got 77 at index "],
}


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("fault", RAISED)
def test_an_error_in_a_worker_arrives_and_costs_one_batch(fault, persistent, after_faults):
    """With its type and message; the batches after it and the next epoch are whole."""
    _, told = after_faults
    (good, (kind, message)), again = told["results"][f"{fault} {persistent}"]
    assert kind == RAISED[fault][0]
    assert RAISED[fault][1] in message
    assert good == WHOLE[:9]
    assert again == [WHOLE, None]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("fault", ["dies", "killed"])
def test_a_worker_that_is_killed_is_an_error_and_no_hang(fault, persistent, after_faults):
    _, told = after_faults
    (good, (kind, message)), again = told["results"][f"{fault} {persistent}"]
    assert kind == "RuntimeError"
    assert message.startswith("DataLoader worker (pid")
    assert message.endswith(("is killed by signal: Killed. ", "exited unexpectedly"))
    assert good == WHOLE[:4]
    assert again == [WHOLE, None]


def test_no_shared_memory_is_left_behind(after_faults):
    strategy, told = after_faults
    assert told["seen"] or strategy == "file_descriptor"  # where segments lose their names at once
    assert left_behind(told["pids"]) == []


MEMORY = """
    import json, multiprocessing, os, sys
    from pathlib import Path
    import torch
    from torch.utils.data import DataLoader
    from torchvision import tv_tensors
    from cutmix_transforms import MixCollate, RandomCutMix, RandomMixChoice, RandomMixUp

    WARM_UP, COUNT, SIZE = int(sys.argv[2]), int(sys.argv[3]), 4
    IMAGES = torch.rand(64, 3, 17, 11)

    class Data:
        def __len__(self):
            return (WARM_UP + COUNT) * SIZE

        def __getitem__(self, i):
            return IMAGES[i % 64], i % 5

    class Scenes(Data):
        def __getitem__(self, i):
            boxes = torch.tensor([[1.0, 2, 9, 12]]).repeat(i % 4, 1)
            boxes = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(17, 11))
            return IMAGES[i % 64], {"boxes": boxes, "labels": torch.arange(i % 4)}

    def as_they_are(samples):
        return tuple(zip(*samples))

    def mix(num_classes):
        return RandomMixChoice([RandomCutMix(num_classes=num_classes), RandomMixUp(num_classes=num_classes)])

    def look(pid):
        lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        found = {line[0]: int(line[1]) for line in lines if line[0] in ("VmRSS:", "RssAnon:")}
        return {**found, "files": len(os.listdir(f"/proc/{pid}/fd"))}

    if __name__ == "__main__":
        stacked, scenes = (Data(), MixCollate(mix(5))), (Scenes(), MixCollate(mix(None), collate_fn=as_they_are))
        data, collate = stacked if sys.argv[1] == "stacked" else scenes
        rows, segments = [], []
        for i, _ in enumerate(DataLoader(data, SIZE, num_workers=2, collate_fn=collate)):
            if i == 0:
                pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
                for pid in 100 * pids:  # looking takes memory, too: here, and not between two rows
                    look(pid)
            if i >= WARM_UP and (i - WARM_UP) % (COUNT // 100) == 0:
                rows.append([look(pid) for pid in pids])
                names = [name.split("_") for name in os.listdir("/dev/shm") if name.startswith("torch_")]
                segments.append(sum(int(name[1]) in pids for name in names))
        print(json.dumps({"rows": rows, "segments": segments, "pids": pids}))
"""


BATCHES = int(os.environ.get("BATCHES", "10000"))  # two million take about an hour


@pytest.mark.parametrize(("kind", "warm_up", "count"), [("stacked", 1000, BATCHES), ("scenes", 500, BATCHES // 10)])
def test_memory_is_the_same_after_many_batches(kind, warm_up, count, tmp_path):
    """Of the main process and of both workers, to one percent, and to 1 MiB of what they do not read from files."""
    told = play(MEMORY, tmp_path, kind, warm_up, count, patience=PATIENCE + count // 50)
    assert {len(row) for row in told["rows"]} == {3}
    assert len(told["rows"]) == 100
    assert max(told["segments"]) < 5  # they have a name for a moment only
    assert left_behind(told["pids"]) == []
    for process in range(3):
        for key in ("VmRSS:", "RssAnon:"):
            values = [row[process][key] for row in told["rows"]]
            first, last = median(values[:10]), median(values[-10:])
            print(f"{kind}, process {process}: {key} {first:.0f} kB, later {last:.0f} kB ({last / first - 1:+.3%})")
            assert last < (1.01 * first if key == "VmRSS:" else first + 1024)
        files = [row[process]["files"] for row in told["rows"]]
        assert median(files[-10:]) <= 2 * median(files[:10])  # batches on their way hold some
