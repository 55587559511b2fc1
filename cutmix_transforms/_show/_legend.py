"""The names of classes beside their colors, below a batch whose masks or keypoints have no tags."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image, ImageDraw

from cutmix_transforms._show._overlay import Overlay, color_of
from cutmix_transforms._show._text import Color, Lettering, shorten


class Entry(NamedTuple):
    """The name of a class and its color."""

    name: str
    color: Color


def legend_of(overlays: Iterable[Overlay]) -> list[Entry]:
    """Return the classes that are drawn without their names, largest first, or nothing if there is only one."""
    names: dict[int, str] = {}
    pixels: Counter[int] = Counter()
    for overlay in overlays:
        names |= overlay.untagged
        for cover, kind in overlay.regions:
            pixels[kind] += int(cover.sum())
    kinds = sorted(names, key=lambda kind: (-pixels[kind], kind))
    return [Entry(names[kind], color_of(kind)) for kind in kinds] if len(kinds) > 1 else []


def with_legend(
    sheet: Image.Image, entries: list[Entry], lettering: Lettering, paper: Color, ink: Color
) -> Image.Image:
    """Return an image with a legend added at the bottom, in as many lines as its width needs."""
    side, line = round(lettering.size), lettering.height
    places: list[tuple[int, int, str]] = []  # left, number of the line, and text, of each entry
    left, row = side // 2, 0
    for name, _ in entries:
        text = shorten(name, lettering, sheet.width - 3 * side)
        width = round(2.5 * side + lettering.getlength(text))
        if left + width > sheet.width and left > side // 2:
            left, row = side // 2, row + 1
        places.append((left, row, text))
        left += width
    whole = Image.new("RGB", (sheet.width, sheet.height + line * (row + 1) + side // 2), paper)
    whole.paste(sheet, (0, 0))
    pen = ImageDraw.Draw(whole)
    for (left, row, text), (_, color) in zip(places, entries, strict=True):
        middle = sheet.height + row * line + line / 2
        pen.rectangle((left, middle - side / 2, left + side - 1, middle + side / 2 - 1), fill=color)
        lettering.write(pen, (left + 1.5 * side + lettering.getlength(text) / 2, middle), text, ink)
    return whole
