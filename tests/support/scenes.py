"""Scenes whose pixels say whose they are and where they were: channels (sample, row, column).

So what is visible of an instance is read off the mixed image, without a word from the code about boxes or draws.
"""

import torch
from support.helpers import HEIGHT, WIDTH
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

FORMATS = ["XYXY", "XYWH", "CXCYWH"]


SIZES = [(HEIGHT, WIDTH), (9, 20), (13, 6)]


def named(sample):
    """All that belongs to the instances."""
    return [value for key, value in sample[1].items() if key in ("labels", "tag", "iscrowd")]


def make_sample(number, size, count, kind="XYXY", *, masks=False, points=False):
    """An image that tells where its pixels are from, and instances whose label is ``1000 * number + index``."""
    height, width = size
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([torch.full_like(rows, number), rows, columns]).float()
    corners = torch.empty(count, 4, dtype=torch.int64)
    for box in corners:
        (box[0], box[2]), (box[1], box[3]) = (torch.randperm(side + 1)[:2].sort()[0] for side in (width, height))
    blobs = torch.zeros(count, height, width, dtype=torch.bool)
    for blob, (left, top, right, bottom) in zip(blobs, corners.tolist(), strict=True):
        blob[top:bottom, left:right] = torch.rand(bottom - top, right - left) < 0.7
        blob[top, left] = blob[bottom - 1, right - 1] = True
    boxes = F.convert_bounding_box_format(corners.double(), tv_tensors.BoundingBoxFormat.XYXY, kind)
    target = {
        "boxes": tv_tensors.BoundingBoxes(boxes, format=kind, canvas_size=size),
        "labels": 1000 * number + torch.arange(count),
        "tag": torch.rand(count),
        "iscrowd": torch.zeros(count, dtype=torch.bool),
        "image_id": number,
    }
    if masks:
        target["masks"] = tv_tensors.Mask(blobs)
    if points:
        xy = torch.rand(count, 4, 2) * torch.tensor([width, height])
        target["keypoints"] = tv_tensors.KeyPoints(xy, canvas_size=size)
    return tv_tensors.Image(image), target


def make_samples(sizes, counts, kind="XYXY", **options):
    return [make_sample(i, size, n, kind, **options) for i, (size, n) in enumerate(zip(sizes, counts, strict=True))]


def corners_of(boxes):
    return F.convert_bounding_box_format(boxes.as_subclass(torch.Tensor), boxes.format, "XYXY").tolist()


def pixels_of(sample, index):
    """The pixels of one instance: of its mask, or else of its rectangle."""
    _, target = sample
    if "masks" in target:
        return {(r, c) for r, c in target["masks"][index].nonzero().tolist()}
    left, top, right, bottom = map(int, corners_of(target["boxes"])[index])
    return {(r, c) for r in range(top, bottom) for c in range(left, right)}
