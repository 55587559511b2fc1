"""timm: its loader, with a mix in place of ``timm.data.Mixup`` and ``FastCollateMixup``, its models and its losses."""

import copy

import pytest
import timm
import torch
from PIL import Image
from support.helpers import HEIGHT, WIDTH
from support.toys import assert_same_weights, cross_entropy, train_by_hand
from timm.data import create_loader
from timm.loss import BinaryCrossEntropy, SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from torch.nn import functional as F

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixChoice, RandomMixUp

COUNT = 12
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


class Grays(torch.utils.data.Dataset):
    """Pictures as timm's loader wants them, which sets their transform: sample ``j`` is gray, ``20 * j`` everywhere."""

    transform = None

    def __len__(self):
        return COUNT

    def __getitem__(self, i):
        return self.transform(Image.new("RGB", (WIDTH, HEIGHT), (20 * i,) * 3)), i


def loader_of(mix, *, training=True, prefetcher=False, **options):
    return create_loader(
        Grays(),
        input_size=(3, HEIGHT, WIDTH),
        batch_size=4,
        is_training=training,
        no_aug=True,
        mean=MEAN,
        std=STD,
        collate_fn=None if mix is None else MixCollate(mix),
        use_prefetcher=prefetcher,
        device=torch.device("cpu"),
        num_workers=2,
        **options,
    )


def grays(images):
    """What of 0 to 255 the images are in the mean, before they were normalised; all channels have to say the same."""
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (MEAN, STD))
    pixels = (images * std + mean) * 255
    torch.testing.assert_close(pixels, pixels[:, :1].expand_as(pixels), rtol=0, atol=1e-3)
    return pixels.mean((1, 2, 3))


def mixes(**options):
    options["num_classes"] = COUNT
    return RandomMixChoice([RandomMixUp(alpha=0.8, **options), RandomCutMix(ratio=(0.2, 0.8), **options)])


@pytest.mark.parametrize("prefetcher", [False, True])
def test_loader_mixes_and_is_switched_off(prefetcher):
    """With its prefetcher too, which hands over uint8 arrays and normalises what comes out."""
    mix = mixes()
    loader = loader_of(mix, prefetcher=prefetcher)
    for p, is_mixed in ((1, True), (0, False)):
        mix.p = p  # its workers are persistent
        batches = list(loader)
        assert len(batches) == 3
        for images, targets in batches:
            assert images.shape == (4, 3, HEIGHT, WIDTH)
            assert images.dtype == torch.float32
            # MixUp rounds bytes
            torch.testing.assert_close(grays(images), targets @ (20 * torch.arange(12.0)), rtol=0, atol=0.51)
            assert (targets.amax() < 1) == is_mixed
    for images, labels in loader_of(None, training=False, prefetcher=prefetcher):
        torch.testing.assert_close(grays(images), 20.0 * labels, rtol=0, atol=1e-3)


def binary_cross_entropy(logits, targets):
    return -(targets * F.logsigmoid(logits) + (1 - targets) * F.logsigmoid(-logits)).mean()


@pytest.mark.parametrize(
    ("criterion", "by_hand"),
    [(SoftTargetCrossEntropy(), cross_entropy), (BinaryCrossEntropy(smoothing=0), binary_cross_entropy)],
    ids=["soft", "binary"],
)
def test_training(criterion, by_hand):
    """A model, losses and an optimizer of timm. Labels are smoothed by the mix, and so not by the loss."""
    model = timm.create_model("resnet10t", pretrained=False, num_classes=COUNT)
    before, losses = copy.deepcopy(model), []
    optimizer = create_optimizer_v2(model, "momentum", lr=0.1, momentum=0, weight_decay=0)
    batches = list(loader_of(mixes(label_smoothing=0.12)))
    for images, targets in batches:
        assert targets.min().item() == pytest.approx(0.01)
        loss = criterion(model(images), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    wanted, trained = train_by_hand(before, batches, 0.1, by_hand)
    assert losses == pytest.approx(wanted, rel=1e-4)
    assert_same_weights(model, trained, rtol=1e-3, atol=1e-4)
    assert not torch.equal(model.fc.weight, before.fc.weight)
