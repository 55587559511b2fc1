"""Samples whose keys stand in another order."""

from collections import OrderedDict, defaultdict

import pytest
import torch
from support.oracles import told
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
)


@pytest.mark.parametrize("kind", [dict, OrderedDict, lambda **items: defaultdict(int, items)])
def test_samples_whose_keys_stand_in_another_order(kind):
    """What belongs together is told by its key, not by its place."""
    flat = {i: tv_tensors.Image(torch.full((3, 4, 5), float(i))) for i in (1, 2, 100, 200)}
    samples = [kind(image=flat[1], depth=flat[100], label=0), kind(depth=flat[200], image=flat[2], label=1)]
    mix = RandomCutMix(num_classes=2)
    data = MixDataset(samples, mix)
    for mixed in ([MixCollate(mix)(samples)], MixCollate(mix, collate_fn=list)(samples), [data[0], data[1]]):
        for one in mixed:
            assert told(one["image"]) <= {1, 2}
            assert told(one["depth"]) <= {100, 200}
    masks = {i: tv_tensors.Mask(torch.full((4, 5), i)) for i in (1, 2, 100, 200)}
    samples = [
        kind(image=flat[1], label=0, near=masks[1], far=masks[100]),
        kind(far=masks[200], near=masks[2], label=1, image=flat[2]),
    ]
    for one in MixCollate(RandomCutMix(num_classes=2), collate_fn=list)(samples):
        assert told(one["near"]) <= {1, 2}
        assert told(one["far"]) <= {100, 200}
    with pytest.raises(ValueError, match=r"samples must hold .* under the same keys"):
        MixCollate(RandomCutMix(num_classes=2), collate_fn=list)(
            [kind(image=flat[1], label=0, near=masks[1]), kind(image=flat[2], label=1, far=masks[2])]
        )
