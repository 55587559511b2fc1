"""Folders of images: folders for classes, for training and for test, and the images inside."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from torchvision.datasets.folder import IMG_EXTENSIONS

_SUFFIX = r"([ _-]?(set|data|images?))?"
_TRAIN = re.compile(rf"train(ing)?{_SUFFIX}", re.IGNORECASE)
_TESTS = [re.compile(rf"{name}{_SUFFIX}", re.IGNORECASE) for name in ("val(id(ation)?)?", "test(ing)?")]


class Parts(NamedTuple):
    """The folder to train on, and the folder to test on."""

    train: Path
    test: Path


def is_hidden(name: str) -> bool:
    """Return True for names that tools create beside images, such as ``.ipynb_checkpoints`` and ``__MACOSX``."""
    return name.startswith(".") or name == "__MACOSX"


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder that are not hidden, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def is_image(path: Path) -> bool:
    """Return True for a file name that is not hidden and has an extension of image files."""
    return path.suffix.lower() in IMG_EXTENSIONS and not is_hidden(path.name)


def is_train(folder: Path) -> bool:
    """Return True for a folder whose name is ``train``, ``Training`` or similar."""
    return _TRAIN.fullmatch(folder.name) is not None


def parts_of(folder: Path) -> Parts | None:
    """Find the folders for training and for test, such as ``train`` and ``val``, or ``Training`` and ``Testing``.

    Args:
        folder: the folder to search.

    Returns:
        Both folders, with the validation folder before a test folder; or None if the folders are classes.

    Raises:
        ValueError: if one of the two is missing, or several folders have the same meaning.
    """
    folders = folders_in(folder)
    train = [path for path in folders if is_train(path)]
    tests = [[path for path in folders if pattern.fullmatch(path.name)] for pattern in _TESTS]
    test = tests[0] or tests[1]
    for several in (train, test):
        if train and test and len(several) > 1:
            names = ", ".join(path.name for path in several)
            raise ValueError(f"DATA must hold one folder to learn from and one to test on, got {names}")
    if train and test:
        return Parts(train[0], test[0])
    # A single one may be a class of images, such as "train" beside "bus", or "valid" beside "invalid".
    if (alone := train or test) and (alone == folders or any(map(folders_in, alone))):
        missing = "val/ or test/" if train else "train/"
        raise ValueError(
            f"DATA must hold {missing} beside {alone[0].name}/, got {'neither' if train else 'none'} in {folder}"
        )
    return None


def images_in_classes(folders: list[Path]) -> dict[Path, list[Path]]:
    """Find the image files in class folders and in the folders inside them.

    Each image is found once in a class, also if several links point to it. A link to a folder that holds the link, or
    to another class, is not followed.

    Args:
        folders: one folder per class.

    Returns:
        The paths of the images of each class folder, sorted by folder and name.

    Raises:
        OSError: if a folder cannot be read.
    """
    real = [Path(os.path.realpath(folder)) for folder in folders]
    named = [Path(os.path.realpath(folder.parent), folder.name) for folder in folders]
    above = {parent for one in (*real, *named) for parent in one.parents}
    found = {}
    for folder, itself in zip(folders, real, strict=True):
        once: dict[Path, Path] = {}
        for image, path in _walk(folder, itself, {*real, *above}):
            once.setdefault(image, path)
        found[folder] = sorted(once.values(), key=lambda path: (str(path.parent), path.name))
    return found


def _walk(folder: Path, real: Path, been: set[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield, for each image file in a folder, the real path and the path through links."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        path, itself, is_folder = folder / entry.name, real / entry.name, entry.is_dir(follow_symlinks=False)
        if entry.is_symlink():  # only for links, since resolving every name is slow on a network drive
            itself, is_folder = Path(os.path.realpath(path)), path.is_dir()
        if not is_folder and is_image(path):
            yield itself, path
        if is_folder and itself not in been and not is_hidden(entry.name):
            been.add(itself)
            yield from _walk(path, itself, been)
