"""What the tests of the compare command have in common: small folders of images, and results that are made up."""

import json
import sys
import time

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _data

CLASSES = ("bag", "boot", "dress")
HELD_OUT = 41  # images to test on: no multiple of two ranks
COMMAND = [sys.executable, "-m", "cutmix_transforms", "compare"]
MIXES = ["none", "cutout", "cutmix:p=0.5+mixup:alpha=0.4"]


def save(folder, per_class):
    """Write real images of three classes, a folder each."""
    tiles = list(_data._tiles(_data.EMBEDDED / "train.png"))
    for name, k, count in zip(CLASSES, (8, 9, 3), per_class, strict=True):
        (folder / name).mkdir(parents=True)
        for i, tile in enumerate([tile for tile, label in tiles if label == k][:count]):
            tile.save(folder / name / f"{i:03}.png")


def load(folder, train_size=None, size=None):
    return _data.load(folder, train_size=train_size, size=size, quiet=True)


def mix_options(*mixes):
    return [word for mix in mixes for word in ("--mix", mix)]


def read(folder):
    return json.loads((folder / "results.json").read_text(), parse_constant=lambda name: 1 / 0)  # NaN is no JSON


def without_times(results):
    """Return what must be the same on every machine."""
    runs = [run | {"history": [row | {"seconds": 0} for row in run["history"]]} for run in results["runs"]]
    return results["settings"], results["data"], results["mixes"], runs


def refused(options, message, folder, capsys):
    """Check that there is one line, and that all files are what they were."""
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    capsys.readouterr()
    assert main(options) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"cutmix-transforms compare: {message}"), told
    assert told.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before


def wait_for(holds, process, seconds=600):
    end = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def made_up_run(mix, seed, error, epochs=3, classes=("a", "b")):
    hidden = {"0.25": (1 - error) * 0.9, "0.5": error, "0.75": (1 - error) * 0.5}
    row = {"train_loss": 1.0, "train_accuracy": 0.5, "val_error": error, "val_nll": error}
    metrics = {
        **dict.fromkeys(("error", "nll", "ece"), error),
        "center_hidden": hidden,
        "border_hidden": hidden,
        "reliability": [[0, 0.0, 0.0]] * 13 + [[30, 0.9, 0.5], [10, 0.95, 0.8]],
        "precision": [error] * len(classes),
        "recall": [error * k / len(classes) for k in range(len(classes))],
    }
    history = [{"seconds": seconds, **row} for seconds in (9.0, 1.0, *[2.0] * (epochs - 2))]
    run = {"mix": mix, "epochs": epochs, "seed": seed, "ranks": 1, "diverged": None}
    return run | {"metrics": metrics, "history": history}


def made_up(errors, classes=("a", "b"), lengths=(3,)):
    """Return results of runs whose errors are known: by mix, then by seed; half as much in each longer training."""
    runs = [
        made_up_run(mix, seed, error / 2**i, epochs, classes)
        for i, epochs in enumerate(lengths)
        for mix, some in errors.items()
        for seed, error in enumerate(some)
    ]
    settings = {"model": "small", "batch_size": 64, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
    settings |= {"schedule": "cosine", "mix_off_last": 0, "precision": "float32", "augment": "flip"}
    data = {"name": "x", "classes": list(classes), "size": 28, "train": 8, "test": 9, "skipped": ["bad.png"]}
    data |= {"most_frequent": 0.5, "hidden": 9}
    about = {"command": "c", "machine": {"device": "d"}, "mixes": {mix: f"<{mix}>" for mix in errors}}
    return about | {"settings": settings, "data": data, "lengths": list(lengths), "runs": runs}
