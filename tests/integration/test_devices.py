"""Other devices: the same pixels and targets for the same draw; and on ``meta`` the same form.

There is nothing to look at there, so reading a value, for which the host would wait on a GPU, is an error.
"""

from itertools import product

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.mixes import mixes_of, over
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map
from torchvision import tv_tensors

from cutmix_transforms import (
    MixedLoss,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
    functional,
    mixed_accuracy,
)
from cutmix_transforms.functional._by_mask import paste_by_mask
from cutmix_transforms.functional._draw import HostDraw

COUNT, CLASSES = 6, 5
SOFT, PAIR = {"num_classes": CLASSES}, {"target": "pair"}
MIXES = {
    **mixes_of("cutmix", "cutmix_inner", "choice", num_classes=CLASSES),
    **mixes_of("mixup_sometimes", num_classes=CLASSES, label_smoothing=0.1),
    **mixes_of("cutmix_pair", "mixup_pair"),
}
mixes = over(MIXES)
each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
IMAGES = {
    "float32": torch.rand(COUNT, 3, HEIGHT, WIDTH),
    "bfloat16": torch.rand(COUNT, 3, HEIGHT, WIDTH).bfloat16(),
    "uint8": torch.randint(256, (COUNT, 3, HEIGHT, WIDTH), dtype=torch.uint8),
    "channels_last": torch.rand(COUNT, 3, HEIGHT, WIDTH).contiguous(memory_format=torch.channels_last),
    "video": tv_tensors.Video(torch.rand(COUNT, 2, 3, HEIGHT, WIDTH)),
}
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])
on_any = pytest.mark.parametrize("form", IMAGES)


def on(device, tree):
    return tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf, tree)


def assert_same_form(found, wanted):
    """Shapes, dtypes, types and strides; nothing of it on the CPU."""
    for one, other in zip(tree_leaves(found), tree_leaves(wanted), strict=True):
        assert type(one) is type(other)
        if isinstance(one, torch.Tensor):
            assert (one.shape, one.dtype, one.stride()) == (other.shape, other.dtype, other.stride())
            assert one.device.type == "meta"
    return True


# --- meta -------------------------------------------------------------------------------------------------------------


@mixes
@each
@on_any
def test_mixes_on_meta(make, per_sample, form):
    """With draws of their own, and with one that is replayed, from the CPU or sent there."""
    mix, batch = make(per_sample=per_sample), (IMAGES[form], LABELS)
    far, draw, wanted = on("meta", batch), mix.draw(IMAGES[form]), mix(*batch)
    assert_same_form(mix(*far), wanted)
    assert_same_form(mix(*far, draw=draw), wanted)
    assert_same_form(mix(*far, draw=on("meta", draw)), wanted)


@mixes
@each
def test_one_seed_gives_one_draw_on_every_device(make, per_sample):
    """Draws are made on the host, wherever the images lie."""
    draws = []
    for device in ("cpu", "meta"):
        torch.manual_seed(3)
        draws.append(make(per_sample=per_sample).draw(IMAGES["float32"].to(device)))
    assert all(torch.equal(here, there) for here, there in zip(draws[0][:3], draws[1][:3], strict=True))
    holes = []
    for device in ("cpu", "meta"):
        torch.manual_seed(3)
        holes.append(RandomCutout(5, holes=2).draw(IMAGES["float32"].to(device)))
    assert torch.equal(*holes)


KERNELS = {
    "blend": lambda images, labels, draw: functional.blend(images, images.flip(0), draw.lam.view(-1, 1, 1, 1)),
    "boxes_around": lambda images, labels, draw: functional.boxes_around(labels, labels, labels, labels, draw.size),
    "boxes_of_masks": lambda images, labels, draw: functional.boxes_of_masks(images[:, 0] > 0),
    "cutmix_boxes": lambda images, labels, draw: functional.cutmix_boxes(draw.lam, draw.boxes[:, :2], draw.size),
    "cutout": lambda images, labels, draw: functional.cutout(images, draw.boxes[:, None], "mean"),
    "image_size": lambda images, labels, draw: functional.image_size(images),
    "inside_boxes": lambda images, labels, draw: functional.inside_boxes(draw.boxes, draw.size),
    "mix_draw": lambda images, labels, draw: functional.mix_draw(draw.partners, draw.boxes, draw.size, draw.opacity),
    "mix_images": lambda images, labels, draw: functional.mix_images(images, draw, images.flip(0)),
    "mix_targets": lambda images, labels, draw: functional.mix_targets(images, draw),
    "pair_targets": lambda images, labels, draw: functional.pair_targets(labels, draw),
    "union_targets": lambda images, labels, draw: functional.union_targets(images[:, 0, 0], draw),
    "soft_targets": lambda images, labels, draw: functional.soft_targets(labels, CLASSES, 0.1),
}
# what can be seen of instances is found where samples are separate, by looking at them
LOOK = {"Placement", "View", "join_masks", "visible_boxes", "visible_keypoints", "visible_mask_fraction"}
REGISTER = {"register_kernel", "register_instance_kernel"}


def test_no_kernel_is_forgotten():
    assert {*KERNELS, *LOOK, *REGISTER} == set(functional.__all__)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_on_meta(name):
    images, labels = IMAGES["float32"], LABELS
    draw = RandomCutMix(ratio=(0.2, 0.8), opacity=0.5, per_sample=True).draw(images)
    wanted = KERNELS[name](images, labels, draw)
    assert_same_form(KERNELS[name](*on("meta", (images, labels, draw))), wanted)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fill": "mean", "holes": 3},
        {"fill": "random", "size": (2, 5)},
        {"fill": (1, 2, 3), "inside": True, "p": 0.5},
    ],
    ids=["zero", "mean", "random", "channels"],
)
@on_any
def test_cutout_on_meta(options, form):
    holes, images = RandomCutout(**options), IMAGES[form]
    assert_same_form(holes(on("meta", images)), holes(images))


@pytest.mark.parametrize("target", ["soft", "pair"])
def test_losses_on_meta(target):
    options = SOFT if target == "soft" else PAIR
    _, targets = RandomMixUp(**options)(IMAGES["float32"], LABELS)
    for function in (MixedLoss(nn.CrossEntropyLoss()), mixed_accuracy):
        args = torch.rand(COUNT, CLASSES), targets
        assert_same_form(function(*on("meta", args)), function(*args))


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.uint16], ids=str)
@each
def test_boxes_are_pasted_by_a_mask_as_one_by_one(per_sample, dtype):
    """The way that GPUs take, on the CPU: for single images, batches and videos, with boxes that p leaves empty."""
    mix = RandomCutMix(per_sample=per_sample, p=0.6)
    for shape in ((COUNT, HEIGHT, WIDTH), (COUNT, 3, HEIGHT, WIDTH), (COUNT, 2, 3, HEIGHT, WIDTH)):
        images = torch.randint(200, shape).to(dtype)
        for _ in range(5):
            draw = mix.draw(torch.empty(COUNT, 1, HEIGHT, WIDTH))
            out = torch.empty_like(images)
            paste_by_mask(out, images, HostDraw.of(draw))
            assert torch.equal(out, functional.mix_images(images, draw))
    for dims, shape in ((1, (COUNT, 2, HEIGHT, WIDTH)), (3, (COUNT, 2, 5, HEIGHT, WIDTH))):
        images = torch.randint(200, shape).to(dtype)
        draw = RandomCutMix(per_sample=per_sample, p=0.6, dims=dims).draw(images)
        out = torch.empty_like(images)
        paste_by_mask(out, images, HostDraw.of(draw))
        assert torch.equal(out, functional.mix_images(images, draw))


# --- devices that can be absent ---------------------------------------------------------------------------------------

DEVICES = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def where(*names):
    """On each of these devices, or a skipped test that says which one there is not."""
    absent = {name: pytest.mark.skipif(not DEVICES[name], reason=f"there is no {name} device here") for name in names}
    return pytest.mark.parametrize("device", [pytest.param(name, marks=mark) for name, mark in absent.items()])


@where("cpu", "cuda", "mps")
def test_same_pixels_and_targets(device):
    """For a draw of the CPU, and for one made there and brought back."""
    for make, per_sample, form in product(MIXES.values(), (False, True), IMAGES):
        mix, batch = make(per_sample=per_sample), (IMAGES[form], LABELS)
        far = on(device, batch)
        for draw in (mix.draw(batch[0]), mix.draw(far[0])):
            found, wanted = mix(*far, draw=draw), mix(*batch, draw=on("cpu", draw))
            assert {leaf.device.type for leaf in tree_leaves(found)} == {device}
            # what lies in the middle of two bytes may be rounded the other way
            tolerance = {"rtol": 0, "atol": 1} if form == "uint8" else {}
            torch.testing.assert_close(on("cpu", found[0]), wanted[0], **tolerance)
            torch.testing.assert_close(on("cpu", found[1]), wanted[1])


@where("cpu", "cuda", "mps")
@each
def test_same_boxes_over_other_axes(device, per_sample):
    """Signals and volumes, without waiting for the device."""
    for dims, size in ((1, (23,)), (3, (5, 9, 7))):
        images, mix = torch.rand(COUNT, 2, *size), RandomCutMix(dims=dims, per_sample=per_sample, p=0.8, **SOFT)
        cutout = RandomCutout(0.5, holes=2, dims=dims)
        draw, holes = mix.draw(images), cutout.draw(images)
        far = on(device, (images, LABELS))
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        try:
            found, cut = mix(*far, draw=draw), cutout(far[0], draw=holes)
            mix(*far)
            cutout(far[0])
        finally:
            if device == "cuda":
                torch.cuda.set_sync_debug_mode("default")
        assert torch.equal(found[0].cpu(), mix(images, LABELS, draw=draw)[0])
        torch.testing.assert_close(found[1].cpu(), mix(images, LABELS, draw=draw)[1])
        assert torch.equal(cut.cpu(), cutout(images, draw=holes))


@where("cuda", "mps")
def test_a_generator_of_another_device_is_an_error(device):
    for make in (*MIXES.values(), RandomCutout):
        with pytest.raises(ValueError, match=f"generator must be on the CPU.*got one on {device}"):
            make(generator=torch.Generator(device))


@where("cpu", "cuda", "mps")
def test_noise_is_drawn_on_the_device_of_the_images(device):
    images, out = IMAGES["float32"].to(device), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        out.append(RandomCutout(9, fill="random")(images))
    assert torch.equal(out[0], out[1])
    assert not torch.equal(out[0], out[2])
    assert {one.device.type for one in out} == {device}


@where("cuda")
def test_the_host_does_not_wait(device):
    far = on(device, (IMAGES["float32"], LABELS))
    for make, per_sample in product(MIXES.values(), (False, True)):
        mix = make(per_sample=per_sample)
        torch.cuda.set_sync_debug_mode("error")
        try:
            mix(*far)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@where("cuda")
def test_the_host_does_not_wait_for_masks_holes_and_several_labels(device):
    images, labels = on(device, (IMAGES["uint8"], LABELS))
    masks = tv_tensors.Mask(torch.randint(5, (COUNT, HEIGHT, WIDTH), device=device))
    both = tv_tensors.Image(images)
    calls = [
        lambda: RandomCutMix(per_sample=True, labels_getter=2, **SOFT)(both, masks, labels),
        lambda: RandomMixUp(labels_getter=2, **PAIR)(both, masks, labels),
        lambda: RandomCutMix(num_classes=(5, 5), labels_getter=lambda sample: sample[1:])(
            images, labels, labels.flip(0)
        ),
        lambda: RandomCutout(5, holes=2, fill="random")(images),
        lambda: RandomCutout(5, fill="mean", mask_fill=4)(both, masks),
        lambda: RandomCutout(5, fill=(1, 2, 3))(both),
        lambda: functional.boxes_around(labels, labels, labels, labels, (HEIGHT, WIDTH)),
    ]
    torch.cuda.set_sync_debug_mode("error")
    try:
        for call in calls:
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.slow
@where("cpu", "cuda")
def test_a_compiled_mix_draws_anew_in_every_call(device):
    images, labels = on(device, (IMAGES["float32"], LABELS))
    for mix in (RandomCutMix(**SOFT), RandomMixUp(per_sample=True, **SOFT)):
        compiled = torch.compile(mix, fullgraph=True)
        torch.manual_seed(0)
        found = [compiled(images, labels) for _ in range(4)]
        torch.manual_seed(0)
        wanted = [mix(images, labels) for _ in range(4)]
        torch.testing.assert_close(found, wanted)
        assert len({tuple(target.flatten().tolist()) for _, target in found}) > 1
