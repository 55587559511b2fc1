"""The deterministic kernels behind the transforms: pixels, targets and draws as pure functions of tensors."""

from cutmix_transforms.functional._blend import blend
from cutmix_transforms.functional._boxes import boxes_around, cutmix_boxes, inside_boxes
from cutmix_transforms.functional._cutout import cutout
from cutmix_transforms.functional._masks import boxes_of_masks, join_masks, visible_mask_fraction
from cutmix_transforms.functional._mix_draw import mix_draw
from cutmix_transforms.functional._pairs import pair_targets
from cutmix_transforms.functional._pixels import mix_images
from cutmix_transforms.functional._placement import Placement, image_size
from cutmix_transforms.functional._registry import register_instance_kernel, register_kernel
from cutmix_transforms.functional._soft_targets import soft_targets
from cutmix_transforms.functional._targets import mix_targets, union_targets
from cutmix_transforms.functional._visibility import View, visible_boxes, visible_keypoints

__all__ = [
    "Placement",
    "View",
    "blend",
    "boxes_around",
    "boxes_of_masks",
    "cutmix_boxes",
    "cutout",
    "image_size",
    "inside_boxes",
    "join_masks",
    "mix_draw",
    "mix_images",
    "mix_targets",
    "pair_targets",
    "register_instance_kernel",
    "register_kernel",
    "soft_targets",
    "union_targets",
    "visible_boxes",
    "visible_keypoints",
    "visible_mask_fraction",
]
