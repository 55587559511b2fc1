"""Semantic masks and other maps beside the images: mixed pixel by pixel as the images are, or an error."""

import pytest
import torch
from support.batches import CLASSES, COUNT, IMAGES, LABELS, MASKS
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import BOTH, MIXES
from support.oracles import constant_images
from support.structures import INSTANCE_LABELS, SIZE, some_boxes, some_masks, some_points
from torch import nn
from torch.utils.data import default_collate
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedLoss,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
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


def test_the_pair_of_an_unmixed_sample_has_a_lam_of_one():
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6)
    blended = RandomCutMix(p=0.5, opacity=0.5, target="pair", per_sample=True)
    choice = RandomMixChoice([blended, RandomMixUp(target="pair", p=0.5, per_sample=True)], per_sample=True)
    kinds = set()
    for mix in (blended, choice) * 20:
        mixed, target = mix(images, masks)
        is_left = (mixed == images).flatten(1).all(1)
        kinds.add(bool(is_left.any() and not is_left.all()))
        assert torch.equal(target.lam == 1, is_left)
        assert torch.equal(target.a[is_left], target.b[is_left])
    assert True in kinds


def test_an_edited_draw_that_blends_gives_pairs_of_masks():
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6)
    draw = RandomCutMix(ratio=(0.5, 0.5)).draw(images)._replace(opacity=torch.full((6,), 0.75))
    with says(ValueError, ["opacity must be 1 for masks", "target='pair'", "0.75"]):
        RandomCutMix()(images, masks, draw=draw)
    mixed, pair = RandomCutMix(target="pair")(images, masks, draw=draw)
    again, other = RandomCutMix(target="pair", opacity=0.5)(images, masks, draw=draw)
    assert torch.equal(mixed, again)
    assert all(torch.equal(*fields) for fields in zip(pair, other, strict=True))


def test_an_edited_draw_may_leave_samples_as_they_are():
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), constant_images(6, HEIGHT, WIDTH, dtype=torch.int64)
    opacity = torch.tensor([0.0, 1, 0, 1, 1, 1])
    draw = RandomCutMix(ratio=(0.5, 0.5)).draw(images)._replace(opacity=opacity)
    for target in ("soft", "pair"):
        mixed, pasted = RandomCutMix(target=target)(images, masks, draw=draw)
        assert torch.equal(pasted, mixed[:, 0].long())
        assert torch.equal((pasted == masks).flatten(1).all(1), opacity == 0)


def test_a_compiled_mix_cannot_raise_that_error_but_never_makes_new_classes():
    images, plain = constant_images(6, 3, HEIGHT, WIDTH), make_masks(6).as_subclass(torch.Tensor)
    draw = RandomCutMix(ratio=(0.5, 0.5)).draw(images)._replace(opacity=torch.full((6,), 0.75))
    compiled = torch.compile(RandomCutMix(), fullgraph=True, backend="eager")
    pasted = RandomCutMix()(images, plain, draw=draw._replace(opacity=torch.ones(6)))[1]
    assert torch.equal(compiled(images, plain, draw=draw)[1], pasted)


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


cutmix = MIXES["cutmix_ratio"]


def samples_of(batch):
    return [{key: value[i] for key, value in batch.items()} for i in range(COUNT)]


@pytest.mark.parametrize("wrap", [torch.Tensor.clone, tv_tensors.Mask], ids=["plain", "wrapped"])
@pytest.mark.parametrize("channel", [False, True], ids=["(N, H, W)", "(N, 1, H, W)"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.int32, torch.bool], ids=str)
@pytest.mark.parametrize("key", ["labels", "mask", "Masks", None])
def test_dense_labels_are_pasted_with_the_box_of_the_image(wrap, channel, dtype, key):
    masks = (MASKS[:, None] if channel else MASKS).to(dtype)
    mix = cutmix(per_sample=True)
    batch = (IMAGES, wrap(masks)) if key is None else {"image": IMAGES, key: wrap(masks)}
    images, out = mix(batch) if key is None else mix(batch).values()
    assert (type(out), out.dtype, out.shape) == (type(wrap(masks)), dtype, masks.shape)
    shown = images[:, :1] if channel else images[:, 0]
    assert torch.equal(out.as_subclass(torch.Tensor), shown.to(dtype))
    assert not torch.equal(out.as_subclass(torch.Tensor), masks)


def test_a_class_label_and_a_plain_mask_beside_it():
    batch = {"image": IMAGES, "mask": MASKS, "label": LABELS}
    mix = cutmix(num_classes=CLASSES)
    out = mix(batch)
    assert torch.equal(out["mask"].float(), out["image"][:, 0])
    assert out["label"].shape == (COUNT, CLASSES)
    torch.testing.assert_close(out["label"].argmax(1)[out["label"].amax(1) == 1], LABELS[out["label"].amax(1) == 1])
    several = RandomCutMix(num_classes=CLASSES, labels_getter=lambda sample: (sample[1], sample[2]))
    _, target, masks = several(IMAGES, LABELS, MASKS)
    assert target.shape == (COUNT, CLASSES)
    assert not torch.equal(masks, MASKS)


def test_float_dense_labels_are_mixed_as_images_are():
    depths = IMAGES[:, 0].clone()
    for mix in (cutmix(opacity=0.5), RandomMixUp(), RandomMixUp(per_sample=True)):
        images, out = mix(IMAGES, depths)
        torch.testing.assert_close(out, images[:, 0])
        assert not torch.equal(out, depths)


def test_blended_dense_labels_are_a_pair_or_an_error():
    with says(ValueError, ["target", "'pair'", "masks", "'soft'"]):
        RandomMixUp()(IMAGES, MASKS)
    _, out = RandomMixUp(target="pair")(IMAGES, MASKS)
    assert isinstance(out, MixedTarget)
    assert torch.equal(out.a, MASKS)


def test_dense_labels_agree_in_three_places():
    batch = {"pixel_values": IMAGES, "labels": MASKS}
    samples = samples_of(batch)
    mix = cutmix()
    for out in (
        mix(batch),
        MixCollate(mix)(samples),
        default_collate(MixCollate(mix, collate_fn=list)(samples)),
        default_collate([MixDataset(samples, mix)[i] for i in range(COUNT)]),
    ):
        assert torch.equal(out["labels"].float(), out["pixel_values"][:, 0])
        assert not torch.equal(out["labels"], MASKS)


@pytest.mark.slow
def test_dense_labels_compile():
    for batch in ((IMAGES, MASKS), {"image": IMAGES, "mask": MASKS, "label": LABELS}):
        num_classes = CLASSES if isinstance(batch, dict) else None
        mix = RandomCutMix(num_classes=num_classes, ratio=(0.3, 0.6))
        out = torch.compile(mix, fullgraph=True, backend="eager")(batch)
        images, masks = (out["image"], out["mask"]) if num_classes else out
        assert torch.equal(masks.float(), images[:, 0])


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    ("leaf", "kind", "words"),
    [
        (some_masks(6, 9, 9), ValueError, ["masks", "(6, 9, 9)", "(6, 3, 17, 11)"]),
        (some_masks(5, *SIZE), ValueError, ["masks", "(5, 17, 11)"]),
        (some_masks(*SIZE), ValueError, ["masks", "(17, 11)"]),
        (some_boxes(6), TypeError, ["BoundingBoxes", "MixCollate", "MixDataset"]),
        (some_points(6, 2), TypeError, ["KeyPoints", "MixCollate", "MixDataset"]),
    ],
)
def test_structures_of_a_batch(make, leaf, kind, words):
    with says(kind, words):
        make(num_classes=5, target="pair")(IMAGES, {"labels": LABELS, "x": leaf})


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    ("name", "leaf", "kind"),
    [
        ("boxes", torch.ones(3, 4), "BoundingBoxes"),
        ("masks", torch.ones(3, *SIZE), "Mask"),
        ("keypoints", torch.ones(3, 4, 2), "KeyPoints"),
    ],
)
def test_structures_that_are_plain_tensors(make, name, leaf, kind):
    sample = torch.rand(3, *SIZE), {"labels": INSTANCE_LABELS, name: leaf}
    with says(TypeError, [name, kind, str(tuple(leaf.shape))]):
        MixCollate(make(), collate_fn=list)([sample] * 2)
    with says(TypeError, [name, kind]):
        make(num_classes=5)(IMAGES, {"labels": LABELS, name: leaf})
    with says(TypeError, [name, kind]):
        RandomCutout()(sample)


def test_options_that_do_not_go_with_structures():
    masks = some_masks(6, *SIZE)
    for mix in (RandomMixUp(), RandomCutMix(opacity=0.5), RandomMixChoice([RandomCutMix(), RandomMixUp()])):
        with says(ValueError, ["target", "'pair'", "mask", "'soft'"]):
            mix(IMAGES, masks)
    sample = torch.rand(3, *SIZE), {"labels": INSTANCE_LABELS, "boxes": some_boxes(3)}
    with says(ValueError, ["opacity", "1", "(0.2, 0.5)"]):
        MixCollate(RandomCutMix(opacity=(0.2, 0.5)), collate_fn=list)([sample] * 2)
    with says(ValueError, ["dictionary", "weights", "tuple"]):
        MixCollate(RandomMixUp(), collate_fn=list)([(sample[0], some_boxes(3))] * 2)
    with says(ValueError, ["labels_getter", "BoundingBoxes"]):
        MixCollate(RandomCutMix(), collate_fn=list)([(sample[0], some_boxes(3), INSTANCE_LABELS)] * 2)
    with says(ValueError, ["one row", "'labels'", "list"]):
        MixCollate(RandomCutMix(num_classes=5), collate_fn=list)(
            [(sample[0], {**sample[1], "labels": [*INSTANCE_LABELS]})] * 2
        )
    with says(ValueError, ["weights", "3"]):
        MixCollate(RandomMixUp(), collate_fn=list)([(sample[0], {**sample[1], "weights": 0.5})] * 2)
    with says(ValueError, ["min_visibility", "0.1", "0.3"]):
        RandomMixChoice([RandomCutMix(min_visibility=0.1), RandomMixUp(), RandomCutMix(min_visibility=0.3)])
    for target in (sample[1], {"labels": INSTANCE_LABELS, "masks": some_masks(3, *SIZE)}):
        with says(TypeError, ["collate_fn", "default_collate"]):
            MixCollate(RandomCutMix())([(sample[0], target)] * 2)
    with says(TypeError, ["single samples", "batch"]):
        RandomCutout()(IMAGES, {"labels": LABELS, "boxes": some_boxes(6)})


def test_a_plain_mask_beside_another_mask_in_a_batch():
    images, masks = constant_images(6, 3, HEIGHT, WIDTH), constant_images(6, 1, HEIGHT, WIDTH, dtype=torch.int64)
    depth = tv_tensors.Mask(constant_images(6, HEIGHT, WIDTH))
    for mask in (masks, masks[:, 0]):
        batch = {"image": images, "mask": mask, "depth": depth, "label": torch.arange(6)}
        out = RandomCutMix(num_classes=6)(batch)
        assert torch.equal(out["mask"].view(6, HEIGHT, WIDTH), out["image"][:, 0].long())
        assert torch.equal(out["depth"].as_subclass(torch.Tensor), out["image"][:, 0])


def test_what_a_subclass_blends_may_change():
    class Dimmed(RandomCutMix):
        opacity = property(lambda self: self.level, lambda self, value: None)
        level = 0.5

    mix, images, masks = Dimmed(), constant_images(6, 3, HEIGHT, WIDTH), make_masks(6)
    with says(ValueError, ["target must be 'pair'"]):
        mix(images, masks)
    mix.level = 1.0
    assert mix(images, masks)[1].shape == masks.shape
