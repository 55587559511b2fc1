"""Pictures as samples of a data set, and what a look at each of them tells."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from cutmix_transforms._commands._pictures import open_picture

Source = Path | Image.Image
Labelled = list[tuple[Source, int]]


class Plan(NamedTuple):
    """A batch that is to be made."""

    seed: int
    indices: list[int]


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures as ``(3, size, size)`` uint8, cut at the longer side, with the index of their class."""

    def __init__(
        self,
        labelled: Labelled,
        size: int,
        transform: Callable[[Any], Tensor] | None = None,
        held: Tensor | None = None,
    ) -> None:
        self.labelled, self.held = labelled, held
        cut = v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.PILToTensor()])
        self.transform = transform or (cut if held is None else v2.Identity())

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        source, label = self.labelled[i]
        if self.held is not None:
            return self.transform(self.held[i]), label
        picture = open_picture(source) if isinstance(source, Path) else source.convert("RGB")
        if picture is None:
            return torch.empty(0, dtype=torch.uint8), label
        return self.transform(picture), label

    def __getitems__(self, plan: Plan | list[int]) -> list[tuple[Tensor, int]]:
        """The samples of a batch; a plan also seeds all that is drawn for it, by the collate that comes after too."""
        if isinstance(plan, Plan):
            torch.manual_seed(plan.seed)
        return [self[i] for i in (plan.indices if isinstance(plan, Plan) else plan)]


class Look(NamedTuple):
    """A look at one picture: means over its pixels, from 0 to 1, and a hash of the file."""

    means: list[float]
    squares: list[float]
    content: bytes
    pixels: Tensor | None


class Looking(Dataset[Look | None]):
    """A look at each of some pictures, or None where it cannot be read."""

    def __init__(self, labelled: Labelled, size: int, *, keep: bool) -> None:
        self.pictures, self.keep = Pictures(labelled, size), keep

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> Look | None:
        pixels, _ = self.pictures[i]
        if not pixels.numel():
            return None
        source = self.pictures.labelled[i][0]
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
    """All looks so far, by the numbers of the pictures."""

    contents: dict[int, bytes] = field(default_factory=dict)
    moments: dict[int, tuple[list[float], list[float]]] = field(default_factory=dict)
    pixels: dict[int, Tensor] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)  # cannot be read

    def add(self, i: int, look: Look | None) -> None:
        """Keep what was seen of a picture."""
        if look is None:
            self.bad.add(i)
            return
        self.contents[i], self.moments[i] = look.content, (look.means, look.squares)
        if look.pixels is not None:
            self.pixels[i] = look.pixels.clone()  # what a worker sends holds an open file

    def held(self, chosen: list[int]) -> Tensor | None:
        """Give up the pixels of pictures, if those of all were kept."""
        if not self.pixels.keys() >= set(chosen):
            return None
        held = torch.empty(len(chosen), *self.pixels[chosen[0]].shape, dtype=torch.uint8)
        for place, i in zip(held, chosen, strict=True):
            place.copy_(self.pixels.pop(i))
        return held

    def mean_and_deviation(self, chosen: list[int]) -> tuple[list[float], list[float]]:
        """Return those of each channel, over all pixels of pictures of one size."""
        mean, square = torch.tensor([self.moments[i] for i in chosen], dtype=torch.float64).mean(0)
        return mean.tolist(), (square - mean.square()).clamp(min=1e-4).sqrt().tolist()
