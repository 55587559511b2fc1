"""Reading the image files of users, some of which may be damaged."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from cutmix_transforms._commands._terminal import printable

LONGEST = 32  # times the shorter side
SIXTEEN_BITS = ("PNG", "PPM")  # formats whose mode "I" is from 0 to 65535, as that of TIFF need not be
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(path: Path) -> Image.Image | None:
    """Read an image in color and upright, or print why the file is skipped and return None.

    Args:
        path: the file.

    Returns:
        The image, in mode ``RGB``, or None.
    """
    try:
        return read_image(path)
    except ValueError as error:
        say_skipped(path, str(error))
        return None


def read_image(path: Path) -> Image.Image:
    """Read an image in color and upright.

    Of several images in a file, the first is read. Gray images of 16 bits are scaled to 8 bits. Transparent pixels
    become white, because their colors are arbitrary. Of an image that is much longer than wide, only the middle is
    kept, because it would need gigabytes when its shorter side is enlarged.

    Args:
        path: the file.

    Returns:
        The image, in mode ``RGB``.

    Raises:
        ValueError: if the image cannot be read. The error says why, in one line.
    """
    try:
        with _opened(path) as image:
            return _in_color(image)
    except Exception as error:  # damaged files make Pillow raise errors of nearly every kind
        raise ValueError(_reason(error)) from None


def say_skipped(path: Path, reason: str) -> None:
    """Print in one line that a file is skipped, and why."""
    print(f"skipped {printable(path)}: {printable(reason)}", file=sys.stderr)


def size_of(path: Path) -> tuple[int, int] | None:
    """Return the width and height that are stored in an image file, or None if it cannot be read."""
    try:
        with _opened(path) as image:
            return image.size
    except Exception:
        return None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file without warnings about large images or about damage that does not affect the pixels."""
    if path.exists() and not path.is_file():  # reading a pipe or a device may never end
        raise ValueError("no regular file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            yield image


def _reason(error: Exception) -> str:
    """Return the message of an error as one line."""
    if isinstance(error, UnidentifiedImageError):
        return "no image in a known format"
    words = " ".join(str(error).split())
    return words if any(map(str.isalpha, words)) else f"{type(error).__name__} {words}".rstrip()


def _in_color(image: Image.Image) -> Image.Image:
    if min(image.size) < 1:
        raise ValueError(f"an image without pixels, {image.width} x {image.height}")
    image.load()
    # ImageOps.exif_transpose would also rewrite the metadata, which fails if they are damaged.
    turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    whole = _opaque(_middle(_eight_bits(image)))
    return whole if turn is None else whole.transpose(turn)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in SIXTEEN_BITS):
        gray = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
        gray.info.pop("transparency", None)  # one of the 65536
        return gray
    if image.mode in ("I", "F"):
        raise ValueError(f"gray of 32 bits (mode {image.mode}), which does not say what is black and what white")
    return image


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    longest = LONGEST * min(image.size)
    if max(image.size) <= longest:
        return image
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(layer, mask=layer)
    return paper
