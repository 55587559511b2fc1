"""``cutmix-transforms preview``: what the transforms do to photographs, as one image."""

import argparse
import io
import webbrowser
from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torchvision.transforms import v2

from cutmix_transforms._commands._files import write_whole
from cutmix_transforms._commands._folders import folders_in, images_in_classes, is_image, is_train
from cutmix_transforms._commands._image_files import open_image
from cutmix_transforms._commands._photos import photographs
from cutmix_transforms._commands._spec import title_of, transform_of
from cutmix_transforms._commands._terminal import printable
from cutmix_transforms._data._collate import MixCollate, unstacked
from cutmix_transforms._show._batch import GUTTER, INK, PAPER, show_batch
from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms._transforms._cutout import RandomCutout
from cutmix_transforms._transforms._mix import Mix

HELP = "Write an image of what the transforms do to photographs, with the targets that come out."
TRANSFORMS = ("cutmix", "mixup", "cutout")
TASKS = ("classification", "detection")
MOST = 6  # photographs in a row
MOST_PIXELS = 2**27  # of the image, which is in memory as a whole
TITLE = 30  # height in pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    add = parser.add_argument
    whose = "images, or class folders of images (default: photographs that come with the package)"
    add("folder", nargs="?", type=Path, metavar="FOLDER", help=whose)
    add("-o", "--output", type=Path, default=Path("preview.png"), help="the image to write (default: %(default)s)")
    add(
        "--transform",
        action="append",
        metavar="NAME[:OPTIONS]",
        help="a transform to show: cutmix, mixup or cutout, or mixes with + between to take turns, each with options "
        "of its class, such as mixup:alpha=0.2; may be repeated (default: cutmix, mixup and cutout)",
    )
    what = (
        "the targets to show: those of classification, or boxes, masks and keypoints on the photographs of the package "
    )
    add("--show", choices=TASKS, default=TASKS[0], help=what + "(default: %(default)s)")
    alpha = "alpha of CutMix and MixUp where --transform does not say it (default: %(default)s)"
    add("--alpha", type=float, default=1.0, metavar="A", help=alpha)
    add("--size", type=int, default=224, metavar="S", help="side of a photograph in pixels (default: %(default)s)")
    add(
        "--rows", type=int, default=1, metavar="N", help="rows of photographs for each transform (default: %(default)s)"
    )
    add("--seed", type=int, default=0, metavar="N", help="random seed (default: %(default)s)")
    sample = "draw for every photograph for itself (default: once for the whole row)"
    add("--per-sample", action="store_true", help=sample)
    add("--open", action="store_true", help="open the image when it is written (default: only write it)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the image that the options of the command line ask for.

    Args:
        options: the parsed command line.

    Raises:
        OSError: if the folder cannot be read or the image cannot be written.
        ValueError: if there are not enough images, an option is out of range, or images of a folder are to be
            shown with boxes, which nobody has drawn.
    """
    for name in ("size", "rows"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} must be at least 1, got {getattr(options, name)}")
    if not -(2**63) <= options.seed < 2**64:
        raise ValueError(f"--seed must be an integer of 64 bits, got {options.seed}")
    if options.output.suffix.lower() != ".png":
        raise ValueError(f"--output must be a file that ends in .png, got {options.output}")
    if options.show == "detection" and options.folder is not None:
        raise ValueError(f"--show detection must be without FOLDER, which has no annotations, got {options.folder}")
    _check_pixels(options)
    shown = _load(options)
    texts = options.transform or TRANSFORMS
    made = [_make(text, len(shown.samples), options) for text in texts]
    torch.manual_seed(options.seed)
    strips = [_strip("the photographs", None, shown, options)]
    for title, transform in made:
        strips += [_strip(title, transform, shown, options) for _ in range(options.rows)]
    _write(_stack(strips), options.output)
    print(f"wrote {printable(options.output)}: {len(shown.samples)} photographs, {printable(', '.join(texts))}")
    if options.open:
        webbrowser.open(options.output.absolute().as_uri())


def _check_pixels(options: argparse.Namespace) -> None:
    strips = 1 + options.rows * len(options.transform or TRANSFORMS)
    pixels = strips * (options.size + TITLE) * MOST * options.size
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"--size and --rows must make an image of at most {MOST_PIXELS} pixels, "
            f"got {options.size} and {options.rows}, which make {pixels}"
        )


def _write(image: Image.Image, file: Path) -> None:
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, encoded.getbuffer())


class Shown(NamedTuple):
    """Samples as a dataset gives them, with the names of their classes."""

    samples: Sequence[tuple[Tensor, Any]]
    classes: Sequence[str]


def _load(options: argparse.Namespace) -> Shown:
    if options.folder is not None:
        return _squares(options.folder, options.size)
    photos = photographs(options.size)
    if options.show == "detection":
        return Shown(photos.scenes, photos.things)
    return Shown(list(zip(photos.images, photos.labels.tolist(), strict=True)), photos.classes)


def _squares(folder: Path, size: int) -> Shown:
    """Return images of the user's, cut to squares."""
    opened = ((open_image(path), label) for path, label in _images_in(folder))
    photos = list(islice(((photo, label) for photo, label in opened if photo is not None), MOST))
    if len(photos) < 2:
        raise ValueError(f"FOLDER must hold at least 2 images that can be read, got {len(photos)} in {folder}")
    classes = sorted({label for _, label in photos})
    square = v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage()])
    return Shown([(square(photo), classes.index(label)) for photo, label in photos], classes)


def _images_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Return paths and class names.

    They are of class folders in turn, or of the images in one folder, each of which is a class of its own.
    """
    if not folder.is_dir():
        raise ValueError(f"FOLDER must be a folder that exists, got {folder}")
    folder = next((one for one in folders_in(folder) if is_train(one) and folders_in(one)), folder)
    flat = sorted(path for path in folder.iterdir() if is_image(path) and not path.is_dir())
    found = images_in_classes(folders_in(folder)).items()
    classes = [[(path, one.name) for path in paths] for one, paths in found if paths]
    if len(classes) >= 2 or (classes and not flat):
        rounds = enumerate(zip_longest(*classes))  # each begins with another class, or all partners might be alike
        in_turn = chain.from_iterable(one[i % len(one) :] + one[: i % len(one)] for i, one in rounds)
        return (pair for pair in in_turn if pair is not None)
    return ((path, path.stem) for path in flat)


def _make(text: str, count: int, options: argparse.Namespace) -> tuple[str, RandomTransform]:
    """Return what to call a transform, and the transform."""
    shown: dict[str, Any] = {"alpha": options.alpha}
    shown |= {"per_sample": True} if options.per_sample else {}
    shown |= {"mask_fill": 0} if options.show == "detection" else {}
    hidden = {"num_classes": count} if options.show == "classification" else {}
    try:
        return title_of(text, **shown), transform_of(text, **shown, **hidden)
    except ValueError as error:
        raise ValueError(f"--transform {error}") from error


def _strip(title: str, transform: RandomTransform | None, shown: Shown, options: argparse.Namespace) -> Image.Image:
    """Return a row of the image, made the way a training loop makes its batches."""
    samples: Any = [transform(*one) for one in shown.samples] if isinstance(transform, RandomCutout) else shown.samples
    collate = unstacked if options.show == "detection" else default_collate
    mixed = MixCollate(transform, collate_fn=collate) if isinstance(transform, Mix) else collate
    images, targets = next(iter(DataLoader(samples, batch_size=len(samples), collate_fn=mixed)))
    return _titled(
        title, show_batch(images, targets, classes=list(map(printable, shown.classes)), columns=len(samples))
    )


def _titled(title: str, image: Image.Image) -> Image.Image:
    font = ImageFont.load_default(max(12, min(20, image.width // 64)))
    out = Image.new("RGB", (image.width, image.height + TITLE), PAPER)
    ImageDraw.Draw(out).text((GUTTER, TITLE // 2 + 2), title, INK, font, anchor="lm")
    out.paste(image, (0, TITLE))
    return out


def _stack(strips: list[Image.Image]) -> Image.Image:
    out = Image.new("RGB", (strips[0].width, GUTTER + sum(strip.height for strip in strips)), PAPER)
    y = 0
    for strip in strips:
        out.paste(strip, (0, y))
        y += strip.height
    return out
