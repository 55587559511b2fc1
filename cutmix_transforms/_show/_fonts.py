"""Fonts that have the characters of a text: Pillow's own font, or else a font of the system."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from importlib.util import find_spec
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import ImageFont

from cutmix_transforms.functional._checks import received

Font = ImageFont.FreeTypeFont

# Names that Pillow finds in the font folders of Linux, macOS and Windows: fonts for many alphabets, then for one each.
WELL_KNOWN = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "segoeui.ttf", "arial.ttf", "Arial Unicode.ttf", "ARIALUNI.TTF"),
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "NotoSansCJK-VF.ttc", "wqy-microhei.ttc"),
    *("msyh.ttc", "YuGothM.ttc", "meiryo.ttc", "malgun.ttf", "simsun.ttc", "msgothic.ttc"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "STHeiti Light.ttc"),
    *("wqy-zenhei.ttc", "NanumGothic.ttf", "ipag.ttf", "DroidSansFallbackFull.ttf"),
    *("NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansThai-Regular.ttf", "LeelawUI.ttf"),
    *("NotoSansDevanagari-Regular.ttf", "NotoSansBengali-Regular.ttf", "NotoSansTamil-Regular.ttf", "Nirmala.ttf"),
    *("Kohinoor.ttc", "Thonburi.ttc", "seguisym.ttf", "seguiemj.ttf", "NotoEmoji-Regular.ttf", "Apple Symbols.ttf"),
    *("FreeSans.ttf", "unifont.otf", "unifont.ttf"),
)
NOWHERE = "\U0010ffff"  # a character that no font has
ELLIPSIS = "…"
INVISIBLE = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")  # Unicode categories that leave no ink
HELP = (
    "install one (on Debian, Ubuntu or Colab: apt install fonts-noto-cjk fonts-noto-core) and restart Python, "
    "or pass font=, the path of a TrueType or OpenType file"
)


def check_font(font: Any) -> Font | None:
    """Return the font that a user passed, loaded from its file if needed, or None."""
    if font is None or isinstance(font, Font):
        return font
    if not isinstance(font, (str, os.PathLike)):
        raise TypeError(
            "font must be the path of a TrueType or OpenType file, or a font of PIL.ImageFont.truetype, "
            f"got {received(font)}"
        )
    try:
        return ImageFont.truetype(os.fspath(font), 12)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"font must be the path of a TrueType or OpenType file, got {os.fspath(font)!r}: {error}"
        ) from None


def fonts_for(texts: Iterable[str], own: Font | None = None) -> tuple[Font, ...]:
    """Return as few fonts as needed for the characters of some texts; the user's own font comes first."""
    missing = {char for char in "".join(texts) if not is_invisible(char)}
    fonts = [own or _best_for(missing)]
    while missing := _lacks(fonts[-1], missing):
        best = _best_for(missing)
        if _lacks(best, missing) == missing:
            break
        fonts.append(best)
    return tuple(fonts)


def _best_for(chars: set[str]) -> Font:
    """Return the first font that has all characters, or the font that has most of them."""
    best = _of_pillow()
    for font in _known():
        lost = _lacks(font, chars)
        if not lost:
            return font
        if len(lost) < len(_lacks(best, chars)):
            best = font
    return best


def trouble_of(texts: Iterable[str], fonts: tuple[Font, ...], told: set[str]) -> str:
    """Return a warning about texts with characters that no font has; texts in ``told`` are skipped, new ones added."""
    lost = {text: char for text in dict.fromkeys(texts) if text not in told and (char := _first_lost(text, fonts))}
    if not lost:
        return ""
    told |= set(lost)
    text, char = next(iter(lost.items()))
    others = f" and {len(lost) - 1} more texts" if len(lost) > 1 else ""
    name = unicodedata.name(char, f"U+{ord(char):04X}")
    return f"no font was found for {char!r} ({name}) in {text!r}{others}; {HELP}"


def _first_lost(text: str, fonts: tuple[Font, ...]) -> str:
    is_lost = (char for char in text if not is_invisible(char) and not any(has(font, char) for font in fonts))
    return next(is_lost, "")


def candidates() -> list[str]:
    """Return file names of fonts that many systems have, and the path of a font that matplotlib installs."""
    spec = None
    with suppress(ImportError, ValueError):  # where somebody put something else in its place
        spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return list(WELL_KNOWN)
    return [*WELL_KNOWN, str(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")]


def _known() -> Iterator[Font]:
    """Yield Pillow's own font, then the fonts of the system, each of which is opened when it is needed."""
    found = (_opened(name) for name in candidates())
    return chain([_of_pillow()], (font for font in found if font is not None))


@cache
def _of_pillow() -> Font:
    font = ImageFont.load_default(12)
    if not isinstance(font, Font):
        raise ImportError("show_batch needs Pillow with FreeType, as its wheels have it")
    return font


@cache
def _opened(name: str) -> Font | None:
    """Open a font, or return None. The result is cached, because some systems have thousands of font files."""
    try:
        return ImageFont.truetype(name, 12)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=64)
def sized(font: Font, size: float) -> Font:
    """Return a font in another size."""
    return font if font.size == size else font.font_variant(size=size)


def _lacks(font: Font, chars: set[str]) -> set[str]:
    return {char for char in chars if not has(font, char)}


def is_invisible(char: str) -> bool:
    """Return True if a character leaves no ink."""
    return unicodedata.category(char) in INVISIBLE or "VARIATION SELECTOR" in unicodedata.name(char, "")


@lru_cache(maxsize=16_384)
def has(font: Font, char: str) -> bool:
    """Return True if a font draws a character in another way than a character that it cannot have."""
    if is_invisible(char):
        return True
    probe = _probe(font)
    return _drawn(probe, char) != _drawn(probe, NOWHERE)


@lru_cache(maxsize=64)
def _probe(font: Font) -> Font:
    """Return a copy of a font without a layout engine, which would add circles to single accents."""
    source = BytesIO(font.font_bytes) if hasattr(font, "font_bytes") else font.path
    return Font(source, 24, font.index, font.encoding, ImageFont.Layout.BASIC)


def _drawn(font: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)
