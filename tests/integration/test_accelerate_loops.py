"""Hugging Face's examples without its Trainer, followed step by step: image classification and segmentation."""

import pytest
import torch
from accelerate import Accelerator
from support.toys import COUNT, PICTURES, agree, cross_entropy
from torch.nn import functional as F
from torch.utils.data import DataLoader
from transformers import SegformerConfig, SegformerForSemanticSegmentation, ViTConfig, ViTForImageClassification
from transformers import get_scheduler as scheduler_of

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixChoice, RandomMixUp

IMAGES = [{"pixel_values": PICTURES[i], "labels": i} for i in range(COUNT)]


def stacked(samples):
    """The ``collate_fn`` of the example."""
    return {
        "pixel_values": torch.stack([one["pixel_values"] for one in samples]),
        "labels": torch.tensor([one["labels"] for one in samples]),
    }


@pytest.mark.parametrize("place", ["MixCollate", "their collate function", "loop"])
def test_image_classification(place):
    """The loss is that of soft targets, not of the model, which would take rows for several labels at once."""
    mix = RandomMixChoice([RandomCutMix(num_classes=COUNT, ratio=(0.2, 0.8)), RandomMixUp(num_classes=COUNT)])
    collates = {"MixCollate": MixCollate(mix), "their collate function": lambda samples: mix(stacked(samples))}
    config = ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=COUNT)
    config.image_size, config.patch_size = (17, 11), 4
    model, accelerator = ViTForImageClassification(config), Accelerator(cpu=True, gradient_accumulation_steps=2)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    training = DataLoader(IMAGES, 6, shuffle=True, collate_fn=collates.get(place, stacked))
    testing = DataLoader(IMAGES, 6, collate_fn=stacked)
    scheduler = scheduler_of("linear", optimizer, num_warmup_steps=0, num_training_steps=8)
    model, optimizer, training, testing, scheduler = accelerator.prepare(model, optimizer, training, testing, scheduler)
    start = model.classifier.weight.detach().clone()
    model.train()
    for batch in training:
        mixed = mix(batch) if place == "loop" else batch
        assert agree(mixed["pixel_values"], mixed["labels"]) < 1
        with accelerator.accumulate(model):
            outputs = model(mixed["pixel_values"])
            loss = F.cross_entropy(outputs.logits, mixed["labels"])
            torch.testing.assert_close(loss, cross_entropy(outputs.logits, mixed["labels"]))
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    assert not torch.equal(model.classifier.weight, start)
    model.eval()
    found = []
    for batch in testing:
        with torch.no_grad():
            predicted = model(**batch).logits.argmax(-1)  # with the loss of hard labels
        found += accelerator.gather_for_metrics((predicted, batch["labels"]))[1].tolist()
    assert found == list(range(COUNT))


@pytest.mark.slow
def test_semantic_segmentation():
    """The model takes mixed masks as it takes others, and computes its loss itself; 255 is ignored."""
    samples = []
    for i in range(8):
        mask = torch.full((32, 32), i % 4)
        mask[:2] = 255
        samples.append({"pixel_values": torch.full((3, 32, 32), float(i % 4)), "labels": mask})
    config = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=8,
        num_labels=4,
        semantic_loss_ignore_index=255,
    )
    model, accelerator = SegformerForSemanticSegmentation(config), Accelerator(cpu=True)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    loader = DataLoader(samples, 4, shuffle=True, collate_fn=MixCollate(RandomCutMix(ratio=(0.3, 0.7))))
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    model.train()
    for batch in loader:
        images, masks = batch["pixel_values"][:, 0], batch["labels"]
        assert torch.equal(images[masks != 255], masks[masks != 255].float())
        assert (masks[:, :2] == 255).all()
        outputs = model(**batch)
        logits = F.interpolate(outputs.logits, size=(32, 32), mode="bilinear", align_corners=False)
        torch.testing.assert_close(outputs.loss, F.cross_entropy(logits, masks, ignore_index=255))
        accelerator.backward(outputs.loss)
        optimizer.step()
        optimizer.zero_grad()
    assert outputs.loss.isfinite()
