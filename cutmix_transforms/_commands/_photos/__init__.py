"""Six small photographs to try transforms on, with annotations. CREDITS.md names the photographers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms.functional._checks import check_count

PHOTOS = Path(__file__).parent
NAMES = ("astronaut", "cat", "coffee", "raccoon", "dandelion", "rocket")
SIDE = 320  # the shorter side of every file
NOWHERE = [[float("nan")] * 2] * 3  # keypoints of a thing without a face: no eyes and no nose

Instances = list[dict[str, Any]]


class Photographs(NamedTuple):
    """Six photographs, as a batch for classification and as samples for detection and segmentation.

    Attributes:
        images: all six images in one batch, float32 in [0, 1].
        labels: the class of each image, an index into ``classes``.
        classes: the names of the classes, one word per image.
        scenes: the same images one by one, each with the ``boxes``, ``labels``, ``masks`` and ``keypoints`` of the
            things in it; here ``labels`` are indices into ``things``.
        things: the class names of the things; the first is the background, as torchvision's detectors expect.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    scenes: list[tuple[tv_tensors.Image, dict[str, Tensor]]]
    things: tuple[str, ...]


def photographs(size: int | None = None) -> Photographs:
    """Return the six photographs that come with the package, with labels, boxes, masks and keypoints.

    Use them to look at transforms, to try a training step or to write tests, without a download. Every image is a
    square from the center of its photograph. The boxes, masks and keypoints were drawn by hand. All of it may be used
    for any purpose; ``CREDITS.md`` beside the files names the photographers.

    Args:
        size: the side of the images in pixels; by default 320, the size of the files. In images of a few pixels, a thin
            thing can have an empty mask.

    Shape:
        - images: ``(6, 3, size, size)`` float32 in [0, 1]; labels: ``(6,)`` int64.
        - scenes: 6 pairs of an image ``(3, size, size)`` and a dictionary, with one row for each of the M things in it:
          ``boxes`` ``(M, 4)`` as ``XYXY``, ``labels`` ``(M,)`` int64, ``masks`` ``(M, size, size)`` bool and
          ``keypoints`` ``(M, 3, 2)`` as ``x, y`` of two eyes and a nose, NaN where there is no face.

    Returns:
        A named tuple ``(images, labels, classes, scenes, things)`` of new tensors.

    Raises:
        TypeError: if ``size`` is not an integer.
        ValueError: if ``size`` is below 1.

    Example:
        >>> images, labels, classes, scenes, things = photographs(64)
        >>> images.shape, labels, classes[:3]
        (torch.Size([6, 3, 64, 64]), tensor([0, 1, 2, 3, 4, 5]), ('astronaut', 'cat', 'coffee'))
        >>> image, target = scenes[0]
        >>> [things[label] for label in target["labels"]], target["boxes"].shape
        (['astronaut', 'rocket', 'helmet'], torch.Size([3, 4]))

        Mix them and show the result:

        >>> from cutmix_transforms import RandomCutMix, show_batch
        >>> mixed, targets = RandomCutMix(num_classes=6)(images, labels)
        >>> image = show_batch(mixed, targets, classes=classes)
    """
    side = SIDE if size is None else check_count("size", size)
    found = drawn_by_hand()
    things = ("background", *sorted({one["label"] for instances in found.values() for one in instances}))
    square = v2.Compose([v2.Resize(side), v2.CenterCrop(side), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    with torch.device("cpu"):  # whatever torch.set_default_device says
        scenes = [square(*_scene(name, found[name], things)) for name in NAMES]
        images = torch.stack([image.as_subclass(Tensor) for image, _ in scenes])
        return Photographs(images, torch.arange(len(NAMES)), NAMES, scenes, things)


def drawn_by_hand() -> dict[str, Instances]:
    """Return the hand-drawn annotations of each photograph: labels, boxes ``XYXY``, outlines and perhaps keypoints."""
    found: dict[str, Instances] = json.loads((PHOTOS / "annotations.json").read_text(encoding="utf-8"))
    return found


def _scene(name: str, instances: Instances, things: tuple[str, ...]) -> tuple[Image.Image, dict[str, Tensor]]:
    """Return a whole photograph and its target, like a sample of a detection dataset."""
    with Image.open(PHOTOS / f"{name}.jpg") as file:
        photo = file.convert("RGB")
    return photo, _target_of(instances, (photo.height, photo.width), things)


def _target_of(instances: Instances, size: tuple[int, int], things: tuple[str, ...]) -> dict[str, Tensor]:
    points = [instance.get("keypoints", NOWHERE) for instance in instances]
    return {
        "boxes": tv_tensors.BoundingBoxes(
            torch.tensor([instance["box"] for instance in instances], dtype=torch.float32),
            format=tv_tensors.BoundingBoxFormat.XYXY,
            canvas_size=size,
        ),
        "labels": torch.tensor([things.index(instance["label"]) for instance in instances]),
        "masks": tv_tensors.Mask(torch.stack([_inside(instance["outline"], size) for instance in instances])),
        "keypoints": tv_tensors.KeyPoints(torch.tensor(points, dtype=torch.float32), canvas_size=size),
    }


def _inside(outline: list[list[int]], size: tuple[int, int]) -> Tensor:
    """Return a mask that is True inside an outline and on it."""
    mask = Image.new("L", (size[1], size[0]))
    ImageDraw.Draw(mask).polygon([(x, y) for x, y in outline], fill=1)
    return v2.functional.pil_to_tensor(mask)[0].bool()
