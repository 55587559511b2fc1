"""The files that compare writes, and goes on with."""

import json
import os
import shutil

import pytest
from PIL import Image
from support.compare_cases import read, refused, without_times

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _command, _results

pytestmark = pytest.mark.slow  # they train, or look at what was trained


def _runs(*runs):
    return lambda results: results | {"runs": [results["runs"][0] | run for run in runs]}


OTHER_FORMS = {
    "nothing": lambda _: None,
    "number": lambda _: 3,
    "word": lambda _: "none",
    "empty list": lambda _: [],
    "list": lambda results: [results],
    "empty": lambda _: {},
    "no data": lambda results: results | {"data": []},
    "no settings": lambda results: {name: value for name, value in results.items() if name != "settings"},
    "no runs": lambda results: results | {"runs": None},
    "unknown mix": _runs({"mix": "cutmux"}),
    "no mixes": lambda results: {name: value for name, value in results.items() if name != "mixes"},
    "epochs in words": _runs({"epochs": "3"}),
    "seed in words": _runs({"seed": "0"}),
    "the same run twice": _runs({}, {}),
    "no metrics": _runs({"metrics": {}}),
    "metrics in words": _runs({"metrics": {"error": "x"}}),
    "no history": _runs({"history": []}),
    "history in words": _runs({"history": ["x"]}),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_results_of_another_form_are_one_line_and_stay(form, finished, short, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.json").write_text(json.dumps(OTHER_FORMS[form](read(finished))))
    file = out / "results.json"
    said = (
        f"--resume must be with a folder that holds a comparison, got {file}, which has another form, as that of an e"
    )
    refused(["compare", *short, "--out", str(out), "--resume"], said, out, capsys)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", None], ids=["empty", "cut", "deep", "latin", "pipe"])
def test_results_that_are_no_json_are_one_line_and_stay(text, short, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    if text is None:
        os.mkfifo(out / "results.json")
    else:
        (out / "results.json").write_text(text, encoding="latin-1")
    said = f"--resume must be with a folder that holds a comparison, got {out} ("
    refused(["compare", *short, "--out", str(out), "--resume"], said, out, capsys)


def test_what_is_no_json_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        _results.write({"runs": [float("nan")]}, tmp_path, "report")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A folder with pictures and a finished run of one epoch on them."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(pictures, folder / "data" / "same")
    assert main(_brief(folder)) == 0
    return folder


def _brief(folder):
    options = ["--epochs", "1", "--mix", "none", "--seeds", "1", "--out", str(folder / "out")]
    return ["compare", str(folder / "data" / "same"), *options]


@pytest.fixture
def copied(trained, tmp_path):
    """A copy that a test may change: its options."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return _brief(tmp_path)


def test_going_on_with_the_same_pictures_elsewhere_trains_nothing(copied, tmp_path, monkeypatch):
    (tmp_path / "data").rename(tmp_path / "moved")
    before = (tmp_path / "out" / "results.json").read_text()
    monkeypatch.setattr(_command, "train", None)
    assert main([copied[0], str(tmp_path / "moved" / "same"), *copied[2:], "--resume"]) == 0
    assert without_times(read(tmp_path / "out")) == without_times(json.loads(before))


def _recolor(folder, part):
    Image.new("L", (28, 28), 77).save(folder / part / "boot" / "003.png")


def _exchange(folder, part):
    one, other = folder / part / "boot" / "003.png", folder / part / "bag" / "003.png"
    one.rename(folder / "one"), other.rename(one), (folder / "one").rename(other)


@pytest.mark.parametrize("change", [_recolor, _exchange])
@pytest.mark.parametrize("part", ["train", "test"])
def test_going_on_with_other_pictures_of_the_same_names_is_an_error(change, part, copied, tmp_path, capsys):
    change(tmp_path / "data" / "same", part)
    said = f"--resume must be with the images of the runs in {tmp_path / 'out'}, got others of the same names and nu"
    refused([*copied, "--seeds", "2", "--resume"], said, tmp_path / "out", capsys)


def test_going_on_with_what_was_made_otherwise_is_an_error(copied, tmp_path, capsys):
    out = tmp_path / "out"
    results = read(out)
    (out / "results.json").write_text(json.dumps(results | {"settings": results["settings"] | {"ranks": 2}}))
    refused([*copied, "--resume"], f"--resume must be with the ranks of the runs in {out}, 2, got 1", out, capsys)
    (out / "results.json").write_text(json.dumps(results))
    said = f"--resume must be with the momentum of the runs in {out}, 0.9, got 0.5"
    refused([*copied, "--resume", "--momentum", "0.5"], said, out, capsys)
    (out / "results.json").write_text(json.dumps(results | {"mixes": {"none": "something else"}}))
    said = f"--resume must be with the meaning of none of the runs in {out}, something else, got None"
    refused([*copied, "--resume"], said, out, capsys)


def test_what_another_comparison_wrote_in_the_meantime_is_kept(copied, tmp_path, monkeypatch, capsys):
    """Both began when the folder was empty, and this one looked at its pictures for longer."""
    out, finished = tmp_path / "out", tmp_path / "finished"
    out.rename(finished)
    load = _command.load

    def slow(*arguments, **options):
        shutil.copytree(finished, out)
        return load(*arguments, **options)

    monkeypatch.setattr(_command, "load", slow)
    assert main(copied) == 2
    wrong = "--out must be a folder that is new or empty (or go on there with --resume), got"
    assert f"{wrong} {out}" in capsys.readouterr().err
    assert (out / "results.json").read_bytes() == (finished / "results.json").read_bytes()
