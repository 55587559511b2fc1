"""The results of a comparison as files: read where one goes on with them, and written after every run."""

import io
import json
from pathlib import Path
from typing import Any

from cutmix_transforms._commands._compare import _curves, _report
from cutmix_transforms._commands._compare._mixes import MIXES
from cutmix_transforms._commands._files import write_whole

RESULTS = "results.json"


def continued(now: dict[str, Any], before: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    """Return the results of now, which have no runs yet, with the runs of before.

    Args:
        now: results of this comparison.
        before: those that the folder holds, if any.
        folder: what an error says where they are.

    Returns:
        The results to go on with.

    Raises:
        ValueError: if those before are of other settings or pictures.
    """
    if before is None:
        return now
    for part in ("settings", "data"):
        for name, value in now[part].items():
            _check_same(name, value, before[part].get(name), folder)
    return now | {"runs": before["runs"]}


def _check_same(name: str, value: Any, before: Any, folder: Path) -> None:
    if name == "fingerprint" and before is None:
        raise ValueError(
            f"--resume must be with runs that say which pictures they learned from, which those in {folder}, of an "
            "earlier version, do not; give another --out"
        )
    if name == "fingerprint" and value != before:
        raise ValueError(
            f"--resume must be with the pictures of the runs in {folder}, got others of the same names and numbers; "
            "give another --out"
        )
    if name != "skipped" and value != before:  # the fingerprint is of those that were not
        raise ValueError(f"--resume must be with the {name} of the runs in {folder}, {before}, got {value}")


def read(folder: Path, *, resume: bool) -> dict[str, Any] | None:
    """Return the results that are there, if it is right to go on with them.

    Args:
        folder: where to look.
        resume: that going on was asked for.

    Returns:
        The results, or None where there is nothing.

    Raises:
        OSError: if the folder cannot be read.
        ValueError: if there is something else, or going on was not asked for.
    """
    if not folder.exists() or all(path.name.startswith(".") for path in folder.iterdir()):
        return None
    if not resume:
        raise ValueError(f"--out must be a folder that is new or empty, or --resume given, got {folder}")
    file = folder / RESULTS
    wrong = "--resume must be with a folder that holds a comparison"
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise ValueError(f"{wrong}, got {folder} ({file} is no regular file)")
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{wrong}, got {folder} ({error})") from None
    try:
        _check_form(found)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise ValueError(f"{wrong}, got {file}, which has another form; give another --out") from None
    return found


def _check_form(found: dict[str, Any]) -> None:
    """Raise an error of nearly any kind where something is missing that is needed to go on."""
    runs = [(run["mix"], run["seed"]) for run in found["runs"]]
    if len(set(runs)) < len(runs) or not all(mix in MIXES and type(seed) is int for mix, seed in runs):
        raise ValueError("runs must be different ones of known mixes")
    _report.report(found)
    _curves.curves(found)


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the results and the report, in one step each, so that a kill leaves what was there before."""
    write_whole(folder / RESULTS, json.dumps(results, indent=1).encode())
    write_whole(folder / "report.md", _report.report(results).encode())


def draw(results: dict[str, Any], folder: Path) -> None:
    """Write the curves."""
    picture = io.BytesIO()
    _curves.curves(results).savefig(picture, format="png", dpi=120)
    write_whole(folder / "curves.png", picture.getbuffer())
