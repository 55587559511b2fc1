"""The figures of a comparison: training on the way, error by length, hidden parts and calibration."""

import statistics
from itertools import cycle
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from cutmix_transforms._commands._compare._mixes import NONE
from cutmix_transforms._commands._compare._results import Results, lengths_of, runs_of, values_of
from cutmix_transforms._commands._compare._statistics import Mean

INK, GRID = "#333333", "#dddddd"
GRAY = "#555555"
# Of Okabe and Ito, which color-blind people tell apart.
COLORS = ("#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
DASHES = ("-", "--", ":", "-.")
PANELS = {
    "train_accuracy": "Training accuracy on mixed images (%)",
    "val_error": "Validation error (%, log scale)",
    "val_nll": "Validation NLL (log scale)",
}
EARLY = 0.1  # of the training, before which values may lie outside of a panel


class Style(NamedTuple):
    """The look of the line of a mix."""

    color: str
    linestyle: str


def styles(mixes: list[str]) -> dict[str, Style]:
    """Return a style for each mix, by their order."""
    others = [mix for mix in mixes if mix != NONE]
    found = {
        mix: Style(color, DASHES[i // len(COLORS) % len(DASHES)])
        for i, (mix, color) in enumerate(zip(others, cycle(COLORS), strict=False))
    }
    return {NONE: Style(GRAY, "-")} | found


def curves(results: Results) -> Figure:
    """Draw training and validation over the epochs of the longest runs: means over seeds, from least to most."""
    figure, panels = _figure(3, width=12)
    by_mix = runs_of(results, lengths_of(results)[-1])
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        factor = 1 if name == "val_nll" else 100
        late: list[float] = []
        for mix, style in styles(list(results["mixes"])).items():
            if mix in by_mix:
                late += _over_epochs(axes, [run["history"] for run in by_mix[mix]], name, factor, mix, style)
        _dress(axes, title, "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _limit(axes, late, is_logarithmic=name != "train_accuracy")
    _legend(figure, panels[0])
    return figure


def _limit(axes: Axes, late: list[float], *, is_logarithmic: bool) -> None:
    """Leave out how bad it was in the beginning, and let small differences in the end be seen beside large ones."""
    if not late:
        return
    low, high = min(late), max(late)
    if is_logarithmic and low > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)) if high > 4 * low else MaxNLocator(6))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low * 0.92, high * 1.08)
        return
    margin = 0.05 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)


def _over_epochs(
    axes: Axes, histories: list[list[dict[str, float]]], name: str, factor: float, mix: str, style: Style
) -> list[float]:
    """Draw the line of a mix, and return its values from the first tenth of the training on."""
    at = [epoch for epoch, row in enumerate(histories[0], 1) if name in row]
    values = [[factor * history[epoch - 1][name] for history in histories] for epoch in at]
    _line(axes, at, [statistics.fmean(some) for some in values], mix, style)
    least, most = [min(some) for some in values], [max(some) for some in values]
    axes.fill_between(at, least, most, color=style.color, alpha=0.15, lw=0)
    return [
        value for epoch, some in zip(at, values, strict=True) if epoch >= EARLY * len(histories[0]) for value in some
    ]


def by_length(results: Results) -> Figure:
    """Draw the error against the length of the training, with the standard deviation over seeds."""
    figure, (axes,) = _figure(1, width=7)
    lengths = lengths_of(results)
    errors = {epochs: values_of(results, "error", epochs) for epochs in lengths}
    shown = [mix for mix in styles(list(results["mixes"])) if any(mix in found for found in errors.values())]
    for i, mix in enumerate(shown):
        style = styles(list(results["mixes"]))[mix]
        at = [epochs for epochs in lengths if mix in errors[epochs]]
        means = [Mean.of(list(errors[epochs][mix].values())) for epochs in at]
        # A little beside one another, so that the bars are seen.
        beside = [epochs * 1.012 ** (2 * i - len(shown) + 1) for epochs in at]
        values, bars = [100 * one.mean for one in means], [100 * (one.deviation or 0.0) for one in means]
        axes.errorbar(
            beside, values, bars, label=mix, color=style.color, linestyle=style.linestyle, marker="o", ms=4, capsize=3
        )
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(lengths, list(map(str, lengths)))
    _dress(axes, "Test error after so many epochs (%)", "epochs of training (log scale)")
    _legend(figure, axes)
    return figure


def robustness(results: Results) -> Figure:
    """Draw the accuracy by how much is hidden, of the center and of the border, and by confidence."""
    figure, panels = _figure(3, width=12)
    by_mix = runs_of(results, lengths_of(results)[-1])
    for mix, style in styles(list(results["mixes"])).items():
        metrics = [run["metrics"] for run in by_mix.get(mix, [])]
        if metrics:
            _hidden(panels[0], metrics, "center_hidden", 0.0, mix, style)
            _hidden(panels[1], metrics, "border_hidden", 1.0, mix, style)
            _reliability(panels[2], metrics, mix, style)
    _dress(panels[0], "Accuracy, center hidden (%)", "side of the hidden box (% of the image's)")
    _dress(panels[1], "Accuracy, only the center shown (%)", "side of the box that is shown (% of the image's)")
    panels[1].invert_xaxis()
    panels[2].plot([0, 100], [0, 100], color="#aaaaaa", linewidth=1, linestyle=":")
    _dress(panels[2], "Right (%), by confidence", "confidence (%)")
    _legend(figure, panels[0])
    return figure


def _hidden(axes: Axes, metrics: list[Any], name: str, untouched: float, mix: str, style: Style) -> None:
    at = sorted({float(side) for side in metrics[0][name]} | {untouched})
    values = [
        [100 * (1 - one["error"] if side == untouched else one[name][str(side)]) for one in metrics] for side in at
    ]
    sides = [100 * side for side in at]
    axes.set_xticks(sides)
    _line(axes, sides, [statistics.fmean(some) for some in values], mix, style, marker="o")
    axes.fill_between(sides, [min(v) for v in values], [max(v) for v in values], color=style.color, alpha=0.15, lw=0)


def _reliability(axes: Axes, metrics: list[Any], mix: str, style: Style) -> None:
    """Draw accuracy against confidence, over the images of all seeds, where a bin holds enough of them to tell."""
    bins = [[row for row in rows if row[0]] for rows in zip(*(one["reliability"] for one in metrics), strict=True)]
    total = sum(row[0] for rows in bins for row in rows)
    points = []
    for rows in bins:
        count = sum(row[0] for row in rows)
        if count >= max(1, 0.002 * total):
            points.append([100 * sum(row[0] * row[k] for row in rows) / count for k in (1, 2)])
    _line(axes, [x for x, _ in points], [y for _, y in points], mix, style, marker="o")


def _figure(count: int, *, width: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, 4), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _line(axes: Axes, at: list[Any], values: list[float], mix: str, style: Style, marker: str = "") -> None:
    axes.plot(
        at, values, color=style.color, linestyle=style.linestyle, label=mix, linewidth=1.8, marker=marker, markersize=4
    )


def _dress(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(below, color=INK)
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    most = 5 if figure.get_figwidth() > 9 else 4  # in a line
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(most, len(labels) or 1), frameon=False, labelcolor=INK
    )
