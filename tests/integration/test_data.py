"""PyTorch's own data sets, samplers and loaders: stacked, cut up, streamed, weighed and pinned."""

import warnings
from typing import Any, NamedTuple

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.toys import COUNT, PICTURES, SAMPLES, agree
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)
from torch.utils.data._utils.pin_memory import pin_memory

from cutmix_transforms import MixCollate, MixDataset, MixedTarget, RandomCutMix, RandomMixChoice, RandomMixUp

LABELS = torch.arange(COUNT)
CAN_PIN = torch.accelerator.is_available()


def make():
    options = {"num_classes": COUNT}
    return RandomMixChoice([RandomCutMix(ratio=(0.2, 0.8), **options), RandomMixUp(**options)])


def check(batches, *, partners_of_the_batch=True):
    """Mixed batches of one epoch, pixels and targets agreeing, in which every sample of the data set comes once."""
    batches = [tuple(batch.values()) if isinstance(batch, dict) else batch for batch in batches]
    for images, targets in batches:
        assert images.shape == (len(targets), 3, HEIGHT, WIDTH)
        assert agree(images, targets) < 1
        assert ((targets.sum(0) > 0).sum() == len(targets)) == partners_of_the_batch
    if partners_of_the_batch:  # each is mixed into another with what it gives away
        torch.testing.assert_close(torch.cat([targets for _, targets in batches]).sum(0), torch.ones(COUNT))


class AtOnce(Dataset):
    """Hands over all samples of a batch at once, as the loader asks for them where that is possible."""

    def __len__(self):
        return COUNT

    def __getitems__(self, indices):
        return [SAMPLES[i] for i in indices]


DATA = {
    "stack": StackDataset(PICTURES, LABELS),
    "stack_dict": StackDataset(image=PICTURES, label=LABELS),
    "tensors": TensorDataset(PICTURES, LABELS),
    "subset": Subset(SAMPLES, range(COUNT)),
    "split": random_split(SAMPLES, [COUNT])[0],
    "concat": ConcatDataset([SAMPLES[:10], SAMPLES[10:]]),
}


@pytest.mark.parametrize("name", [*DATA, "at_once"])
@pytest.mark.parametrize("workers", [0, 2])
def test_map_style_data_in_the_collate_function(name, workers):
    data = AtOnce() if name == "at_once" else DATA[name]
    loader = DataLoader(data, 6, shuffle=True, num_workers=workers, collate_fn=MixCollate(make()))
    check(loader)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("workers", [0, 2])
def test_map_style_data_in_a_mixed_data_set(name, workers):
    """Partners come from everywhere."""
    batches = list(DataLoader(MixDataset(DATA[name], make()), 12, shuffle=True, num_workers=workers))
    assert isinstance(batches[0], dict) == (name == "stack_dict")
    check(batches, partners_of_the_batch=False)


class Stream(IterableDataset):
    """A source of which every worker reads its own part."""

    def __iter__(self):
        worker = get_worker_info()
        return iter(SAMPLES if worker is None else SAMPLES[worker.id :: worker.num_workers])


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_data(workers):
    """Each worker mixes what it reads; the last batch of each is a short one."""
    loader = DataLoader(Stream(), 5, num_workers=workers, collate_fn=MixCollate(make()))
    batches = list(loader)
    assert len({len(targets) for _, targets in batches}) == 2
    check(batches)
    for _, targets in batches:
        assert len({label % max(workers, 1) for label in targets.sum(0).nonzero().flatten().tolist()}) == 1


def test_samplers():
    collate = MixCollate(make())
    check(DataLoader(SAMPLES, batch_sampler=BatchSampler(RandomSampler(SAMPLES), 5, False), collate_fn=collate))
    sizes = [len(targets) for _, targets in DataLoader(SAMPLES, 5, drop_last=True, collate_fn=collate)]
    assert sizes == [5] * 4


def test_weights_choose_the_samples_of_a_mixed_data_set_but_not_their_partners():
    weights = [1.0] * 6 + [0.0] * (COUNT - 6)
    data = MixDataset(SAMPLES, RandomMixUp(target="pair"))
    loader = DataLoader(data, 8, sampler=WeightedRandomSampler(weights, 96), num_workers=1)
    own, partners = (torch.cat(labels) for labels in zip(*((target.a, target.b) for _, target in loader), strict=True))
    assert set(own.tolist()) == set(range(6))
    assert len(set(partners.tolist())) > 12
    assert not (own == partners).any()


class Sample(NamedTuple):
    image: Any
    label: Any


class Page:
    """Stands for a tensor where there is no device to pin memory for."""

    pinned = False

    def pin_memory(self, device=None):
        page = Page()
        page.pinned = True
        return page

    def is_pinned(self):
        return self.pinned


@pytest.mark.parametrize(
    "form",
    [lambda *pair: pair, Sample, lambda *pair: dict(zip("ab", pair, strict=True))],
    ids=["tuple", "named", "dict"],
)
@pytest.mark.parametrize("target", ["soft", "pair"])
def test_pinned_memory(form, target):
    """Batches keep their form on the way; where there is a device to pin for, real memory is pinned."""
    options = {"num_classes": COUNT, "target": target, "labels_getter": lambda batch: tree_leaves(batch)[1]}
    loader = DataLoader(
        [form(*sample) for sample in SAMPLES],
        4,
        num_workers=1,
        pin_memory=True,
        collate_fn=MixCollate(RandomMixUp(**options)),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*pin", UserWarning)  # where there is no device to pin for
        batch = next(iter(loader))
    pages = batch if CAN_PIN else tree_map(lambda leaf: Page(), batch)
    pinned = pin_memory(pages)
    for one in (batch, pinned):
        assert type(one) is type(default_collate([form(0, 0)]))
        _, found = one.values() if isinstance(one, dict) else one
        assert isinstance(found, MixedTarget) == (target == "pair")
    assert all(leaf.is_pinned() for leaf in tree_leaves(pinned))
    assert not CAN_PIN or all(leaf.is_pinned() for leaf in tree_leaves(batch))
