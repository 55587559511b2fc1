"""Picture files of users, some of which cannot be read."""

import sys
from pathlib import Path

from PIL import Image, ImageOps

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises


def open_picture(path: Path) -> Image.Image | None:
    """A picture in colour and the right way up, or None after one line about why it is skipped."""
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except UNREADABLE as error:
        print(f"skipped {path}: {error}", file=sys.stderr)
        return None
