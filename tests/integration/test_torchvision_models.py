"""One step of training with torchvision's models, on mixed batches as they come out of a DataLoader."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision.transforms import v2

from cutmix_transforms import MixCollate, MixedLoss, MixedTarget, RandomCutMix, RandomCutout, RandomMixUp

pytestmark = pytest.mark.slow

SIZE = (64, 48)


class Scenes(Dataset):
    """Rectangles on noise, in torchvision's reference format; every third scene is empty."""

    def __init__(self, transform=None):
        self.transform = transform

    def __len__(self):
        return 8

    def __getitem__(self, i):
        image = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(i))
        boxes, masks = [], torch.zeros(3 * (i % 3), *SIZE, dtype=torch.uint8)
        for k, mask in enumerate(masks):
            top, left = 5 * k, 3 * k + i
            mask[top : top + 20, left : left + 15] = 1
            image[:, mask.bool()] = k / 6
            boxes.append([left, top, left + 15, top + 20])
        target = {
            "boxes": tv_tensors.BoundingBoxes(
                torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), format="XYXY", canvas_size=SIZE
            ),
            "labels": torch.arange(len(boxes)) + 1,
            "masks": tv_tensors.Mask(masks),
            "image_id": i,
        }
        sample = tv_tensors.Image(image), target
        return sample if self.transform is None else self.transform(*sample)


def in_pairs(samples):
    return tuple(zip(*samples, strict=True))


@pytest.mark.parametrize("mix", [RandomCutMix(min_visibility=0.1), RandomMixUp()])
def test_detector(mix):
    data = Scenes(v2.Compose([v2.RandomHorizontalFlip(), RandomCutout(0.2), v2.SanitizeBoundingBoxes()]))
    loader = DataLoader(data, 8, num_workers=2, collate_fn=MixCollate(mix, collate_fn=in_pairs))
    images, targets = next(iter(loader))
    assert len({len(target["labels"]) for target in targets}) > 2
    model = fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None, num_classes=8, min_size=64)
    losses = model(images[:4], targets[:4])
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert model.roi_heads.box_predictor.cls_score.weight.grad.abs().sum() > 0


class Segments(Dataset):
    """The same scenes with one mask of classes, whose border is ignored."""

    def __len__(self):
        return 8

    def __getitem__(self, i):
        image, target = Scenes()[i]
        mask = target["masks"].amax(0).long() if len(target["masks"]) else torch.zeros(SIZE, dtype=torch.int64)
        mask[0] = 255
        return image, tv_tensors.Mask(mask)


@pytest.mark.parametrize("mix", [RandomCutMix(), RandomMixUp(target="pair")])
def test_segmenter(mix):
    images, masks = next(iter(DataLoader(Segments(), 8, num_workers=2, collate_fn=MixCollate(mix))))
    assert isinstance(masks, MixedTarget) == isinstance(mix, RandomMixUp)
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)
    loss = MixedLoss(nn.CrossEntropyLoss(ignore_index=255))(model(images)["out"], masks)
    loss.backward()
    assert torch.isfinite(loss)
    assert model.classifier.low_classifier.weight.grad.abs().sum() > 0
