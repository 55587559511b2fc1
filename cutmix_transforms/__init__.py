"""CutMix, MixUp and Cutout for PyTorch, as torchvision-style transforms."""

from cutmix_transforms import functional
from cutmix_transforms._accuracy import mixed_accuracy
from cutmix_transforms._choice import RandomMixChoice
from cutmix_transforms._collate import MixCollate, unstacked
from cutmix_transforms._cutmix import RandomCutMix
from cutmix_transforms._cutout import RandomCutout
from cutmix_transforms._dataset import MixDataset
from cutmix_transforms._loss import MixedLoss
from cutmix_transforms._mix import Mix
from cutmix_transforms._mixup import RandomMixUp
from cutmix_transforms._photos import photographs
from cutmix_transforms._show import show_batch
from cutmix_transforms.functional._draw import MixDraw
from cutmix_transforms.functional._pairs import MixedTarget

__all__ = [
    "Mix",
    "MixCollate",
    "MixDataset",
    "MixDraw",
    "MixedLoss",
    "MixedTarget",
    "RandomCutMix",
    "RandomCutout",
    "RandomMixChoice",
    "RandomMixUp",
    "functional",
    "mixed_accuracy",
    "photographs",
    "show_batch",
    "unstacked",
]
