"""One run of the compare command: a network trained with one mix from one seed, and what came out."""

import math
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cutmix_transforms._commands._compare import _batches, _measures, _mixes
from cutmix_transforms._commands._compare._checkpoints import Keeper
from cutmix_transforms._commands._compare._data import Data
from cutmix_transforms._commands._compare._networks import Classifier
from cutmix_transforms._commands._compare._progress import Progress
from cutmix_transforms._commands._compare._ranks import Place, mean_of_all
from cutmix_transforms._commands._compare._recipes import Settings
from cutmix_transforms._metrics._accuracy import mixed_accuracy
from cutmix_transforms._metrics._loss import MixedLoss
from cutmix_transforms._random._stream import seed_of

VALIDATIONS = 10  # on the way, about
HIDDEN = 1000  # images at least, whose parts are hidden

Row = dict[str, float]  # what the history says of one epoch


@dataclass(frozen=True)
class Run:
    """One training."""

    mix: str
    epochs: int
    seed: int

    def __str__(self) -> str:
        return f"{self.mix}, {self.epochs} epochs, seed {self.seed}"

    def checkpoint(self, folder: Path) -> Path:
        """Return where the training is kept while it is not finished."""
        name = re.sub(r"[^\w.+-]+", "-", self.mix)
        return folder / f"unfinished-{name}-{self.epochs}-{self.seed}.ckpt"

    def described(self, data: Data, settings: Settings) -> dict[str, Any]:
        """Return what tells its checkpoint from those of other trainings."""
        return {**asdict(self), "data": data.fingerprint, **asdict(settings)}


@dataclass(frozen=True)
class Setup:
    """The data, settings and network of all runs of a comparison, and the folder of their checkpoints."""

    data: Data
    settings: Settings
    classifier: Classifier
    batches: _batches.Batches
    folder: Path
    workers: int

    @property
    def place(self) -> Place:
        """Where the runs are trained."""
        return self.classifier.place

    @classmethod
    def of(
        cls, data: Data, settings: Settings, place: Place, *, folder: Path, workers: int, is_compiled: bool
    ) -> "Setup":
        """Make the network and put the images where they are needed."""
        classifier = Classifier(
            settings.model,
            len(data.classes),
            data.size,
            mean=data.mean,
            std=data.std,
            place=place,
            dtype=getattr(torch, settings.precision),
            is_compiled=is_compiled,
        )
        batches = _batches.of(data, settings.augment, settings.batch_size, place=place, workers=workers)
        return cls(data, settings, classifier, batches, folder, workers)

    def tested(self, most: int | None = None) -> Any:
        """Yield the images to test on, or only some of them, evenly spread."""
        count = len(self.data.test.labelled)
        most = count if most is None else min(count, most)
        chosen = [i * count // most for i in range(most)]
        return _batches.to_test(self.data.test, self.data.size, chosen, device=self.place.device, workers=self.workers)


def train(run: Run, setup: Setup, *, title: str) -> dict[str, Any]:
    """Train and test, from the checkpoint of the run where there is one.

    Args:
        run: the mix, the length and the seed.
        setup: what is learned from, what is tested on, and how.
        title: what the line of progress begins with.

    Returns:
        What is written down of the run.
    """
    training = Training(run, setup)
    is_first = setup.place.rank == 0
    progress = Progress(title, quiet=not is_first)
    try:
        while training.diverged is None and len(training.history) < run.epochs:
            training.epoch(progress)
            if is_first and training.diverged is None:
                training.validate()
                training.keep()
        metrics = _test(setup) if is_first and training.diverged is None else None
    finally:
        progress.close()
    outcome = {**asdict(run), "ranks": setup.place.ranks, "history": training.history}
    if metrics is None:
        return {**outcome, "diverged": training.diverged or run.epochs, "metrics": None}
    training.history[-1] |= {"val_error": metrics["error"], "val_nll": metrics["nll"]}
    return {**outcome, "diverged": None, "metrics": metrics}


def hidden(data: Data) -> int:
    """Return on how many of the test images parts are hidden."""
    return min(len(data.test.labelled), max(HIDDEN, len(data.train.labelled)))


def _test(setup: Setup) -> _measures.Metrics | None:
    return _measures.test(setup.classifier, setup.tested(), setup.tested(hidden(setup.data)))


class Training:
    """The state of one run between two epochs.

    Args:
        run: the mix, the length and the seed.
        setup: what is learned from, and how.
    """

    def __init__(self, run: Run, setup: Setup) -> None:
        self.run, self.setup, settings = run, setup, setup.settings
        self.mix = _mixes.make(run.mix, len(setup.data.classes), setup.data.mean)
        setup.classifier.begin_anew(run.seed)
        self.optimizer = torch.optim.SGD(
            setup.classifier.network.parameters(),
            settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.momentum > 0,
            fused=setup.place.device.type == "cuda",
        )
        self.loss = MixedLoss(F.cross_entropy)
        self.history: list[Row] = []
        self.diverged: int | None = None  # the epoch in which the loss was no number any more
        self.keeper = Keeper(run.checkpoint(setup.folder), run.described(setup.data, settings))
        if found := self.keeper.read():
            setup.classifier.network.load_state_dict(found["network"])
            self.optimizer.load_state_dict(found["optimizer"])
            self.history = list(found["history"])

    def epoch(self, progress: Progress) -> None:
        """Learn from all batches once."""
        epoch, place, batches = len(self.history), self.setup.place, self.setup.batches
        # What was drawn here before is drawn again if a run is taken up.
        torch.manual_seed(seed_of(self.run.seed, epoch, place.rank))
        began = time.perf_counter()
        is_mixed = epoch < self.run.epochs - self.setup.settings.mix_off_last
        sums = torch.zeros(2, device=place.device)
        steps = len(batches)
        for number, batch in enumerate(batches.epoch(self.run.seed, epoch, self.mix if is_mixed else None)):
            rate = self.setup.settings.rate(epoch * steps + number, self.run.epochs * steps)
            sums += self._step(*batch, rate)
            progress.show(f"epoch {epoch + 1}, batch {number + 1} of {steps}")
        loss, accuracy = (mean_of_all(sums, place) / steps).tolist()
        if not math.isfinite(loss):
            self.diverged = epoch + 1
            return
        seconds = time.perf_counter() - began
        self.history.append({"seconds": seconds, "train_loss": loss, "train_accuracy": accuracy})

    def _step(self, images: Tensor, target: Any, rate: float) -> Tensor:
        """Learn from a batch; return its loss and accuracy, without waiting for them."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        logits = self.setup.classifier.logits(images)
        loss = self.loss(logits, target)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()  # now, as graphs of CUDA write the next gradients where these are
        return torch.stack([loss.detach(), mixed_accuracy(logits.detach(), target)])

    def validate(self) -> None:
        """Look at some of the test images on the way, as many as are learned from; the last epoch is tested on all."""
        epoch = len(self.history)
        if epoch < self.run.epochs and epoch % max(1, self.run.epochs // VALIDATIONS) == 0:
            most = len(self.setup.data.train.labelled)
            self.history[-1] |= _measures.validate(self.setup.classifier, self.setup.tested(most))

    def keep(self) -> None:
        """Write a checkpoint, always after the last epoch."""
        state = {
            "network": self.setup.classifier.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }
        self.keeper.write(state, must=len(self.history) == self.run.epochs)
