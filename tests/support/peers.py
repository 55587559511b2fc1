"""Comparing with other packages: our draws with their partners, and numbers that may differ in the last digits."""

import torch
from support.helpers import HEIGHT, WIDTH

CLASSES = 5
DRAWS = 1000
LABELS = torch.tensor([0, 1, 2, 0])
REVERSED = torch.tensor([3, 2, 1, 0])  # timm's partners
PREVIOUS = torch.tensor([3, 0, 1, 2])  # torchvision's


def images_of(seed=0, *, shape=(4, 2, HEIGHT, WIDTH)):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def draws(mix, images, partners):
    """Many draws of ours, with the partners that a peer has."""
    for _ in range(DRAWS):
        yield mix.draw(images)._replace(partners=partners)


def check_pixels_within(got, wanted, images, partners, ulps):
    """Differ by at most so many steps of the float that is the larger of the two pixels."""
    larger = torch.maximum(images, images[partners]).abs()
    step = torch.nextafter(larger, torch.tensor(float("inf"))) - larger
    assert ((got - wanted).abs() <= ulps * step).all()


def check_targets_within(got, wanted, ulps):
    """Differ by at most so many steps of a float below 1, which is the largest that a target can be."""
    assert got.dtype == torch.float32
    assert (got.double() - wanted.double()).abs().max() <= ulps * torch.finfo(torch.float32).eps
