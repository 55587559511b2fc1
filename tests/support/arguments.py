"""Arguments of functions and kernels that are right, for tests that change one of them."""

import torch
from support.helpers import HEIGHT, WIDTH
from torch import nn
from torchvision import tv_tensors

from cutmix_transforms import MixedLoss, MixedTarget
from cutmix_transforms import functional as F

NAN, INF = float("nan"), float("inf")
SIZE = (HEIGHT, WIDTH)
IMAGES, LABELS = torch.rand(4, 3, *SIZE), torch.tensor([0, 1, 2, 0])
BYTES, ROWS, LOGITS = (IMAGES * 255).byte(), torch.rand(4, 3), torch.rand(4, 3)
PARTNERS, BOXES = torch.tensor([3, 0, 1, 2]), torch.tensor([[0, 0, 2, 3]] * 4)
DRAW = F.mix_draw(PARTNERS, BOXES, SIZE)
PAIR = MixedTarget(LABELS, LABELS.flip(0), torch.full((4,), 0.3))
CENTERS, LAM = torch.tensor([[3, 4]] * 4), torch.full((4,), 0.3)
CORNERS, POINTS, MASKS = torch.tensor([[1.0, 2, 5, 6]]), torch.ones(2, 2), torch.ones(2, *SIZE, dtype=torch.uint8)
BOX, FIRST = BOXES[0], torch.tensor([0])
FIVE_BOXES = torch.tensor([[0, 0, 17, 11], [2, 3, 9, 4], [0, 0, 0, 0], [16, 10, 17, 11], [5, 0, 12, 11]])
FIVE_PARTNERS = torch.tensor([3, 4, 0, 1, 2])
VIEW = F.View(BOXES[:1], SIZE)
HOLES_RULE = "holes must be of shape (K, 4) for an image (C, H, W), or (N, K, 4) for images (N, ..., C, H, W)"
CROSS = MixedLoss(nn.CrossEntropyLoss())


class Depth(tv_tensors.TVTensor):
    pass


def changed(**change):
    return DRAW._replace(**change)
