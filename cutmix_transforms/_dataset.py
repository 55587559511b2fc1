"""Mixing in the data set."""

from operator import index
from typing import Any

import torch  # noqa: F401 (the example)
from torch.utils.data import Dataset, IterableDataset

from cutmix_transforms._mix import Mix
from cutmix_transforms._samples import mix_two, shows_partner, unmixed_sample
from cutmix_transforms._structure._read import Parts
from cutmix_transforms.functional._checks import received


class MixDataset(Dataset[Any]):
    """A map-style data set whose samples are mixed, each with a partner from the whole data set.

    Unlike a collate function it needs no batch: partners are uniform over all other samples, and every sample gets a
    draw of its own. It costs the loading of a second sample. Partners come from all of ``dataset``: where it holds the
    samples of validation too, give only those to train on, ``MixDataset(Subset(dataset, training), mix)``; a sampler
    chooses the samples, not their partners.

    Args:
        dataset: the samples, with ``__getitem__`` and ``__len__``; its own transforms must give tensor images. Where
            the sizes of two images differ, CutMix pastes what the partner covers, and MixUp pads both with zeros at
            the bottom and right.
        transform: the mix; its ``p`` is the probability that a sample is mixed.

    Shape:
        - samples: an image ``(C, H, W)`` and a label, in any form that :class:`MixCollate` takes.
        - output: the same form; soft targets are ``(K,)``.

    Raises:
        TypeError: if ``dataset`` is not map-style, or ``transform`` is no mix.
        IndexError: if an index is out of range (and TypeError if it is no integer).

    Example:
        >>> from cutmix_transforms import RandomMixUp
        >>> samples = [(torch.rand(3, 17, 11), label) for label in range(8)]
        >>> mixed = MixDataset(samples, RandomMixUp(num_classes=8))
        >>> image, target = mixed[0]
        >>> len(mixed), image.shape, target.shape
        (8, torch.Size([3, 17, 11]), torch.Size([8]))
    """

    def __init__(self, dataset: Any, transform: Mix) -> None:
        is_stream = isinstance(dataset, IterableDataset)  # which can have a length all the same
        if is_stream or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                "dataset must be map-style, with __getitem__ and __len__ (mix batches of a stream with MixCollate), "
                f"got {type(dataset).__name__}"
            )
        if not isinstance(transform, Mix):
            raise TypeError(f"transform must be a mix, such as RandomCutMix, got {transform!r}")
        self.dataset = dataset
        self.transform = transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> Any:
        try:
            position = index(i)
        except TypeError:
            raise TypeError(f"index must be an integer, got {received(i)}") from None
        count, mix = len(self), self.transform
        if not -count <= position < count:
            raise IndexError(f"index must lie in [{-count}, {count}), got {position}")
        base = self._read(position)
        if not mix.is_idle(count):
            numbers = mix.uniform(1)
            if shows_partner(mix, numbers[1:], base):
                partner = (position + mix.shift_of(numbers, count)) % count
                return mix_two(mix, base, self._read(partner), numbers[1:])
        return unmixed_sample(mix, base)

    def _read(self, position: int) -> Parts:
        return self.transform.ready(self.transform.read(self.dataset[position], is_sample=True))
