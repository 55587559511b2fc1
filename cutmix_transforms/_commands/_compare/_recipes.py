"""The settings that the runs of a comparison are trained with: recipes, and options that override them."""

import argparse
import math
from dataclasses import dataclass
from typing import Any

from cutmix_transforms._commands._compare import _mixes

AUGMENTS = ("none", "flip", "crop")
SCHEDULES = ("one-cycle", "cosine")
PRECISIONS = ("float32", "bfloat16")
RECIPES: dict[str, dict[str, Any]] = {
    "short": {
        "mix": ["none", "cutout", "mixup:alpha=0.4", "cutmix", "cutmix+mixup:alpha=0.4"],
        "epochs": "40",
        "batch_size": 64,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "one-cycle",
    },
    "cifar": {
        "mix": ["none", "cutout:size=16", "mixup:alpha=1", "cutmix:alpha=1,p=0.5"],
        "epochs": "200",
        "batch_size": 128,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "cosine",
        "seeds": 3,
        "model": "resnet18",
        "augment": "crop",
    },
}
# Options that recipes leave open. Few embedded images, not augmented: there, five minutes show a difference.
FOLDER: dict[str, Any] = {"augment": "crop", "seeds": 3}
EMBEDDED: dict[str, Any] = {"augment": "none", "seeds": 4, "train_size": 400}
LEAST = {"train_size": 1, "batch_size": 2, "size": 8, "seeds": 1, "mix_off_last": 0, "workers": 0}
MOST = {"batch_size": 2**20, "size": 4096, "seeds": 1000, "workers": 256}
MOST_EPOCHS = 100_000
USUAL_RATE = 0.1  # for the batches of the recipe


@dataclass(frozen=True)
class Settings:
    """The options that two comparable runs have in common, whatever their mixes, lengths and seeds."""

    model: str
    batch_size: int  # of each rank
    learning_rate: float  # the largest of the schedule
    momentum: float
    weight_decay: float
    schedule: str
    mix_off_last: int
    precision: str
    augment: str  # what all runs get besides

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step: a rise and a fall (Smith 2018, arXiv 1803.09820), or a fall to 0."""
        if self.schedule == "cosine":
            return _between(self.learning_rate, 0.0, step / steps)
        rise = 0.3 * steps - 1
        if step <= rise:
            return _between(self.learning_rate / 25, self.learning_rate, step / rise)
        return _between(self.learning_rate, self.learning_rate / 250_000, (step - rise) / (steps - 1 - rise))


def _between(first: float, last: float, fraction: float) -> float:
    """Return the value on the half wave of a cosine from one number to another."""
    return last + (first - last) * (1 + math.cos(math.pi * fraction)) / 2


def fill_in(options: argparse.Namespace) -> None:
    """Replace what the command line leaves open by what the recipe says, or suits the data, and check all numbers.

    Args:
        options: the parsed command line, which is changed: ``mix`` and ``epochs`` become lists without repetitions.

    Raises:
        ValueError: if an option is out of range.
    """
    usual = (EMBEDDED if options.data is None else FOLDER) | RECIPES[options.recipe]
    for name, value in usual.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    _check(options)
    options.epochs = lengths(options.epochs)
    if options.mix_off_last > min(options.epochs):
        raise ValueError(f"--mix-off-last must be at most the {min(options.epochs)} epochs, got {options.mix_off_last}")
    short = {"alpha": options.alpha, "p": options.p}
    options.mix = list(dict.fromkeys(_mixes.with_options(mix, short) for mix in options.mix))


def lengths(written: str) -> list[int]:
    """Return ``20,40,80`` as a rising list of numbers of epochs."""
    try:
        found = sorted({int(one) for one in written.split(",")})
    except ValueError:
        raise ValueError(f"--epochs must be a number or several with commas between, got {written}") from None
    for one in found:
        if not 1 <= one <= MOST_EPOCHS:
            raise ValueError(f"--epochs must be from 1 to {MOST_EPOCHS}, got {one}")
    return found


def settings(options: argparse.Namespace, *, usual_model: str, ranks: int, is_gpu: bool) -> Settings:
    """Return the settings of all runs.

    Args:
        options: the command line, filled in.
        usual_model: the model unless told otherwise.
        ranks: how many processes train together.
        is_gpu: that they do on GPUs, which are fast at bfloat16.

    Returns:
        The settings.
    """
    values = {name: getattr(options, name) for name in Settings.__dataclass_fields__}
    values["model"] = options.model or usual_model
    values["precision"] = options.precision or ("bfloat16" if is_gpu else "float32")
    if options.learning_rate is None:
        usual_batch = RECIPES[options.recipe]["batch_size"]
        values["learning_rate"] = USUAL_RATE * math.sqrt(options.batch_size * ranks / usual_batch)
    return Settings(**values)


def _check(options: argparse.Namespace) -> None:
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
        if value is not None and value > MOST.get(name, value):
            raise ValueError(f"--{name.replace('_', '-')} must be at most {MOST[name]}, got {value}")
    if options.learning_rate is not None and not 0 < options.learning_rate < math.inf:
        raise ValueError(f"--learning-rate must be above 0, got {options.learning_rate}")
    if not 0 <= options.momentum < 1:
        raise ValueError(f"--momentum must be at least 0 and below 1, got {options.momentum}")
    if not 0 <= options.weight_decay < math.inf:
        raise ValueError(f"--weight-decay must be at least 0, got {options.weight_decay}")
