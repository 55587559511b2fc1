"""CutMix, MixUp and Cutout for PyTorch, as torchvision-style transforms."""

from cutmix_transforms import functional
from cutmix_transforms._commands._photos import photographs
from cutmix_transforms._data._collate import MixCollate, unstacked
from cutmix_transforms._data._dataset import MixDataset
from cutmix_transforms._metrics._accuracy import mixed_accuracy
from cutmix_transforms._metrics._loss import MixedLoss
from cutmix_transforms._show._batch import show_batch
from cutmix_transforms._transforms._choice import RandomMixChoice
from cutmix_transforms._transforms._cutmix import RandomCutMix
from cutmix_transforms._transforms._cutout import RandomCutout
from cutmix_transforms._transforms._mix import Mix
from cutmix_transforms._transforms._mixup import RandomMixUp
from cutmix_transforms._version import __version__
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
    "__version__",
    "functional",
    "mixed_accuracy",
    "photographs",
    "show_batch",
    "unstacked",
]
