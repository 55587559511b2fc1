"""What several test files use."""

from contextlib import contextmanager

import pytest
import torch

# Not square, so that swapped axes show; both sides odd.
HEIGHT, WIDTH = 17, 11

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]


@contextmanager
def says(kind, words):
    """Expect an error that has all these words in its message, and that no random number is used up before it."""
    state = torch.get_rng_state()
    with pytest.raises(kind) as error:
        yield
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, f"{missing} not in: {error.value}"
    assert torch.equal(torch.get_rng_state(), state)
