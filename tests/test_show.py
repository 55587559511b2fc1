"""show_batch: what stands where, and what is written under it."""

import pytest
import torch
from helpers import says
from PIL import Image, ImageFont
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import MixedTarget, RandomCutMix, RandomMixUp, show_batch
from cutmix_transforms._show import GUTTER, PAPER, _wrap, captions_of
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
    picture = show_batch(images)
    assert [tile(picture, k, 100, 100).unique().tolist() for k in range(3)] == [[0], [255], [0]]


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


def test_captions_are_broken_and_shortened():
    font = ImageFont.load_default(12)
    assert _wrap("0.68 cat + 0.32 coffee", font, 200) == ["0.68 cat + 0.32 coffee"]
    assert _wrap("0.68 cat + 0.32 coffee", font, 90) == ["0.68 cat", "+ 0.32 coffee"]
    (line,) = _wrap("0.68 Pneumonoultramicroscopicsilicovolcanoconiosis", font, 90)
    assert line.startswith("0.68 Pneu")
    assert line.endswith("…")
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


IMAGES = torch.rand(2, 3, 20, 30)


@pytest.mark.parametrize(
    ("images", "options", "kind", "words"),
    [
        ([IMAGES], {}, TypeError, ["images", "tensor", "list"]),
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
