"""tv_tensors and the plain tensors inside them."""

from typing import Any

from torch import Tensor
from torchvision import tv_tensors


def unwrap(tensor: Tensor) -> Tensor:
    """A tv_tensor as a plain tensor: its methods are faster, and can be compiled."""
    return tensor.as_subclass(Tensor) if isinstance(tensor, tv_tensors.TVTensor) else tensor


def rewrap(plain: Tensor, like: Tensor, **metadata: Any) -> Tensor:
    """Give a plain tensor the type and metadata of another one, but for what is given here."""
    return tv_tensors.wrap(plain, like=like, **metadata) if isinstance(like, tv_tensors.TVTensor) else plain
