"""Mixing in the data set."""

from operator import index
from typing import Any

import torch
from torch.utils.data import Dataset

from cutmix_transforms._checks import check_count
from cutmix_transforms._mix import Mix
from cutmix_transforms._samples import Owners, draw_alone, mix_two
from cutmix_transforms._sampling import integers
from cutmix_transforms.functional._checks import received


class MixDataset(Dataset[Any]):
    """A map-style data set whose samples are mixed, each with a partner from the whole data set.

    Unlike a collate function it needs no batch: partners are uniform over all other samples, and every sample gets a
    draw of its own. It costs the loading of a second sample.

    Args:
        dataset: the samples, with ``__getitem__`` and ``__len__``; its own transforms must give tensor images. Where
            the sizes of two images differ, CutMix pastes what the partner covers, and MixUp pads both with zeros at
            the bottom and right.
        transform: the mix; its ``p`` is the chance that a sample is mixed.
        num_mix: number of partners, one after another, each of whom counts in the target with the pixels that are left
            of it in the end; only 1 with ``target="pair"``.

    Shape:
        - samples: an image ``(C, H, W)`` and a label, in any form that :class:`MixCollate` takes.
        - output: the same form; soft targets are ``(K,)``.

    Raises:
        TypeError: if ``dataset`` is not map-style, or ``transform`` is no mix.
        ValueError: if ``num_mix`` is less than 1, or more than 1 for pairs.
        IndexError: if an index is out of range (and TypeError if it is no integer).

    Example:
        >>> from cutmix_transforms import RandomMixUp
        >>> samples = [(torch.rand(3, 17, 11), label) for label in range(8)]
        >>> mixed = MixDataset(samples, RandomMixUp(num_classes=8))
        >>> image, target = mixed[0]
        >>> len(mixed), image.shape, target.shape
        (8, torch.Size([3, 17, 11]), torch.Size([8]))
    """

    def __init__(self, dataset: Any, transform: Mix, *, num_mix: int = 1) -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(f"dataset must be map-style, with __getitem__ and __len__, got {type(dataset).__name__}")
        if not isinstance(transform, Mix):
            raise TypeError(f"transform must be a mix, such as RandomCutMix, got {transform!r}")
        self.dataset = dataset
        self.transform = transform
        self.num_mix = check_count("num_mix", num_mix)
        if self.num_mix > 1 and transform.target == "pair":
            raise ValueError(f"num_mix must be 1 with target='pair', which has room for one partner, got {num_mix}")

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> Any:
        try:
            position = index(i)
        except TypeError:
            raise TypeError(f"index must be an integer, got {received(i)}") from None
        count = len(self)
        if not -count <= position < count:
            raise IndexError(f"index must lie in [{-count}, {count}), got {position}")
        mix = self.transform
        # Each step is called from here, so that the traceback of a bad sample stays short.
        parts = mix.ready(mix.parts_of(self.dataset[position], is_sample=True))
        mixed, owners = None, Owners(parts) if self.num_mix > 1 else None
        for step in range(0 if mix.is_idle(count) else self.num_mix):
            # Chance decides once about the sample, not again for every partner.
            chance = mix._chance(1, parts.images[0].device, sure=step > 0)
            draw = draw_alone(mix, chance, mixed or parts)
            if draw is not None:
                partner = mix.ready(mix.parts_of(self.dataset[self._partner_of(position, count)], is_sample=True))
                mixed = mix_two(mix, mixed or parts, partner, chance, draw, owners)
            if mixed is None:
                break
        return (mixed or mix.unmixed(parts)).put_together()

    def _partner_of(self, position: int, count: int) -> int:
        # float32 has too few steps for millions of samples
        u = self.transform._stream.uniform(1, device=torch.device("cpu"), dtype=torch.float64)
        return (position + 1 + int(integers(u, count - 1))) % count
