"""The pictures that the compare command learns from: found, chosen and looked at once."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from statistics import median_low
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from tqdm import tqdm

from cutmix_transforms._compare._networks import SMALL_PICTURE
from cutmix_transforms._pictures import open_picture, size_of

EMBEDDED = Path(__file__).parent / "fashion_mnist"  # a picture each of all for training and all for the test
CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
EMBEDDED_TRAIN = 500
LARGEST = 224  # side of pictures, unless told
HELD = 2**31  # bytes of small pictures that are kept in memory
SEED = 0  # of what is chosen, the same for all runs
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


@dataclass
class Part:
    """Labelled pictures, and their pixels ``(N, 3, size, size)`` uint8 where they are small enough to be kept."""

    labelled: Labelled
    held: Tensor | None = None
    skipped: list[str] = field(default_factory=list)  # what cannot be read


@dataclass
class Data:
    """The images to train on, those to test on, and the classes."""

    name: str
    classes: list[str]
    train: Part
    test: Part
    size: int = 0
    mean: list[float] = field(default_factory=list)  # of the training pictures, one per channel, from 0 to 1
    std: list[float] = field(default_factory=list)

    @property
    def skipped(self) -> list[str]:
        """The pictures that cannot be read."""
        return self.train.skipped + self.test.skipped


def load(folder: Path | None, *, train_size: int | None, size: int | None, workers: int, quiet: bool) -> Data:
    """Find pictures, choose from them, and look at each once: whether it can be read, and how bright it is.

    Args:
        folder: with ``train`` and ``val`` or ``test``, or with a folder for each class; None for the embedded pictures.
        train_size: how many pictures to learn from, as evenly from all classes as can be; None for all.
        size: side of the pictures in pixels; None for that of the pictures, up to 224.
        workers: processes that read pictures.
        quiet: without a progress bar.

    Returns:
        The data.

    Raises:
        OSError: if the folder cannot be read.
        ValueError: if there are not two classes, or two pictures of each, or not ``train_size`` pictures.
    """
    data = _embedded() if folder is None else _in_folder(folder)
    if folder is None and train_size is None:
        train_size = EMBEDDED_TRAIN
    _check(data)
    if train_size is not None:
        least, most = 2 * len(data.classes), len(data.train.labelled)
        if not least <= train_size <= most:
            raise ValueError(
                f"--train-size must be from {least} (two pictures a class) to {most}, which there are, got {train_size}"
            )
        data.train.labelled = _in_turn(data.train.labelled)[:train_size]
    data.size = size or _usual_size(data.train.labelled)
    workers = 0 if folder is None else workers
    data.mean, data.std = _look(data.train, data.size, workers, quiet)
    _look(data.test, data.size, workers, quiet)
    _check(data)
    return data


def _embedded() -> Data:
    train, test = (Part(list(_tiles(EMBEDDED / f"{part}.png"))) for part in ("train", "test"))
    return Data("Fashion-MNIST, embedded", CLASSES, train, test)


def _tiles(path: Path) -> Iterator[tuple[Source, int]]:
    """The pictures of 28 x 28 in a large one, from left to right, all of one class before all of the next."""
    with Image.open(path) as large:
        large.load()
        columns, rows = large.width // 28, large.height // 28
        for k in range(columns * rows):
            left, top = 28 * (k % columns), 28 * (k // columns)
            yield large.crop((left, top, left + 28, top + 28)), k * len(CLASSES) // (columns * rows)


def name_of(folder: Path) -> str:
    """Return the name of a folder: of a link its own, not that of its target."""
    return Path(os.path.abspath(folder)).name  # noqa: PTH100


def _in_folder(folder: Path) -> Data:
    if not folder.is_dir():
        raise ValueError(f"DATA must be a folder that exists, got {folder}")
    name = name_of(folder)
    tests = [folder / part for part in ("val", "test") if (folder / part).is_dir()]
    if tests and (folder / "train").is_dir():
        (train, classes), (test, others) = _labelled(folder / "train"), _labelled(tests[0])
        if classes != others:
            differ = sorted(set(classes) ^ set(others))
            raise ValueError(
                f"{tests[0]} must hold the classes of {folder / 'train'}, got {differ} in one of them only"
            )
        return Data(name, classes, Part(train), Part(test))
    if (folder / "train").is_dir():
        raise ValueError(f"DATA must hold val/ or test/ beside train/, got neither in {folder}")
    labelled, classes = _labelled(folder)
    _check_counts(classes, labelled, 3, "two to learn from and one to test on")
    shuffled = _by_class(labelled)
    test = [one for mine in shuffled for one in mine[: max(1, len(mine) // 5)]]
    train = [one for mine in shuffled for one in mine[max(1, len(mine) // 5) :]]
    return Data(name, classes, Part(train), Part(test))


def _labelled(folder: Path) -> tuple[Labelled, list[str]]:
    if not any(path.is_dir() for path in folder.iterdir()):
        raise ValueError(f"DATA must hold a folder for each of at least 2 classes, got none in {folder}")
    found = ImageFolder(folder, allow_empty=True)
    return [(Path(path), k) for path, k in found.samples], found.classes


def _by_class(labelled: Labelled) -> list[Labelled]:
    """The pictures of each class, shuffled, the same on every machine."""
    classes: dict[int, Labelled] = {}
    for one in labelled:
        classes.setdefault(one[1], []).append(one)
    orders = (RandomSampler(mine, generator=Generator().manual_seed(SEED)) for mine in classes.values())
    return [[mine[i] for i in order] for mine, order in zip(classes.values(), orders, strict=True)]


def _in_turn(labelled: Labelled) -> Labelled:
    """One picture of every class, then another one of every class, and so on."""
    rounds = zip_longest(*_by_class(labelled))
    return [one for one in chain.from_iterable(rounds) if one is not None]


def _check(data: Data) -> None:
    _check_counts(data.classes, data.train.labelled, 2, "to learn from")
    _check_counts(data.classes, data.test.labelled, 1, "to test on")


def _check_counts(classes: list[str], labelled: Labelled, least: int, what: str) -> None:
    if len(classes) < 2:
        raise ValueError(f"DATA must hold at least 2 classes, got {classes}")
    counts = Counter(label for _, label in labelled)
    for k, name in enumerate(classes):
        if counts[k] < least:
            raise ValueError(
                f"DATA must hold at least {least} readable pictures of each class, {what}, got {counts[k]} of {name!r}"
            )


def _usual_size(labelled: Labelled) -> int:
    """The shorter side of the middle one of some pictures."""
    some = (source for source, _ in labelled[:: max(1, len(labelled) // 25)])
    sizes = (source.size if isinstance(source, Image.Image) else size_of(source) for source in some)
    sides = [min(size) for size in sizes if size]
    return min(median_low(sides), LARGEST) if sides else LARGEST


def _look(part: Part, size: int, workers: int, quiet: bool) -> tuple[list[float], list[float]]:
    """Leave out what cannot be read, keep small pictures, and return the mean and deviation of each channel."""
    loader = DataLoader(Pictures(part.labelled, size), batch_size=64, num_workers=workers, collate_fn=list)
    kept = size <= SMALL_PICTURE and 3 * size * size * len(part.labelled) <= HELD
    held = torch.empty(len(part.labelled) if kept else 0, 3, size, size, dtype=torch.uint8)
    sums, squares = torch.zeros(2, 3, dtype=torch.float64)
    good: Labelled = []
    pictures = chain.from_iterable(loader)
    bar = tqdm(pictures, "looking at pictures", len(part.labelled), leave=False, disable=quiet or None)
    for i, (picture, _) in enumerate(bar):
        if not picture.numel():
            part.skipped.append(str(part.labelled[i][0]))
            continue
        if kept:
            held[len(good)] = picture
        good.append(part.labelled[i])
        channels = picture.double().flatten(1) / 255
        sums += channels.mean(1)
        squares += channels.square().mean(1)
    part.labelled = good
    part.held = held[: len(good)] if kept else None
    mean = sums / max(len(good), 1)
    variance = squares / max(len(good), 1) - mean.square()
    return mean.tolist(), variance.clamp(min=1e-4).sqrt().tolist()
