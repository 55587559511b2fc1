"""show_batch: targets as words."""

import math

import pytest
import torch
from support.helpers import says
from support.shown import GRAY, NAMES, gray, near, tile, tinted
from torchvision import tv_tensors

from cutmix_transforms import MixedTarget, show_batch
from cutmix_transforms._show._overlay import PALETTE, overlay_of
from cutmix_transforms._show._targets import captions_of


@pytest.mark.parametrize(
    ("targets", "captions"),
    [
        (torch.tensor([1, 3]), ["coffee", "rocket"]),
        (torch.tensor([[0.68, 0.32, 0, 0], [0.1, 0, 0.9, 0]]), ["0.68 cat + 0.32 coffee", "0.90 dog + 0.10 cat"]),
        (torch.tensor([[1, 0, 0, 0], [0, 1, 0, 1]]), ["cat", "coffee + rocket"]),
        (torch.tensor([[0.4, 0.3, 0.2, 0.1]]), ["0.40 cat + 0.30 coffee + 0.20 dog + …"]),
        (torch.tensor([[0.998, 0.002, 0, 0], [0.05, 0.95, 0, 0]]), ["cat", "0.95 coffee + 0.05 cat"]),
        (
            torch.tensor([[0.625, 0.325, 0.025, 0.025], [0.25] * 4]),
            ["0.62 cat + 0.32 coffee", "0.25 cat + 0.25 coffee + 0.25 dog + …"],
        ),
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
    assert captions_of(many, None) == ["0.75 class 5 + 0.25 class 1000000000"]
    assert captions_of(torch.tensor([[0.68, 0, 0.32]]), None) == ["0.68 class 0 + 0.32 class 2"]
    assert captions_of(MixedTarget(torch.tensor([7]), torch.tensor([9]), torch.tensor([0.6])), None) == [
        "0.60 class 7 + 0.40 class 9"
    ]


def test_captions_of_values_that_do_not_show():
    """A value without a fraction is not a number of this sample, and digits from the middle must not be left out."""
    one, nan = torch.tensor([0.25, 3.0]), torch.tensor([math.nan, math.inf])
    assert captions_of(MixedTarget(one, nan, torch.ones(2)), None) == ["0.25", "3.00"]
    assert captions_of(MixedTarget(nan, one, torch.zeros(2)), None) == ["0.25", "3.00"]
    rows = MixedTarget(torch.eye(4)[:1], torch.full((1, 4), math.nan), torch.ones(1))
    assert captions_of(rows, NAMES) == ["cat"]
    big = torch.tensor([1e30, -1e300, 999_999.0, math.inf, math.nan], dtype=torch.float64)
    assert captions_of(big, None) == ["1e+30", "-1e+300", "999999.00", "inf", "nan"]


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
    picture = show_batch(torch.stack(gray(*[(100, 100)] * 2)), mixed)
    first, second = (tile(picture, k, 100, 100) for k in range(2))
    assert near(first[:, 10, 10], tinted(1))  # both say so
    assert near(first[:, 90, 10], tinted(1, 0.45 * 0.75))
    assert near(first[:, 90, 90], tinted(3, 0.45 * 0.75))
    mix = [x + 0.45 * 0.25 * (y - x) for x, y in zip(tinted(3, 0.45 * 0.75), PALETTE[1], strict=True)]
    over = [x + 0.45 * 0.75 * (y - x) for x, y in zip(tinted(1, 0.45 * 0.25), PALETTE[3], strict=True)]
    assert near(first[:, 10, 90], mix) or near(first[:, 10, 90], over)
    assert near(second[:, 10, 90], tinted(1))
    assert (second[:, 60:] == GRAY).all()
    one = MixedTarget(a[0], b[0], torch.tensor(0.25))
    assert show_batch(gray((100, 100))[0], one).tobytes() == show_batch(gray((100, 100)), [{"masks": one}]).tobytes()


IMAGES = torch.rand(2, 3, 20, 30)


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
