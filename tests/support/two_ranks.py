"""One rank of a job that trains with DistributedDataParallel, and writes down what it saw and what it learnt.

All ranks are seeded alike, as most programs do it.
"""

import os
import sys

import torch
import torch.distributed as dist
from support.toys import COUNT, PICTURES, network
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from cutmix_transforms import MixCollate, MixDataset, MixedLoss, RandomCutMix

RATE = 0.1
JOBS = {  # where it is mixed, into what, and whether the mix has a generator
    "workers, soft": ("workers", "soft", False),
    "workers, pair, generator": ("workers", "pair", True),
    "batch, soft, generator": ("batch", "soft", True),
    "batch, pair": ("batch", "pair", False),
    "dataset, soft": ("dataset", "soft", False),
}


def samples(target):
    labels = torch.eye(COUNT, dtype=torch.float64) if target == "soft" else torch.arange(COUNT)
    return [{"image": PICTURES[i].double(), "label": labels[i], "index": i} for i in range(COUNT)]


def train(place, target, with_generator):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(5) if with_generator else None
    mix = RandomCutMix(ratio=(0.2, 0.8), opacity=(0.3, 0.9), target=target, generator=generator)
    data = MixDataset(samples(target), mix) if place == "dataset" else samples(target)
    sampler, collate = DistributedSampler(data), MixCollate(mix) if place == "workers" else None
    # forked, as a spawned process would spawn its workers too, each of which needs seconds for its imports
    options = {"num_workers": 2, "multiprocessing_context": "fork"}
    loader = DataLoader(data, 4, sampler=sampler, collate_fn=collate, **options)
    model = DistributedDataParallel(network().double())
    criterion, optimizer = MixedLoss(torch.nn.CrossEntropyLoss()), torch.optim.SGD(model.parameters(), RATE)
    steps = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for plain in loader:
            batch = mix(plain) if place == "batch" else plain
            loss = criterion(model(batch["image"]), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            label = tuple(batch["label"]) if target == "pair" else batch["label"]
            steps.append((batch["image"], label, batch["index"], loss.item()))
    return steps, [weight.detach() for weight in model.parameters()]


def rank_main(rank, store, out):
    """Of a job of ``torch.multiprocessing.spawn``, or of ``torchrun``, which says everything in the environment."""
    place = {} if store is None else {"init_method": f"file://{store}", "rank": rank, "world_size": 2}
    dist.init_process_group("gloo", **place)
    torch.save({name: train(*job) for name, job in JOBS.items()}, f"{out}/{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    rank_main(int(os.environ["RANK"]), None, sys.argv[1])
