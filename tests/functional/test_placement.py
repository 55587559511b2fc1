"""The size of an image."""

import PIL.Image
import pytest
from support.arguments import IMAGES, SIZE
from support.helpers import rows_of, says

from cutmix_transforms import functional as F

BAD_CALLS = {
    "image_size": [
        (lambda: F.image_size(SIZE), TypeError, ["images", "tensor", "(17, 11)"]),
        (lambda: F.image_size(IMAGES.numpy()), TypeError, ["images", "tensor", "ndarray"]),
        (lambda: F.image_size(PIL.Image.new("L", (3, 4))), TypeError, ["images", "tensor", "Image"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
