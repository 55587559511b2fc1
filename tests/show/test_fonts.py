"""show_batch: fonts that have the characters."""

from pathlib import Path

import matplotlib as mpl
import pytest
import torch
from PIL import ImageFont
from support.helpers import says
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import show_batch
from cutmix_transforms._show import _batch as _show
from cutmix_transforms._show import _fonts as _show_fonts
from cutmix_transforms._show._batch import GUTTER
from cutmix_transforms._show._fonts import fonts_for
from cutmix_transforms._show._overlay import name_of
from cutmix_transforms._show._text import Lettering

DEJAVU = str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@pytest.fixture
def installed(monkeypatch):
    """Set which fonts this machine has, whatever those are that it really has; none of them was missed before."""
    monkeypatch.setattr(_show, "_TOLD", set())

    def install(*names):
        monkeypatch.setattr(_show_fonts, "candidates", lambda: list(names))

    install()
    return install


def written(name, **options):
    """What is written under an image of a class with a name."""
    picture = show_batch(torch.zeros(1, 3, 100, 100), torch.tensor([0]), classes=[name], **options)
    return F.pil_to_tensor(picture)[:, GUTTER + 100 :]


@pytest.mark.parametrize("pair", ["éü", "ñß", "αω", "жш", "عغ"])
@pytest.mark.parametrize("given", [False, True])
def test_characters_that_pillow_lacks_are_written_in_another_font(pair, given, installed):
    """One by one, for a font that lacks two of them draws the same box for both."""
    installed(*([] if given else ["no-such-font.ttf", DEJAVU]))
    one, other = (written(name, **({"font": DEJAVU} if given else {})) for name in pair)
    assert one.shape == other.shape
    assert not torch.equal(one, other)
    assert one.min() < 100


def test_what_pillow_has_is_written_in_its_font(installed):
    plain = written("cat")
    installed(DEJAVU)
    assert torch.equal(written("cat"), plain)
    assert not torch.equal(written("cat", font=DEJAVU), plain)


def test_a_font_that_has_all_texts_is_used_for_all(installed):
    installed(DEJAVU)
    images = torch.zeros(2, 3, 100, 100)
    mixed = show_batch(images, torch.tensor([0, 1]), classes=["cat", "Käse"])
    assert mixed.tobytes() == show_batch(images, torch.tensor([0, 1]), classes=["cat", "Käse"], font=DEJAVU).tobytes()


def test_accents_that_stand_apart_are_joined(installed):
    installed(DEJAVU)
    assert name_of(0, ["cafe\u0301"]) == "caf\u00e9"
    assert torch.equal(written("cafe\u0301"), written("caf\u00e9"))


@pytest.mark.parametrize("place", ["caption", "tag", "names of masks"])
def test_texts_that_no_font_has_are_warned_of_once(place, installed):
    places = {"tag": {"boxes": BOX.repeat(2, 1)}, "names of masks": {"masks": torch.ones(2, 100, 100).bool()}}
    image, target = torch.zeros(3, 100, 100), {"labels": torch.tensor([0, 0])} | places.get(place, {})

    def show(name, fraction):
        caption = torch.tensor([1 - fraction, fraction])
        show_batch(image, caption if place == "caption" else target, classes=[name] * 2)

    for name, letter in (("猫 cat", "CJK UNIFIED IDEOGRAPH-732B"), ("狗", "CJK UNIFIED IDEOGRAPH-72D7")):
        with pytest.warns(UserWarning, match="pass font=") as seen:
            show(name, 0.3)
        assert f"no font was found for '{name[0]}' ({letter}) in '{name}'; install one" in str(seen[0].message)
        assert [warning.filename for warning in seen] == [__file__]
        show(name, 0.4)  # a warning would be an error here


def test_many_texts_that_no_font_has_are_one_warning(installed):
    with pytest.warns(UserWarning, match="in '猫' and 2 more texts; install one") as seen:
        show_batch(torch.zeros(4, 3, 9, 9), torch.arange(4), classes=["猫", "cat", "狗", "é"])
    assert len(seen) == 1


def test_a_font_without_a_character_is_helped_out(installed):
    """A given font comes first, and what it lacks comes from others: here it is Pillow's, and lacks é."""
    installed(DEJAVU)
    own = ImageFont.load_default(30)
    lettering = Lettering(fonts_for(["cat é"], own), 30)
    assert [font.getname()[0] for font in lettering.fonts] == ["Aileron", "DejaVu Sans"]
    dejavu = ImageFont.truetype(DEJAVU, 30)
    assert lettering.getlength("cat é") == own.getlength("cat ") + dejavu.getlength("é")
    assert not torch.equal(written("é", font=own), written("ü", font=own))
    assert lettering.height >= sum(dejavu.getmetrics())


def test_a_font_of_pillow_keeps_its_size_in_captions(installed):
    large, small = (written("cat", font=ImageFont.truetype(DEJAVU, size)) for size in (30, 12))
    assert large.shape[1] > 2 * small.shape[1]
    assert torch.equal(small, written("cat", font=DEJAVU))
    assert torch.equal(small, written("cat", font=Path(DEJAVU)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.68 قطة + 0.32 כלב", ["0.68 ", "قطة", " + 0.32 ", "כלב"]),
        ("0.68 قطة كبيرة + 0.32 cat", ["0.68 ", "قطة كبيرة", " + 0.32 cat"]),
        ("0.68 cat + 0.32 dog", ["0.68 cat + 0.32 dog"]),
        ("قِ 1", ["قِ", " 1"]),
    ],
)
def test_fractions_stay_before_names_that_are_read_from_right_to_left(text, parts):
    lettering = Lettering((ImageFont.truetype(DEJAVU, 12),), 12)
    assert [run.text for run in lettering._runs(text)] == parts


@pytest.mark.parametrize(
    ("font", "kind", "words"),
    [
        ("no-such-file.ttf", ValueError, ["font", "TrueType or OpenType", "'no-such-file.ttf'"]),
        (__file__, ValueError, ["font", "TrueType or OpenType", repr(__file__)]),
        ("", ValueError, ["font", "TrueType or OpenType", "''"]),
        (12, TypeError, ["font", "path", "int: 12"]),
        (b"font.ttf", TypeError, ["font", "path", "b'font.ttf'"]),
        (ImageFont.TransposedFont(ImageFont.load_default(12)), TypeError, ["font", "path", "TransposedFont"]),
    ],
)
def test_errors_of_fonts(font, kind, words):
    with says(kind, words):
        show_batch(IMAGES, font=font)


def test_a_broken_font_of_the_system_is_passed_over(installed):
    installed(__file__, DEJAVU)
    assert not torch.equal(written("é"), written("ü"))


BOX = torch.tensor([[20, 40, 60, 90]])  # left, top, right, bottom
IMAGES = torch.rand(2, 3, 20, 30)
