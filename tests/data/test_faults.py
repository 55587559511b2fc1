"""What goes wrong outside of the package: workers that die, data that raise, memory that is full, damaged pictures."""

import io
import json
import os
import re
import resource
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest
import torch
from PIL import Image
from support.helpers import HEIGHT, WIDTH
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import MixDataset, RandomMixUp
from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _data
from cutmix_transforms._commands._files import write_whole
from cutmix_transforms._commands._pictures import open_picture, size_of

SHARED = Path("/dev/shm")  # noqa: S108
PATIENCE = 180  # seconds until something counts as hung


def play(scene, folder, *arguments, prefix=()):
    """Run a program that prints JSON, in processes of its own, so that a hang is a failure."""
    program = folder / "scene.py"
    program.write_text(textwrap.dedent(scene))
    command = [*prefix, sys.executable, str(program), *map(str, arguments)]
    # Files, as nobody waits for the end of what a process left running has not closed.
    with (folder / "out").open("w+") as out, (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, start_new_session=True)
        try:
            code = process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            code = "hung"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert code == 0, f"{code}: {(folder / 'errors').read_text()[-5000:]}"
    return json.loads((folder / "out").read_text())


def segments(pids):
    return [path.name for path in SHARED.glob("torch_*") if int(path.name.split("_")[1]) in pids]


def left_behind(pids):
    """Shared memory of processes that have ended, after the time that torch's own manager may take to clear up."""
    end = time.monotonic() + 20
    while segments(pids) and time.monotonic() < end:
        time.sleep(0.1)
    return segments(pids)


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


class Failing:
    """Samples, one of which raises an error."""

    def __init__(self, error, bad):
        self.error, self.bad = error, bad

    def __len__(self):
        return 2

    def __getitem__(self, i):
        if i == self.bad:
            raise self.error
        return torch.ones(3, HEIGHT, WIDTH), i


@pytest.mark.parametrize("bad", [0, 1], ids=["own", "partner"])
@pytest.mark.parametrize("error", [OSError(5, "disk"), KeyError("name"), IndexError("row 7"), StopIteration()])
def test_an_error_of_the_data_set_passes_through_a_mixed_one_unchanged(error, bad):
    data = MixDataset(Failing(error, bad), RandomMixUp(num_classes=2))
    with pytest.raises(type(error)) as caught:
        data[0]
    assert caught.value is error
    assert error.__cause__ is None


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


@pytest.mark.parametrize("strategy", ["file_descriptor", "file_system"])
def test_a_batch_for_which_shared_memory_has_no_room_is_one_clear_error(strategy, tmp_path):
    """No bus error and no hang: of images, of targets, and of what a collate_fn of the user's own makes."""
    prefix = with_little_shared_memory()
    sizes = {"images": 4 * 3 * 200 * 200 * 4, "targets": 4 * 200_000 * 4, "own": 4 * 3 * 200 * 200 * 4}
    told = play(FULL, tmp_path, "tmpfs" if prefix else "told", strategy, *sizes, prefix=prefix)
    for name, size in sizes.items():
        (kind, message), next_batch = told["results"][name]
        assert kind == "RuntimeError"
        found = re.search(r"shared memory \(/dev/shm\) must have room .* (\d+) bytes, got (\d+) of (\d+) free", message)
        needed, free, whole = map(int, found.groups())
        assert free <= whole == 2**20 < size <= needed <= size + 2**16
        assert "--shm-size" in message
        assert next_batch == 3 * 8 * 8
    assert strategy == "file_system" or told["left"] == []


def test_shared_memory_that_cannot_be_had_is_the_error_of_default_collate(tmp_path):
    """Not a plain batch instead: the DataLoader would fail to move it in a thread that nobody hears, and hang."""
    told = play(FULL, tmp_path, "limit", "file_descriptor", "plain", "images", "targets")
    for (kind, message), next_batch in told["results"].values():
        assert kind == "RuntimeError"
        assert "File too large" in message
        assert next_batch == 3 * 8 * 8
    for name in segments(told["pids"]):  # torch leaves the name of a segment that is too large
        (SHARED / name).unlink()


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
            if i >= WARM_UP and (i - WARM_UP) % (COUNT // 100) == 0:
                rows.append([look(pid) for pid in pids])
                names = [name.split("_") for name in os.listdir("/dev/shm") if name.startswith("torch_")]
                segments.append(sum(int(name[1]) in pids for name in names))
        print(json.dumps({"rows": rows, "segments": segments, "pids": pids}))
"""


@pytest.mark.parametrize(("kind", "warm_up", "count"), [("stacked", 1000, 10_000), ("scenes", 500, 1000)])
def test_memory_is_the_same_after_many_batches(kind, warm_up, count, tmp_path):
    """Of the main process and of both workers, to one percent, and to 1 MiB of what they do not read from files."""
    told = play(MEMORY, tmp_path, kind, warm_up, count)
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


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_without_shared_memory_p_is_an_ordinary_number(start, tmp_path):
    """That workers which are started later have."""
    told = play(WITHOUT, tmp_path, "limit", start)
    assert told == [[0.5] * 2, [0.25] * 2, 0.25, [0.125, 0.5, 0.5], 0.75]


WIDE, HIGH = 34, 22  # of the pictures
ORANGE = (200, 100, 50)


def saved(form, mode="RGB", colour=ORANGE, palette=None, **options):
    """A file of one colour, as Pillow writes it."""
    file, picture = io.BytesIO(), Image.new(mode, (WIDE, HIGH), colour)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(file, form, **options)
    return file.getvalue()


def png(width, height, bits, kind, row, **chunks):
    """A PNG of equal rows, by its definition."""
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(b"\0" + row) for _ in range(height)) + packer.flush()
    header = struct.pack(">2I5B", width, height, bits, kind, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for name, data in {"IHDR": header, **chunks, "IDAT": pixels, "IEND": b""}.items():
        named = name.encode() + data
        out += struct.pack(">I", len(data)) + named + struct.pack(">I", zlib.crc32(named))
    return out


def grey16(value, **chunks):
    return png(WIDE, HIGH, 16, 0, struct.pack(">H", value) * WIDE, **chunks)


def palette(colour, **options):
    """Of a picture that is wholly of the second of two colours."""
    return saved("PNG", "P", 1, [0, 0, 0, *colour], **options)


def frames(form, **options):
    other = Image.new("RGB", (WIDE, HIGH), (0, 0, 255))
    return saved(form, save_all=True, append_images=[other], **options)


def jpeg(mode, colour):
    return saved("JPEG", mode, colour, quality=95)


def ycck(colour):
    """A JPEG of ink whose Adobe marker says that it is stored as YCCK."""
    data = bytearray(jpeg("CMYK", colour))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def seen_through(ink):
    """Of paper that was white."""
    return tuple(round((255 - c) * (255 - ink[3]) / 255) for c in ink[:3])


def seen_through_ycck(ink):
    """What is stored is inverted, so that it has luminance and chrominance in place of the rest of three inks."""
    y, blue, red = (255 - c - shift for c, shift in zip(ink, (0, 128, 128), strict=False))
    rgb = (y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue)
    return seen_through((*(min(max(c, 0), 255) for c in rgb), ink[3]))


def over_white(colour, alpha):
    return tuple(round((c * alpha + 255 * (255 - alpha)) / 255) for c in colour)


INK = (55, 155, 205, 20)
BLACK, WHITE, GREY, PALE = (0,) * 3, (255,) * 3, (90,) * 3, over_white(ORANGE, 102)
# What a file holds, and the colour that a person sees.
READABLE = {
    "rgb.png": (saved("PNG"), ORANGE),
    "ink.jpg": (jpeg("CMYK", INK), seen_through(INK)),
    "ycck.jpg": (ycck(INK), seen_through_ycck(INK)),
    "grey.jpg": (jpeg("L", 90), GREY),
    "palette.png": (palette(ORANGE), ORANGE),
    "palette-clear.png": (palette(ORANGE, transparency=1), WHITE),
    "palette-clear-elsewhere.png": (palette(ORANGE, transparency=0), ORANGE),
    "palette-half.png": (palette(ORANGE, transparency=b"\0\x66"), PALE),
    "rgba-clear.png": (saved("PNG", "RGBA", (*ORANGE, 0)), WHITE),
    "rgba-half.png": (saved("PNG", "RGBA", (*ORANGE, 102)), PALE),
    "rgba-half.webp": (saved("WEBP", "RGBA", (*ORANGE, 102), lossless=True), PALE),
    "rgba-half.tiff": (saved("TIFF", "RGBA", (*ORANGE, 102)), PALE),
    "rgba-opaque.png": (saved("PNG", "RGBA", (*ORANGE, 255)), ORANGE),
    "la-clear.png": (saved("PNG", "LA", (90, 0)), WHITE),
    "la-half.png": (saved("PNG", "LA", (90, 102)), over_white(GREY, 102)),
    "rgb-clear.png": (saved("PNG", transparency=ORANGE), WHITE),
    "rgb-clear-elsewhere.png": (saved("PNG", transparency=(1, 2, 3)), ORANGE),
    "grey-clear.png": (saved("PNG", "L", 90, transparency=90), WHITE),
    "bits-black.png": (png(WIDE, HIGH, 1, 0, bytes(5)), BLACK),
    "bits-white.png": (png(WIDE, HIGH, 1, 0, b"\xff" * 5), WHITE),
    "bits-clear.png": (png(WIDE, HIGH, 1, 0, bytes(5), tRNS=b"\0\0"), WHITE),
    "grey16-black.png": (grey16(128), BLACK),
    "grey16-dark.png": (grey16(129), (1,) * 3),
    "grey16-below.png": (grey16(25_828), (100,) * 3),
    "grey16-above.png": (grey16(25_829), (101,) * 3),
    "grey16-white.png": (grey16(65_535), WHITE),
    "grey16-clear-elsewhere.png": (grey16(25_700, tRNS=struct.pack(">H", 100)), (100,) * 3),
    "grey16.tif": (saved("TIFF", "I;16", 25_700), (100,) * 3),
    "grey16-big-endian.tif": (saved("TIFF", "I;16B", 25_700), (100,) * 3),
    "grey16.pgm": (f"P5 {WIDE} {HIGH} 65535\n".encode() + struct.pack(">H", 25_700) * WIDE * HIGH, (100,) * 3),
    "rgb16.png": (png(WIDE, HIGH, 16, 2, struct.pack(">3H", *(257 * c for c in ORANGE)) * WIDE), ORANGE),
    "frames-of-gif.png": (frames("GIF"), ORANGE),
    "frames.png": (frames("PNG"), ORANGE),
    "frames.webp": (frames("WEBP", lossless=True), ORANGE),
    "frames.tiff": (frames("TIFF"), ORANGE),
    "profile-of-nonsense.png": (saved("PNG", icc_profile=b"no profile" * 20), ORANGE),
    "profile-not-packed.png": (png(WIDE, HIGH, 8, 2, bytes(ORANGE) * WIDE, iCCP=b"x\0\0no zlib"), ORANGE),
}
# What a file holds, and what is said of it.
DAMAGED = {
    "cut.jpg": (saved("JPEG", quality=95)[:-20], "truncated"),
    "cut.png": (png(WIDE, HIGH, 8, 2, os.urandom(3 * WIDE))[:150], "truncated"),
    "cut-in-the-header.png": (saved("PNG")[:20], ""),
    "cut.tif": (saved("TIFF", compression="tiff_lzw")[:-30], ""),
    "empty.png": (b"", "no picture in a known format"),
    "text.jpg": (b"dear diary", "no picture in a known format"),
    "bomb.png": (png(20_000, 20_000, 1, 0, bytes(2500)), "(400000000 pixels) exceeds limit"),
    "nothing.pgm": (b"P5 0 9 255\n", ""),
    "grey32.tif": (saved("TIFF", "I", 300), "grey of 32 bits (mode I)"),
    "float.tif": (saved("TIFF", "F", 0.5), "grey of 32 bits (mode F)"),
}


@pytest.mark.parametrize("name", READABLE)
def test_pictures_of_every_kind_are_what_a_person_sees(name, tmp_path, capsys):
    data, colour = READABLE[name]
    (tmp_path / name).write_bytes(data)
    picture = open_picture(tmp_path / name)
    assert (picture.mode, picture.size, capsys.readouterr().err) == ("RGB", (WIDE, HIGH), "")
    assert size_of(tmp_path / name) == (WIDE, HIGH)
    tolerance = 2 if name.endswith("jpg") else 1 if "half" in name else 0
    for (low, high), expected in zip(picture.getextrema(), colour, strict=True):
        assert expected - tolerance <= low <= high <= expected + tolerance


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_pictures_are_one_line(name, tmp_path, capsys):
    data, words = DAMAGED[name]
    (tmp_path / name).write_bytes(data)
    assert open_picture(tmp_path / name) is None
    (line,) = capsys.readouterr().err.splitlines()
    before, between, reason = line.partition(": ")
    assert before + between == f"skipped {tmp_path / name}: "
    assert words in reason
    assert any(map(str.isalpha, reason))


# Where the first row and the first column of what is stored are to be seen, by the definition of EXIF.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


@pytest.mark.parametrize("is_damaged", [False, True], ids=["whole", "damaged"])
@pytest.mark.parametrize("orientation", SIDES)
def test_pictures_are_the_right_way_up(orientation, is_damaged, tmp_path):
    """Also where the rest of the metadata is damaged."""
    stored = torch.randint(256, (4, 6, 3), dtype=torch.uint8)
    picture = F.to_pil_image(stored.repeat_interleave(8, 0).repeat_interleave(8, 1).permute(2, 0, 1))
    exif = picture.getexif()
    exif[0x010F], exif[0x0112] = "maker", orientation
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, quality=100, subsampling=0)
    data = bytearray(file.getvalue())
    if is_damaged:
        data[data.index(b"Exif") + 17] = 0  # the type of the maker's name
    (tmp_path / "a.jpg").write_bytes(data)
    first_row, first_column = SIDES[orientation]
    is_turned = first_row in ("left", "right")
    high, wide = (6, 4) if is_turned else (4, 6)
    place = {"top": range(high), "bottom": range(high)[::-1], "left": range(wide), "right": range(wide)[::-1]}
    expected = torch.zeros(high, wide, 3, dtype=torch.uint8)
    for i in range(4):
        for j in range(6):
            a, b = place[first_row][i], place[first_column][j]
            expected[(b, a) if is_turned else (a, b)] = stored[i, j]
    shown = F.pil_to_tensor(open_picture(tmp_path / "a.jpg"))[:, 4::8, 4::8].permute(1, 2, 0)
    torch.testing.assert_close(shown.int(), expected.int(), rtol=0, atol=4)


def test_large_pictures_are_read_without_a_warning(tmp_path, capsys):
    """Pillow warns from 89 to 179 million pixels, which cameras make."""
    (tmp_path / "large.png").write_bytes(png(9500, 9500, 1, 0, b"\xff" * 1188))
    assert open_picture(tmp_path / "large.png").getextrema() == ((255, 255),) * 3
    assert size_of(tmp_path / "large.png") == (9500, 9500)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("is_high", [False, True])
def test_of_a_picture_much_longer_than_wide_the_middle_is_left(is_high, tmp_path):
    """Out of which the square is cut that is shown: to enlarge the whole would take gigabytes."""
    ramp = (torch.arange(8000.0) / 8000 * 255).round().to(torch.uint8).expand(3, 4, -1)
    whole = F.to_pil_image(ramp.mT if is_high else ramp)
    whole.save(tmp_path / "a.png")
    picture = open_picture(tmp_path / "a.png")
    assert picture.size == ((4, 128) if is_high else (128, 4))
    squares = [F.center_crop(F.pil_to_tensor(F.resize(one, 16)), 16).int() for one in (picture, whole)]
    torch.testing.assert_close(*squares, rtol=0, atol=1)


GROUPS = [list(READABLE)[i : i + 5] for i in range(0, len(READABLE), 5)]  # with one more, as many as fit into a row


@pytest.mark.parametrize("names", GROUPS, ids=" ".join)
def test_preview_shows_every_kind_and_names_what_is_damaged(names, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(READABLE[name][0])
    for name, (data, _) in DAMAGED.items():
        (folder / f"0-{name}").write_bytes(data)
    (folder / "zz.png").write_bytes(saved("PNG", colour=(1, 2, 3)))
    assert (
        main(["preview", str(folder), "-o", str(tmp_path / "out.png"), "--transform", "cutmix", "--size", "128"]) == 0
    )
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"skipped {folder / f'0-{name}'}" for name in sorted(DAMAGED)
    ]
    with Image.open(tmp_path / "out.png") as shown:
        colours = [shown.getpixel((4 + 132 * i + 64, 30 + 4 + 64)) for i in range(len(names) + 1)]
    for found, name in zip(colours, [*sorted(names), "zz.png"], strict=True):
        expected = READABLE[name][1] if name in READABLE else (1, 2, 3)
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2, name


@pytest.mark.filterwarnings("ignore::UserWarning:lightning")
def test_compare_learns_from_every_kind_and_names_what_is_damaged(tmp_path, capfd):
    folder, names = tmp_path / "data", list(READABLE)
    for part in ("train", "val"):
        for k in "ab":
            (folder / part / k).mkdir(parents=True)
        for i, name in enumerate(names):
            (folder / part / "ab"[i % 2] / name).write_bytes(READABLE[name][0])
    for name, (data, _) in DAMAGED.items():
        (folder / "train" / "a" / name).write_bytes(data)
    options = ["--mix", "cutmix", "--seeds", "1", "--epochs", "1", "--workers", "1", "--out", str(tmp_path / "out")]
    assert main(["compare", str(folder), *options]) == 0
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("skipped")]
    skipped = [str(folder / "train" / "a" / name) for name in sorted(DAMAGED)]
    assert [line.partition(": ")[0] for line in lines] == [f"skipped {path}" for path in skipped]
    data = json.loads((tmp_path / "out" / "results.json").read_text())["data"]
    assert (data["train"], data["test"], data["size"], data["skipped"]) == (len(names), len(names), HIGH, skipped)
    train = _data.load(folder, train_size=None, size=None, workers=0, quiet=True).train
    for (path, k), pixels in zip(train.labelled, train.held, strict=True):
        assert k == names.index(path.name) % 2
        expected = torch.tensor(READABLE[path.name][1])[:, None, None].expand(3, HIGH, HIGH)
        torch.testing.assert_close(pixels.int(), expected.int(), rtol=0, atol=2)


@pytest.mark.parametrize(
    ("command", "last"),
    [
        ("preview", "FOLDER must hold at least 2 pictures that can be read, got 0 in {}"),
        (
            "compare",
            (
                "DATA must hold at least 3 readable pictures of each class, two to learn from "
                "and one to test on, got 0 of 'a'"
            ),
        ),
    ],
)
def test_a_folder_of_which_nothing_can_be_read_is_an_error(command, last, tmp_path, capsys):
    for k in "ab":
        (tmp_path / k).mkdir()
        for name, (data, _) in DAMAGED.items():
            (tmp_path / k / name).write_bytes(data)
    options = ["--workers", "0", "--out"] if command == "compare" else ["-o"]
    assert main([command, str(tmp_path), *options, str(tmp_path / "out.png")]) == 2
    *lines, error = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("\r")]
    assert {line.partition(" ")[0] for line in lines} == {"skipped"}
    assert len(lines) == 2 * len(DAMAGED)
    assert error == f"cutmix-transforms {command}: {last.format(tmp_path)}"
    assert not (tmp_path / "out.png").exists()


@contextmanager
def full_disk():
    """A disk on which no file can be longer than 4096 bytes; not for longer than a call, as pytest may write to one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_full_disk_leaves_the_file_that_was_there(is_new, tmp_path):
    file = tmp_path / "results.json"
    if not is_new:
        file.write_text("before")
    with pytest.raises(OSError, match=f"File too large: '{file}'"), full_disk():
        write_whole(file, bytes(5000))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"] * (not is_new)


def test_a_full_disk_leaves_the_preview_that_was_there(tmp_path, capsys):
    (tmp_path / "out.png").write_text("before")
    with full_disk():
        assert main(["preview", "-o", str(tmp_path / "out.png"), "--size", "64"]) == 2
    expected = f"cutmix-transforms preview: [Errno 27] File too large: '{tmp_path / 'out.png'}'\n"
    assert capsys.readouterr().err == expected
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_what_is_written_keeps_links_and_goes_into_pipes(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    for content in (b"one", b"another"):
        write_whole(link, content)
        assert (file.read_bytes(), link.is_symlink()) == (content, True)
    reading, writing = os.pipe()
    write_whole(Path(f"/dev/fd/{writing}"), b"piped")
    assert os.read(reading, 9) == b"piped"
    os.close(reading), os.close(writing)


@pytest.mark.parametrize("is_flat", [True, False])
def test_only_regular_files_are_opened(is_flat, tmp_path):
    """A pipe would be waited for, and some devices never end."""
    for k in range(2):
        place = tmp_path / "data" if is_flat else tmp_path / "data" / f"class{k}"
        place.mkdir(exist_ok=True, parents=True)
        (place / f"{k}.png").write_bytes(saved("PNG"))
    os.mkfifo(place / "pipe.png")
    os.mknod(place / "socket.png", stat.S_IFSOCK | 0o600)
    (place / "device.png").symlink_to("/dev/zero")
    (place / "gone.png").symlink_to("nowhere")
    options = [str(tmp_path / "data"), "-o", str(tmp_path / "out.png"), "--size", "32"]
    command = [sys.executable, "-m", "cutmix_transforms", "preview", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert sorted(done.stderr.splitlines()) == [
        f"skipped {place / 'device.png'}: no regular file",
        f"skipped {place / 'gone.png'}: [Errno 2] No such file or directory: '{place / 'gone.png'}'",
        f"skipped {place / 'pipe.png'}: no regular file",
        f"skipped {place / 'socket.png'}: no regular file",
    ]
    assert [size_of(path) for path in sorted(place.iterdir())].count(None) == 4
