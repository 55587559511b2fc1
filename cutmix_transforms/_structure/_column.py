"""A column: one leaf of every sample in a batch, not stacked yet."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from cutmix_transforms.functional._draw import HostDraw


class Column(ABC):
    """One leaf of every sample in a batch, not stacked yet, so that images can be mixed while they are stacked.

    Attributes:
        first: the leaf of the first sample, with its type and metadata.
    """

    first: Tensor

    @abstractmethod
    def stacked(self) -> Tensor:
        """Stack the samples to a batch."""

    @abstractmethod
    def mixed(self, draw: HostDraw) -> Tensor:
        """Stack the samples to a batch and mix it on the way."""


def stacked(value: Any) -> Any:
    """Stack a column to a batch; return anything else unchanged."""
    return value.stacked() if isinstance(value, Column) else value
