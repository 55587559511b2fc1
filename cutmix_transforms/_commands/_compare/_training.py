"""One run of the compare command: a network trained with one mix from one seed, and what came out."""

import logging
import math
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCalibrationError,
    MulticlassPrecision,
    MulticlassRecall,
)
from tqdm import tqdm

from cutmix_transforms._commands._compare import _mixes, _networks
from cutmix_transforms._commands._compare._batches import Batches
from cutmix_transforms._commands._compare._checkpoints import Checkpoints
from cutmix_transforms._commands._compare._data import Data
from cutmix_transforms._metrics._accuracy import mixed_accuracy
from cutmix_transforms._random._stream import seed_of
from cutmix_transforms.functional._cutout import cutout

VALIDATIONS = 20  # on the way, about


@dataclass(frozen=True)
class Settings:
    """The options that two comparable runs share, whatever their mixes and seeds."""

    model: str
    alpha: float | None
    epochs: int
    batch_size: int  # of each rank
    learning_rate: float | None
    mix_off_last: int
    precision: str
    augment: str  # what all runs share besides


@dataclass(frozen=True)
class Run:
    """One training."""

    mix: str
    seed: int

    def __str__(self) -> str:
        return f"{self.mix}, seed {self.seed}"

    def checkpoint(self, folder: Path) -> Path:
        """Where the training is kept while it is not finished."""
        return folder / f"unfinished-{self.mix}-{self.seed}.ckpt"

    def described(self, data: Data, settings: Settings) -> dict[str, Any]:
        """Return what tells its checkpoint from those of other trainings."""
        return {"mix": self.mix, "seed": self.seed, "data": data.fingerprint, **asdict(settings)}


class Classifier(pl.LightningModule):
    """A network that learns from pictures ``(N, 3, H, W)`` uint8 with hard or soft targets, by SGD with one cycle.

    Args:
        network: gives logits of normalised pictures.
        num_classes: number of classes.
        mean: of the channels of the training pictures, from 0 to 1.
        std: their deviation.
        peak: the largest learning rate of the cycle.
        steps: how many steps the cycle takes.
        seed: of what the network draws while it learns, such as dropout.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        num_classes: int,
        *,
        mean: list[float],
        std: list[float],
        peak: float,
        steps: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.peak, self.steps, self.seed = peak, steps, seed
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        self.history: list[dict[str, float]] = []  # one row for each epoch
        self.result: dict[str, Any] = {}
        self.loss, self.accuracy = MeanMetric(), MeanMetric()
        self.on_the_way = quality(num_classes, ("error", "nll"))
        self.in_the_end = quality(num_classes)
        self.occluded = MulticlassAccuracy(num_classes, average="micro")
        self._began = self._ended = 0.0

    def forward(self, images: Tensor, *, occlude: bool = False) -> Tensor:
        """Logits ``(N, K)`` of pictures ``(N, 3, H, W)`` uint8, perhaps without the middle half of their sides."""
        normal = (images.float() / 255 - self.mean) / self.std
        if occlude:
            normal = cutout(normal, middle(images.shape[-2:]).expand(len(images), 1, 4))
        normal = normal.contiguous(memory_format=torch.channels_last)
        return _networks.logits_of(self.network, normal).float()

    def configure_optimizers(self) -> Any:
        """SGD with Nesterov momentum, and a learning rate that rises and falls once."""
        optimizer = torch.optim.SGD(self.parameters(), self.peak, momentum=0.9, weight_decay=5e-4, nesterov=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.peak, total_steps=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        """Draw what was drawn here before, if a run is taken up, and take the time."""
        torch.manual_seed(seed_of(self.seed, len(self.history), self.global_rank))
        self._began = time.perf_counter()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch, mixed or not."""
        images, target = batch
        logits = self(images)
        loss = F.cross_entropy(logits, target)
        self.loss.update(loss.detach())  # all batches of an epoch are of one size
        self.accuracy.update(mixed_accuracy(logits.detach(), target))
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Take the time, which does not run while something else than training goes on."""
        self._ended = time.perf_counter()

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """Count how good the network is on the way."""
        images, labels = batch
        self.on_the_way.update(self(images), labels)

    def on_train_epoch_end(self) -> None:
        """Write a row of the history, before a checkpoint is made of it."""
        row = {
            "seconds": self._ended - self._began,
            "train_loss": self.loss.compute().item(),
            "train_accuracy": self.accuracy.compute().item(),
        }
        if self.on_the_way["nll"].update_called:
            row |= {f"val_{name}": value.item() for name, value in self.on_the_way.compute().items()}
        self.history.append(row)
        for metric in (self.loss, self.accuracy, self.on_the_way):
            metric.reset()

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """Count how good the network is in the end, also when it does not see the middle."""
        images, labels = batch
        self.in_the_end.update(self(images), labels)
        self.occluded.update(self(images, occlude=True), labels)

    def on_test_epoch_end(self) -> None:
        """Say it in Python's numbers."""
        found = {**self.in_the_end.compute(), "occluded_accuracy": self.occluded.compute()}
        self.result = {name: value.tolist() for name, value in found.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the history."""
        self.history = list(checkpoint["history"])


class NegativeLogLikelihood(MeanMetric):
    """The mean of ``-log p(label)`` over all pictures, from logits."""

    def update(self, logits: Tensor, labels: Tensor) -> None:  # type: ignore[override]
        """Count ``(N, K)`` logits and ``(N,)`` labels."""
        super().update(F.cross_entropy(logits, labels, reduction="none"))


class Error(MulticlassAccuracy):
    """The share of pictures whose most probable class is another one."""

    def compute(self) -> Tensor:
        """1 - accuracy."""
        return 1 - super().compute()


def quality(num_classes: int, names: tuple[str, ...] | None = None) -> MetricCollection:
    """How good logits are: ``error``, ``nll``, ``ece`` (15 bins), and ``precision`` and ``recall`` of each class."""
    metrics: dict[str, Any] = {
        "error": Error(num_classes, average="micro"),
        "nll": NegativeLogLikelihood(),
        "ece": MulticlassCalibrationError(num_classes, n_bins=15),
        "precision": MulticlassPrecision(num_classes, average=None),
        "recall": MulticlassRecall(num_classes, average=None),
    }
    return MetricCollection({name: metrics[name] for name in names or metrics}, compute_groups=False)


def middle(size: Any) -> Tensor:
    """The box ``(4,)`` of half the height and half the width in the middle of an image."""
    height, width = size
    top, left = height // 4, width // 4
    return torch.tensor([top, left, top + height // 2, left + width // 2])


class Progress(Callback):
    """A bar for each run, which counts its batches."""

    def __init__(self, title: str) -> None:
        self.title = title

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:  # noqa: ARG002
        """Begin where a checkpoint ended."""
        total, done = int(trainer.num_training_batches) * (trainer.max_epochs or 0), trainer.global_step
        hidden = None if trainer.is_global_zero else True  # None: where nobody watches
        self.bar = tqdm(total=total, initial=done, desc=self.title, unit="batch", leave=False, disable=hidden)

    def on_train_batch_end(self, *_: Any) -> None:
        """One more."""
        self.bar.update()

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Say how good it is by now."""
        if isinstance(module, Classifier) and module.history and "val_error" in module.history[-1]:
            error = 100 * module.history[-1]["val_error"]
            self.bar.set_postfix_str(f"epoch {trainer.current_epoch + 1}, error {error:.1f} %")

    def teardown(self, *_: Any, **__: Any) -> None:
        """Take the bar away."""
        if hasattr(self, "bar"):
            self.bar.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning says of devices and workers; errors are heard."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torchmetrics")
        try:
            yield
        finally:
            logger.setLevel(level)


@_quiet()
def train(
    run: Run,
    data: Data,
    settings: Settings,
    *,
    folder: Path,
    workers: int,
    title: str,
    hardware: dict[str, Any],
) -> dict[str, Any]:
    """Train and test, from the checkpoint of the run where there is one.

    Args:
        run: the mix and the seed.
        data: what is learnt from and what is tested on.
        settings: how it is trained.
        folder: where the checkpoint of the last epoch is written, until the run is finished.
        workers: processes that make batches, for each rank.
        title: what the progress bar says.
        hardware: what Lightning's trainer is told of devices, nodes and strategy.

    Returns:
        What is written down of the run.

    Raises:
        KeyboardInterrupt: if it is interrupted; the last epoch is kept.
    """
    torch.manual_seed(run.seed)
    checkpoint = run.checkpoint(folder)
    trainer = _trainer(settings, hardware, [Progress(title), _every_epoch(checkpoint)])
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # of other devices, its own is needed
        trainer.strategy.checkpoint_io = Checkpoints(run.described(data, settings))
    batches = Batches(
        data,
        _mixes.make(run.mix, len(data.classes), settings.alpha, data.mean),
        batch_size=settings.batch_size,
        workers=workers,
        seed=run.seed,
        unmixed_from=settings.epochs - settings.mix_off_last,
        augment=settings.augment,
    )
    classifier = Classifier(
        _networks.make(settings.model, len(data.classes), data.size),
        len(data.classes),
        mean=data.mean,
        std=data.std,
        peak=settings.learning_rate or 0.1 * math.sqrt(settings.batch_size * trainer.world_size / 64),
        steps=settings.epochs * len(batches.plans((0, trainer.world_size))),
        seed=run.seed,
    )
    try:
        trainer.fit(classifier, datamodule=batches, ckpt_path=checkpoint if checkpoint.exists() else None)
        trainer.test(classifier, datamodule=batches, verbose=False)
    except SystemExit:  # what Lightning makes of it
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    outcome = {"ranks": trainer.world_size, "metrics": classifier.result, "history": classifier.history}
    return {"mix": run.mix, "seed": run.seed, **outcome}


@_quiet()
def check(settings: Settings, hardware: dict[str, Any]) -> int:
    """Return how many ranks train together, without having done anything.

    Args:
        settings: how it is trained.
        hardware: what Lightning's trainer is told of devices, nodes and strategy.

    Returns:
        The number of processes, on all machines.

    Raises:
        ValueError: if Lightning cannot train so, or not here.
    """
    try:
        trainer = _trainer(settings, hardware, [])
        _check_processes(trainer)
    except (ArithmeticError, MemoryError, MisconfigurationException, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"--devices, --strategy and --precision must be what Lightning can use here ({reason})"
        ) from None
    return trainer.world_size


def _check_processes(trainer: pl.Trainer) -> None:
    """Raise an error where processes would be waited for that cannot work or are never started."""
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if environment is None or environment.creates_processes_externally:
        return
    cores = os.cpu_count() or 1
    if isinstance(trainer.accelerator, CPUAccelerator) and trainer.num_devices > cores:
        raise ValueError(f"--devices {trainer.num_devices} on a CPU of {cores} cores")
    if trainer.num_nodes > 1 and "MASTER_ADDR" not in os.environ:
        raise ValueError(f"--num-nodes {trainer.num_nodes} without MASTER_ADDR, which says where the first one is")


def _trainer(settings: Settings, hardware: dict[str, Any], callbacks: list[Callback]) -> pl.Trainer:
    return pl.Trainer(
        **hardware,
        precision=settings.precision,  # type: ignore[arg-type]
        max_epochs=settings.epochs,
        check_val_every_n_epoch=max(1, settings.epochs // VALIDATIONS),
        logger=False,
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def _every_epoch(checkpoint: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        checkpoint.parent,
        checkpoint.stem,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
        auto_insert_metric_name=False,
    )
