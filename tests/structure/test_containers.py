"""Containers are opened and rebuilt as what they were."""

import dataclasses
from collections import OrderedDict, UserDict, UserList, deque
from collections.abc import MutableMapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
import torch
from support.batches import CLASSES, IMAGES, LABELS
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import MIXES, mixes
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
)

cutmix = MIXES["cutmix_ratio"]


class Pair(NamedTuple):
    image: torch.Tensor
    label: torch.Tensor


class Named(dict):
    note = "kept"


class Many(list):
    pass


@dataclasses.dataclass
class Record:
    image: torch.Tensor
    label: torch.Tensor
    note: str = "kept"


@dataclasses.dataclass(frozen=True)
class Frozen:
    image: torch.Tensor
    label: torch.Tensor
    note: str = "kept"


CONTAINERS = {
    "dict": lambda image, label: {"image": image, "label": label},
    "ordered": lambda image, label: OrderedDict(image=image, label=label),
    "user": lambda image, label: UserDict(image=image, label=label),
    "subclass": lambda image, label: Named(image=image, label=label),
    "record": Record,
    "frozen": Frozen,
    "pair": Pair,
    "list": lambda image, label: Many([image, label]),
    "user list": lambda image, label: UserList([image, label]),
    "deque": lambda image, label: deque([image, label]),
    "beside empty ones": lambda image, label: (image, label, {}, ()),
    "deep": lambda image, label: {"data": UserDict(image=image), "more": [deque([1, 2])], "label": label},
}


def contents(batch):
    if isinstance(batch, dict) and "data" in batch:
        return batch["data"]["image"], batch["label"]
    if isinstance(batch, (list, UserList, deque)) or type(batch) is tuple:
        image, label, *more = batch
        assert more in ([], [{}, ()], [{}, []])  # as default_collate makes lists
        return image, label
    if isinstance(batch, (dict, UserDict)):
        return batch["image"], batch["label"]
    return batch.image, batch.label


@mixes
@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_are_opened_and_rebuilt_as_what_they_were(make, container):
    batch = CONTAINERS[container](IMAGES, LABELS)
    mix = make(num_classes=CLASSES)
    draw = mix.draw(IMAGES)
    out = mix(batch, draw=draw)
    images, targets = contents(out)
    wanted = mix(IMAGES, LABELS, draw=draw)
    assert type(out) is type(batch)
    assert torch.equal(images, wanted[0])
    assert torch.equal(targets, wanted[1])
    assert contents(batch) == (IMAGES, LABELS) or all(
        a is b for a, b in zip(contents(batch), (IMAGES, LABELS), strict=True)
    )
    if container == "deep":
        assert out["more"] is batch["more"]


@pytest.mark.parametrize("container", [name for name in CONTAINERS if name not in ("record", "frozen")])
def test_samples_in_such_containers(container):
    samples = [CONTAINERS[container](image, int(label)) for image, label in zip(IMAGES, LABELS, strict=True)]
    mix = cutmix(num_classes=CLASSES)
    torch.manual_seed(0)
    out = MixCollate(mix)(samples)
    torch.manual_seed(0)
    wanted = MixCollate(mix)([(image, int(label)) for image, label in zip(IMAGES, LABELS, strict=True)])
    images, targets = contents(out)
    assert torch.equal(images, wanted[0])
    assert torch.equal(targets, wanted[1])
    one = MixDataset(samples, mix)[0]
    assert type(one) is type(samples[0])


class Swapped(Pair):
    def __new__(cls, label, image):
        return super().__new__(cls, image, label)


class Scaled(Pair):
    def __new__(cls, image, label):
        return super().__new__(cls, image / 255, label)


class Keywords(tuple):
    __slots__ = ()

    def __new__(cls, *, image, label):
        return super().__new__(cls, (image, label))


@pytest.mark.parametrize(
    "batch",
    [
        Swapped(LABELS, IMAGES),
        Scaled(255 * IMAGES, LABELS),
        Keywords(image=IMAGES, label=LABELS),
        torch.return_types.max((IMAGES, LABELS)),
    ],
    ids=["swapped", "scaled", "keywords", "torch"],
)
def test_tuples_are_rebuilt_without_a_constructor_of_their_own(batch):
    if hasattr(batch, "__dict__"):
        batch.note = "kept"
    for p in (0, 1):
        out = cutmix(num_classes=CLASSES, p=p)(batch)
        assert type(out) is type(batch)
        assert getattr(out, "note", None) == getattr(batch, "note", None)
        torch.testing.assert_close(out[0].mean((0, 2, 3)), batch[0].mean((0, 2, 3)))
        assert out[1].shape == (len(LABELS), CLASSES)


@pytest.mark.parametrize("transform", [RandomCutMix(num_classes=CLASSES), RandomCutout()], ids=["mix", "cutout"])
def test_a_container_that_cannot_be_rebuilt_is_found_before_anything_is_drawn(transform):
    with says(TypeError, ["containers", "mappingproxy"]):
        transform(MappingProxyType({"image": IMAGES, "label": LABELS}))


def test_boxes_in_any_container_follow_the_image():
    boxes = tv_tensors.BoundingBoxes([[0, 0, WIDTH, HEIGHT]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    samples = [
        UserDict(image=image, target=UserDict(boxes=boxes, labels=torch.tensor([i]))) for i, image in enumerate(IMAGES)
    ]
    for sample in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(samples):
        assert isinstance(sample["target"], UserDict)
        assert len(sample["target"]["boxes"]) == len(sample["target"]["labels"]) == 2


@pytest.mark.parametrize(
    "leaf",
    [
        np.datetime64("2020-01-01"),
        2**70,
        np.bytes_(b"a"),
        np.arange(5)[::-1],
        np.arange(5, dtype=">i4"),
        np.longdouble(3),
        np.zeros(2, dtype=[("a", "i4")]),
    ],
    ids=str,
)
def test_leaves_of_any_kind_pass_through(leaf):
    samples = [{"image": image, "label": int(label), "z": leaf} for image, label in zip(IMAGES, LABELS, strict=True)]
    mix = RandomCutMix(num_classes=CLASSES)
    assert MixDataset(samples, mix)[0]["z"] is leaf
    assert MixCollate(mix, collate_fn=list)(samples)[1]["z"] is leaf
    assert mix({"image": IMAGES, "label": LABELS, "z": leaf})["z"] is leaf


class Triple(tuple):
    """A tuple with a type of its own, but without names."""


def test_of_a_tuple_of_any_type_only_what_changed_is_new():
    box = tv_tensors.BoundingBoxes([[1, 2, 5, 9]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    samples = [Triple((IMAGES[i], {"boxes": box}, f"name {i}")) for i in range(2)]
    for i, mixed in enumerate(MixCollate(RandomMixUp(), collate_fn=list)(samples)):
        assert type(mixed) is Triple
        assert mixed[1].keys() == {"boxes", "weights"}
        assert mixed[2] == f"name {i}"


class Wrapped(MutableMapping):
    """A mapping that holds its items in a dictionary, which a shallow copy has in common with it."""

    def __init__(self, items):
        self.items_of_it = items

    def __getitem__(self, key):
        return self.items_of_it[key]

    def __setitem__(self, key, value):
        self.items_of_it[key] = value

    def __delitem__(self, key):
        del self.items_of_it[key]

    def __iter__(self):
        return iter(self.items_of_it)

    def __len__(self):
        return len(self.items_of_it)


@mixes
def test_a_mapping_around_a_dictionary_is_not_changed(make):
    batch = Wrapped({"image": IMAGES, "label": LABELS, "note": object()})
    mix = make(num_classes=CLASSES)
    with says(ValueError, ["[0, num_classes=2)"]):
        make(num_classes=2)(batch)
    out = mix(batch)
    assert type(out) is Wrapped
    assert out["label"].shape == (len(IMAGES), CLASSES)
    assert out["note"] is batch["note"]
    samples = [Wrapped({"image": image, "label": int(label)}) for image, label in zip(IMAGES, LABELS, strict=True)]
    before = [dict(sample) for sample in samples]
    MixCollate(mix, collate_fn=list)(samples)
    assert MixDataset(samples, mix)[0]["label"].shape == (CLASSES,)
    assert batch["image"] is IMAGES
    assert batch["label"] is LABELS
    assert all(sample[key] is one[key] for sample, one in zip(samples, before, strict=True) for key in one)
