"""What the compare command compares."""

from dataclasses import dataclass

from cutmix_transforms._choice import RandomMixChoice
from cutmix_transforms._cutmix import RandomCutMix
from cutmix_transforms._cutout import RandomCutout
from cutmix_transforms._mix import Mix
from cutmix_transforms._mixup import RandomMixUp

MIXES = ("none", "cutout", "mixup", "cutmix", "cutmix+mixup")
AUGMENTS = ("none", "flip", "crop")
ALPHA = {"mixup": 0.4, "cutmix": 1.0}


@dataclass
class Mixing:
    """A transform of single pictures, or one of batches, or nothing."""

    samples: RandomCutout | None = None
    batches: Mix | None = None

    def turn_off(self) -> None:
        """Leave pictures alone from now on, also in workers that are running."""
        if self.samples is not None:
            self.samples.p = 0.0
        if self.batches is not None:
            self.batches.p = 0.0


def make(name: str, num_classes: int, alpha: float | None, mean: list[float]) -> Mixing:
    """One of ``MIXES``, with the ``alpha`` of both mixes or what is usual for each; holes show the ``mean``."""
    alphas = {mix: usual if alpha is None else alpha for mix, usual in ALPHA.items()}
    if name == "none":
        return Mixing()
    if name == "cutout":
        return Mixing(samples=RandomCutout(fill=[round(255 * one) for one in mean]))
    cutmix = RandomCutMix(alpha=alphas["cutmix"], num_classes=num_classes)
    mixup = RandomMixUp(alpha=alphas["mixup"], num_classes=num_classes)
    return Mixing(batches={"cutmix": cutmix, "mixup": mixup, "cutmix+mixup": RandomMixChoice([cutmix, mixup])}[name])
