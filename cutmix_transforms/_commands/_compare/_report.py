"""The report of a comparison, in words and tables."""

import statistics
from collections.abc import Callable
from typing import Any

from cutmix_transforms._commands._compare._markdown import aligned, bullets, code, markdown
from cutmix_transforms._commands._compare._mixes import NONE
from cutmix_transforms._commands._compare._results import (
    CURVES,
    LENGTHS,
    ROBUSTNESS,
    Results,
    is_robustness_known,
    lengths_of,
    runs_of,
    values_of,
)
from cutmix_transforms._commands._compare._statistics import ByMix, Mean, beyond_noise, differences
from cutmix_transforms._commands._compare._verdicts import verdicts
from cutmix_transforms._commands._terminal import printable

COLUMNS = {  # name: (head, factor, digits)
    "error": ("error (%)", 100, 2),
    "nll": ("NLL", 1, 3),
    "ece": ("ECE (%)", 100, 2),
    "center_hidden": ("center hidden (%)", 100, 2),
    "speed": ("images / s", 1, 0),
}
MOST_CLASSES = 20
COLUMNS_EXPLAINED = """\
* **error**: the fraction of test images whose most probable class is wrong. **NLL**: the mean negative log-likelihood.
  **ECE**: the expected calibration error in 15 bins. **center hidden**: the accuracy when a box of half the height and
  width in the center is covered with the mean color. **images / s**: learned from, in the median epoch.
* Numbers are means over seeds, ± their standard deviation, after the last epoch; nothing was chosen by looking at the
  test images. A star marks what differs from `none` by more than the noise: a paired t-test over at least three seeds,
  two-sided at 5 %, with Holm's correction for how many mixes are compared. The confidence intervals (CI) are those of
  each mix alone. How many seeds it takes to see half of a difference: with a probability of 80 %, by such a test of one
  mix. All runs learn from the same images, and those of one seed in the same order."""
CURVES_EXPLAINED = "* **curves**: lines are means over seeds, bands go from the least to the most. Validation is "
ROBUSTNESS_EXPLAINED = """\
* **robustness**: the accuracy on test images whose center is hidden, or all but the center, by the side of the box; and
  how often the network is right, by how sure it is: below the diagonal it is too sure of itself. Parts are hidden on
  {hidden} of the test images, evenly spread."""


def heading(results: Results, write: Callable[[str], str] = printable) -> str:
    """Return which mixes are compared on which data, in two lines, with names as ``write`` makes them."""
    data, settings, device = results["data"], results["settings"], results["machine"]["device"]
    skipped = f", {len(data['skipped'])} that cannot be read skipped" if data["skipped"] else ""
    epochs = ", ".join(map(str, lengths_of(results) or results["lengths"]))
    return (
        f"{write(data['name'])}: {data['train']} images to learn from and {data['test']} to test on, "
        f"{len(data['classes'])} classes, {data['size']} x {data['size']} pixels{skipped}\n"
        f"{settings['model']}, {epochs} epochs, batches of {settings['batch_size']}, on {device}"
    )


def line(run: dict[str, Any]) -> str:
    """Return the results of one run in words."""
    if run["diverged"] is not None:
        return f"diverged at epoch {run['diverged']}"
    seconds = sum(row["seconds"] for row in run["history"])
    return f"error {100 * run['metrics']['error']:.2f} %, {seconds:.0f} s of training"


def summary(results: Results) -> str:
    """Return the errors of all lengths, if there are several, and the table and the verdicts of the longest."""
    lengths = lengths_of(results)
    parts = [lengths_table(results)] if len(lengths) > 1 else []
    return "\n\n".join([*parts, table(results, lengths[-1]), bullets(verdicts(results, lengths[-1]))])


def table(results: Results, epochs: int) -> str:
    """Return a row for each mix, with what differs from ``none`` marked."""
    columns = {name: _cells(values_of(results, name, epochs), name) for name in COLUMNS}
    rows = [["mix", *(head for head, _, _ in COLUMNS.values())]]
    for mix in results["mixes"]:
        lost = [run["diverged"] for run in results["runs"] if (run["mix"], run["epochs"]) == (mix, epochs)]
        if mix in columns["error"]:
            rows.append([markdown(mix), *(columns[name][mix] for name in COLUMNS)])
        elif lost:
            rows.append([markdown(mix), f"diverged at epoch {min(lost)}", *[""] * (len(COLUMNS) - 1)])
    return aligned(rows)


def lengths_table(results: Results) -> str:
    """Return the error of each mix by the length of the training."""
    lengths = lengths_of(results)
    columns = [_cells(values_of(results, "error", epochs), "error") for epochs in lengths]
    heads = ["error (%)", *(f"{epochs} epochs" for epochs in lengths)]
    found = [mix for mix in results["mixes"] if any(mix in column for column in columns)]
    return aligned([heads, *([markdown(mix), *(column.get(mix, "") for column in columns)] for mix in found)])


def _cells(values: ByMix, name: str) -> dict[str, str]:
    """Return the text of a number of each mix."""
    _, factor, digits = COLUMNS[name]
    stars = {} if name == "speed" else beyond_noise(differences(values, NONE))
    cells = {}
    for mix, by_seed in values.items():
        mean = Mean.of(list(by_seed.values()))
        spread = "" if mean.deviation is None or name == "speed" else f" ± {factor * mean.deviation:.{digits}f}"
        cells[mix] = f"{factor * mean.mean:.{digits}f}{spread}{' *' if mix in stars else ''}"
    return cells


def classes_table(results: Results, epochs: int) -> str:
    """Return recall and precision of each class; of many classes those with the largest differences in recall."""
    by_mix = {mix: [run["metrics"] for run in runs] for mix, runs in runs_of(results, epochs).items()}
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
    return aligned([["class", *map(markdown, by_mix)], *cells])


def report(results: Results) -> str:
    """Return the whole of it, in Markdown."""
    name = results["data"]["name"]
    parts = [f"# Does mixing help on {markdown(name)}?", heading(results, markdown).replace("\n", ".\n") + "."]
    parts += _findings(results) if results["runs"] else ["No run is finished yet."]
    parts += ["## How it was made", bullets([f"{key}: {value}" for key, value in _made(results).items()])]
    if results["data"]["skipped"]:
        parts += ["## Skipped", bullets([code(path) for path in results["data"]["skipped"]])]
    return "\n\n".join(parts) + "\n"


def _findings(results: Results) -> list[str]:
    lengths = lengths_of(results)
    parts = [summary(results)]
    if len(lengths) > 1:
        parts += [f"![Error against the length of the training]({LENGTHS})"]
    longest = runs_of(results, lengths[-1])
    explained = [COLUMNS_EXPLAINED, f"{CURVES_EXPLAINED}{_validation(results)}"]
    if longest:
        parts += [f"![Training and validation]({CURVES})"]
    if is_robustness_known(results):
        parts += [f"![Hidden parts and calibration]({ROBUSTNESS})"]
        explained += [ROBUSTNESS_EXPLAINED.format(hidden=results["data"]["hidden"])]
    parts += ["\n".join(explained)]
    for epochs in lengths[:-1]:
        parts += [f"## {epochs} epochs", table(results, epochs), bullets(verdicts(results, epochs))]
    if longest:
        many = len(results["data"]["classes"]) > MOST_CLASSES
        which = f", of the {MOST_CLASSES} that differ most" if many else ""
        parts += [f"## Recall and precision of each class (%){which}", classes_table(results, lengths[-1])]
    return parts


def _validation(results: Results) -> str:
    train, test = results["data"]["train"], results["data"]["test"]
    if train >= test:
        return "on all test images."
    return f"on {train} of the {test}\n  test images on the way, and after the last epoch on all, as in the table."


def _made(results: Results) -> dict[str, str]:
    settings = results["settings"]
    ranks = sorted({run["ranks"] for run in results["runs"]})
    schedule = {"one-cycle": "one cycle of the learning rate", "cosine": "a cosine of the learning rate"}
    return {
        "command": code(results["command"]),
        "runs": f"{len(results['runs'])}" + (f", on {ranks[-1]} ranks" if ranks[-1:] > [1] else ""),
        **{f"mix {code(mix)}": code(meaning) for mix, meaning in results["mixes"].items() if mix != NONE},
        "mixing off in the last epochs": settings["mix_off_last"],
        "all runs get": f"augmentation `{settings['augment']}`",
        "optimizer": f"SGD, momentum {settings['momentum']:g} (Nesterov), weight decay {settings['weight_decay']:g}, "
        f"{schedule[settings['schedule']]} from at most {settings['learning_rate']:.3g}",
        "precision": settings["precision"],
        **results["machine"],
    }
