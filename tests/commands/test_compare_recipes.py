"""What a recipe and the options make of a comparison."""

import argparse

import pytest
import torch
from torch import nn

from cutmix_transforms._commands import _compare
from cutmix_transforms._commands._compare import _recipes


def parsed(*words):
    parser = argparse.ArgumentParser()
    _compare.add_arguments(parser)
    options = parser.parse_args(words)
    _recipes.fill_in(options)
    return options


def settings(*words, ranks=1, is_gpu=False):
    return _recipes.settings(parsed(*words), usual_model="usual", ranks=ranks, is_gpu=is_gpu)


def test_the_recipe_of_the_papers():
    options = parsed("folder", "--recipe", "cifar")
    assert options.mix == ["none", "cutout:size=16", "mixup:alpha=1", "cutmix:alpha=1,p=0.5"]
    assert options.epochs == [200]
    expected = {"model": "resnet18", "batch_size": 128, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
    expected |= {"schedule": "cosine", "mix_off_last": 0, "precision": "float32", "augment": "crop"}
    assert vars(settings("folder", "--recipe", "cifar")) == expected
    assert settings("--recipe", "cifar", is_gpu=True).precision == "bfloat16"


def test_what_recipes_leave_open_suits_the_data():
    found = [parsed(), parsed("folder"), parsed("--recipe", "cifar"), parsed("--augment", "flip", "--seeds", "9")]
    assert [(one.augment, one.seeds, one.train_size) for one in found] == [
        ("none", 4, 400),
        ("crop", 3, None),
        ("crop", 3, 400),
        ("flip", 9, 400),
    ]


def test_every_part_of_a_recipe_gives_way_to_an_option():
    given = {"--mix": "none", "--epochs": "9,3", "--seeds": "7", "--model": "small", "--batch-size": "64"}
    given |= {"--learning-rate": "0.3", "--momentum": "0.5", "--weight-decay": "0", "--schedule": "one-cycle"}
    given |= {"--augment": "flip", "--precision": "bfloat16", "--recipe": "cifar"}
    words = [word for pair in given.items() for word in pair]
    options = parsed(*words)
    assert (options.mix, options.epochs, options.seeds) == (["none"], [3, 9], 7)
    expected = {"model": "small", "batch_size": 64, "learning_rate": 0.3, "momentum": 0.5, "weight_decay": 0.0}
    expected |= {"schedule": "one-cycle", "mix_off_last": 0, "precision": "bfloat16", "augment": "flip"}
    assert vars(settings(*words)) == expected


def test_larger_batches_get_a_larger_learning_rate():
    assert settings().learning_rate == pytest.approx(0.1)
    assert settings("--batch-size", "256").learning_rate == pytest.approx(0.2)
    assert settings("--batch-size", "128", ranks=2).learning_rate == pytest.approx(0.2)
    assert settings("--batch-size", "256", "--learning-rate", "0.3").learning_rate == 0.3


def test_short_forms_are_part_of_the_mix_and_twice_the_same_is_once():
    options = parsed("--mix", "none", "--mix", "cutmix", "--mix", "cutmix:p=0.5", "--mix", "mixup", "--p", "0.5")
    assert options.mix == ["none", "cutmix:p=0.5", "mixup:p=0.5"]


@pytest.mark.parametrize(
    ("schedule", "steps"), [("cosine", 1), ("cosine", 7), ("cosine", 100), *(("one-cycle", n) for n in (2, 7, 100))]
)
def test_the_learning_rate_is_that_of_torchs_schedule(schedule, steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.2)
    if schedule == "cosine":
        theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    else:
        theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=steps, cycle_momentum=False)
    ours = settings("--schedule", schedule, "--learning-rate", "0.2")
    for step in range(steps):
        assert ours.rate(step, steps) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step() if step < steps - 1 else None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--epochs 0", "--epochs must be from 1 to 100000, got 0"),
        ("--epochs 20,1000000000", "--epochs must be from 1 to 100000, got 1000000000"),
        ("--epochs 20,", "--epochs must be a number or several with commas between, got 20,"),
        ("--epochs 1.5", "--epochs must be a number or several with commas between, got 1.5"),
        ("--seeds 0", "--seeds must be at least 1, got 0"),
        ("--seeds 1000000000", "--seeds must be at most 1000, got 1000000000"),
        ("--batch-size 1", "--batch-size must be at least 2, got 1"),
        ("--size 4", "--size must be at least 8, got 4"),
        ("--size 1000000", "--size must be at most 4096, got 1000000"),
        ("--workers -1", "--workers must be at least 0, got -1"),
        ("--workers 100000", "--workers must be at most 256, got 100000"),
        ("--mix-off-last 21 --epochs 20,40", "--mix-off-last must be at most the 20 epochs, got 21"),
        ("--learning-rate nan", "--learning-rate must be above 0, got nan"),
        ("--momentum 1", "--momentum must be at least 0 and below 1, got 1.0"),
        ("--weight-decay -1", "--weight-decay must be at least 0, got -1.0"),
    ],
)
def test_numbers_out_of_range_are_errors(words, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
        parsed(*words.split())
    assert str(caught.value) == message
