"""show_batch: the grid, outlines and input."""

import PIL.Image
import pytest
import torch
from support.arguments import CORNERS, IMAGES, LABELS, MASKS, NAN, PAIR, ROWS
from support.helpers import rows_of, says
from support.shown import GRAY, NAMES, gray, places_of, tile
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import MixedTarget, RandomCutMix, RandomMixUp, show_batch
from cutmix_transforms._show._batch import GUTTER
from cutmix_transforms.functional import mix_draw


def test_small_images_are_enlarged_by_whole_numbers():
    images = torch.randint(0, 256, (2, 3, 17, 11), dtype=torch.uint8)
    picture = show_batch(images)
    wanted = images[1].repeat_interleave(6, 1).repeat_interleave(6, 2)
    assert torch.equal(tile(picture, 1, 66, 102), wanted)


def test_large_images_are_made_smaller():
    assert show_batch(torch.rand(1, 3, 640, 1280)).size == (320 + 2 * GUTTER, 160 + 2 * GUTTER)


def test_rows_and_columns():
    images = torch.zeros(11, 1, 100, 100)
    assert show_batch(images).width == GUTTER + 8 * (100 + GUTTER)
    assert show_batch(images).height == GUTTER + 2 * (100 + GUTTER)
    assert show_batch(images, columns=4).size == (GUTTER + 4 * (100 + GUTTER), GUTTER + 3 * (100 + GUTTER))
    assert show_batch(images[:2], columns=5).width == GUTTER + 2 * (100 + GUTTER)


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


def test_images_of_unequal_sizes_are_centered_in_cells_of_the_largest():
    images = gray((100, 150), (120, 110), (640, 640), (17, 11))
    picture = show_batch(images, columns=2)
    assert picture.size == (GUTTER + 2 * (320 + GUTTER),) * 2
    for k, (height, width) in enumerate([(100, 150), (120, 110), (320, 320), (102, 66)]):
        y, x = (GUTTER + place * (320 + GUTTER) for place in divmod(k, 2))
        cell = F.pil_to_tensor(picture.crop((x, y, x + 320, y + 320)))
        top, left = (320 - height) // 2, (320 - width) // 2
        assert places_of(cell, (GRAY,) * 3) == [top, left, top + height, left + width]
    assert show_batch(images[:1] * 3).tobytes() == show_batch(torch.stack(images[:1] * 3)).tobytes()
    assert show_batch(tuple(images[:2])).tobytes() == show_batch(images[:2]).tobytes()


def test_normalised_images_of_unequal_sizes_and_their_draw():
    images = [torch.rand(3, 100, 100), torch.rand(1, 100, 100)]
    shown = show_batch([image - 0.5 for image in images], mean=[0.5])
    for k in range(2):
        assert (tile(shown, k, 100, 100) / 255 - images[k]).abs().max() <= 1 / 255
    draw = RandomCutMix(ratio=(0.5, 0.5)).draw(torch.zeros(2, 3, 100, 100))
    both = show_batch(gray((100, 100), (100, 100)), draw=draw)
    assert both.tobytes() == show_batch(torch.stack(gray((100, 100), (100, 100))), draw=draw).tobytes()


TWO = torch.rand(2, 3, 20, 30)


@pytest.mark.parametrize(
    ("images", "options", "kind", "words"),
    [
        ([TWO], {}, ValueError, ["images", "(C, H, W)", "(2, 3, 20, 30)", "index 0"]),
        ([TWO[0], 3], {}, TypeError, ["images", "tensors", "int", "index 1"]),
        ("images", {}, TypeError, ["images", "tensor", "str"]),
        ([], {}, ValueError, ["images", "must not be empty", "list"]),
        (torch.rand(2, 5, 9, 9), {}, ValueError, ["images", "channels", "(2, 5, 9, 9)"]),
        (torch.rand(0, 3, 9, 9), {}, ValueError, ["images", "(0, 3, 9, 9)"]),
        (torch.rand(9, 9), {}, ValueError, ["images", "(9, 9)"]),
        (TWO, {"targets": torch.arange(3)}, ValueError, ["targets", "2", "3"]),
        (TWO, {"targets": torch.zeros(2, 3, 3)}, ValueError, ["targets", "(2, 3, 3)"]),
        (
            TWO,
            {"targets": torch.tensor([0, 2]), "classes": ["a", "b"]},
            ValueError,
            ["classes", "2 names", "class 2"],
        ),
        (TWO, {"mean": [0.1, 0.2]}, ValueError, ["mean", "channel", "[0.1, 0.2]"]),
        (TWO.byte(), {"std": [0.1]}, ValueError, ["std", "float", "uint8"]),
        (torch.rand(2, 0, 3, 9, 9), {}, ValueError, ["images", "(2, 0, 3, 9, 9)"]),
        (TWO, {"targets": [0, 1]}, TypeError, ["targets", "MixedTarget", "list"]),
        (TWO, {"draw": (1, 2)}, TypeError, ["draw", "MixDraw", "tuple"]),
        (TWO, {"columns": 0}, ValueError, ["columns", "at least 1", "0"]),
        (TWO, {"draw": RandomCutMix().draw(torch.rand(2, 3, 30, 20))}, ValueError, ["draw", "(20, 30)", "(30, 20)"]),
        (TWO, {"draw": RandomCutMix().draw(torch.rand(3, 3, 20, 30))}, ValueError, ["draw", "2", "3"]),
    ],
)
def test_errors(images, options, kind, words):
    with says(kind, words):
        show_batch(images, **options)


BAD_CALLS = {
    "show_batch": [
        (show_batch, TypeError, ["images"]),
        (lambda: show_batch(None), TypeError, ["images", "tensor", "NoneType"]),
        (lambda: show_batch(IMAGES.numpy()), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: show_batch(PIL.Image.new("RGB", (4, 4))), TypeError, ["images", "tensor", "Image"]),
        (lambda: show_batch([PIL.Image.new("RGB", (4, 4))]), TypeError, ["images", "tensors", "Image at index 0"]),
        (lambda: show_batch(IMAGES.permute(0, 2, 3, 1)), ValueError, ["images", "(N, C, H, W)", "(4, 17, 11, 3)"]),
        (lambda: show_batch(IMAGES + 0j), TypeError, ["images", "float", "complex64"]),
        (lambda: show_batch(LABELS, IMAGES), ValueError, ["images", "(N, C, H, W)", "(4,)"]),
        (lambda: show_batch(IMAGES, LABELS.numpy()), TypeError, ["targets", "tensor", "ndarray"]),
        (lambda: show_batch(IMAGES, "cat"), TypeError, ["targets", "tensor", "str: 'cat'"]),
        (lambda: show_batch(IMAGES, ROWS + 0j), ValueError, ["targets", "real", "complex64"]),
        (lambda: show_batch(IMAGES, ROWS[:3]), ValueError, ["targets", "4", "3"]),
        (lambda: show_batch(IMAGES[0], [{}, {}]), ValueError, ["targets", "1", "2"]),
        (lambda: show_batch(IMAGES, LABELS, ["a", "b", "c"]), TypeError, ["positional"]),
        (lambda: show_batch(IMAGES, LABELS, classes="abc"), TypeError, ["classes", "sequence of names", "'abc'"]),
        (lambda: show_batch(IMAGES, LABELS, classes=3), TypeError, ["classes", "sequence", "3"]),
        (lambda: show_batch(IMAGES, LABELS, classes={"a": 0}), TypeError, ["classes", "sequence", "{'a': 0}"]),
        (
            lambda: show_batch(IMAGES, LABELS, classes=iter("abc")),
            TypeError,
            ["classes", "sequence", "got str_"],
        ),
        (lambda: show_batch(IMAGES, PAIR, classes=["a"]), ValueError, ["classes", "1 names", "class 1"]),
        (
            lambda: show_batch(IMAGES, torch.ones_like(ROWS), classes=["a"]),
            ValueError,
            ["classes", "1 names", "class 1"],
        ),
        (
            lambda: show_batch(IMAGES[0], torch.tensor([2, 0, 1])),
            ValueError,
            ["targets", "rows of 0 and 1", "[2, 0, 1]"],
        ),
        (lambda: show_batch(torch.zeros(4, 17, 11, 3)), ValueError, ["images", "movedim(-1, -3)", "(4, 17, 11, 3)"]),
        (lambda: show_batch((IMAGES, LABELS)), ValueError, ["images", "show_batch(*batch)", "at index 0"]),
        (lambda: show_batch([(IMAGES[0], 1)]), TypeError, ["images", "show_batch(*batch)", "tuple at index 0"]),
        (lambda: show_batch(IMAGES, LABELS - 1, classes=["a"] * 3), ValueError, ["classes", "3 names", "class -1"]),
        (lambda: show_batch(IMAGES, mean="imagenet"), TypeError, ["mean", "per channel", "'imagenet'"]),
        (lambda: show_batch(IMAGES, mean=[0.1, "a", 0.2]), TypeError, ["mean", "per channel", "[0.1, 'a', 0.2]"]),
        (lambda: show_batch(IMAGES, mean=[0.1, NAN, 0.2]), ValueError, ["mean", "finite", "[0.1, nan, 0.2]"]),
        (lambda: show_batch(IMAGES, mean=[0.1] * 4), ValueError, ["mean", "channel", "[0.1, 0.1, 0.1, 0.1]"]),
        (lambda: show_batch(IMAGES, std=[]), ValueError, ["std", "channel", "[]"]),
        (lambda: show_batch(IMAGES, std=0), ValueError, ["std", "above 0", "0"]),
        (lambda: show_batch(IMAGES, std=[0.1, -0.1, 0.1]), ValueError, ["std", "above 0", "-0.1"]),
        (lambda: show_batch(IMAGES, std={"r": 1}), TypeError, ["std", "channel", "{'r': 1}"]),
        (lambda: show_batch(IMAGES, columns=-2), ValueError, ["columns", "at least 1", "-2"]),
        (lambda: show_batch(IMAGES, columns=2.0), TypeError, ["columns", "integer", "2.0"]),
        (lambda: show_batch(IMAGES, columns="3"), TypeError, ["columns", "integer", "'3'"]),
        (
            lambda: show_batch(IMAGES[:1], [{"boxes": CORNERS, "weights": torch.tensor([NAN])}]),
            ValueError,
            ["targets[0]['weights']", "finite", "nan"],
        ),
        (
            lambda: show_batch(IMAGES[:1], [{"masks": MixedTarget(MASKS[0], MASKS[0], "x")}]),
            TypeError,
            ["targets[0]['masks'].lam", "tensor", "str"],
        ),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
