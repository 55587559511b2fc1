"""The batches of one run of the compare command."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, DistributedSampler, Sampler, Subset, default_collate
from torchvision.transforms import v2

from cutmix_transforms._commands._compare._data import Data, Part
from cutmix_transforms._commands._compare._looks import Pictures, Plan
from cutmix_transforms._commands._compare._networks import SMALL_PICTURE
from cutmix_transforms._data._collate import MixCollate
from cutmix_transforms._random._stream import seed_of
from cutmix_transforms._transforms._base import RandomTransform


class Plans(Sampler[Plan]):
    """The batches of an epoch, of those of one rank, as a function of nothing but the seed and the epoch.

    So a run can be taken up at any epoch, by any number of workers, and goes on as if nothing had happened.
    """

    def __init__(
        self, count: int, batch_size: int, *, seed: int, place: tuple[int, int], begin: Callable[[int], None]
    ) -> None:
        self.seed, self.begin = seed, begin
        self.rank, ranks = place
        # Lightning sets the epoch of what it finds as a sampler.
        self.sampler: DistributedSampler[int] = DistributedSampler(
            cast(Dataset[int], range(count)), ranks, self.rank, seed=seed
        )
        several = (
            len(self.sampler) > batch_size
        )  # then a short one is left out: one picture is too few for a batch norm
        self.batches = BatchSampler(self.sampler, batch_size, drop_last=several)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Plan]:
        epoch = self.sampler.epoch
        self.begin(epoch)  # before any batch of this epoch is made, and after all of the one before
        for number, indices in enumerate(self.batches):
            # The generator of a CPU uses 32 bits of a seed.
            yield Plan(seed_of(self.seed, epoch, self.rank, number) % 2**32, indices)


class Batches(pl.LightningDataModule):
    """The loaders of one run: mixed in the workers for training, whole and unmixed for validation and test."""

    def __init__(
        self,
        data: Data,
        mix: RandomTransform | None,
        *,
        batch_size: int,
        workers: int,
        seed: int,
        unmixed_from: int,
        augment: str,
    ) -> None:
        super().__init__()
        self.data, self.mix, self.augment = data, mix, augment
        self.batch_size, self.workers, self.seed, self.unmixed_from = batch_size, workers, seed, unmixed_from

    def plans(self, place: tuple[int, int], epoch: int = 0) -> Plans:
        """The batches of an epoch for one of several ranks."""
        plans = Plans(len(self.data.train.labelled), self.batch_size, seed=self.seed, place=place, begin=self._begin)
        plans.sampler.set_epoch(epoch)
        return plans

    def _begin(self, epoch: int) -> None:
        if epoch >= self.unmixed_from and self.mix is not None:
            self.mix.p = 0.0

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches of this rank, from the epoch on that a checkpoint ended with."""
        progress: Any = self._trainer().fit_loop.epoch_progress.current
        return self._loader(
            self._pictures(self.data.train, self._transform()),
            batch_sampler=self.plans(self._place(), progress.processed),
            collate_fn=default_collate if self.mix is None else MixCollate(self.mix),
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Some of the test pictures, evenly spread, at most as many as there are to learn from, so that it is fast."""
        count, most = len(self.data.test.labelled), min(len(self.data.test.labelled), len(self.data.train.labelled))
        return self._whole([i * count // most for i in range(most)])

    def test_dataloader(self) -> DataLoader[Any]:
        """All test pictures."""
        return self._whole(range(len(self.data.test.labelled)))

    def _whole(self, chosen: Sequence[int]) -> DataLoader[Any]:
        rank, ranks = self._place()  # each picture is seen by one rank: a sampler would repeat some to be even
        mine = Subset(self._pictures(self.data.test), chosen[rank::ranks])
        # Workers would cost more than they give where pictures only have to be stacked.
        workers = self.workers if self.data.test.held is None else 0
        return self._loader(mine, batch_size=max(self.batch_size, 250), num_workers=workers)

    def _pictures(self, part: Part, transform: v2.Transform | None = None) -> Pictures:
        return Pictures(part.labelled, self.data.size, transform, part.held)

    def _loader(self, dataset: Dataset[Any], **options: Any) -> DataLoader[Any]:
        return DataLoader(dataset, pin_memory=torch.cuda.is_available(), **{"num_workers": self.workers, **options})

    def _transform(self) -> v2.Transform:
        """Single pictures on their way into a batch."""
        size, held = self.data.size, self.data.train.held is not None
        steps: list[v2.Transform] = []
        small = size <= SMALL_PICTURE
        if self.augment == "crop" and not small:
            steps += [v2.RandomResizedCrop(size, scale=(0.35, 1.0))]
        elif not held:
            steps += [v2.Resize(size), v2.CenterCrop(size)]
        if self.augment == "crop" and small:
            steps += [v2.RandomCrop(size, padding=size // 8)]
        if self.augment != "none":
            steps += [v2.RandomHorizontalFlip()]
        if not held:
            steps += [v2.PILToTensor()]
        return v2.Compose(steps or [v2.Identity()])

    def _trainer(self) -> pl.Trainer:
        if self.trainer is None:
            raise RuntimeError("these batches are made for a trainer, which sets itself")
        return self.trainer

    def _place(self) -> tuple[int, int]:
        return self._trainer().global_rank, self._trainer().world_size
