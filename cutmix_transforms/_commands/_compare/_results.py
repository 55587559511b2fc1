"""The results of a comparison as files: read where one goes on with them, and written after every run."""

import json
import statistics
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from cutmix_transforms._commands._compare._measures import HALF
from cutmix_transforms._commands._compare._statistics import ByMix
from cutmix_transforms._commands._files import write_whole

RESULTS = "results.json"
CURVES, LENGTHS, ROBUSTNESS = "curves.png", "lengths.png", "robustness.png"

Results = dict[str, Any]  # what results.json holds


def lengths_of(results: Results) -> list[int]:
    """Return the numbers of epochs of the runs, from the shortest on."""
    return sorted({run["epochs"] for run in results["runs"]})


def runs_of(results: Results, epochs: int) -> dict[str, list[Any]]:
    """Return the runs of one length by their mix, without those that diverged."""
    found: dict[str, list[Any]] = {mix: [] for mix in results["mixes"]}
    for run in results["runs"]:
        if run["epochs"] == epochs and run["diverged"] is None:
            found[run["mix"]].append(run)
    return {mix: runs for mix, runs in found.items() if runs}


def is_robustness_known(results: Results) -> bool:
    """Tell whether the longest runs measured more than the hidden center, as those of version 0.1 did not."""
    found = runs_of(results, lengths_of(results)[-1])
    return bool(found) and all(run["metrics"]["reliability"] for runs in found.values() for run in runs)


def values_of(results: Results, name: str, epochs: int) -> ByMix:
    """Return a number of all runs of one length."""
    return {
        mix: {run["seed"]: _value(run, name, results["data"]["train"]) for run in runs}
        for mix, runs in runs_of(results, epochs).items()
    }


def _value(run: Any, name: str, images: int) -> float:
    if name == "speed":
        return float(images / statistics.median(row["seconds"] for row in run["history"]))
    value: float = run["metrics"]["center_hidden"][HALF] if name == "center_hidden" else run["metrics"][name]
    return value


def continued(now: Results, before: Results | None, folder: Path) -> Results:
    """Return the results of now, which have no runs yet, with the runs of before.

    Args:
        now: results of this comparison.
        before: those that the folder holds, if any.
        folder: what an error says where they are.

    Returns:
        The results to go on with.

    Raises:
        ValueError: if those before are of other settings or images.
    """
    if before is None:
        return now
    for part in ("settings", "data"):
        for name, value in now[part].items():
            _check_same(name, value, before[part].get(name), folder)
    for mix, meaning in now["mixes"].items():
        _check_same(f"meaning of {mix}", meaning, before["mixes"].get(mix, meaning), folder)
    return now | {"mixes": before["mixes"] | now["mixes"], "runs": before["runs"]}


def _check_same(name: str, value: object, before: Any, folder: Path) -> None:
    if name == "fingerprint" and value != before:
        raise ValueError(
            f"--resume must be with the images of the runs in {folder}, got others of the same names and numbers; "
            "give another --out"
        )
    if name != "skipped" and value != before:  # the fingerprint is of those that were not
        raise ValueError(f"--resume must be with the {name} of the runs in {folder}, {before}, got {value}")


def read(folder: Path, *, resume: bool, check: Callable[[Results], Any]) -> Results | None:
    """Return the results that are there, if it is right to go on with them.

    Args:
        folder: where to look.
        resume: that going on was asked for.
        check: raises an error of nearly any kind where something is missing that is needed to go on.

    Returns:
        The results, or None where there is nothing.

    Raises:
        OSError: if the folder cannot be read.
        ValueError: if there is something else, or going on was not asked for.
    """
    if not folder.exists() or all(path.name.startswith(".") for path in folder.iterdir()):
        return None
    if not resume:
        raise ValueError(f"--out must be a folder that is new or empty (or go on there with --resume), got {folder}")
    file = folder / RESULTS
    wrong = "--resume must be with a folder that holds a comparison"
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise ValueError(f"{wrong}, got {folder} ({file} is no regular file)")
    try:
        found: Results = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{wrong}, got {folder} ({error})") from None
    try:
        _check_runs(found)
        check(found)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise ValueError(
            f"{wrong}, got {file}, which has another form, as that of an earlier version; give another --out"
        ) from None
    return found


def _check_runs(found: Results) -> None:
    runs = [(run["mix"], run["epochs"], run["seed"]) for run in found["runs"]]
    if len(set(runs)) < len(runs):
        raise ValueError("runs must be different ones")
    for mix, epochs, seed in runs:
        if mix not in found["mixes"] or type(epochs) is not int or type(seed) is not int:
            raise ValueError("runs must be of known mixes, with numbers of epochs and seeds")


def write(results: Results, folder: Path, report: str) -> None:
    """Write the results and the report, in one step each, so that a kill leaves what was there before."""
    write_whole(folder / RESULTS, json.dumps(results, indent=1, allow_nan=False).encode())
    write_whole(folder / "report.md", report.encode())


def draw(figures: dict[str, Any], folder: Path) -> None:
    """Write the figures that there are, by the names of their files."""
    for name, figure in figures.items():
        image = BytesIO()
        figure.savefig(image, format="png", dpi=120)
        write_whole(folder / name, image.getbuffer())
