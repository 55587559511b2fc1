"""Samples in every form whose images are constant, so that mixed ones tell their own mixture."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.oracles import constant_images
from torch.utils._pytree import tree_leaves
from torchvision import tv_tensors


class Sample(NamedTuple):
    image: Any
    label: Any


PICTURES = constant_images(6, 3, HEIGHT, WIDTH)


def as_list(samples):
    """A collate function of one's own, as detection has it."""
    return samples


def agree(image, target):
    """Sample j is j everywhere with label j: pixels and target name the same mixture, if only by its mean."""
    torch.testing.assert_close(image.float().mean(), target.float() @ torch.arange(6.0), rtol=0, atol=1e-4)


SAMPLES = {
    "tuple": [(PICTURES[i], i) for i in range(6)],
    "list": [[PICTURES[i], torch.tensor(i)] for i in range(6)],
    "named": [Sample(PICTURES[i], i) for i in range(6)],
    "dict": [{"image": PICTURES[i], "label": i, "name": str(i)} for i in range(6)],
    "nested": [(PICTURES[i], {"target": i, "id": 100 + i}) for i in range(6)],
    "numpy": [(PICTURES[i].numpy(), np.int64(i)) for i in range(6)],
    "tv_tensor": [(tv_tensors.Image(PICTURES[i]), i) for i in range(6)],
    "one_hot": [(PICTURES[i], torch.eye(6)[i]) for i in range(6)],
    "multi_hot": [(PICTURES[i], torch.eye(6).long()[i]) for i in range(6)],
}


forms = pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)


def image_and_target(batch):
    leaves = [leaf for leaf in tree_leaves(batch) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
    return sorted(leaves, key=lambda leaf: -leaf.ndim)[:2]
