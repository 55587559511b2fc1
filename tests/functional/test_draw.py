"""What a draw is, and the size of an image."""

import pytest
from support.arguments import (
    BOXES,
    DRAW,
    PARTNERS,
)
from support.helpers import rows_of, says

from cutmix_transforms import MixDraw

BAD_CALLS = {
    "MixDraw": [
        (lambda: MixDraw(PARTNERS, BOXES), TypeError, ["opacity", "size"]),
        (lambda: DRAW._replace(box=BOXES), (TypeError, ValueError), ["box"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
