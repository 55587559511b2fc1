"""What users of ``v2.CutMix`` and ``v2.MixUp`` rely on, as torchvision's own ``TestCutMixMixUp`` checks it of those."""

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.peers import CLASSES, LABELS, PREVIOUS, check_pixels_within, check_targets_within, draws, images_of
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import RandomCutMix, RandomMixUp

IMAGES = images_of()
both = pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])


@pytest.mark.slow
def test_cutmix_by_the_same_box(monkeypatch):
    """The very same pixels, and targets but for the last digit, over many draws."""
    params = {}
    monkeypatch.setattr(v2.CutMix, "make_params", lambda self, flat_inputs: params)
    theirs, ours = v2.CutMix(num_classes=CLASSES), RandomCutMix(num_classes=CLASSES)
    for draw in draws(ours, IMAGES, PREVIOUS):
        top, left, bottom, right = draw.boxes[0].tolist()
        lam = 1 - (bottom - top) * (right - left) / (HEIGHT * WIDTH)
        params |= {"box": (left, top, right, bottom), "lam_adjusted": lam}
        (images, targets), (wanted, soft) = ours(IMAGES, LABELS, draw=draw), theirs(IMAGES, LABELS)
        assert torch.equal(images, wanted)
        check_targets_within(targets, soft, 1)


@pytest.mark.slow
def test_mixup_by_the_same_lam(monkeypatch):
    params = {}
    monkeypatch.setattr(v2.MixUp, "make_params", lambda self, flat_inputs: params)
    theirs, ours = v2.MixUp(num_classes=CLASSES), RandomMixUp(num_classes=CLASSES)
    for draw in draws(ours, IMAGES, PREVIOUS):
        params["lam"] = draw.lam[0].item()
        (images, targets), (wanted, soft) = ours(IMAGES, LABELS, draw=draw), theirs(IMAGES, LABELS)
        check_pixels_within(images, wanted, IMAGES, PREVIOUS, 2)
        check_targets_within(targets, soft, 1)


@both
def test_every_way_to_call_it(make):
    """After the loader, unpacked or as the list that it gives, and in both forms of a collate function."""
    count, classes = 8, 20
    samples, mix = [(images_of(i)[0], i) for i in range(count)], make(num_classes=classes)
    plain = next(iter(DataLoader(samples, count)))
    assert type(plain) is list
    collates = (lambda batch: mix(default_collate(batch)), lambda batch: mix(*default_collate(batch)))
    loaded = [next(iter(DataLoader(samples, count, collate_fn=collate))) for collate in collates]
    for images, targets in (mix(*plain), mix(plain), *loaded):
        assert images.shape == plain[0].shape
        assert targets.shape == (count, classes)
        torch.testing.assert_close(targets.sum(1), torch.ones(count))
        kept = targets[torch.arange(count), torch.arange(count)]
        assert ((targets > 0).sum(1) == (2 if 0 < kept[0] < 1 else 1)).all()  # never with itself


@both
@pytest.mark.parametrize(
    "inputs",
    [
        (tv_tensors.Image(IMAGES[0]), torch.tensor(0)),
        (tv_tensors.Video(IMAGES), torch.tensor(0)),
        (tv_tensors.Mask(IMAGES[0, 0]),),
        (tv_tensors.BoundingBoxes([[0, 0, 3, 4]], format="XYXY", canvas_size=(HEIGHT, WIDTH)),),
        ({"image": IMAGES, "else": 3},),
        (IMAGES,),
        (IMAGES, "label"),
        (IMAGES, torch.ones(2, 3)),
        (IMAGES[None, None], LABELS),
        (IMAGES, torch.cat([LABELS, LABELS[:1]])),
        (IMAGES, LABELS + 3),
        (IMAGES, torch.ones(4, CLASSES + 1)),
        (IMAGES, LABELS[:, None, None]),
    ],
    ids=lambda inputs: " ".join(f"{type(one).__name__}{tuple(getattr(one, 'shape', ()))}" for one in inputs),
)
def test_what_is_an_error_there_is_one_here(make, inputs):
    theirs = v2.CutMix if make is RandomCutMix else v2.MixUp
    with pytest.raises((ValueError, RuntimeError, TypeError)):
        theirs(num_classes=CLASSES)(*inputs)
    with pytest.raises((ValueError, TypeError), match="must"):
        make(num_classes=CLASSES)(*inputs)


@both
def test_two_in_a_row(make):
    """The second mixes soft targets, as there."""
    for mix in (make, v2.CutMix if make is RandomCutMix else v2.MixUp):
        pipeline = v2.Compose([mix(num_classes=CLASSES), mix(num_classes=CLASSES)])
        images, targets = pipeline(IMAGES, LABELS)
        assert images.shape == IMAGES.shape
        torch.testing.assert_close(targets.sum(1), torch.ones(4))


@both
@pytest.mark.parametrize("key", ["labels", "LABELS", "LaBeL"])
def test_the_key_of_labels_in_any_case(make, key):
    sample = {key: LABELS, "other": "whatever", "image": IMAGES}
    for batch in (sample, (None, sample, "whatever")):
        found = make(num_classes=CLASSES)(batch)
        assert (found if batch is sample else found[1])[key].shape == (4, CLASSES)
    with pytest.raises(ValueError, match="labels_getter"):
        make(num_classes=CLASSES)({f"weird_{key}_of_mine": LABELS, "image": IMAGES})
    with pytest.raises(ValueError, match="exactly one"):
        make(num_classes=CLASSES)({"label": LABELS, "labels": LABELS, "image": IMAGES})
