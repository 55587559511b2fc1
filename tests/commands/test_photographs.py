"""The photographs of the package and what is where in them."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.ops import masks_to_boxes

from cutmix_transforms import MixCollate, RandomCutMix, RandomMixUp, photographs, show_batch, unstacked
from cutmix_transforms._commands._photos import NAMES, PHOTOS, drawn_by_hand


def square_by_hand(name):
    """Return the middle of a photograph as it is stored, cut with array indices."""
    with Image.open(PHOTOS / f"{name}.jpg") as photo:
        pixels = np.asarray(photo.convert("RGB"))
    top, left = (round((side - 320) / 2) for side in pixels.shape[:2])
    return torch.tensor(pixels[top : top + 320, left : left + 320]).permute(2, 0, 1), left, top


@pytest.mark.parametrize("size", [17, 64, 320, 400, np.int64(33)])
def test_forms(size):
    photos = photographs(size)
    assert type(photos.images) is torch.Tensor
    assert photos.images.shape == (6, 3, size, size)
    assert photos.images.dtype == torch.float32
    assert photos.images.amin() >= 0
    assert 0.9 < photos.images.amax() <= 1
    assert photos.labels.tolist() == list(range(6))
    assert photos.labels.dtype == torch.int64
    assert len(photos.classes) == len(photos.scenes) == 6
    for image, target in photos.scenes:
        assert type(image) is tv_tensors.Image
        assert [type(target[key]) for key in ("boxes", "masks", "keypoints")] == [
            tv_tensors.BoundingBoxes,
            tv_tensors.Mask,
            tv_tensors.KeyPoints,
        ]
        count = len(target["labels"])
        assert target["labels"].dtype == torch.int64
        assert target["boxes"].shape == (count, 4)
        assert target["masks"].shape == (count, size, size)
        assert target["masks"].dtype == torch.bool
        assert target["masks"].flatten(1).any(1).all()
        assert target["keypoints"].shape == (count, 3, 2)
        assert target["boxes"].canvas_size == target["keypoints"].canvas_size == (size, size)


def test_scenes_are_of_the_images():
    photos = photographs(64)
    for image, (scene, _) in zip(photos.images, photos.scenes, strict=True):
        assert torch.equal(image, scene)


def test_without_a_size_nothing_is_scaled():
    for name, image, (_, target) in zip(NAMES, *photographs()[::3], strict=True):
        pixels, left, top = square_by_hand(name)
        assert torch.equal((image * 255).round().to(torch.uint8), pixels)
        drawn = drawn_by_hand()[name]
        shift = torch.tensor([left, top, left, top])
        boxes = (torch.tensor([one["box"] for one in drawn]) - shift).clamp(0, 320)
        assert torch.equal(target["boxes"].as_subclass(torch.Tensor), boxes.float())
        tight = masks_to_boxes(target["masks"]) + torch.tensor([0, 0, 1, 1])  # the last pixels are inside
        assert torch.equal(tight, boxes.float())


def test_boxes_and_masks_are_scaled_with_the_image():
    for (_, large), (_, small) in zip(photographs(320).scenes, photographs(160).scenes, strict=True):
        assert torch.equal(large["labels"], small["labels"])
        for key in ("boxes", "keypoints"):  # the crop of an odd width is rounded to pixels of its own
            first, second = (target[key].as_subclass(torch.Tensor) for target in (small, large))
            torch.testing.assert_close(first * 2, second, rtol=0, atol=2, equal_nan=True)
        tight = masks_to_boxes(small["masks"]) + torch.tensor([0, 0, 1, 1])
        torch.testing.assert_close(tight, small["boxes"].as_subclass(torch.Tensor), rtol=0, atol=1)


def test_what_was_drawn_by_hand_lies_in_the_square():
    found = drawn_by_hand()
    assert set(found) == set(NAMES)
    for name in NAMES:
        _, left, _ = square_by_hand(name)
        for one in found[name]:
            assert len(one["outline"]) >= 12
            assert all(left <= x < left + 320 and 0 <= y < 320 for x, y in one.get("keypoints", []))
    with_eyes = {name for name, things in found.items() for one in things if "keypoints" in one}
    assert with_eyes == {"astronaut", "cat", "raccoon"}


def test_keypoints_lie_on_their_thing():
    for _, target in photographs().scenes:
        for mask, points in zip(target["masks"], target["keypoints"], strict=True):
            assert points.isnan().all() or all(mask[int(y), int(x)] for x, y in points)


def test_class_names_are_of_the_labels():
    photos = photographs(32)
    assert photos.classes == ("astronaut", "cat", "coffee", "raccoon", "dandelion", "rocket")
    assert photos.things[0] == "background"
    assert list(photos.things[1:]) == sorted(set(photos.things[1:]))
    named = [[photos.things[label] for label in target["labels"]] for _, target in photos.scenes]
    assert named[0] == ["astronaut", "rocket", "helmet"]
    assert {name for names in named for name in names} == set(photos.things[1:])


def test_a_call_does_not_see_what_was_done_to_another():
    first = photographs(32)
    before = first.images.clone()
    first.scenes[0][0].zero_()
    assert torch.equal(first.images, before)
    first.images.zero_()
    first.scenes[0][1]["boxes"].zero_()
    again = photographs(32)
    assert torch.equal(again.images, before)
    assert again.scenes[0][1]["boxes"].any()


def test_defaults_of_torch_change_nothing():
    state = torch.get_rng_state()
    usual = photographs(32)
    with torch.device("meta"):
        torch.set_default_dtype(torch.float64)
        try:
            found = photographs(32)
        finally:
            torch.set_default_dtype(torch.float32)
    assert torch.equal(found.images, usual.images)
    assert found.labels.device.type == "cpu"
    assert found.images.dtype == torch.float32
    for (_, target), (_, other) in zip(found.scenes, usual.scenes, strict=True):
        for key, value in target.items():
            assert value.dtype == other[key].dtype
            torch.testing.assert_close(value, other[key], equal_nan=True)
    assert torch.equal(torch.get_rng_state(), state)


def test_they_can_be_mixed_and_shown():
    images, labels, classes, scenes, things = photographs(48)
    mixed, targets = RandomMixUp(num_classes=6)(images, labels)
    assert show_batch(mixed, targets, classes=classes).width > 3 * 48
    views, rows = MixCollate(RandomCutMix(), collate_fn=unstacked)(scenes)
    assert show_batch(views, rows, classes=things).width > 3 * 48


@pytest.mark.slow
def test_scenes_reach_workers_that_are_spawned():
    scenes = photographs(32).scenes
    collate = MixCollate(RandomCutMix(), collate_fn=unstacked)
    (batch,) = DataLoader(scenes, 6, collate_fn=collate, num_workers=1, multiprocessing_context="spawn")
    views, rows = batch
    assert [view.shape for view in views] == [(3, 32, 32)] * 6
    assert all(isinstance(row["boxes"], tv_tensors.BoundingBoxes) for row in rows)


@pytest.mark.parametrize(
    ("size", "error"),
    [(0, ValueError), (-3, ValueError), (64.0, TypeError), (True, TypeError), ("64", TypeError), ((64, 64), TypeError)],
)
def test_bad_sizes(size, error):
    with pytest.raises(error, match=rf"size must be an integer of at least 1, got (\w+: )?{re.escape(repr(size))}"):
        photographs(size)


def test_files_are_small_and_credited():
    files = list(PHOTOS.glob("*.jpg"))
    assert {file.stem for file in files} == set(NAMES)
    assert sum(file.stat().st_size for file in files) < 400_000
    text = (PHOTOS / "CREDITS.md").read_text(encoding="utf-8")
    for file in files:
        assert f"`{file.name}`" in text
        with Image.open(file) as photo:
            assert min(photo.size) == 320
