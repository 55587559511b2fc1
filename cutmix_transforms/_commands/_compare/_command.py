"""The runs of a comparison, one after another, and what is written of them."""

import argparse
import os
import shlex
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cutmix_transforms._commands._bench import machine
from cutmix_transforms._commands._compare import _checkpoints, _mixes, _networks, _recipes, _report, _results
from cutmix_transforms._commands._compare._data import Data, load, name_of
from cutmix_transforms._commands._compare._lock import alone
from cutmix_transforms._commands._compare._ranks import Place, joined, of_first
from cutmix_transforms._commands._compare._results import Results
from cutmix_transforms._commands._compare._training import Run, Setup, hidden, train
from cutmix_transforms._commands._terminal import printable

PAYS = 2_000_000  # images, from which on a network learns faster by more than the minute that compiling it takes


def run(options: argparse.Namespace) -> None:
    """Check everything, then train what is not there yet, and write a report after every run.

    Args:
        options: the parsed command line.

    Raises:
        OSError: if images cannot be read or the report cannot be written.
        SystemExit: with 130, if it is interrupted.
        ValueError: if an option is out of range, the data are too few, or the folder holds another comparison.
    """
    _recipes.fill_in(options)
    if find_spec("matplotlib") is None:
        how = "pip install 'cutmix-transforms[compare]', and --resume draws them"
        print(f"no figures are drawn, as matplotlib is not installed: {how}", file=sys.stderr)
    with joined(options.device) as place:
        _compare(options, place)


def _compare(options: argparse.Namespace, place: Place) -> None:
    folder = options.out or Path("runs") / (name_of(options.data) if options.data else "fashion-mnist")
    before = _before(options, folder, place)  # now, and not after all images were looked at
    if options.workers is None:
        options.workers = _workers()
    data = load(options.data, train_size=options.train_size, size=options.size, quiet=place.rank > 0)
    usual = "small" if data.size <= _networks.SMALL_IMAGE else "resnet18"
    is_gpu = place.device.type == "cuda"
    settings = _recipes.settings(options, usual_model=usual, ranks=place.ranks, is_gpu=is_gpu)
    made = {mix: _mixes.described(mix, len(data.classes), data.mean, data.size) for mix in options.mix}
    now = _described(options, data, settings, made, place)
    setup = Setup.of(
        data, settings, place, folder=folder, workers=options.workers, is_compiled=_is_compiled(options, data, place)
    )
    _check_checkpoints(options, setup, _results.continued(now, before, folder))
    with alone(folder) if place.rank == 0 else nullcontext():
        # Looked at again, as another comparison may have ended in the meantime.
        results = _results.continued(now, _before(options, folder, place), folder)
        if place.rank == 0:
            print(f"{_report.heading(results)}\nThe report goes to {printable(folder)}, after every run.", flush=True)
            _results.write(results, folder, _report.report(results))
        try:
            _train_and_show(options, setup, results)
        except OSError as error:
            raise OSError(f"{error}; what is finished is kept, and --resume goes on with it") from None


def _before(options: argparse.Namespace, folder: Path, place: Place) -> Results | None:
    """Return what the folder holds, as the first process finds it."""
    found = _results.read(folder, resume=options.resume, check=_shown) if place.rank == 0 else None
    return of_first(found, place)


def _shown(results: Results) -> dict[str, Any]:
    """Return the figures, by the names of their files, after the report was written once."""
    _report.report(results)
    return _figures(results)


def _figures(results: Results) -> dict[str, Any]:
    if find_spec("matplotlib") is None:
        return {}
    from cutmix_transforms._commands._compare import _curves  # noqa: PLC0415 (machines that train may not have it)

    lengths = _results.lengths_of(results)
    figures = {}
    if len(lengths) > 1:
        figures[_results.LENGTHS] = _curves.by_length(results)
    if lengths and _results.runs_of(results, lengths[-1]):
        figures[_results.CURVES] = _curves.curves(results)
    if lengths and _results.is_robustness_known(results):
        figures[_results.ROBUSTNESS] = _curves.robustness(results)
    return figures


def _train_and_show(options: argparse.Namespace, setup: Setup, results: Results) -> None:
    try:
        _train_all(options, setup, results)
    except KeyboardInterrupt:
        print(f"interrupted after {len(results['runs'])} runs; --resume goes on", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        if setup.place.rank == 0 and results["runs"]:
            print(f"\n{_report.summary(results)}\n")
            figures = _figures(results)
            _results.draw(figures, setup.folder)
            print(f"wrote {printable(setup.folder / 'report.md')}, {', '.join([_results.RESULTS, *figures])}")


def _runs(options: argparse.Namespace) -> list[Run]:
    """Return all mixes from one seed, then all from the next, so that what is there can be compared at any time."""
    return [Run(mix, epochs, seed) for epochs in options.epochs for seed in range(options.seeds) for mix in options.mix]


def _left(options: argparse.Namespace, results: Results) -> list[tuple[int, Run]]:
    """Return the runs that are not finished, numbered among all."""
    done = {(one["mix"], one["epochs"], one["seed"]) for one in results["runs"]}
    numbered = enumerate(_runs(options), 1)
    return [(number, one) for number, one in numbered if (one.mix, one.epochs, one.seed) not in done]


def _check_checkpoints(options: argparse.Namespace, setup: Setup, results: Results) -> None:
    for _, one in _left(options, results):
        checkpoint = one.checkpoint(setup.folder)
        if checkpoint.exists():
            _checkpoints.read(checkpoint, one.described(setup.data, setup.settings))


def _train_all(options: argparse.Namespace, setup: Setup, results: Results) -> None:
    order = list(results["mixes"])
    for number, one in _left(options, results):
        title = printable(f"{one} ({number} of {len(_runs(options))})")
        result = train(one, setup, title=title)
        results["runs"].append(result)
        results["runs"].sort(key=lambda run: (run["epochs"], run["seed"], order.index(run["mix"])))
        if setup.place.rank == 0:
            _results.write(results, setup.folder, _report.report(results))
            one.checkpoint(setup.folder).unlink(missing_ok=True)
            print(f"{title}: {_report.line(result)}", flush=True)


def _described(
    options: argparse.Namespace, data: Data, settings: _recipes.Settings, mixes: dict[str, str], place: Place
) -> Results:
    counts = {part: len(getattr(data, part).labelled) for part in ("train", "test")}
    labels = Counter(label for _, label in data.test.labelled)
    about = {"name": data.name, "classes": data.classes, "size": data.size, **counts}
    about |= {"most_frequent": max(labels.values()) / counts["test"], "hidden": hidden(data)}
    about |= {"skipped": data.skipped, "fingerprint": data.fingerprint}
    return {
        "command": shlex.join(options.command_line),
        "settings": asdict(settings) | {"ranks": place.ranks},
        "data": about,
        "machine": machine(place.device),
        "mixes": mixes,
        "lengths": options.epochs,
        "runs": [],
    }


def _is_compiled(options: argparse.Namespace, data: Data, place: Place) -> bool:
    if options.compile != "auto":
        return bool(options.compile == "yes")
    images = len(data.train.labelled) * sum(one.epochs for one in _runs(options))
    return place.device.type == "cuda" and place.ranks == 1 and images >= PAYS


def _workers() -> int:
    """Return a process for each core but one, of those that belong to this rank."""
    cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, cores - 1))
