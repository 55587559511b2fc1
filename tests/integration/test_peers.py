"""Side by side with the libraries that people come from."""

import pytest
import torch
import torchvision
from support.helpers import HEIGHT, WIDTH
from timm.data import mixup
from torch import nn
from torch.utils._pytree import tree_flatten
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    MixCollate,
    MixedLoss,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
    mixed_accuracy,
)
from cutmix_transforms.functional import mix_draw, mix_images, mix_targets, soft_targets

PAIRS = pytest.mark.parametrize(("ours", "theirs"), [(RandomCutMix, v2.CutMix), (RandomMixUp, v2.MixUp)])
PREVIOUS = torch.tensor([5, 0, 1, 2, 3, 4])  # torchvision mixes with the sample before


@PAIRS
def test_torchvision_with_the_same_numbers(ours, theirs, images, labels, monkeypatch):
    """Same box or fraction, same partner: the very same pixels and targets."""
    params = {}
    make_params = theirs.make_params

    def record(self, flat_inputs):
        params.update(make_params(self, flat_inputs))
        return params

    monkeypatch.setattr(theirs, "make_params", record)
    for seed in range(20):
        torch.manual_seed(seed)
        wanted_images, wanted_targets = theirs(num_classes=5)(images, labels)
        if ours is RandomCutMix:
            left, top, right, bottom = params["box"]
            draw = mix_draw(PREVIOUS, torch.tensor([[top, left, bottom, right]] * 6), (HEIGHT, WIDTH))
        else:
            whole = torch.tensor([[0, 0, HEIGHT, WIDTH]] * 6)
            draw = mix_draw(PREVIOUS, whole, (HEIGHT, WIDTH), opacity=1 - params["lam"])
        mixed, targets = ours(num_classes=5)(images, labels, draw=draw)
        torch.testing.assert_close(mixed, wanted_images)
        torch.testing.assert_close(targets, wanted_targets)


@PAIRS
def test_torchvision_call_forms(ours, theirs, images, labels):
    """Whatever torchvision takes, ours takes, and gives back in the same form."""
    options = [{}, {"labels_getter": lambda inputs: inputs[1]}, {"alpha": 0.3}]
    forms = [
        (images, labels),
        ((images, labels),),
        ([images, labels],),
        (tv_tensors.Image(images), labels),
        (tv_tensors.Video(images[:, None]), labels),
        (images, labels, torch.arange(6), "text", None),
        ((images, labels, {"id": torch.arange(6)}),),
        (images, torch.rand(6, 5)),
        (images.double(), torch.randint(0, 2, (6, 5))),
    ]
    for option in options:
        for form in forms:
            got, wanted = (tree_flatten(make(num_classes=5, **option)(*form)) for make in (ours, theirs))
            assert got[1] == wanted[1]
            for a, b in zip(got[0], wanted[0], strict=True):
                assert type(a) is type(b)
                if isinstance(a, torch.Tensor):
                    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    for form in ({"image": images, "labels": labels}, (images, {"Labels": labels})):
        got, wanted = (tree_flatten(make(num_classes=5)(form)) for make in (ours, theirs))
        assert got[1] == wanted[1]
        assert [leaf.shape for leaf in got[0]] == [leaf.shape for leaf in wanted[0]]


def test_torchvision_reference_recipe(labels):
    """Its training script: RandomChoice of MixUp and CutMix in a collate function of a loader with workers."""
    choice = v2.RandomChoice([RandomMixUp(alpha=0.2, num_classes=10), RandomCutMix(alpha=1.0, num_classes=10)])
    data = torchvision.datasets.FakeData(
        12,
        image_size=(3, HEIGHT, WIDTH),
        num_classes=10,
        transform=v2.Compose([v2.PILToTensor(), v2.ToDtype(torch.float, scale=True)]),
    )
    loader = DataLoader(data, 4, num_workers=2, collate_fn=lambda batch: choice(*default_collate(batch)))
    for images, targets in loader:
        assert images.shape == (4, 3, HEIGHT, WIDTH)
        torch.testing.assert_close(targets.sum(1), torch.ones(4))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("mode", ["batch", "elem"])
@pytest.mark.parametrize("minmax", [None, (0.2, 0.6)])
def test_timm_with_the_same_numbers(mode, smoothing, minmax, images, labels, monkeypatch):
    """timm pairs with the flipped batch; its fractions and boxes, put into our kernels, give its images and targets."""
    boxes, box_of = [], mixup.cutmix_bbox_and_lam

    def record(*args, **options):
        (yl, yh, xl, xh), lam = box_of(*args, **options)
        boxes.append([int(v) for v in (yl, xl, yh, xh)])
        return (yl, yh, xl, xh), lam

    monkeypatch.setattr(mixup, "cutmix_bbox_and_lam", record)
    theirs = mixup.Mixup(
        mixup_alpha=0.0, cutmix_alpha=1.0, cutmix_minmax=minmax, mode=mode, label_smoothing=smoothing, num_classes=5
    )
    for _ in range(10):
        boxes.clear()
        wanted_images, wanted_targets = theirs(images.clone(), labels)
        rows = torch.tensor(boxes if mode == "elem" else boxes * 6)
        draw = mix_draw(torch.arange(5, -1, -1), rows, (HEIGHT, WIDTH))
        assert torch.equal(mix_images(images, draw), wanted_images)
        targets = mix_targets(soft_targets(labels, 5, smoothing), draw)
        torch.testing.assert_close(targets, wanted_targets, rtol=0, atol=1e-6)


def test_migration_from_timm(images, labels):
    """The README's row: prob, switch_prob, label_smoothing, mode='elem' in our words."""
    options = {"num_classes": 5, "p": 0.9, "label_smoothing": 0.1, "per_sample": True}
    mix = RandomMixChoice(
        [RandomMixUp(alpha=0.8, **options), RandomCutMix(alpha=1.0, **options)], weights=[0.5, 0.5], per_sample=True
    )
    mixed, targets = mix(images, labels)
    wanted_images, wanted_targets = mixup.Mixup(
        mixup_alpha=0.8, cutmix_alpha=1.0, prob=0.9, mode="elem", label_smoothing=0.1, num_classes=5
    )(images.clone(), labels)
    assert mixed.shape == wanted_images.shape
    assert targets.shape == wanted_targets.shape
    assert targets.dtype == wanted_targets.dtype
    torch.testing.assert_close(targets.min(), wanted_targets.min())


def test_targets_of_uint8_samples_keep_their_fractions():
    """timm's collate in elem mode had built the weights in the images' dtype, where they were 0."""
    samples = [((torch.ones(3, HEIGHT, WIDTH, dtype=torch.uint8) * i), i) for i in range(6)]
    images, targets = MixCollate(RandomMixUp(num_classes=6, per_sample=True))(samples)
    assert images.dtype == torch.uint8
    torch.testing.assert_close(targets @ torch.arange(6.0), images.float().mean((1, 2, 3)), rtol=0, atol=0.5)


@pytest.mark.parametrize("place", ["collate", "batch"])
@pytest.mark.parametrize("target", ["soft", "pair"])
def test_a_training_step(place, target):
    """A small model of torchvision, a real loader, one step of SGD: gradients arrive and the loss falls."""
    data = torchvision.datasets.FakeData(
        16,
        image_size=(3, 32, 32),
        num_classes=10,
        transform=v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), RandomCutout(8, p=0.5)]),
    )
    mix = RandomMixChoice([RandomCutMix(num_classes=10, target=target), RandomMixUp(num_classes=10, target=target)])
    loader = DataLoader(data, 8, num_workers=1, collate_fn=MixCollate(mix) if place == "collate" else None)
    model = torchvision.models.squeezenet1_1(num_classes=10)
    criterion, optimizer = MixedLoss(nn.CrossEntropyLoss()), torch.optim.SGD(model.parameters(), 1e-3)
    for batch in loader:
        images, targets = batch if place == "collate" else mix(*batch)
        assert isinstance(targets, MixedTarget) == (target == "pair")
        before = criterion(model.eval()(images), targets)
        before.backward()
        optimizer.step()
        optimizer.zero_grad()
        logits = model(images)
        assert criterion(logits, targets) < before
        assert 0 <= mixed_accuracy(logits, targets) <= 1
