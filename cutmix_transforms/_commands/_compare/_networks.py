"""The networks that the compare command trains."""

from importlib.util import find_spec
from typing import cast

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from cutmix_transforms._commands._compare._ranks import Place

SMALL_IMAGE = 64  # up to this side networks begin without halving the image


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
    """Return a residual network for small images: three blocks, 32, 64 and 128 channels, each halves the sides."""
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
    """Return a network without pretrained weights, which was seen to work on images of that size.

    Args:
        name: ``small``, or a model for classification of torchvision or, where it is installed, timm.
        num_classes: number of outputs.
        size: side of the images in pixels.

    Returns:
        The network, in channels_last. A ResNet of torchvision for small images begins as usual for CIFAR: with a
        3 x 3 convolution of stride 1 and without pooling.

    Raises:
        ValueError: if there is no such model, or it cannot take such images.
    """
    network = _named(name, num_classes)
    if isinstance(network, torchvision.models.ResNet) and size <= SMALL_IMAGE:
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, 3, padding=1, bias=False)
        network.maxpool = cast(nn.MaxPool2d, nn.Identity())
    network = network.to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            shape = logits_of(network.eval(), torch.zeros(2, 3, size, size)).shape
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"--model {name} must take images of {size} x {size} ({reason}); see --size") from None
    if shape != (2, num_classes):
        raise ValueError(f"--model {name} must give logits (2, {num_classes}) for 2 images, got {tuple(shape)}")
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


class Classifier:
    """A network that is trained anew in every run, on uint8 images, and stays the same object, compiled only once.

    Args:
        name: ``small``, or a model of torchvision or timm.
        num_classes: number of classes.
        size: side of the images in pixels.
        mean: mean of each channel of the training images, from 0 to 1.
        std: their deviation.
        place: where it is trained.
        dtype: what convolutions and products are computed in.
        is_compiled: that ``torch.compile`` makes the network faster.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        size: int,
        *,
        mean: list[float],
        std: list[float],
        place: Place,
        dtype: torch.dtype,
        is_compiled: bool,
    ) -> None:
        self.name, self.num_classes, self.size = name, num_classes, size
        self.place, self.dtype, self.is_compiled = place, dtype, is_compiled
        self.network = make(name, num_classes, size).to(place.device)
        self.mean, self.std = (torch.tensor(one, device=place.device).view(-1, 1, 1) for one in (mean, std))
        self._trained: nn.Module = self.network
        if is_compiled:  # the graphs of CUDA, as a small network waits for the host otherwise
            self._trained = cast(nn.Module, torch.compile(self.network, mode="reduce-overhead"))
        if place.ranks > 1:
            devices = [place.device] if place.device.type == "cuda" else None
            self._trained = nn.parallel.DistributedDataParallel(self._trained, device_ids=devices)

    def begin_anew(self, seed: int) -> None:
        """Draw new weights, from a seed, into the memory of the old ones."""
        torch.manual_seed(seed)
        self.network.load_state_dict(make(self.name, self.num_classes, self.size).state_dict())
        self.network.zero_grad(set_to_none=True)
        self.network.train()

    def logits(self, images: Tensor) -> Tensor:
        """Return logits ``(N, K)`` of images ``(N, 3, H, W)`` uint8, while it is trained."""
        if self.is_compiled:
            torch.compiler.cudagraph_mark_step_begin()
        return self._of(self._trained, self._normal(images))

    @torch.no_grad()
    def predict(self, images: Tensor, shown: Tensor | None = None) -> Tensor:
        """Return logits of images of which perhaps only a part ``(H, W)`` is shown, the mean color elsewhere."""
        normal = self._normal(images)
        self.network.eval()
        logits = self._of(self.network, normal if shown is None else normal * shown)
        self.network.train()
        return logits

    def _normal(self, images: Tensor) -> Tensor:
        return ((images.float() / 255 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def _of(self, network: nn.Module, normal: Tensor) -> Tensor:
        with torch.autocast(self.place.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return logits_of(network, normal).float()
