"""show_batch: values and channels of images as shades on a screen."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from support.helpers import says
from support.shown import tile
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import show_batch
from cutmix_transforms._show._batch import GUTTER, PAPER


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
        (NORMALIZED, {}, "got -2.12 to 2.64, which is cut off; if they were normalized, pass mean and std"),
        (list(NORMALIZED), {}, "got -2.12 to 2.64, which is cut off; if they were normalized, pass mean and std"),
        (NORMALIZED.half(), {}, "got -2.12 to 2.64, which is cut off; if they were normalized, pass mean and std"),
        (NORMALIZED[:, None], {}, "pass mean and std"),
        (2 * BLACK_AND_WHITE - 1, {}, "got -1 to 1, which is cut off; if they were normalized, pass mean and std"),
        (NORMALIZED, {"mean": MEAN}, "-1.63 to 3.05 once mean and std are undone.*; pass both.*, not mean alone"),
        (NORMALIZED, {"std": STD}, "-0.485 to 0.594 once mean and std are undone.*; pass both.*, not std alone"),
        (NORMALIZED, {"mean": [100 * m for m in MEAN], "std": STD}, "must be the values that images from 0 to 1 were"),
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
