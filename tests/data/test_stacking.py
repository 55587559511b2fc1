"""The batch that is written once: the same bits as mixing afterwards."""

import copy
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from support.batches import IMAGES, LABELS
from support.collating import both_ways, pictures, same
from support.helpers import FLOATS, HEIGHT, INTEGERS, WIDTH, says
from support.mixes import mixes_of, over
from support.oracles import constant_images
from torch.utils._pytree import tree_leaves
from torch.utils.data import default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    MixCollate,
    MixedTarget,
    RandomCutMix,
    RandomMixUp,
)
from cutmix_transforms._data import _stacking

MIXES = mixes_of(
    "cutmix", "cutmix_blended", "cutmix_sometimes", "mixup", "mixup_sometimes", "mixup_off", "choice", num_classes=5
) | mixes_of("cutmix_pair")
mixes = over(MIXES)
each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
sizes = pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (8 * HEIGHT, 8 * WIDTH)], ids=["small", "large"])


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

    monkeypatch.setattr(_stacking, "write_mixed", spy)
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


def test_unequal_sizes_are_named():
    samples = [(torch.rand(3, 17, 11), 0), (torch.rand(3, 17, 12), 1)]
    with pytest.raises(ValueError, match=re.escape("got (3, 17, 11), (3, 17, 12); resize")):
        MixCollate(RandomCutMix(num_classes=5))(samples)


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


SAMPLE = (IMAGES[0], 3)


def test_a_parameter_is_a_tensor_among_others():
    samples = [(IMAGES[0], 0), (torch.nn.Parameter(IMAGES[1], requires_grad=False), 1)]
    images, _ = MixCollate(RandomMixUp(num_classes=2, p=0))(samples)
    assert torch.equal(images, IMAGES[:2])


def test_stacking_nothing():
    with says(ValueError, ["samples", "must not be empty", "[]"]):
        MixCollate(v2.Identity())([])


@pytest.mark.parametrize("transform", [RandomCutMix(num_classes=5), v2.Identity()], ids=["mix", "another"])
@pytest.mark.parametrize(
    ("samples", "kind", "words"),
    [
        ([SAMPLE, SAMPLE[:1]], ValueError, ["(Tensor, int) at index 0", "(Tensor) at index 1"]),
        ([SAMPLE, SAMPLE[0]], ValueError, ["(Tensor, int) at index 0", "Tensor at index 1"]),
        ([SAMPLE, SAMPLE, (IMAGES[0], "cat")], ValueError, ["(Tensor, int) at index 0", "(Tensor, str) at index 2"]),
        ([SAMPLE, (IMAGES[0], None)], ValueError, ["(Tensor, int) at index 0", "(Tensor, NoneType) at index 1"]),
        ([SAMPLE, {"image": IMAGES[0], "label": 3}], ValueError, ["(Tensor, int)", "{'image': Tensor, 'label': int}"]),
        ([{"a": 1, "b": 2}, {"a": 1, "c": 2}], ValueError, ["{'a': int, 'b': int}", "{'a': int, 'c': int} at index 1"]),
        ([(IMAGES[0], [0, 1]), (IMAGES[1], [0])], ValueError, ["(Tensor, (int, int))", "(Tensor, (int)) at index 1"]),
        ([(IMAGES[0], None)] * 2, TypeError, ["samples must hold tensors", "(Tensor, NoneType)"]),
        ([(IMAGES[0], None)], TypeError, ["samples must hold tensors", "(Tensor, NoneType)"]),
        ([(IMAGES[0], object())] * 2, TypeError, ["samples must hold tensors", "(Tensor, object)"]),
        ([(IMAGES[0], LABELS[:1]), (IMAGES[1], LABELS[:2])], ValueError, ["same shape", "(1,), (2,)"]),
    ],
)
def test_stacking_samples_of_several_forms(transform, samples, kind, words):
    with says(kind, ["must", "stacked", *words]):
        MixCollate(transform)(samples)


@dataclass
class Noted:
    image: torch.Tensor
    label: int
    notes: dict


def test_notes_with_other_keys_inside_an_object_are_not_lost():
    samples = [Noted(IMAGES[0], 0, {"a": 1}), Noted(IMAGES[1], 1, {"a": 1, "b": 2, "c": 3})]
    for order in (samples, samples[::-1]):
        with says(ValueError, ["same keys", "['b', 'c']", "index 0 and 1"]):
            MixCollate(RandomCutMix(num_classes=5))(order)
