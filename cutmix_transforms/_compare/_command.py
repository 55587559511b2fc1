"""The runs of a comparison, one after another, and what is written of them."""

import argparse
import json
import os
import shlex
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cutmix_transforms._bench import machine
from cutmix_transforms._compare import _curves, _networks, _report
from cutmix_transforms._compare._data import Data, load, name_of
from cutmix_transforms._compare._mixes import MIXES
from cutmix_transforms._compare._training import Run, Settings, check, train

RESULTS = "results.json"
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
    before = _before(folder, resume=options.resume)
    if options.workers is None:
        options.workers = _workers()
    data = load(
        options.data, train_size=options.train_size, size=options.size, workers=options.workers, quiet=not _is_first()
    )
    settings = _settings(options, data)
    _networks.make(settings.model, len(data.classes), data.size)  # now, and not after something is written
    check(settings, _hardware(options))
    results = {"command": shlex.join(options.command_line), **_described(data, settings), "runs": []}
    if before is not None:
        _check_same(before, results, folder)
        results["runs"] = before["runs"]
    if _is_first():
        print(_report.heading(results), flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        _write(results, folder)
    try:
        _train_all(options, data, settings, results, folder)
    except KeyboardInterrupt:
        print(f"interrupted after {len(results['runs'])} runs; --resume goes on", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        if _is_first() and results["runs"]:
            _curves.curves(results).savefig(folder / "curves.png", dpi=120)
            print(f"\n{_report.summary(results)}\n\nwrote {folder / 'report.md'}, {RESULTS} and curves.png")


def _train_all(
    options: argparse.Namespace, data: Data, settings: Settings, results: dict[str, Any], folder: Path
) -> None:
    """All mixes from one seed, then all from the next, so that what is there can be compared at any time."""
    runs = [Run(mix, seed) for seed in range(options.seeds) for mix in dict.fromkeys(options.mix or MIXES)]
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
            _write(results, folder)
            one.checkpoint(folder).unlink(missing_ok=True)
            print(f"{title}: {_report.line(result)}", flush=True)


def _write(results: dict[str, Any], folder: Path) -> None:
    """In one step each, so that a kill leaves what was there before."""
    texts = {RESULTS: json.dumps(results, indent=1), "report.md": _report.report(results)}
    for name, text in texts.items():
        fresh = folder / f".{name}.part"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(folder / name)


def _check(options: argparse.Namespace) -> None:
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
    if options.mix_off_last > options.epochs:
        raise ValueError(f"--mix-off-last must be at most the {options.epochs} epochs, got {options.mix_off_last}")
    for name in ("alpha", "learning_rate"):
        value = getattr(options, name)
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {value}")


def _before(folder: Path, *, resume: bool) -> dict[str, Any] | None:
    """The results that are there, if it is right to go on with them."""
    if not _is_first() and not resume:
        return None  # the first rank looks, and may have begun to write
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if not resume:
        raise ValueError(f"--out must be a folder that is new or empty, or --resume given, got {folder}")
    try:
        found: dict[str, Any] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"--resume must be with a folder that holds a comparison, got {folder} ({error})") from None
    return found


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for part in ("settings", "data"):
        for name, value in now[part].items():
            if before[part].get(name) != value:
                raise ValueError(
                    f"--resume must be with the {name} of the runs in {folder}, {before[part].get(name)}, got {value}"
                )


def _settings(options: argparse.Namespace, data: Data) -> Settings:
    usual = "small" if data.size <= _networks.SMALL_PICTURE else "resnet18"
    values = {name: getattr(options, name) for name in Settings.__dataclass_fields__}
    augment = options.augment or ("crop" if options.data else "flip")
    return Settings(**values | {"model": options.model or usual, "augment": augment})


def _described(data: Data, settings: Settings) -> dict[str, Any]:
    counts = {part: len(getattr(data, part).labelled) for part in ("train", "test")}
    about = {"name": data.name, "classes": data.classes, "size": data.size, **counts, "skipped": data.skipped}
    return {
        "settings": asdict(settings),
        "data": about,
        "machine": machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        | {"lightning": version("lightning")},
    }


def _hardware(options: argparse.Namespace) -> dict[str, Any]:
    """What Lightning's trainer is told; where torchrun has started the processes, as many as it did."""
    devices, nodes = options.devices, options.num_nodes
    if TorchElasticEnvironment.detect() and devices == "auto":
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    return {"devices": devices, "num_nodes": nodes, "strategy": options.strategy}


def _is_first() -> bool:
    """Whether this is the process that reads and writes the folder, of several that train together."""
    return not getattr(rank_zero_only, "rank", None)


def _workers() -> int:
    """A process for each core but one, of those that belong to this rank."""
    cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, cores - 1))
