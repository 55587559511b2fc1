"""RandomCutout on single images, PIL images, batches and videos, in and outside a Compose."""

import numpy as np
import PIL.Image
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, says
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import RandomCutout, functional


def hole_of(image):
    """The mask of the pixels that are 0 in an image of ones."""
    return image[0] == 0


def is_box(mask):
    rows, columns = mask.any(1), mask.any(0)
    return torch.equal(mask, rows[:, None] & columns[None])


@pytest.mark.parametrize("kind", [torch.Tensor, tv_tensors.Image])
def test_single_image(kind):
    image = torch.ones(3, HEIGHT, WIDTH).as_subclass(kind)
    for _ in range(20):
        out, label = RandomCutout(6)(image, 3)
        assert type(out) is kind
        assert label == 3
        hole = hole_of(out)
        assert is_box(hole)
        assert 9 <= hole.sum() <= 36
        assert torch.equal(out[0], out[1])
    assert (image == 1).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "I", "I;16", "F"])
@pytest.mark.parametrize("fill", [7, "mean", "random"])
def test_pil_images(mode, fill):
    image = PIL.Image.new("RGB", (WIDTH, HEIGHT), (200, 100, 50)).convert("L" if mode in ("I", "I;16", "F") else "RGB")
    image = image.convert(mode)
    image.info["dpi"] = (300, 300)
    before = image.tobytes()
    out, label = RandomCutout(5, inside=True, fill=fill)(image, "cat")
    assert (out.mode, out.size, label) == (mode, image.size, "cat")
    assert out.info["dpi"] == (300, 300)
    assert image.tobytes() == before
    pixels, old = (F.pil_to_tensor(one).double() for one in (out, image))
    changed = (pixels != old).any(0)
    if fill == 7:
        assert is_box(changed)
        assert changed.sum() == 25
        assert (pixels[:, changed] == 7).all()
    if fill == "mean":
        assert not changed.any()  # the image is of one colour
    if fill == "random" and mode in ("L", "RGB"):
        assert changed.sum() >= 23


def test_a_pil_image_and_its_tensor_get_the_same_hole():
    image = PIL.Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9))
    outs = []
    for one in (image, F.pil_to_tensor(image)):
        torch.manual_seed(3)
        outs.append(RandomCutout((0.2, 0.7), holes=2)(one))
    assert torch.equal(F.pil_to_tensor(outs[0]), outs[1])


def test_in_a_compose_before_batching():
    image = PIL.Image.new("RGB", (40, 50), (255, 255, 255))
    steps = [v2.RandomResizedCrop(32), RandomCutout(0.5), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    out = v2.Compose([*steps, RandomCutout(4, fill=(0.5, 0.25, 0.125), inside=True)])(image)
    assert out.shape == (3, 32, 32)
    assert (out[0] == 0.5).sum() == (out[2] == 0.125).sum() == 16
    assert (out == 0).any()


def test_every_image_of_a_batch_has_its_own_holes():
    """torchvision's RandomErasing cuts one hole for the whole batch."""
    out = RandomCutout(5)(torch.ones(30, 3, HEIGHT, WIDTH))
    holes = {tuple(hole_of(image).flatten().tolist()) for image in out}
    assert len(holes) > 20


def test_videos_have_one_hole_for_all_frames():
    clip = tv_tensors.Video(torch.ones(4, 3, HEIGHT, WIDTH))
    out = RandomCutout(5)(clip)
    assert torch.equal(out, out[:1].expand_as(out))
    batch = RandomCutout(5)(torch.ones(20, 4, 3, HEIGHT, WIDTH))
    assert torch.equal(batch, batch[:, :1].expand_as(batch))
    assert len({tuple(hole_of(video[0]).flatten().tolist()) for video in batch}) > 12


def test_images_of_one_sample_get_the_same_holes():
    left, right = tv_tensors.Image(torch.ones(3, HEIGHT, WIDTH)), tv_tensors.Image(torch.ones(1, HEIGHT, WIDTH))
    out = RandomCutout((2, 8))({"left": left, "right": right, "text": "x"})
    assert torch.equal(hole_of(out["left"]), hole_of(out["right"]))
    assert out["text"] == "x"


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, HEIGHT, WIDTH), (5, HEIGHT, WIDTH)])
def test_masks(shape):
    image, mask = torch.ones(3, HEIGHT, WIDTH), tv_tensors.Mask(torch.ones(shape, dtype=torch.uint8))
    _, same = RandomCutout(6)(tv_tensors.Image(image), mask)
    assert same is mask
    out, filled = RandomCutout(6, mask_fill=255)(tv_tensors.Image(image), mask)
    assert type(filled) is tv_tensors.Mask
    assert filled.shape == shape
    for layer in filled.reshape(-1, HEIGHT, WIDTH):
        assert torch.equal(layer == 255, hole_of(out))
    assert (mask == 1).all()


def test_masks_of_a_batch():
    images, masks = torch.ones(6, 3, HEIGHT, WIDTH), tv_tensors.Mask(torch.ones(6, HEIGHT, WIDTH, dtype=torch.int64))
    out, filled = RandomCutout(6, mask_fill=255)(tv_tensors.Image(images), masks)
    assert torch.equal(filled == 255, out[:, 0] == 0)


def test_fill_of_integer_images_is_not_wrapped():
    out = RandomCutout(1.0, inside=True, fill=254.6)(torch.zeros(1, 4, 4, dtype=torch.uint8))
    assert (out == 255).all()
    out = RandomCutout(1.0, inside=True, fill="mean")(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    assert out.tolist() == [[[128, 128]]]


@pytest.mark.parametrize("size", [1, 1.0, (1, 1), (1.0, 1.0)])
def test_one_is_a_pixel_and_one_point_zero_the_whole_side(size):
    holes = hole_of(RandomCutout(size, inside=True)(torch.ones(1, HEIGHT, WIDTH)))
    one = size[0] if isinstance(size, tuple) else size
    assert holes.sum() == (1 if isinstance(one, int) else HEIGHT * WIDTH)


def test_a_small_share_is_at_least_a_pixel():
    assert hole_of(RandomCutout(0.01)(torch.ones(1, HEIGHT, WIDTH))).sum() == 1
    assert hole_of(RandomCutout((0.01, 0.02))(torch.ones(1, HEIGHT, WIDTH))).sum() == 1


# --- replay -----------------------------------------------------------------------------------------------------------

REPLAYED = {
    "image": torch.rand(3, HEIGHT, WIDTH) + 1,
    "batch": torch.rand(5, 3, HEIGHT, WIDTH) + 1,
    "bytes": torch.randint(1, 256, (5, 3, HEIGHT, WIDTH), dtype=torch.uint8),
    "tv_tensor": tv_tensors.Image(torch.rand(3, HEIGHT, WIDTH) + 1),
    "video": tv_tensors.Video(torch.rand(4, 3, HEIGHT, WIDTH) + 1),
    "videos": torch.rand(2, 4, 3, HEIGHT, WIDTH) + 1,
    "PIL": F.to_pil_image(torch.randint(1, 256, (3, HEIGHT, WIDTH), dtype=torch.uint8)),
}


@pytest.mark.parametrize("images", REPLAYED.values(), ids=REPLAYED)
@pytest.mark.parametrize("options", [{}, {"holes": 3, "p": 0.7}, {"inside": True, "size": (0.2, 0.9)}], ids=str)
def test_a_draw_of_holes_is_what_a_call_cuts(images, options):
    cutout = RandomCutout(**options)
    for seed in range(5):
        torch.manual_seed(seed)
        holes = cutout.draw(images)
        torch.manual_seed(seed)
        once = cutout(images)
        many = (
            1 if images is REPLAYED["PIL"] or images.ndim == 3 or isinstance(images, tv_tensors.Video) else len(images)
        )
        assert (holes.dtype, holes.shape) == (torch.int64, (many, cutout.holes, 4))
        for again in (cutout(images, draw=holes), RandomCutout(1)(images, draw=holes)):
            assert type(again) is type(once)
            assert np.array_equal(np.asarray(again), np.asarray(once))
        plain = F.pil_to_tensor(once) if images is REPLAYED["PIL"] else torch.as_tensor(once)
        cut = functional.inside_boxes(holes, (HEIGHT, WIDTH)).any(1).view(many, *(1,) * (plain.ndim - 2), HEIGHT, WIDTH)
        assert torch.equal(
            plain == 0, cut.squeeze(0).expand_as(plain) if many == 1 else cut.squeeze(1).expand_as(plain)
        )


def test_replayed_holes_take_instances_and_masks_along():
    boxes = tv_tensors.BoundingBoxes([[0, 0, 4, 4], [5, 5, 9, 9]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    mask = tv_tensors.Mask(torch.ones(2, HEIGHT, WIDTH, dtype=torch.uint8))
    sample = torch.ones(3, HEIGHT, WIDTH), {"boxes": boxes, "labels": torch.tensor([1, 2]), "masks": mask}
    holes = torch.tensor([[[0, 0, 4, 4]]])
    image, target = RandomCutout(mask_fill=7, p=0.0)(*sample, draw=holes)
    assert (image == 0).sum() == 3 * 16
    assert target["labels"].tolist() == [1, 2]  # by their masks both are still to be seen
    assert (target["masks"] == 7).sum() == 2 * 16
    del sample[1]["masks"]
    assert RandomCutout()(*sample, draw=holes)[1]["labels"].tolist() == [2]
    assert RandomCutout().eval()(*sample, draw=holes)[0] is sample[0]


def test_replayed_noise_lies_in_the_holes():
    images = torch.full((4, 3, HEIGHT, WIDTH), 128, dtype=torch.uint8)
    cutout = RandomCutout((3, 9), fill="random")
    holes = cutout.draw(images)
    inside = functional.inside_boxes(holes, (HEIGHT, WIDTH))
    out = cutout(images, draw=holes)
    assert ((out != 128) <= inside).all()
    assert ((out != 128).any(1) == inside[:, 0]).float().mean() > 0.99


@pytest.mark.parametrize(
    ("holes", "kind", "words"),
    [
        ([[[0, 0, 1, 1]]], TypeError, ["draw", "tensor", "(N, K, 4)", "list"]),
        (torch.zeros(4, 1, 4), TypeError, ["draw", "int64", "float32"]),
        (torch.zeros(4, 4, dtype=torch.int64), ValueError, ["draw", "(N, K, 4)", "(4, 4)"]),
        (torch.zeros(3, 1, 4, dtype=torch.int64), ValueError, ["draw", "4 images", "3"]),
        (torch.tensor([[[0, 0, 18, 2]]] * 4), ValueError, ["draw", "17 x 11", "(0, 0, 18, 2)"]),
    ],
)
def test_holes_that_do_not_fit(holes, kind, words):
    cutout, images = RandomCutout(), torch.ones(4, 3, HEIGHT, WIDTH)
    with says(kind, words):
        cutout(images, draw=holes)


def test_what_has_no_holes_to_draw():
    with says(TypeError, ["images", "tensor or a PIL image", "tuple"]):
        RandomCutout().draw((torch.ones(3, 4, 4), 1))
    with says(ValueError, ["images", "(C, H, W)", "(4, 4)"]):
        RandomCutout().draw(torch.ones(4, 4))
