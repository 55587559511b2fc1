"""show_batch: boxes, masks, keypoints and tags on the image."""

import math
from itertools import combinations

import pytest
import torch
from PIL import ImageFont
from support.helpers import says
from support.shown import GRAY, NAMES, gray, near, places_of, tile, tinted
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixUp, show_batch
from cutmix_transforms._show._batch import GUTTER
from cutmix_transforms._show._overlay import PALETTE, color_of, ink_on, name_of, overlay_of
from cutmix_transforms._show._text import shorten

NAN = float("nan")
BOX = torch.tensor([[20, 40, 60, 90]])  # left, top, right, bottom


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(100, 150, 1), (200, 300, 1), (640, 480, 0.5), (20, 30, 4)], ids=str
)
def test_boxes_are_drawn_in_the_color_of_their_class(height, width, scale):
    box = torch.tensor([[width // 5, height // 4, width // 2, height - height // 8]])
    (image,) = gray((height, width))
    shown = F.pil_to_tensor(show_batch([image], [{"boxes": box, "labels": torch.tensor([6])}]))
    shown = shown[:, GUTTER:, GUTTER:]
    left, top, right, bottom = (round(edge * scale) for edge in box[0].tolist())
    color = PALETTE[6]
    found = places_of(shown, color)
    assert found == [top, left, bottom, right]
    for y in (bottom - 1, bottom - 2):
        assert near(shown[:, y, (left + right) // 2], color, 0)
    assert near(shown[:, bottom - 5, right - 8], (GRAY,) * 3, 0)
    assert near(shown[:, bottom, right], (GRAY,) * 3, 0)


def test_boxes_of_all_formats():
    wanted = show_batch(gray((100, 100)), [{"boxes": BOX}]).tobytes()
    for kind, box in (("XYXY", BOX), ("XYWH", [[20, 40, 40, 50]]), ("CXCYWH", [[40.0, 65.0, 40.0, 50.0]])):
        boxes = tv_tensors.BoundingBoxes(box, format=kind, canvas_size=(100, 100))
        assert show_batch(gray((100, 100)), [{"boxes": boxes}]).tobytes() == wanted
    assert wanted != show_batch(gray((100, 100))).tobytes()


def test_boxes_at_and_beyond_the_edge_stay_on_the_tile():
    wild = torch.tensor(
        [[-50, -50, 30, 30], [80, 80, 400, 400], [0, 0, 100, 100], [50, 50, 50, 50], [200, 200, 300, 300]]
    )
    target = {"boxes": wild, "labels": torch.arange(5)}
    picture = show_batch(gray((100, 100), (100, 100)), [target, {}])
    for far in (1e30, 1e308):
        huge = torch.tensor([[-far, -far, 30, 30], [80, 80, far, far]], dtype=torch.float64)
        shown = [show_batch(gray((100, 100)), [{"boxes": boxes}]) for boxes in (huge, wild[:2].double())]
        assert shown[0].tobytes() == shown[1].tobytes()
    assert torch.equal(tile(picture, 1, 100, 100), gray((100, 100))[0])
    around = F.pil_to_tensor(picture)
    assert (around[:, :GUTTER] == 255).all()
    assert (around[:, :, :GUTTER] == 255).all()


def with_tag(name, target, side=96):
    """A gray tile on which every class has the same name."""
    return tile(show_batch(gray((side, side)), [target], classes=[name] * 4), 0, side, side)


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
    shown = tile(show_batch(gray((100, 100)), [target], classes=NAMES), 0, 100, 100)
    first, second = (places_of(shown, PALETTE[kind]) for kind in (1, 2))  # the third box hides their frames
    assert first[:2] == [10, 10]
    assert second[:2] == [first[2], 10]
    assert second[2] - second[0] == first[2] - first[0]
    assert near(shown[:, second[2], 12], PALETTE[3], 0)
    crowd = {"boxes": torch.tensor([[0, 90, 9, 99]]).repeat(3, 1), "labels": torch.tensor([1, 2, 3])}
    assert places_of(tile(show_batch(gray((100, 100)), [crowd]), 0, 100, 100), PALETTE[3])[2] <= 100


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
    picture = show_batch(gray((100, 150)), [target], classes=NAMES)
    assert picture.tobytes() == show_batch(gray((100, 150))[0], target, classes=NAMES).tobytes()
    assert picture.height > 100 + 2 * GUTTER + 10  # without boxes the names are written below
    shown = tile(picture, 0, 150, 100)
    for mask, kind in zip(masks.bool(), (3, 0), strict=True):
        assert all(near(pixel, tinted(kind)) for pixel in shown[:, mask].T.unique(dim=0))
    assert (shown[:, ~masks.bool().any(0)] == GRAY).all()
    nameless = tile(show_batch(gray((100, 150)), [{"masks": masks}]), 0, 150, 100)
    assert near(nameless[:, 20, 30], tinted(0))
    assert near(nameless[:, 70, 120], tinted(1))


def test_masks_fade_with_the_weights_of_mixup():
    masks = torch.zeros(2, 100, 100, dtype=torch.bool)
    masks[0, :50], masks[1, 50:] = True, True
    shown = tile(show_batch(gray((100, 100)), [{"masks": masks, "weights": torch.tensor([0.2, 0.8])}]), 0, 100, 100)
    assert near(shown[:, 10, 10], tinted(0, 0.45 * 0.2))
    assert near(shown[:, 90, 90], tinted(1, 0.45 * 0.8))


def test_masks_are_scaled_with_their_tile():
    masks = torch.zeros(1, 17, 11, dtype=torch.bool)
    masks[0, 3:7, 2:10] = True
    shown = tile(show_batch(gray((17, 11)), [{"masks": masks}]), 0, 66, 102)
    inside = (shown != GRAY).any(0)
    assert torch.equal(inside, masks[0].repeat_interleave(6, 0).repeat_interleave(6, 1))
    large = torch.zeros(1, 640, 480, dtype=torch.bool)
    large[0, 100:301, 200:400] = True
    shown = tile(show_batch(gray((640, 480)), [{"masks": large}]), 0, 240, 320)
    rows, columns = (shown != GRAY).any(0).nonzero().unbind(1)
    assert [rows.min(), columns.min(), rows.max(), columns.max()] == [50, 100, 150, 199]
    assert near(shown[:, 150, 150], tinted(0, 0.45 / 2))  # a row that is half covered


def test_three_times_seven_classes_have_colors_of_their_own():
    colors = [color_of(kind) for kind in range(21)]
    assert colors[:7] == list(PALETTE)
    assert min(max(abs(a - b) for a, b in zip(*two, strict=True)) for two in combinations(colors, 2)) > 20
    assert color_of(21) == color_of(0)


def semantic():
    classes = torch.zeros(2, 100, 100, dtype=torch.int64)
    classes[0, :30], classes[0, 80:] = 2, 255
    classes[1, :, 50:] = 6
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
    picture = show_batch(torch.stack(gray(*[(100, 100)] * 2)), form(semantic()))
    first, second = (tile(picture, k, 100, 100) for k in range(2))
    assert near(first[:, 10, 10], tinted(2))
    assert (first[:, 30:] == GRAY).all()  # neither the background nor what is to be ignored
    assert near(second[:, 10, 90], tinted(6))
    assert (second[:, :, :50] == GRAY).all()
    assert picture.height > 100 + 2 * GUTTER + 10  # the classes are written below


@pytest.mark.parametrize("side", [20, 100, 320, 640])
def test_keypoints_are_dots_with_a_white_rim(side):
    x, y = side // 4, side // 2
    (image,) = gray((side, side))
    size = {20: 100, 640: 320}.get(side, side)
    for points in (torch.tensor([[x, y]]), torch.tensor([[[x, y]]]).float()):
        target = {"keypoints": tv_tensors.KeyPoints(points, canvas_size=(side, side)), "labels": torch.tensor([5])}
        shown = tile(show_batch([image], [target]), 0, size, size)
        column, row = ((place + 0.5) * size / side - 0.5 for place in (x, y))
        assert near(shown[:, round(row), round(column)], PALETTE[5])
        changed = (shown != GRAY).any(0).nonzero().float()
        assert (changed.mean(0) - torch.tensor([row, column])).abs().max() <= 0.51
        reach = (changed - torch.tensor([row, column])).norm(dim=1).max()
        assert 2.5 <= reach <= size / 25
        assert shown.amin(0).max() > 200  # the rim


def test_keypoints_that_are_covered_are_not_drawn():
    (image,) = gray((100, 100))
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
    wanted = show_batch(gray((100, 100), (100, 100))).tobytes()
    assert show_batch(gray((100, 100), (100, 100)), [none, {"boxes": None}], classes=NAMES).tobytes() == wanted


def test_what_mixup_makes_of_instances_can_be_shown():
    images = [tv_tensors.Image(image) for image in gray((100, 150), (120, 110))]
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
    show_batch(gray((100, 100)), [target])
    assert list(target) == list(before)
    for key, value in before.items():
        torch.testing.assert_close(target[key], value, equal_nan=True, rtol=0, atol=0)


def test_names_of_classes():
    assert name_of(3, None) == "3"
    assert name_of(3, NAMES) == "rocket"
    with says(ValueError, ["classes", "4 names", "class -1"]):
        name_of(-1, NAMES)
