"""The curves of a comparison, as a picture."""

import math
import statistics
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK = "#333333"
COLOURS = {  # of Okabe and Ito, which colour-blind people tell apart
    "none": "#555555",
    "cutout": "#E69F00",
    "mixup": "#0072B2",
    "cutmix": "#D55E00",
    "cutmix+mixup": "#009E73",
}
PANELS = {
    "train_accuracy": "Training accuracy on mixed pictures (%)",
    "val_error": "Validation error (%)",
    "val_nll": "Validation NLL",
}


def curves(results: dict[str, Any]) -> Figure:
    """Training and validation over the epochs: means over seeds as lines, from the least to the most as bands."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharex=True)
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        factor = 1 if name == "val_nll" else 100
        for mix, colour in COLOURS.items():
            rows = [run["history"] for run in results["runs"] if run["mix"] == mix]
            if rows:
                _line(axes, rows, name, factor, mix, colour)
        _dress(axes, title)
        if name != "train_accuracy":
            _zoom(axes)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, labelcolor=INK)
    return figure


def _line(axes: Axes, rows: list[list[dict[str, float]]], name: str, factor: float, mix: str, colour: str) -> None:
    epochs = [epoch for epoch, row in enumerate(rows[0]) if name in row]
    values = [[factor * run[epoch][name] for run in rows] for epoch in epochs]
    at = [epoch + 1 for epoch in epochs]
    axes.plot(at, [statistics.fmean(some) for some in values], color=colour, label=mix, linewidth=1.8)
    axes.fill_between(
        at, [min(some) for some in values], [max(some) for some in values], color=colour, alpha=0.15, lw=0
    )


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _zoom(axes: Axes) -> None:
    """Leave out how bad it was in the first half of the training, which would flatten all that comes after."""
    lines = [list(map(float, line.get_ydata())) for line in axes.get_lines()]  # type: ignore[arg-type]
    late = [value for values in lines for value in values[len(values) // 2 :] if math.isfinite(value)]
    if late:
        margin = 0.08 * (max(late) - min(late)) or 1.0
        axes.set_ylim(min(late) - margin, max(late) + margin)
