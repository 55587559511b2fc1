"""What users of timm's ``Mixup`` rely on; timm has no tests of it, so this is what its code promises."""

import numpy as np
import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.peers import CLASSES, LABELS, REVERSED, check_pixels_within, check_targets_within, draws, images_of
from timm.data import mixup
from timm.data.mixup import FastCollateMixup, Mixup

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixUp
from cutmix_transforms.functional import mix_draw, mix_images

IMAGES = images_of()
smoothings = pytest.mark.parametrize("smoothing", [0.0, 0.1])
SIZE = (HEIGHT, WIDTH)


def check(ours, theirs, draw, ulps):
    (images, targets), (wanted, soft) = ours(IMAGES, LABELS, draw=draw), theirs(IMAGES.clone(), LABELS)
    if ulps:
        check_pixels_within(images, wanted, IMAGES, REVERSED, ulps)
    else:
        assert torch.equal(images, wanted)
    check_targets_within(targets, soft, 1)


@pytest.mark.slow
@smoothings
@pytest.mark.parametrize("mode", ["batch", "elem"])
def test_cutmix_by_the_same_boxes(mode, smoothing, monkeypatch):
    """The very same pixels, and targets but for the last digit, over many draws."""
    boxes = []

    def box_and_lam(*args, **options):
        top, left, bottom, right = boxes.pop(0)
        return (top, bottom, left, right), 1 - (bottom - top) * (right - left) / (HEIGHT * WIDTH)

    monkeypatch.setattr(mixup, "cutmix_bbox_and_lam", box_and_lam)
    options = {"label_smoothing": smoothing, "num_classes": CLASSES}
    theirs = Mixup(mixup_alpha=0, cutmix_alpha=1, mode=mode, **options)
    ours = RandomCutMix(per_sample=mode == "elem", **options)
    for draw in draws(ours, IMAGES, REVERSED):
        boxes[:] = draw.boxes.tolist()
        check(ours, theirs, draw, 0)


@pytest.mark.slow
@smoothings
@pytest.mark.parametrize("mode", ["batch", "elem"])
def test_mixup_by_the_same_lam(mode, smoothing, monkeypatch):
    options = {"label_smoothing": smoothing, "num_classes": CLASSES}
    theirs, ours = Mixup(mixup_alpha=1, mode=mode, **options), RandomMixUp(per_sample=mode == "elem", **options)
    for draw in draws(ours, IMAGES, REVERSED):
        lam = draw.lam.numpy()
        monkeypatch.setattr(theirs, "_params_per_batch", lambda lam=lam: (float(lam[0]), False))
        monkeypatch.setattr(
            theirs, "_params_per_elem", lambda count, lam=lam: (lam.copy(), np.zeros(count, dtype=bool))
        )
        check(ours, theirs, draw, 2)


@pytest.mark.parametrize("mode", ["batch", "elem"])
def test_bytes_in_the_collate_function(mode, monkeypatch):
    """Its ``FastCollateMixup`` rounds to nearest too; the target's fractions are those of the pixels."""
    bytes_of = (IMAGES * 255).byte()
    samples = [(image.numpy(), int(label)) for image, label in zip(bytes_of, LABELS, strict=True)]
    theirs = FastCollateMixup(mixup_alpha=1, mode=mode, label_smoothing=0, num_classes=CLASSES)
    ours = RandomMixUp(num_classes=CLASSES, per_sample=mode == "elem")
    for draw in list(draws(ours, IMAGES, REVERSED))[:100]:
        lam = draw.lam.numpy()
        monkeypatch.setattr(theirs, "_params_per_batch", lambda lam=lam: (float(lam[0]), False))
        monkeypatch.setattr(
            theirs, "_params_per_elem", lambda count, lam=lam: (lam.copy(), np.zeros(count, dtype=bool))
        )
        wanted, soft = theirs(samples)
        images, targets = ours(bytes_of, LABELS, draw=draw)
        assert images.dtype == wanted.dtype == torch.uint8
        assert (images.int() - wanted.int()).abs().max() <= 1  # what lies in the middle of two bytes
        assert (images != wanted).float().mean() < 0.01
        check_targets_within(targets, soft, 1)
    images, _ = MixCollate(ours)(samples)
    assert images.dtype == torch.uint8


def test_smoothed_rows_sum_to_one_and_have_a_floor():
    for mix in (RandomMixUp, RandomCutMix):
        _, targets = mix(num_classes=CLASSES, label_smoothing=0.1)(IMAGES, LABELS)
        torch.testing.assert_close(targets.sum(1), torch.ones(4))
        assert targets.min().item() == pytest.approx(0.1 / CLASSES)


def test_an_odd_batch_and_the_images_of_the_caller():
    """timm asks for an even batch, and writes into it."""
    with pytest.raises(AssertionError):
        Mixup(num_classes=CLASSES)(IMAGES[:3].clone(), LABELS[:3])
    before = IMAGES.clone()
    assert RandomMixUp(num_classes=CLASSES)(IMAGES[:3], LABELS[:3])[1].shape == (3, CLASSES)
    assert torch.equal(IMAGES, before)


def test_pairs_that_are_mixed_into_each_other():
    """Its ``mode="pair"`` has no option here: a draw that is replayed says it."""
    draw = RandomCutMix(per_sample=True).draw(IMAGES)
    boxes = torch.cat([draw.boxes[:2], draw.boxes[:2].flip(0)])
    images = mix_images(IMAGES, mix_draw(REVERSED, boxes, SIZE))
    for i in range(2):
        top, left, bottom, right = boxes[i].tolist()
        assert torch.equal(images[i, :, top:bottom, left:right], IMAGES[3 - i, :, top:bottom, left:right])
        assert torch.equal(images[3 - i, :, top:bottom, left:right], IMAGES[i, :, top:bottom, left:right])
