"""What every transform of the package shares: the switch ``p``, the source of randomness, repr and pickling."""

import contextlib
import inspect
import warnings
from typing import Any

import torch
from torch import Generator, Tensor
from torchvision.transforms import v2

from cutmix_transforms._checks import check_share
from cutmix_transforms._sampling import Stream


class RandomTransform(v2.Transform):
    """A transform with a probability and a source of randomness; its instances hold options only."""

    def __init__(self, *, p: float, generator: Generator | None) -> None:
        super().__init__()
        with torch.inference_mode(False):  # an inference tensor could not be set outside
            self._p = _share(torch.tensor(check_share("p", p), dtype=torch.float64, device="cpu"))
        self.generator = generator
        self._warned_of: set[Any] = set()

    @property
    def p(self) -> float:
        """The chance that something happens; setting it also reaches the copies in running DataLoader workers."""
        return float(self._p)

    @p.setter
    def p(self, value: float) -> None:
        self._p.fill_(check_share("p", value))

    @property
    def generator(self) -> Generator | None:
        """Where draws come from; None is the global generator of the images' device."""
        return self._stream.generator

    @generator.setter
    def generator(self, value: Generator | None) -> None:
        if value is not None and not isinstance(value, Generator):
            raise TypeError(f"generator must be a torch.Generator or None, got {value!r}")
        self._stream = Stream.of(value)

    def extra_repr(self) -> str:
        """All options, as in the call that makes the transform."""
        names = [name for name in inspect.signature(type(self)).parameters if name not in self._modules]
        return ", ".join(f"{name}={_show(getattr(self, name))}" for name in names)

    def _warn_of(self, keys: list[Any]) -> None:
        """Warn once of what seems to belong to the instances of a sample, but was not named."""
        for key in keys:
            if key not in self._warned_of:
                self._warned_of.add(key)
                warnings.warn(
                    f"labels_getter does not name {key!r}, which has as many rows as there are instances and stays as "
                    "it is; let it return all that belongs to the instances",
                    stacklevel=2,
                )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        _share(self._p)


def _share(number: Tensor) -> Tensor:
    """Move a number into shared memory, where that can be had: a worker's copy of it is then the same number."""
    with contextlib.suppress(RuntimeError):
        number.share_memory_()
    return number


def _show(option: Any) -> str:
    if isinstance(option, Generator):
        return f"<Generator on {option.device}, seed {option.initial_seed()}>"
    return getattr(option, "__qualname__", None) or repr(option)
