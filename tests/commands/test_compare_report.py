"""What compare says of its results: tables, verdicts, and what cannot be said."""

import re
from pathlib import Path

import pytest
from support.compare_cases import made_up, made_up_run, read

from cutmix_transforms._commands._compare import _report, _verdicts
from cutmix_transforms._commands._compare._results import values_of


def test_the_table_marks_what_is_more_than_noise():
    results = made_up(
        {"none": [0.30, 0.32, 0.31], "cutout": [0.31, 0.31, 0.32], "mixup": [0.2701, 0.29, 0.28], "cutmix": [0.2]}
    )
    lines = _report.table(results, 3).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "none",
        "31.00 ± 1.00",
        "0.310 ± 0.010",
        "31.00 ± 1.00",
        "31.00 ± 1.00",
        "4",
    ]
    assert "28.00 ± 1.00 *" in lines[4]
    assert "*" not in lines[2] + lines[3] + lines[5]
    assert len({len(line) for line in lines}) == 1
    report = _report.report(results)
    assert "1 that cannot be read skipped" in report
    assert "* `bad.png`" in report
    assert "| b     | 15.5, 31.0 | 15.7, 31.3" in report
    assert (
        "Validation is on 8 of the 9\n  test images on the way, and after the last epoch on all, as in the table."
        in report
    )
    results["data"]["train"] = 9
    assert "Validation is on all test images." in _report.report(results)


def test_verdicts_say_how_sure_they_are():
    results = made_up(
        {
            "none": [0.30, 0.32, 0.31],
            "cutout": [0.31, 0.31, 0.32],
            "mixup": [0.2701, 0.29, 0.28],
            "both": [0.28, 0.29, 0.287],
            "cutmix": [0.2],
        }
    )
    half, sure = "to see half of that would take", "less than none, beyond the noise"
    assert _verdicts.verdicts(results, 3) == [
        f"cutout: error +0.33 points (95 % CI -2.54 to +3.20): within noise; {half} 379 seeds.",
        f"mixup: error -3.00 points (95 % CI -3.01 to -2.98): {sure} (p < 0.0001); {half} 3 seeds.",
        f"both: error -2.43 points (95 % CI -3.71 to -1.16): {sure} (p = 0.029); {half} 4 seeds.",
        "cutmix: error -10.00 points, from one seed.",
    ]


def test_what_is_beyond_noise_alone_may_not_be_among_several():
    errors = {"none": [0.30, 0.32, 0.31], "a": [0.28, 0.30, 0.30], "b": [0.30, 0.31, 0.32]}
    found = "(95 % CI -3.10 to -0.23): "
    alone, both = made_up({mix: errors[mix] for mix in ("none", "a")}), made_up(errors)
    assert f"{found}less than none, beyond the noise (p = 0.038)" in _verdicts.verdicts(alone, 3)[0]
    assert f"{found}within noise, as 2 mixes are compared (p = 0.075)" in _verdicts.verdicts(both, 3)[0]
    assert "*" in _report.table(alone, 3)
    assert "*" not in _report.table(both, 3)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_get_no_star(count):
    results = made_up({"none": [0.300, 0.310][:count], "cutmix": [0.2, 0.2101][:count], "mixup": [0.3, 0.35][:count]})
    assert "*" not in _report.table(results, 3)
    *lines, last = _verdicts.verdicts(results, 3)
    assert last.startswith(f"{['One seed is', 'Two seeds are'][count - 1]} too few to tell a difference from noise")
    one = ["cutmix: error -10.00 points, from one seed.", "mixup: error +0.00 points, from one seed."]
    two = [
        "cutmix: error -9.99 points (95 % CI -10.06 to -9.93): two seeds cannot tell this from noise.",
        "mixup: error +2.00 points (95 % CI -23.41 to +27.41): within noise.",
    ]
    assert lines == (one if count == 1 else two)


def test_what_is_near_chance_is_called_that():
    results = made_up({"none": [0.44, 0.47, 0.48], "cutmix": [0.2, 0.2, 0.3]})
    assert _verdicts.verdicts(results, 3)[-1] == (
        "Hardly better than guessing: none (46.3 %). Always naming the most frequent class has an error of 50.0 %. "
        "Train for longer before you compare."
    )
    results["data"]["most_frequent"] = 0.1
    assert not any("chance" in line for line in _verdicts.verdicts(results, 3))


def diverged(run, epoch):
    return run | {"diverged": epoch, "metrics": None, "history": run["history"][: epoch - 1]}


def test_what_diverged_is_a_row_and_a_line():
    results = made_up({"none": [0.3, 0.31, 0.33], "mixup": [0.2, 0.2, 0.2], "cutmix": [0.2, 0.2, 0.3]})
    runs = results["runs"]
    results["runs"] = [
        diverged(run, 2 + run["seed"] % 2)
        if run["mix"] == "mixup" or (run["mix"], run["seed"]) == ("cutmix", 1)
        else run
        for run in runs
    ]
    row = next(line for line in _report.table(results, 3).splitlines() if line.startswith("| mixup"))
    assert [cell.strip() for cell in row.split("|")[1:-1]] == ["mixup", "diverged at epoch 2", "", "", "", ""]
    lines = _verdicts.verdicts(results, 3)
    assert "mixup: 3 of 3 runs diverged, at epoch 2 to 3, and are left out." in lines
    assert "cutmix: 1 of 3 runs diverged, at epoch 3, and are left out." in lines
    assert values_of(results, "error", 3)["cutmix"] == {0: 0.2, 2: 0.3}
    results["runs"] = [diverged(run, 1) for run in runs]
    assert "| none   | diverged at epoch 1 |" in _report.report(results)
    assert "curves.png" not in _report.report(results)


def test_several_lengths_have_a_table_and_each_its_own():
    results = made_up({"none": [0.3, 0.31, 0.32], "cutmix": [0.2001, 0.21, 0.22]}, lengths=(10, 20))
    results["runs"].append(made_up_run("late", 0, 0.1, 20))
    results["mixes"]["late"] = "<late>"
    assert _report.lengths_table(results).splitlines()[2:] == [
        "| none      | 31.00 ± 1.00   | 15.50 ± 0.50   |",
        "| cutmix    | 21.00 ± 1.00 * | 10.50 ± 0.50 * |",
        "| late      |                | 10.00          |",
    ]
    report = _report.report(results)
    assert report.index(_report.table(results, 20)) < report.index("(lengths.png)") < report.index("## 10 epochs")
    assert report.index("## 10 epochs") < report.index(_report.table(results, 10))
    assert "small, 10, 20 epochs, batches of 64" in report


def test_the_report_without_none_and_of_many_classes():
    results = made_up({"cutmix": [0.3, 0.4]}, classes=[f"class {k}" for k in range(30)])
    assert _verdicts.verdicts(results, 3)[0] == "Without a finished run of `none` there is nothing to compare with."
    assert "of the 20 that differ most" in _report.report(results)
    assert len(_report.classes_table(results, 3).splitlines()) == 22
    assert _verdicts.verdicts(made_up({"none": [0.1]}), 3) == ["There is only `none`."]


def test_values_go_by_seed():
    results = made_up({"none": [0.1, 0.2], "cutmix": [0.2]}, lengths=(3, 6))
    assert values_of(results, "speed", 3) == {"none": {0: 4.0, 1: 4.0}, "cutmix": {0: 4.0}}  # 8 images in 2 seconds
    assert values_of(results, "error", 6) == {"none": {0: 0.05, 1: 0.1}, "cutmix": {0: 0.1}}
    assert values_of(results, "center_hidden", 3) == {"none": {0: 0.1, 1: 0.2}, "cutmix": {0: 0.2}}


UGLY = (
    "pipe|name",
    "<b>",
    "new\nline",
    "`tick`",
    "*bold* _slanted_",
    "\x1b[31mred",
    "back\\slash",
    "[x](y)",
    "a_b",
    "1. x",
)


SHOWN = (
    r"pipe\|name",
    r"\<b\>",
    r"new\\nline",
    r"\`tick\`",
    r"\*bold\* \_slanted\_",
    r"\\x1b\[31mred",
    r"back\\slash",
    r"\[x\](y)",
    "a_b",
    r"1\. x",
)


def test_names_do_not_break_the_report():
    results = made_up({"none": [0.3, 0.4], "x|y": [0.2, 0.3]}, classes=UGLY)
    lines = _report.classes_table(results, 3).splitlines()
    assert [re.split(r"(?<!\\)\|", line)[1].strip() for line in lines[2:]] == list(SHOWN)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}
    assert r"| x\|y |" in _report.table(results, 3)
    results["data"] |= {"name": "# <i>\nx", "skipped": ["a`b\n.png", "``"]}
    report = _report.report(results | {"command": "compare 'a`b\n'"})
    assert report.startswith("# Does mixing help on \\# \\<i\\>\\\\nx?\n\n\\# \\<i\\>\\\\nx: 8 images")
    assert "* command: `` compare 'a`b\\n' ``\n" in report
    assert report.endswith("* `` a`b\\n.png ``\n* ``` `` ```\n")


REPORTS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10_lengths", "cifar10_recipe"])
def test_the_reports_that_are_shown_are_those_of_the_results(name):
    results = read(REPORTS / name)
    assert _report.report(results) in (REPORTS / name / "report.md").read_text()
    assert len(results["runs"]) == len({(run["mix"], run["epochs"], run["seed"]) for run in results["runs"]}) >= 6
    if name == "fashion_mnist":
        readme = (REPORTS.parent / "README.md").read_text()
        assert _report.table(results, 40) in readme
        assert results["command"].split(" --out")[0] in readme
