"""Loaders, formats and samplers of others, by name: what comes out of them is mixed, and pixels and targets agree."""

import accelerate
import datasets
import numpy as np
import pytest
import torch
import webdataset as wds
from support.helpers import HEIGHT, WIDTH, slow_but
from support.toys import COUNT, PICTURES, SAMPLES, agree
from torch.utils.data import ConcatDataset, DataLoader, Dataset, DistributedSampler, StackDataset, WeightedRandomSampler
from torchdata.stateful_dataloader import StatefulDataLoader

from cutmix_transforms import MixCollate, MixDataset, RandomCutMix, RandomMixChoice, RandomMixUp

pytestmark = [
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),  # by torchdata, which is not kept up with torch
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in.*tar:pytest.PytestUnraisableExceptionWarning"
    ),  # webdataset
]
LABELS = torch.arange(COUNT)


def make(**options):
    options["num_classes"] = COUNT
    return RandomMixChoice([RandomCutMix(ratio=(0.2, 0.8), **options), RandomMixUp(**options)])


def check(batches, count=COUNT):
    """All samples come once, each mixed with another one of its batch."""
    batches = [tuple(batch.values())[:2] if isinstance(batch, dict) else batch for batch in batches]
    assert sum(len(targets) for _, targets in batches) == count
    for images, targets in batches:
        assert images.shape[1:] == (3, HEIGHT, WIDTH)
        assert agree(images, targets) < 1
    torch.testing.assert_close(sum(targets.sum() for _, targets in batches), torch.tensor(float(count)))
    return batches


def check_once(batches):
    targets = torch.cat([targets for _, targets in check(batches)])
    torch.testing.assert_close(targets.sum(0), torch.ones(COUNT))


# --- WebDataset ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shards(tmp_path):
    for shard in range(2):
        with wds.TarWriter(str(tmp_path / f"{shard}.tar")) as writer:
            for i in range(shard, COUNT, 2):
                writer.write({"__key__": f"{i:03}", "image.npy": PICTURES[i].numpy(), "cls": i})
    return [str(tmp_path / f"{shard}.tar") for shard in range(2)]


@pytest.mark.parametrize("workers", [0, 2])
def test_webdataset_of_tuples(shards, workers):
    """Mixed by its own ``batched``, in the workers."""
    stream = wds.WebDataset(shards, shardshuffle=False).decode().to_tuple("image.npy", "cls")
    stream = stream.batched(4, collation_fn=MixCollate(make()), partial=True)
    check_once(wds.WebLoader(stream, batch_size=None, num_workers=workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_webdataset_of_dictionaries(shards, workers):
    """With keys, which come first and stay, in PyTorch's own loader."""
    stream = wds.WebDataset(shards, shardshuffle=False).decode()
    batches = list(DataLoader(stream, 4, num_workers=workers, collate_fn=MixCollate(make(labels_getter="cls"))))
    check_once([(batch["image.npy"], batch["cls"]) for batch in batches])
    assert sorted(int(key) for batch in batches for key in batch["__key__"]) == list(range(COUNT))


# --- datasets of Hugging Face ----------------------------------------------------------------------------------------


def table():
    return datasets.Dataset.from_dict({"image": PICTURES.tolist(), "label": list(range(COUNT))})


def as_tensors(rows):
    return {"image": [torch.tensor(np.asarray(image)) for image in rows["image"]], "label": rows["label"]}


FORMATS = {
    "torch": lambda: table().with_format("torch"),
    "numpy": lambda: table().with_format("numpy"),
    "with_transform": lambda: table().with_transform(as_tensors),
}


@pytest.mark.parametrize("form", slow_but(["torch"], FORMATS))
@pytest.mark.parametrize("workers", [0, 2])
def test_datasets_of_hugging_face(form, workers):
    data = FORMATS[form]()
    options = {"shuffle": True, "num_workers": workers}
    check_once(DataLoader(data, 6, collate_fn=MixCollate(make()), **options))
    check(DataLoader(MixDataset(data, make()), 6, **options))


# --- a loader that is stopped and goes on ----------------------------------------------------------------------------


class Remembered(Dataset):
    """The recipe: a dataset that remembers the random state of its worker, which the loader stores and restores."""

    def __len__(self):
        return COUNT

    def __getitem__(self, i):
        return SAMPLES[i]

    def state_dict(self):
        return {"random": torch.get_rng_state()}

    def load_state_dict(self, state):
        torch.set_rng_state(state["random"])


class RememberedMix(MixDataset):
    state_dict, load_state_dict = Remembered.state_dict, Remembered.load_state_dict


def stopped(data, collate, workers):
    """The batches of an epoch after the second, and those of another loader that goes on there."""

    def loader():
        options = {"shuffle": True, "num_workers": workers, "collate_fn": collate}
        return StatefulDataLoader(data, 4, **options)

    torch.manual_seed(1)
    first, batches = loader(), []
    for i, batch in enumerate(first):
        batches.append(batch)
        if i == 1:
            state = first.state_dict()
    torch.manual_seed(2)
    second = loader()
    second.load_state_dict(state)
    return batches, list(second)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("place", ["collate", "dataset"])
def test_a_stateful_loader_goes_on_with_the_same_draws(place, workers):
    """Where its dataset remembers the random state."""
    data = Remembered() if place == "collate" else RememberedMix(SAMPLES, make())
    batches, rest = stopped(data, MixCollate(make()) if place == "collate" else None, workers)
    check(batches)
    assert len(rest) == len(batches) - 2
    for one, other in zip(rest, batches[2:], strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_goes_on_with_the_same_samples(workers):
    """Of a dataset that remembers nothing: mixed right, by other draws."""
    batches, rest = stopped(SAMPLES, MixCollate(make()), workers)
    check(rest, COUNT - 8)
    for (_, one), (_, other) in zip(rest, batches[2:], strict=True):
        assert torch.equal(one.sum(0) > 0, other.sum(0) > 0)
    assert not all(torch.equal(one, other) for (one, _), (other, _) in zip(rest, batches[2:], strict=True))


# --- accelerate and samplers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_accelerate(workers):
    loader = DataLoader(SAMPLES, 4, shuffle=True, num_workers=workers, collate_fn=MixCollate(make()))
    prepared = accelerate.Accelerator(cpu=True).prepare(loader)
    check_once(list(prepared))
    assert not torch.equal(*(torch.cat([targets for _, targets in prepared]) for _ in range(2)))


def test_a_weighted_sampler_may_repeat_a_sample_in_a_batch():
    """It is then mixed with its like, which its target says."""
    sampler = WeightedRandomSampler([5.0] * 3 + [1.0] * (COUNT - 3), 48)
    batches = list(DataLoader(SAMPLES, 8, sampler=sampler, num_workers=2, collate_fn=MixCollate(make())))
    assert len(batches) == 6
    for images, targets in batches:
        agree(images, targets)
    assert torch.cat([targets for _, targets in batches])[:, :3].sum() > 12


def test_a_distributed_sampler_gives_each_rank_its_part():
    seen = []
    for rank in range(2):
        sampler = DistributedSampler(SAMPLES, num_replicas=2, rank=rank, seed=3)
        batches = check(DataLoader(SAMPLES, 4, sampler=sampler, collate_fn=MixCollate(make())), COUNT // 2)
        seen.append({int(k) for _, targets in batches for k in targets.sum(0).nonzero()})
    assert seen[0] | seen[1] == set(range(COUNT))
    assert not seen[0] & seen[1]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["forkserver", "spawn"])
@pytest.mark.parametrize(
    "data", [StackDataset(PICTURES, LABELS), ConcatDataset([SAMPLES[:9], SAMPLES[9:]])], ids=["stack", "concat"]
)
def test_workers_that_are_started_anew(data, start):
    """A mix that is sent to them, in the collate function and in the dataset."""
    options = {"num_workers": 1, "multiprocessing_context": start}
    check_once(DataLoader(data, 6, collate_fn=MixCollate(make()), **options))
    check(DataLoader(MixDataset(data, make()), 6, **options))
