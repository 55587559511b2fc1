"""tv_tensors and the plain tensors inside them."""

from typing import Any

from torch import Tensor
from torchvision import tv_tensors


def unwrap(tensor: Tensor) -> Tensor:
    """Return a tv_tensor as a plain tensor, whose methods are faster and can be compiled."""
    return tensor.as_subclass(Tensor) if isinstance(tensor, tv_tensors.TVTensor) else tensor


def rewrap(plain: Tensor, like: Tensor, **metadata: Any) -> Tensor:
    """Return a plain tensor with the tv_tensor type and metadata of ``like``; ``metadata`` overrides single entries."""
    return tv_tensors.wrap(plain, like=like, **metadata) if isinstance(like, tv_tensors.TVTensor) else plain
