"""The networks that compare trains."""

import pytest
import torch
from torch import nn

from cutmix_transforms._commands._compare import _networks
from cutmix_transforms._commands._compare._ranks import Place

HERE = Place(0, 1, torch.device("cpu"))


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
@pytest.mark.parametrize("name", ["small", "resnet18", "resnet10t", "googlenet"])
def test_networks(name):
    size = 28 if name in ("small", "resnet18") else 96
    network = _networks.make(name, 7, size)
    assert network.training
    assert _networks.logits_of(network, torch.rand(4, 3, size, size)).shape == (4, 7)
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert first.stride == ((1, 1) if name in ("small", "resnet18") else (2, 2))
    assert first.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_resnet_for_large_pictures_begins_as_in_the_paper():
    assert _networks.make("resnet18", 2, 65).conv1.stride == (2, 2)
    assert isinstance(_networks.make("resnet18", 2, 65).maxpool, nn.MaxPool2d)
    assert isinstance(_networks.make("resnet18", 2, 64).maxpool, nn.Identity)


def classifier(**options):
    usual = {"mean": [0.5] * 3, "std": [0.25] * 3, "place": HERE, "dtype": torch.float32, "is_compiled": False}
    return _networks.Classifier("small", 3, 12, **usual | options)


def test_a_classifier_begins_anew_in_the_same_memory():
    one = classifier()
    places = [weight.data_ptr() for weight in one.network.parameters()]
    images = torch.randint(256, (4, 3, 12, 12), dtype=torch.uint8)
    logits = {}
    for seed in (1, 2, 1):
        one.begin_anew(seed)
        found = one.predict(images)
        assert torch.equal(logits.setdefault(seed, found), found)
        one.logits(images).sum().backward()
        one.network[0].weight.data.add_(1)
    assert not torch.equal(logits[1], logits[2])
    assert [weight.data_ptr() for weight in one.network.parameters()] == places
    assert one.network.training


class Camera(nn.Module):
    """Keeps what it is shown."""

    def forward(self, x):
        self.seen = x.clone()
        return torch.zeros(len(x), 3)


def test_what_is_hidden_shows_the_mean():
    one = classifier()
    one.network = Camera()
    shown = torch.rand(12, 12) < 0.5
    one.predict(torch.full((2, 3, 12, 12), 255, dtype=torch.uint8), shown)
    torch.testing.assert_close(one.network.seen, 2.0 * shown.expand(2, 3, 12, 12))
    assert one.network.seen.is_contiguous(memory_format=torch.channels_last)


def test_in_bfloat16_weights_stay_what_they_are():
    one = classifier(dtype=torch.bfloat16)
    one.begin_anew(0)
    images = torch.randint(256, (4, 3, 12, 12), dtype=torch.uint8)
    exact = classifier()
    exact.begin_anew(0)
    rough = one.logits(images)
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact.logits(images))
    torch.testing.assert_close(rough, exact.logits(images), rtol=0.05, atol=0.05)
    assert {weight.dtype for weight in one.network.parameters()} == {torch.float32}
