"""The compare command as a whole: real training of small networks, and what is written of it."""

import json
import math
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
import torch
from PIL import Image
from support.compare_cases import CLASSES, COMMAND, HELD_OUT, MIXES, mix_options, read, save, wait_for, without_times

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _command, _data, _report, _training, _verdicts

pytestmark = pytest.mark.slow  # they train, or look at what was trained


def test_from_the_command_line_to_the_report(finished):
    results = read(finished)
    assert [(run["mix"], run["epochs"], run["seed"]) for run in results["runs"]] == [
        (mix, 3, seed) for seed in range(2) for mix in MIXES
    ]
    assert {key: results["data"][key] for key in ("classes", "size", "train", "test", "skipped", "hidden")} == {
        "classes": sorted(CLASSES),
        "size": 28,
        "train": 159,
        "test": HELD_OUT,
        "skipped": [],
        "hidden": HELD_OUT,
    }
    assert results["data"]["most_frequent"] == 14 / HELD_OUT
    for run in results["runs"]:
        assert len(run["history"]) == 3
        assert all(
            {"seconds", "train_loss", "train_accuracy", "val_error", "val_nll"} == set(row) for row in run["history"]
        )
        assert run["history"][-1]["train_loss"] < math.log(3)
        right = (1 - run["metrics"]["error"]) * HELD_OUT
        assert right == pytest.approx(round(right), abs=1e-4)
        assert run["history"][-1]["val_error"] == run["metrics"]["error"]
        assert (run["ranks"], run["diverged"]) == (1, None)
    report = (finished / "report.md").read_text()
    assert results["command"].startswith("cutmix-transforms compare ")
    assert results["command"].endswith(f"--seeds 2 --out {finished}")
    parts = [_report.table(results, 3), *_verdicts.verdicts(results, 3), "curves.png", "robustness.png"]
    for part in (*parts, "159 images to learn from and 41 to", "RandomCutMix(alpha=1.0, p=0.5"):
        assert part in report
    for name in ("curves.png", "robustness.png"):
        with Image.open(finished / name) as picture:
            assert picture.width > 2 * picture.height
    assert {path.name for path in finished.iterdir()} == {"results.json", "report.md", "curves.png", "robustness.png"}


def test_several_lengths_are_kept_apart_and_more_can_follow(finished, short, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["compare", *short, *mix_options(*MIXES[:2]), "--seeds", "1", "--out", str(out)]
    assert main([*options, "--epochs", "1,3"]) == 0
    assert (out / "lengths.png").exists()
    told = capsys.readouterr().out
    assert "| error (%) | 1 epochs | 3 epochs |" in told
    assert told.index(f"The report goes to {out}, after every run.") < told.index("(1 of 4)")
    assert main([*options, "--epochs", "2", "--resume"]) == 0
    results = read(out)
    assert [(run["epochs"], run["mix"], len(run["history"])) for run in results["runs"]] == [
        (epochs, mix, epochs) for epochs in (1, 2, 3) for mix in MIXES[:2]
    ]
    assert without_times(results)[3][-2:] == without_times(read(finished))[3][:2]


def test_the_recipe_of_the_papers_in_small(pictures, tmp_path):
    options = ["--recipe", "cifar", "--model", "small", "--epochs", "1", "--seeds", "1", "--train-size", "40"]
    assert main(["compare", str(pictures), *options, "--out", str(tmp_path / "out")]) == 0
    results = read(tmp_path / "out")
    assert list(results["mixes"]) == ["none", "cutout:size=16", "mixup:alpha=1", "cutmix:alpha=1,p=0.5"]
    assert len(results["runs"]) == 4
    assert "a cosine of the learning rate" in (tmp_path / "out" / "report.md").read_text()


BAND = """
from cutmix_transforms import Mix
from cutmix_transforms.functional import Placement

class Band(Mix):
    numbers = 1
    def place(self, numbers, size):
        return Placement.between(0, 0, numbers[0] * size[0] // 1, size[1])
"""


def test_a_mix_of_ones_own_is_compared(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bands.py").write_text(BAND)
    options = [*mix_options("none", "bands:Band:p=0.5"), "--epochs", "1", "--seeds", "1", "--out", "out"]
    assert main(["compare", str(pictures), "--train-size", "40", *options]) == 0
    assert "| bands:Band:p=0.5 |" in capsys.readouterr().out
    assert read(tmp_path / "out")["mixes"]["bands:Band:p=0.5"].startswith("Band(p=0.5, num_classes=3")


def test_training_that_explodes_is_reported_all_the_same(short, tmp_path, capsys):
    options = [
        *mix_options("none", "cutmix"),
        "--seeds",
        "1",
        "--learning-rate",
        "1e20",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(["compare", *short, *options]) == 0
    assert [run["metrics"] for run in read(tmp_path / "out")["runs"]] == [None, None]
    told = capsys.readouterr().out
    assert "diverged at epoch" in told
    assert "1 of 1 runs diverged" in told
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"results.json", "report.md"}
    assert main(["compare", *short, *options, "--resume"]) == 0


def test_large_images_are_read_by_workers_that_change_nothing(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(_data, "HELD", 0)
    options = ["--train-size", "40", "--epochs", "2", "--mix", "cutmix", "--seeds", "1", "--batch-size", "20"]
    for workers in ("0", "2"):
        assert main(["compare", str(pictures), *options, "--workers", workers, "--out", str(tmp_path / workers)]) == 0
    assert without_times(read(tmp_path / "0")) == without_times(read(tmp_path / "2"))


def test_a_killed_run_goes_on_from_its_last_epoch(finished, short, tmp_path):
    folder = tmp_path / "killed"
    process = subprocess.Popen([*COMMAND, *short, *mix_options(*MIXES), "--seeds", "1", "--out", str(folder)])
    part = folder / "unfinished-cutout-3-0.ckpt"
    wait_for(part.exists, process)
    process.kill()
    process.wait()
    assert [run["mix"] for run in read(folder)["runs"]] == ["none"]
    assert torch.load(part, weights_only=False)["history"]
    # More seeds and mixes may be asked for; nothing else may change.
    assert main(["compare", *short, *mix_options(*MIXES[:2]), "--seeds", "2", "--out", str(folder), "--resume"]) == 0
    assert main(["compare", *short, *mix_options(*MIXES), "--seeds", "2", "--out", str(folder), "--resume"]) == 0
    assert without_times(read(folder)) == without_times(read(finished))
    assert not list(folder.glob("*.ckpt"))


def test_a_run_is_taken_up_where_its_checkpoint_ended(finished, short, tmp_path, monkeypatch):
    options = ["compare", *short, *mix_options(*MIXES), "--seeds", "1", "--out", str(tmp_path / "out")]
    keep = _training.Training.keep

    def stop(self):
        keep(self)
        if self.run.mix == MIXES[2] and len(self.history) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_training.Training, "keep", stop)
        with pytest.raises(SystemExit, match="130"):
            main(options)
    steps, step = [], _training.Training._step
    monkeypatch.setattr(_training.Training, "_step", lambda *batch: steps.append(1) or step(*batch))
    assert main([*options, "--resume"]) == 0
    assert len(steps) == 2 * 4  # of the last two epochs of the last run
    assert without_times(read(tmp_path / "out"))[3] == without_times(read(finished))[3][:3]


def test_interrupting_keeps_what_is_finished(short, tmp_path, capfd):
    folder = tmp_path / "interrupted"
    options = [*mix_options("none", "mixup"), "--seeds", "1", "--out", str(folder), "--epochs", "200"]
    # Where the tests run in the background, interrupts are ignored, and a process inherits that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen([*COMMAND, *short, *options], preexec_fn=heed)  # noqa: PLW1509
    wait_for((folder / "unfinished-none-200-0.ckpt").exists, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 130
    assert "interrupted after 0 runs; --resume goes on" in capfd.readouterr().err
    assert (folder / "unfinished-none-200-0.ckpt").exists()
    assert "No run is finished yet." in (folder / "report.md").read_text()


RANK = """
import json, os, sys
from pathlib import Path
from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _training

seen = {"targets": []}
step, train = _training.Training._step, _training.train

def look(self, images, target, rate):
    seen["targets"].append(target.tolist())
    return step(self, images, target, rate)

_training.Training._step = look
from cutmix_transforms._commands._compare import _command

def kept(*given, **options):
    result = train(*given, **options)
    seen["history"] = [row["train_loss"] for row in result["history"]]
    return result

_command.train = kept
code = main(sys.argv[2:])
Path(sys.argv[1], f"rank{os.environ['RANK']}.json").write_text(json.dumps(seen))
raise SystemExit(code)
"""


def test_two_ranks_draw_differently_and_learn_together(short, tmp_path):
    script, folder = tmp_path / "rank.py", tmp_path / "out"
    script.write_text(RANK)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    options = ["--mix", "cutmix", "--seeds", "1", "--out", str(folder)]
    subprocess.run([*command, str(tmp_path), "compare", *short, *options], check=True, timeout=240)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2))
    results = read(folder)
    assert first["history"] == second["history"] == [row["train_loss"] for row in results["runs"][0]["history"]]
    assert results["runs"][0]["ranks"] == results["settings"]["ranks"] == 2
    assert len(first["targets"]) == len(second["targets"]) == 3 * 2  # 79 of 159 images, batches of 32
    fractions = [[min(v for row in rows for v in row if v) for rows in one["targets"]] for one in (first, second)]
    assert all(one != two for one, two in zip(*fractions, strict=True)), fractions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--mix cutmux",
            "--mix must be none, cutout, mixup, cutmix, MODULE:CLASS or several with + between, each with its",
        ),
        ("--mix cutmix:p=2", "--mix cutmix:p=2: p must be a number from 0 to 1, got 2"),
        (
            "--mix cutmix --alpha 0",
            "--mix cutmix:alpha=0: alpha must be a positive number (to turn mixing off, set p=0)",
        ),
        ("--epochs 40,x", "--epochs must be a number or several with commas between, got 40,x"),
        ("--mix-off-last 41", "--mix-off-last must be at most the 40 epochs, got 41"),
        ("--train-size 1001", "--train-size must be from 20 (two images a class) to 1000, which there are, got 1001"),
        ("--train-size 19", "--train-size must be from 20 (two images a class) to 1000, which there are, got 19"),
        (
            "--model nothing",
            "--model must be small or the name of a model in torchvision or an installed timm, got nothing",
        ),
        (
            "--model vit_b_16",
            "--model vit_b_16 must take images of 28 x 28 (Wrong image height! Expected 224 but got 28!)",
        ),
        ("--device many", "--device must be one that torch has here, got many ("),
        ("--device cuda:99", "--device must be one that torch has here, got cuda:99 ("),
        ("nowhere", "DATA must be a folder that exists, got nowhere"),
        ("empty", "DATA must hold a folder for each of at least 2 classes, got none in empty"),
        ("bare", "DATA must hold val/ or test/ beside train/, got neither in bare"),
        ("one", "DATA must hold at least 2 classes, got ['only']"),
        (
            "single",
            "DATA must hold at least 3 readable images of each class, two to learn from and one to test on, got 1",
        ),
        (
            "broken",
            "DATA must hold at least 3 readable images of each class, two to learn from and one to test on, got 0 of",
        ),
        ("twice", "DATA must hold one folder to learn from and one to test on, got Train, training"),
        ("untrained", "DATA must hold train/ beside Testing/, got none in untrained"),
        ("parts", "DATA must hold at least 2 readable images of each class, to learn from, got 1 of 'boot'"),
        ("unlike", "unlike/val must hold the classes of unlike/train, got ['dress', 'more'] in one of them only"),
        ("--out full", "--out must be a folder that is new or empty (or go on there with --resume), got full"),
        ("--out full --resume", "--resume must be with a folder that holds a comparison, got full ("),
        ("--out other --resume", "--resume must be with the batch_size of the runs in other, 32, got 64"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(options, message, finished, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    save(tmp_path / "one" / "unused", (1, 1, 1))
    (tmp_path / "one" / "unused").rename(tmp_path / "one" / "only")
    save(tmp_path / "single", (9, 1, 9))
    save(tmp_path / "parts" / "train", (9, 1, 9))
    save(tmp_path / "parts" / "val", (9, 9, 9))
    save(tmp_path / "bare" / "train", (2, 2, 2))
    save(tmp_path / "broken", (9, 9, 9))
    for path in (tmp_path / "broken" / "boot").iterdir():
        path.write_text("no picture")
    save(tmp_path / "unlike" / "train", (2, 2, 2))
    save(tmp_path / "unlike" / "val", (2, 2, 2))
    (tmp_path / "unlike" / "val" / "dress").rename(tmp_path / "unlike" / "val" / "more")
    save(tmp_path / "untrained" / "Testing", (2, 2, 2))
    for name in ("Train", "training", "val"):
        save(tmp_path / "twice" / name, (2, 2, 2))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("dear diary")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.json").write_text((finished / "results.json").read_text())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main(["compare", *options.split()]) == 2
    told = "".join(line for line in capsys.readouterr().err.splitlines(True) if not line.startswith("skipped "))
    assert told.startswith(f"cutmix-transforms compare: {message}"), told
    assert told.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_without_matplotlib_there_are_no_figures_until_one_goes_on_with_it(pictures, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    options = ["--mix", "none", "--epochs", "1", "--seeds", "1", "--train-size", "40", "--out", str(out)]
    monkeypatch.setattr(_command, "find_spec", lambda name: None)
    assert main(["compare", str(pictures), *options]) == 0
    assert capsys.readouterr().err == (
        "no figures are drawn, as matplotlib is not installed: "
        "pip install 'cutmix-transforms[compare]', and --resume draws them\n"
    )
    assert {path.name for path in out.iterdir()} == {"results.json", "report.md"}
    monkeypatch.undo()
    assert main(["compare", str(pictures), *options, "--resume"]) == 0
    assert {path.name for path in out.iterdir()} == {"results.json", "report.md", "curves.png", "robustness.png"}


NO_MORE = """
import sys
missing = ["lightning", "torchmetrics", "tqdm", "timm", "scipy", "matplotlib"]
sys.modules |= dict.fromkeys(missing)  # with None there, an import does not find it
from cutmix_transforms._commands._cli import main
raise SystemExit(main(["compare", *sys.argv[1:]]))
"""


def test_training_needs_torch_and_torchvision_only(pictures, tmp_path):
    options = ["--mix", "cutmix", "--epochs", "1", "--seeds", "1", "--train-size", "40", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", NO_MORE, str(pictures), *options]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert out.splitlines()[-1].endswith("report.md, results.json")
    assert len(read(tmp_path / "out")["runs"]) == 1


def test_ranks_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert _command._workers() == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert _command._workers() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert _command._workers() == 1


def test_a_second_comparison_cannot_write_into_the_same_folder(short, tmp_path, capsys):
    out = tmp_path / "out"
    options = [*short[:1], "--mix", "none", "--seeds", "1", "--out", str(out)]
    process = subprocess.Popen([*COMMAND, *options, "--epochs", "2000"], stdout=subprocess.DEVNULL)
    wait_for((out / "unfinished-none-2000-0.ckpt").exists, process)
    said = (
        f"cutmix-transforms compare: --out must be a folder that no other comparison is writing into, got {out}: wait"
    )
    try:
        assert main(["compare", *options, "--epochs", "2000", "--resume"]) == 2
        assert capsys.readouterr().err.startswith(said)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    (out / "unfinished-none-2000-0.ckpt").unlink()
    # Who is killed lets go.
    assert main(["compare", *options, "--epochs", "1", "--resume"]) == 0
    assert not (out / ".lock").exists()


def test_names_do_not_reach_the_terminal_raw(tmp_path, capfd):
    folder, ugly = tmp_path / "da\x1b[31m\nta", "b\x1b]0;x\x07|\nag"
    save(folder, (5, 5, 5))
    (folder / "bag").rename(folder / ugly)
    (folder / ugly / "x\x1b[2J\n.png").write_text("no picture")
    options = [
        "--epochs",
        "1",
        "--mix",
        "none",
        "--seeds",
        "1",
        "--out",
        str(folder / "out\n\x1b[1m"),
    ]
    assert main(["compare", str(folder), *options]) == 0
    told = capfd.readouterr()
    assert all(one.isprintable() or one in "\n\r" for one in told.out + told.err), told
    assert r"da\x1b[31m\nta: 12 images to learn from" in told.out
    assert r"out\n\x1b[1m/report.md, results.json, curves.png, robustness.png" in told.out
    assert rf"{tmp_path}/da\x1b[31m\nta/b\x1b]0;x\x07|\nag/x\x1b[2J\n.png: " in told.err
    report = (folder / "out\n\x1b[1m" / "report.md").read_text()
    assert all(one.isprintable() or one == "\n" for one in report)
    assert main(["compare", f"{folder}/none\x1b[0m\n"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "--mix\x1b[0m\n"])
    told = capfd.readouterr().err
    assert told.count("\n") == 2
    assert told.replace("\n", "").isprintable()
