"""The deterministic kernels behind the transforms: pixels, targets and draws as pure functions of tensors."""

from cutmix_transforms.functional._draw import boxes_around, cutmix_boxes, mix_draw
from cutmix_transforms.functional._images import blend, cutout, image_size, inside_boxes, mix_images
from cutmix_transforms.functional._targets import mix_targets, pair_targets, soft_targets

__all__ = [
    "blend",
    "boxes_around",
    "cutmix_boxes",
    "cutout",
    "image_size",
    "inside_boxes",
    "mix_draw",
    "mix_images",
    "mix_targets",
    "pair_targets",
    "soft_targets",
]
