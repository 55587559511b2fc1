"""torchvision's containers of transforms, and its recipe of mixing in the ``collate_fn``."""

import pytest
import torch
from scipy import stats
from support.helpers import HEIGHT, WIDTH, slow_but
from support.toys import COUNT, PICTURES, SAMPLES, agree
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torchvision.transforms import v2

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixUp

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
CUTMIX, MIXUP = RandomCutMix(num_classes=COUNT, ratio=(0.2, 0.8)), RandomMixUp(num_classes=COUNT)
DOUBLE, NORMALIZE = v2.ToDtype(torch.float64), v2.Normalize(MEAN, STD)
FLIPS = v2.RandomHorizontalFlip(1), v2.RandomVerticalFlip(1)
PIPELINES = {
    "choice": v2.RandomChoice([CUTMIX, MIXUP], p=[2, 1]),
    "order": v2.RandomOrder([CUTMIX, *FLIPS]),
    "compose": v2.Compose([v2.RandomChoice([CUTMIX, MIXUP]), DOUBLE, NORMALIZE]),
    "nested": v2.Compose([v2.Compose([*FLIPS, MIXUP]), NORMALIZE]),
    "sequential": nn.Sequential(MIXUP, DOUBLE, NORMALIZE),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("place", slow_but(["MixCollate"], ["function", "MixCollate", "batch"]))
def test_containers(name, place):
    """In a function after ``default_collate``, as torchvision shows it, in MixCollate and on the batch."""
    pipeline = PIPELINES[name]

    def collate(samples):
        return pipeline(default_collate(samples))

    collates = {"function": collate, "MixCollate": MixCollate(pipeline), "batch": None}
    loader = DataLoader(SAMPLES, 8, shuffle=True, num_workers=1, collate_fn=collates[place])
    for batch in loader:
        images, targets = pipeline(batch) if place == "batch" else batch
        assert images.shape == (8, 3, HEIGHT, WIDTH)
        assert images.dtype == (torch.float64 if name in ("compose", "sequential") else torch.float32)
        if name in ("compose", "nested", "sequential"):
            images = images * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
        assert agree(images, targets) < 1


def test_random_choice_keeps_its_probabilities():
    """Told by the pixels: those of CutMix are copies."""
    batch = PICTURES[:4], torch.arange(4)
    pasted = sum(len(PIPELINES["choice"](*batch)[0][0].unique()) == 2 for _ in range(600))
    assert stats.binomtest(pasted, 600, 2 / 3).pvalue > 1e-4


def test_sometimes_is_said_with_p_and_not_with_random_apply():
    """What is not mixed has to have its target in the same form, so that the batches are alike."""
    batch, sometimes = (PICTURES[:4], torch.arange(4)), RandomMixUp(num_classes=COUNT, p=0.5)
    largest = [agree(*sometimes(*batch)) for _ in range(600)]
    assert stats.binomtest(largest.count(1), 600, 0.5).pvalue > 1e-4
    forms = {v2.RandomApply([MIXUP])(*batch)[1].ndim for _ in range(20)}
    assert forms == {1, 2}
