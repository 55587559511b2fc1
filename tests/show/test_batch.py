"""show_batch: what stands where, and what is written under it."""

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image, ImageFont
from support.helpers import says
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import MixCollate, MixedTarget, RandomCutMix, RandomMixUp, show_batch
from cutmix_transforms._show import _batch as _show
from cutmix_transforms._show import _fonts as _show_fonts
from cutmix_transforms._show._batch import GUTTER, PAPER, _wrap
from cutmix_transforms._show._fonts import fonts_for
from cutmix_transforms._show._overlay import PALETTE, ink_on, name_of, overlay_of
from cutmix_transforms._show._targets import captions_of
from cutmix_transforms._show._text import Lettering, shorten
from cutmix_transforms.functional import mix_draw

NAMES = ["cat", "coffee", "dog", "rocket"]


def tile(picture, k, width, height):
    """The k-th image of a picture of one row."""
    x = GUTTER + k * (width + GUTTER)
    return F.pil_to_tensor(picture.crop((x, GUTTER, x + width, GUTTER + height)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(96, 120), (320, 100)])
def test_pixels_are_shown_as_they_are(channels, size):
    images = torch.randint(0, 256, (3, channels, *size), dtype=torch.uint8)
    shades = [images, images / 255, images.double() / 255, images.int() * 0x808080]
    shades += [(images.int() * 0x101).to(torch.uint16), (images.long() * 0x1010101).to(torch.uint32)]
    for shown in shades:
        picture = show_batch(shown)
        assert isinstance(picture, Image.Image)
        assert picture.mode == "RGB"
        assert picture.size == (GUTTER + 3 * (size[1] + GUTTER), size[0] + 2 * GUTTER)
        for k in range(3):
            assert (tile(picture, k, size[1], size[0]).int() - images[k].expand(3, -1, -1).int()).abs().max() <= 1
    assert picture.getpixel((0, 0)) == PAPER


def test_small_images_are_enlarged_by_whole_numbers():
    images = torch.randint(0, 256, (2, 3, 17, 11), dtype=torch.uint8)
    picture = show_batch(images)
    wanted = images[1].repeat_interleave(6, 1).repeat_interleave(6, 2)
    assert torch.equal(tile(picture, 1, 66, 102), wanted)


def test_large_images_are_made_smaller():
    assert show_batch(torch.rand(1, 3, 640, 1280)).size == (320 + 2 * GUTTER, 160 + 2 * GUTTER)


def test_normalised_images_are_shown_as_they_were():
    images, mean, std = torch.rand(2, 3, 100, 100), [0.1, 0.5, 0.9], [0.2, 0.3, 0.4]
    shown = show_batch(F.normalize(images, mean, std), mean=mean, std=std)
    assert (tile(shown, 1, 100, 100) / 255 - images[1]).abs().max() <= 1 / 255
    for one in ([0.5], 0.5, torch.tensor(0.5)):
        dark = show_batch(images - 0.5, mean=one)
        assert (tile(dark, 0, 100, 100) / 255 - images[0]).abs().max() <= 1 / 255


def test_values_out_of_range_are_cut_off():
    images = torch.tensor([-5.0, 5.0, float("nan")]).view(3, 1, 1, 1).expand(3, 1, 100, 100)
    with pytest.warns(UserWarning, match="got -5 to 5, which is cut off"):
        picture = show_batch(images)
    assert [tile(picture, k, 100, 100).unique().tolist() for k in range(3)] == [[0], [255], [0]]


SIGNED = [torch.int16, torch.int32, torch.int64]


@pytest.mark.parametrize("dtype", [*SIGNED, torch.uint16, torch.uint32, torch.uint64], ids=str)
@pytest.mark.parametrize(("white", "bits"), [(255, 8), (4095, 12), (65535, 16)])
def test_integers_of_few_bits_are_not_black(white, bits, dtype):
    """Such as digits of int64 from 0 to 255, scans of 12 bits and PNGs of 16 in an int32."""
    if white > torch.iinfo(dtype).max:
        white = torch.iinfo(dtype).max
    ramp = torch.linspace(0, white, 17 * 11, dtype=torch.float64).round().view(1, 1, 17, 11)
    shown = tile(show_batch(ramp.long().to(dtype)), 0, 66, 102)[0, ::6, ::6]
    for y in range(17):
        for x in range(11):
            assert abs(shown[y, x].item() - 255 * ramp[0, 0, y, x].item() / white) <= 0.6


@pytest.mark.parametrize("dtype", SIGNED, ids=str)
def test_the_brightest_image_decides_for_all_of_a_sequence(dtype):
    dark, light = torch.full((1, 100, 100), 200, dtype=dtype), torch.full((1, 100, 100), 4000, dtype=dtype)
    picture = show_batch([dark, light])
    wanted = show_batch(torch.stack([dark, light]))
    assert picture.tobytes() == wanted.tobytes()
    assert [tile(picture, k, 100, 100).unique().tolist() for k in range(2)] == [[12], [249]]


def test_images_of_one_value_and_of_two_dtypes():
    for value, shown in ((0, 0), (255, 255), (128, 128)):
        one = torch.full((1, 1, 100, 100), value)
        assert tile(show_batch(one), 0, 100, 100).unique().tolist() == [shown]
    pair = show_batch([torch.full((1, 100, 100), 51), torch.full((1, 100, 100), 0.2)])
    assert torch.equal(tile(pair, 0, 100, 100), tile(pair, 1, 100, 100))


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
BLACK_AND_WHITE = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 17, 11)
NORMALIZED = F.normalize(BLACK_AND_WHITE, MEAN, STD)


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        (NORMALIZED, {}, "got -2.12 to 2.64, which is cut off; if they were normalized, give mean and std"),
        (list(NORMALIZED), {}, "got -2.12 to 2.64, which is cut off; if they were normalized, give mean and std"),
        (NORMALIZED.half(), {}, "got -2.12 to 2.64, which is cut off; if they were normalized, give mean and std"),
        (NORMALIZED[:, None], {}, "give mean and std"),
        (2 * BLACK_AND_WHITE - 1, {}, "got -1 to 1, which is cut off; if they were normalized, give mean and std"),
        (NORMALIZED, {"mean": MEAN}, "-1.63 to 3.05 once mean and std are undone.*; give both.*, not mean alone"),
        (NORMALIZED, {"std": STD}, "-0.485 to 0.594 once mean and std are undone.*; give both.*, not std alone"),
        (NORMALIZED, {"mean": [100 * m for m in MEAN], "std": STD}, "must be those that images from 0 to 1 were"),
        (255 * BLACK_AND_WHITE, {}, "got 0 to 255, which is cut off; divide images from 0 to 255 by 255"),
        ((255 * BLACK_AND_WHITE - 128).to(torch.int8), {}, "integers must be at least 0.*, got -128.*; shift them up"),
        (torch.full((1, 1, 17, 11), math.inf), {}, "got inf to inf"),
    ],
)
def test_values_far_outside_are_warned_of_where_they_are_shown(images, options, words):
    with pytest.warns(UserWarning, match=words) as seen:
        show_batch(images, **options)
    assert [warning.filename for warning in seen] == [__file__]


def test_values_near_the_ends_are_not_warned_of():
    """What a resize, noise or a NaN leaves behind; a warning would be an error here."""
    around = F.resize(BLACK_AND_WHITE + 0.1 * torch.randn(17, 11).clamp(-2, 2), [34, 22], antialias=True)
    around[0, 0, 0, 0] = math.nan
    show_batch(around)
    show_batch(F.normalize(around, MEAN, STD), mean=MEAN, std=STD)
    show_batch(BLACK_AND_WHITE - 0.5, mean=0.5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.uint16, torch.bool], ids=str)
def test_channels_are_shown_as_red_green_and_blue(dtype):
    bands = torch.randint(0, 2, (2, 7, 100, 120)).to(dtype)
    for channels in ((3, 2, 1), [6, 0, 4], (1, 5, 1), range(4, 7), torch.tensor([3, 2, 1])):
        wanted = torch.stack([bands[:, int(k)] for k in channels], 1)
        assert show_batch(bands, channels=channels).tobytes() == show_batch(wanted).tobytes()
        assert show_batch(list(bands), channels=channels).tobytes() == show_batch(wanted).tobytes()
    for one in (4, (4,), torch.tensor(4), np.int64(4), np.array(4)):
        assert show_batch(bands, channels=one).tobytes() == show_batch(bands[:, 4:5]).tobytes()


def test_channels_of_few():
    images = torch.randint(0, 256, (2, 4, 100, 120), dtype=torch.uint8)
    assert show_batch(images).tobytes() == show_batch(images[:, :3]).tobytes()
    assert show_batch(images[:, :2]).tobytes() == show_batch(images[:, :1]).tobytes()
    assert show_batch(images[:, :2], channels=1).tobytes() == show_batch(images[:, 1:2]).tobytes()
    assert show_batch(images[:, :1], channels=(0, 0, 0)).tobytes() == show_batch(images[:, :1]).tobytes()
    assert show_batch([images[0], images[1, :1]]).tobytes() == show_batch([images[0, :3], images[1, :1]]).tobytes()
    assert show_batch(images[0], channels=3).tobytes() == show_batch(images[:1, 3:]).tobytes()


def test_channels_of_videos_are_those_of_their_frames():
    videos = torch.rand(2, 9, 6, 100, 100)
    assert show_batch(videos, channels=(5, 0, 3)).tobytes() == show_batch(videos[:, 4, [5, 0, 3]]).tobytes()


def test_channels_that_are_not_shown_change_nothing():
    """Neither what is white, nor a warning of values out of range."""
    bands = torch.full((1, 5, 100, 100), 200)
    bands[:, 4] = 60_000
    assert tile(show_batch(bands, channels=0), 0, 100, 100).unique().tolist() == [200]
    show_batch(bands / 255, channels=(2, 1, 0))


def test_mean_and_std_are_of_all_channels():
    images, mean, std = torch.rand(2, 5, 100, 100), [0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1]
    shown = show_batch(F.normalize(images, mean, std), mean=mean, std=std, channels=(4, 0, 2))
    assert (tile(shown, 1, 100, 100) / 255 - images[1, [4, 0, 2]]).abs().max() <= 1 / 255
    with says(ValueError, ["mean", "one number per channel", "[0.1, 0.2, 0.3]", "5 channels"]):
        show_batch(images, mean=mean[:3], channels=(4, 0, 2))


BANDS = torch.rand(2, 6, 9, 9)


@pytest.mark.parametrize(
    ("channels", "kind", "words"),
    [
        ((3, 2, 6), ValueError, ["channels", "from 0 to 5", "6 channels", "got 6"]),
        (-1, ValueError, ["channels", "from 0 to 5", "got -1"]),
        ((1, 2), ValueError, ["channels", "one", "three", "(1, 2)"]),
        ((), ValueError, ["channels", "one", "three", "()"]),
        (range(6), ValueError, ["channels", "one", "three", "range(0, 6)"]),
        (1.0, TypeError, ["channels", "index", "float: 1.0"]),
        ((0, 1.5, 2), TypeError, ["channels", "index", "(0, 1.5, 2)"]),
        (torch.rand(3), TypeError, ["channels", "index"]),
        (True, TypeError, ["channels", "index", "bool: True"]),
        ("rgb", TypeError, ["channels", "index", "'rgb'"]),
        ({3, 2, 1}, TypeError, ["channels", "index", "set"]),
        ({0: 1}, TypeError, ["channels", "index", "dict"]),
        ((0, (1,), 2), TypeError, ["channels", "index", "(0, (1,), 2)"]),
    ],
)
def test_errors_of_channels(channels, kind, words):
    with says(kind, words):
        show_batch(BANDS, channels=channels)


def test_more_than_four_channels_need_a_choice():
    for images in (BANDS, BANDS[0], list(BANDS)):
        with says(ValueError, ["images", "more than 4 channels", "channels=(2, 1, 0)", "channels=0; got shape"]):
            show_batch(images)
    with says(ValueError, ["channels=0", "volumes (N, C, D, H, W)", "images[:, :, 20]", "(2, 1, 40, 9, 9)"]):
        show_batch(torch.zeros(2, 1, 40, 9, 9))
    with says(ValueError, ["channels", "from 0 to 2", "got 5"]):
        show_batch([BANDS[0], BANDS[0, :3]], channels=5)


def test_rows_and_columns():
    images = torch.zeros(11, 1, 100, 100)
    assert show_batch(images).width == GUTTER + 8 * (100 + GUTTER)
    assert show_batch(images).height == GUTTER + 2 * (100 + GUTTER)
    assert show_batch(images, columns=4).size == (GUTTER + 4 * (100 + GUTTER), GUTTER + 3 * (100 + GUTTER))
    assert show_batch(images[:2], columns=5).width == GUTTER + 2 * (100 + GUTTER)


@pytest.mark.parametrize(
    ("targets", "captions"),
    [
        (torch.tensor([1, 3]), ["coffee", "rocket"]),
        (torch.tensor([[0.68, 0.32, 0, 0], [0.1, 0, 0.9, 0]]), ["0.68 cat + 0.32 coffee", "0.90 dog + 0.10 cat"]),
        (torch.tensor([[1, 0, 0, 0], [0, 1, 0, 1]]), ["cat", "coffee + rocket"]),
        (torch.tensor([[0.4, 0.3, 0.2, 0.1]]), ["0.40 cat + 0.30 coffee + 0.20 dog + …"]),
        (torch.tensor([[0.998, 0.002, 0, 0], [0.05, 0.95, 0, 0]]), ["cat", "0.95 coffee + 0.05 cat"]),
        (torch.tensor([0.25, -3.0]), ["0.25", "-3.00"]),
        (
            MixedTarget(torch.tensor([0, 1]), torch.tensor([1, 1]), torch.tensor([0.25, 0.7])),
            ["0.75 coffee + 0.25 cat", "coffee"],
        ),
        (MixedTarget(torch.tensor([0.0, 1]), torch.tensor([1.0, 1]), torch.tensor([0.25, 0.7])), ["0.75", "1.00"]),
        (MixedTarget(torch.eye(4)[:1], torch.eye(4)[2:3], torch.tensor([0.6])), ["0.60 cat + 0.40 dog"]),
    ],
)
def test_captions(targets, captions):
    assert captions_of(targets, NAMES) == captions


def test_captions_without_names():
    many = MixedTarget(torch.tensor([10**9]), torch.tensor([5]), torch.tensor([0.25]))
    assert captions_of(many, None) == ["0.75 5 + 0.25 1000000000"]
    assert captions_of(torch.tensor([[0.68, 0, 0.32]]), None) == ["0.68 0 + 0.32 2"]
    assert captions_of(MixedTarget(torch.tensor([7]), torch.tensor([9]), torch.tensor([0.6])), None) == [
        "0.60 7 + 0.40 9"
    ]


def test_captions_of_values_that_do_not_show():
    """A value without a share is not a number of this sample, and digits from the middle must not be left out."""
    one, nan = torch.tensor([0.25, 3.0]), torch.tensor([math.nan, math.inf])
    assert captions_of(MixedTarget(one, nan, torch.ones(2)), None) == ["0.25", "3.00"]
    assert captions_of(MixedTarget(nan, one, torch.zeros(2)), None) == ["0.25", "3.00"]
    rows = MixedTarget(torch.eye(4)[:1], torch.full((1, 4), math.nan), torch.ones(1))
    assert captions_of(rows, NAMES) == ["cat"]
    big = torch.tensor([1e30, -1e300, 999_999.0, math.inf, math.nan], dtype=torch.float64)
    assert captions_of(big, None) == ["1e+30", "-1e+300", "999999.00", "inf", "nan"]


def lengths_asked_of(font):
    """A font that notes how much text it measures."""
    asked = []

    class Asked:
        def getlength(self, text):
            asked.append(len(text))
            return font.getlength(text)

    return Asked(), asked


@pytest.mark.parametrize("count", [200, 1_000, 6_000, 1_000_000])
def test_long_names_take_no_longer(count):
    """Characters are measured a few times, however many there are."""
    name = "a" + "b" * (count - 2) + "z"
    cut = name_of(0, [name])
    assert len(cut) <= 201
    font, asked = lengths_asked_of(ImageFont.load_default(12))
    short = shorten(cut, font, 90)
    assert sum(asked) <= 1_500
    assert (short[0], short[-1], short.count("…")) == ("a", "z", 1)
    images = torch.full((1, 3, 100, 100), 0.5)
    target = {"boxes": torch.tensor([[10, 10, 90, 90]]), "labels": torch.tensor([0])}
    for targets in (torch.tensor([0]), torch.tensor([[0.7, 0.3]]), [target], [target | {"weights": torch.rand(1)}]):
        show_batch(images, targets, classes=[name, name])


def test_names_are_shortened_as_little_as_needed():
    font = ImageFont.load_default(12)
    for text in ("Pneumonoultramicroscopicsilicovolcanoconiosis", "il|" * 30, "W" * 40):
        for width in (0, 5, 12, 30, 90, 200, 1000):
            short = shorten(text, font, width)
            left = len(short) - 1
            longer = f"{text[: left + 1 - (left + 1) // 2]}…{text[len(text) - (left + 1) // 2 :]}"
            if short == text:
                assert font.getlength(text) <= width
            else:
                assert font.getlength(short) <= width or short == "…"
                assert short == f"{text[: left - left // 2]}…{text[len(text) - left // 2 :]}"
                assert font.getlength(longer) > width


@pytest.mark.parametrize("name", ["two\nlines", "  spaces\t\r\n\u2028 ", "\x1b[31mred\0", "\udc80", ""])
def test_names_of_any_characters_stand_in_one_line(name):
    images = torch.full((1, 3, 100, 100), 0.5)
    plain = show_batch(images, torch.tensor([0]), classes=["name"])
    assert show_batch(images, torch.tensor([0]), classes=[name]).size[1] in (plain.size[1], 100 + 2 * GUTTER)
    assert not {"\n", "\t", "\r", "\u2028"} & set(name_of(0, [name]))


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
        with pytest.warns(UserWarning, match="give font=") as seen:
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


def test_full_captions_beside_one_another_do_not_touch():
    images = torch.zeros(3, 3, 96, 96)
    picture = F.pil_to_tensor(show_batch(images, torch.tensor([0, 0, 0]), classes=["il" * 60]))
    ink = (picture[:, GUTTER + 96 :] < 200).any(0).any(0)
    for k in (1, 2):
        gap = GUTTER + k * (96 + GUTTER) - GUTTER // 2
        assert not ink[gap - 4 : gap + 4].any()
    assert ink.sum() > 100


def test_captions_are_broken_and_shortened():
    font = ImageFont.load_default(12)
    assert _wrap("0.68 cat + 0.32 coffee", font, 200) == ["0.68 cat + 0.32 coffee"]
    assert _wrap("0.68 cat + 0.32 coffee", font, 90) == ["0.68 cat", "+ 0.32 coffee"]
    (line,) = _wrap("0.68 Pneumonoultramicroscopicsilicovolcanoconiosis", font, 90)
    assert line == "0.68 Pn…oniosis"
    assert font.getlength(line) <= 90
    assert _wrap("", font, 90) == []


@pytest.mark.parametrize("side", [96, 320])
def test_targets_are_written_under_their_image_and_nowhere_else(side):
    images = torch.full((2, 3, side, side), 255, dtype=torch.uint8)
    plain, written = show_batch(images), show_batch(images, torch.tensor([[0.68, 0.32], [1.0, 0.0]]), classes=NAMES)
    assert written.height > plain.height + 10
    pixels = F.pil_to_tensor(written).float().mean(0)
    assert (pixels[: GUTTER + side] == 255).all()
    below = pixels[GUTTER + side :]
    assert below[:, : side + GUTTER].min() < 100
    assert below[:, side + 2 * GUTTER :].min() < 100
    ink = (below < 128).sum(1).nonzero().flatten()
    assert ink.max() - ink.min() >= 7  # letters of a size to be read


def test_box_is_outlined():
    images = torch.full((2, 3, 100, 200), 0.5)
    mix = RandomCutMix(ratio=(0.5, 0.5), num_classes=2)
    draw = mix.draw(images)
    picture = show_batch(images, draw=draw)
    top, left, bottom, right = draw.boxes[0].tolist()
    for k in range(2):
        shown = tile(picture, k, 200, 100)
        changed = (shown.int() - 127).abs().amax(0) > 1
        rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
        assert [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1] == [top, left, bottom, right]
        assert not changed[top + 3 : bottom - 3, left + 3 : right - 3].any()
    whole = show_batch(images, draw=RandomMixUp().draw(images))
    assert whole.tobytes() == show_batch(images).tobytes()
    zoomed = show_batch(images[..., :10, :20], draw=RandomCutMix(ratio=(0.5, 0.5)).draw(images[..., :10, :20]))
    assert zoomed.tobytes() != show_batch(images[..., :10, :20]).tobytes()
    tiny = mix_draw(torch.tensor([1, 0]), torch.tensor([[700, 700, 701, 701]] * 2), (1280, 1280))
    show_batch(torch.zeros(2, 1, 1280, 1280), draw=tiny)


def test_single_images_and_videos():
    image = torch.rand(3, 100, 100)
    assert show_batch(image).size == show_batch(image[None]).size
    for one, many in (
        (torch.tensor([0.7, 0.3]), torch.tensor([[0.7, 0.3]])),
        (torch.tensor(1), torch.tensor([1])),
        (1, torch.tensor([1])),
        (torch.tensor([1]), torch.tensor([1])),
        (MixedTarget(*torch.tensor([0, 1, 0])), MixedTarget(*torch.tensor([[0], [1], [0]]))),
    ):
        assert show_batch(image, one).tobytes() == show_batch(image[None], many).tobytes()
    video = torch.rand(2, 5, 3, 100, 100)
    assert show_batch(video).tobytes() == show_batch(video[:, 2]).tobytes()


def test_input_is_not_changed():
    images = torch.rand(2, 3, 100, 100, requires_grad=True)
    before = images.detach().clone()
    draw = RandomCutMix().draw(images)
    show_batch(images, torch.eye(2), draw=draw, mean=[0.5] * 3, std=[0.5] * 3)
    assert torch.equal(images, before)


GREY = 120
NAN = float("nan")


def grey(*sizes):
    return [torch.full((3, *size), GREY, dtype=torch.uint8) for size in sizes]


def tinted(kind, strength=0.45):
    return [round(GREY + strength * (value - GREY)) for value in PALETTE[kind]]


def near(pixel, wanted, tolerance=2):
    return all(abs(int(a) - int(b)) <= tolerance for a, b in zip(pixel, wanted, strict=True))


def places_of(shown, colour):
    """(top, left, bottom, right) of all pixels that are of a colour, half-open."""
    rows, columns = (shown == torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1)).all(0).nonzero().unbind(1)
    return [int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1]


def test_images_of_unequal_sizes_are_centred_in_cells_of_the_largest():
    images = grey((100, 150), (120, 110), (640, 640), (17, 11))
    picture = show_batch(images, columns=2)
    assert picture.size == (GUTTER + 2 * (320 + GUTTER),) * 2
    for k, (height, width) in enumerate([(100, 150), (120, 110), (320, 320), (102, 66)]):
        y, x = (GUTTER + place * (320 + GUTTER) for place in divmod(k, 2))
        cell = F.pil_to_tensor(picture.crop((x, y, x + 320, y + 320)))
        top, left = (320 - height) // 2, (320 - width) // 2
        assert places_of(cell, (GREY,) * 3) == [top, left, top + height, left + width]
    assert show_batch(images[:1] * 3).tobytes() == show_batch(torch.stack(images[:1] * 3)).tobytes()
    assert show_batch(tuple(images[:2])).tobytes() == show_batch(images[:2]).tobytes()


def test_normalised_images_of_unequal_sizes_and_their_draw():
    images = [torch.rand(3, 100, 100), torch.rand(1, 100, 100)]
    shown = show_batch([image - 0.5 for image in images], mean=[0.5])
    for k in range(2):
        assert (tile(shown, k, 100, 100) / 255 - images[k]).abs().max() <= 1 / 255
    draw = RandomCutMix(ratio=(0.5, 0.5)).draw(torch.zeros(2, 3, 100, 100))
    both = show_batch(grey((100, 100), (100, 100)), draw=draw)
    assert both.tobytes() == show_batch(torch.stack(grey((100, 100), (100, 100))), draw=draw).tobytes()


BOX = torch.tensor([[20, 40, 60, 90]])  # left, top, right, bottom


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(100, 150, 1), (200, 300, 1), (640, 480, 0.5), (20, 30, 4)], ids=str
)
def test_boxes_are_drawn_in_the_colour_of_their_class(height, width, scale):
    box = torch.tensor([[width // 5, height // 4, width // 2, height - height // 8]])
    (image,) = grey((height, width))
    shown = F.pil_to_tensor(show_batch([image], [{"boxes": box, "labels": torch.tensor([9])}]))
    shown = shown[:, GUTTER:, GUTTER:]
    left, top, right, bottom = (round(edge * scale) for edge in box[0].tolist())
    colour = PALETTE[9 % len(PALETTE)]
    found = places_of(shown, colour)
    assert found == [top, left, bottom, right]
    for y in (bottom - 1, bottom - 2):
        assert near(shown[:, y, (left + right) // 2], colour, 0)
    assert near(shown[:, bottom - 5, right - 8], (GREY,) * 3, 0)
    assert near(shown[:, bottom, right], (GREY,) * 3, 0)


def test_boxes_of_all_formats():
    wanted = show_batch(grey((100, 100)), [{"boxes": BOX}]).tobytes()
    for kind, box in (("XYXY", BOX), ("XYWH", [[20, 40, 40, 50]]), ("CXCYWH", [[40.0, 65.0, 40.0, 50.0]])):
        boxes = tv_tensors.BoundingBoxes(box, format=kind, canvas_size=(100, 100))
        assert show_batch(grey((100, 100)), [{"boxes": boxes}]).tobytes() == wanted
    assert wanted != show_batch(grey((100, 100))).tobytes()


def test_boxes_at_and_beyond_the_edge_stay_on_the_tile():
    wild = torch.tensor(
        [[-50, -50, 30, 30], [80, 80, 400, 400], [0, 0, 100, 100], [50, 50, 50, 50], [200, 200, 300, 300]]
    )
    target = {"boxes": wild, "labels": torch.arange(5)}
    picture = show_batch(grey((100, 100), (100, 100)), [target, {}])
    for far in (1e30, 1e308):
        huge = torch.tensor([[-far, -far, 30, 30], [80, 80, far, far]], dtype=torch.float64)
        shown = [show_batch(grey((100, 100)), [{"boxes": boxes}]) for boxes in (huge, wild[:2].double())]
        assert shown[0].tobytes() == shown[1].tobytes()
    assert torch.equal(tile(picture, 1, 100, 100), grey((100, 100))[0])
    around = F.pil_to_tensor(picture)
    assert (around[:, :GUTTER] == 255).all()
    assert (around[:, :, :GUTTER] == 255).all()


def with_tag(name, target, side=96):
    """A grey tile on which every class has the same name."""
    return tile(show_batch(grey((side, side)), [target], classes=[name] * 4), 0, side, side)


@pytest.mark.parametrize("side", [96, 320])
def test_tags_stand_at_the_top_left_of_their_box(side):
    left, top = side // 4, side // 3
    target = {"boxes": torch.tensor([[left, top, side - 2, side - 2]]), "labels": torch.tensor([1])}
    bare, named = with_tag("", target, side), with_tag("coffee", target, side)
    changed = (bare != named).any(0).nonzero()
    assert changed.amin(0).tolist() >= [top, left]
    height, width = (changed.amax(0) + 1 - torch.tensor([top, left])).tolist()
    assert 10 <= height <= 20
    assert 2 * height <= width <= 5 * height
    tag = named[:, top : top + height, left : left + width].int()
    solid = (tag == torch.tensor(PALETTE[1]).view(3, 1, 1)).all(0)
    letters = (tag.amax(0) < 100).any(1).nonzero()
    assert solid.float().mean() > 0.45
    assert solid[0].all()
    assert solid[:, 0].all()
    assert letters.max() - letters.min() >= 6  # of a size to be read
    light = with_tag("coffee", target | {"labels": torch.tensor([0])}, side)
    assert places_of(light, PALETTE[0]) == places_of(named, PALETTE[1])


def test_long_names_are_shortened_and_tags_stay_inside():
    long = "Pneumonoultramicroscopicsilicovolcanoconiosis"
    target = {"boxes": torch.tensor([[90, 90, 96, 96]]), "labels": torch.tensor([3])}
    shown = with_tag(long, target)
    top, left, bottom, right = places_of(shown, PALETTE[3])
    assert bottom == right == 96
    assert 0 <= left <= 12
    assert 80 <= top <= 90
    assert places_of(with_tag("ox", target), PALETTE[3])[1] > 70
    weighted = with_tag(long, target | {"weights": torch.tensor([0.34])})
    tag = weighted[:, top:bottom, places_of(weighted, PALETTE[3])[1] :]
    for column in (tag[:, :, 0], tag[:, :, -1]):
        assert (column == torch.tensor(PALETTE[3]).view(3, 1)).all()  # no letter is cut through
    changed = (weighted != shown).any(0).nonzero()
    assert changed[:, 1].max() > 80  # the weight is written, whatever becomes of the name
    font = ImageFont.load_default(12)
    assert shorten("cat", font, 60) == "cat"
    assert font.getlength(shorten(long, font, 60)) <= 60


def test_tags_do_not_cover_one_another():
    target = {"boxes": torch.tensor([[10, 10, 60, 60]]).repeat(3, 1), "labels": torch.tensor([1, 2, 3])}
    shown = tile(show_batch(grey((100, 100)), [target], classes=NAMES), 0, 100, 100)
    first, second = (places_of(shown, PALETTE[kind]) for kind in (1, 2))  # the third box hides their frames
    assert first[:2] == [10, 10]
    assert second[:2] == [first[2], 10]
    assert second[2] - second[0] == first[2] - first[0]
    assert near(shown[:, second[2], 12], PALETTE[3], 0)
    crowd = {"boxes": torch.tensor([[0, 90, 9, 99]]).repeat(3, 1), "labels": torch.tensor([1, 2, 3])}
    assert places_of(tile(show_batch(grey((100, 100)), [crowd]), 0, 100, 100), PALETTE[3])[2] <= 100


def test_weights_stand_behind_names_unless_1():
    size, box = (100, 100), torch.tensor([[0, 0, 50, 50], [10, 10, 80, 80], [5, 5, 9, 9]])
    target = {"boxes": box, "labels": torch.tensor([0, 2, 1]), "weights": torch.tensor([0.34, 1.0, 0.0])}
    assert overlay_of(target, size, "targets[0]", NAMES).tags == [("cat", "0.34"), ("dog", ""), ("coffee", "0.00")]
    del target["labels"]
    assert overlay_of(target, size, "targets[0]", NAMES).tags == [("", "0.34"), ("", ""), ("", "0.00")]
    target = {"boxes": box[:1], "labels": torch.tensor([0])}
    plain, one, less = (
        with_tag("cat", target | row) for row in ({}, {"weights": torch.ones(1)}, {"weights": torch.tensor([0.34])})
    )
    assert torch.equal(plain, one)
    changed = (plain != less).any(0).nonzero()[:, 1]
    assert 15 <= changed.min() <= 25  # behind the name
    assert 35 <= changed.max() <= 50


def test_text_on_tags_is_black_or_white_by_luminance():
    assert ink_on((255, 255, 255)) == ink_on((240, 228, 66)) == (0, 0, 0)
    assert ink_on((0, 0, 0)) == ink_on((0, 114, 178)) == (255, 255, 255)
    assert len(set(PALETTE)) == 7


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8])
@pytest.mark.parametrize("wrapped", [False, True])
def test_masks_of_instances_are_tinted(dtype, wrapped):
    masks = torch.zeros(2, 100, 150, dtype=dtype)
    masks[0, 10:40, 20:90] = 1
    masks[1, 60:80, 100:140] = 1
    target = {"masks": tv_tensors.Mask(masks) if wrapped else masks, "labels": torch.tensor([3, 0])}
    picture = show_batch(grey((100, 150)), [target], classes=NAMES)
    assert picture.tobytes() == show_batch(grey((100, 150))[0], target, classes=NAMES).tobytes()
    assert picture.height > 100 + 2 * GUTTER + 10  # without boxes the names are written below
    shown = tile(picture, 0, 150, 100)
    for mask, kind in zip(masks.bool(), (3, 0), strict=True):
        assert all(near(pixel, tinted(kind)) for pixel in shown[:, mask].T.unique(dim=0))
    assert (shown[:, ~masks.bool().any(0)] == GREY).all()
    nameless = tile(show_batch(grey((100, 150)), [{"masks": masks}]), 0, 150, 100)
    assert near(nameless[:, 20, 30], tinted(0))
    assert near(nameless[:, 70, 120], tinted(1))


def test_masks_fade_with_the_weights_of_mixup():
    masks = torch.zeros(2, 100, 100, dtype=torch.bool)
    masks[0, :50], masks[1, 50:] = True, True
    shown = tile(show_batch(grey((100, 100)), [{"masks": masks, "weights": torch.tensor([0.2, 0.8])}]), 0, 100, 100)
    assert near(shown[:, 10, 10], tinted(0, 0.45 * 0.2))
    assert near(shown[:, 90, 90], tinted(1, 0.45 * 0.8))


def test_masks_are_scaled_with_their_tile():
    masks = torch.zeros(1, 17, 11, dtype=torch.bool)
    masks[0, 3:7, 2:10] = True
    shown = tile(show_batch(grey((17, 11)), [{"masks": masks}]), 0, 66, 102)
    inside = (shown != GREY).any(0)
    assert torch.equal(inside, masks[0].repeat_interleave(6, 0).repeat_interleave(6, 1))
    large = torch.zeros(1, 640, 480, dtype=torch.bool)
    large[0, 100:301, 200:400] = True
    shown = tile(show_batch(grey((640, 480)), [{"masks": large}]), 0, 240, 320)
    rows, columns = (shown != GREY).any(0).nonzero().unbind(1)
    assert [rows.min(), columns.min(), rows.max(), columns.max()] == [50, 100, 150, 199]
    assert near(shown[:, 150, 150], tinted(0, 0.45 / 2))  # a row that is half covered


def semantic():
    classes = torch.zeros(2, 100, 100, dtype=torch.int64)
    classes[0, :30], classes[0, 80:] = 2, 255
    classes[1, :, 50:] = 9
    return classes


@pytest.mark.parametrize(
    "form",
    [
        lambda masks: masks,
        lambda masks: masks[:, None],
        lambda masks: tv_tensors.Mask(masks.to(torch.uint8)),
        lambda masks: [{"masks": mask} for mask in masks],
        lambda masks: tuple({"masks": tv_tensors.Mask(mask), "image_id": 3} for mask in masks),
    ],
)
def test_semantic_masks(form):
    picture = show_batch(torch.stack(grey(*[(100, 100)] * 2)), form(semantic()))
    first, second = (tile(picture, k, 100, 100) for k in range(2))
    assert near(first[:, 10, 10], tinted(2))
    assert (first[:, 30:] == GREY).all()  # neither the background nor what is to be ignored
    assert near(second[:, 10, 90], tinted(2))  # class 9: there are seven colours
    assert (second[:, :, :50] == GREY).all()
    assert picture.height > 100 + 2 * GUTTER + 10  # the classes are written below


def test_semantic_captions_name_the_largest_regions():
    mask = torch.arange(8).repeat_interleave(torch.tensor([1, 2, 9, 3, 4, 5, 0, 76])).view(10, 10)
    assert overlay_of({"masks": mask}, (10, 10), "targets[0]", None).caption == "7 + 2 + 5 + …"
    assert overlay_of({"masks": mask.clamp(max=3)}, (10, 10), "targets[0]", NAMES).caption == "rocket + dog + coffee"
    assert overlay_of({"masks": mask * 0 - 1}, (10, 10), "targets[0]", NAMES).caption == ""


def test_mixed_semantic_masks_are_weighed():
    a, b = torch.zeros(2, 100, 100, dtype=torch.int64), torch.zeros(2, 100, 100, dtype=torch.int64)
    a[:, :50], b[:, :, :50] = 1, 1
    b[:, :, 50:] = 3
    mixed = MixedTarget(tv_tensors.Mask(a), tv_tensors.Mask(b), torch.tensor([0.25, 1.0]))
    picture = show_batch(torch.stack(grey(*[(100, 100)] * 2)), mixed)
    first, second = (tile(picture, k, 100, 100) for k in range(2))
    assert near(first[:, 10, 10], tinted(1))  # both say so
    assert near(first[:, 90, 10], tinted(1, 0.45 * 0.75))
    assert near(first[:, 90, 90], tinted(3, 0.45 * 0.75))
    mix = [x + 0.45 * 0.25 * (y - x) for x, y in zip(tinted(3, 0.45 * 0.75), PALETTE[1], strict=True)]
    over = [x + 0.45 * 0.75 * (y - x) for x, y in zip(tinted(1, 0.45 * 0.25), PALETTE[3], strict=True)]
    assert near(first[:, 10, 90], mix) or near(first[:, 10, 90], over)
    assert near(second[:, 10, 90], tinted(1))
    assert (second[:, 60:] == GREY).all()
    one = MixedTarget(a[0], b[0], torch.tensor(0.25))
    assert show_batch(grey((100, 100))[0], one).tobytes() == show_batch(grey((100, 100)), [{"masks": one}]).tobytes()


@pytest.mark.parametrize("side", [20, 100, 320, 640])
def test_keypoints_are_dots_with_a_white_rim(side):
    x, y = side // 4, side // 2
    (image,) = grey((side, side))
    size = {20: 100, 640: 320}.get(side, side)
    for points in (torch.tensor([[x, y]]), torch.tensor([[[x, y]]]).float()):
        target = {"keypoints": tv_tensors.KeyPoints(points, canvas_size=(side, side)), "labels": torch.tensor([5])}
        shown = tile(show_batch([image], [target]), 0, size, size)
        column, row = ((place + 0.5) * size / side - 0.5 for place in (x, y))
        assert near(shown[:, round(row), round(column)], PALETTE[5])
        changed = (shown != GREY).any(0).nonzero().float()
        assert (changed.mean(0) - torch.tensor([row, column])).abs().max() <= 0.51
        reach = (changed - torch.tensor([row, column])).norm(dim=1).max()
        assert 2.5 <= reach <= size / 25
        assert shown.amin(0).max() > 200  # the rim


def test_keypoints_that_are_covered_are_not_drawn():
    (image,) = grey((100, 100))
    nothing = show_batch([image]).tobytes()
    hidden = [torch.full((2, 3, 2), NAN), torch.full((2, 2), -1), torch.tensor([[NAN, 40.0], [40.0, NAN]])]
    for points in (*hidden, torch.tensor([[-1, 40], [40, -1]]), torch.tensor([[-3.0, 40.0]]), torch.empty(0, 3, 2)):
        assert show_batch([image], [{"keypoints": points}]).tobytes() == nothing
    far = [[math.inf, 40], [40, -math.inf], [1e30, 1e30], [1e300, 40], [40, 100.5], [500, 40]]
    for points in (*torch.tensor(far, dtype=torch.float64)[:, None], torch.tensor([[2**62, 40]])):
        assert show_batch([image], [{"keypoints": points}]).tobytes() == nothing
    some = torch.tensor([[[NAN, NAN], [70.0, 20.0], [math.inf, 20.0]]])
    assert (
        show_batch([image], [{"keypoints": some}]).tobytes()
        == show_batch([image], [{"keypoints": some[:, 1]}]).tobytes()
    )
    corner = show_batch([image], [{"keypoints": torch.tensor([[0.0, 0.0], [99.0, 99.0], [500.0, 500.0]])}])
    around = F.pil_to_tensor(corner)
    assert (around[:, :GUTTER] == 255).all()
    assert (around[:, -GUTTER:] == 255).all()
    assert near(around[:, GUTTER, GUTTER], PALETTE[0])


def test_images_without_instances():
    none = {
        "boxes": tv_tensors.BoundingBoxes(torch.empty(0, 4), format="XYXY", canvas_size=(100, 100)),
        "labels": torch.empty(0, dtype=torch.int64),
        "masks": tv_tensors.Mask(torch.empty(0, 100, 100, dtype=torch.bool)),
        "keypoints": torch.empty(0, 3, 2),
        "weights": torch.empty(0),
    }
    wanted = show_batch(grey((100, 100), (100, 100))).tobytes()
    assert show_batch(grey((100, 100), (100, 100)), [none, {"boxes": None}], classes=NAMES).tobytes() == wanted


def test_what_mixup_makes_of_instances_can_be_shown():
    images = [tv_tensors.Image(image) for image in grey((100, 150), (120, 110))]
    samples = [
        (
            image,
            {
                "boxes": tv_tensors.BoundingBoxes([[10, 10, 60, 60]], format="XYXY", canvas_size=image.shape[-2:]),
                "labels": torch.tensor([k]),
                "masks": tv_tensors.Mask(torch.ones(1, *image.shape[-2:], dtype=torch.bool)),
                "keypoints": tv_tensors.KeyPoints([[[20.0, 20.0], [NAN, NAN]]], canvas_size=image.shape[-2:]),
            },
        )
        for k, image in enumerate(images)
    ]
    for mix in (RandomMixUp(), RandomCutMix()):
        mixed, targets = MixCollate(mix, collate_fn=lambda batch: tuple(zip(*batch, strict=True)))(samples)
        assert show_batch(mixed, targets, classes=NAMES).size > (0, 0)
    assert math.isclose(float(targets[0].get("weights", torch.ones(1))[0]), 1)


def test_targets_with_places_are_not_changed():
    target = {"boxes": BOX.float(), "labels": torch.tensor([1]), "masks": torch.ones(1, 100, 100, dtype=torch.uint8)}
    target["keypoints"] = torch.tensor([[[NAN, 3.0], [4.0, 5.0]]])
    before = {key: value.clone() for key, value in target.items()}
    show_batch(grey((100, 100)), [target])
    assert list(target) == list(before)
    for key, value in before.items():
        torch.testing.assert_close(target[key], value, equal_nan=True, rtol=0, atol=0)


IMAGES = torch.rand(2, 3, 20, 30)


@pytest.mark.parametrize(
    ("images", "options", "kind", "words"),
    [
        ([IMAGES], {}, ValueError, ["images", "(C, H, W)", "(2, 3, 20, 30)", "index 0"]),
        ([IMAGES[0], 3], {}, TypeError, ["images", "tensors", "int", "index 1"]),
        ("images", {}, TypeError, ["images", "tensor", "str"]),
        ([], {}, ValueError, ["images", "at least one", "list"]),
        (torch.rand(2, 5, 9, 9), {}, ValueError, ["images", "channels", "(2, 5, 9, 9)"]),
        (torch.rand(0, 3, 9, 9), {}, ValueError, ["images", "(0, 3, 9, 9)"]),
        (torch.rand(9, 9), {}, ValueError, ["images", "(9, 9)"]),
        (IMAGES, {"targets": torch.arange(3)}, ValueError, ["targets", "2", "3"]),
        (IMAGES, {"targets": torch.zeros(2, 3, 3)}, ValueError, ["targets", "(2, 3, 3)"]),
        (
            IMAGES,
            {"targets": torch.tensor([0, 2]), "classes": ["a", "b"]},
            ValueError,
            ["classes", "2 names", "class 2"],
        ),
        (IMAGES, {"mean": [0.1, 0.2]}, ValueError, ["mean", "channel", "[0.1, 0.2]"]),
        (IMAGES.byte(), {"std": [0.1]}, ValueError, ["std", "float", "uint8"]),
        (torch.rand(2, 0, 3, 9, 9), {}, ValueError, ["images", "(2, 0, 3, 9, 9)"]),
        (IMAGES, {"targets": [0, 1]}, TypeError, ["targets", "MixedTarget", "list"]),
        (IMAGES, {"draw": (1, 2)}, TypeError, ["draw", "MixDraw", "tuple"]),
        (IMAGES, {"columns": 0}, ValueError, ["columns", "at least 1", "0"]),
        (IMAGES, {"draw": RandomCutMix().draw(torch.rand(2, 3, 30, 20))}, ValueError, ["draw", "(20, 30)", "(30, 20)"]),
        (IMAGES, {"draw": RandomCutMix().draw(torch.rand(3, 3, 20, 30))}, ValueError, ["draw", "2", "3"]),
    ],
)
def test_errors(images, options, kind, words):
    with says(kind, words):
        show_batch(images, **options)


def rotated():
    return tv_tensors.BoundingBoxes([[1.0, 2, 3, 4, 5]], format="XYWHR", canvas_size=(20, 30))


BOXES = torch.tensor([[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("targets", "kind", "words"),
    [
        ([{}], ValueError, ["targets", "2", "1"]),
        ([{}, 5], TypeError, ["targets", "dictionary", "list of int"]),
        ({}, TypeError, ["targets", "sequence", "dict"]),
        ([{}, {"boxes": [[1, 2, 3, 4]]}], TypeError, ["targets[1]['boxes']", "tensor", "list"]),
        ([{}, {"boxes": BOXES[0]}], ValueError, ["targets[1]['boxes']", "(n, 4)", "(4,)"]),
        ([{}, {"boxes": BOXES / 0}], ValueError, ["targets[1]['boxes']", "finite", "inf", "index 0"]),
        (
            [{}, {"boxes": BOXES.repeat(900, 1) / torch.ones(900, 1).index_fill(0, torch.tensor(7), 0)}],
            ValueError,
            ["targets[1]['boxes']", "got [inf, inf, inf, inf] at index 7"],
        ),
        ([{}, {"boxes": BOXES + 0j}], TypeError, ["targets[1]['boxes']", "real", "complex64"]),
        ([{}, {"keypoints": BOXES[:, :2] + 0j}], TypeError, ["targets[1]['keypoints']", "real", "complex64"]),
        ([{"boxes": rotated()}, {}], ValueError, ["targets[0]['boxes']", "rotated", "XYWHR"]),
        ([{"labels": torch.zeros(2)}, {}], TypeError, ["targets[0]['labels']", "integers", "float32"]),
        ([{"labels": torch.ones(2, 3, dtype=torch.int8)}, {}], ValueError, ["targets[0]['labels']", "(n,)", "(2, 3)"]),
        ([{"masks": torch.ones(1, 30, 20).bool()}, {}], ValueError, ["targets[0]['masks']", "(20, 30)", "(1, 30, 20)"]),
        ([{"masks": torch.ones(30).bool()}, {}], ValueError, ["targets[0]['masks']", "(n, H, W)", "(30,)"]),
        ([{"masks": torch.ones(1, 20, 30)}, {}], TypeError, ["targets[0]['masks']", "integers or bool", "float32"]),
        ([{"keypoints": torch.ones(1, 3)}, {}], ValueError, ["targets[0]['keypoints']", "(n, k, 2)", "(1, 3)"]),
        ([{"weights": torch.ones(1, 3)}, {}], ValueError, ["targets[0]['weights']", "(n,)", "(1, 3)"]),
        (
            [{}, {"boxes": BOXES, "labels": torch.arange(2)}],
            ValueError,
            ["targets[1]", "instances", "'boxes': 1", "'labels': 2"],
        ),
        (
            [{}, {"boxes": BOXES, "masks": torch.zeros(3, 20, 30).bool()}],
            ValueError,
            ["targets[1]", "'boxes': 1", "'masks': 3"],
        ),
        ([{}, {"boxes": BOXES, "labels": torch.tensor([7])}], ValueError, ["classes", "4 names", "class 7"]),
        (torch.zeros(3, 20, 30).int(), ValueError, ["targets", "2", "3"]),
        (torch.zeros(2, 30, 20).int(), ValueError, ["targets", "(20, 30)", "(2, 30, 20)"]),
        (torch.zeros(2, 4, 20, 30).int(), ValueError, ["targets", "(N, 1, H, W)", "(2, 4, 20, 30)"]),
        (torch.zeros(2, 20, 30), TypeError, ["targets", "integers or bool", "float32"]),
        (tv_tensors.Mask(torch.zeros(20, 30).int()), ValueError, ["targets", "(N, H, W)", "(20, 30)"]),
        (torch.full((2, 20, 30), 4), ValueError, ["classes", "4 names", "class 4"]),
    ],
)
def test_errors_of_targets_with_places(targets, kind, words):
    with says(kind, words):
        show_batch(IMAGES, targets, classes=NAMES)


def test_names_of_classes():
    assert name_of(3, None) == "3"
    assert name_of(3, NAMES) == "rocket"
    with says(ValueError, ["classes", "4 names", "class -1"]):
        name_of(-1, NAMES)
