"""What users of kornia's ``RandomCutMixV2`` and ``RandomMixUpV2`` rely on.

kornia is not needed: its formulas stand here. Where the fraction is the partner's, it is called so.
"""

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.peers import CLASSES, LABELS, check_pixels_within, draws, images_of

from cutmix_transforms import Mix, MixedLoss, RandomCutMix, RandomMixUp
from cutmix_transforms.functional import Placement

IMAGES = images_of()
PARTNERS = torch.tensor([2, 0, 3, 1])


def kornia_cutmix(images, boxes, pairs):
    """Where a mask of the box is true, the paired image shows; the partner's fraction is the area of the mask."""
    rows, columns = torch.arange(HEIGHT).view(1, -1, 1), torch.arange(WIDTH).view(1, 1, -1)
    top, left, bottom, right = (side.view(-1, 1, 1) for side in boxes.unbind(1))
    mask = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return torch.where(mask[:, None], images[pairs], images), mask.float().mean((1, 2))


def kornia_mixup(images, fractions, pairs):
    fractions = fractions.view(-1, 1, 1, 1)
    return images * (1 - fractions) + images[pairs] * fractions


@pytest.mark.slow
@pytest.mark.parametrize("per_sample", [False, True])
def test_cutmix_by_the_same_boxes(per_sample):
    """The very same pixels; rows of label, partner's label and the partner's fraction are our pair."""
    mix = RandomCutMix(per_sample=per_sample, target="pair")
    for draw in draws(mix, IMAGES, PARTNERS):
        images, target = mix(IMAGES, LABELS, draw=draw)
        wanted, fractions = kornia_cutmix(IMAGES, draw.boxes, PARTNERS)
        assert torch.equal(images, wanted)
        assert torch.equal(target.a, LABELS)
        assert torch.equal(target.b, torch.where(fractions == 0, LABELS, LABELS[PARTNERS]))
        torch.testing.assert_close(target.lam, 1 - fractions, rtol=0, atol=1.2e-7)


@pytest.mark.slow
@pytest.mark.parametrize("per_sample", [False, True])
def test_mixup_by_the_same_fractions(per_sample):
    mix = RandomMixUp(per_sample=per_sample, target="pair")
    for draw in draws(mix, IMAGES, PARTNERS):
        images, target = mix(IMAGES, LABELS, draw=draw)
        check_pixels_within(images, kornia_mixup(IMAGES, draw.opacity, PARTNERS), IMAGES, PARTNERS, 2)
        assert torch.equal(target.lam, 1 - draw.opacity)


def test_ones_and_zeros_tell_the_fraction():
    images = torch.stack([torch.ones(1, 3, 4), torch.zeros(1, 3, 4)])
    mixed, target = RandomMixUp(target="pair", per_sample=True)(images, torch.tensor([1, 0]))
    torch.testing.assert_close(mixed[0], target.lam[0].expand(1, 3, 4))
    torch.testing.assert_close(mixed[1], (1 - target.lam[1]).expand(1, 3, 4))


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])
def test_without_mixing_the_label_stands_twice(make):
    """With the fraction 1 of its own here, 0 of a partner there."""
    images, target = make(p=0, target="pair")(IMAGES, LABELS)
    assert torch.equal(images, IMAGES)
    assert torch.equal(target.a, LABELS)
    assert torch.equal(target.b, LABELS)
    assert target.lam.tolist() == [1.0] * 4
    assert target.a.dtype == LABELS.dtype  # floats there, which cannot tell large classes apart


def test_several_partners_are_several_mixes():
    """``num_mix=2`` there: the second mixes soft targets again."""
    mix = RandomCutMix(num_classes=4, ratio=(0.3, 0.5))
    images = torch.arange(4.0).view(-1, 1, 1, 1).expand(4, 3, HEIGHT, WIDTH).contiguous()
    mixed, targets = mix(*mix(images, torch.arange(4)))
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    assert max(len(image.unique()) for image in mixed) <= 4


class UniformMixUp(Mix):
    """``lambda_val=(low, high)``: a partner's fraction that is uniform."""

    numbers = 1

    def place(self, numbers, size):
        return Placement(opacity=0.2 + 0.1 * numbers[0])


def test_a_range_of_fractions_is_a_mix_of_ones_own():
    images, target = UniformMixUp(target="pair", per_sample=True)(IMAGES, LABELS)
    fractions = 1 - target.lam
    assert ((fractions >= 0.2) & (fractions <= 0.3)).all()
    check = images_of(1, shape=(4, CLASSES))
    loss = MixedLoss(torch.nn.CrossEntropyLoss(reduction="none"))(check, target)
    own, other = (torch.nn.functional.cross_entropy(check, label, reduction="none") for label in (target.a, target.b))
    torch.testing.assert_close(loss, (1 - fractions) * own + fractions * other)
    assert images.shape == IMAGES.shape
