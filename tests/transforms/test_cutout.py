"""RandomCutout on images of all kinds, on masks and instances, in and outside a Compose."""

import math
import warnings
from collections import UserDict, UserList
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest
import torch
from support.batches import IMAGES, MASKS
from support.helpers import HEIGHT, WIDTH, says, slow_but
from support.scenes import FORMATS, make_sample, named, pixels_of
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import (
    MixedTarget,
    RandomCutout,
    functional,
)


class Pair(NamedTuple):
    image: torch.Tensor
    seg: torch.Tensor


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
        assert not changed.any()  # the image is of one color
    if fill == "random" and mode in ("L", "RGB"):
        assert changed.sum() >= 23


@pytest.mark.parametrize("dims", [1, 2])
def test_a_pil_image_and_its_tensor_get_the_same_hole(dims):
    image = PIL.Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9))
    outs = []
    for one in (image, F.pil_to_tensor(image)[None]):
        torch.manual_seed(3)
        outs.append(RandomCutout((0.2, 0.7), holes=2, dims=dims)(one))
    assert torch.equal(F.pil_to_tensor(outs[0])[None], outs[1])
    assert (outs[1] == 0).any()


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


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (3, HEIGHT, WIDTH)])
def test_masks_that_are_not_one_for_each_image_are_an_error(shape):
    images, mask = torch.ones(2, 3, HEIGHT, WIDTH), tv_tensors.Mask(torch.ones(shape, dtype=torch.uint8))
    with says(ValueError, ["one mask", "2 images", str(shape)]):
        RandomCutout(4, mask_fill=0)(tv_tensors.Image(images), mask)


def test_ids_before_an_image_are_not_taken_for_it():
    ids, image = torch.arange(3), torch.ones(3, HEIGHT, WIDTH)
    for sample in ({"id": ids, "image": image}, (ids, image)):
        first, second = (
            RandomCutout(4, inside=True)(sample).values() if type(sample) is dict else RandomCutout(4)(sample)
        )
        assert first is ids
        assert (second == 0).any()


def test_noise_for_a_device_without_generators():
    out = RandomCutout(4, fill="random")(torch.empty(2, 3, HEIGHT, WIDTH, device="meta"))
    assert (out.device.type, out.shape) == ("meta", (2, 3, HEIGHT, WIDTH))


def test_without_holes_the_images_are_the_same_object():
    images = torch.ones(2, 3, HEIGHT, WIDTH)
    assert RandomCutout(4)(images, draw=torch.zeros(2, 1, 4, dtype=torch.int64)) is images
    assert RandomCutout(4, p=1e-12)(images) is images


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


def test_a_small_fraction_is_at_least_a_pixel():
    assert hole_of(RandomCutout(0.01)(torch.ones(1, HEIGHT, WIDTH))).sum() == 1
    assert hole_of(RandomCutout((0.01, 0.02))(torch.ones(1, HEIGHT, WIDTH))).sum() == 1


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


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("kind", slow_but(["XYXY"], FORMATS))
@pytest.mark.parametrize(("least", "holes"), [(0.0, 3), (0.6, 1)])
def test_cutout_drops_what_its_holes_hide(masks, kind, least, holes):
    cut = RandomCutout(0.5, holes=holes, fill=-1, mask_fill=0, min_visibility=least, labels_getter=named)
    dropped = marked = 0
    for _ in range(40):
        image, target = make_sample(0, (HEIGHT, WIDTH), 5, kind, masks=masks, points=True)
        if masks:
            target["semantic"] = tv_tensors.Mask(torch.full((HEIGHT, WIDTH), 7))
        out, now = cut((image, target))
        visible = out[0] >= 0
        fractions = [
            sum(bool(visible[p]) for p in pixels_of((image, target), i)) / len(pixels_of((image, target), i))
            for i in range(5)
        ]
        kept = [i for i in range(5) if fractions[i] > least]
        assert now["labels"].tolist() == kept
        assert now["tag"].tolist() == target["tag"][kept].tolist()
        assert torch.equal(now["boxes"].as_subclass(torch.Tensor), target["boxes"][kept])
        for key in ("boxes", "keypoints", *(["masks"] if masks else [])):
            assert type(now[key]) is type(target[key])
        assert (now["boxes"].format, now["boxes"].canvas_size) == (target["boxes"].format, (HEIGHT, WIDTH))
        if masks:
            assert torch.equal(now["masks"].as_subclass(torch.Tensor), target["masks"][kept] & visible)
            assert torch.equal(now["semantic"] == 7, visible)
        for i, points in zip(kept, now["keypoints"], strict=True):
            for (x, y), now_xy in zip(target["keypoints"][i].tolist(), points.tolist(), strict=True):
                assert math.isnan(now_xy[0]) == (not visible[int(y), int(x)])
                marked += math.isnan(now_xy[0])
        dropped += 5 - len(kept)
    assert dropped > 10
    assert marked > 10


def test_cutout_leaves_structures_alone_that_it_does_not_touch():
    image, target = make_sample(0, (HEIGHT, WIDTH), 3, masks=True, points=True)
    cut = RandomCutout(p=0, labels_getter=named)
    assert all(cut((image, target))[1][key] is value for key, value in target.items())
    target["boxes"][:] = torch.tensor([0, 0, 1, 1])
    target["keypoints"][:] = 0.5
    del target["masks"]
    for _ in range(20):
        out, now = RandomCutout(1, fill=-1, labels_getter=named)((image, target))
        if out[0, 0, 0] >= 0:
            assert all(now[key] is value for key, value in target.items())


def test_cutout_of_boxes_without_labels():
    image, target = make_sample(0, (HEIGHT, WIDTH), 3)
    boxes = {"image": image, "boxes": target["boxes"]}
    assert len(RandomCutout(1.0, inside=True)(boxes)["boxes"]) == 0
    assert len(RandomCutout(1.0, inside=True, labels_getter=None)(boxes)["boxes"]) == 0
    points = {"image": image, "points": tv_tensors.KeyPoints(torch.rand(3, 2), canvas_size=(HEIGHT, WIDTH))}
    assert RandomCutout(1.0, inside=True)(points)["points"].isnan().all()
    _, hidden, name = RandomCutout(1.0, inside=True)(image, points["points"], "name")  # no labels are looked for
    assert hidden.isnan().all()
    assert name == "name"


def test_mask_fill_reaches_plain_masks():
    for batch, getter in (
        ({"image": IMAGES, "mask": MASKS}, "default"),
        ({"image": IMAGES, "seg": MASKS}, "seg"),
        ({"image": IMAGES[1], "masks": MASKS[1]}, "default"),
    ):
        cut = RandomCutout(5, fill=-1, mask_fill=99, inside=True, labels_getter=getter)
        images, masks = cut(batch).values()
        assert torch.equal(images[..., 0, :, :] == -1, masks == 99)
        assert (masks == 99).any()
    with says(ValueError, ["inputs['seg']", "tv_tensors.Mask"]):
        RandomCutout(mask_fill=255)({"image": IMAGES, "seg": MASKS})


@pytest.mark.parametrize(
    ("image", "shape"),
    [(IMAGES[1], (8, 8)), (IMAGES[1], (1, 8, 8)), (IMAGES, (6, 8, 8)), (IMAGES, (3, HEIGHT, WIDTH))],
)
def test_mask_fill_of_a_plain_mask_of_another_size_is_an_error(image, shape):
    batch = {"image": image, "mask": torch.zeros(shape, dtype=torch.int64)}
    with says(ValueError, ["inputs['mask']", str(tuple(image.shape)), str(shape)]):
        RandomCutout(mask_fill=255)(batch)
    assert RandomCutout()(batch)["mask"] is batch["mask"]


@pytest.mark.parametrize("beside", [False, True])
def test_sparse_images_and_masks_are_an_error_before_anything_is_drawn(beside):
    state = torch.get_rng_state()
    image, mask = torch.zeros(3, HEIGHT, WIDTH), torch.zeros(HEIGHT, WIDTH).to_sparse()
    with says(TypeError, ["masks" if beside else "images", "dense", "to_dense()", "sparse"]):
        RandomCutout(mask_fill=1)(image if beside else image.to_sparse(), mask)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("fill", [0.5, (0.485, 0.456, 0.406)])
def test_a_fraction_is_no_fill_of_integer_images(fill):
    with says(ValueError, ["fill", "units", "uint8", "255", str(fill)]):
        RandomCutout(fill=fill)(torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8))
    RandomCutout(fill=fill)(torch.zeros(3, HEIGHT, WIDTH))
    with says(ValueError, ["mask_fill", "units"]):
        RandomCutout(mask_fill=0.5)(IMAGES, tv_tensors.Mask(MASKS))


def test_a_fill_for_images_up_to_255_is_warned_of_once_beside_images_up_to_1():
    cut, image = RandomCutout(fill=(124, 116, 104)), torch.rand(3, HEIGHT, WIDTH)
    with pytest.warns(UserWarning, match=r"fill must be in the units of the images, .* got \(124.0, 116.0, 104.0\)"):
        cut(image)
    cut(image)
    for other in (image * 255, image - 0.5, (image * 255).byte(), 0 * image):
        RandomCutout(fill=(124, 116, 104))(other)
    RandomCutout(fill=1.0)(image)


@pytest.mark.parametrize(
    ("fill", "low", "high", "is_warned"),
    [
        (4.5, 0.0, 1.0, True),
        (4.0, 0.0, 1.0, False),
        (4.5, 0.0, 0.75, True),
        (4.5, 0.0, 0.5, False),
        (4.5, 0.0, 1.5, False),
        (4.5, -0.25, 1.0, False),
    ],
)
def test_when_a_fill_is_warned_of(fill, low, high, is_warned):
    image = torch.full((3, HEIGHT, WIDTH), low)
    image[:, 3] = high
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        RandomCutout(fill=fill)(image)
    assert len(caught) == is_warned


def picture(mode="RGB"):
    return PIL.Image.new(mode, (WIDTH, HEIGHT), 7)


@pytest.mark.parametrize("beside", [3, {"label": 3}, tv_tensors.Mask(torch.ones(HEIGHT, WIDTH, dtype=torch.int64))])
def test_mask_fill_beside_a_pil_image(beside):
    cut, _ = RandomCutout(5, inside=True, fill=0, mask_fill=9)(picture(), beside)
    assert cut.getpixel((0, 0)) in ((7, 0, 0), (0, 0, 0))
    assert len(cut.getcolors()) == 2


@pytest.mark.parametrize("beside", [torch.tensor(3), torch.rand(5, 7), "boxes"], ids=["label", "rows", "boxes"])
def test_mask_fill_beside_a_pil_image_and_tensors(beside):
    masks = tv_tensors.Mask(torch.ones(2, HEIGHT, WIDTH, dtype=torch.int64))
    if isinstance(beside, str):
        corners = [[0, 0, WIDTH, HEIGHT], [1, 1, WIDTH, HEIGHT]]
        boxes = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=(HEIGHT, WIDTH))
        cut, target = RandomCutout(5, inside=True, mask_fill=9)(
            picture(), {"boxes": boxes, "labels": torch.tensor([1, 2]), "masks": masks}
        )
        masks = target["masks"]
    else:
        cut, masks, _ = RandomCutout(5, inside=True, mask_fill=9)(picture(), masks, beside)
    hole = F.pil_to_tensor(cut)[0] == 0
    assert hole.sum() == 25
    assert torch.equal(masks[0] == 9, hole)


def test_plain_masks_of_a_tuple_take_mask_fill():
    image, mask = RandomCutout(5, inside=True, fill=-1, mask_fill=9)(IMAGES[1], MASKS[1])
    assert torch.equal(image[0] == -1, mask == 9)


MASKED = {
    "mode": (picture(), picture("L")),
    "key": {"image": picture(), "mask": picture()},
    "key_first": {"mask": picture(), "image": picture()},
}


@pytest.mark.parametrize("sample", MASKED.values(), ids=MASKED)
def test_masks_that_are_pil_images_are_not_cut(sample):
    with says(TypeError, ["tv_tensors.Mask(F.pil_to_tensor(mask))", "PIL image"]):
        RandomCutout()(sample)


NAN, INF = float("nan"), float("inf")
CUTOUT_OPTIONS = [
    ({"size": 0}, ValueError, ["size", "at least 1", "0"]),
    ({"size": -3}, ValueError, ["size", "-3"]),
    ({"size": 0.0}, ValueError, ["size", "0.0"]),
    ({"size": 1.5}, ValueError, ["size", "up to 1.0", "1.5"]),
    ({"size": (5, 3)}, ValueError, ["size", "(5, 3)"]),
    ({"size": (1, 0.5)}, ValueError, ["size", "(1, 0.5)"]),
    ({"size": (1, 2, 3)}, TypeError, ["size", "(1, 2, 3)"]),
    ({"size": "8"}, TypeError, ["size", "'8'"]),
    ({"size": True}, TypeError, ["size", "True"]),
    ({"holes": 0}, ValueError, ["holes", "at least 1", "0"]),
    ({"holes": 1.0}, TypeError, ["holes", "1.0"]),
    ({"fill": "noise"}, ValueError, ["fill", "'random'", "'mean'", "'noise'"]),
    ({"fill": None}, TypeError, ["fill", "None"]),
    ({"fill": ()}, ValueError, ["fill", "()"]),
    ({"fill": NAN}, ValueError, ["fill", "nan"]),
    ({"mask_fill": "0"}, TypeError, ["mask_fill", "'0'"]),
    ({"p": 2}, ValueError, ["p", "2"]),
    ({"min_visibility": 2}, ValueError, ["min_visibility", "2"]),
    ({"hole": 2}, TypeError, ["hole"]),
    ({"size": [8]}, TypeError, ["size", "pixels", "[8]"]),
    ({"size": torch.tensor(8)}, TypeError, ["size", "pixels", "tensor(8)"]),
    ({"size": None}, TypeError, ["size", "pixels", "None"]),
    ({"size": (NAN, 0.5)}, ValueError, ["size", "fraction", "nan"]),
    ({"size": INF}, ValueError, ["size", "fraction", "inf"]),
    ({"holes": True}, TypeError, ["holes", "integer", "True"]),
    ({"holes": (1, 2)}, TypeError, ["holes", "integer", "(1, 2)"]),
    ({"fill": torch.zeros(3)}, TypeError, ["fill", "per channel", "shape (3,)"]),
    ({"fill": np.zeros(3)}, TypeError, ["fill", "per channel", "array([0., 0., 0.])"]),
    ({"fill": [1, "a", 2]}, TypeError, ["fill", "number", "'a'"]),
    ({"fill": True}, TypeError, ["fill", "number", "True"]),
    ({"mask_fill": NAN}, ValueError, ["mask_fill", "number", "nan"]),
    ({"mask_fill": (1, 2)}, TypeError, ["mask_fill", "number", "(1, 2)"]),
    ({"inside": "no"}, TypeError, ["inside", "True or False", "'no'"]),
    ({"p": "x"}, TypeError, ["p", "number", "'x'"]),
    ({"labels_getter": 2.5}, TypeError, ["labels_getter", "key", "2.5"]),
    ({"generator": "cpu"}, TypeError, ["generator", "torch.Generator", "'cpu'"]),
]


@pytest.mark.parametrize(("options", "kind", "words"), CUTOUT_OPTIONS)
def test_options_of_cutout(options, kind, words):
    with says(kind, words):
        RandomCutout(**options)


@pytest.mark.parametrize(
    ("sample", "options", "kind", "words"),
    [
        ((torch.rand(HEIGHT, WIDTH),), {}, ValueError, ["images", "(17, 11)"]),
        ((tv_tensors.Video(torch.rand(2, 3, 2, 3, 4, 4)),), {}, ValueError, ["images", "Video", "(2, 3, 2, 3, 4, 4)"]),
        ((3, "x"), {}, TypeError, ["image", "int, str"]),
        ((PIL.Image.new("P", (4, 4)),), {}, ValueError, ["mode", "P", "convert"]),
        (
            (tv_tensors.Image(IMAGES), tv_tensors.Image(IMAGES[..., 1:])),
            {},
            ValueError,
            ["same size", "(6, 3, 17, 10)"],
        ),
        ((), {}, TypeError, ["image", "nothing"]),
        ((None,), {}, TypeError, ["image", "NoneType"]),
        ((IMAGES.numpy(),), {}, TypeError, ["image", "ndarray"]),
        ((IMAGES.tolist(),), {}, TypeError, ["image", "float"]),
        ((torch.tensor(1.0),), {}, ValueError, ["images", "(C, H, W)", "()"]),
        ((IMAGES + 0j,), {}, TypeError, ["images", "float or integer", "complex64"]),
        ((IMAGES + 0j,), {"fill": "random"}, TypeError, ["images", "float or integer", "complex64"]),
        ((IMAGES[:, :1],), {"fill": (0.1, 0.2, 0.3)}, ValueError, ["fill", "channel (1)", "(0.1, 0.2, 0.3)"]),
        ((IMAGES.byte(),), {"fill": -1}, ValueError, ["fill", "[0, 255]", "-1.0"]),
        ((IMAGES.half(),), {"fill": 1e60}, ValueError, ["fill", "float16", "1e+60"]),
        ((IMAGES,), {"fill": (1, 2)}, ValueError, ["fill", "channel (3)", "(1.0, 2.0)"]),
        ((IMAGES.byte(),), {"fill": 300}, ValueError, ["fill", "[0, 255]", "300"]),
        (
            (tv_tensors.Image(IMAGES), tv_tensors.Mask(torch.zeros(6, 9, 9))),
            {"mask_fill": 1},
            ValueError,
            ["mask", "(17, 11)", "(6, 9, 9)"],
        ),
    ],
)
def test_cutout_calls(sample, options, kind, words):
    with says(kind, words):
        RandomCutout(**options)(*sample)


def test_masks_of_cutout():
    image, mask = tv_tensors.Image(IMAGES), tv_tensors.Mask(torch.zeros(6, HEIGHT, WIDTH, dtype=torch.uint8))
    with says(ValueError, ["mask_fill", "[0, 255]", "300"]):
        RandomCutout(mask_fill=300)(image, mask)
    with says(ValueError, ["masks", "6 images", "(4, 17, 11)"]):
        RandomCutout(mask_fill=3)(image, tv_tensors.Mask(mask[:4]))


@pytest.mark.parametrize("key", ["mask", "segmentation"])
def test_with_mask_fill_a_second_pil_image_may_be_a_mask(key):
    sample = {"image": picture("L"), key: picture("L")}
    with says(TypeError, ["tv_tensors.Mask(F.pil_to_tensor(mask))", f"inputs['{key}']"]):
        RandomCutout(mask_fill=255)(sample)


OTHERS = [IMAGES[1].double(), IMAGES[1, :, 1:], IMAGES[1, :, :5, :4], (IMAGES[1] * 255).byte()]


@pytest.mark.parametrize("other", OTHERS)
def test_a_second_image_is_not_left_without_holes(other):
    for sample in ({"image": IMAGES[0], "view": other}, [IMAGES[0], "name", other]):
        with says(ValueError, ["images must be tv_tensors.Image if there are several", "inputs["]):
            RandomCutout()(sample)
    gray = {"image": IMAGES[0, :1], "view": IMAGES[1, :1]}
    with says(ValueError, ["images must be tv_tensors.Image if there are several", "inputs['view']"]):
        RandomCutout()(gray)
    pair = {"image": IMAGES[0, :2], "view": IMAGES[1, :2, :9], "more": IMAGES[1, :1].double()}  # of too few channels
    assert RandomCutout()(pair)["view"] is pair["view"]
    matrices = {"image": IMAGES[0], "depth": torch.ones(1, HEIGHT, WIDTH), "camera": torch.rand(3, 4, 4)}
    out = RandomCutout()(matrices)
    assert out["depth"] is matrices["depth"]
    assert out["camera"] is matrices["camera"]


@pytest.mark.parametrize("wrap", [tuple, lambda both: dict(zip(("image", "label"), both, strict=True))])
@pytest.mark.parametrize("fill", [None, 9.0])
def test_dense_labels_like_a_gray_image(wrap, fill):
    for image in (IMAGES[:, :1], IMAGES[0, :1]):
        mask = torch.zeros_like(image)
        out = RandomCutout(5, inside=True, fill=-1, mask_fill=fill)(wrap((image, mask)))
        cut, filled = out.values() if isinstance(out, dict) else out
        if fill is None:
            assert filled is mask
        else:
            assert torch.equal(cut == -1, filled == 9)
            assert (cut == -1).any()


def test_dense_labels_under_the_keys_of_labels_take_mask_fill():
    for key in ("label", "labels", "target", "targets"):
        for batch in ({"image": IMAGES, key: MASKS}, {"image": IMAGES[0], key: MASKS[0]}):
            cut, filled = RandomCutout(5, inside=True, fill=-1, mask_fill=9)(batch).values()
            assert torch.equal(cut[..., 0, :, :] == -1, filled == 9)
    RandomCutout(labels_getter="absent")(IMAGES[0])  # nothing needs labels


BEFORE = {
    "matrices": torch.eye(3).repeat(6, 1, 1),
    "tokens": torch.ones(6, 7, 8, dtype=torch.int64),
    "sound": torch.rand(6, 1, 50),
    "depth": torch.rand(6, HEIGHT, WIDTH),
    "label": torch.ones(6, HEIGHT, WIDTH, dtype=torch.int64),
}


@pytest.mark.parametrize("key", BEFORE)
def test_what_comes_before_the_images_of_a_batch_is_not_taken_for_them(key):
    batch = {key: BEFORE[key], "image": IMAGES + 1}
    out = RandomCutout(1.0, inside=True)(batch)
    assert out[key] is batch[key]
    assert (out["image"] == 0).all()


def test_frames_beside_the_image_of_a_sample_are_not_taken_for_a_batch():
    sample = {"image": IMAGES[0] + 1, "frames": torch.ones(5, 3, 9, 9)}
    out = RandomCutout(1.0, inside=True)(sample)
    assert (out["image"] == 0).all()
    assert out["frames"] is sample["frames"]


@pytest.mark.parametrize("getter", ["seg", 0, lambda both: both["seg"]])
def test_labels_before_an_image_are_not_cut(getter):
    seg = torch.ones(1, HEIGHT, WIDTH)
    sample = (seg, IMAGES[0] + 1) if getter == 0 else {"seg": seg, "image": IMAGES[0] + 1}
    for fill in (None, 9):
        out = RandomCutout(1.0, inside=True, mask_fill=fill, labels_getter=getter)(sample)
        cut_seg, image = out if getter == 0 else out.values()
        assert (image == 0).all()
        assert bool((cut_seg == (1 if fill is None else 9)).all())


@pytest.mark.parametrize("label", [3, "cat", np.array([3]), MixedTarget(*torch.rand(3, 1))])
def test_labels_that_are_no_masks_are_nothing_to_cutout(label):
    for getter in ("label", lambda sample: sample["label"]):
        cut = RandomCutout(5, inside=True, fill=-1, mask_fill=9, labels_getter=getter)
        image, mask, found = cut({"image": IMAGES[0], "mask": MASKS[0], "label": label}).values()
        assert torch.equal(image[0] == -1, mask == 9)
        assert found is label
    RandomCutout(mask_fill=9, labels_getter=1)(IMAGES[0])


@pytest.mark.parametrize("wrap", [Pair, lambda *both: UserList(both)], ids=["named", "list"])
def test_masks_that_are_the_second_of_any_sequence_take_mask_fill(wrap):
    image, mask = RandomCutout(5, inside=True, fill=-1, mask_fill=9)(wrap(IMAGES[0], MASKS[0]))
    assert torch.equal(image[0] == -1, mask == 9)
    gray = wrap(IMAGES[0, :1], torch.ones(1, HEIGHT, WIDTH))
    assert RandomCutout()(gray)[1] is gray[1]


def test_rows_of_classes_beside_signals_are_no_masks():
    batch = {"image": torch.rand(4, 2, 10), "label": torch.rand(4, 10)}
    with says(ValueError, ["inputs['label']", "labels_getter"]):
        RandomCutout(3, mask_fill=0, dims=1)(batch)
    assert RandomCutout(3, dims=1)(batch)["label"] is batch["label"]
    signals = {"ecg": torch.rand(5, 12, 100), "features": torch.rand(5, 12, 6)}
    assert RandomCutout(3, dims=1)(signals)["features"] is signals["features"]


def test_masks_beside_a_batch_of_no_images():
    with says(ValueError, ["expected one mask for each of 0 images", "(2, 17, 11)"]):
        RandomCutout(mask_fill=9)(IMAGES[:0], tv_tensors.Mask(torch.zeros(2, HEIGHT, WIDTH)))


def test_what_mask_fill_leaves_and_what_it_must_not():
    attention = {"image": IMAGES, "mask": torch.ones(6, 9)}
    assert RandomCutout(mask_fill=1)(attention)["mask"] is attention["mask"]
    with says(ValueError, ["inputs['seg'] of shape (17, 11)", "left unmixed"]):
        RandomCutout(mask_fill=1)({"image": IMAGES[0], "seg": torch.ones(HEIGHT, WIDTH)})
    one = torch.ones(1, 3, HEIGHT, WIDTH), torch.ones(HEIGHT, WIDTH, dtype=torch.int64)
    image, mask = RandomCutout(5, inside=True, mask_fill=9)(one[0], tv_tensors.Mask(one[1]))
    assert torch.equal(mask == 9, image[0, 0] == 0)


@pytest.mark.parametrize("images", [IMAGES, IMAGES[:0], IMAGES[0]], ids=["batch", "none", "image"])
def test_nothing_is_drawn_where_no_hole_can_be(images):
    state = torch.get_rng_state()
    assert RandomCutout(p=0)(images) is images
    assert RandomCutout().eval()(images) is images
    assert len(images) or RandomCutout()(images) is images
    assert torch.equal(torch.get_rng_state(), state)


def test_the_smallest_image_and_empty_holes():
    assert RandomCutout(1)(torch.ones(1, 1, 1)).item() == 0
    image = IMAGES[0]
    for empty in ([2, 0, 2, 5], [2, 3, 5, 3]):
        assert RandomCutout()(image, draw=torch.tensor([[empty]])) is image


def test_which_tensor_is_the_image_where_several_could_be():
    codes, image = RandomCutout(1.0, inside=True)((torch.ones(4, 8), IMAGES[0] + 1))
    assert codes.min() == 1
    assert (image == 0).all()
    batch = {"camera": torch.ones(6, 3, 3), "image": IMAGES + 1, "other": torch.ones(6, 2, 5, 5)}
    out = RandomCutout(1.0, inside=True)(batch)
    assert (out["image"] == 0).all()
    assert out["camera"] is batch["camera"]
    assert out["other"] is batch["other"]
    sample = {"image": IMAGES[:, 0] + 1, "mask": torch.ones(6, 1, HEIGHT, WIDTH)}  # an image of six channels
    out = RandomCutout(1.0, inside=True)(sample)
    assert (out["image"] == 0).all()
    assert out["mask"] is sample["mask"]


def test_pil_images_in_containers_of_other_types():
    out = RandomCutout(1.0, inside=True)(UserDict(image=picture(), label=3))
    assert out["image"].getcolors() == [(HEIGHT * WIDTH, (0, 0, 0))]
    assert out["label"] == 3
