"""A column: one leaf of every sample in a batch, not stacked yet."""

from typing import Any

from torch import Tensor

from cutmix_transforms.functional._draw import HostDraw


class Column:
    """One leaf of every sample in a batch, not stacked yet, so that images can be mixed while they are stacked.

    Attributes:
        first: the leaf of the first sample, with its type and metadata.
    """

    first: Tensor

    def stacked(self) -> Tensor:
        """Stack the samples to a batch."""
        raise NotImplementedError

    def mixed(self, draw: HostDraw) -> Tensor:
        """Stack the samples to a batch and mix it on the way."""
        raise NotImplementedError


def stacked(value: object) -> Any:
    """Stack a column to a batch; return anything else unchanged."""
    return value.stacked() if isinstance(value, Column) else value
