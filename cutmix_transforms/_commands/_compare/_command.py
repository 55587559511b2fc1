"""The runs of a comparison, one after another, and what is written of them."""

import argparse
import os
import shlex
import sys
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cutmix_transforms._commands._bench import machine
from cutmix_transforms._commands._compare import _checkpoints, _networks, _report, _results
from cutmix_transforms._commands._compare._data import Data, load, name_of
from cutmix_transforms._commands._compare._lock import alone
from cutmix_transforms._commands._compare._mixes import MIXES
from cutmix_transforms._commands._compare._training import Run, Settings, check, train
from cutmix_transforms._commands._terminal import printable

LEAST = {
    "epochs": 1,
    "train_size": 1,
    "batch_size": 2,
    "size": 8,
    "seeds": 1,
    "mix_off_last": 0,
    "workers": 0,
    "num_nodes": 1,
}
MOST = {"epochs": 100_000, "batch_size": 2**20, "size": 4096, "seeds": 1000, "workers": 256, "num_nodes": 2**16}


def run(options: argparse.Namespace) -> None:
    """Check everything, then train what is not there yet, and write a report after every run.

    Args:
        options: the parsed command line.

    Raises:
        OSError: if pictures cannot be read or the report cannot be written.
        SystemExit: with 130, if it is interrupted.
        ValueError: if an option is out of range, the data are too few, or the folder holds another comparison.
    """
    _check(options)
    folder = options.out or Path("runs") / (name_of(options.data) if options.data else "fashion-mnist")
    before = _before(folder, options)  # now, and not after all pictures were looked at
    if options.workers is None:
        options.workers = _workers()
    data = load(
        options.data, train_size=options.train_size, size=options.size, workers=options.workers, quiet=not _is_first()
    )
    settings = _settings(options, data)
    _networks.make(settings.model, len(data.classes), data.size)  # now, and not after something is written
    ranks = check(settings, _hardware(options))
    now = {"command": shlex.join(options.command_line), **_described(data, settings, ranks), "runs": []}
    _check_checkpoints(options, data, settings, _results.continued(now, before, folder), folder)
    with alone(folder) if _is_first() else nullcontext():
        # Looked at again, as another comparison may have ended in the meantime.
        results = _results.continued(now, _before(folder, options), folder)
        if _is_first():
            print(_report.heading(results), flush=True)
            _results.write(results, folder)
        try:
            _train_and_show(options, data, settings, results, folder)
        except OSError as error:
            raise OSError(f"{error}; what is finished is kept, and --resume goes on with it") from None


def _before(folder: Path, options: argparse.Namespace) -> dict[str, Any] | None:
    if not _is_first() and not options.resume:
        return None  # the first rank looks, and may have begun to write
    return _results.read(folder, resume=options.resume)


def _train_and_show(
    options: argparse.Namespace, data: Data, settings: Settings, results: dict[str, Any], folder: Path
) -> None:
    try:
        _train_all(options, data, settings, results, folder)
    except KeyboardInterrupt:
        print(f"interrupted after {len(results['runs'])} runs; --resume goes on", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        if _is_first() and results["runs"]:
            print(f"\n{_report.summary(results)}\n")
            _results.draw(results, folder)
            print(f"wrote {printable(folder / 'report.md')}, {_results.RESULTS} and curves.png")


def _runs(options: argparse.Namespace) -> list[Run]:
    """All mixes from one seed, then all from the next, so that what is there can be compared at any time."""
    return [Run(mix, seed) for seed in range(options.seeds) for mix in dict.fromkeys(options.mix or MIXES)]


def _check_checkpoints(
    options: argparse.Namespace, data: Data, settings: Settings, results: dict[str, Any], folder: Path
) -> None:
    done = {(one["mix"], one["seed"]) for one in results["runs"]}
    for run in _runs(options):
        checkpoint = run.checkpoint(folder)
        if (run.mix, run.seed) not in done and checkpoint.exists() and not checkpoint.is_dir():  # as of some strategies
            _checkpoints.read(checkpoint, run.described(data, settings))


def _train_all(
    options: argparse.Namespace, data: Data, settings: Settings, results: dict[str, Any], folder: Path
) -> None:
    runs = _runs(options)
    done = {(one["mix"], one["seed"]) for one in results["runs"]}
    for number, one in enumerate(runs, 1):
        if (one.mix, one.seed) in done:
            continue
        title = f"{one} ({number} of {len(runs)})"
        hardware = _hardware(options)
        result = train(one, data, settings, folder=folder, workers=options.workers, title=title, hardware=hardware)
        results["runs"].append(result)
        results["runs"].sort(key=lambda run: (run["seed"], MIXES.index(run["mix"])))
        if _is_first():
            _results.write(results, folder)
            one.checkpoint(folder).unlink(missing_ok=True)
            print(f"{title}: {_report.line(result)}", flush=True)


def _check(options: argparse.Namespace) -> None:
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
        if value is not None and value > MOST.get(name, value):
            raise ValueError(f"--{name.replace('_', '-')} must be at most {MOST[name]}, got {value}")
    if options.mix_off_last > options.epochs:
        raise ValueError(f"--mix-off-last must be at most the {options.epochs} epochs, got {options.mix_off_last}")
    for name in ("alpha", "learning_rate"):
        value = getattr(options, name)
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {value}")


def _settings(options: argparse.Namespace, data: Data) -> Settings:
    usual = "small" if data.size <= _networks.SMALL_PICTURE else "resnet18"
    values = {name: getattr(options, name) for name in Settings.__dataclass_fields__}
    augment = options.augment or ("crop" if options.data else "flip")
    return Settings(**values | {"model": options.model or usual, "augment": augment})


def _described(data: Data, settings: Settings, ranks: int) -> dict[str, Any]:
    counts = {part: len(getattr(data, part).labelled) for part in ("train", "test")}
    about = {"name": data.name, "classes": data.classes, "size": data.size, **counts}
    about |= {"skipped": data.skipped, "fingerprint": data.fingerprint}
    return {
        "settings": asdict(settings) | {"ranks": ranks},
        "data": about,
        "machine": machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        | {"lightning": version("lightning")},
    }


def _hardware(options: argparse.Namespace) -> dict[str, Any]:
    """Return options of Lightning's trainer; where torchrun has started the processes, for as many as it did."""
    devices, nodes = options.devices, options.num_nodes
    if TorchElasticEnvironment.detect() and devices == "auto":
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    return {"devices": devices, "num_nodes": nodes, "strategy": options.strategy}


def _is_first() -> bool:
    """Tell whether this is the process that reads and writes the folder, of several that train together."""
    return not getattr(rank_zero_only, "rank", None)


def _workers() -> int:
    """A process for each core but one, of those that belong to this rank."""
    cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, cores - 1))
