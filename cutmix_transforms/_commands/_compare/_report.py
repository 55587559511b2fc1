"""The report of a comparison, in words and tables."""

import re
import statistics
from collections.abc import Callable
from typing import Any

from cutmix_transforms._commands._compare._mixes import ALPHA
from cutmix_transforms._commands._compare._statistics import Mean, difference, values_of
from cutmix_transforms._commands._terminal import printable

COLUMNS = {  # name: (head, factor, digits)
    "error": ("error (%)", 100, 2),
    "nll": ("NLL", 1, 3),
    "ece": ("ECE (%)", 100, 2),
    "occluded_accuracy": ("middle hidden (%)", 100, 2),
    "seconds": ("s / epoch", 1, 2),
}
MOST_CLASSES = 20
SPECIAL = re.compile(r"(?=[\\`*\[\]<>&|~$])|(?<![^\W_])(?=_)|(?=_(?![^\W_]))")  # not "_" between letters
BEGINNING = re.compile(r"^(\d*)(?=[-+#=:.)])")  # of a list, a heading or a rule
EXPLANATION = """\
* **error**: the share of test pictures whose most probable class is wrong. **NLL**: the mean negative log-likelihood.
  **ECE**: the expected calibration error in 15 bins. **middle hidden**: the accuracy when the middle half of both sides
  is covered with the mean colour, as in the CutMix paper. **s / epoch**: the median time of training for an epoch.
* Numbers are means over seeds, ± their standard deviation, after the last epoch; nothing was chosen by looking at the
  test pictures. A star marks what differs from `none` by more than the noise: a paired t-test over seeds, two-sided at
  5 %, not corrected for how many mixes are compared. All runs learn from the same pictures."""


def markdown(text: str) -> str:
    """Return words of users so that Markdown shows them as they are, in one line, also inside of a table."""
    return BEGINNING.sub(r"\1\\", SPECIAL.sub(r"\\", printable(text).strip()))


def code(text: str) -> str:
    """Return words of users as code in Markdown, in one line."""
    shown = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    room = " " * (len(fence) > 1)
    return f"{fence}{room}{shown}{room}{fence}"


def heading(results: dict[str, Any], write: Callable[[str], str] = printable) -> str:
    """Return which mixes are compared on which data, in two lines, with names as ``write`` makes them."""
    data, settings, device = results["data"], results["settings"], results["machine"]["device"]
    skipped = f", {len(data['skipped'])} that cannot be read skipped" if data["skipped"] else ""
    return (
        f"{write(data['name'])}: {data['train']} pictures to learn from and {data['test']} to test on, "
        f"{len(data['classes'])} classes, {data['size']} x {data['size']} pixels{skipped}\n"
        f"{settings['model']}, {settings['epochs']} epochs, batches of {settings['batch_size']}, on {device}"
    )


def line(result: dict[str, Any]) -> str:
    """Return the results of one run in words."""
    seconds = sum(row["seconds"] for row in result["history"])
    return f"error {100 * result['metrics']['error']:.2f} %, {seconds:.0f} s of training"


def summary(results: dict[str, Any]) -> str:
    """The table, and what it means."""
    return f"{table(results)}\n\n{verdicts(results)}"


def table(results: dict[str, Any]) -> str:
    """A row for each mix, with what differs from ``none`` marked."""
    rows = [["mix", *(head for head, _, _ in COLUMNS.values())]]
    values = {name: values_of(results, name) for name in COLUMNS}
    rows += [[mix, *(_cell(values[name], name, mix) for name in COLUMNS)] for mix in values["error"]]
    return _aligned(rows)


def verdicts(results: dict[str, Any]) -> str:
    """A sentence for each mix: what it did to the error, and whether that is more than noise."""
    errors = values_of(results, "error")
    if "none" not in errors:
        return "Without `none` there is nothing to compare with."
    return "\n".join(f"* {_verdict(errors, mix)}" for mix in errors if mix != "none") or "There is only `none`."


def _verdict(errors: dict[str, dict[int, float]], mix: str) -> str:
    found = difference(errors, mix)
    if found is None:
        return f"{mix}: no seed in common with none yet."
    points = 100 * found.mean
    what = f"{mix}: {abs(points):.2f} points {'less' if points < 0 else 'more'} error than none"
    if found.margin is None:
        return f"{what}, from one seed: nothing can be said about the noise."
    low, high = sorted((-points - 100 * found.margin, -points + 100 * found.margin))
    verdict = "more than the noise" if found.exceeds_noise else "inside the noise"
    return f"{what}: {verdict} (gain of {low:.2f} to {high:.2f} with 95 % confidence)."


def _cell(values: dict[str, dict[int, float]], name: str, mix: str) -> str:
    _, factor, digits = COLUMNS[name]
    mean = Mean.of(list(values[mix].values()))
    spread = "" if mean.deviation is None or name == "seconds" else f" ± {factor * mean.deviation:.{digits}f}"
    found = difference(values, mix)
    star = " *" if name != "seconds" and found is not None and found.exceeds_noise else ""
    return f"{factor * mean.mean:.{digits}f}{spread}{star}"


def classes_table(results: dict[str, Any]) -> str:
    """Recall and precision of each class; of many classes those with the largest differences in recall."""
    by_mix: dict[str, list[dict[str, Any]]] = {}
    for run in results["runs"]:
        by_mix.setdefault(run["mix"], []).append(run["metrics"])
    means = {
        (mix, name): [statistics.fmean(column) for column in zip(*(one[name] for one in runs), strict=True)]
        for mix, runs in by_mix.items()
        for name in ("recall", "precision")
    }
    names = results["data"]["classes"]
    spread = [max(column) - min(column) for column in zip(*(means[mix, "recall"] for mix in by_mix), strict=True)]
    chosen = sorted(sorted(range(len(names)), key=lambda k: -spread[k])[:MOST_CLASSES])
    cells = [
        [
            markdown(names[k]),
            *(f"{100 * means[mix, 'recall'][k]:.1f}, {100 * means[mix, 'precision'][k]:.1f}" for mix in by_mix),
        ]
        for k in chosen
    ]
    return _aligned([["class", *by_mix], *cells])


def report(results: dict[str, Any]) -> str:
    """The whole of it, in Markdown."""
    name, settings = results["data"]["name"], results["settings"]
    parts = [f"# Does mixing help on {markdown(name)}?", heading(results, markdown).replace("\n", ".\n") + "."]
    if results["runs"]:
        parts += [summary(results), "![Training and validation curves](curves.png)", EXPLANATION]
        many = len(results["data"]["classes"]) > MOST_CLASSES
        which = f", of the {MOST_CLASSES} that differ most" if many else ""
        parts += [f"## Recall and precision of each class (%){which}", classes_table(results)]
    else:
        parts += ["No run is finished yet."]
    alphas = ", ".join(f"{mix} {settings['alpha'] or usual:g}" for mix, usual in ALPHA.items())
    ranks = sorted({run["ranks"] for run in results["runs"]})
    recipe = {
        "command": code(results["command"]),
        "runs": f"{len(results['runs'])}" + (f", on {ranks[-1]} ranks" if ranks[-1:] > [1] else ""),
        "alpha": alphas,
        "mixing off in the last epochs": settings["mix_off_last"],
        "optimiser": "SGD, Nesterov momentum 0.9, weight decay 5e-4, one cycle of the learning rate",
        "precision": settings["precision"],
        **results["machine"],
    }
    parts += ["## How it was made", "\n".join(f"* {key}: {value}" for key, value in recipe.items())]
    if results["data"]["skipped"]:
        parts += ["## Skipped", "\n".join(f"* {code(path)}" for path in results["data"]["skipped"])]
    return "\n\n".join(parts) + "\n"


def _aligned(rows: list[list[str]]) -> str:
    """A table in Markdown whose columns also stand under one another."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
    return "\n".join(lines)
