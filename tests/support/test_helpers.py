"""The check that all errors go through."""

import pytest
import torch
from support.helpers import says

from cutmix_transforms import (
    RandomCutMix,
)

FAULTS = ["no error", "another error", "another word", "random number", "input", "option", "generator"]


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_what_is_wrong_with_an_error_is_noticed(fault, images):
    """The check that all bad calls go through."""
    mix = RandomCutMix(generator=torch.Generator())

    def fail():
        raise (TypeError if fault == "another error" else ValueError)(
            "a number" if fault == "another word" else "a word"
        )

    def call():
        if fault == "random number":
            torch.rand(1)
        if fault == "input":
            images[0, 0, 0, 0] += 1
        if fault == "option":
            mix.p = 0.5
        if fault == "generator":
            torch.rand(1, generator=mix.generator)
        if fault != "no error":
            fail()

    if fault is None:
        with says(ValueError, ["word"]):
            call()
    else:
        with pytest.raises((AssertionError, TypeError, pytest.fail.Exception)), says(ValueError, ["word"]):
            call()
