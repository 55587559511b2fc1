"""The training loops that people start from, followed step by step, with nothing changed but for the mix."""

import copy

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.toys import COUNT, PICTURES, SAMPLES, agree, assert_same_weights, cross_entropy, network, train_by_hand
from timm.loss import SoftTargetCrossEntropy
from timm.utils import ModelEmaV3
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixChoice, RandomMixUp, unstacked


def make(**options):
    options["num_classes"] = COUNT
    return RandomMixChoice([RandomMixUp(alpha=0.2, **options), RandomCutMix(ratio=(0.2, 0.8), **options)])


# --- torchvision: classification -------------------------------------------------------------------------------------


def accuracy(output, target, k):
    """As the script counts it: of soft targets the largest one."""
    if target.ndim == 2:
        target = target.amax(1, keepdim=True).eq(target).int().argmax(1)
    return (output.topk(k, 1).indices == target[:, None]).any(1).float().mean().item()


@pytest.mark.parametrize("place", ["their collate function", "ours"])
@pytest.mark.slow
def test_classification(place):
    """Smoothed in the loss, gradients clipped, weights averaged; evaluation does not mix."""
    mix, model = make(), network()
    collate = MixCollate(mix) if place == "ours" else lambda samples: mix(*default_collate(samples))
    loader = DataLoader(SAMPLES, 6, shuffle=True, num_workers=2, collate_fn=collate, drop_last=True)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    criterion, before = nn.CrossEntropyLoss(label_smoothing=0.1), copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4)
    largest = []
    for _ in range(2):
        for images, targets in loader:
            largest.append(agree(images, targets))
            output = model(images)
            loss = criterion(output, targets)
            rows = 0.9 * targets + 0.1 / COUNT
            torch.testing.assert_close(loss, cross_entropy(output, rows))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            averaged.update_parameters(model)
            assert 0 <= accuracy(output, targets, 1) <= accuracy(output, targets, 5) <= 1
        scheduler.step()
    assert min(largest) < 1
    for weight, start, mean in zip(model.parameters(), before.parameters(), averaged.parameters(), strict=True):
        assert not torch.equal(weight, start)
        assert not torch.equal(weight, mean)
    with torch.inference_mode():
        hits = [accuracy(averaged(images), labels, 5) for images, labels in DataLoader(SAMPLES, 6)]
    assert len(hits) == 4


# --- torchvision: segmentation ---------------------------------------------------------------------------------------


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.out, self.aux = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 1), nn.Conv2d(4, 8, 1)

    def forward(self, images):
        features = self.backbone(images).relu()
        return {"out": self.out(features), "aux": self.aux(features)}


def padded(tensors, fill):
    """Images, or masks, of unequal size as one batch."""
    sides = [max(one.shape[axis] for one in tensors) for axis in (-2, -1)]
    batch = tensors[0].new_full((len(tensors), *tensors[0].shape[:-2], *sides), fill)
    for row, one in zip(batch, tensors, strict=True):
        row[..., : one.shape[-2], : one.shape[-1]].copy_(one)
    return batch


def pad_collate(samples):
    images, masks = zip(*samples, strict=True)
    return padded(images, 0), padded([mask.as_subclass(torch.Tensor) for mask in masks], 255)


@pytest.mark.parametrize("place", ["after", "before"])
@pytest.mark.parametrize("wrap", [tv_tensors.Mask, torch.Tensor.clone], ids=["wrapped", "plain"])
@pytest.mark.slow
def test_segmentation(place, wrap):
    """Images of unequal size, mixed after they were padded or before; what is padded is ignored."""
    samples = []
    for i in range(8):
        side = HEIGHT + i % 3, WIDTH + i % 2
        samples.append((torch.full((3, *side), i + 1.0), wrap(torch.full(side, i))))
    mix = RandomCutMix(ratio=(0.3, 0.7))
    collate = MixCollate(mix, collate_fn=pad_collate)
    if place == "after":
        collate = lambda samples: mix(*pad_collate(samples))  # noqa: E731
    model, seen = TwoHeads(), 0
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for images, masks in DataLoader(samples, 4, shuffle=True, num_workers=1, collate_fn=collate):
        assert masks.dtype == torch.int64
        assert torch.equal(images[:, 0], torch.where(masks == 255, 0.0, masks + 1.0))
        seen = max(seen, *(len(mask[mask != 255].unique()) for mask in masks))
        losses = {
            name: nn.functional.cross_entropy(output, masks, ignore_index=255) for name, output in model(images).items()
        }
        loss = losses["out"] + 0.5 * losses["aux"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
        assert model.aux.weight.grad.abs().sum() > 0
    assert seen == 2


# --- torchvision: detection ------------------------------------------------------------------------------------------


def scene(i):
    """A rectangle on noise, and another one in every second image."""
    image = torch.rand(3, 64, 48, generator=torch.Generator().manual_seed(i))
    masks = torch.zeros(1 + i % 2, 64, 48, dtype=torch.uint8)
    for k, mask in enumerate(masks):
        mask[5 + 20 * k : 30 + 20 * k, 4 + i : 30 + i] = 1
    boxes = [[4.0 + i, 5 + 20 * k, 30 + i, 30 + 20 * k] for k in range(len(masks))]
    target = {
        "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(64, 48)),
        "labels": torch.arange(len(masks)) + 1,
        "masks": tv_tensors.Mask(masks),
        "image_id": i,
        "area": torch.full((len(masks),), 650.0),
        "iscrowd": torch.zeros(len(masks), dtype=torch.int64),
    }
    return tv_tensors.Image(image), target


def small_mask_rcnn():
    backbone = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
    backbone.out_channels = 8
    return MaskRCNN(
        backbone,
        num_classes=3,
        min_size=64,
        max_size=64,
        rpn_anchor_generator=AnchorGenerator(((16, 32),), ((1.0,),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 3, 1),
        mask_roi_pool=MultiScaleRoIAlign(["0"], 6, 1),
    )


@pytest.mark.parametrize("mix", [RandomCutMix(min_visibility=0.1), RandomMixUp()], ids=["cutmix", "mixup"])
@pytest.mark.slow
def test_detection(mix):
    """The keys that its evaluation needs stay aligned; a warm-up of the rate; losses by name."""
    loader = DataLoader(
        [scene(i) for i in range(8)], 4, num_workers=1, collate_fn=MixCollate(mix, collate_fn=unstacked)
    )
    model = small_mask_rcnn().train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=2)
    for batch in loader:
        images = [image.to("cpu") for image in batch[0]]
        targets = [{k: v.to("cpu") if isinstance(v, torch.Tensor) else v for k, v in one.items()} for one in batch[1]]
        for target in targets:
            rows = {len(target[key]) for key in ("boxes", "labels", "masks", "area", "iscrowd")}
            assert rows == {len(target["boxes"])}
            assert isinstance(target["image_id"], int)
        losses = model(images, targets)
        assert all(loss.isfinite() for loss in losses.values())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        warm_up.step()
    assert model.roi_heads.mask_predictor.mask_fcn_logits.weight.grad.abs().sum() > 0
    with torch.inference_mode():
        assert len(model.eval()([scene(0)[0]])) == 1


# --- timm ------------------------------------------------------------------------------------------------------------


def test_timm_without_its_prefetcher():
    """Mixed in the loop, images channels_last, gradients of two batches at once, averaged weights; off in the end."""
    mix, model = make(label_smoothing=0.1), network()
    before, average, criterion = copy.deepcopy(model), ModelEmaV3(model, decay=0.5), SoftTargetCrossEntropy()
    optimizer, batches = torch.optim.SGD(model.parameters(), 0.1), []
    loader = DataLoader([(PICTURES[i], i) for i in range(COUNT)], 6, shuffle=True)
    for epoch in range(2):
        if epoch == 1:
            mix.p = 0  # mixup_off_epoch
        for i, (plain, labels) in enumerate(loader):
            images, targets = mix(plain.contiguous(memory_format=torch.channels_last), labels)
            assert images.is_contiguous(memory_format=torch.channels_last)
            assert (targets.amax() < 0.9) == (epoch == 0)
            (criterion(model(images), targets) / 2).backward()
            batches.append((images, targets))
            if i % 2:
                optimizer.step()
                optimizer.zero_grad()
                average.update(model)
    pairs = [
        (torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]])) for a, b in zip(batches[::2], batches[1::2], strict=True)
    ]
    _, trained = train_by_hand(before, pairs, 0.1)
    assert_same_weights(model, trained, rtol=1e-4, atol=1e-6)
    assert not torch.equal(average.module[0].weight, model[0].weight)
