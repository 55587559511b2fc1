"""The images that the compare command learns from: found, looked at once, and chosen from those that can be read."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

from PIL import Image
from torch import Generator, Tensor
from torch.utils.data import RandomSampler

from cutmix_transforms._commands._compare._looks import Labelled, Looking, Seen, Source
from cutmix_transforms._commands._compare._networks import SMALL_IMAGE
from cutmix_transforms._commands._compare._progress import Progress
from cutmix_transforms._commands._folders import folders_in, images_in_classes, parts_of
from cutmix_transforms._commands._image_files import size_of

EMBEDDED = Path(__file__).parent / "fashion_mnist"  # an image each of all for training and all for the test
CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
LARGEST = 224  # side of images, unless told
HELD = 2**31  # bytes of small images that are kept in memory
SEED = 0  # of what is chosen, the same for all runs


@dataclass
class Part:
    """Labelled images, and their pixels ``(N, 3, size, size)`` uint8 where they are small enough to be kept."""

    labelled: Labelled
    held: Tensor | None = None


@dataclass
class Data:
    """The images to train on, those to test on, and the classes."""

    name: str
    classes: list[str]
    train: Part
    test: Part
    size: int
    mean: list[float]  # of the training images, one per channel, from 0 to 1
    std: list[float]
    skipped: list[str]  # what cannot be read
    fingerprint: str  # of the contents of all images, which tells other data of the same name and number


@dataclass
class Found:
    """Find all image files of a folder or of the package, before any of them is read."""

    name: str
    classes: list[str]
    labelled: Labelled
    to_learn: int | None = None  # the first so many are to learn from, the others to test on; None: not yet divided

    def __post_init__(self) -> None:
        self.shuffled = _by_class(self.labelled[: self.to_learn])


class Chosen(NamedTuple):
    """Which of the images that were found are learned from and tested on."""

    train: list[int]
    test: list[int]


def load(folder: Path | None, *, train_size: int | None, size: int | None, quiet: bool) -> Data:
    """Find images, look at each once, whether it can be read and how bright it is, and choose from them.

    Args:
        folder: with folders for training and validation or test, or with a folder for each class; None for the embedded
            images.
        train_size: how many images to learn from, as evenly from all classes as can be; None for all.
        size: side of the images in pixels; None for that of the images, up to 224.
        quiet: without a progress bar.

    Returns:
        The data.

    Raises:
        OSError: if the folder cannot be read.
        ValueError: if there are not two classes, or two images of each, or not ``train_size`` images.
    """
    found = _embedded() if folder is None else _in_folder(folder)
    seen = Seen()
    chosen = _choose(found, seen.bad, train_size)
    size = size or _usual_size([found.labelled[i] for i in chosen.train])
    while not all(i in seen.contents for part in chosen for i in part):  # each time with others for what is bad
        for part in chosen:
            _look(found, part, seen, size, quiet=quiet)
        chosen = _choose(found, seen.bad, train_size)
    return _data(found, chosen, seen, size)


def _choose(found: Found, bad: set[int], train_size: int | None) -> Chosen:
    """Choose from what is not known to be bad: as if the bad were not there, once all that is chosen is good."""
    good = [i for i in range(len(found.labelled)) if i not in bad]
    shuffled = [[i for i in mine if i not in bad] for mine in found.shuffled]
    if found.to_learn is None:
        _check_counts(found, good, 3, "two to learn from and one to test on")
        fifths = [max(1, len(mine) // 5) for mine in shuffled]
        test = [i for mine, fifth in zip(shuffled, fifths, strict=True) for i in mine[:fifth]]
        shuffled = [mine[fifth:] for mine, fifth in zip(shuffled, fifths, strict=True)]
        train = [*chain.from_iterable(shuffled)]
    else:
        train, test = ([i for i in good if (i < found.to_learn) == learn] for learn in (True, False))
        _check_counts(found, train, 2, "to learn from")
        _check_counts(found, test, 1, "to test on")
    if train_size is None:
        return Chosen(train, test)
    least, most = 2 * len(found.classes), len(train)
    if not least <= train_size <= most:
        raise ValueError(
            f"--train-size must be from {least} (two images a class) to {most}, which there are, got {train_size}"
        )
    return Chosen(_in_turn(shuffled)[:train_size], test)


def _look(found: Found, part: list[int], seen: Seen, size: int, *, quiet: bool) -> None:
    """Look at the images of a part that were not looked at before, in threads, as decoding lets others run."""
    fresh = [i for i in part if i not in seen.contents]
    keep = size <= SMALL_IMAGE and 3 * size * size * len(part) <= HELD
    looking = Looking([found.labelled[i] for i in fresh], size, keep=keep)
    progress = Progress("looking at images", quiet=quiet)
    # Threads that each catch warnings would leave the filters of whichever ended last.
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as threads:
        for number, (i, look) in enumerate(zip(fresh, threads.map(looking, range(len(fresh))), strict=True)):
            seen.add(i, found.labelled[i][0], look)
            progress.show(f"{number} of {len(fresh)}")
    progress.close()


def _data(found: Found, chosen: Chosen, seen: Seen, size: int) -> Data:
    mean, std = seen.mean_and_deviation(chosen.train)
    content = hashlib.blake2b(digest_size=16)
    for number, part in enumerate(chosen):
        for i in part:
            content.update(bytes([number]) + found.labelled[i][1].to_bytes(4, "big") + seen.contents[i])
    train, test = (Part([found.labelled[i] for i in part], seen.held(part)) for part in chosen)
    skipped = [str(found.labelled[i][0]) for i in sorted(seen.bad)]
    return Data(found.name, found.classes, train, test, size, mean, std, skipped, content.hexdigest())


def _embedded() -> Found:
    train, test = (list(_tiles(EMBEDDED / f"{part}.png")) for part in ("train", "test"))
    return Found("Fashion-MNIST, embedded", CLASSES, train + test, len(train))


def _tiles(path: Path) -> Iterator[tuple[Source, int]]:
    """Return the images of 28 x 28 in a large one, from left to right, all of one class before all of the next."""
    with Image.open(path) as large:
        large.load()
        columns, rows = large.width // 28, large.height // 28
        for k in range(columns * rows):
            left, top = 28 * (k % columns), 28 * (k // columns)
            yield large.crop((left, top, left + 28, top + 28)), k * len(CLASSES) // (columns * rows)


def name_of(folder: Path) -> str:
    """Return the name of a folder: of a link its own, not that of its target."""
    return Path(os.path.abspath(folder)).name  # noqa: PTH100


def _in_folder(folder: Path) -> Found:
    if not folder.is_dir():
        raise ValueError(f"DATA must be a folder that exists, got {folder}")
    name, parts = name_of(folder), parts_of(folder)
    if parts is None:
        labelled, classes = _labelled(folder)
        return Found(name, classes, labelled)
    (train, classes), (test, others) = map(_labelled, parts)
    if classes != others:
        differ = sorted(set(classes) ^ set(others))
        raise ValueError(f"{parts.test} must hold the classes of {parts.train}, got {differ} in one of them only")
    return Found(name, classes, train + test, len(train))


def _labelled(folder: Path) -> tuple[Labelled, list[str]]:
    folders = folders_in(folder)
    if not folders:
        raise ValueError(f"DATA must hold a folder for each of at least 2 classes, got none in {folder}")
    found = enumerate(images_in_classes(folders).values())
    return [(path, k) for k, paths in found for path in paths], [one.name for one in folders]


def _by_class(labelled: Labelled) -> list[list[int]]:
    """Return the indices of the images of each class, shuffled, in the same way on every machine."""
    classes: dict[int, list[int]] = {}
    for i, (_, label) in enumerate(labelled):
        classes.setdefault(label, []).append(i)
    orders = (RandomSampler(mine, generator=Generator().manual_seed(SEED)) for mine in classes.values())
    return [[mine[i] for i in order] for mine, order in zip(classes.values(), orders, strict=True)]


def _in_turn(shuffled: list[list[int]]) -> list[int]:
    """One image of every class, then another one of every class, and so on."""
    rounds = zip_longest(*shuffled)
    return [one for one in chain.from_iterable(rounds) if one is not None]


def _check_counts(found: Found, chosen: list[int], least: int, what: str) -> None:
    if len(found.classes) < 2:
        raise ValueError(f"DATA must hold at least 2 classes, got {found.classes}")
    counts = Counter(found.labelled[i][1] for i in chosen)
    for k, name in enumerate(found.classes):
        if counts[k] < least:
            raise ValueError(
                f"DATA must hold at least {least} readable images of each class, {what}, got {counts[k]} of {name!r}"
            )


def _usual_size(labelled: Labelled) -> int:
    """Return the median of the shorter sides of some images."""
    some = (source for source, _ in labelled[:: max(1, len(labelled) // 25)])
    sizes = (source.size if isinstance(source, Image.Image) else size_of(source) for source in some)
    sides = [min(size) for size in sizes if size]
    return min(median_low(sides), LARGEST) if sides else LARGEST
