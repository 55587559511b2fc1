"""One run of compare: what is mixed when, what is validated on, and what happens when it diverges."""

from collections import Counter

import pytest
import torch
from support.compare_cases import load

from cutmix_transforms._commands._compare import _measures, _training
from cutmix_transforms._commands._compare._ranks import Place
from cutmix_transforms._commands._compare._recipes import Settings
from cutmix_transforms._commands._compare._training import Run, Setup
from cutmix_transforms._random._stream import seed_of

HERE = Place(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def data(pictures):
    return load(pictures, 60)


def setup_of(data, folder, **options):
    usual = {"model": "small", "batch_size": 20, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    usual |= {"schedule": "cosine", "mix_off_last": 0, "precision": "float32", "augment": "flip"}
    return Setup.of(data, Settings(**usual | options), HERE, folder=folder, workers=0, is_compiled=False)


@pytest.fixture
def watched(monkeypatch):
    """What is learned from, batch by batch: images, targets, the seed and the rate."""
    seen, step = [], _training.Training._step

    def look(self, images, target, rate):
        seen.append((images, target, torch.initial_seed(), rate))
        return step(self, images, target, rate)

    monkeypatch.setattr(_training.Training, "_step", look)
    return seen


@pytest.mark.parametrize("mix", ["none", "cutout", "cutmix+mixup:alpha=0.4", "cutmix:target='pair'"])
def test_mixing_goes_off_in_the_last_epochs(mix, data, tmp_path, watched):
    mean = torch.tensor([round(255 * one) for one in data.mean])[:, None, None]
    _training.train(Run(mix, 3, 0), setup_of(data, tmp_path, mix_off_last=1), title="")

    def is_mixed(images, target):
        if isinstance(target, tuple):
            return True
        holes = (images == mean).all(1).sum() > 14 * len(images)
        return bool(holes) if target.ndim == 1 else bool(((target > 0) & (target < 1)).any())

    found = [is_mixed(images, target) for images, target, *_ in watched]
    assert [any(found[i : i + 3]) for i in range(0, 9, 3)] == [mix != "none"] * 2 + [False]


def test_every_epoch_counts_for_itself_and_has_a_seed_and_rates_of_its_own(data, tmp_path, watched, monkeypatch):
    losses, step = [], _training.Training._step
    monkeypatch.setattr(_training.Training, "_step", lambda *given: losses.append(step(*given)) or losses[-1])
    setup = setup_of(data, tmp_path)
    result = _training.train(Run("cutmix", 3, 4), setup, title="")
    assert {key: result[key] for key in ("mix", "epochs", "seed", "ranks", "diverged")} == {
        "mix": "cutmix",
        "epochs": 3,
        "seed": 4,
        "ranks": 1,
        "diverged": None,
    }
    for epoch, row in enumerate(result["history"]):
        mine = slice(3 * epoch, 3 * epoch + 3)
        loss, accuracy = torch.stack(losses[mine]).mean(0).tolist()
        assert (row["train_loss"], row["train_accuracy"]) == (pytest.approx(loss), pytest.approx(accuracy))
        assert {seed for _, _, seed, _ in watched[mine]} == {seed_of(4, epoch, 0)}  # also where a run is taken up
    assert [rate for *_, rate in watched] == [setup.settings.rate(step, 9) for step in range(9)]


def test_validation_sees_a_part_of_every_class_and_in_the_end_all(pictures, tmp_path, monkeypatch):
    data = load(pictures, 12)
    seen, validate = [], _measures.validate

    def look(classifier, batches):
        batches = list(batches)
        seen.append(Counter(torch.cat([labels for _, labels in batches]).tolist()))
        return validate(classifier, batches)

    monkeypatch.setattr(_measures, "validate", look)
    result = _training.train(Run("none", 3, 0), setup_of(data, tmp_path, batch_size=6), title="")
    assert seen == [{0: 5, 1: 4, 2: 3}] * 2  # 12 of 41, evenly spread over 14, 14 and 13
    assert result["history"][-1]["val_error"] == result["metrics"]["error"]
    assert result["history"][-1]["val_nll"] == result["metrics"]["nll"]
    assert _training.hidden(data) == 41


def test_many_epochs_are_validated_now_and_then(data, tmp_path, monkeypatch):
    monkeypatch.setattr(_training.Training, "_step", lambda *_: torch.zeros(2))
    result = _training.train(Run("none", 23, 0), setup_of(data, tmp_path), title="")
    assert [i for i, row in enumerate(result["history"], 1) if "val_error" in row] == [*range(2, 23, 2), 23]


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_loss_that_is_no_number_ends_the_run(epoch, data, tmp_path, monkeypatch):
    step = _training.Training._step

    def broken(self, *batch):
        return step(self, *batch) * (float("nan") if len(self.history) == epoch - 1 else 1)

    monkeypatch.setattr(_training.Training, "_step", broken)
    result = _training.train(Run("none", 3, 0), setup_of(data, tmp_path), title="")
    assert (result["diverged"], result["metrics"], len(result["history"])) == (epoch, None, epoch - 1)


def test_logits_that_are_no_numbers_in_the_end_are_divergence_too(data, tmp_path, monkeypatch):
    monkeypatch.setattr(_measures, "test", lambda *_: None)
    result = _training.train(Run("none", 2, 0), setup_of(data, tmp_path), title="")
    assert (result["diverged"], result["metrics"]) == (2, None)


def test_one_run_leaves_nothing_behind_for_the_next(data, tmp_path):
    setup = setup_of(data, tmp_path)
    first, _, again = (_training.train(Run(mix, 2, 0), setup, title="") for mix in ("none", "mixup", "none"))
    (tmp_path / "unfinished-none-2-0.ckpt").unlink()
    assert first["metrics"] == again["metrics"]
    third = _training.train(Run("none", 2, 0), setup, title="")
    assert third["metrics"] == first["metrics"]


def test_checkpoints_of_any_mix_have_names_that_files_can_have(tmp_path):
    mixes = ["none", "cutmix:ratio=(0.2,0.8)", "own.mixes:Band/..:x='/'", "cutmix+mixup:alpha=0.4"]
    names = [Run(mix, 20, 1).checkpoint(tmp_path) for mix in mixes]
    assert {name.parent for name in names} == {tmp_path}
    assert names[-1].name == "unfinished-cutmix+mixup-alpha-0.4-20-1.ckpt"
    assert all(set(name.name) <= set("abcdefghijklmnopqrstuvwxyzB0123456789.+-_") for name in names)
