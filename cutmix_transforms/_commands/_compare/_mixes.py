"""The mixes and augmentations that the compare command compares."""

from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms._transforms._choice import RandomMixChoice
from cutmix_transforms._transforms._cutmix import RandomCutMix
from cutmix_transforms._transforms._cutout import RandomCutout
from cutmix_transforms._transforms._mixup import RandomMixUp

MIXES = ("none", "cutout", "mixup", "cutmix", "cutmix+mixup")
AUGMENTS = ("none", "flip", "crop")
ALPHA = {"mixup": 0.4, "cutmix": 1.0}


def make(name: str, num_classes: int, alpha: float | None, mean: list[float]) -> RandomTransform | None:
    """One of ``MIXES``, with the ``alpha`` of both mixes or what is usual for each; holes show the ``mean``."""
    alphas = {mix: usual if alpha is None else alpha for mix, usual in ALPHA.items()}
    cutmix = RandomCutMix(alpha=alphas["cutmix"], num_classes=num_classes)
    mixup = RandomMixUp(alpha=alphas["mixup"], num_classes=num_classes)
    return {
        "none": None,
        "cutout": RandomCutout(fill=[round(255 * one) for one in mean]),
        "mixup": mixup,
        "cutmix": cutmix,
        "cutmix+mixup": RandomMixChoice([cutmix, mixup]),
    }[name]
