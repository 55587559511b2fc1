"""The Trainer of transformers, which has one collator for training and evaluation alike."""

import copy

import pytest
import torch
from accelerate.utils import send_to_device
from support.toys import (
    COUNT,
    PICTURES,
    agree,
    assert_same_weights,
    cross_entropy,
    is_clean,
    network,
    soft,
    train_by_hand,
)
from torch import nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map
from transformers import Trainer, TrainerCallback, TrainingArguments, ViTConfig, ViTForImageClassification

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedLoss,
    MixedTarget,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
)

pytestmark = pytest.mark.slow

SAMPLES = [{"pixel_values": PICTURES[i], "labels": i, "name": str(i)} for i in range(COUNT)]


class MixingTrainer(Trainer):
    """The recipe: only the loader of training mixes; that of evaluation and prediction is made as before."""

    def __init__(self, *args, mix, **options):
        super().__init__(*args, **options)
        self.mix = mix

    def get_train_dataloader(self):
        plain, self.data_collator = self.data_collator, MixCollate(self.mix)
        try:
            return super().get_train_dataloader()
        finally:
            self.data_collator = plain


class EndClean(TrainerCallback):
    def __init__(self, mix):
        self.mix = mix

    def on_epoch_end(self, args, state, control, **options):
        if round(state.epoch) == args.num_train_epochs - 1:
            self.mix.p = 0


class OwnModel(nn.Sequential):
    """A module that computes the loss itself."""

    def forward(self, pixel_values, labels=None):
        logits = super().forward(pixel_values)
        return {"logits": logits} if labels is None else {"loss": F.cross_entropy(logits, labels), "logits": logits}


def vit():
    options = {"image_size": (17, 11), "patch_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2}
    return ViTForImageClassification(ViTConfig(hidden_size=8, intermediate_size=8, num_labels=COUNT, **options))


def loss_of(outputs, labels):
    return F.cross_entropy(outputs["logits"], labels)


# The loss of a ViT itself would take rows of soft targets for several labels at once: binary cross entropy.
MODELS = {"own_model": (lambda: OwnModel(*network()), None), "vit": (vit, loss_of)}


def options_of(folder):
    return TrainingArguments(
        folder,
        num_train_epochs=3,
        per_device_train_batch_size=4,
        optim="sgd",
        learning_rate=0.05,
        lr_scheduler_type="constant",
        max_grad_norm=0,
        dataloader_num_workers=2,
        dataloader_persistent_workers=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )


@pytest.mark.parametrize("recipe", ["collator", "dataset"])
@pytest.mark.parametrize("name", MODELS)
def test_fit(recipe, name, tmp_path):
    """Soft targets that agree with the pixels, the steps of SGD by hand, a clean last epoch and clean evaluation."""
    make, own_loss = MODELS[name]
    model, seen = make(), []
    before = copy.deepcopy(model)
    mix = RandomMixChoice(
        [RandomCutMix(num_classes=COUNT, ratio=(0.2, 0.8), opacity=(0.5, 1)), RandomMixUp(num_classes=COUNT)]
    )

    def keep(module, args, inputs):
        seen.append((module.training, inputs["pixel_values"], inputs.get("labels")))

    def loss_func(outputs, labels, num_items_in_batch=None):
        seen[-1] = (*seen[-1][:2], labels)  # which the Trainer does not give to the model then
        return own_loss(outputs, labels)

    model.register_forward_pre_hook(keep, with_kwargs=True)
    options = {"compute_loss_func": own_loss and loss_func, "callbacks": [EndClean(mix)]}
    options |= {"eval_dataset": SAMPLES, "compute_metrics": lambda result: {"labels": result.label_ids.tolist()}}
    if recipe == "collator":
        trainer = MixingTrainer(model, options_of(tmp_path), train_dataset=SAMPLES, mix=mix, **options)
    else:
        trainer = Trainer(model, options_of(tmp_path), train_dataset=MixDataset(SAMPLES, mix), **options)
    trainer.train()
    batches = [(images, targets) for _, images, targets in seen]
    assert len(batches) == 18
    fractions = [agree(*batch) for batch in batches]
    assert max(fractions[:12]) < 1
    assert len(set(fractions[:12])) == 12
    assert min(fractions[12:]) == 1
    wanted, trained = train_by_hand(
        before, batches, 0.05, lambda outputs, targets: cross_entropy(outputs["logits"], targets)
    )
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses == pytest.approx(wanted, rel=1e-4)
    assert_same_weights(model, trained, rtol=1e-4, atol=1e-5)
    assert not any(torch.equal(one, other) for one, other in zip(model.parameters(), before.parameters(), strict=True))

    mix.p = 1
    seen.clear()
    assert trainer.predict(SAMPLES).label_ids.tolist() == list(range(COUNT))
    assert trainer.evaluate()["eval_labels"] == list(range(COUNT))
    for is_training, images, labels in seen:
        assert not is_training
        assert is_clean(images, labels)


def test_fit_of_pairs(tmp_path):
    """The Trainer builds a pair anew when it moves its fields; the loss gets it as it was, and pixels agree with it."""
    model, seen, criterion = vit(), [], MixedLoss(nn.CrossEntropyLoss())
    before = copy.deepcopy(model)

    def keep(module, args, inputs):
        seen.append(inputs["pixel_values"])

    def loss_func(outputs, labels, num_items_in_batch=None):
        seen[-1] = (seen[-1], labels)
        return criterion(outputs["logits"], labels)

    model.register_forward_pre_hook(keep, with_kwargs=True)
    options = {"compute_loss_func": loss_func, "mix": RandomMixUp(target="pair", per_sample=True)}
    trainer = MixingTrainer(model, options_of(tmp_path), train_dataset=SAMPLES, **options)
    trainer.train()
    assert len(seen) == 18
    for images, labels in seen:
        assert isinstance(labels, MixedTarget)
        assert agree(images, soft(labels)) < 1
    wanted, trained = train_by_hand(
        before, seen, 0.05, lambda outputs, targets: cross_entropy(outputs["logits"], targets)
    )
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses == pytest.approx(wanted, rel=1e-3)
    assert_same_weights(model, trained, rtol=1e-4, atol=1e-5)


def test_accelerate_moves_pairs():
    pair = MixedTarget(torch.arange(4), torch.arange(4).flip(0), torch.rand(4))
    for batch in (pair, (pair, 1), {"labels": pair}, [{"labels": pair}]):
        moved = send_to_device(batch, torch.device("meta"), non_blocking=True)
        assert str(moved) == str(
            tree_map(lambda leaf: leaf.to("meta") if isinstance(leaf, torch.Tensor) else leaf, batch)
        )
