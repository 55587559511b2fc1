"""The networks that the compare command trains."""

from importlib.util import find_spec
from typing import cast

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

SMALL_PICTURE = 64  # up to this side networks begin without halving the picture


class Block(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016, arXiv 1512.03385)."""

    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inward, outward, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outward)
        self.second = nn.Conv2d(outward, outward, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outward)
        shortcut = nn.Conv2d(inward, outward, 1, stride, bias=False)
        self.shortcut = nn.Sequential(shortcut, nn.BatchNorm2d(outward))

    def forward(self, x: Tensor) -> Tensor:
        """From ``(N, inward, H, W)`` to ``(N, outward, H / stride, W / stride)``."""
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


def small(num_classes: int) -> nn.Module:
    """A residual network for small pictures: three blocks, 32, 64 and 128 channels, each halves the sides."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        *(Block(inward, outward, stride=2) for inward, outward in ((32, 32), (32, 64), (64, 128))),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, num_classes),
    )


def make(name: str, num_classes: int, size: int) -> nn.Module:
    """A network without pretrained weights, seen to work on pictures of that size.

    Args:
        name: ``small``, or a model for classification of torchvision or, where it is installed, timm.
        num_classes: number of outputs.
        size: side of the pictures in pixels.

    Returns:
        The network, in channels_last. A ResNet of torchvision for small pictures begins as usual for CIFAR: with a
        3 x 3 convolution of stride 1 and without pooling.

    Raises:
        ValueError: if there is no such model, or it cannot take such pictures.
    """
    network = _named(name, num_classes)
    if isinstance(network, torchvision.models.ResNet) and size <= SMALL_PICTURE:
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, 3, padding=1, bias=False)
        network.maxpool = cast(nn.MaxPool2d, nn.Identity())
    network = network.to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            shape = logits_of(network.eval(), torch.zeros(2, 3, size, size)).shape
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"--model {name} must take pictures of {size} x {size} ({reason}); see --size") from None
    if shape != (2, num_classes):
        raise ValueError(f"--model {name} must give logits (2, {num_classes}) for 2 pictures, got {tuple(shape)}")
    return network.train()


def _named(name: str, num_classes: int) -> nn.Module:
    if name == "small":
        return small(num_classes)
    if name in torchvision.models.list_models(module=torchvision.models):
        network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=num_classes)
        return network
    if find_spec("timm"):
        import timm  # noqa: PLC0415

        if timm.is_model(name):
            return timm.create_model(name, num_classes=num_classes)
    raise ValueError(f"--model must be small or the name of a model in torchvision or an installed timm, got {name}")


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of a network, without the auxiliary outputs that some give while they train."""
    out = network(images)
    return cast(Tensor, out if isinstance(out, Tensor) else out.logits)
