"""The batch that MixCollate writes once: the same bits as mixing afterwards, in the right memory."""

import copy
import re
from collections import OrderedDict
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from support.helpers import FLOATS, HEIGHT, INTEGERS, WIDTH
from support.oracles import constant_images
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixedTarget,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
    functional,
)
from cutmix_transforms._data import _shared_memory, _stacking

MIXES = {
    "cutmix": lambda **options: RandomCutMix(num_classes=5, **options),
    "cutmix_pair": lambda **options: RandomCutMix(target="pair", **options),
    "cutmix_blended": lambda **options: RandomCutMix(num_classes=5, opacity=(0.2, 0.9), **options),
    "cutmix_sometimes": lambda **options: RandomCutMix(num_classes=5, p=0.5, **options),
    "mixup": lambda **options: RandomMixUp(num_classes=5, **options),
    "mixup_sometimes": lambda **options: RandomMixUp(num_classes=5, p=0.5, **options),
    "choice": lambda **options: RandomMixChoice(
        [RandomCutMix(num_classes=5), RandomMixUp(num_classes=5, per_sample=True)], **options
    ),
    "off": lambda **options: RandomMixUp(num_classes=5, p=0, **options),
}
mixes = pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)
each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
sizes = pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (8 * HEIGHT, 8 * WIDTH)], ids=["small", "large"])


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


@mixes
@each
@sizes
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=str)
def test_same_bits_as_mixing_afterwards(make, per_sample, size, dtype):
    samples = [(image, i % 5) for i, image in enumerate(pictures(7, 3, *size, dtype=dtype))]
    before = copy.deepcopy(samples)
    for _ in range(5):
        assert same(*both_ways(make(per_sample=per_sample), samples))
    assert same(samples, before)


@sizes
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS], ids=str)
def test_same_bits_in_every_dtype(size, dtype):
    samples = [(image, i % 5) for i, image in enumerate(pictures(4, 2, *size, dtype=dtype))]
    for make in (MIXES["cutmix"], MIXES["mixup"], MIXES["cutmix_blended"]):
        assert same(*both_ways(make(), samples))


def test_same_bits_after_eval():
    samples = [(image, i) for i, image in enumerate(pictures(4, 3, HEIGHT, WIDTH))]
    assert same(*both_ways(RandomMixUp(num_classes=5).eval(), samples))
    assert same(*both_ways(RandomMixUp(num_classes=5), samples[:1]))


@sizes
def test_a_replayed_draw_gives_the_same_bits(size):
    """The draw of a batch is kept in Python's numbers; its rows say the same."""
    for dtype in (torch.float64, torch.float32, torch.uint8):
        images = torch.stack(pictures(5, 3, *size, dtype=dtype))
        labels = torch.eye(5, dtype=torch.float64)
        for mix in (RandomCutMix(opacity=(0.1, 0.9)), RandomMixUp(alpha=0.3)):
            for _ in range(5):
                state = torch.get_rng_state()
                draw = mix.draw(images)
                torch.set_rng_state(state)
                assert same(mix(images, labels), mix(images, labels, draw=draw))


FORMS = {
    "dict": lambda image, i: {"image": image, "label": i, "name": str(i)},
    "list": lambda image, i: [image, torch.tensor(i)],
    "numpy": lambda image, i: (image.numpy(), i),
    "transposed": lambda image, i: (image.transpose(1, 2).contiguous().transpose(1, 2), i),
    "expanded": lambda image, i: (image[:1].expand(3, -1, -1), i),
    "with_rows_of_another_size": lambda image, i: (image, {"label": i, "depth": image[0, 1:]}),
    "with_rows": lambda image, i: (image, torch.eye(5)[i]),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@sizes
def test_same_bits_in_every_form(form, size):
    samples = [form(image, i) for i, image in enumerate(pictures(5, 3, *size))]
    before = copy.deepcopy(samples)
    assert same(*both_ways(RandomCutMix(num_classes=5), samples))
    for one, other in zip(tree_leaves(samples), tree_leaves(before), strict=True):
        assert np.array_equal(one, other)


@sizes
def test_images_and_masks_are_written_once(size, monkeypatch):
    """Both kernels see memory that is the batch's own, and what is mixed is not mixed again."""
    written, write_mixed = [], _stacking.write_mixed

    def spy(out, *arguments):
        written.append(tuple(out.shape))
        write_mixed(out, *arguments)

    monkeypatch.setattr("cutmix_transforms._data._stacking.write_mixed", spy)
    masks = constant_images(6, *size, dtype=torch.uint8)
    samples = [
        {
            "image": tv_tensors.Image(image),
            "depth": tv_tensors.Image(image[:1]),
            "mask": tv_tensors.Mask(mask),
            "label": i % 5,
            "other": image[0, 1:],
        }
        for i, (image, mask) in enumerate(zip(constant_images(6, 3, *size), masks, strict=True))
    ]
    batch = MixCollate(RandomCutMix(num_classes=5))(samples)
    assert sorted(written) == sorted([(6, 3, *size), (6, 1, *size), (6, *size)])
    assert [type(batch[key]).__name__ for key in ("image", "depth", "mask", "other")] == [
        "Image",
        "Image",
        "Mask",
        "Tensor",
    ]
    assert torch.equal(batch["image"][:, :1].as_subclass(torch.Tensor), batch["depth"].as_subclass(torch.Tensor))
    assert torch.equal(batch["image"][:, 0].as_subclass(torch.Tensor), batch["mask"].float().as_subclass(torch.Tensor))
    assert torch.equal(batch["other"], constant_images(6, *size)[:, 1:])
    assert len(batch["mask"].unique()) > 1


def test_pairs_of_masks_are_mixed_afterwards():
    masks = constant_images(6, HEIGHT, WIDTH, dtype=torch.uint8)
    samples = [(torch.rand(3, HEIGHT, WIDTH), tv_tensors.Mask(mask)) for mask in masks]
    _, target = MixCollate(RandomMixUp(target="pair"))(samples)
    assert isinstance(target, MixedTarget)
    assert torch.equal(target.a.as_subclass(torch.Tensor), masks)
    assert not torch.equal(target.b.as_subclass(torch.Tensor), masks)


def test_labels_of_any_shape_are_written_for_pairs():
    samples = [(image, torch.full((2, 3), i)) for i, image in enumerate(pictures(4, 3, HEIGHT, WIDTH))]
    _, target = MixCollate(RandomCutMix(target="pair"))(samples)
    assert target.a[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert sorted(target.b[:, 0, 0].tolist()) == [0, 1, 2, 3]


@mixes
@sizes
def test_channels_last_is_kept(make, size):
    samples = [(image.permute(1, 2, 0).contiguous().permute(2, 0, 1), 0) for image in pictures(5, 3, *size)]
    state = torch.get_rng_state()
    images = MixCollate(make())(samples)[0]
    assert images.is_contiguous(memory_format=torch.channels_last)
    torch.set_rng_state(state)
    plain = MixCollate(make())([(image.contiguous(), label) for image, label in samples])[0]
    assert plain.is_contiguous()
    assert torch.equal(images, plain)
    mixed_formats = [samples[0], (samples[1][0].contiguous(), 0)]
    assert MixCollate(make())(mixed_formats)[0].is_contiguous()
    assert torch.equal(MixCollate(make())(samples[:1])[0], samples[0][0][None])


class Pictures(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        return torch.full((3, 8 * HEIGHT, 8 * WIDTH), float(i)), i % 5


def test_a_worker_writes_into_shared_memory(monkeypatch):
    """Told by the storage that is asked for, since what arrives is shared in any case."""
    asked = []
    share = torch.TypedStorage._new_shared

    def spy(storage, *arguments, **options):
        asked.append(arguments)
        return share(storage, *arguments, **options)

    def collate(samples):
        monkeypatch.setattr(torch.TypedStorage, "_new_shared", spy)
        return asked, MixCollate(RandomCutMix(num_classes=5))(samples)

    ((found, (images, _)),) = list(DataLoader(Pictures(), 8, num_workers=1, collate_fn=collate))
    assert found == [(8 * 3 * 64 * HEIGHT * WIDTH,)]
    assert images.is_shared()
    assert not MixCollate(RandomCutMix(num_classes=5))([Pictures()[i] for i in range(8)])[0].is_shared()


def test_a_worker_without_shared_memory_to_write_into(monkeypatch):
    """The batch is then moved there, or what is wrong is said: data/test_faults.py."""

    def full(*arguments, **options):
        raise RuntimeError("unable to allocate shared memory")

    def collate(samples):
        with monkeypatch.context() as context:
            context.setattr(torch.TypedStorage, "_new_shared", full)
            image = _stacking._allocate([sample[0] for sample in samples])
        return image.is_shared(), MixCollate(RandomCutMix(num_classes=5))(samples)

    (was_shared, (images, targets)), *_ = DataLoader(Pictures(), 8, num_workers=1, collate_fn=collate)
    assert not was_shared
    torch.testing.assert_close(images.mean((1, 2, 3)).sum(), torch.tensor(28.0))
    assert targets.shape == (8, 5)


@pytest.fixture
def room(monkeypatch, tmp_path):
    """This process as a worker, beside shared memory of 50 blocks of 10 bytes, of which so many are free."""

    def leave(free, blocks=50):
        found = SimpleNamespace(f_bavail=free, f_frsize=10, f_blocks=blocks)
        monkeypatch.setattr(_shared_memory.os, "statvfs", {tmp_path: found}.__getitem__)

    monkeypatch.setattr(_shared_memory, "SHARED", tmp_path)
    monkeypatch.setattr(_shared_memory, "get_worker_info", lambda: SimpleNamespace(id=0, seed=0))
    return leave


def shareable():
    """A batch of 40 bytes that are to be moved to shared memory, and of what is not."""
    part = torch.zeros(8)  # 32 bytes
    there = torch.zeros(90).share_memory_()
    return {"batch": (part[:4], tv_tensors.Image(part[4:].view(1, 2, 2))), "label": torch.zeros(1).double(),
            "there": there, "sparse": torch.eye(90).to_sparse(), "name": "x" * 90}  # fmt: skip


@pytest.mark.parametrize("ask", [_shared_memory.share, _shared_memory.check_room])
def test_what_a_worker_made_has_to_fit_into_shared_memory(ask, room):
    rule = f"shared memory ({_shared_memory.SHARED}) must have room for what a worker made"
    advice = "free: enlarge it (docker run --shm-size=...), or use fewer workers, a smaller prefetch_factor or batch"
    size = 32 if ask is _shared_memory.share else 40
    room(3)
    with pytest.raises(RuntimeError, match=re.escape(f"{rule}, {size} bytes, got 30 of 500 {advice}")):
        ask(tree_leaves(shareable()))
    for free, blocks in ((4, 50), (0, 0)):  # just enough, or without a limit
        room(free, blocks)
        batch = shareable()
        ask(tree_leaves(batch))
        moved = [leaf.as_subclass(torch.Tensor).is_shared() for leaf in (*batch["batch"], batch["label"])]
        assert moved == [ask is _shared_memory.share] * 3


def test_only_a_worker_moves_to_shared_memory(room, monkeypatch):
    room(0)
    monkeypatch.setattr(_shared_memory, "get_worker_info", lambda: None)
    batch = shareable()
    _shared_memory.share(tree_leaves(batch))
    _shared_memory.check_room(batch)
    assert not batch["label"].is_shared()


@pytest.mark.parametrize("collate_fn", [default_collate, partial(default_collate)])
def test_a_collate_function_of_ones_own_shares_by_itself(room, collate_fn):
    room(10**6)
    _, targets = MixCollate(RandomCutMix(num_classes=5), collate_fn=collate_fn)([Pictures()[i] for i in range(4)])
    assert targets.is_shared() == (collate_fn is default_collate)
    room(0)
    with pytest.raises(RuntimeError, match="shared memory"):
        MixCollate(RandomCutMix(num_classes=5), collate_fn=collate_fn)([Pictures()[i] for i in range(4)])


def test_one_sample_with_a_mask():
    sample = torch.rand(3, HEIGHT, WIDTH), tv_tensors.Mask(torch.ones(HEIGHT, WIDTH, dtype=torch.uint8))
    images, masks = MixCollate(RandomCutMix())([sample])
    assert torch.equal(images[0], sample[0])
    assert masks.shape == (1, HEIGHT, WIDTH)


def test_samples_that_cannot_wait_are_mixed_afterwards():
    """Gradients go through; complex numbers and unequal dtypes are what ``default_collate`` makes of them."""
    images = [image.requires_grad_() for image in pictures(4, 3, HEIGHT, WIDTH)]
    MixCollate(RandomMixUp(num_classes=5))([(image, 0) for image in images])[0].sum().backward()
    torch.testing.assert_close(sum(image.grad for image in images), 4 * torch.ones(3, HEIGHT, WIDTH))
    unequal = [(image.to(dtype), 0) for image, dtype in zip(pictures(2, 3, 9, 9), FLOATS[2:], strict=True)]
    assert MixCollate(RandomMixUp(num_classes=5))(unequal)[0].dtype == default_collate(unequal)[0].dtype
    waves = [(torch.randn(3, 9, 9, dtype=torch.complex64), 0) for _ in range(2)]
    assert MixCollate(RandomCutMix(num_classes=5))(waves)[0].dtype == torch.complex64


@pytest.mark.parametrize("shape", [(), (5,), (5, 7), (3, 0, 7)], ids=str)
def test_mixup_of_any_shape(shape):
    samples = [(image, i) for i, image in enumerate(pictures(4, *shape))]
    assert same(*both_ways(RandomMixUp(num_classes=5, labels_getter=1), samples))


def test_another_transform_gets_the_whole_batch():
    class Keep(nn.Module):
        def forward(self, batch):
            return batch

    samples = [(image, i) for i, image in enumerate(pictures(4, 3, HEIGHT, WIDTH))]
    assert same(MixCollate(Keep())(samples), default_collate(samples))


def test_unequal_sizes_are_named():
    samples = [(torch.rand(3, 17, 11), 0), (torch.rand(3, 17, 12), 1)]
    with pytest.raises(ValueError, match=re.escape("got (3, 17, 11), (3, 17, 12); resize")):
        MixCollate(RandomCutMix(num_classes=5))(samples)


class Depth(tv_tensors.TVTensor):
    pass


def test_maps_of_a_type_of_ones_own_go_through_their_kernel(monkeypatch):
    kernels = dict(functional._registry._MAPS)
    monkeypatch.setattr(functional._registry, "_MAPS", kernels)
    seen = []

    @functional.register_kernel(Depth)
    def mix_depth(depth, draw, others):
        seen.append(depth.clone())
        return -functional.mix_images(depth, draw, others)

    depth = constant_images(6, HEIGHT, WIDTH)
    samples = [(tv_tensors.Image(torch.rand(3, HEIGHT, WIDTH)), i % 5, Depth(one)) for i, one in enumerate(depth)]
    _, _, mixed = MixCollate(RandomMixUp(num_classes=5))(samples)
    assert type(mixed) is Depth
    assert torch.equal(seen[0], depth)  # written before the kernel looks
    assert mixed.max() <= 0
    assert mixed.min() < -1


def test_an_image_that_cannot_wait_beside_one_that_can():
    images = constant_images(6, 1, HEIGHT, WIDTH)
    samples = [
        (tv_tensors.Image(one), i % 5, tv_tensors.Image(one.clone(), requires_grad=True))
        for i, one in enumerate(images)
    ]
    first, _, second = MixCollate(RandomMixUp(num_classes=5))(samples)
    assert second.requires_grad
    assert torch.equal(first.as_subclass(torch.Tensor), second.as_subclass(torch.Tensor).detach())
    assert not torch.equal(first.as_subclass(torch.Tensor), images)


def test_what_default_collate_does_not_take_is_its_error():
    samples = [(image, i, torch.eye(3).to_sparse()) for i, image in enumerate(pictures(4, 3, HEIGHT, WIDTH))]
    with pytest.raises(RuntimeError, match="sparse tensors are not currently supported"):
        MixCollate(RandomCutMix(num_classes=4))(samples)


def test_repr_names_the_collate_function():
    mix = RandomMixUp()
    assert repr(MixCollate(mix)) == f"MixCollate({mix!r}, collate_fn=default_collate)"
    own = partial(default_collate)
    assert repr(MixCollate(mix, collate_fn=own)) == f"MixCollate({mix!r}, collate_fn={own!r})"


# --- one collate for batches of several forms -------------------------------------------------------------------------


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


def test_containers_are_those_of_default_collate():
    class Pair(NamedTuple):
        image: torch.Tensor
        rest: dict

    samples = [
        Pair(image, OrderedDict(label=i, more=[(float(i), "name"), {"deep": torch.tensor([i, i])}]))
        for i, image in enumerate(pictures(5, 3, HEIGHT, WIDTH))
    ]
    mix = RandomCutMix(num_classes=5, labels_getter=lambda sample: sample.rest["label"], p=0)
    assert same(MixCollate(mix)(samples), mix(default_collate(samples)))
    found, plain = MixCollate(mix)(samples), default_collate(samples)
    assert (type(found), type(found.rest), list(found.rest)) == (Pair, OrderedDict, ["label", "more"])
    assert [type(one) for one in found.rest["more"]] == [type(one) for one in plain.rest["more"]]
    assert found.rest["more"][0][1] == plain.rest["more"][0][1]
