"""The compare command: real training of small networks, and what is said of it."""

import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import MixCollate
from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import (
    _checkpoints,
    _command,
    _curves,
    _data,
    _mixes,
    _networks,
    _report,
    _training,
)
from cutmix_transforms._commands._compare._batches import Batches, Plans
from cutmix_transforms._commands._compare._statistics import Difference, Mean, difference, student_bound, values_of
from cutmix_transforms._random._stream import seed_of

CLASSES = ("bag", "boot", "dress")
HELD_OUT = 41  # pictures to test on: no multiple of two ranks
COMMAND = [sys.executable, "-m", "cutmix_transforms", "compare"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning")


def save(folder, per_class):
    """Real pictures of three classes, a folder each."""
    tiles = list(_data._tiles(_data.EMBEDDED / "train.png"))
    for name, k, count in zip(CLASSES, (8, 9, 3), per_class, strict=True):
        (folder / name).mkdir(parents=True)
        for i, tile in enumerate([tile for tile, label in tiles if label == k][:count]):
            tile.save(folder / name / f"{i:03}.png")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two hundred pictures: a folder with ``train`` and ``test``."""
    folder = tmp_path_factory.mktemp("pictures")
    save(folder / "train", (53, 53, 53))
    save(folder / "test", (14, 14, 13))
    return folder


@pytest.fixture(scope="module")
def short(pictures):
    """A training of seconds."""
    return [str(pictures), "--epochs", "3", "--batch-size", "32", "--workers", "1"]


@pytest.fixture(scope="module")
def finished(short, tmp_path_factory):
    """A comparison that nothing disturbed: its folder."""
    folder = tmp_path_factory.mktemp("finished") / "new"
    mixes = ["--mix", "none", "--mix", "cutout", "--mix", "cutmix+mixup"]
    assert main(["compare", *short, *mixes, "--seeds", "2", "--out", str(folder)]) == 0
    return folder


def read(folder):
    return json.loads((folder / "results.json").read_text())


def without_times(results):
    """What must be the same on every machine."""
    runs = [run | {"history": [row | {"seconds": 0} for row in run["history"]]} for run in results["runs"]]
    return results["settings"], results["data"], runs


def test_from_the_command_line_to_the_report(finished):
    results = read(finished)
    assert [(run["mix"], run["seed"]) for run in results["runs"]] == [
        (mix, seed) for seed in range(2) for mix in ("none", "cutout", "cutmix+mixup")
    ]
    assert {key: results["data"][key] for key in ("classes", "size", "train", "test", "skipped")} == {
        "classes": sorted(CLASSES),
        "size": 28,
        "train": 159,
        "test": HELD_OUT,
        "skipped": [],
    }
    for run in results["runs"]:
        assert len(run["history"]) == 3
        assert all(
            {"seconds", "train_loss", "train_accuracy", "val_error", "val_nll"} == set(row) for row in run["history"]
        )
        assert run["history"][-1]["train_loss"] < math.log(3)
        right = (1 - run["metrics"]["error"]) * HELD_OUT
        assert right == pytest.approx(round(right), abs=1e-4)
        assert run["history"][-1]["val_error"] == pytest.approx(run["metrics"]["error"])
        assert run["ranks"] == 1
    report = (finished / "report.md").read_text()
    assert results["command"].startswith("cutmix-transforms compare ")
    assert results["command"].endswith(f"--seeds 2 --out {finished}")
    for part in (
        _report.table(results),
        _report.verdicts(results),
        "curves.png",
        "159 pictures to learn from and 41 to",
    ):
        assert part in report
    with Image.open(finished / "curves.png") as picture:
        assert picture.width > 2 * picture.height
    assert {path.name for path in finished.iterdir()} == {"results.json", "report.md", "curves.png"}


def test_same_seed_same_result_with_any_number_of_workers(finished, short, tmp_path):
    again = ["--mix", "none", "--mix", "cutout", "--mix", "cutmix+mixup", "--seeds", "1", "--workers", "2"]
    assert main(["compare", *short, *again, "--out", str(tmp_path / "again")]) == 0
    before, now = without_times(read(finished)), without_times(read(tmp_path / "again"))
    assert now[2] == before[2][:3]
    losses = [[row["train_loss"] for row in run["history"]] for run in before[2]]
    assert len({tuple(loss) for loss in losses}) == 6  # neither seeds nor mixes are alike


def test_a_killed_run_goes_on_from_its_last_epoch(finished, short, tmp_path):
    folder = tmp_path / "killed"
    mixes = ["--mix", "none", "--mix", "cutout", "--mix", "cutmix+mixup"]
    process = subprocess.Popen([*COMMAND, *short, *mixes, "--seeds", "1", "--out", str(folder)])
    part = folder / "unfinished-cutout-0.ckpt"
    _wait_for(part.exists, process)
    process.kill()
    process.wait()
    assert [run["mix"] for run in read(folder)["runs"]] == ["none"]
    assert len(torch.load(part, weights_only=False)["history"]) < 3  # killed on the way
    # More seeds and mixes may be asked for; nothing else may change.
    assert main(["compare", *short, *mixes[:4], "--seeds", "2", "--out", str(folder), "--resume"]) == 0
    assert main(["compare", *short, *mixes, "--seeds", "2", "--out", str(folder), "--resume"]) == 0
    assert without_times(read(folder)) == without_times(read(finished))
    assert not list(folder.glob("*.ckpt"))


def test_a_run_that_is_trained_but_not_tested_is_only_tested(finished, short, tmp_path, monkeypatch):
    options = ["compare", *short, "--mix", "none", "--mix", "cutout", "--seeds", "1", "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(
            _training.Classifier, "test_step", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory"))
        )
        with pytest.raises(RuntimeError, match="out of memory"):
            main(options)
    steps, training_step = [], _training.Classifier.training_step

    def counted(self, batch):
        steps.append(len(batch[0]))
        return training_step(self, batch)

    monkeypatch.setattr(_training.Classifier, "training_step", counted)
    assert main([*options, "--resume"]) == 0
    assert len(steps) == 3 * 4  # those of the second run
    assert without_times(read(tmp_path / "out"))[2] == without_times(read(finished))[2][:2]


def test_interrupting_keeps_what_is_finished(short, tmp_path, capfd):
    folder = tmp_path / "interrupted"
    options = ["--mix", "none", "--mix", "mixup", "--seeds", "1", "--out", str(folder)]
    # Where the tests run in the background, interrupts are ignored, and a process inherits that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen([*COMMAND, *short[:-4], "--epochs", "200", *options], preexec_fn=heed)  # noqa: PLW1509
    _wait_for((folder / "unfinished-none-0.ckpt").exists, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 130
    assert "interrupted after 0 runs; --resume goes on" in capfd.readouterr().err
    assert (folder / "unfinished-none-0.ckpt").exists()
    assert "No run is finished yet." in (folder / "report.md").read_text()


def _wait_for(holds, process, seconds=600):
    end = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


RANK = """
import json, os, sys
from pathlib import Path
import torch
from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare._training import Classifier

seen = {"targets": [], "pictures": 0}
step, test, end = Classifier.training_step, Classifier.test_step, Classifier.on_test_epoch_end

def training_step(self, batch):
    seen["targets"].append(batch[1].tolist())
    return step(self, batch)

def test_step(self, batch):
    seen["pictures"] += len(batch[0])
    return test(self, batch)

def on_test_epoch_end(self):
    end(self)
    seen["metrics"], seen["history"] = self.result, self.history

Classifier.training_step, Classifier.test_step = training_step, test_step
Classifier.on_test_epoch_end = on_test_epoch_end
code = main(sys.argv[2:])
Path(sys.argv[1], f"rank{os.environ['RANK']}.json").write_text(json.dumps(seen))
raise SystemExit(code)
"""


def test_two_ranks_draw_differently_and_agree_on_the_metrics(short, tmp_path):
    script, folder = tmp_path / "rank.py", tmp_path / "out"
    script.write_text(RANK)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    options = ["--mix", "cutmix", "--seeds", "1", "--out", str(folder)]
    subprocess.run([*command, str(tmp_path), "compare", *short, *options], check=True, timeout=240)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2))
    assert first["metrics"] == second["metrics"] == read(folder)["runs"][0]["metrics"]
    quality = [[{**row, "seconds": 0} for row in one["history"]] for one in (first, second)]
    assert quality[0] == quality[1]
    assert first["pictures"] + second["pictures"] == HELD_OUT  # none twice
    assert read(folder)["runs"][0]["ranks"] == 2
    assert len(first["targets"]) == len(second["targets"]) == 3 * 2  # 80 of 159 pictures, batches of 32
    shares = [[min(v for row in rows for v in row if v) for rows in one["targets"]] for one in (first, second)]
    assert all(one != two for one, two in zip(*shares, strict=True)), shares


@pytest.fixture
def data(pictures):
    return _data.load(pictures, train_size=60, size=None, workers=0, quiet=True)


def test_plans_are_a_function_of_seed_epoch_and_rank():
    def plans(seed, epoch, rank):
        some = Plans(50, 8, seed=seed, place=(rank, 2), begin=lambda epoch: None)
        some.sampler.set_epoch(epoch)
        return list(some)

    seeds = [plan.seed for seed in (0, 1) for epoch in (0, 1) for rank in (0, 1) for plan in plans(seed, epoch, rank)]
    assert len(set(seeds)) == len(seeds) == 2 * 2 * 2 * 3
    assert plans(0, 1, 1) == plans(0, 1, 1)
    both = [i for rank in (0, 1) for plan in plans(0, 0, rank) for i in plan.indices]
    assert len(set(both)) == len(both) == 48  # a last batch that is short is left out
    alone = Plans(5, 8, seed=0, place=(0, 1), begin=lambda epoch: None)
    assert [sorted(plan.indices) for plan in alone] == [[0, 1, 2, 3, 4]]  # but not if it is the only one
    assert len(alone) == 1


def test_an_epoch_begins_before_its_first_batch():
    begun = []
    plans = Plans(8, 4, seed=0, place=(0, 1), begin=begun.append)
    iterator = iter(plans)
    next(iterator)
    assert begun == [0]
    plans.sampler.set_epoch(3)
    list(plans)
    assert begun == [0, 3]


@pytest.mark.parametrize("mix", _mixes.MIXES)
@pytest.mark.parametrize("unmixed_from", [0, 2, 3])
def test_mixing_goes_off_in_the_last_epochs(data, mix, unmixed_from, tmp_path, monkeypatch):
    """With real training and a worker that stays: seen at the targets, and for Cutout at the pictures."""
    mean = [round(255 * one) for one in data.mean]
    soft = []

    training_step = _training.Classifier.training_step

    def look(self, batch):
        images, target = batch
        holes = (images == torch.tensor(mean)[:, None, None]).all(1).sum() > 14 * len(images)
        soft.append(bool(holes) if target.ndim == 1 else bool(((target > 0) & (target < 1)).any()))
        return training_step(self, batch)

    monkeypatch.setattr(_training.Classifier, "training_step", look)
    settings = _training.Settings("small", None, 3, 20, None, 3 - unmixed_from, "32-true", "crop")
    hardware = {"accelerator": "cpu", "devices": 1}
    run = _training.Run(mix, 0)
    _training.train(run, data, settings, folder=tmp_path, workers=1, title="", hardware=hardware)
    by_epoch = [any(soft[i : i + 3]) for i in range(0, 9, 3)]
    assert by_epoch == [mix != "none" and epoch < unmixed_from for epoch in range(3)]


def test_validation_on_the_way_sees_a_part_of_every_class(pictures, tmp_path, monkeypatch):
    data = _data.load(pictures, train_size=12, size=None, workers=0, quiet=True)
    seen, validation_step = [], _training.Classifier.validation_step

    def look(self, batch):
        seen.extend(batch[1].tolist())
        return validation_step(self, batch)

    monkeypatch.setattr(_training.Classifier, "validation_step", look)
    settings = _training.Settings("small", None, 1, 6, None, 0, "32-true", "none")
    run, hardware = _training.Run("none", 0), {"accelerator": "cpu", "devices": 1}
    _training.train(run, data, settings, folder=tmp_path, workers=0, title="", hardware=hardware)
    assert Counter(seen) == {0: 5, 1: 4, 2: 3}  # 12 of 41, evenly spread over 14, 14 and 13


def test_every_epoch_counts_for_itself_and_has_a_seed_of_its_own(data, tmp_path, monkeypatch):
    losses, seeds = [], []
    training_step = _training.Classifier.training_step

    def look(self, batch):
        losses.append(training_step(self, batch))
        seeds.append(torch.initial_seed())
        return losses[-1]

    monkeypatch.setattr(_training.Classifier, "training_step", look)
    settings = _training.Settings("small", None, 3, 20, None, 0, "32-true", "flip")
    run, hardware = _training.Run("cutmix", 4), {"accelerator": "cpu", "devices": 1}
    result = _training.train(run, data, settings, folder=tmp_path, workers=1, title="", hardware=hardware)
    for epoch, row in enumerate(result["history"]):
        mine = slice(3 * epoch, 3 * epoch + 3)
        assert row["train_loss"] == pytest.approx(torch.stack(losses[mine]).mean().item())
        assert set(seeds[mine]) == {seed_of(4, epoch, 0)}  # of dropout and the like, also where a run is taken up


def test_workers_make_the_batches_that_the_main_process_makes(data):
    def epoch(workers):
        mix = _mixes.make("cutmix+mixup", 3, None, data.mean)
        batches = Batches(data, mix, batch_size=16, workers=workers, seed=5, unmixed_from=9, augment="crop")
        plans = batches.plans((0, 1))
        pictures = batches._pictures(data.train, batches._transform())
        return list(DataLoader(pictures, batch_sampler=plans, num_workers=workers, collate_fn=MixCollate(mix)))

    for (images, targets), (others, other_targets) in zip(epoch(0), epoch(2), strict=True):
        assert torch.equal(images, others)
        assert torch.equal(targets, other_targets)


@pytest.mark.parametrize(("mix", "kind"), [("mixup", "RandomMixUp"), ("cutmix", "RandomCutMix")])
def test_alpha_is_that_of_the_mix_or_the_usual_one(mix, kind):
    assert _mixes.make(mix, 10, None, [0.5] * 3).alpha == {"mixup": 0.4, "cutmix": 1.0}[mix]
    choice = _mixes.make("cutmix+mixup", 10, 0.3, [0.5] * 3)
    assert {type(one).__name__: one.alpha for one in choice.transforms}[kind] == 0.3


def oracle(logits, labels, bins=15):
    """All metrics by plain loops."""
    n, k = len(logits), len(logits[0])
    rows = [[math.exp(value) for value in row] for row in logits]
    rows = [[value / sum(row) for value in row] for row in rows]
    predicted = [max(range(k), key=row.__getitem__) for row in rows]
    wrong = sum(one != label for one, label in zip(predicted, labels, strict=True))
    ece = 0.0
    for b in range(bins):
        inside = [i for i in range(n) if b / bins < max(rows[i]) <= (b + 1) / bins]
        if inside:
            confidence = sum(max(rows[i]) for i in inside) / len(inside)
            ece += len(inside) / n * abs(confidence - sum(predicted[i] == labels[i] for i in inside) / len(inside))

    def share(of, among):
        return sum(of) / sum(among) if sum(among) else 0.0

    hits = [[predicted[i] == labels[i] == c for i in range(n)] for c in range(k)]
    return {
        "error": wrong / n,
        "nll": -sum(math.log(row[label]) for row, label in zip(rows, labels, strict=True)) / n,
        "ece": ece,
        "precision": [share(hits[c], [one == c for one in predicted]) for c in range(k)],
        "recall": [share(hits[c], [one == c for one in labels]) for c in range(k)],
    }


def test_metrics_are_those_of_plain_loops():
    logits = 3 * torch.randn(203, 5)
    logits[:, 4] -= 30  # never predicted
    labels = torch.randint(4, (203,))
    labels[:90] = logits[:90].argmax(1)
    labels[100] = 4
    quality = _training.quality(5)
    for some, its in zip(logits.split(64), labels.split(64), strict=True):
        quality.update(some, its)
    found = {name: value.tolist() for name, value in quality.compute().items()}
    expected = oracle(logits.double().tolist(), labels.tolist())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-5), name


def test_the_occluded_accuracy_hides_the_middle_half(data):
    class Camera(nn.Module):
        """Keeps what it is shown."""

        def forward(self, x):
            self.seen = x.clone()
            return torch.zeros(len(x), 3)

    network = Camera()
    classifier = _training.Classifier(network, 3, mean=[0.5] * 3, std=[0.25] * 3, peak=0.1, steps=1, seed=0)
    images = torch.full((2, 3, 16, 12), 255, dtype=torch.uint8)
    classifier(images, occlude=True)
    expected = torch.full((2, 3, 16, 12), 2.0)
    expected[:, :, 4:12, 3:9] = 0
    torch.testing.assert_close(network.seen, expected)
    classifier(images)
    torch.testing.assert_close(network.seen, torch.full_like(expected, 2.0))


@pytest.mark.parametrize("count", range(2, 9))
def test_the_noise_is_that_of_a_paired_t_test(count):
    assert student_bound(count - 1) == pytest.approx(stats.t.ppf(0.975, count - 1), rel=1e-9)
    verdicts = set()
    for shift in (0.0, 0.5, 1.0, 3.0, 9.0):
        first = (torch.randn(count, dtype=torch.float64) + shift).tolist()
        second = torch.randn(count, dtype=torch.float64).tolist()
        test = stats.ttest_rel(first, second)
        found = Difference.of(first, second)
        low, high = test.confidence_interval(0.95)
        assert (found.mean - found.margin, found.mean + found.margin) == pytest.approx((low, high))
        assert found.exceeds_noise == (test.pvalue < 0.05)
        verdicts.add(found.exceeds_noise)
    assert verdicts == {True, False} or count < 4
    assert Mean.of(first).deviation == pytest.approx(torch.tensor(first).std().item())


def made_up(errors, classes=("a", "b")):
    """Results of runs whose errors are known: by mix, then by seed."""
    runs = [
        {
            "mix": mix,
            "seed": seed,
            "ranks": 1,
            "metrics": {
                **dict.fromkeys(("error", "nll", "ece", "occluded_accuracy"), error),
                "precision": [error] * len(classes),
                "recall": [error * k / len(classes) for k in range(len(classes))],
            },
            "history": [
                {"seconds": second, "train_loss": 1.0, "train_accuracy": 0.5, "val_error": error, "val_nll": error}
                for second in (9.0, 1.0, 2.0)
            ],
        }
        for mix, some in errors.items()
        for seed, error in enumerate(some)
    ]
    settings = {
        "model": "small",
        "alpha": None,
        "epochs": 3,
        "batch_size": 64,
        "mix_off_last": 0,
        "precision": "32-true",
    }
    data = {"name": "x", "classes": list(classes), "size": 28, "train": 9, "test": 9, "skipped": ["bad.png"]}
    return {"command": "c", "settings": settings, "data": data, "machine": {"device": "d"}, "runs": runs}


def test_the_report_says_what_is_noise():
    results = made_up(
        {"none": [0.30, 0.32, 0.31], "cutout": [0.31, 0.31, 0.32], "mixup": [0.27, 0.29, 0.285], "cutmix": [0.2]}
    )
    lines = _report.table(results).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "none",
        "31.00 ± 1.00",
        "0.310 ± 0.010",
        "31.00 ± 1.00",
        "31.00 ± 1.00",
        "2.00",
    ]
    assert "28.17 ± 1.04 *" in lines[4]
    assert "*" not in lines[2] + lines[3] + lines[5]
    assert len({len(line) for line in lines}) == 1
    verdicts = _report.verdicts(results).splitlines()
    assert verdicts[0].startswith("* cutout: 0.33 points more error than none: inside the noise (gain of -3.20 to 2.54")
    assert verdicts[1].startswith(
        "* mixup: 2.83 points less error than none: more than the noise (gain of 2.12 to 3.55"
    )
    assert (
        verdicts[2]
        == "* cutmix: 10.00 points less error than none, from one seed: nothing can be said about the noise."
    )
    report = _report.report(results)
    assert "1 that cannot be read skipped" in report
    assert "* `bad.png`" in report
    assert "| b     | 15.5, 31.0 | 15.7, 31.3" in report


def test_the_report_without_none_and_of_many_classes():
    results = made_up({"cutmix": [0.3, 0.4]}, classes=[f"class {k}" for k in range(30)])
    assert _report.verdicts(results) == "Without `none` there is nothing to compare with."
    assert "of the 20 that differ most" in _report.report(results)
    assert len(_report.classes_table(results).splitlines()) == 22
    assert _report.verdicts(made_up({"none": [0.1]})) == "There is only `none`."


def test_values_and_differences_go_by_seed():
    results = made_up({"none": [0.1, 0.2, 0.4], "cutmix": [0.2, 0.4]})
    assert values_of(results, "seconds") == {"none": {0: 2.0, 1: 2.0, 2: 2.0}, "cutmix": {0: 2.0, 1: 2.0}}
    found = difference(values_of(results, "error"), "cutmix")
    assert found.mean == pytest.approx(0.15)  # of the two seeds that both have
    assert difference(values_of(results, "error"), "none") is None
    assert difference(values_of(results, "error"), "mixup") is None


def test_curves_show_means_and_bands():
    figure = _curves.curves(made_up({"none": [0.2, 0.4], "cutmix": [0.1, 0.1]}))
    error = figure.axes[1]
    assert error.get_title(loc="left") == "Validation error (%)"
    assert [list(line.get_ydata()) for line in error.get_lines()] == [pytest.approx([30] * 3), pytest.approx([10] * 3)]
    assert [list(line.get_xdata()) for line in error.get_lines()] == [[1, 2, 3]] * 2
    band = error.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((20, 40))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["none", "cutmix"]
    assert len({*_curves.COLOURS.values()}) == len(_mixes.MIXES) == len(_curves.COLOURS)


def test_training_that_explodes_is_reported_all_the_same(short, tmp_path, capsys):
    options = ["--mix", "none", "--seeds", "1", "--learning-rate", "1e20", "--out", str(tmp_path / "out")]
    assert main(["compare", *short, *options]) == 0
    assert "| nan" in capsys.readouterr().out
    assert (tmp_path / "out" / "curves.png").exists()


def test_embedded_pictures():
    data = _data.load(None, train_size=None, size=None, workers=4, quiet=True)
    assert (len(data.train.labelled), len(data.test.labelled), data.size) == (500, 3000, 28)
    for part, count in ((data.train, 50), (data.test, 300)):
        assert Counter(label for _, label in part.labelled) == dict.fromkeys(range(10), count)
        assert part.held.shape == (len(part.labelled), 3, 28, 28)
        assert len(part.held.flatten(1).unique(dim=0)) > 0.99 * len(part.labelled)
    held = data.train.held.double() / 255
    assert data.mean == pytest.approx(held.mean((0, 2, 3)).tolist())
    assert data.std == pytest.approx(held.flatten(2).permute(1, 0, 2).flatten(1).std(1, correction=0).tolist())
    size = sum(path.stat().st_size for path in _data.EMBEDDED.iterdir())
    assert size < 2_000_000
    # Trousers are tall and dark at the sides, bags are wide: rows are what their names say.
    trouser, bag = (
        held[[k for k, one in enumerate(data.train.labelled) if one[1] == label]].mean(0)[0] for label in (1, 8)
    )
    assert trouser[:, :6].mean() < 0.05 < 0.2 < bag[14:, :6].mean()


def test_one_folder_is_split_the_same_every_time(tmp_path):
    save(tmp_path / "all", (20, 10, 3))
    first, second = (_data.load(tmp_path / "all", train_size=None, size=12, workers=0, quiet=True) for _ in range(2))
    assert first.train.labelled == second.train.labelled
    assert Counter(label for _, label in first.test.labelled) == {0: 4, 1: 2, 2: 1}
    assert Counter(label for _, label in first.train.labelled) == {0: 16, 1: 8, 2: 2}
    assert not {path for path, _ in first.train.labelled} & {path for path, _ in first.test.labelled}
    assert first.test.held.shape == (7, 3, 12, 12)


def test_data_are_called_what_their_folder_is_called(pictures, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(pictures)
    assert _data.name_of(tmp_path / "link") == "link"
    monkeypatch.chdir(tmp_path)
    assert _data.name_of(Path()) == tmp_path.name


def test_the_usual_size_is_the_shorter_side_of_the_middle_picture(tmp_path):
    def size_of(*sizes):
        return _data._usual_size([(Image.new("L", size), 0) for size in sizes])

    assert size_of((40, 30), (50, 60), (500, 300)) == 50
    assert size_of((40, 30), (500, 300), (240, 500)) == 224
    (tmp_path / "bad.png").write_text("no picture")
    assert _data._usual_size([(tmp_path / "bad.png", 0), (Image.new("L", (40, 30)), 0)]) == 30
    assert _data._usual_size([(tmp_path / "bad.png", 0)]) == 224


def test_fewer_pictures_are_taken_evenly(pictures):
    for count, each in ((60, [20, 20, 20]), (7, [3, 2, 2])):
        data = _data.load(pictures, train_size=count, size=None, workers=0, quiet=True)
        assert sorted(Counter(label for _, label in data.train.labelled).values(), reverse=True) == each
    assert len(data.test.labelled) == HELD_OUT


def test_pictures_are_kept_where_they_are_small_and_not_too_many(pictures, monkeypatch):
    def load(size):
        return _data.load(pictures, train_size=9, size=size, workers=0, quiet=True)

    monkeypatch.setattr(_data, "HELD", 9 * 3 * 64 * 64)
    assert load(64).train.held.shape == (9, 3, 64, 64)
    assert load(65).train.held is None
    monkeypatch.setattr(_data, "HELD", 9 * 3 * 64 * 64 - 1)
    assert load(64).train.held is None


@pytest.mark.parametrize("held", [True, False], ids=["kept", "read"])
@pytest.mark.parametrize("size", [64, 65])
def test_pictures_are_what_is_asked_for(pictures, size, held, monkeypatch):
    if not held:
        monkeypatch.setattr(_data, "HELD", 0)
    data = _data.load(pictures, train_size=9, size=size, workers=0, quiet=True)
    with Image.open(data.train.labelled[4][0]) as picture:
        enlarged = F.pil_to_tensor(F.resize(picture.convert("RGB"), size))

    def some(augment, count=20):
        batches = Batches(data, None, batch_size=9, workers=0, seed=0, unmixed_from=1, augment=augment)
        assert torch.equal(batches._pictures(data.train)[4][0], enlarged)
        shown = [batches._pictures(data.train, batches._transform())[4] for _ in range(count)]
        assert {(one.shape, one.dtype, label) for one, label in shown} == {
            (enlarged.shape, torch.uint8, data.train.labelled[4][1])
        }
        return [one for one, _ in shown]

    assert all(torch.equal(one, enlarged) for one in some("none"))
    ways = [
        next(i for i, way in enumerate((enlarged, enlarged.flip(2))) if torch.equal(one, way)) for one in some("flip")
    ]
    assert set(ways) == {0, 1}
    crops = torch.stack(some("crop")).flatten(1)
    assert len(crops.unique(dim=0)) > 15
    shifted = size <= 64 and any(torch.equal(one[:, 4:, 4:], enlarged[:, :-4, :-4]) for one in some("crop", 800))
    assert shifted == (size <= 64)


def test_what_cannot_be_read_is_named_and_left_out(pictures, tmp_path, capsys):
    for part, counts in (("train", (5, 5, 5)), ("val", (3, 3, 3))):
        save(tmp_path / part, counts)
    bad = tmp_path / "train" / "bag" / "000.png"
    bad.write_bytes(bad.read_bytes()[:100])
    (tmp_path / "val" / "boot" / "zzz.jpg").write_text("no picture")
    options = ["--mix", "none", "--seeds", "1", "--epochs", "1", "--workers", "0", "--out", str(tmp_path / "out")]
    assert main(["compare", str(tmp_path), *options]) == 0
    told = capsys.readouterr()
    assert f"skipped {bad}" in told.err
    assert "14 pictures to learn from and 9 to test on" in told.out
    assert "2 that cannot be read skipped" in told.out
    results = read(tmp_path / "out")
    assert results["data"]["skipped"] == [str(bad), str(tmp_path / "val" / "boot" / "zzz.jpg")]
    assert str(bad) in (tmp_path / "out" / "report.md").read_text()
    # What is kept stays with its label.
    data = _data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True)
    for part in (data.train, data.test):
        for (path, _), kept in zip(part.labelled, part.held, strict=True):
            with Image.open(path) as picture:
                assert torch.equal(kept, F.pil_to_tensor(picture.convert("RGB")))


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
@pytest.mark.parametrize("name", ["small", "resnet18", "resnet10t", "googlenet"])
def test_networks(name):
    size = 28 if name in ("small", "resnet18") else 96
    network = _networks.make(name, 7, size)
    assert network.training
    assert _networks.logits_of(network, torch.rand(4, 3, size, size)).shape == (4, 7)
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert first.stride == ((1, 1) if name in ("small", "resnet18") else (2, 2))
    assert first.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_resnet_for_large_pictures_begins_as_in_the_paper():
    assert _networks.make("resnet18", 2, 65).conv1.stride == (2, 2)
    assert isinstance(_networks.make("resnet18", 2, 65).maxpool, nn.MaxPool2d)
    assert isinstance(_networks.make("resnet18", 2, 64).maxpool, nn.Identity)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--epochs 0", "--epochs must be at least 1, got 0"),
        ("--seeds 0", "--seeds must be at least 1, got 0"),
        ("--batch-size 1", "--batch-size must be at least 2, got 1"),
        ("--size 4", "--size must be at least 8, got 4"),
        ("--workers -1", "--workers must be at least 0, got -1"),
        ("--mix-off-last 41", "--mix-off-last must be at most the 40 epochs, got 41"),
        ("--alpha 0", "--alpha must be above 0, got 0.0"),
        ("--learning-rate nan", "--learning-rate must be above 0, got nan"),
        ("--train-size 1001", "--train-size must be from 20 (two pictures a class) to 1000, which there are, got 1001"),
        ("--train-size 19", "--train-size must be from 20 (two pictures a class) to 1000, which there are, got 19"),
        (
            "--model nothing",
            "--model must be small or the name of a model in torchvision or an installed timm, got nothing",
        ),
        (
            "--model vit_b_16",
            "--model vit_b_16 must take pictures of 28 x 28 (Wrong image height! Expected 224 but got 28!)",
        ),
        (
            "--precision low",
            "--devices, --strategy and --precision must be what Lightning can use here (Precision 'low'",
        ),
        ("--strategy luck", "--devices, --strategy and --precision must be what Lightning can use here ("),
        ("--devices many", "--devices, --strategy and --precision must be what Lightning can use here ("),
        ("--devices 0", "--devices, --strategy and --precision must be what Lightning can use here ("),
        ("nowhere", "DATA must be a folder that exists, got nowhere"),
        ("empty", "DATA must hold a folder for each of at least 2 classes, got none in empty"),
        ("bare", "DATA must hold val/ or test/ beside train/, got neither in bare"),
        ("one", "DATA must hold at least 2 classes, got ['only']"),
        (
            "single",
            "DATA must hold at least 3 readable pictures of each class, two to learn from and one to test on, got 1",
        ),
        (
            "broken",
            "DATA must hold at least 3 readable pictures of each class, two to learn from and one to test on, got 0 of",
        ),
        ("twice", "DATA must hold one folder to learn from and one to test on, got Train, training"),
        ("untrained", "DATA must hold train/ beside Testing/, got none in untrained"),
        (
            "--devices 99999",
            "--devices, --strategy and --precision must be what Lightning can use here (--devices 99999",
        ),
        (
            "--devices 9999999999999",
            "--devices, --strategy and --precision must be what Lightning can use here (Memory",
        ),
        (
            "--num-nodes 5",
            "--devices, --strategy and --precision must be what Lightning can use here (--num-nodes 5 without MASTER_",
        ),
        ("--size 1000000", "--size must be at most 4096, got 1000000"),
        ("--epochs 1000000000", "--epochs must be at most 100000, got 1000000000"),
        ("--seeds 1000000000", "--seeds must be at most 1000, got 1000000000"),
        ("--workers 100000", "--workers must be at most 256, got 100000"),
        ("parts", "DATA must hold at least 2 readable pictures of each class, to learn from, got 1 of 'boot'"),
        ("unlike", "unlike/val must hold the classes of unlike/train, got ['dress', 'more'] in one of them only"),
        ("--out full", "--out must be a folder that is new or empty, or --resume given, got full"),
        ("--out full --resume", "--resume must be with a folder that holds a comparison, got full ("),
        ("--out other --resume", "--resume must be with the epochs of the runs in other, 3, got 40"),
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


@pytest.mark.parametrize("missing", ["lightning", "torchmetrics", "matplotlib"])
def test_without_the_extra_one_line_says_how_to_get_it(missing, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["compare"]) == 2
    expected = f"cutmix-transforms compare: {missing} must be installed: pip install 'cutmix-transforms[compare]'\n"
    assert capsys.readouterr().err == expected


def test_the_package_and_its_other_commands_do_without_the_extra():
    code = (
        "import sys; from cutmix_transforms._commands._cli import main\n"
        "try: main(['compare', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'lightning', 'torchmetrics', 'matplotlib', 'timm'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_ranks_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert _command._workers() == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert _command._workers() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert _command._workers() == 1


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A folder with pictures and a finished run of one epoch on them."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(pictures, folder / "data" / "same")
    assert main(_brief(folder)) == 0
    return folder


def _brief(folder):
    options = ["--epochs", "1", "--workers", "0", "--mix", "none", "--seeds", "1", "--out", str(folder / "out")]
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
    said = f"--resume must be with the pictures of the runs in {tmp_path / 'out'}, got others of the same names and nu"
    _refused([*copied, "--seeds", "2", "--resume"], said, tmp_path / "out", capsys)


def _refused(options, message, folder, capsys):
    """One line, and all files are what they were."""
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    capsys.readouterr()
    assert main(options) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"cutmix-transforms compare: {message}"), told
    assert told.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before


def test_going_on_with_another_number_of_ranks_or_without_a_fingerprint_is_an_error(copied, tmp_path, capsys):
    out = tmp_path / "out"
    results = read(out)
    text = json.dumps(results | {"settings": results["settings"] | {"ranks": 2}})
    (out / "results.json").write_text(text)
    _refused([*copied, "--resume"], f"--resume must be with the ranks of the runs in {out}, 2, got 1", out, capsys)
    del results["data"]["fingerprint"]
    (out / "results.json").write_text(json.dumps(results))
    said = "--resume must be with runs that say which pictures they learned from"
    _refused([*copied, "--resume"], said, out, capsys)


def test_a_second_comparison_cannot_write_into_the_same_folder(short, tmp_path, capsys):
    out = tmp_path / "out"
    options = [*short[:-4], "--workers", "1", "--mix", "none", "--seeds", "1", "--out", str(out)]
    process = subprocess.Popen([*COMMAND, *options, "--epochs", "2000"], stdout=subprocess.DEVNULL)
    _wait_for((out / "unfinished-none-0.ckpt").exists, process)
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
    (out / "unfinished-none-0.ckpt").unlink()
    # Who is killed lets go, also while a worker is still there.
    (out / "results.json").write_text((out / "results.json").read_text().replace('"epochs": 2000', '"epochs": 1'))
    assert main(["compare", *options, "--epochs", "1", "--resume"]) == 0
    assert not (out / ".lock").exists()


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
    assert f"--out must be a folder that is new or empty, or --resume given, got {out}" in capsys.readouterr().err
    assert (out / "results.json").read_bytes() == (finished / "results.json").read_bytes()


def test_links_are_followed_but_no_picture_is_counted_twice(tmp_path):
    save(tmp_path / "data", (8, 8, 0))
    (tmp_path / "data" / "dress").rmdir()
    save(tmp_path / "elsewhere", (0, 0, 4))
    bag = tmp_path / "data" / "bag"
    links = {"loop": ".", "up": "..", "other": "../boot", "more": tmp_path / "elsewhere" / "dress"}
    links |= {"again.png": "000.png", "itself.png": "itself.png", "itself": "itself"}
    for name, target in links.items():
        (bag / name).symlink_to(target)
    (tmp_path / "elsewhere" / "dress" / "back").symlink_to(bag)
    (tmp_path / "elsewhere" / "dress" / "all").symlink_to(tmp_path)
    data = _data.load(tmp_path / "data", train_size=None, size=None, workers=0, quiet=True)
    paths = [path for part in (data.train, data.test) for path, _ in part.labelled]
    assert len({path.resolve() for path in paths}) == len(paths) == 8 + 4 + 8
    assert Counter(label for part in (data.train, data.test) for _, label in part.labelled) == {0: 12, 1: 8}
    assert [Path(path).name for path in data.skipped] == ["itself.png"]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("TRAIN", "Valid"),
        ("train", "validation"),
        ("training_set", "test_set"),
        ("train", "VAL"),
    ],
)
def test_parts_have_names_of_many_kinds(train, test, tmp_path):
    save(tmp_path / train, (4, 5, 6))
    save(tmp_path / test, (2, 2, 2))
    (tmp_path / "notes").mkdir()
    data = _data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True)
    assert (data.classes, len(data.train.labelled), len(data.test.labelled)) == (sorted(CLASSES), 15, 6)
    assert {path.parts[-3] for path, _ in data.test.labelled} == {test}


def test_validation_goes_before_test(tmp_path):
    for name, count in (("train", 3), ("test", 5), ("val", 2)):
        save(tmp_path / name, (count,) * 3)
    assert len(_data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True).test.labelled) == 6


@pytest.mark.parametrize("name", ["train", "valid", "Test"])
def test_a_class_may_have_the_name_of_a_part(name, tmp_path):
    save(tmp_path, (5, 5, 5))
    (tmp_path / "bag").rename(tmp_path / name)
    data = _data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True)
    assert data.classes == sorted([name, "boot", "dress"])


def test_hidden_folders_and_files_are_neither_classes_nor_pictures(tmp_path):
    save(tmp_path, (5, 5, 5))
    for place in (tmp_path, tmp_path / "bag"):
        for name in (".ipynb_checkpoints", "__MACOSX"):
            shutil.copytree(tmp_path / "boot", place / name)
    (tmp_path / "bag" / "._000.png").write_bytes(b"not a picture")
    data = _data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True)
    assert data.classes == sorted(CLASSES)
    assert (len(data.train.labelled), len(data.test.labelled), data.skipped) == (12, 3, [])


def test_what_is_tested_on_is_chosen_from_what_can_be_read(tmp_path):
    save(tmp_path, (20, 10, 5))
    whole = _data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True)
    bad = [path for path, _ in whole.test.labelled]
    for path in bad:
        path.write_text("no picture")
    data = _data.load(tmp_path, train_size=None, size=None, workers=0, quiet=True)
    assert Counter(label for _, label in data.test.labelled) == {0: 16 // 5, 1: 8 // 5, 2: 1}
    assert Counter(label for _, label in data.train.labelled) == {0: 13, 1: 7, 2: 3}
    assert data.skipped == sorted(map(str, bad))
    for part in (data.train, data.test):
        for (path, _), kept in zip(part.labelled, part.held, strict=True):
            with Image.open(path) as picture:
                assert torch.equal(kept, F.pil_to_tensor(picture.convert("RGB")))
    held = data.train.held.double() / 255
    assert data.mean == pytest.approx(held.mean((0, 2, 3)).tolist())


@pytest.mark.parametrize("is_divided", [False, True])
def test_as_many_can_be_read_as_are_asked_for(is_divided, tmp_path):
    train = tmp_path / "train" if is_divided else tmp_path
    save(train, (20, 20, 8))
    if is_divided:
        save(tmp_path / "test", (2, 2, 2))

    def load():
        return _data.load(tmp_path, train_size=15, size=None, workers=0, quiet=True)

    bad = [path for path, label in load().train.labelled if label != 1]
    for path in bad:
        path.write_text("no picture")
    data = load()
    assert Counter(label for _, label in data.train.labelled) == (
        {0: 6, 1: 6, 2: 3} if is_divided else {0: 7, 1: 6, 2: 2}
    )
    assert not {path for path, _ in data.train.labelled} & {*bad, *(path for path, _ in data.test.labelled)}
    assert set(data.skipped) == set(map(str, bad))


def test_a_full_disk_leaves_what_was_there_and_resuming_goes_on(finished, short, tmp_path, monkeypatch, capfd):
    out = tmp_path / "out"
    options = ["compare", *short[:-2], "--workers", "0", "--mix", "none", "--mix", "cutout", "--seeds", "1"]
    options += ["--out", str(out)]
    part, end = out / "unfinished-cutout-0.ckpt", _training.Classifier.on_train_epoch_end
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def filled(self):
        end(self)
        if part.exists():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))

    with monkeypatch.context() as patch:
        patch.setattr(_training.Classifier, "on_train_epoch_end", filled)
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
    assert without_times(read(out))[2] == without_times(read(finished))[2][:2]


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
    options = ["compare", str(pictures), "--epochs", "1", "--workers", "0", "--mix", "none", "--seeds", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _training.Classifier, "test_step", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory"))
        )
        with pytest.raises(RuntimeError, match="out of memory"):
            main([*options, "--out", str(out)])
    return options, out


@pytest.mark.parametrize("kind", BAD_CHECKPOINTS)
def test_a_bad_checkpoint_is_one_line_that_names_it(kind, unfinished, tmp_path, capsys):
    options, folder = unfinished
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    file = out / "unfinished-none-0.ckpt"
    spoil, words = BAD_CHECKPOINTS[kind]
    spoil(file)
    said = f"--resume must be with whole checkpoints of the same training, got {file}, {words}; delete it, and --resume"
    _refused([*options, "--out", str(out), "--resume"], said, out, capsys)


def test_a_run_whose_checkpoint_was_deleted_begins_anew(unfinished, tmp_path):
    options, folder = unfinished
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    (out / "unfinished-none-0.ckpt").unlink()
    assert main([*options, "--out", str(out), "--resume"]) == 0
    assert len(read(out)["runs"]) == 1


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
    said = (
        f"--resume must be with a folder that holds a comparison, got {out / 'results.json'}, which has another form;"
    )
    _refused(["compare", *short, "--out", str(out), "--resume"], said, out, capsys)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", None], ids=["empty", "cut", "deep", "latin", "pipe"])
def test_results_that_are_no_json_are_one_line_and_stay(text, short, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    if text is None:
        os.mkfifo(out / "results.json")
    else:
        (out / "results.json").write_text(text, encoding="latin-1")
    said = f"--resume must be with a folder that holds a comparison, got {out} ("
    _refused(["compare", *short, "--out", str(out), "--resume"], said, out, capsys)


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
    results = made_up({"none": [0.3, 0.4], "cutmix": [0.2, 0.3]}, classes=UGLY)
    lines = _report.classes_table(results).splitlines()
    assert [re.split(r"(?<!\\)\|", line)[1].strip() for line in lines[2:]] == list(SHOWN)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}
    results["data"] |= {"name": "# <i>\nx", "skipped": ["a`b\n.png", "``"]}
    report = _report.report(results | {"command": "compare 'a`b\n'"})
    assert report.startswith("# Does mixing help on \\# \\<i\\>\\\\nx?\n\n\\# \\<i\\>\\\\nx: 9 pictures")
    assert "* command: `` compare 'a`b\\n' ``\n" in report
    assert report.endswith("* `` a`b\\n.png ``\n* ``` `` ```\n")


def test_names_do_not_reach_the_terminal_raw(tmp_path, capfd):
    folder, ugly = tmp_path / "da\x1b[31m\nta", "b\x1b]0;x\x07|\nag"
    save(folder, (5, 5, 5))
    (folder / "bag").rename(folder / ugly)
    (folder / ugly / "x\x1b[2J\n.png").write_text("no picture")
    options = [
        "--epochs",
        "1",
        "--workers",
        "0",
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
    assert r"da\x1b[31m\nta: 12 pictures to learn from" in told.out
    assert r"out\n\x1b[1m/report.md, results.json and curves.png" in told.out
    assert rf"{tmp_path}/da\x1b[31m\nta/b\x1b]0;x\x07|\nag/x\x1b[2J\n.png: " in told.err
    report = (folder / "out\n\x1b[1m" / "report.md").read_text()
    assert all(one.isprintable() or one == "\n" for one in report)
    assert main(["compare", f"{folder}/none\x1b[0m\n"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "--mix\x1b[0m\n"])
    told = capfd.readouterr().err
    assert told.count("\n") == 2
    assert told.replace("\n", "").isprintable()


REPORTS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10_flip", "cifar10_crop"])
def test_the_reports_that_are_shown_are_those_of_the_results(name):
    results = read(REPORTS / name)
    assert _report.report(results) in (REPORTS / name / "report.md").read_text()
    assert len(results["runs"]) == len({(run["mix"], run["seed"]) for run in results["runs"]}) >= 6
    if name != "cifar10_crop":
        readme = (REPORTS.parent / "README.md").read_text()
        assert _report.table(results) in readme
        assert results["command"].split(" --out")[0] in readme
