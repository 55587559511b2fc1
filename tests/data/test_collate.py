"""MixCollate: what it makes of a list of samples, and what it refuses."""

import copy
import gc
import weakref
from collections import UserDict, defaultdict
from functools import partial

import numpy as np
import PIL.Image
import pytest
import torch
from support.batches import CLASSES, IMAGES, LABELS
from support.collating import pictures, same
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import BOTH, mixes_of, over
from support.oracles import constant_images
from support.samples import SAMPLES, agree, as_list, forms, image_and_target
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
    unstacked,
)


def test_unstacked_keeps_samples_apart():
    assert unstacked([("a", 1), ("b", 2), ("c", 3)]) == (("a", "b", "c"), (1, 2, 3))
    assert unstacked([]) == ()
    rows = [{"a": 1}, {"a": 2}]
    assert unstacked(rows) == tuple(rows)
    images = unstacked(list(IMAGES[:2]))  # not one tuple for each channel
    assert torch.equal(torch.stack(images), IMAGES[:2])
    with says(ValueError, ["samples", "2 item(s) at index 0 and 1 item(s) at index 2"]):
        unstacked([("a", 1), ("b", 2), ("c",)])
    with says(ValueError, ["samples", "2 item(s) at index 0 and no tuple at index 1"]):
        unstacked([("a", 1), {"b": 1, "c": 2}])


def test_another_transform_gets_the_whole_batch():
    class Keep(nn.Module):
        def forward(self, batch):
            return batch

    samples = [(image, i) for i, image in enumerate(pictures(4, 3, HEIGHT, WIDTH))]
    assert same(MixCollate(Keep())(samples), default_collate(samples))


def test_repr_names_the_collate_function():
    mix = RandomMixUp()
    assert repr(MixCollate(mix)) == f"MixCollate({mix!r}, collate_fn=default_collate)"
    own = partial(default_collate)
    assert repr(MixCollate(mix, collate_fn=own)) == f"MixCollate({mix!r}, collate_fn={own!r})"


def batches_of_several_forms():
    plain = [(image, i % 5) for i, image in enumerate(pictures(4, 3, HEIGHT, WIDTH))]
    return [
        plain,
        plain[::-1],
        [list(sample) for sample in plain],
        [{"image": image, "label": label} for image, label in plain],
        [{"image": image, "target": label} for image, label in plain],
        [{"label": label, "image": image} for image, label in plain],
        [(image, {"label": label, "id": 7}) for image, label in plain],
        [(image, {"id": 7, "label": label}) for image, label in plain],
        [(image[:1], label) for image, label in plain],
        [(image[..., :5], label) for image, label in plain],
        [((image * 255).byte(), label) for image, label in plain],
        [(image, torch.eye(5)[label]) for image, label in plain],
        [(image, torch.eye(5)[label].double()) for image, label in plain],
        [(tv_tensors.Image(image), label) for image, label in plain],
        [(tv_tensors.Video(image.expand(2, *image.shape)), label) for image, label in plain],
        [(image.numpy(), label) for image, label in plain],
        [(image, label, str(label)) for image, label in plain],
        [(image, np.int64(label), [str(label)]) for image, label in plain],
        plain[:1],
        plain,
    ]


def test_what_the_last_batch_was_plays_no_part():
    """The structure of a batch is read once and kept, but only for samples of the same form."""
    mix = RandomCutMix(num_classes=5)
    kept = MixCollate(mix)
    for _ in range(2):
        for samples in batches_of_several_forms():
            state = torch.get_rng_state()
            found = kept(samples)
            torch.set_rng_state(state)
            assert same(found, MixCollate(mix)(samples))
            assert type(found) is type(default_collate(samples))


def test_a_number_beside_a_video_is_no_label_of_a_batch():
    with says(ValueError, ["same shape", "(), (2, 3, 9, 7)"]):
        MixCollate(RandomCutMix())([torch.zeros(2, 3, 9, 7), torch.tensor(3)])


def test_maps_of_integers_after_maps_of_floats_are_read_anew():
    """MixUp blends floats such as depths, and no class indices."""
    collate = MixCollate(RandomMixUp())
    floats = [(torch.rand(3, 9, 7), torch.rand(9, 7)) for _ in range(3)]
    collate(floats)
    with says(ValueError, ["target", "'pair'", "mask"]):
        collate([(image, depth.long()) for image, depth in floats])


def test_the_mix_may_change_between_batches():
    samples = [
        {"image": image, "label": i, "other": (i + 1) % 5} for i, image in enumerate(constant_images(5, 3, 9, 7))
    ]
    collate = MixCollate(RandomMixUp(num_classes=5, p=0))
    assert torch.equal(collate(samples)["label"], torch.eye(5))
    collate.transform = RandomMixUp(num_classes=5, p=0, labels_getter="other")
    assert torch.equal(collate(samples)["other"], torch.eye(5).roll(1, 1))
    collate.transform = RandomMixUp(num_classes=5, p=0, labels_getter=lambda batch: batch["label"])
    assert torch.equal(collate(samples)["label"], torch.eye(5))
    collate.transform = RandomMixUp(target="pair", p=0)
    assert isinstance(collate(samples)["label"], MixedTarget)
    assert isinstance(copy.deepcopy(collate)(samples)["label"], MixedTarget)


def test_collate_functions_that_do_not_stack():
    """As in the examples of transformers; a mix comes after them."""
    samples = [{"pixel_values": image, "labels": int(label)} for image, label in zip(IMAGES, LABELS, strict=True)]

    def of_an_example(some):
        pixels = torch.stack([sample["pixel_values"] for sample in some])
        return {"pixel_values": pixels, "labels": torch.tensor([sample["labels"] for sample in some])}

    for options in ({"num_classes": CLASSES}, {"target": "pair"}):
        mix = RandomCutMix(**options)
        with pytest.raises(TypeError, match=r"must stack the targets.*mix\(your_collate"):
            MixCollate(mix, collate_fn=of_an_example)(samples)
        assert mix(of_an_example(samples))["pixel_values"].shape == IMAGES.shape


def test_a_nest_of_another_form_is_read_anew():
    collate = MixCollate(RandomCutMix(p=0, labels_getter=None))
    inner = [((IMAGES[i], i), i + 4) for i in range(2)]
    outer = [(IMAGES[i], (i, i + 4)) for i in range(2)]
    assert [type(one) for one in collate(inner)] == [list, torch.Tensor]
    assert [type(one) for one in collate(outer)] == [torch.Tensor, list]


def test_nothing_of_a_batch_is_kept():
    sample = (torch.rand(3, 9, 7), 1)
    collate = MixCollate(RandomCutMix(num_classes=2))
    collate([sample] * 3)
    kept = weakref.ref(sample[0])
    del sample
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("make", BOTH)
def test_collating_what_cannot_be_stacked(make):
    collate = MixCollate(make(num_classes=5))
    rule = "samples must hold tensors, arrays, numbers, strings, dictionaries or sequences to be stacked"
    with says(TypeError, [f"{rule}, got (Tensor, int, object)"]):
        collate([(IMAGES[0], 0, object()), (IMAGES[1], 1, object())])
    with says(
        ValueError,
        ["(3, 17, 11)", "(3, 17, 9)", "resize them, or keep samples apart with MixCollate(mix, collate_fn=unstacked)"],
    ):
        collate([(IMAGES[0], 0), (IMAGES[1, ..., :9], 1)])
    with says(ValueError, ["samples", "all complex or all real", "torch.complex64", "torch.float32"]):
        collate([(IMAGES[0], 0), (IMAGES[1] + 0j, 1)])
    picture = PIL.Image.new("RGB", (4, 4))
    with says(TypeError, ["v2.ToImage()", "PIL"]):
        collate([(picture, 0), (picture, 1)])
    with says(TypeError, ["v2.ToImage()", "PIL"]):
        MixDataset([(picture, 0)] * 2, make(num_classes=5))[0]


SAMPLE = (IMAGES[0], 3)
NO_LIST = [(None, "NoneType"), (3, "int: 3"), ("ab", "'ab'"), (iter([SAMPLE]), "list_iterator"), ({0: SAMPLE}, "dict")]


def test_bad_arguments():
    mix = RandomCutMix(num_classes=5)
    with says(TypeError, ["transform", "callable", "3"]):
        MixCollate(3)
    with says(TypeError, ["transform", "RandomMixChoice([...])", "list"]):
        MixCollate([mix, mix])
    with says(TypeError, ["transform", "instance", "class", "RandomCutMix"]):
        MixCollate(RandomCutMix)
    with says(TypeError, ["transform"]):
        MixCollate()
    with says(TypeError, ["positional"]):
        MixCollate(mix, list)
    with says(TypeError, ["collate_fn", "callable", "None"]):
        MixCollate(mix, collate_fn=None)
    with says(TypeError, ["collate_fn", "callable", "'stack'"]):
        MixCollate(mix, collate_fn="stack")
    with says(ValueError, ["labels", "[0, num_classes=5)", "7"]):
        MixCollate(mix)([(IMAGES[0], 7)] * 2)


@pytest.mark.parametrize("make", [MixCollate, lambda mix: MixCollate(mix, collate_fn=list)], ids=["default", "own"])
def test_collating_what_is_no_list_of_samples(make):
    collate = make(RandomCutMix(num_classes=5))
    for samples, name in [*NO_LIST, (IMAGES, "float32 of shape (6, 3, 17, 11)")]:
        with says(TypeError, ["samples", "list", name]):
            collate(samples)
    for samples in ([], ()):
        with says(ValueError, ["samples", "must not be empty", str(samples)]):
            collate(samples)
    with says(TypeError, ["positional"]):
        collate([SAMPLE], 1)


MIXES = mixes_of(num_classes=6)
mixes = over(MIXES)


@mixes
@forms
def test_collate_makes_what_default_collate_makes_and_mixes_it(make, samples):
    plain, batch = default_collate(samples), MixCollate(make())(samples)
    assert type(batch) is type(plain)
    images, targets = image_and_target(batch)
    assert images.shape == (6, 3, HEIGHT, WIDTH)
    assert targets.shape == (6, 6)
    for image, target in zip(images, targets, strict=True):
        agree(image, target)
    if isinstance(batch, dict):
        assert batch["name"] == [str(i) for i in range(6)]


def test_plain_call_and_collate_agree():
    for make in MIXES.values():
        generators = [torch.Generator().manual_seed(5) for _ in range(2)]
        images, targets = MixCollate(make(generator=generators[0]))(SAMPLES["tuple"])
        wanted = make(generator=generators[1])(*default_collate(SAMPLES["tuple"]))
        assert torch.equal(images, wanted[0])
        assert torch.equal(targets, wanted[1])


def test_other_transforms_get_the_collated_batch():
    steps = v2.Compose([RandomCutMix(num_classes=6), v2.ToDtype(torch.float16), v2.Normalize([0.5] * 3, [0.5] * 3)])
    images, targets = MixCollate(steps)(SAMPLES["tuple"])
    assert images.dtype == torch.float16
    assert targets.shape == (6, 6)
    holes, labels = MixCollate(RandomCutout(3))([(torch.ones(3, HEIGHT, WIDTH), i) for i in range(6)])
    assert (holes == 0).any((1, 2, 3)).all()
    assert labels.tolist() == list(range(6))
    seen = MixCollate(lambda batch: ("seen", batch), collate_fn=as_list)(SAMPLES["tuple"])
    assert seen[1] is SAMPLES["tuple"]


def test_repr_of_collate():
    assert repr(MixCollate(RandomMixUp(), collate_fn=as_list)).startswith("MixCollate(RandomMixUp(alpha=1.0")
    assert repr(MixCollate(RandomMixUp(), collate_fn=as_list)).endswith("collate_fn=as_list)")


@pytest.mark.parametrize("empty", [dict, list], ids=["dict", "list"])
def test_empty_containers_are_new_in_every_batch(empty):
    """What the user writes into one batch is not in the next one, nor is any batch lost."""
    samples = [{"image": torch.rand(3, HEIGHT, WIDTH), "label": i % 4, "notes": empty()} for i in range(12)]
    loader, count = DataLoader(samples, 4, collate_fn=MixCollate(RandomCutMix(num_classes=4))), 0
    for batch in loader:
        assert batch["notes"] == empty()
        batch["notes"].update(seen=1) if empty is dict else batch["notes"].append(1)
        count += 1
    assert count == 3


def test_the_state_of_containers_is_that_of_their_batch():
    collate = MixCollate(RandomCutMix(num_classes=4))
    for factory in (int, str):
        samples = [defaultdict(factory, image=torch.rand(3, HEIGHT, WIDTH), label=i) for i in range(4)]
        assert collate(samples).default_factory is factory


class _Listed(list):
    """What some datasets return."""


def test_a_subclass_of_list_stays_one():
    samples = [_Listed([torch.rand(3, HEIGHT, WIDTH), i]) for i in range(4)]
    assert type(MixCollate(RandomCutMix(num_classes=4))(samples)) is _Listed


def test_other_transforms_get_tensors_in_containers_of_any_kind():
    samples = [UserDict(image=torch.rand(3, HEIGHT, WIDTH), label=i) for i in range(4)]
    batch = MixCollate(lambda batch: batch)(samples)
    assert type(batch) is UserDict
    assert torch.equal(batch["image"], torch.stack([sample["image"] for sample in samples]))
    composed = MixCollate(v2.Compose([RandomCutMix(num_classes=4)]))(samples)
    assert composed["label"].shape == (4, 4)


@pytest.mark.parametrize("dims", [2, 3])
def test_unlabeled_samples_of_four_axes_are_no_batch(dims):
    """Volumes and videos, each a plain tensor."""
    samples = [torch.full((4, 2, HEIGHT, WIDTH), float(i)) for i in range(4)]
    batch = MixCollate(RandomCutMix(dims=dims, labels_getter=None))(samples)
    assert batch.shape == (4, 4, 2, HEIGHT, WIDTH)
