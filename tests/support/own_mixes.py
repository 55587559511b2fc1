"""Mixes as users write them."""

import pytest

from cutmix_transforms import (
    Mix,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms.functional import Placement


class RandomBand(Mix):
    """A band of the partner over the whole width."""

    numbers = 2

    def place(self, numbers, size):
        height, width = size
        tall = numbers[0] * height / 2 // 1
        top = numbers[1] * (height - tall + 1) // 1
        return Placement.between(top, 0, top + tall, width)


class EvenMixUp(Mix):
    """Nearly halves."""

    numbers = 1

    def place(self, numbers, size):
        return Placement(opacity=0.45 + 0.1 * numbers[0])


class FaintBand(RandomBand):
    """A band that is blended, one as strongly as it is placed."""

    numbers = 3

    def place(self, numbers, size):
        return super().place(numbers[:2], size)._replace(opacity=0.2 + 0.6 * numbers[2])


OWN = {"band": RandomBand, "even": EvenMixUp, "faint": FaintBand}


own = pytest.mark.parametrize("make", OWN.values(), ids=OWN)


def choices(per_sample):
    """Mixes of one's own among others."""
    mixes = [RandomBand(num_classes=6), EvenMixUp(num_classes=6, per_sample=per_sample), RandomMixUp(num_classes=6)]
    return RandomMixChoice(mixes, per_sample=per_sample)
