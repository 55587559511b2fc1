"""What users of mmpretrain's ``RandomBatchAugment``, ``Mixup`` and ``CutMix`` rely on."""

import pytest
import torch
from scipy import stats
from support.peers import images_of

from cutmix_transforms import RandomCutMix, RandomMixChoice, RandomMixUp

IMAGES = images_of(shape=(2, 3, 32, 24))
LABELS = torch.tensor([1, 0])
both = pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])


def choice_of(first, second):
    """``probs=[first, second]``, of which the rest is no mixing at all, in our words."""
    whole = first + second
    mixes = [RandomMixUp(num_classes=10, p=whole), RandomCutMix(num_classes=10, p=whole, ratio=(0.5, 0.5))]
    return RandomMixChoice(mixes, weights=[first, second])


def test_probabilities_of_which_the_rest_is_nothing():
    mix, counts = choice_of(0.5, 0.3), {"mixup": 0, "cutmix": 0, "none": 0}
    for _ in range(600):
        images, targets = mix(IMAGES, LABELS)
        assert targets.shape == (2, 10)  # the same form, mixed or not
        is_own = (images == IMAGES).float().mean().item()
        counts["none" if is_own == 1 else "cutmix" if is_own > 0.5 else "mixup"] += 1
    for name, probability in {"mixup": 0.5, "cutmix": 0.3, "none": 0.2}.items():
        assert stats.binomtest(counts[name], 600, probability).pvalue > 1e-4, counts


def test_options_that_are_none():
    with pytest.raises(ValueError, match="weights"):
        RandomMixChoice([RandomMixUp(), RandomCutMix()], weights=[0.5])
    with pytest.raises(ValueError, match="p must"):
        choice_of(0.5, 0.6)
    for options in ({"alpha": "unknown"}, {"num_classes": "unknown"}):
        for make in (RandomCutMix, RandomMixUp):
            with pytest.raises(TypeError, match="unknown"):
                make(**options)


@both
def test_labels_of_all_kinds(make):
    """Classes, of which there may be one, and several labels of one image; without a number of classes an error."""
    images, targets = make(num_classes=10)(IMAGES, LABELS)
    assert images.shape == IMAGES.shape
    assert targets.shape == (2, 10)
    assert make(num_classes=1)(IMAGES, torch.zeros(2, 1, dtype=torch.int64))[1].shape == (2, 1)
    several = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0]])
    _, targets = make(num_classes=5)(IMAGES, several)
    assert targets.shape == (2, 5)
    torch.testing.assert_close(targets[:, 2], torch.ones(2))
    with pytest.raises(ValueError, match="num_classes"):
        make()(IMAGES, LABELS)


def test_minmax_is_ratio():
    """``cutmix_minmax=(0.1, 0.2)``: both sides lie in that range of the image's, and the box wholly inside."""
    draw = RandomCutMix(ratio=(0.1, 0.2), per_sample=True).draw(images_of(shape=(200, 1, 40, 20)))
    top, left, bottom, right = draw.boxes.unbind(1)
    assert set((bottom - top).tolist()) == {4, 5, 6, 7, 8}
    assert set((right - left).tolist()) <= {2, 3, 4}
    torch.testing.assert_close(draw.lam, 1 - ((bottom - top) * (right - left) / 800).float())
