"""Pairs of labels with a lam."""

import torch

from cutmix_transforms import MixedTarget


def target_of(lam):
    return MixedTarget(torch.tensor([0, 1, 2, 3, 4, 0]), torch.tensor([4, 0, 0, 1, 2, 3]), torch.tensor(lam))


PER_SAMPLE = target_of([0.3, 1.0, 0.0, 0.5, 0.71, 0.9])
