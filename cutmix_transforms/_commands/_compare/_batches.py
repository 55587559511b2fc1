"""The batches of a run: augmented, mixed, and a function of nothing but the seed and the epoch.

So a run can be taken up at any epoch, by any number of workers, and goes on as if nothing had happened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler, Subset, default_collate
from torchvision.transforms import v2

from cutmix_transforms._commands._compare._data import Data, Part
from cutmix_transforms._commands._compare._looks import Images, Plan
from cutmix_transforms._commands._compare._mixes import Transform
from cutmix_transforms._commands._compare._networks import SMALL_IMAGE
from cutmix_transforms._commands._compare._ranks import Place
from cutmix_transforms._data._collate import MixCollate
from cutmix_transforms._random._stream import Stream, seed_of

AT_ONCE = 500  # images that are tested at once


class Batches(Protocol):
    """Where a run gets what it learns from."""

    def __len__(self) -> int:
        """Return the number of batches of an epoch, of one rank."""

    def epoch(self, seed: int, epoch: int, mix: Transform | None) -> Iterator[tuple[Tensor, Any]]:
        """Yield images ``(n, 3, size, size)`` uint8 and their targets, of one epoch of one rank, on its device."""


@dataclass(frozen=True)
class Order:
    """The images of each batch in an epoch of one rank."""

    total: int
    batch_size: int
    place: Place

    def __len__(self) -> int:
        """Return the number of batches; a short one is left out, for one image is too few for a batch norm."""
        mine = self.total // self.place.ranks
        return max(1, mine // self.batch_size)

    def batches(self, generator: Generator) -> list[Tensor]:
        """Draw the indices of each batch: the same for all mixes, so that runs of one seed are pairs."""
        order = torch.tensor(list(RandomSampler(range(self.total), generator=generator)))
        mine = order[self.place.rank :: self.place.ranks][: self.total // self.place.ranks]
        return list(mine.split(self.batch_size))[: len(self)]


def of(data: Data, augment: str, batch_size: int, *, place: Place, workers: int) -> Batches:
    """Return the batches to train with: from memory where the images are small, else from workers."""
    order = Order(len(data.train.labelled), batch_size, place)
    if data.train.held is not None:
        return Held(data.train, augment, order)
    return Loaded(data, augment, order, workers)


class Held:
    """Batches of images that the memory of the device holds, where they are augmented and mixed.

    Args:
        part: what is learned from, with its pixels.
        augment: one of ``AUGMENTS``.
        order: which images are in which batch.
    """

    def __init__(self, part: Part, augment: str, order: Order) -> None:
        if part.held is None:
            raise ValueError("part must hold its pixels")
        self.order, self.augment, self.size = order, augment, part.held.shape[-1]
        self.margin = self.size // 8 if augment == "crop" else 0
        padded = v2.functional.pad(part.held, [self.margin])
        # Channels last, so that what is gathered is as the network wants it.
        self.pixels = padded.permute(0, 2, 3, 1).contiguous().to(order.place.device)
        self.labels = torch.tensor([label for _, label in part.labelled], device=order.place.device)

    def __len__(self) -> int:
        return len(self.order)

    def epoch(self, seed: int, epoch: int, mix: Transform | None) -> Iterator[tuple[Tensor, Any]]:
        """Yield the batches of one epoch; see the protocol."""
        generator = Generator().manual_seed(seed_of(seed, epoch) % 2**32)
        chosen = torch.stack(self.order.batches(generator)).to(self.pixels.device)  # (batches, n)
        rows, columns = (lines.to(self.pixels.device) for lines in self._lines(chosen.shape, generator))
        for indices, its_rows, its_columns in zip(chosen, rows, columns, strict=True):
            # (n, size, size, 3), read as (n, 3, size, size) in channels_last
            images = self.pixels[indices[:, None, None], its_rows[:, :, None], its_columns[:, None, :]]
            batch = images.permute(0, 3, 1, 2), self.labels[indices]
            yield batch if mix is None else mix(*batch)

    def _lines(self, shape: torch.Size, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draw which rows and columns of each padded image show, ``(*shape, size)``: shifted, and columns reversed."""
        numbers = torch.from_numpy(Stream.of(generator).uniform(3, *shape, 1))
        top, left = (numbers[:2] * (2 * self.margin + 1)).long()
        line = torch.arange(self.size)
        flips = numbers[2] < (0.5 if self.augment != "none" else 0.0)
        return top + line, left + torch.where(flips, self.size - 1 - line, line)


class Loaded:
    """Batches that workers read, augment and mix while they collate.

    Args:
        data: what is learned from, as files.
        augment: one of ``AUGMENTS``.
        order: which images are in which batch.
        workers: how many processes there are.
    """

    def __init__(self, data: Data, augment: str, order: Order, workers: int) -> None:
        self.order, self.workers = order, workers
        self.images = Images(data.train.labelled, data.size, augmented(data.size, augment))

    def __len__(self) -> int:
        return len(self.order)

    def epoch(self, seed: int, epoch: int, mix: Transform | None) -> Iterator[tuple[Tensor, Any]]:
        """Yield the batches of one epoch; see the protocol."""
        place = self.order.place
        batches = self.order.batches(Generator().manual_seed(seed_of(seed, epoch) % 2**32))
        # The generator of a CPU uses 32 bits of a seed.
        plans = [
            Plan(seed_of(seed, epoch, place.rank, number) % 2**32, indices.tolist())
            for number, indices in enumerate(batches)
        ]
        collate = MixCollate(mix) if isinstance(mix, v2.Transform) else _Collate(mix)
        for images, target in _loader(self.images, self.workers, batch_sampler=plans, collate_fn=collate):
            yield images.to(place.device, non_blocking=True), target.to(place.device, non_blocking=True)


class _Collate:
    """Collates samples, and mixes them by what is no transform of torchvision's kind, or not at all."""

    def __init__(self, mix: Transform | None) -> None:
        self.mix = mix

    def __call__(self, samples: list[tuple[Tensor, int]]) -> Any:
        images, labels = default_collate(samples)
        return (images, labels) if self.mix is None else self.mix(images, labels)


def augmented(size: int, augment: str) -> v2.Transform:
    """Return the transform of a single image of any size on its way into a batch."""
    steps: list[v2.Transform] = []
    if augment == "crop" and size > SMALL_IMAGE:
        steps += [v2.RandomResizedCrop(size, scale=(0.35, 1.0))]
    else:
        steps += [v2.Resize(size), v2.CenterCrop(size)]
    if augment == "crop" and size <= SMALL_IMAGE:
        steps += [v2.RandomCrop(size, padding=size // 8)]
    if augment != "none":
        steps += [v2.RandomHorizontalFlip()]
    return v2.Compose([*steps, v2.PILToTensor()])


def to_test(
    part: Part, size: int, chosen: Sequence[int], *, device: torch.device, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images as they are, and their labels, in batches.

    Args:
        part: the images.
        size: side of the images in pixels.
        chosen: the numbers of those that are wanted.
        device: where they go.
        workers: processes that read what memory does not hold.
    """
    if part.held is not None:
        labels = torch.tensor([label for _, label in part.labelled])
        for indices in torch.tensor(chosen).split(AT_ONCE):
            yield part.held[indices].to(device), labels[indices].to(device)
        return
    mine = Subset(Images(part.labelled, size), chosen)
    for images, labels in _loader(mine, workers, batch_size=AT_ONCE // 2):
        yield images.to(device), labels.to(device)


def _loader(dataset: Dataset[Any], workers: int, **options: Any) -> DataLoader[Any]:
    return DataLoader(dataset, num_workers=workers, pin_memory=torch.cuda.is_available(), **options)
