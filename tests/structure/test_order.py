"""Samples whose keys stand in another order."""

from collections import OrderedDict, defaultdict

import pytest
import torch
from support.helpers import says
from support.oracles import told
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomMixUp,
)


@pytest.mark.parametrize("kind", [dict, OrderedDict, lambda **items: defaultdict(int, items)])
def test_samples_whose_keys_stand_in_another_order(kind):
    """What belongs together is told by its key, not by its place."""
    flat = {i: tv_tensors.Image(torch.full((3, 4, 5), float(i))) for i in (1, 2, 100, 200)}
    samples = [kind(image=flat[1], depth=flat[100], label=0), kind(depth=flat[200], image=flat[2], label=1)]
    mix = RandomCutMix(num_classes=2)
    data = MixDataset(samples, mix)
    for mixed in ([MixCollate(mix)(samples)], MixCollate(mix, collate_fn=list)(samples), [data[0], data[1]]):
        for one in mixed:
            assert told(one["image"]) <= {1, 2}
            assert told(one["depth"]) <= {100, 200}
    masks = {i: tv_tensors.Mask(torch.full((4, 5), i)) for i in (1, 2, 100, 200)}
    samples = [
        kind(image=flat[1], label=0, near=masks[1], far=masks[100]),
        kind(far=masks[200], near=masks[2], label=1, image=flat[2]),
    ]
    for one in MixCollate(RandomCutMix(num_classes=2), collate_fn=list)(samples):
        assert told(one["near"]) <= {1, 2}
        assert told(one["far"]) <= {100, 200}
    with pytest.raises(ValueError, match=r"samples must hold .* under the same keys"):
        MixCollate(RandomCutMix(num_classes=2), collate_fn=list)(
            [kind(image=flat[1], label=0, near=masks[1]), kind(image=flat[2], label=1, far=masks[2])]
        )


@pytest.mark.parametrize("make", [RandomMixUp, lambda: RandomCutMix(ratio=(0.4, 0.8))], ids=["mixup", "cutmix"])
def test_rows_of_instances_stand_in_another_order(make):
    """Rows of one type and shape could be exchanged unnoticed."""

    def sample(i, names):
        rows = {
            "boxes": tv_tensors.BoundingBoxes([[0, 0, 11, 17]], format="XYXY", canvas_size=(17, 11)),
            "keypoints": tv_tensors.KeyPoints(torch.full((1, 2, 2), float(i)), canvas_size=(17, 11)),
            "masks": tv_tensors.Mask(torch.full((1, 17, 11), i, dtype=torch.uint8)),
            "labels": torch.tensor([i]),
            "scores": torch.tensor([10 * i]),
            "iscrowd": torch.tensor([100 * i]),
        }
        return torch.zeros(3, 17, 11), {name: rows[name] for name in names}

    usual = ["boxes", "keypoints", "masks", "labels", "scores", "iscrowd"]
    for _ in range(40):
        names = [usual[i] for i in torch.randperm(len(usual)).tolist()]
        samples = [sample(1, usual), sample(2, names)]
        data = MixDataset(samples, make())
        for _, target in [*MixCollate(make(), collate_fn=list)(samples), data[0], data[1]]:
            assert target["scores"].tolist() == [10 * i for i in target["labels"].tolist()]
            assert target["iscrowd"].tolist() == [100 * i for i in target["labels"].tolist()]
            assert target["masks"].flatten(1).amax(1).tolist() == target["labels"].tolist()
            shown = target["keypoints"][:, 0, 0]
            assert torch.equal(shown.where(shown.isfinite(), target["labels"]), target["labels"].float())


def test_rows_of_instances_under_other_keys_are_an_error():
    boxes = tv_tensors.BoundingBoxes([[0, 0, 11, 17]], format="XYXY", canvas_size=(17, 11))
    rows = {"boxes": boxes, "labels": torch.tensor([1])}
    samples = [(torch.zeros(3, 17, 11), {**rows, name: torch.tensor([0.5])}) for name in ("scores", "area")]
    for make in (RandomMixUp, RandomCutMix):
        with says(ValueError, ["same keys", "inputs[1]['area'], inputs[1]['scores']", "only one"]):
            MixCollate(make(), collate_fn=list)(samples)
        with pytest.raises(ValueError, match="same keys"):
            MixDataset(samples, make())[0]


def test_labels_that_a_getter_returns_in_another_order_than_the_keys():
    """Both have as many classes, so that they could be exchanged unnoticed."""

    def sample(i, names):
        items = {"image": torch.full((3, 17, 11), float(i)), "a": torch.tensor(i), "b": torch.tensor(3 - i)}
        return {name: items[name] for name in names}

    samples = [sample(0, ["image", "a", "b"]), sample(1, ["b", "image", "a"])]
    for make in (RandomMixUp, RandomCutMix):
        mix = make(num_classes=4, labels_getter=lambda inputs: (inputs["b"], inputs["a"]))
        data = MixDataset(samples, mix)
        for mixed in [*MixCollate(mix, collate_fn=list)(samples), data[0], data[1]]:
            fraction = mixed["image"].mean()
            torch.testing.assert_close(mixed["a"], torch.stack([1 - fraction, fraction, *torch.zeros(2)]))
            torch.testing.assert_close(mixed["b"], mixed["a"].flip(0))
