"""The figures of compare."""

import pytest
from matplotlib.colors import to_hex
from support.compare_cases import made_up

from cutmix_transforms._commands._compare import _curves


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def test_curves_show_means_and_bands_of_the_longest_runs():
    figure = _curves.curves(made_up({"none": [0.2, 0.4], "cutmix": [0.1, 0.1]}, lengths=(3, 4)))
    error = figure.axes[1]
    assert error.get_title(loc="left") == "Validation error (%, log scale)"
    lines = lines_of(error)
    assert {mix: list(line.get_ydata()) for mix, line in lines.items()} == {
        "none": pytest.approx([15] * 4),
        "cutmix": pytest.approx([5] * 4),
    }
    assert [list(line.get_xdata()) for line in lines.values()] == [[1, 2, 3, 4]] * 2
    band = error.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((10, 20))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["none", "cutmix"]


def test_limits_show_every_run_from_the_first_tenth_on():
    results = made_up({"none": [0.2, 0.2], "cutmix": [0.1, 0.1]}, lengths=(20,))
    for run in results["runs"]:
        for epoch, row in enumerate(run["history"], 1):
            row["val_error"] = 1 / epoch + 0.1 * run["seed"]
            if epoch % 2 == 1:
                del row["val_error"], row["val_nll"]
    low, high = _curves.curves(results).axes[1].get_ylim()
    assert low < 100 / 20 < 100 * (1 / 2 + 0.1) < high
    for run in results["runs"]:
        run["history"][1]["val_error"] = 9.0  # epoch 2 of 20
    assert _curves.curves(results).axes[1].get_ylim()[1] > 900
    for run in results["runs"]:
        run["history"][0]["val_error"] = 90.0  # before the first tenth
    assert _curves.curves(results).axes[1].get_ylim()[1] < 2000


def test_error_by_length_is_on_a_logarithmic_axis_with_bars():
    results = made_up({"none": [0.2, 0.4], "cutmix": [0.1, 0.3]}, lengths=(20, 40, 80))
    axes = _curves.by_length(results).axes[0]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["20", "40", "80"]
    for container, values in zip(axes.containers, ([30, 15, 7.5], [20, 10, 5]), strict=True):
        line, _, (bars,) = container
        assert list(line.get_ydata()) == pytest.approx(values)
        assert list(line.get_xdata()) == pytest.approx([20, 40, 80], rel=0.05)
        lengths = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        assert lengths == pytest.approx([2 * 100 * 0.1 * 2**0.5 / 2**i for i in range(3)])


def test_robustness_begins_with_whole_images_and_ends_with_calibration():
    results = made_up({"none": [0.2, 0.4], "cutmix": [0.1, 0.3]})
    center, border, reliable = _curves.robustness(results).axes
    line = lines_of(center)["none"]
    assert list(line.get_xdata()) == [0, 25, 50, 75]
    assert list(line.get_ydata()) == pytest.approx([70, 63, 30, 35])
    assert list(lines_of(border)["none"].get_xdata()) == [25, 50, 75, 100]
    assert border.xaxis_inverted()
    assert list(lines_of(border)["none"].get_ydata()) == pytest.approx([63, 30, 35, 70])
    assert list(lines_of(reliable)["cutmix"].get_xdata()) == pytest.approx([90, 95])
    assert list(lines_of(reliable)["cutmix"].get_ydata()) == pytest.approx([50, 80])


def test_every_mix_has_a_line_of_its_own():
    mixes = ["none", *(f"mix {i}" for i in range(20))]
    found = _curves.styles(mixes)
    assert list(found) == mixes
    assert len({(to_hex(style.color), style.linestyle) for style in found.values()}) == 21
