"""Bad input to all that is no transform: functions, kernels, the loss, and the named tuples they take."""

import numpy as np
import PIL.Image
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, says
from torch import nn
from torchvision import tv_tensors

import cutmix_transforms
from cutmix_transforms import MixDraw, MixedLoss, MixedTarget, RandomCutMix, mixed_accuracy, show_batch
from cutmix_transforms import functional as F

NAN, INF = float("nan"), float("inf")
SIZE = (HEIGHT, WIDTH)
IMAGES, LABELS = torch.rand(4, 3, *SIZE), torch.tensor([0, 1, 2, 0])
BYTES, ROWS, LOGITS = (IMAGES * 255).byte(), torch.rand(4, 3), torch.rand(4, 3)
PARTNERS, BOXES = torch.tensor([3, 0, 1, 2]), torch.tensor([[0, 0, 2, 3]] * 4)
DRAW = F.mix_draw(PARTNERS, BOXES, SIZE)
PAIR = MixedTarget(LABELS, LABELS.flip(0), torch.full((4,), 0.3))
CENTERS, LAM = torch.tensor([[3, 4]] * 4), torch.full((4,), 0.3)
CORNERS, POINTS, MASKS = torch.tensor([[1.0, 2, 5, 6]]), torch.ones(2, 2), torch.ones(2, *SIZE, dtype=torch.uint8)
BOX, FIRST = BOXES[0], torch.tensor([0])
VIEW = F.View(BOXES[:1], SIZE)
HOLES = "holes must be of shape (K, 4) for an image (C, H, W), or (N, K, 4) for images (N, ..., C, H, W)"
CROSS = MixedLoss(nn.CrossEntropyLoss())


class Depth(tv_tensors.TVTensor):
    pass


def changed(**change):
    return DRAW._replace(**change)


# What takes a draw, and what it says of one that was made by hand: of its form, and of its numbers.
TAKERS = {
    "mix": lambda draw: RandomCutMix(num_classes=3)(IMAGES, LABELS, draw=draw),
    "mix_images": lambda draw: F.mix_images(IMAGES, draw),
    "mix_targets": lambda draw: F.mix_targets(ROWS, draw),
    "union_targets": lambda draw: F.union_targets(ROWS, draw),
    "pair_targets": lambda draw: F.pair_targets(LABELS, draw),
    "show_batch": lambda draw: show_batch(IMAGES, draw=draw),
}
FORMS = [
    (tuple(DRAW), TypeError, ["draw", "MixDraw", "tuple"]),
    (DRAW._asdict(), TypeError, ["draw", "MixDraw", "dict"]),
    (MixDraw, TypeError, ["draw", "MixDraw", "type"]),
    (changed(partners=[3, 0, 1, 2]), TypeError, ["draw.partners", "(N,)", "list: [3, 0, 1, 2]"]),
    (changed(partners=PARTNERS.numpy()), TypeError, ["draw.partners", "tensor", "ndarray"]),
    (changed(partners=PARTNERS.float()), TypeError, ["draw.partners", "int64", "float32"]),
    (changed(partners=PARTNERS.bool()), TypeError, ["draw.partners", "int64", "bool"]),
    (changed(partners=PARTNERS.byte()), TypeError, ["draw.partners", "int64", "uint8"]),
    (changed(partners=PARTNERS[:, None]), ValueError, ["draw.partners", "(N,)", "(4, 1)"]),
    (changed(boxes=None), TypeError, ["draw.boxes", "(N, 4)", "NoneType"]),
    (changed(boxes=BOXES.float()), TypeError, ["draw.boxes", "int64", "float32"]),
    (changed(boxes=BOXES.bool()), TypeError, ["draw.boxes", "int64", "bool"]),
    (changed(boxes=BOX), ValueError, ["draw.boxes", "(N, 4)", "(4,)"]),
    (changed(boxes=BOXES[:, :2]), ValueError, ["draw.boxes", "(N, 4)", "(4, 2)"]),
    (changed(opacity=1.0), TypeError, ["draw.opacity", "tensor", "float: 1.0"]),
    (changed(opacity=LABELS), TypeError, ["draw.opacity", "float", "int64"]),
    (changed(opacity=LAM[:, None]), ValueError, ["draw.opacity", "(N,)", "(4, 1)"]),
    (changed(size=None), TypeError, ["draw.size", "(height, width)", "NoneType"]),
    (changed(size=17), TypeError, ["draw.size", "(height, width)", "int: 17"]),
    (changed(size=(17.0, 11.0)), TypeError, ["draw.size", "integers", "(17.0, 11.0)"]),
    (changed(size=(17, 11, 3)), ValueError, ["draw.boxes", "(N, 6)", "(4, 4)"]),
    (changed(size=torch.tensor(SIZE)), TypeError, ["draw.size", "(height, width)", "int64 of shape (2,)"]),
    (changed(size=(-17, 11)), ValueError, ["draw.size", "at least 0", "(-17, 11)"]),
]
BOXES_OUTSIDE = [
    (changed(boxes=BOXES * 5), ValueError, ["draw.boxes", "17 x 11", "(0, 0, 10, 15)"]),
    (changed(boxes=BOXES.flip(1)), ValueError, ["draw.boxes", "17 x 11", "(3, 2, 0, 0)"]),
]
OPACITIES = [
    (changed(opacity=LAM * NAN), ValueError, ["draw.opacity", "0 to 1", "nan"]),
    (changed(opacity=LAM + 1), ValueError, ["draw.opacity", "0 to 1", "1.29"]),
    (changed(opacity=LAM - torch.tensor([0.8, 0, 0, 0])), ValueError, ["draw.opacity", "0 to 1", "got -0.5"]),
]
NUMBERS = [
    (changed(partners=PARTNERS + 1), ValueError, ["draw.partners", "[0, 4)", "4"]),
    (changed(partners=PARTNERS - 1), ValueError, ["draw.partners", "[0, 4)", "-1"]),
]
BAD_DRAWS = [(taker, *row) for row in FORMS for taker in TAKERS]
BAD_DRAWS += [(taker, *row) for row in BOXES_OUTSIDE for taker in TAKERS]
BAD_DRAWS += [(taker, *row) for row in OPACITIES for taker in TAKERS if taker != "show_batch"]
BAD_DRAWS += [(taker, *row) for row in NUMBERS for taker in TAKERS if taker != "show_batch"]


@pytest.mark.parametrize(("taker", "draw", "kind", "words"), BAD_DRAWS)
def test_draws_made_by_hand(taker, draw, kind, words):
    with says(kind, words):
        TAKERS[taker](draw)


# The same of pairs.
PAIR_TAKERS = {
    "MixedLoss": lambda pair: CROSS(LOGITS, pair),
    "mixed_accuracy": lambda pair: mixed_accuracy(LOGITS, pair),
    "show_batch": lambda pair: show_batch(IMAGES, pair),
}
BAD_PAIRS = [
    (PAIR._replace(a=None), TypeError, ["target.a", "tensor", "NoneType"]),
    (PAIR._replace(a=[0, 1, 2, 0]), TypeError, ["target.a", "tensor", "list: [0, 1, 2, 0]"]),
    (PAIR._replace(b=LABELS.numpy()), TypeError, ["target.b", "tensor", "ndarray"]),
    (PAIR._replace(b=LABELS[:3]), ValueError, ["target.b", "(4,)", "(3,)"]),
    (PAIR._replace(b=ROWS), ValueError, ["target.b", "(4,)", "(4, 3)"]),
    (PAIR._replace(lam=0.3), TypeError, ["target.lam", "tensor", "float: 0.3"]),
    (PAIR._replace(lam=None), TypeError, ["target.lam", "tensor", "NoneType"]),
    (PAIR._replace(lam=torch.tensor(0.3)), ValueError, ["target.lam", "(N,) = (4,)", "()"]),
    (PAIR._replace(lam=LAM[:3]), ValueError, ["target.lam", "(N,) = (4,)", "(3,)"]),
    (PAIR._replace(lam=LAM[:, None]), ValueError, ["target.lam", "(N,) = (4,)", "(4, 1)"]),
    (PAIR._replace(lam=LAM > 0), TypeError, ["target.lam", "float or integer", "bool"]),
]


@pytest.mark.parametrize("taker", PAIR_TAKERS)
@pytest.mark.parametrize(("pair", "kind", "words"), BAD_PAIRS)
def test_pairs_made_by_hand(taker, pair, kind, words):
    with says(kind, words):
        PAIR_TAKERS[taker](pair)


BAD_CALLS = {
    "MixDraw": [
        (lambda: MixDraw(PARTNERS, BOXES), TypeError, ["opacity", "size"]),
        (lambda: DRAW._replace(box=BOXES), (TypeError, ValueError), ["box"]),
    ],
    "MixedTarget": [
        (lambda: MixedTarget(LABELS, LABELS), TypeError, ["lam"]),
        (lambda: MixedTarget(LABELS, LABELS, LAM, 3), TypeError, ["positional"]),
    ],
    "MixedLoss": [
        (MixedLoss, TypeError, ["criterion"]),
        (lambda: MixedLoss(3), TypeError, ["criterion", "callable", "3"]),
        (lambda: MixedLoss(None), TypeError, ["criterion", "callable", "None"]),
        (lambda: MixedLoss("cross_entropy"), TypeError, ["criterion", "callable", "'cross_entropy'"]),
        (lambda: MixedLoss(nn.CrossEntropyLoss), TypeError, ["criterion", "instance", "CrossEntropyLoss"]),
        (
            lambda: MixedLoss(nn.CrossEntropyLoss(reduction="median")),
            ValueError,
            ["criterion.reduction", "'mean'", "'median'"],
        ),
        (lambda: CROSS(LOGITS), TypeError, ["target"]),
        (lambda: CROSS(PAIR, LOGITS), TypeError, ["x", "predictions", "MixedTarget first"]),
        (lambda: CROSS(LOGITS, tuple(PAIR)), TypeError, ["target", "tuple"]),
        (lambda: CROSS(LOGITS.numpy(), PAIR), TypeError, ["input", "ndarray"]),
        (lambda: CROSS(LOGITS[:3], PAIR), ValueError, ["batch_size (3)", "(4)"]),
        (lambda: CROSS(LOGITS[:, :2], PAIR), IndexError, ["Target 2"]),
        (lambda: MixedLoss(lambda x, y: 3.0)(LOGITS, PAIR), TypeError, ["criterion", "tensor of losses", "3.0"]),
        (lambda: MixedLoss(lambda x, y: None)(LOGITS, PAIR), TypeError, ["criterion", "losses", "None"]),
    ],
    "mixed_accuracy": [
        (lambda: mixed_accuracy(LOGITS), TypeError, ["target"]),
        (lambda: mixed_accuracy(LABELS, LOGITS), ValueError, ["logits", "(N, K)", "(4,)"]),
        (lambda: mixed_accuracy(LOGITS[0], LABELS), ValueError, ["logits", "(N, K)", "(3,)"]),
        (lambda: mixed_accuracy([[1.0, 2.0]], LABELS), TypeError, ["logits", "(N, K)", "[[1.0, 2.0]]"]),
        (lambda: mixed_accuracy(LOGITS.numpy(), LABELS), TypeError, ["logits", "tensor", "ndarray"]),
        (lambda: mixed_accuracy(LOGITS > 0, LABELS), TypeError, ["logits", "float or integer", "bool"]),
        (lambda: mixed_accuracy(LOGITS + 0j, LABELS), TypeError, ["logits", "float or integer", "complex64"]),
        (lambda: mixed_accuracy(LOGITS, [0, 1, 2, 0]), TypeError, ["target", "(4, 3)", "[0, 1, 2, 0]"]),
        (lambda: mixed_accuracy(LOGITS, LABELS.numpy()), TypeError, ["target", "ndarray"]),
        (lambda: mixed_accuracy(LOGITS, tuple(PAIR)), TypeError, ["target", "tuple"]),
        (lambda: mixed_accuracy(LOGITS, LABELS[:2]), ValueError, ["target", "(4, 3)", "(2,)"]),
        (lambda: mixed_accuracy(LOGITS, LABELS[:, None]), ValueError, ["target", "(4, 3)", "(4, 1)"]),
        (lambda: mixed_accuracy(LOGITS, ROWS[:, :2]), ValueError, ["target", "(4, 3)", "(4, 2)"]),
        (lambda: mixed_accuracy(LOGITS, LAM), ValueError, ["target", "integers", "float32"]),
        (lambda: mixed_accuracy(LOGITS, LABELS > 0), ValueError, ["target", "integers", "bool"]),
        (lambda: mixed_accuracy(LOGITS, LABELS + 1), ValueError, ["target", "[0, 3)", "3"]),
        (lambda: mixed_accuracy(LOGITS, LABELS - 1), ValueError, ["target", "[0, 3)", "-1"]),
        (lambda: mixed_accuracy(LOGITS, PAIR._replace(b=LABELS + 9)), ValueError, ["target", "[0, 3)", "9"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=0), ValueError, ["k", "at least 1", "0"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=4), ValueError, ["k", "number of classes, 3", "4"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=1.0), TypeError, ["k", "integer", "1.0"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=True), TypeError, ["k", "integer", "True"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=(1, 2)), TypeError, ["k", "integer", "(1, 2)"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, 2), TypeError, ["positional"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, topk=2), TypeError, ["topk"]),
        (lambda: mixed_accuracy(LOGITS[:, :0], LABELS), ValueError, ["k", "classes, 0", "1"]),
    ],
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
        (lambda: show_batch(IMAGES, ROWS + 1, classes=["a"]), ValueError, ["classes", "1 names", "class 1"]),
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
    "View": [
        (lambda: F.View(BOXES), TypeError, ["size"]),
        (lambda: F.visible_boxes(CORNERS, None), TypeError, ["view", "View", "NoneType"]),
        (lambda: F.visible_boxes(CORNERS, tuple(VIEW)), TypeError, ["view", "View", "tuple"]),
        (lambda: F.visible_boxes(CORNERS, DRAW), TypeError, ["view", "View", "MixDraw"]),
        (lambda: F.visible_keypoints(POINTS, (BOXES, SIZE)), TypeError, ["view", "View", "tuple"]),
        (lambda: F.visible_mask_share(MASKS, None), TypeError, ["view", "View", "NoneType"]),
        (lambda: F.visible_boxes(CORNERS, F.View([BOX], SIZE)), TypeError, ["view.boxes", "(K, 4)", "list"]),
        (lambda: F.visible_keypoints(POINTS, F.View(BOX, SIZE)), ValueError, ["view.boxes", "(K, 4)", "(4,)"]),
        (lambda: F.visible_mask_share(MASKS, F.View(BOXES.float(), SIZE)), TypeError, ["view.boxes", "float32"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES[:, :2], SIZE)), ValueError, ["view.boxes", "(K, 4)", "(4, 2)"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES[:, [0, 1, 2, 2]] * 9, SIZE)), ValueError, ["view.boxes", "18"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES * BOX.new_tensor([1, 1, 1, 9]), SIZE)), ValueError, ["27"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES, 17)), TypeError, ["view.size", "(height, width)", "17"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES, None)), TypeError, ["view.size", "NoneType"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES * 9, SIZE)), ValueError, ["view.boxes", "17 x 11", "27"]),
        (lambda: F.visible_mask_share(MASKS, F.View(BOXES - 1, SIZE)), ValueError, ["view.boxes", "(-1, -1, 1, 2)"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES[:0], SIZE, True)), ValueError, ["view.boxes", "(0, 4)"]),
        (lambda: F.visible_boxes(CORNERS, F.View(BOXES, SIZE, "x")), TypeError, ["view.inside", "'x'"]),
    ],
    "blend": [
        (lambda: F.blend(IMAGES, IMAGES), TypeError, ["opacity"]),
        (lambda: F.blend([1.0], [2.0], 0.5), TypeError, ["first", "tensor", "list: [1.0]"]),
        (lambda: F.blend(IMAGES, IMAGES.numpy(), 0.5), TypeError, ["second", "tensor", "ndarray"]),
        (lambda: F.blend(IMAGES, 0.0, 0.5), TypeError, ["second", "tensor", "0.0"]),
        (lambda: F.blend(IMAGES, IMAGES.double(), 0.5), TypeError, ["second", "float32", "float64"]),
        (lambda: F.blend(BYTES, IMAGES, 0.5), TypeError, ["second", "uint8", "float32"]),
        (lambda: F.blend(IMAGES > 0, IMAGES > 0, 0.5), TypeError, ["first", "float or integer", "bool"]),
        (lambda: F.blend(IMAGES, IMAGES[:3], 0.5), ValueError, ["first, second must", "broadcast", "(3, 3, 17, 11)"]),
        (lambda: F.blend(IMAGES, IMAGES, LAM), ValueError, ["opacity", "broadcast", "(4,)"]),
        (lambda: F.blend(IMAGES, IMAGES, 1.5), ValueError, ["opacity", "0 to 1", "1.5"]),
        (lambda: F.blend(IMAGES, IMAGES, -0.5), ValueError, ["opacity", "0 to 1", "-0.5"]),
        (lambda: F.blend(IMAGES, IMAGES, NAN), ValueError, ["opacity", "0 to 1", "nan"]),
        (lambda: F.blend(IMAGES, IMAGES, torch.tensor(1.5)), ValueError, ["opacity", "0 to 1", "1.5"]),
        (lambda: F.blend(IMAGES, IMAGES, torch.tensor(-0.5)), ValueError, ["opacity", "0 to 1", "-0.5"]),
        (lambda: F.blend(IMAGES, IMAGES, True), TypeError, ["opacity", "number", "True"]),
        (lambda: F.blend(IMAGES, IMAGES, "0.5"), TypeError, ["opacity", "number", "'0.5'"]),
        (lambda: F.blend(IMAGES, IMAGES, None), TypeError, ["opacity", "number", "None"]),
        (lambda: F.blend(IMAGES, IMAGES, IMAGES > 0), TypeError, ["opacity", "float or integer", "bool"]),
    ],
    "boxes_around": [
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS), TypeError, ["size"]),
        (lambda: F.boxes_around(1, 2, 3, 4, SIZE), TypeError, ["rows", "tensor", "int: 1"]),
        (lambda: F.boxes_around(LABELS, [2], LABELS, LABELS, SIZE), TypeError, ["columns", "tensor", "list: [2]"]),
        (lambda: F.boxes_around(LAM, LABELS, LABELS, LABELS, SIZE), TypeError, ["rows", "int64", "float32"]),
        (lambda: F.boxes_around(LABELS, LABELS, -LABELS, LABELS, SIZE), ValueError, ["heights", "at least 0", "-2"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, -LABELS, SIZE), ValueError, ["widths", "at least 0", "-2"]),
        (
            lambda: F.boxes_around(LABELS, FIRST, FIRST, LABELS[:3], SIZE),
            ValueError,
            ["rows, columns, heights, widths"],
        ),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS[:3], FIRST, SIZE), ValueError, ["heights", "(3,)", "(4,)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, 17), TypeError, ["size", "(height, width)", "17"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, (17,)), TypeError, ["size", "(17,)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, (17.5, 11)), TypeError, ["size", "(17.5, 11)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, (-1, 3)), ValueError, ["size", "(-1, 3)"]),
        (lambda: F.boxes_around(LABELS, LABELS, LABELS, LABELS, ("a", "b")), TypeError, ["size", "('a', 'b')"]),
    ],
    "boxes_of_masks": [
        (lambda: F.boxes_of_masks([1]), TypeError, ["masks", "(n, H, W)", "list: [1]"]),
        (lambda: F.boxes_of_masks(MASKS.numpy()), TypeError, ["masks", "tensor", "ndarray"]),
        (lambda: F.boxes_of_masks(MASKS[0]), ValueError, ["masks", "(n, H, W)", "(17, 11)"]),
        (lambda: F.boxes_of_masks(IMAGES), ValueError, ["masks", "(n, H, W)", "(4, 3, 17, 11)"]),
        (lambda: F.boxes_of_masks(MASKS[:, :0]), ValueError, ["masks", "pixels", "(2, 0, 11)"]),
    ],
    "cutmix_boxes": [
        (lambda: F.cutmix_boxes(0.3, CENTERS, SIZE), TypeError, ["lam", "(N,)", "float: 0.3"]),
        (lambda: F.cutmix_boxes(LABELS, CENTERS, SIZE), TypeError, ["lam", "float", "int64"]),
        (lambda: F.cutmix_boxes(LAM + 1, CENTERS, SIZE), ValueError, ["lam", "0 to 1", "1.29"]),
        (lambda: F.cutmix_boxes(LAM * NAN, CENTERS, SIZE), ValueError, ["lam", "0 to 1", "nan"]),
        (lambda: F.cutmix_boxes(LAM[:, None], CENTERS, SIZE), ValueError, ["lam", "(N,)", "(4, 1)"]),
        (lambda: F.cutmix_boxes(LAM, LABELS, SIZE), ValueError, ["centers", "(N, 2)", "(4,)"]),
        (lambda: F.cutmix_boxes(LAM, BOXES, SIZE), ValueError, ["centers", "(N, 2)", "(4, 4)"]),
        (lambda: F.cutmix_boxes(LAM, CENTERS[:, None], SIZE), ValueError, ["centers", "(N, 2)", "(4, 1, 2)"]),
        (lambda: F.cutmix_boxes(LAM, [(3, 4)] * 4, SIZE), TypeError, ["centers", "(N, 2)", "list"]),
        (lambda: F.cutmix_boxes(LAM, CENTERS.float(), SIZE), TypeError, ["centers", "int64", "float32"]),
        (lambda: F.cutmix_boxes(LAM[:3], CENTERS, SIZE), ValueError, ["centers", "(3, 2)", "(4, 2)"]),
        (lambda: F.cutmix_boxes(LAM, CENTERS, IMAGES), TypeError, ["size", "(4, 3, 17, 11)"]),
    ],
    "cutout": [
        (lambda: F.cutout(IMAGES[0]), TypeError, ["holes"]),
        (lambda: F.cutout(IMAGES[0].numpy(), BOXES), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: F.cutout(BOXES, IMAGES[0]), TypeError, ["holes", "int64", "float32"]),
        (lambda: F.cutout(IMAGES[0], BOXES.tolist()), TypeError, ["holes", "tensor", "list"]),
        (lambda: F.cutout(IMAGES[0], BOXES.float()), TypeError, ["holes", "int64", "float32"]),
        (lambda: F.cutout(IMAGES[0], BOXES[None]), ValueError, [HOLES, "got holes (1, 4, 4) for images (3, 17, 11)"]),
        (lambda: F.cutout(IMAGES, BOXES), ValueError, [HOLES, "got holes (4, 4) for images (4, 3, 17, 11)"]),
        (lambda: F.cutout(IMAGES[0], BOXES, None), TypeError, ["fill", "number", "None"]),
        (lambda: F.cutout(IMAGES[0], BOXES, ["a"]), TypeError, ["fill", "number", "['a']"]),
        (lambda: F.cutout(IMAGES[0], BOXES, {0: 1}), TypeError, ["fill", "number", "{0: 1}"]),
        (lambda: F.cutout(IMAGES[0], BOXES, "random"), ValueError, ["fill", "'mean'", "'random'"]),
        (lambda: F.cutout(IMAGES[0], BOXES, []), ValueError, ["fill", "channel (3)", "[]"]),
        (lambda: F.cutout(BYTES[0], BOXES, NAN), ValueError, ["fill", "[0, 255]", "nan"]),
        (lambda: F.cutout(BYTES[0], BOXES, INF), ValueError, ["fill", "[0, 255]", "inf"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor(255.6)), ValueError, ["fill", "from 0 to 255", "256.0"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor([[[0, 300]]])), ValueError, ["fill", "from 0 to 255", "300.0"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor([[[-1, 0]]])), ValueError, ["fill", "from 0 to 255", "-1.0"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.zeros(0)), ValueError, ["fill, images must", "broadcast", "(0,)"]),
        (lambda: F.cutout(BYTES[0], BOXES, torch.tensor([[[NAN]]])), ValueError, ["fill", "from 0 to 255", "nan"]),
        (lambda: F.cutout(IMAGES[0].half(), BOXES, 1e6), ValueError, ["fill", "float16", "1000000.0"]),
        (lambda: F.cutout(IMAGES[0], BOXES, torch.zeros(3)), ValueError, ["fill, images must", "broadcast", "(3,)"]),
        (lambda: F.cutout(IMAGES[0] + 0j, BOXES), TypeError, ["images", "float or integer", "complex64"]),
    ],
    "image_size": [
        (lambda: F.image_size(SIZE), TypeError, ["images", "tensor", "(17, 11)"]),
        (lambda: F.image_size(IMAGES.numpy()), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: F.image_size(PIL.Image.new("L", (3, 4))), TypeError, ["images", "tensor", "Image"]),
    ],
    "inside_boxes": [
        (lambda: F.inside_boxes(BOXES), TypeError, ["size"]),
        (lambda: F.inside_boxes(BOXES.tolist(), SIZE), TypeError, ["boxes", "(..., 4)", "list"]),
        (lambda: F.inside_boxes(BOXES[:, :3], SIZE), ValueError, ["boxes", "(..., 4)", "(4, 3)"]),
        (lambda: F.inside_boxes(torch.tensor(3), SIZE), ValueError, ["boxes", "(..., 4)", "()"]),
        (lambda: F.inside_boxes(BOXES, 17), TypeError, ["size", "(height, width)", "17"]),
        (lambda: F.inside_boxes(BOXES, (17, 11, 3)), ValueError, ["boxes", "(..., 6)", "(4, 4)"]),
        (lambda: F.inside_boxes(BOXES, (-17, 11)), ValueError, ["size", "(-17, 11)"]),
        (lambda: F.inside_boxes(BOXES, (True, 11)), TypeError, ["size", "(True, 11)"]),
    ],
    "join_masks": [
        (lambda: F.join_masks(1, MASKS, BOX, (FIRST, FIRST)), TypeError, ["base", "(n, H, W)", "int: 1"]),
        (lambda: F.join_masks(MASKS, MASKS[0], BOX, (FIRST, FIRST)), ValueError, ["partner", "(n, H, W)", "(17, 11)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOXES, (FIRST, FIRST)), ValueError, ["box", "(4,)", "(4, 4)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX.tolist(), (FIRST, FIRST)), TypeError, ["box", "list: [0, 0, 2, 3]"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX.float(), (FIRST, FIRST)), TypeError, ["box", "int64", "float32"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX * 9, (FIRST, FIRST)), ValueError, ["box", "base", "(0, 0, 18, 27)"]),
        (lambda: F.join_masks(MASKS, MASKS[:, :1], BOX, (FIRST, FIRST)), ValueError, ["box", "partner", "1 x 11"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, FIRST), TypeError, ["kept", "pair", "int64 of shape (1,)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX[:3], (FIRST, FIRST)), ValueError, ["box", "(4,)", "(3,)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, PARTNERS[:2]), TypeError, ["kept", "pair", "int64 of shape (2,)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (BOXES, FIRST)), ValueError, ["kept", "(k,)", "(4, 4)"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST, FIRST + 2)), ValueError, ["kept", "[0, 2) for partner", "2"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, ([0], [0])), TypeError, ["kept", "tensor", "list: [0]"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (LAM, FIRST)), TypeError, ["kept", "int64", "float32"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST + 5, FIRST)), ValueError, ["kept", "[0, 2) for base", "5"]),
        (lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST, FIRST - 1)), ValueError, ["kept", "partner", "-1"]),
    ],
    "mix_draw": [
        (lambda: F.mix_draw(PARTNERS, BOXES), TypeError, ["size"]),
        (lambda: F.mix_draw(BOXES, PARTNERS, SIZE), ValueError, ["partners", "(N,)", "(4, 4)"]),
        (lambda: F.mix_draw(PARTNERS.tolist(), BOXES, SIZE), TypeError, ["partners", "tensor", "[3, 0, 1, 2]"]),
        (lambda: F.mix_draw(PARTNERS.float(), BOXES, SIZE), TypeError, ["partners", "int64", "float32"]),
        (lambda: F.mix_draw(PARTNERS[0], BOXES, SIZE), ValueError, ["partners", "(N,)", "()"]),
        (lambda: F.mix_draw(PARTNERS - 1, BOXES, SIZE), ValueError, ["partners", "at least 0", "-1"]),
        (lambda: F.mix_draw(PARTNERS, BOXES.tolist(), SIZE), TypeError, ["boxes", "(N, 4)", "list"]),
        (lambda: F.mix_draw(PARTNERS, BOXES[:, :2], SIZE), ValueError, ["boxes", "(N, 4)", "(4, 2)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES[:, None], SIZE), ValueError, ["boxes", "(N, 4)", "(4, 1, 4)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES[:3], SIZE), ValueError, ["boxes", "(N, 4) = (4, 4)", "(3, 4)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES.float(), SIZE), TypeError, ["boxes", "int64", "float32"]),
        (lambda: F.mix_draw(PARTNERS, BOXES * 9, SIZE), ValueError, ["boxes", "17 x 11", "(0, 0, 18, 27)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES - 1, SIZE), ValueError, ["boxes", "17 x 11", "(-1, -1, 1, 2)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES.flip(1), SIZE), ValueError, ["boxes", "17 x 11", "(3, 2, 0, 0)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, 17), TypeError, ["size", "(height, width)", "17"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, (17.0, 11.0)), TypeError, ["size", "(17.0, 11.0)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, (0, 0)), ValueError, ["boxes", "0 x 0", "(0, 0, 2, 3)"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, "full"), TypeError, ["opacity", "number", "'full'"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, None), TypeError, ["opacity", "number", "None"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, True), TypeError, ["opacity", "number", "True"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, NAN), ValueError, ["opacity", "0 to 1", "nan"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, [0.5] * 4), TypeError, ["opacity", "[0.5, 0.5, 0.5, 0.5]"]),
        (
            lambda: F.mix_draw(PARTNERS, BOXES, SIZE, torch.tensor(0.5)),
            ValueError,
            ["opacity", "(N,), or a number", "()"],
        ),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, LABELS), TypeError, ["opacity", "float", "int64"]),
        (lambda: F.mix_draw(PARTNERS, BOXES, SIZE, LAM + 1), ValueError, ["opacity", "0 to 1", "1.29"]),
    ],
    "mix_images": [
        (lambda: F.mix_images(IMAGES), TypeError, ["draw"]),
        (lambda: F.mix_images(IMAGES, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.mix_images(DRAW, IMAGES), TypeError, ["images", "tensor", "MixDraw"]),
        (lambda: F.mix_images(IMAGES.numpy(), DRAW), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: F.mix_images(list(IMAGES), DRAW), TypeError, ["images", "tensor", "list"]),
        (lambda: F.mix_images(torch.tensor(3.0), DRAW), ValueError, ["images", "batch dimension", "()"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES.numpy()), TypeError, ["others", "tensor", "ndarray"]),
        (lambda: F.mix_images(IMAGES, DRAW, BYTES), TypeError, ["others", "float32", "uint8"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES.double()), TypeError, ["others", "float32", "float64"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES[0]), ValueError, ["others", "(M, *(3, 17, 11))", "(3, 17, 11)"]),
        (lambda: F.mix_images(IMAGES, DRAW, IMAGES[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
    "union_targets": [
        (lambda: F.union_targets(ROWS, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.union_targets(ROWS.long(), DRAW), TypeError, ["targets", "float", "int64"]),
        (lambda: F.union_targets(ROWS[:, 0], DRAW), ValueError, ["targets", "(N, K)", "(4,)"]),
        (lambda: F.union_targets(ROWS[:3], DRAW), ValueError, ["draw", "3 targets", "4"]),
        (lambda: F.union_targets(ROWS, DRAW, ROWS[:, :2]), ValueError, ["others", "(M, *(3,))", "(4, 2)"]),
        (lambda: F.union_targets(ROWS, DRAW, ROWS[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
    "mix_targets": [
        (lambda: F.mix_targets(ROWS), TypeError, ["draw"]),
        (lambda: F.mix_targets(ROWS, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.mix_targets(DRAW, ROWS), TypeError, ["targets", "tensor", "MixDraw"]),
        (lambda: F.mix_targets(ROWS.tolist(), DRAW), TypeError, ["targets", "tensor", "list"]),
        (lambda: F.mix_targets(ROWS.numpy(), DRAW), TypeError, ["targets", "tensor", "ndarray"]),
        (lambda: F.mix_targets(LABELS, DRAW), TypeError, ["targets", "float", "int64"]),
        (lambda: F.mix_targets(ROWS > 0, DRAW), TypeError, ["targets", "float", "bool"]),
        (lambda: F.mix_targets(torch.tensor(1.0), DRAW), ValueError, ["targets", "batch dimension", "()"]),
        (lambda: F.mix_targets(ROWS[:3], DRAW), ValueError, ["draw", "3 targets", "4"]),
        (lambda: F.mix_targets(ROWS, DRAW, [1]), TypeError, ["others", "tensor", "[1]"]),
        (lambda: F.mix_targets(ROWS, DRAW, ROWS[:, :2]), ValueError, ["others", "(M, *(3,))", "(4, 2)"]),
        (lambda: F.mix_targets(ROWS, DRAW, ROWS.double()), TypeError, ["others", "float32", "float64"]),
        (lambda: F.mix_targets(ROWS, DRAW, ROWS[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
    "pair_targets": [
        (lambda: F.pair_targets(LABELS), TypeError, ["draw"]),
        (lambda: F.pair_targets(LABELS, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.pair_targets(DRAW, LABELS), TypeError, ["labels", "tensor", "MixDraw"]),
        (lambda: F.pair_targets([0, 1, 2, 0], DRAW), TypeError, ["labels", "tensor", "[0, 1, 2, 0]"]),
        (lambda: F.pair_targets(torch.tensor(1), DRAW), ValueError, ["labels", "batch dimension", "()"]),
        (lambda: F.pair_targets(LABELS[:3], DRAW), ValueError, ["draw", "3 labels", "4"]),
        (lambda: F.pair_targets(LABELS, DRAW, ROWS), TypeError, ["others", "int64", "float32"]),
        (lambda: F.pair_targets(LABELS, DRAW, LABELS[:, None]), ValueError, ["others", "(M, *())", "(4, 1)"]),
        (lambda: F.pair_targets(LABELS, DRAW, LABELS[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
    "register_kernel": [
        (F.register_kernel, TypeError, ["cls"]),
        (lambda: F.register_kernel("Depth"), TypeError, ["cls", "tv_tensor", "'Depth'"]),
        (lambda: F.register_kernel(torch.Tensor), TypeError, ["cls", "tv_tensor", "torch.Tensor"]),
        (lambda: F.register_kernel(Depth(IMAGES)), TypeError, ["cls", "type", "Depth"]),
        (lambda: F.register_kernel(Depth, True), TypeError, ["positional"]),
        (lambda: F.register_kernel(Depth, categorical="no"), TypeError, ["categorical", "True or False", "'no'"]),
        (lambda: F.register_kernel(Depth)(None), TypeError, ["function", "callable", "None"]),
    ],
    "register_instance_kernel": [
        (lambda: F.register_instance_kernel(int), TypeError, ["cls", "tv_tensor", "int"]),
        (lambda: F.register_instance_kernel(None), TypeError, ["cls", "tv_tensor", "None"]),
        (lambda: F.register_instance_kernel(Depth)(3), TypeError, ["function", "callable", "3"]),
    ],
    "soft_targets": [
        (F.soft_targets, TypeError, ["labels"]),
        (lambda: F.soft_targets(5, LABELS), TypeError, ["labels", "tensor", "int: 5"]),
        (lambda: F.soft_targets([0, 1], 5), TypeError, ["labels", "tensor", "list: [0, 1]"]),
        (lambda: F.soft_targets(LABELS.numpy(), 5), TypeError, ["labels", "tensor", "ndarray"]),
        (lambda: F.soft_targets(LABELS), ValueError, ["num_classes", "(4,)", "None"]),
        (lambda: F.soft_targets(LABELS, 2), ValueError, ["labels", "[0, num_classes=2)", "2 at index 2"]),
        (lambda: F.soft_targets(LABELS, "5"), TypeError, ["num_classes", "integer", "'5'"]),
        (lambda: F.soft_targets(LABELS, 5.0), TypeError, ["num_classes", "integer", "5.0"]),
        (lambda: F.soft_targets(LABELS, True), TypeError, ["num_classes", "integer", "True"]),
        (lambda: F.soft_targets(LABELS, (5,)), TypeError, ["num_classes", "integer", "(5,)"]),
        (lambda: F.soft_targets(LABELS, torch.tensor(5)), TypeError, ["num_classes", "integer", "tensor(5)"]),
        (lambda: F.soft_targets(LABELS, 0), ValueError, ["num_classes", "at least 1", "0"]),
        (lambda: F.soft_targets(ROWS, 3.0), TypeError, ["num_classes", "integer", "3.0"]),
        (lambda: F.soft_targets(LABELS > 0, 5), TypeError, ["labels", "integer", "bool"]),
        (lambda: F.soft_targets(LABELS + 0j, 5), TypeError, ["labels", "integer", "complex64"]),
        (lambda: F.soft_targets(LABELS[0], 5), ValueError, ["labels", "(N,)", "()"]),
        (lambda: F.soft_targets(LABELS, 5, 1), ValueError, ["label_smoothing", "[0, 1)", "1"]),
        (lambda: F.soft_targets(LABELS, 5, NAN), ValueError, ["label_smoothing", "[0, 1)", "nan"]),
        (lambda: F.soft_targets(LABELS, 5, "0.1"), TypeError, ["label_smoothing", "number", "'0.1'"]),
        (lambda: F.soft_targets(LABELS, 5, False), TypeError, ["label_smoothing", "number", "False"]),
    ],
    "visible_boxes": [
        (lambda: F.visible_boxes(CORNERS.tolist(), VIEW), TypeError, ["boxes", "(n, 4)", "list"]),
        (lambda: F.visible_boxes(CORNERS[0], VIEW), ValueError, ["boxes", "(n, 4)", "(4,)"]),
        (lambda: F.visible_boxes(CORNERS[:, :3], VIEW), ValueError, ["boxes", "(n, 4)", "(1, 3)"]),
        (lambda: F.visible_boxes(CORNERS + 0j, VIEW), TypeError, ["boxes", "float or integer", "complex64"]),
    ],
    "visible_keypoints": [
        (lambda: F.visible_keypoints([[1.0, 2.0]], VIEW), TypeError, ["points", "(..., 2)", "[[1.0, 2.0]]"]),
        (lambda: F.visible_keypoints(torch.ones(3, 3), VIEW), ValueError, ["points", "(..., 2)", "(3, 3)"]),
        (lambda: F.visible_keypoints(torch.tensor(3.0), VIEW), ValueError, ["points", "(..., 2)", "()"]),
        (lambda: F.visible_keypoints(POINTS > 0, VIEW), TypeError, ["points", "float or integer", "bool"]),
    ],
    "visible_mask_share": [
        (lambda: F.visible_mask_share(None, VIEW), TypeError, ["masks", "(n, H, W)", "NoneType"]),
        (lambda: F.visible_mask_share(MASKS.numpy(), VIEW), TypeError, ["masks", "tensor", "ndarray"]),
        (lambda: F.visible_mask_share(MASKS[0], VIEW), ValueError, ["masks", "(n, H, W)", "(17, 11)"]),
        (lambda: F.visible_mask_share(IMAGES, VIEW), ValueError, ["masks", "(n, H, W)", "(4, 3, 17, 11)"]),
        (lambda: F.visible_mask_share(MASKS.mT, VIEW), ValueError, ["masks", "(17, 11)", "(2, 11, 17)"]),
    ],
}
ROWS_OF_CALLS = [(name, *row) for name, rows in BAD_CALLS.items() for row in rows]


@pytest.mark.parametrize(("name", "call", "kind", "words"), ROWS_OF_CALLS)
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()


# In these words each argument that has to be a tensor says which: named as in the call, with its shape.
SHAPES = {
    "partners (N,)": lambda: F.mix_draw(None, BOXES, SIZE),
    "boxes (N, 4)": lambda: F.mix_draw(PARTNERS, None, SIZE),
    "draw.partners (N,)": lambda: F.mix_targets(ROWS, changed(partners=None)),
    "draw.boxes (N, 4)": lambda: F.mix_targets(ROWS, changed(boxes=None)),
    "draw.opacity (N,)": lambda: F.mix_targets(ROWS, changed(opacity=None)),
    "lam (N,)": lambda: F.cutmix_boxes(None, CENTERS, SIZE),
    "centers (N, 2)": lambda: F.cutmix_boxes(LAM, None, SIZE),
    "rows (...)": lambda: F.boxes_around(None, LABELS, LABELS, LABELS, SIZE),
    "columns (...)": lambda: F.boxes_around(LABELS, None, LABELS, LABELS, SIZE),
    "heights (...)": lambda: F.boxes_around(LABELS, LABELS, None, LABELS, SIZE),
    "widths (...)": lambda: F.boxes_around(LABELS, LABELS, LABELS, None, SIZE),
    "boxes (..., 4)": lambda: F.inside_boxes(None, SIZE),
    "first (...)": lambda: F.blend(None, IMAGES, 0.5),
    "second (...)": lambda: F.blend(IMAGES, None, 0.5),
    "images (C, H, W) or (N, ..., C, H, W)": lambda: F.cutout(None, BOXES),
    "holes (K, 4) or (N, K, 4)": lambda: F.cutout(IMAGES[0], None),
    "images (N, ..., H, W)": lambda: F.mix_images(None, DRAW),
    "others (M, ..., H, W)": lambda: F.mix_images(IMAGES, DRAW, [IMAGES]),
    "targets (N, ...)": lambda: F.mix_targets(None, DRAW),
    "labels (N, ...)": lambda: F.pair_targets(None, DRAW),
    "others (M, ...)": lambda: F.pair_targets(LABELS, DRAW, [LABELS]),
    "target.a (N, ...)": lambda: CROSS(LOGITS, PAIR._replace(a=None)),
    "target.b (N, ...)": lambda: CROSS(LOGITS, PAIR._replace(b=None)),
    "target.lam (N,)": lambda: CROSS(LOGITS, PAIR._replace(lam=None)),
    "view.boxes (K, 4)": lambda: F.visible_boxes(CORNERS, F.View(None, SIZE)),
    "boxes (n, 4)": lambda: F.visible_boxes(None, VIEW),
    "points (..., 2)": lambda: F.visible_keypoints(None, VIEW),
    "masks (n, H, W)": lambda: F.visible_mask_share(None, VIEW),
    "box (4,)": lambda: F.join_masks(MASKS, MASKS, None, (FIRST, FIRST)),
    "base (n, H, W)": lambda: F.join_masks(None, MASKS, BOX, (FIRST, FIRST)),
    "partner (n, H, W)": lambda: F.join_masks(MASKS, None, BOX, (FIRST, FIRST)),
    "kept (k,)": lambda: F.join_masks(MASKS, MASKS, BOX, (FIRST, None)),
    "logits (N, K)": lambda: mixed_accuracy(None, LABELS),
}


@pytest.mark.parametrize("form", SHAPES)
def test_what_is_no_tensor(form):
    name, shape = form.split(" ", 1)
    with says(TypeError, [f"{name} must be a tensor of shape {shape}, got "]) as error:
        SHAPES[form]()
    assert str(error.value).startswith(name)


@pytest.mark.parametrize(("length", "told"), [(98, f"'{'x' * 98}'"), (99, f"'{'x' * 96}...")])
def test_long_values_are_cut(length, told):
    with says(TypeError, ["opacity"]) as error:
        F.blend(IMAGES, IMAGES, "x" * length)
    assert str(error.value).endswith(f", got str: {told}")


def test_no_public_name_is_forgotten():
    """Transforms and what they go into have tables of their own."""
    others = {
        "RandomCutMix",
        "RandomMixUp",
        "RandomCutout",
        "RandomMixChoice",
        "MixCollate",
        "MixDataset",
        "Mix",
        "Placement",
        "unstacked",
        "photographs",
    }
    assert set(BAD_CALLS) == {*F.__all__, *cutmix_transforms.__all__} - {*others, "functional"}


def test_numbers_of_numpy_are_numbers():
    half, three = np.float32(0.5), np.int64(3)
    assert torch.equal(F.blend(IMAGES, IMAGES * 0, half), F.blend(IMAGES, IMAGES * 0, 0.5))
    assert F.mix_draw(PARTNERS, BOXES, (np.int64(17), np.int64(11)), half).opacity.tolist() == [0.5] * 4
    assert torch.equal(F.soft_targets(LABELS, three, half), F.soft_targets(LABELS, 3, 0.5))
    assert torch.equal(F.cutout(IMAGES[0], BOXES, half), F.cutout(IMAGES[0], BOXES, 0.5))
    assert mixed_accuracy(LOGITS, LABELS, k=three).item() == 1
    assert show_batch(IMAGES, columns=three).tobytes() == show_batch(IMAGES, columns=3).tobytes()
    assert show_batch(IMAGES, mean=np.array([0.1] * 3)).tobytes() == show_batch(IMAGES, mean=[0.1] * 3).tobytes()
