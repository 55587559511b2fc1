"""Kernels of types of one's own."""

import pytest
import torch
from support.arguments import IMAGES, Depth
from support.helpers import HEIGHT, WIDTH, rows_of, says
from support.oracles import constant_images
from support.scenes import make_samples, named
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixedTarget,
    RandomCutMix,
    RandomMixUp,
    functional,
)
from cutmix_transforms import functional as F
from cutmix_transforms.functional import (
    mix_images,
    register_instance_kernel,
    register_kernel,
)
from cutmix_transforms.functional._registry import _INSTANCES, _MAPS


def test_a_kernel_of_ones_own():
    class Depth(tv_tensors.TVTensor):
        pass

    class Heights(tv_tensors.TVTensor):
        pass

    try:

        @register_kernel(Depth)
        def mix_depth(depth, draw, others):
            covered = draw.opacity[:, None, None] * (1 - draw.lam[:, None, None])
            return depth * (1 - covered) + others[draw.partners] * covered

        @register_instance_kernel(Heights)
        def measure(heights, view):
            return heights + (1 if view.inside else 0), None

        depth = Depth(torch.arange(4.0)[:, None, None].expand(4, HEIGHT, WIDTH).clone())
        images = torch.rand(4, 3, HEIGHT, WIDTH)
        mix = RandomCutMix(labels_getter=None)
        draw = mix.draw(images)
        _, mixed = mix(images, depth, draw=draw)
        assert type(mixed) is Depth
        wanted = torch.arange(4.0) * draw.lam + draw.partners * (1 - draw.lam)
        torch.testing.assert_close(mixed.mean((1, 2)).as_subclass(torch.Tensor), wanted)

        samples = make_samples([(HEIGHT, WIDTH)] * 2, [2, 2])
        for i, (_, target) in enumerate(samples):
            target["heights"] = Heights(torch.full((2,), 10 * i))
        for _, target in MixCollate(RandomCutMix(labels_getter=named), collate_fn=list)(samples):
            assert type(target["heights"]) is Heights
            told = {0: {0, 1}, 1: {10, 11}}
            for label, height in zip(target["labels"].tolist(), target["heights"].tolist(), strict=True):
                assert height in told[label // 1000]
    finally:
        _MAPS.pop(Depth, None)
        _INSTANCES.pop(Heights, None)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32], ids=str)
@pytest.mark.parametrize("categorical", [False, True])
def test_classes_of_a_kernel_of_ones_own_are_not_blended(categorical, dtype):
    class Zones(tv_tensors.TVTensor):
        pass

    try:
        register_kernel(Zones, categorical=categorical)(mix_images)
        zones = Zones(torch.arange(4).to(dtype)[:, None, None].expand(4, HEIGHT, WIDTH).clone())
        if categorical:
            with pytest.raises(ValueError, match="target must be 'pair'"):
                RandomMixUp(labels_getter=None)(torch.rand(4, 3, HEIGHT, WIDTH), zones)
        pair = RandomMixUp(labels_getter=None, target="pair")(torch.rand(4, 3, HEIGHT, WIDTH), zones)[1]
        assert isinstance(pair, MixedTarget) == categorical
    finally:
        _MAPS.pop(Zones, None)


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


BAD_CALLS = {
    "register_kernel": [
        (F.register_kernel, TypeError, ["cls"]),
        (lambda: F.register_kernel("Depth"), TypeError, ["cls", "tv_tensor", "'Depth'"]),
        (lambda: F.register_kernel(torch.Tensor), TypeError, ["cls", "tv_tensor", "torch.Tensor"]),
        (lambda: F.register_kernel(Depth(IMAGES)), TypeError, ["cls", "type", "Depth"]),
        (lambda: F.register_kernel(Depth, True), TypeError, ["positional"]),
        (lambda: F.register_kernel(Depth, categorical="no"), TypeError, ["categorical", "True or False", "'no'"]),
        (lambda: F.register_kernel(Depth)(None), TypeError, ["function", "callable", "None"]),
    ],
    "register_instance_kernel": [
        (lambda: F.register_instance_kernel(int), TypeError, ["cls", "tv_tensor", "int"]),
        (lambda: F.register_instance_kernel(None), TypeError, ["cls", "tv_tensor", "None"]),
        (lambda: F.register_instance_kernel(Depth)(3), TypeError, ["function", "callable", "3"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
