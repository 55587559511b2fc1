"""Text in images: measuring, shortening, and writing it in several fonts."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import NamedTuple, Protocol, TypeVar

from PIL import ImageDraw

from cutmix_transforms._show._fonts import ELLIPSIS, Font, has, is_invisible, sized

Color = tuple[int, int, int]
T = TypeVar("T")


class Measure(Protocol):
    """An object that measures the length of a text."""

    def getlength(self, text: str) -> float:
        """Return the length of a text in pixels."""


class _Run(NamedTuple):
    """A part of a text that is written in one font."""

    font: Font
    text: str


@dataclass(frozen=True)
class Lettering:
    """The fonts and the size of texts. Each character is written in the first font that has it."""

    fonts: tuple[Font, ...]
    size: float

    @property
    def height(self) -> int:
        """The line height at which lines do not touch."""
        return ceil(max(1.3 * self.size, *(sum(sized(font, self.size).getmetrics()) for font in self.fonts)))

    def getlength(self, text: str) -> float:
        """Return the length of a text in pixels."""
        return sum(run.font.getlength(run.text) for run in self._runs(text))

    def write(self, pen: ImageDraw.ImageDraw, center: tuple[float, float], text: str, ink: Color) -> None:
        """Write a text centered at a point, on one baseline."""
        tops = [sized(self.fonts[0], self.size).getbbox("x", anchor=anchor)[1] for anchor in ("mm", "ls")]
        x, y = center[0] - int(self.getlength(text) / 2 + 0.5), center[1] + tops[0] - tops[1]
        for run in self._runs(text):
            pen.text((x, y), run.text, ink, run.font, anchor="ls")
            x += run.font.getlength(run.text)

    def _runs(self, text: str) -> list[_Run]:
        """Split a text where the font or the direction changes, into parts that are drawn from left to right."""
        keys = zip(self._fonts_of(text), _is_leftward(text), text, strict=True)
        parts = groupby(keys, key=lambda key: key[:2])
        return [_Run(sized(font, self.size), "".join(char for *_, char in part)) for (font, _), part in parts]

    def _fonts_of(self, text: str) -> list[Font]:
        fonts: list[Font | None] = []
        for char in text:
            before = [font for font in fonts[-1:] if font and unicodedata.category(char).startswith("M")]
            fitting = (font for font in (*before, *self.fonts) if has(font, char))
            fonts.append(None if is_invisible(char) else next(fitting, self.fonts[0]))
        return _joined(fonts, self.fonts[0])


def _is_leftward(text: str) -> list[bool]:
    """Return True for each character that is read from right to left, such as a name in Arabic or Hebrew.

    Such a name is laid out separately, because otherwise the fractions around it would move.
    """
    found: list[bool | None] = []
    for kind in map(unicodedata.bidirectional, text):
        if kind == "NSM":  # an accent
            found += found[-1:] or [None]
        else:
            found.append(kind in ("R", "AL") if kind in ("L", "R", "AL", "EN", "AN") else None)
    return _joined(found, False)


def _joined(values: Sequence[T | None], default: T) -> list[T]:
    """Replace each None by the value on both sides of it, or by the default if the two sides differ."""
    before, after = _filled(values), _filled(values[::-1])[::-1]
    return [one if one is not None and one is other else default for one, other in zip(before, after, strict=True)]


def _filled(values: Sequence[T | None]) -> list[T | None]:
    """Replace each None by the value before it."""
    filled: list[T | None] = []
    for value in values:
        filled += [value] if value is not None or not filled else filled[-1:]
    return filled


def shorten(text: str, font: Measure, width: float) -> str:
    """Shorten a text to a width by removing its middle, since names of classes often begin alike."""
    if font.getlength(text) <= width:
        return text
    beyond = bisect_right(range(len(text)), width, key=lambda count: font.getlength(without_middle(text, count)))
    return without_middle(text, max(beyond - 1, 0))


def without_middle(text: str, count: int) -> str:
    """Return a text, or only its first and last characters, ``count`` in total."""
    return text if len(text) <= count else f"{text[: count - count // 2]}{ELLIPSIS}{text[len(text) - count // 2 :]}"
