"""Boxes, masks and keypoints of a target, drawn on the tile that shows its image."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._show._fonts import Font
from cutmix_transforms._show._text import Color, Lettering, shorten, without_middle
from cutmix_transforms.functional._pairs import MixedTarget
from cutmix_transforms.functional._placement import Size
from cutmix_transforms.functional._registry import convert_boxes
from cutmix_transforms.functional._wrap import unwrap

# Okabe & Ito 2008, Color Universal Design, for color-blind people too, without black, which is lost on photographs.
PALETTE = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
ALPHA = 0.45  # of masks
IGNORED = 255  # the usual value of pixels without a class
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64)
LONGEST = 200  # characters in a name, more than fit on the widest tile
FINE = 4  # dots are drawn so many times larger and then reduced, since Pillow's circles are not smooth

Box = tuple[int, int, int, int]  # (left, top, right, bottom) in pixels of a tile, the last ones included
Region = tuple[Tensor, int]  # how strongly a class covers each pixel (H, W), and the class


@dataclass
class Overlay:
    """Hold what to draw on one image, in the pixels of that image."""

    size: Size
    caption: str = ""
    regions: list[Region] = field(default_factory=list)
    boxes: list[list[float]] = field(default_factory=list)  # XYXY
    tags: list[tuple[str, str]] = field(default_factory=list)  # for each box: a name, and text that is never shortened
    points: list[list[list[float]]] = field(default_factory=list)  # for each instance: the visible keypoints
    kinds: list[int] = field(default_factory=list)  # for each instance: its class, or without labels its index
    untagged: dict[int, str] = field(default_factory=dict)  # names of classes that only a color tells


def overlay_of(target: Mapping[str, Any], size: Size, name: str, classes: Sequence[str] | None = None) -> Overlay:
    """Make the overlay of one image from its target dictionary."""
    layers = _layers(target.get("masks"), size, f"{name}['masks']")
    masks = next((mask for mask, _ in layers), None)
    is_semantic = masks is not None and masks.ndim == 2
    rows = _rows(target, name) | ({"masks": masks} if masks is not None and not is_semantic else {})
    counts = {key: len(value) for key, value in rows.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{name} must hold one row of each kind for each of its instances, got {counts}")
    count = max(counts.values(), default=0)
    kinds = rows["labels"].tolist() if "labels" in rows else list(range(count))
    names = list(map(partial(name_of, classes=classes), kinds)) if "labels" in rows else [""] * count
    weights = rows["weights"].tolist() if "weights" in rows else [1.0] * count
    overlay = Overlay(size, kinds=kinds)
    if "boxes" in rows:
        overlay.boxes = rows["boxes"].tolist()
        overlay.tags = list(zip(names, ["" if w == 1 else f"{w:.2f}" for w in weights], strict=True))
    else:
        if "labels" in rows and {"masks", "keypoints"} & rows.keys():
            overlay.untagged = dict(zip(kinds, names, strict=True))
        overlay.caption = " + ".join(dict.fromkeys(filter(None, names)))
    if is_semantic:
        overlay.regions = _of_classes(layers)
        overlay.untagged = {k: name_of(k, classes) for _, k in overlay.regions}
        seen = list(overlay.untagged.values())
        overlay.caption = " + ".join(seen[:3] + ["…"] * (len(seen) > 3))
    elif "masks" in rows:
        overlay.regions = [((mask != 0) * w, k) for mask, w, k in zip(rows["masks"], weights, kinds, strict=True)]
    for group in rows.get("keypoints", ()):
        points = group.double().reshape(-1, 2)
        is_seen = (points >= 0) & (points <= points.new_tensor(size[::-1]))  # nan is neither
        overlay.points.append(points[is_seen.all(-1)].tolist())
    return overlay


def _rows(target: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    """Return the boxes, labels, weights and keypoints of a target dictionary, one row per instance."""
    rules = {"boxes": "(n, 4)", "labels": "(n,)", "weights": "(n,)", "keypoints": "(n, 2) or (n, k, 2)"}
    keys = [key for key in rules if target.get(key) is not None]
    rows = dict(zip(keys, map(_tensor, map(target.get, keys), [f"{name}[{key!r}]" for key in keys]), strict=True))
    if isinstance(target.get("boxes"), tv_tensors.BoundingBoxes):
        rows["boxes"] = _corners(target["boxes"], f"{name}['boxes']")
    for key, value in rows.items():
        last, ndims = {"boxes": (4, (2,)), "keypoints": (2, (2, 3))}.get(key, (None, (1,)))
        if value.ndim not in ndims or last not in (None, value.shape[-1]):
            raise ValueError(f"{name}[{key!r}] must be of shape {rules[key]}, got {tuple(value.shape)}")
        if key == "labels" and value.dtype not in INTEGERS:
            raise TypeError(f"{name}['labels'] must be integers, got {value.dtype}")
        if value.is_complex():
            raise TypeError(f"{name}[{key!r}] must be real numbers, got {value.dtype}")
        if key in ("boxes", "weights") and not value.isfinite().all():
            row = int((~value.isfinite()).nonzero()[0, 0])
            raise ValueError(f"{name}[{key!r}] must be finite numbers, got {value[row].tolist()} at index {row}")
    return rows


def _tensor(value: object, name: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    return unwrap(value.detach()).cpu()


def _corners(boxes: tv_tensors.BoundingBoxes, name: str) -> Tensor:
    """Convert boxes of any format that is not rotated to ``(left, top, right, bottom)``."""
    if tv_tensors.is_rotated_bounding_format(boxes.format):
        raise ValueError(f"{name} must not be rotated, got the format {boxes.format.name}")
    plain = unwrap(boxes.detach()).cpu().double()
    return convert_boxes(plain, boxes.format, tv_tensors.BoundingBoxFormat.XYXY)


def _layers(masks: Any, size: Size, name: str) -> list[tuple[Tensor, float]]:
    """Return the masks of one image with their fractions: two masks for a ``MixedTarget``, one for a tensor."""
    if masks is None:
        return []
    pairs = [(masks, 1.0)]
    if isinstance(masks, MixedTarget):
        lam = float(_tensor(masks.lam, f"{name}.lam"))
        pairs = [(masks.a, lam), (masks.b, 1 - lam)]
    plain_masks = list(map(_tensor, [mask for mask, _ in pairs], [name] * len(pairs)))
    layers = [(plain, fraction) for plain, (_, fraction) in zip(plain_masks, pairs, strict=True)]
    for plain, _ in layers:
        if plain.ndim not in (2, 3) or tuple(plain.shape[-2:]) != tuple(size):
            raise ValueError(
                f"{name} must be of the size of the image, (H, W) or (n, H, W) with {tuple(size)}, "
                f"got {tuple(plain.shape)}"
            )
        if plain.dtype not in (*INTEGERS, torch.bool):
            raise TypeError(f"{name} must be integers or bool, got {plain.dtype}")
    return layers


def _of_classes(layers: list[tuple[Tensor, float]]) -> list[Region]:
    """Return the regions of semantic masks, the largest first."""
    seen = {int(k) for mask, fraction in layers if fraction for k in mask.long().unique()} - {0, IGNORED}
    regions = [(torch.stack([(mask == k) * fraction for mask, fraction in layers]).sum(0), k) for k in seen if k >= 0]
    regions.sort(key=lambda region: (-float(region[0].sum()), region[1]))
    return regions


def name_of(k: int, classes: Sequence[str] | None) -> str:
    """Return the name of a class in one line, or its index as text."""
    if classes is None:
        return str(k)
    if not 0 <= k < len(classes):
        raise ValueError(f"classes must have a name for every class, got {len(classes)} names for class {k}")
    name = unicodedata.normalize("NFC", str(classes[k]))  # few fonts have combining accents
    return without_middle(" ".join(name.split()), LONGEST)


def paint(tile: Image.Image, overlay: Overlay, fonts: tuple[Font, ...]) -> None:
    """Draw an overlay on the tile of its image: masks at the bottom, tags on top."""
    for cover, kind in overlay.regions:
        _tint(tile, cover, color_of(kind))
    corners = [corners_on(tile, box, overlay.size) for box in overlay.boxes]
    for box, kind in zip(corners, overlay.kinds, strict=False):
        frame(tile, box, color_of(kind), bold=True)
    down, across = tile.height / overlay.size[0], tile.width / overlay.size[1]
    for group, kind in zip(overlay.points, overlay.kinds, strict=False):
        for x, y in group:
            _dot(tile, (x + 0.5) * across, (y + 0.5) * down, color_of(kind))  # the center of its pixel
    lettering = Lettering(fonts, max(10, min(14, tile.width // 20)))
    taken: list[Box] = []
    for box, tag, kind in zip(corners, overlay.tags, overlay.kinds, strict=False):
        if any(tag):
            taken.append(_write(tile, box, tag, color_of(kind), lettering, taken))


def color_of(kind: int) -> Color:
    """Return the color of a class: of the palette, then darker, then lighter."""
    shade, towards = ((0.0, 0), (0.45, 0), (0.6, 255))[kind // len(PALETTE) % 3]
    red, green, blue = (round(value + shade * (towards - value)) for value in PALETTE[kind % len(PALETTE)])
    return red, green, blue


def corners_on(tile: Image.Image, box: Sequence[float], size: Size) -> Box:
    """Convert ``(left, top, right, bottom)`` from the image to its tile, where it covers at least one pixel."""
    edges = []
    for low, high, side, length in zip(box[:2], box[2:], size[::-1], tile.size, strict=True):
        first, beyond = (round(min(max(edge, 0), side) * length / side) for edge in (low, high))
        first = min(first, length - 1)
        edges.append((first, max(first, beyond - 1)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def frame(tile: Image.Image, box: Box, color: Color = WHITE, *, bold: bool = False) -> None:
    """Draw the edge of a box as a colored line with a black line inside, which is visible on any background."""
    pen = ImageDraw.Draw(tile)
    thin = max(1, max(tile.size) // 160)
    line, inner = (thin + 1, 1) if bold else (thin, thin)
    pen.rectangle(box, outline=BLACK, width=line + inner)
    pen.rectangle(box, outline=color, width=line)


def _tint(tile: Image.Image, cover: Tensor, color: Color) -> None:
    strength: Image.Image = F.to_pil_image((cover.float().clamp(0, 1) * (255 * ALPHA)).round().to(torch.uint8))
    if strength.size != tile.size:
        is_enlarged = strength.width < tile.width
        strength = strength.resize(tile.size, Image.Resampling.NEAREST if is_enlarged else Image.Resampling.BOX)
    tile.paste(color, mask=strength)


def _dot(tile: Image.Image, x: float, y: float, color: Color) -> None:
    radius = max(2.0, max(tile.size) / 80)
    rim = max(1.0, radius / 3)
    side = 2 * int(radius + rim + 2)
    left, top = round(x) - side // 2, round(y) - side // 2
    for reach, ink in ((radius + rim, WHITE), (radius, color)):
        disc = Image.new("L", (side * FINE, side * FINE))
        edges = [
            (middle - offset + sign * reach) * FINE for sign in (-1, 1) for middle, offset in ((x, left), (y, top))
        ]
        ImageDraw.Draw(disc).ellipse(edges, fill=255)
        tile.paste(ink, (left, top), disc.resize((side, side), Image.Resampling.BOX))


def _write(
    tile: Image.Image, box: Box, tag: tuple[str, str], color: Color, lettering: Lettering, taken: list[Box]
) -> Box:
    """Write a tag at the top left of a box, or below the tags already there, and return its position."""
    size = round(lettering.size)
    edge = max(2, size // 5)
    fraction = f" {tag[1]}" if all(tag) else tag[1]
    text = shorten(tag[0], lettering, tile.width - 2 * edge - lettering.getlength(fraction)) + fraction
    width, height = min(round(lettering.getlength(text)) + 2 * edge, tile.width), size + edge
    left, top = max(min(box[0], tile.width - width), 0), max(min(box[1], tile.height - height), 0)
    for other in sorted(taken, key=lambda other: other[1]):
        is_beside = left >= other[2] or other[0] >= left + width or top >= other[3] or other[1] >= top + height
        if not is_beside and other[3] + height <= tile.height:
            top = other[3]
    pen = ImageDraw.Draw(tile)
    pen.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
    lettering.write(pen, (left + width / 2, top + height / 2), text, ink_on(color))
    return left, top, left + width, top + height


def ink_on(color: Color) -> Color:
    """Return black or white, whichever is easier to read on a color (by the relative luminance of WCAG 2)."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in color)]
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
    return BLACK if luminance > 0.179 else WHITE
