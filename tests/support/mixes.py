"""The mixes that tests run over, each under one name, and mixes of one's own as users write them."""

from functools import partial

import pytest

from cutmix_transforms import RandomCutMix, RandomMixChoice, RandomMixUp


def choice(*, per_sample=False, generator=None, **options):
    """A choice of both, which draw per sample when it does, and have all options that a choice has not."""
    children = [kind(per_sample=per_sample, **options) for kind in (RandomCutMix, RandomMixUp)]
    return RandomMixChoice(children, per_sample=per_sample, generator=generator)


BOTH = (RandomCutMix, RandomMixUp)
MIXES = {
    "cutmix": RandomCutMix,
    "cutmix_ratio": partial(RandomCutMix, ratio=(0.2, 0.8)),
    "cutmix_blended": partial(RandomCutMix, opacity=(0.2, 0.9)),
    "cutmix_inner": partial(RandomCutMix, ratio=(0.3, 0.8), opacity=(0.2, 1.0)),
    "cutmix_sometimes": partial(RandomCutMix, p=0.5),
    "cutmix_pair": partial(RandomCutMix, target="pair"),
    "mixup": RandomMixUp,
    "mixup_sometimes": partial(RandomMixUp, p=0.5),
    "mixup_pair": partial(RandomMixUp, majority=True, target="pair"),
    "mixup_off": partial(RandomMixUp, p=0),
    "choice": choice,
}


def mixes_of(*names, **options):
    """Mixes by their names, all with the same options; the three of the README when none is named."""
    return {name: partial(MIXES[name], **options) for name in names or ("cutmix", "mixup", "choice")}


def over(mixes):
    """Run a test over mixes that it makes by ``make``."""
    return pytest.mark.parametrize("make", mixes.values(), ids=mixes)


mixes = over(mixes_of("cutmix_ratio", "mixup", "choice"))  # whose batches always show something of a partner
