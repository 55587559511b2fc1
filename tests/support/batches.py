"""A batch of constant images, so that mixed ones tell their own mixture, and samples of it in every form."""

import torch
from support.helpers import HEIGHT, WIDTH
from support.oracles import constant_images

COUNT, CLASSES = 6, 5
IMAGES = constant_images(COUNT, 3, HEIGHT, WIDTH)
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])
MASKS = torch.arange(COUNT).view(-1, 1, 1).expand(-1, HEIGHT, WIDTH).contiguous()  # as constant as the images


BATCH = constant_images(4, 3, HEIGHT, WIDTH), torch.arange(4)


SECOND = constant_images(7, 3, HEIGHT, WIDTH) + 100, torch.arange(7) % CLASSES
