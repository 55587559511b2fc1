"""Six small photographs to look at transforms with, and what is where on them; CREDITS.md says whose they are."""

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

PHOTOS = Path(__file__).parent
NAMES = ("astronaut", "cat", "coffee", "raccoon", "dandelion", "rocket")
NOWHERE = [[float("nan")] * 2] * 3  # keypoints are two eyes and a nose, which not everything has


def annotations() -> dict[str, list[dict[str, Any]]]:
    """For each photograph its instances: a label, a box ``XYXY``, an outline and perhaps keypoints, all by hand."""
    found: dict[str, list[dict[str, Any]]] = json.loads((PHOTOS / "annotations.json").read_text(encoding="utf-8"))
    return found


def target_of(instances: list[dict[str, Any]], size: tuple[int, int], labels: list[str]) -> dict[str, torch.Tensor]:
    """What a data set for detection says of an image of that ``(height, width)``."""
    points = [instance.get("keypoints", NOWHERE) for instance in instances]
    return {
        "boxes": tv_tensors.BoundingBoxes(
            torch.tensor([instance["box"] for instance in instances], dtype=torch.float32),
            format=tv_tensors.BoundingBoxFormat.XYXY,
            canvas_size=size,
        ),
        "labels": torch.tensor([labels.index(instance["label"]) for instance in instances]),
        "masks": tv_tensors.Mask(torch.stack([_inside(instance["outline"], size) for instance in instances])),
        "keypoints": tv_tensors.KeyPoints(torch.tensor(points, dtype=torch.float32), canvas_size=size),
    }


def _inside(outline: list[list[int]], size: tuple[int, int]) -> torch.Tensor:
    """The pixels within an outline and on it."""
    mask = Image.new("L", (size[1], size[0]))
    ImageDraw.Draw(mask).polygon([(x, y) for x, y in outline], fill=1)
    return F.pil_to_tensor(mask)[0].bool()
