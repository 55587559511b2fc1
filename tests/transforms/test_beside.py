"""Semantic masks and other maps beside the images: pixel by pixel the same as the images."""

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.oracles import constant_images
from torch import nn
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedLoss,
    MixedTarget,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
)

IGNORE = 255


def make_masks(count, *middle, dtype=torch.uint8):
    """The mask of sample ``j`` is ``j`` but for a column that is ignored."""
    masks = constant_images(count, *middle, HEIGHT, WIDTH, dtype=dtype).clone()
    masks[..., 3] = IGNORE
    return tv_tensors.Mask(masks)


@pytest.mark.parametrize("middle", [(), (1,)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_cutmix_pastes_masks_with_the_box_of_the_image(middle, dtype):
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6, *middle, dtype=dtype)
    before = masks.clone()
    mix = RandomCutMix(per_sample=True)
    for _ in range(20):
        mixed, new = mix(images, masks)
        assert type(new) is tv_tensors.Mask
        assert new.dtype == dtype
        assert new.shape == masks.shape
        told = mixed[:, 0].to(dtype)
        told[..., 3] = IGNORE
        assert torch.equal(new.reshape(told.shape).as_subclass(torch.Tensor), told)
    assert torch.equal(masks, before)
    assert bool((mixed != images).any())


def test_several_masks_and_images_and_class_labels_agree():
    batch = {
        "image": tv_tensors.Image(constant_images(6, 3, HEIGHT, WIDTH)),
        "infrared": tv_tensors.Image(constant_images(6, 1, HEIGHT, WIDTH, dtype=torch.uint8)),
        "mask": tv_tensors.Mask(constant_images(6, HEIGHT, WIDTH, dtype=torch.int64)),
        "edges": tv_tensors.Mask(constant_images(6, 2, HEIGHT, WIDTH, dtype=torch.uint8)),
        "label": torch.arange(6),
    }
    for place in (RandomCutMix(num_classes=6), lambda b: MixCollate(RandomCutMix(num_classes=6))(split(b))):
        out = place(batch)
        told = out["image"][:, 0]
        for name in ("infrared", "mask", "edges"):
            assert type(out[name]) is type(batch[name])
            assert bool((out[name].reshape(6, -1, HEIGHT, WIDTH) == told[:, None]).all())
        torch.testing.assert_close(out["label"] @ torch.arange(6.0), told.mean((1, 2)).as_subclass(torch.Tensor))


def split(batch):
    """The samples of a batch."""
    return [
        {name: tv_tensors.wrap(leaf[i], like=leaf) if leaf.ndim > 1 else int(leaf[i]) for name, leaf in batch.items()}
        for i in range(6)
    ]


@pytest.mark.parametrize("middle", [(), (1,)])
def test_samples_with_masks(middle):
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6, *middle)
    samples = [(image, tv_tensors.Mask(mask)) for image, mask in zip(images, masks, strict=True)]
    stacked, new = MixCollate(RandomCutMix(per_sample=True))(samples)
    assert type(new) is tv_tensors.Mask
    pairs = [*zip(stacked, new, strict=True), *MixCollate(RandomCutMix(per_sample=True), collate_fn=list)(samples)]
    data = MixDataset(samples, RandomCutMix())
    for image, mask in [*pairs, *(data[i] for i in range(6))]:
        assert mask.shape == (*middle, HEIGHT, WIDTH)
        told = image[0].byte()
        told[:, 3] = IGNORE
        assert torch.equal(mask.reshape(told.shape).as_subclass(torch.Tensor), told)


def test_samples_of_unequal_size():
    sizes = [(HEIGHT, WIDTH), (9, 20), (13, 6)]
    samples = [(torch.full((3, *size), float(i)), tv_tensors.Mask(torch.full(size, i))) for i, size in enumerate(sizes)]
    for image, mask in MixCollate(RandomCutMix(per_sample=True), collate_fn=list)(samples):
        assert torch.equal(mask.float().as_subclass(torch.Tensor), image[0])
    for base, (image, target) in enumerate(MixCollate(RandomMixUp(target="pair"), collate_fn=list)(samples)):
        assert target.a.shape == target.b.shape == image.shape[-2:]
        assert bool((target.a[: sizes[base][0], : sizes[base][1]] == base).all())
        blended = target.lam * target.a + (1 - target.lam) * target.b
        torch.testing.assert_close(blended.as_subclass(torch.Tensor), image[0])


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("p", [1.0, 0.5, 0.0])
def test_mixup_gives_pairs_of_masks(per_sample, p):
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6)
    mixed, target = RandomMixUp(target="pair", per_sample=per_sample, p=p)(images, masks)
    assert isinstance(target, MixedTarget)
    assert type(target.a) is type(target.b) is tv_tensors.Mask
    assert target.lam.shape == (6,)
    assert torch.equal(target.a, masks)
    lam = target.lam[:, None, None]
    blended = (lam * target.a + (1 - lam) * target.b).as_subclass(torch.Tensor)
    torch.testing.assert_close(blended[..., 4:], mixed[:, 0, :, 4:])
    logits = torch.randn(6, 256, HEIGHT, WIDTH)
    a, b = target.a.long(), target.b.long()
    each = nn.CrossEntropyLoss(ignore_index=IGNORE, reduction="none")
    wanted = (lam * each(logits, a) + (1 - lam) * each(logits, b)).sum() / (a != IGNORE).sum()
    loss = MixedLoss(nn.CrossEntropyLoss(ignore_index=IGNORE))(logits, MixedTarget(a, b, target.lam))
    torch.testing.assert_close(loss, wanted)


@pytest.mark.parametrize("options", [{"opacity": 0.6}, {"opacity": (0.0, 1.0)}, {"opacity": 1.0}])
def test_pairs_of_masks_are_right_pixel_by_pixel(options):
    """Whatever of a choice was drawn, and however strongly a box is blended: ``lam * a + (1 - lam) * b``."""
    images, masks = (
        constant_images(6, 3, HEIGHT, WIDTH),
        tv_tensors.Mask(constant_images(6, HEIGHT, WIDTH, dtype=torch.int64)),
    )
    mix = RandomMixChoice(
        [RandomCutMix(target="pair", per_sample=True, **options), RandomMixUp(target="pair")], per_sample=True
    )
    for _ in range(20):
        mixed, target = mix(images, masks)
        lam = target.lam[:, None, None]
        told = (lam * target.a + (1 - lam) * target.b).as_subclass(torch.Tensor)
        torch.testing.assert_close(told, mixed[:, 0])


def test_cutmix_pastes_masks_for_pairs_too():
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6)
    out = RandomCutMix(target="pair")({"images": images, "masks": masks, "labels": torch.arange(6)})
    assert type(out["masks"]) is tv_tensors.Mask
    assert isinstance(out["labels"], MixedTarget)


def test_unmixed_masks_are_identical():
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6)
    assert RandomCutMix(p=0)(images, masks)[1] is masks
    assert RandomCutMix().eval()(images, masks)[1] is masks
    sample = images[0], tv_tensors.Mask(masks[0])
    assert torch.equal(MixDataset([sample] * 2, RandomCutMix(p=0))[0][1], sample[1])
    target = RandomMixUp(target="pair").eval()(images, masks)[1]
    assert torch.equal(target.b, masks)
    assert target.lam.tolist() == [1.0] * 6


def test_masks_of_videos_follow_frame_by_frame():
    video = tv_tensors.Video(constant_images(4, 5, 3, HEIGHT, WIDTH))
    for middle in ((5,), (5, 1)):
        masks = tv_tensors.Mask(constant_images(4, *middle, HEIGHT, WIDTH, dtype=torch.uint8))
        mixed, new = RandomCutMix(per_sample=True)(video, masks)
        assert torch.equal(
            new.reshape(4, 5, HEIGHT, WIDTH).float().as_subclass(torch.Tensor), mixed[:, :, 0].as_subclass(torch.Tensor)
        )
        assert bool((mixed == mixed[:, :1]).all())  # one box for all frames
        samples = [(tv_tensors.Video(v), tv_tensors.Mask(m)) for v, m in zip(video, masks, strict=True)]
        for clip, mask in MixCollate(RandomCutMix(per_sample=True), collate_fn=list)(samples):
            assert torch.equal(
                mask.reshape(5, HEIGHT, WIDTH).float().as_subclass(torch.Tensor), clip[:, 0].as_subclass(torch.Tensor)
            )


def test_masks_on_the_meta_device():
    """No host synchronisation."""
    images = torch.empty(4, 3, HEIGHT, WIDTH, device="meta")
    masks = tv_tensors.Mask(torch.empty(4, HEIGHT, WIDTH, device="meta", dtype=torch.uint8))
    mixed, new = RandomCutMix()(images, masks)
    assert new.device.type == mixed.device.type == "meta"
