"""What ``show_batch`` shows, cut up and measured."""

import torch
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._show._batch import GUTTER
from cutmix_transforms._show._overlay import PALETTE

NAMES = ["cat", "coffee", "dog", "rocket"]


def tile(picture, k, width, height):
    """The k-th image of a picture of one row."""
    x = GUTTER + k * (width + GUTTER)
    return F.pil_to_tensor(picture.crop((x, GUTTER, x + width, GUTTER + height)))


GRAY = 120


def gray(*sizes):
    return [torch.full((3, *size), GRAY, dtype=torch.uint8) for size in sizes]


def tinted(kind, strength=0.45):
    return [round(GRAY + strength * (value - GRAY)) for value in PALETTE[kind]]


def near(pixel, wanted, tolerance=2):
    return all(abs(int(a) - int(b)) <= tolerance for a, b in zip(pixel, wanted, strict=True))


def places_of(shown, color):
    """(top, left, bottom, right) of all pixels that are of a color, half-open."""
    rows, columns = (shown == torch.tensor(color, dtype=torch.uint8).view(3, 1, 1)).all(0).nonzero().unbind(1)
    return [int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1]
