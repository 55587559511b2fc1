"""The batch that ``MixCollate`` writes beside the one that is mixed afterwards."""

import torch
from torch.utils._pytree import tree_leaves
from torch.utils.data import default_collate

from cutmix_transforms import (
    MixCollate,
)


def pictures(count, *shape, dtype=torch.float32):
    if dtype.is_floating_point:
        return list(torch.rand(count, *shape).to(dtype))
    return list(torch.randint(0, 100, (count, *shape)).to(dtype))


def same(batch, expected):
    """Equal bits, types and memory formats of all that two batches hold."""
    for one, other in zip(tree_leaves(batch), tree_leaves(expected), strict=True):
        assert type(one) is type(other)
        if isinstance(one, torch.Tensor):
            assert one.dtype == other.dtype
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
    return True


def both_ways(mix, samples):
    """A batch that was mixed while it was written, and one that was mixed afterwards, from the same random numbers."""
    state = torch.get_rng_state()
    batch = MixCollate(mix)(samples)
    torch.set_rng_state(state)
    plain = default_collate(samples)
    return batch, mix(*plain) if isinstance(plain, (tuple, list)) else mix(plain)
