"""What all transforms promise, run over all of them: this file cuts across their modules on purpose."""

import copy
import pickle
import random
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from support.helpers import FLOATS, HEIGHT, INTEGERS, WIDTH
from support.mixes import mixes_of, over
from torch import nn
from torch.utils._pytree import tree_leaves
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    MixDraw,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
    functional,
)


class Sample(NamedTuple):
    image: Any
    label: Any


MIXES = mixes_of("cutmix", "cutmix_inner", "mixup", "choice", num_classes=5)
ALL = MIXES | {
    "cutout": RandomCutout,
    "cutout_noise": lambda **options: RandomCutout((2, 9), holes=3, fill="random", **options),
}
mixes = over(MIXES)
transforms = pytest.mark.parametrize("make", ALL.values(), ids=ALL)
per_sample = pytest.mark.parametrize("options", [{}, {"per_sample": True}], ids=["per_batch", "per_sample"])


@transforms
def test_inputs_are_not_changed(make, images, labels):
    before = images.clone(), labels.clone()
    for _ in range(5):
        out = make()(images, labels)
        assert torch.equal(images, before[0])
        assert torch.equal(labels, before[1])
        assert out[0].data_ptr() != images.data_ptr()


@transforms
@pytest.mark.parametrize(
    "dtype",
    FLOATS + INTEGERS,
    ids=str,
)
def test_dtype_shape_and_device_are_kept(make, dtype, labels):
    images = (torch.rand(6, 3, HEIGHT, WIDTH) * 100).to(dtype)
    out, _ = make()(images, labels)
    assert out.dtype == dtype
    assert out.shape == images.shape
    assert out.device == images.device
    assert not torch.equal(out, images)


@transforms
def test_memory_format_is_kept(make, images, labels):
    out, _ = make()(images.contiguous(memory_format=torch.channels_last), labels)
    assert out.is_contiguous(memory_format=torch.channels_last)


@transforms
@pytest.mark.parametrize("kind", [tv_tensors.Image, tv_tensors.Video, torch.Tensor], ids=lambda kind: kind.__name__)
def test_types_are_kept(make, kind, labels):
    shape = (6, 2, 3, HEIGHT, WIDTH) if kind is tv_tensors.Video else (6, 3, HEIGHT, WIDTH)
    out, _ = make()(torch.rand(shape).as_subclass(kind), labels)
    assert type(out) is kind
    assert out.shape == shape


@transforms
def test_videos_are_changed_alike_in_every_frame(make, labels):
    """Frames that are equal before are equal after, but for noise."""
    if make is ALL["cutout_noise"]:
        make = RandomCutout
    video = torch.rand(6, 1, 3, HEIGHT, WIDTH).expand(6, 4, 3, HEIGHT, WIDTH)
    out, _ = make()(video, labels)
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert not torch.equal(out, video)


@transforms
def test_gradients_flow(make, images, labels):
    images.requires_grad_()
    out, _ = make()(images, labels)
    out.sum().backward()
    assert images.grad is not None


@mixes
def test_call_forms_and_containers(make, images, labels):
    """The same draw, however images and labels are handed over; containers come back as they were."""
    mix = make()
    draw = mix.draw(images)
    wanted_images, wanted = mix(images, labels, draw=draw)
    name = object()
    forms = [
        (images, labels),
        [images, labels],
        Sample(images, labels),
        {"image": images, "label": labels, "name": name},
        OrderedDict(Labels=labels, image=images),
        {"TARGET": labels, "image": images},
        (images, {"labels": labels, "name": name}),
        [tv_tensors.Image(images), {"id": torch.arange(6), "targets": labels}],
        {"index": torch.arange(6), "image": images, "target": labels, "boxes": [1, 2]},
    ]
    for form in forms:
        out = mix(form, draw=draw)
        assert type(out) is type(form)
        leaves, before = tree_leaves(out), tree_leaves(form)
        assert sum(torch.equal(x, wanted_images) for x in leaves if isinstance(x, torch.Tensor) and x.ndim == 4) == 1
        assert sum(torch.equal(x, wanted) for x in leaves if isinstance(x, torch.Tensor) and x.ndim == 2) == 1
        assert sum(x is y for x, y in zip(leaves, before, strict=True)) == len(leaves) - 2
    assert isinstance(mix(images, labels), tuple)


@mixes
def test_everything_else_is_the_identical_object(make, images, labels):
    extra, name = torch.rand(6, 3, 5), ["a"]
    _, _, got, (same, count, nothing) = make()(images, labels, extra, (name[0], 7, None))
    assert got is extra
    assert (same, count, nothing) == ("a", 7, None)


@mixes
@pytest.mark.parametrize(
    "getter", ["y", 1, -1, lambda inputs: inputs["y"]], ids=["key", "index", "negative", "callable"]
)
def test_labels_getter(make, getter, images, labels):
    children = {"labels_getter": getter}
    mix = make(**children)
    form = (images, labels) if isinstance(getter, int) else {"labels": labels.clone(), "x": images, "y": labels}
    out = mix(form)
    leaves = tree_leaves(out)
    assert leaves[-1].shape == (6, 5)
    if isinstance(form, dict):
        assert out["labels"] is form["labels"]


@mixes
def test_no_labels(make, images, labels):
    options = {"labels_getter": None}
    mix = make(**options)
    out = mix(images)
    assert isinstance(out, torch.Tensor)
    assert not torch.equal(out, images)
    assert mix(images, labels)[1] is labels


@mixes
def test_key_in_the_mapping_that_is_the_second_argument(make, images, labels):
    for options in ({"labels_getter": "y"}, {"labels_getter": lambda inputs: inputs[1]["y"]}):
        mix = make(**options)
        _, out = mix(images, {"labels": labels, "y": labels})
        assert out["y"].shape == (6, 5)
        assert out["labels"] is labels
    named = RandomCutMix(num_classes=5, labels_getter="label")
    assert named(Sample(images, labels)).label.shape == (6, 5)


@mixes
def test_label_weight_is_not_taken_for_the_label(make, images, labels):
    """torchvision takes the first key that contains "label"."""
    weight = torch.rand(6)
    out = make()({"label_weight": weight, "image": images, "label": labels})
    assert out["label_weight"] is weight
    assert out["label"].shape == (6, 5)


@mixes
def test_labels_before_images(make, images, labels):
    """torchvision takes the first tensor for the image, even where it is the label."""
    out = make()(OrderedDict(label=labels, image=images))
    assert not torch.equal(out["image"], images)
    assert out["label"].shape == (6, 5)


@mixes
def test_one_tensor_in_two_places(make, images, labels):
    out = make()({"image": images, "label": labels, "copy": labels})
    assert out["label"].shape == (6, 5)
    assert out["copy"] is labels
    rows = torch.rand(6, 5)
    features, target = RandomMixUp()(rows, rows)
    torch.testing.assert_close(features, target)
    assert features is not rows


@mixes
def test_several_images_follow_one_draw(make, images, labels):
    image, depth = tv_tensors.Image(images), tv_tensors.Image(images[:, :1] + 1)
    out = make()({"rgb": image, "depth": depth, "label": labels})
    torch.testing.assert_close(out["rgb"][:, :1] + 1, out["depth"].as_subclass(torch.Tensor))


@mixes
@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_mix(make, count, images, labels):
    mix = make()
    out, targets = mix(images[:count], labels[:count])
    assert torch.equal(out, images[:count])
    assert targets.shape == (count, 5)
    draw = mix.draw(images[:count])
    assert draw.lam.tolist() == [1.0] * count
    assert draw.boxes.shape == (count, 4)
    assert draw.partners.shape == (count,)
    again, _ = mix(images[:count], labels[:count], draw=draw)
    assert torch.equal(again, images[:count])


@mixes
@per_sample
def test_draw_is_what_a_call_does(make, options, images, labels):
    mix = make(**options)
    for _ in range(5):
        draw = mix.draw(images)
        assert isinstance(draw, MixDraw)
        assert draw.partners.shape == draw.lam.shape == draw.opacity.shape == (6,)
        assert draw.boxes.shape == (6, 4)
        assert (draw.partners.dtype, draw.lam.dtype, draw.boxes.dtype) == (torch.int64, torch.float32, torch.int64)
        assert draw.size == (HEIGHT, WIDTH)
        assert all(field.is_contiguous() for field in draw[:3])
        mixed, targets = mix(images, labels, draw=draw)
        assert torch.equal(mixed, functional.mix_images(images, draw))
        assert torch.equal(targets, functional.mix_targets(functional.soft_targets(labels, 5), draw))


@mixes
@per_sample
def test_drawing_and_calling_use_the_same_numbers(make, options, images, labels):
    mix = make(**options)
    torch.manual_seed(5)
    draw = mix.draw(images)
    torch.manual_seed(5)
    once = mix(images, labels)
    again = mix(images, labels, draw=draw)
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])


@mixes
def test_replay_on_a_second_view_and_printing(make, images, labels):
    mix = make()
    draw = mix.draw(images)
    depth = torch.rand(6, 1, HEIGHT, WIDTH)
    assert torch.equal(mix(depth, labels, draw=draw)[0], functional.mix_images(depth, draw))
    assert "partners" in repr(draw)
    assert torch.equal(pickle.loads(pickle.dumps(draw)).boxes, draw.boxes)


@transforms
def test_generator_repeats_and_leaves_the_global_one_alone(make, images, labels):
    def run():
        transform = make(generator=torch.Generator().manual_seed(7))
        return [transform(images, labels)[0] for _ in range(3)]

    state = torch.get_rng_state()
    first, second = run(), run()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])


@transforms
def test_global_seed_repeats(make, images, labels):
    transform = make()
    torch.manual_seed(1)
    first = transform(images, labels)[0]
    second = transform(images, labels)[0]
    torch.manual_seed(1)
    assert torch.equal(transform(images, labels)[0], first)
    assert not torch.equal(first, second)


@transforms
def test_numpy_and_random_are_not_used(make, images, labels, monkeypatch):
    states = random.getstate(), np.random.get_state()[1].copy()
    make()(images, labels)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()


@mixes
def test_a_bad_call_uses_up_no_randomness(make, images, labels):
    mix = make()
    state = torch.get_rng_state()
    for bad in ((images, labels[:3]), (images, labels + 1), (images[0], labels), (images,)):
        with pytest.raises((ValueError, TypeError)):
            mix(*bad)
    assert torch.equal(torch.get_rng_state(), state)


def test_one_call_to_the_generator_for_a_draw(images, monkeypatch):
    calls = []
    uniform = torch.Tensor.uniform_
    monkeypatch.setattr(
        torch.Tensor, "uniform_", lambda *args, **options: calls.append(args) or uniform(*args, **options)
    )
    for mix in (RandomCutMix(per_sample=True), RandomMixUp()):
        calls.clear()
        mix.draw(images)
        assert len(calls) == 1


@transforms
def test_is_a_torchvision_transform_with_an_empty_state(make):
    transform = make()
    assert isinstance(transform, v2.Transform)
    assert isinstance(transform, nn.Module)
    assert transform.state_dict() == {}
    transform.load_state_dict({})


@transforms
def test_eval_leaves_pixels_alone(make, images, labels):
    transform = make().eval()
    state = torch.get_rng_state()
    out, target = transform(images, labels)
    assert out is images
    assert torch.equal(torch.get_rng_state(), state)
    assert target is labels if "RandomCutout" in repr(transform) else target.shape == (6, 5)
    if hasattr(transform, "draw"):
        draw = make().draw(images)
        assert transform(images, labels, draw=draw)[0] is images
        none = transform.draw(images)
        assert none.lam.tolist() == [1.0] * 6 if isinstance(none, MixDraw) else not none.any()
    transform.train()
    assert any(not torch.equal(transform(images, labels)[0], images) for _ in range(5))


@transforms
def test_pickle_and_deepcopy(make, images, labels):
    transform = make(generator=torch.Generator().manual_seed(4))
    transform(images, labels)  # the state has moved on from the seed
    copies = pickle.loads(pickle.dumps(transform)), copy.deepcopy(transform)
    wanted = [transform(images, labels)[0] for _ in range(2)]
    for one in copies:
        assert repr(one) == repr(transform)
        assert all(torch.equal(one(images, labels)[0], image) for image in wanted)
    copies[0].p = 0.25
    assert transform.p == 1.0


@transforms
def test_p_can_be_changed(make, images, labels):
    transform = make()
    transform.p = 0
    assert transform.p == 0
    assert transform(images, labels)[0] is images
    transform.p = 1
    assert not torch.equal(transform(images, labels)[0], images)
    with pytest.raises(ValueError, match=r"p must be a number from 0 to 1, got 1\.5"):
        transform.p = 1.5
    assert transform.p == 1


@transforms
def test_composes_with_torchvision(make, images, labels):
    steps = [
        v2.RandomHorizontalFlip(),
        make(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5] * 3, [0.2] * 3),
    ]
    out, target = v2.Compose(steps)(images, labels)
    assert out.shape == images.shape
    assert len(target) == 6
    out, _ = nn.Sequential(make())((images, labels))
    assert out.shape == images.shape
    out, _ = v2.RandomChoice([make(), make()])(images, labels)
    assert out.shape == images.shape
    assert MixedTarget._fields == ("a", "b", "lam")
