"""Samples that are not stacked yet."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from cutmix_transforms.functional._draw import HostDraw


class Column(ABC):
    """Tensors of the samples of a batch that are not stacked yet, so that they can be mixed while they are written.

    Attributes:
        first: the first one as it came, with its type and metadata.
    """

    first: Tensor

    @abstractmethod
    def stacked(self) -> Tensor:
        """Return the batch."""

    @abstractmethod
    def mixed(self, draw: HostDraw) -> Tensor:
        """Return the mixed batch."""


def stacked(value: Any) -> Any:
    """Return the batch of a column, or anything else as it is."""
    return value.stacked() if isinstance(value, Column) else value
