"""PyTorch Lightning: mixing in the workers of its loaders, and in its hooks."""

import copy

import lightning.pytorch as pl
import pytest
import torch
from lightning import seed_everything
from lightning.fabric.utilities import move_data_to_device
from support.toys import COUNT, SAMPLES, agree, assert_same_weights, is_clean, network, train_by_hand
from torch.nn import functional as F
from torch.utils.data import DataLoader

from cutmix_transforms import MixCollate, MixedTarget, RandomCutMix, RandomMixChoice, RandomMixUp

pytestmark = [
    # Lightning reads trees in a way that newer releases of torch deprecate
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning"),
    # advice on speed, which depends on the machine
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]
RATE = 0.05


class Task(pl.LightningModule):
    """Mixes where it is told to, and keeps what it trained and validated with."""

    def __init__(self, mix=None, place=None):
        super().__init__()
        self.network, self.mix, self.place = network(), mix, place
        self.epochs, self.batches, self.losses, self.validated = [], [], [], []

    def on_after_batch_transfer(self, batch, index):
        return self.mix(batch) if self.place == "hook" and self.trainer.training else batch

    def training_step(self, batch):
        images, targets = self.mix(batch) if self.place == "step" else batch
        loss = F.cross_entropy(self.network(images), targets)
        self.epochs.append(self.current_epoch)
        self.batches.append((images, targets))
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch):
        self.validated.append(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), RATE)


class EndClean(pl.Callback):
    """As in the notebook, or when the last epoch begins."""

    def __init__(self, mix, hook):
        self.mix, self.hook = mix, hook

    def on_train_epoch_end(self, trainer, task):
        if self.hook == "end" and trainer.current_epoch == trainer.max_epochs - 2:
            self.mix.p = 0

    def on_train_epoch_start(self, trainer, task):
        if self.hook == "start" and trainer.current_epoch == trainer.max_epochs - 1:
            self.mix.p = 0


def fit(task, loader, epochs, validation=None, callback=None):
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, callbacks=callback, **dict.fromkeys(quiet, False)
    )
    trainer.fit(task, loader, validation)


@pytest.mark.parametrize(
    ("place", "hook"), [("workers", "start"), ("workers", "end"), ("hook", "end"), ("step", "end")]
)
def test_fit(place, hook):
    """Soft targets that agree with the pixels, the steps of SGD by hand, a clean last epoch and clean validation."""
    mixes = RandomCutMix(num_classes=COUNT, ratio=(0.2, 0.8)), RandomMixUp(num_classes=COUNT)
    mix = RandomMixChoice(mixes)
    task = Task(mix, place)
    before = copy.deepcopy(task.network)
    collate_fn = MixCollate(mix) if place == "workers" else None
    loader = DataLoader(SAMPLES, 4, shuffle=True, num_workers=2, collate_fn=collate_fn, persistent_workers=True)
    fit(task, loader, 3, DataLoader(SAMPLES, 5), EndClean(mix, hook))

    assert task.epochs == [0] * 6 + [1] * 6 + [2] * 6
    fractions = [agree(*batch) for batch in task.batches]
    assert max(fractions[:12]) < 1
    assert min(fractions[12:]) == 1
    assert all(is_clean(images, targets.argmax(1)) for images, targets in task.batches[12:])
    losses, trained = train_by_hand(before, task.batches, RATE)
    assert task.losses == pytest.approx(losses, rel=1e-5)
    assert_same_weights(task.network, trained)
    assert not torch.equal(trained[3].weight, before[3].weight)
    assert len(task.validated) == 2 + 3 * 5  # with the sanity check
    assert all(is_clean(*batch) for batch in task.validated)


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True], ids=["global", "generator"])
@pytest.mark.parametrize("persistent", [False, True], ids=["new_workers", "persistent_workers"])
def test_seed_everything(own, persistent, monkeypatch):
    """Before 2.6.1 Lightning seeds the workers with 64 bits of which the CPU's generator uses those that never change.

    (Its issue 20412.) Draws differ all the same between workers and epochs, and repeat with the seed.
    """
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "0")  # so that it is taken away afterwards

    def run(seed):
        seed_everything(seed, workers=True, verbose=False)
        mix = RandomMixUp(num_classes=COUNT, generator=torch.Generator().manual_seed(3) if own else None)
        task, options = Task(), {"collate_fn": MixCollate(mix), "persistent_workers": persistent}
        fit(task, DataLoader(SAMPLES, 4, num_workers=2, **options), 2, DataLoader(SAMPLES, 5))
        return [targets.amax(1)[0].item() for _, targets in task.batches]

    fractions = run(0)
    assert run(0) == fractions
    assert len(set(fractions + run(1))) == 24


def test_pairs_are_moved():
    pair = MixedTarget(torch.arange(4), torch.arange(4).flip(0), torch.rand(4))
    moved = move_data_to_device({"label": pair}, torch.device("meta"))["label"]
    assert isinstance(moved, MixedTarget)
    assert [(field.device.type, field.dtype) for field in moved] == [("meta", field.dtype) for field in pair]
