"""Blending of two tensors."""

import pytest
import torch
from support.arguments import BYTES, IMAGES, LAM, NAN
from support.helpers import rows_of, says

from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    blend,
)


def test_blend_keeps_equal_values_and_ends():
    x, y = torch.randn(1000), torch.randn(1000)
    assert torch.equal(blend(x, x, torch.tensor(0.37)), x)
    assert torch.equal(blend(x, y, torch.tensor(0.0)), x)
    assert torch.equal(blend(x, y, torch.tensor(1.0)), y)


BAD_CALLS = {
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
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
