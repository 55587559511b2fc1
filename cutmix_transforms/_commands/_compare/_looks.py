"""Image files as samples of a dataset, and what reading each of them once tells."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2
from torchvision.transforms.functional import pil_to_tensor

from cutmix_transforms._commands._image_files import read_image, say_skipped

Source = Path | Image.Image
Labelled = list[tuple[Source, int]]


class Plan(NamedTuple):
    """A batch that is to be made."""

    seed: int
    indices: list[int]


class Cut:
    """Makes an image a tensor ``(3, size, size)`` uint8, cut at the longer side."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.resize = v2.Compose([v2.Resize(size), v2.CenterCrop(size)])

    def __call__(self, image: Image.Image) -> Tensor:
        whole = image if image.size == (self.size, self.size) else self.resize(image)
        return pil_to_tensor(whole)


class Images(Dataset[tuple[Tensor, int]]):
    """Images as ``(3, size, size)`` uint8, cut at the longer side, with the index of their class."""

    def __init__(self, labelled: Labelled, size: int, transform: Callable[[Image.Image], Tensor] | None = None) -> None:
        self.labelled, self.transform = labelled, transform or Cut(size)

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        source, label = self.labelled[i]
        image = read_image(source) if isinstance(source, Path) else source.convert("RGB")
        return self.transform(image), label

    def __getitems__(self, plan: Plan | list[int]) -> list[tuple[Tensor, int]]:
        """Return the samples of a batch; a plan also seeds what is drawn for it, in the collate too."""
        if isinstance(plan, Plan):
            torch.manual_seed(plan.seed)
        return [self[i] for i in (plan.indices if isinstance(plan, Plan) else plan)]


class Look(NamedTuple):
    """A look at one image: means over its pixels, from 0 to 1, and a hash of the file."""

    means: list[float]
    squares: list[float]
    content: bytes
    pixels: Tensor | None


class Looking:
    """Read one image file by its index: return what it tells, or why it cannot be read."""

    def __init__(self, labelled: Labelled, size: int, *, keep: bool) -> None:
        self.images, self.keep = Images(labelled, size), keep

    def __call__(self, i: int) -> Look | str:
        try:
            pixels, _ = self.images[i]
        except ValueError as error:
            return str(error)
        source = self.images.labelled[i][0]
        channels = pixels.double().flatten(1) / 255
        content = source.read_bytes() if isinstance(source, Path) else source.tobytes()
        return Look(
            channels.mean(1).tolist(),
            channels.square().mean(1).tolist(),
            hashlib.blake2b(content, digest_size=16).digest(),
            pixels if self.keep else None,
        )


@dataclass
class Seen:
    """Return what all files read so far tell, by their indices."""

    contents: dict[int, bytes] = field(default_factory=dict)
    moments: dict[int, tuple[list[float], list[float]]] = field(default_factory=dict)
    pixels: dict[int, Tensor] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)  # cannot be read

    def add(self, i: int, source: Source, look: Look | str) -> None:
        """Keep what was seen of an image, or say why it is skipped."""
        if isinstance(look, str):
            say_skipped(Path(str(source)), look)
            self.bad.add(i)
            return
        self.contents[i], self.moments[i] = look.content, (look.means, look.squares)
        if look.pixels is not None:
            self.pixels[i] = look.pixels

    def held(self, chosen: list[int]) -> Tensor | None:
        """Give up the pixels of images, if those of all were kept."""
        if not self.pixels.keys() >= set(chosen):
            return None
        held = torch.empty(len(chosen), *self.pixels[chosen[0]].shape, dtype=torch.uint8)
        for place, i in zip(held, chosen, strict=True):
            place.copy_(self.pixels.pop(i))
        return held

    def mean_and_deviation(self, chosen: list[int]) -> tuple[list[float], list[float]]:
        """Return those of each channel, over all pixels of images of one size."""
        mean, square = torch.tensor([self.moments[i] for i in chosen], dtype=torch.float64).mean(0)
        return mean.tolist(), (square - mean.square()).clamp(min=1e-4).sqrt().tolist()
