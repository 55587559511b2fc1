"""show_batch: which color means which class."""

import pytest
import torch
from support.shown import NAMES, gray, places_of
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import show_batch
from cutmix_transforms._show._legend import legend_of
from cutmix_transforms._show._overlay import PALETTE
from cutmix_transforms._show._targets import notes_of

MASKS = torch.zeros(2, 100, 100, dtype=torch.int64)
MASKS[0, :40], MASKS[0, 90:], MASKS[1, :, 70:] = 2, 255, 3
MASKS[1, :, :20] = 1
SIZES = [(100, 100)] * 2


def squares_below(picture, top):
    """The classes whose color is found below a row, with the left and the top of its square."""
    shown = F.pil_to_tensor(picture)[:, top:]
    found = {}
    for kind, color in enumerate(PALETTE):
        if (shown == torch.tensor(color, dtype=torch.uint8).view(3, 1, 1)).all(0).any():
            found[kind] = places_of(shown, color)[1::-1]
    return found


def names_in(targets, classes=NAMES):
    return [(name, PALETTE.index(color)) for name, color in legend_of(notes_of(targets, SIZES, classes).overlays)]


def test_classes_of_semantic_masks_stand_in_the_order_of_their_size():
    assert names_in(MASKS) == [("dog", 2), ("rocket", 3), ("coffee", 1)]
    assert names_in(MASKS, None) == [("2", 2), ("3", 3), ("1", 1)]
    picture = show_batch(torch.stack(gray(*SIZES)), MASKS, classes=NAMES)
    found = squares_below(picture, 104)
    assert list(found) == [1, 2, 3]
    left = {kind: place[0] for kind, place in found.items()}
    assert left[2] < left[3]  # in one line, or below one another
    assert sorted(found, key=lambda kind: (found[kind][1], left[kind])) == [2, 3, 1]
    assert (F.pil_to_tensor(picture)[:, :, -2:] == 255).all()  # nothing is cut off


def test_masks_and_keypoints_without_boxes_have_a_legend_and_tagged_boxes_have_none():
    masks = torch.zeros(2, 100, 100, dtype=torch.bool)
    masks[0, :10], masks[1, 50:] = True, True
    labels, boxes = torch.tensor([0, 3]), torch.tensor([[0, 0, 50, 50], [20, 20, 90, 90]])
    assert names_in([{"masks": masks, "labels": labels}, {}]) == [("rocket", 3), ("cat", 0)]
    assert names_in([{"keypoints": torch.rand(2, 5, 2), "labels": labels}, {}]) == [("cat", 0), ("rocket", 3)]
    assert names_in([{"masks": masks, "labels": labels, "boxes": boxes}, {}]) == []
    assert names_in([{"masks": masks}, {}]) == []  # without labels a color is no class
    assert names_in([{"labels": labels}, {}]) == []
    both = [{"masks": masks[1:], "labels": labels[1:]}, {"masks": masks[:1], "labels": labels[:1]}]
    assert names_in(both) == [("rocket", 3), ("cat", 0)]


def test_one_class_needs_no_legend():
    only = torch.where(MASKS == 2, 2, 0)
    assert names_in(only) == []
    assert names_in(torch.tensor([0, 1])) == []


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("words", [["", *"abc"], ["", *["a name of a class that is far too long for a tile"] * 3]])
def test_a_legend_fits_the_width(words, columns):
    picture = show_batch(torch.stack(gray(*SIZES)), MASKS, classes=words, columns=columns)
    shown = F.pil_to_tensor(picture)
    assert (shown[:, :, -2:] == 255).all()
    assert (shown[:, -2:] == 255).all()
    assert len(squares_below(picture, picture.height - 80)) == 3
