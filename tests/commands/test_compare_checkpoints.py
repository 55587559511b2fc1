"""Trainings that are not finished: what is kept of them, and what is refused."""

import os
import re
import resource
import shutil

import pytest
import torch
from support.compare_cases import MIXES, mix_options, read, refused, without_times
from torch import nn

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _checkpoints, _measures, _training

pytestmark = pytest.mark.slow  # they train, or look at what was trained


def out_of_memory(*_):
    raise RuntimeError("out of memory")


def test_a_run_that_is_trained_but_not_tested_is_only_tested(finished, short, tmp_path, monkeypatch):
    options = ["compare", *short, *mix_options(*MIXES[:2]), "--seeds", "1", "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(_measures, "test", out_of_memory)
        with pytest.raises(RuntimeError, match="out of memory"):
            main(options)
    steps, step = [], _training.Training._step
    monkeypatch.setattr(_training.Training, "_step", lambda *batch: steps.append(1) or step(*batch))
    assert main([*options, "--resume"]) == 0
    assert len(steps) == 3 * 4  # those of the second run
    assert without_times(read(tmp_path / "out"))[3] == without_times(read(finished))[3][:2]


def test_checkpoints_are_written_after_the_first_and_the_last_epoch_and_when_it_costs_little(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_checkpoints.time, "monotonic", lambda: now[0])
    keeper = _checkpoints.Keeper(tmp_path / "a.ckpt", {"seed": 1})
    assert keeper.read() is None
    write_whole = _checkpoints.write_whole

    def slow(*given):
        now[0] += 2
        write_whole(*given)

    monkeypatch.setattr(_checkpoints, "write_whole", slow)
    written = []
    for epoch in range(60):
        now[0] += 1
        keeper.write({"epoch": epoch}, must=epoch == 59)
        written.append(keeper.read()["epoch"])
    assert sorted(set(written)) == [0, 40, 59]  # two seconds each, so once in forty


def test_a_full_disk_leaves_what_was_there_and_resuming_goes_on(finished, short, tmp_path, monkeypatch, capfd):
    out = tmp_path / "out"
    options = ["compare", *short, *mix_options(*MIXES[:2]), "--seeds", "1", "--out", str(out)]
    part, keep = out / "unfinished-cutout-3-0.ckpt", _training.Training.keep
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def filled(self):
        self.keeper.next = 0.0
        if part.exists():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        keep(self)

    with monkeypatch.context() as patch:
        patch.setattr(_training.Training, "keep", filled)
        try:
            assert main(options) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = [line for line in capfd.readouterr().err.splitlines() if "\r" not in line]
    assert len(told) == 1
    assert re.fullmatch(
        r"cutmix-transforms compare: .*File too large: '.*(ckpt|png)'; what is finished is kept.*", told[0]
    )
    assert len(torch.load(part)["history"]) == 1
    assert [run["mix"] for run in read(out)["runs"]] == ["none"]
    assert not list(out.glob(".*"))
    assert main([*options, "--resume"]) == 0
    assert without_times(read(out))[3] == without_times(read(finished))[3][:2]


def _cut(file):
    file.write_bytes(file.read_bytes()[:-9000])


def _of_another(file):
    checkpoint = torch.load(file)
    checkpoint[_checkpoints.RUN]["mix"] = "cutmix"
    torch.save(checkpoint, file)


def _pipe(file):
    file.unlink()
    os.mkfifo(file)


BAD_CHECKPOINTS = {
    "empty": (lambda file: file.write_bytes(b""), "which cannot be read (EOFError)"),
    "cut": (_cut, "which cannot be read (RuntimeError)"),
    "text": (lambda file: file.write_text("dear diary"), "which cannot be read (UnpicklingError)"),
    "object": (lambda file: torch.save(nn.Linear(1, 1), file), "which cannot be read (UnpicklingError)"),
    "weights": (lambda file: torch.save(nn.Linear(1, 1).state_dict(), file), "which is of another"),
    "list": (lambda file: torch.save([1], file), "which is of another"),
    "another": (_of_another, "which is of another"),
    "pipe": (_pipe, "which is no regular file"),
}


@pytest.fixture(scope="module")
def unfinished(pictures, tmp_path_factory):
    """A folder with a training that was given up, and its options."""
    out = tmp_path_factory.mktemp("unfinished") / "out"
    options = ["compare", str(pictures), "--epochs", "1", "--mix", "none", "--seeds", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_measures, "test", out_of_memory)
        with pytest.raises(RuntimeError, match="out of memory"):
            main([*options, "--out", str(out)])
    return options, out


@pytest.mark.parametrize("kind", BAD_CHECKPOINTS)
def test_a_bad_checkpoint_is_one_line_that_names_it(kind, unfinished, tmp_path, capsys):
    options, folder = unfinished
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    file = out / "unfinished-none-1-0.ckpt"
    spoil, words = BAD_CHECKPOINTS[kind]
    spoil(file)
    said = f"--resume must be with whole checkpoints of the same training, got {file}, {words}; delete it, and --resume"
    refused([*options, "--out", str(out), "--resume"], said, out, capsys)


def test_a_run_whose_checkpoint_was_deleted_begins_anew(unfinished, tmp_path):
    options, folder = unfinished
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    (out / "unfinished-none-1-0.ckpt").unlink()
    assert main([*options, "--out", str(out), "--resume"]) == 0
    assert len(read(out)["runs"]) == 1
