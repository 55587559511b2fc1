"""What several test files use."""

import re
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from types import FunctionType

import PIL.Image
import pytest
import torch
from torch import nn

# Not square, so that swapped axes show; both sides odd.
HEIGHT, WIDTH = 17, 11

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]


def slow_but(fast, values):
    """Return values to parametrize a test with, of which only the fast ones run without ``-m slow``."""
    return [value if value in fast else pytest.param(value, marks=pytest.mark.slow) for value in values]


@contextmanager
def says(kind, words):
    """Expect an error that has all these words in its message, and that is what an error should be.

    It changes nothing: no random number is used up, and whatever the test can see, and so can have handed over, is bit
    for bit as it was.
    """
    test = sys._getframe(2)
    before, state = _visible(test), torch.get_rng_state()
    with pytest.raises(kind) as error:
        yield error
    missing = [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}", str(error.value))]
    assert not missing, f"{missing} not in: {error.value}"
    assert torch.equal(torch.get_rng_state(), state)
    after = _visible(test)
    changed = [name for name in before if after[name] != before[name]]
    assert not changed, f"{changed} changed"


def rows_of(tables):
    """Bad calls of several functions, each with the name of its function first."""
    return [(name, *row) for name, rows in tables.items() for row in rows]


def _visible(frame):
    """What the code of a frame can see: its own names, and those of the module that it and its functions use."""
    codes = [frame.f_code, *(value.__code__ for value in frame.f_locals.values() if isinstance(value, FunctionType))]
    names = {name: frame.f_globals[name] for code in codes for name in code.co_names if name in frame.f_globals}
    return {name: look(value) for name, value in {**names, **frame.f_locals}.items()}


def look(value):
    """A value in a form that differs when anything of it has changed."""
    if isinstance(value, torch.Tensor) and value.is_nested:
        return look(value.unbind())
    if isinstance(value, torch.Tensor):
        bits = value.detach().to_dense().as_subclass(torch.Tensor).reshape(-1).contiguous()
        return type(value), value.dtype, value.shape, look(vars(value)), bits.view(torch.uint8).numpy().tobytes()
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().tobytes()
    if isinstance(value, nn.Module):
        own = [(module.training, look(getattr(module, "generator", None))) for module in value.modules()]
        return repr(value), own, look(dict(value.state_dict()))
    if isinstance(value, Mapping):
        return type(value), [(key, look(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), list(map(look, value))
    if isinstance(value, PIL.Image.Image):
        return value.mode, value.size, value.tobytes()
    if hasattr(value, "tobytes"):
        return type(value), value.dtype, value.shape, value.tobytes()
    if type(value).__module__.startswith("cutmix_transforms"):
        return type(value), look(vars(value))
    return repr(value)
