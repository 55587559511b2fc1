"""Boxes, masks, keypoints and detection samples, to be in the right or in the wrong place."""

import torch
from support.batches import IMAGES
from support.helpers import HEIGHT, WIDTH
from torchvision import tv_tensors

SIZE = (HEIGHT, WIDTH)


def some_boxes(count, kind="XYXY", canvas=SIZE):
    return tv_tensors.BoundingBoxes(torch.ones(count, 4), format=kind, canvas_size=canvas)


def some_masks(*shape):
    return tv_tensors.Mask(torch.zeros(*shape, dtype=torch.uint8))


def some_points(*shape, canvas=SIZE):
    return tv_tensors.KeyPoints(torch.ones(*shape), canvas_size=canvas)


INSTANCE_LABELS = torch.zeros(3, dtype=torch.int64)


def boxes_of(*rows):
    return tv_tensors.BoundingBoxes(torch.tensor(rows, dtype=torch.float32), format="XYXY", canvas_size=(HEIGHT, WIDTH))


def detection(i, **more):
    target = {"boxes": boxes_of([0, 0, WIDTH, HEIGHT], [1, 1, 5, 6]), "labels": torch.tensor([i, i])}
    return IMAGES[i], {**target, **more}
