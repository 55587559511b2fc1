"""Words in which arguments that cannot be are refused, whatever function they are given to."""

import numpy as np
import pytest
import torch
from support.arguments import (
    BOX,
    BOXES,
    CENTERS,
    CORNERS,
    CROSS,
    DRAW,
    FIRST,
    IMAGES,
    LABELS,
    LAM,
    LOGITS,
    MASKS,
    PAIR,
    PARTNERS,
    ROWS,
    SIZE,
    VIEW,
    changed,
)
from support.helpers import says

from cutmix_transforms import functional as F
from cutmix_transforms import mixed_accuracy, show_batch

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
    "masks (n, H, W)": lambda: F.visible_mask_fraction(None, VIEW),
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


def test_numbers_of_numpy_are_numbers():
    half, three = np.float32(0.5), np.int64(3)
    assert torch.equal(F.blend(IMAGES, IMAGES * 0, half), F.blend(IMAGES, IMAGES * 0, 0.5))
    assert F.mix_draw(PARTNERS, BOXES, (np.int64(17), np.int64(11)), half).opacity.tolist() == [0.5] * 4
    assert torch.equal(F.soft_targets(LABELS, three, half), F.soft_targets(LABELS, 3, 0.5))
    assert torch.equal(F.cutout(IMAGES[0], BOXES, half), F.cutout(IMAGES[0], BOXES, 0.5))
    assert mixed_accuracy(LOGITS, LABELS, k=three).item() == 1
    assert show_batch(IMAGES, columns=three).tobytes() == show_batch(IMAGES, columns=3).tobytes()
    assert show_batch(IMAGES, mean=np.array([0.1] * 3)).tobytes() == show_batch(IMAGES, mean=[0.1] * 3).tobytes()
