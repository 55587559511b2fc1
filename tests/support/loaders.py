"""Loaders whose batches tell what was drawn for them."""

import torch
from support.helpers import HEIGHT, WIDTH
from torch.utils.data import DataLoader

from cutmix_transforms import (
    Mix,
    MixCollate,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms.functional import Placement

IMAGE = torch.ones(1, HEIGHT, WIDTH)


class Holes:
    """A data set that cuts holes of its own."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 24

    def __getitem__(self, i):
        return self.transform(IMAGE), 0


class RandomBand(Mix):
    """A mix of one's own."""

    numbers = 1

    def place(self, numbers, size):
        return Placement(opacity=numbers[0])


def mixes(generator=None):
    """Mixes that draw a fraction of their own for every batch: the target of sample 0 tells it."""
    options = {"num_classes": 24, "generator": generator}
    children = [RandomMixUp(num_classes=24), RandomCutMix(num_classes=24, ratio=(0.1, 0.9), opacity=(0.1, 0.9))]
    return {
        "mixup": RandomMixUp(**options),
        "cutmix": RandomCutMix(ratio=(0.1, 0.9), opacity=(0.1, 0.9), **options),
        "choice": RandomMixChoice(children, generator=generator),
    }


LABELLED = [(IMAGE, i) for i in range(24)]


def epoch(loader):
    return [targets.amax(1)[0].item() for _, targets in loader]


def loader_of(mix, workers, seed=None, **options):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return DataLoader(LABELLED, 4, collate_fn=MixCollate(mix), num_workers=workers, generator=generator, **options)
