"""One image of a whole batch: a grid of its images, with their targets in words and colors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._show._fonts import ELLIPSIS, Font, check_font, fonts_for, trouble_of
from cutmix_transforms._show._legend import legend_of, with_legend
from cutmix_transforms._show._overlay import corners_on, frame, paint
from cutmix_transforms._show._pixels import pixels_of
from cutmix_transforms._show._targets import notes_of, of_one
from cutmix_transforms._show._text import Lettering, Measure, shorten
from cutmix_transforms.functional._checks import check_boxes, check_count, received
from cutmix_transforms.functional._mix_draw import check_draw

if TYPE_CHECKING:
    from os import PathLike

    from cutmix_transforms.functional._draw import MixDraw
    from cutmix_transforms.functional._pairs import MixedTarget
    from cutmix_transforms.functional._placement import Size

PAPER, INK = (255, 255, 255), (34, 34, 34)
GUTTER = 4
SMALLEST, LARGEST = 96, 320  # sides of a tile in pixels
SIGNS = f"0123456789.+-{ELLIPSIS}"  # characters beside the names of classes

_TOLD: set[str] = set()  # texts that a warning was given for


def show_batch(
    images: Tensor | Sequence[Tensor],
    targets: Tensor | MixedTarget | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    draw: MixDraw | None = None,
    columns: int | None = None,
    channels: int | Sequence[int] | None = None,
    font: str | PathLike[str] | Font | None = None,
) -> Image.Image:
    """Return an image of a batch with its targets. At the end of a notebook cell, it is displayed.

    The target is written under each image, such as "0.68 cat + 0.32 coffee". Boxes are drawn with the names of their
    classes, masks as translucent colors and keypoints as dots. Each class has one of seven colors, which color-blind
    people can distinguish, then darker and lighter ones; where no tag on a box names it, a legend at the bottom does.
    Images smaller than 96 pixels are enlarged by a whole number; images larger than 320 pixels are reduced.

    Args:
        images: the batch, integer or float in [0, 1]; of a video, the middle frame is shown. Or a sequence of images,
            which may differ in size. White is 1 for floats. For integers it is the smallest of 255, 4095, 65535 and the
            dtype's maximum that is not below the highest pixel.
        targets: class indices, rows of soft targets, values or semantic masks; a ``MixedTarget`` of these; or for each
            image a dictionary with any of ``boxes``, ``labels``, ``masks``, ``keypoints`` and MixUp's ``weights``,
            which are written after the names. Hidden keypoints (``nan`` or negative) and keypoints outside the image
            are not drawn. In a semantic mask, the classes 0 (background) and 255 (ignored) have no color.
        classes: the names of the classes; by default their indices are written.
        mean: the channel means that the images were normalized with, to undo it.
        std: the channel standard deviations that the images were normalized with, to undo it. If values lie far outside
            [0, 1] without both, a warning asks for them.
        draw: the draw that the batch was mixed with, to outline its boxes.
        columns: the number of images in a row; 8 by default.
        channels: the indices of three channels for red, green and blue, such as ``(3, 2, 1)`` of a satellite image, or
            of one channel to show in gray. By default the first three of 3 or 4 channels, and the first of 1 or 2.
        font: the path of a TrueType or OpenType file, or a font from ``PIL.ImageFont.truetype``, whose size is then
            used under the images. By default, and for missing characters, it is Pillow's own font or a font of the
            system. A warning names characters that no font has.

    Shape:
        - images: ``(N, C, H, W)``, one image ``(C, H, W)``, videos ``(N, T, C, H, W)``, or N tensors ``(C, H, W)``;
          with more than 4 channels ``channels`` must be given.
        - targets: ``(N,)``, ``(N, K)``, masks ``(N, H, W)`` or ``(N, 1, H, W)``, or a ``MixedTarget`` of these; for
          one image also without ``N``.
        - in a dictionary: boxes ``(n, 4)``, plain ones as ``XYXY``; labels and weights ``(n,)``; masks ``(n, H, W)``
          of instances or ``(H, W)`` of classes; keypoints ``(n, 2)`` or ``(n, k, 2)``.

    Returns:
        An RGB image.

    Raises:
        TypeError: if ``images``, ``targets``, ``draw``, ``channels`` or ``font`` has a wrong type.
        ValueError: if ``targets``, ``classes``, ``mean``, ``std``, ``draw`` or ``channels`` does not match the images,
            or ``font`` cannot be read.

    Example:
        >>> import torch
        >>> image = show_batch(torch.rand(3, 3, 100, 150), torch.tensor([0, 1, 0]), classes=["cat", "dog"])
        >>> image.size
        (466, 124)
        >>> target = {"boxes": torch.tensor([[10, 20, 60, 90]]), "labels": torch.tensor([1])}
        >>> show_batch([torch.rand(3, 100, 150), torch.rand(3, 120, 80)], [target, {}], classes=["cat", "dog"]).size
        (312, 128)
    """
    pixels = pixels_of(images, mean, std, channels)
    if pixels.trouble:
        warnings.warn(pixels.trouble, stacklevel=2)
    sizes: list[Size] = [tuple(image.shape[-2:]) for image in pixels.images]
    _check_classes(classes)
    if isinstance(images, Tensor) and images.ndim == 3 and targets is not None:
        targets = of_one(targets)
    notes = notes_of(targets, sizes, classes)
    if draw is not None:
        _check_draw(draw, sizes)
    count = min(len(sizes), 8) if columns is None else check_count("columns", columns)
    fonts = fonts_for([*notes.texts, SIGNS], check_font(font))
    trouble = trouble_of(notes.texts, fonts, _TOLD)
    if trouble:
        warnings.warn(trouble, stacklevel=2)
    tiles = [_tile(image) for image in pixels.images]
    for tile, overlay in zip(tiles, notes.overlays, strict=False):
        paint(tile, overlay, fonts)
    if draw is not None:
        for tile, box in zip(tiles, draw.boxes.tolist(), strict=True):
            _outline(tile, box, draw.size)
    size = font.size if isinstance(font, Font) else min(max(max(tile.width for tile in tiles) // 12, 12), 20)
    lettering = Lettering(fonts, size)
    sheet = _grid(tiles, notes.captions, count, lettering)
    legend = legend_of(notes.overlays)
    return with_legend(sheet, legend, lettering, PAPER, INK) if legend else sheet


def _check_draw(draw: Any, sizes: list[Size]) -> None:
    check_draw(draw)
    if len(draw.boxes) != len(sizes) or any(size != tuple(draw.size) for size in sizes):
        raise ValueError(
            f"draw must be made for {len(sizes)} images of size {' and '.join(map(str, sorted(set(sizes))))}, "
            f"got one for {len(draw.boxes)} of size {tuple(draw.size)}"
        )
    check_boxes("draw.boxes", draw.boxes.cpu(), draw.size)


def _check_classes(classes: Any) -> None:
    if classes is not None and (
        isinstance(classes, (str, Mapping)) or not hasattr(classes, "__len__") or not hasattr(classes, "__getitem__")
    ):
        raise TypeError(f"classes must be a sequence of names, such as dataset.classes, got {received(classes)}")


def _tile(image: Tensor) -> Image.Image:
    tile: Image.Image = F.to_pil_image(image)
    side = max(tile.size)
    if side < SMALLEST:
        factor = ceil(SMALLEST / side)
        return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)
    tile.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return tile


def _outline(tile: Image.Image, box: list[int], size: Size) -> None:
    """Draw the edge of a box, unless the box is empty or the whole image."""
    top, left, bottom, right = box
    if top == bottom or left == right or (bottom - top, right - left) == tuple(size):
        return
    frame(tile, corners_on(tile, (left, top, right, bottom), size))


def _grid(tiles: list[Image.Image], captions: list[str], columns: int, lettering: Lettering) -> Image.Image:
    """Arrange tiles in cells of the size of the largest tile, and give every row space for its longest caption."""
    width, height = (max(sides) for sides in zip(*(tile.size for tile in tiles), strict=True))
    line, room = lettering.height, width - round(lettering.size / 2)  # full lines beside one another do not touch
    rows = [range(start, min(start + columns, len(tiles))) for start in range(0, len(tiles), columns)]
    texts = [_wrap(caption, lettering, room) for caption in captions]
    below = [line * max(len(texts[i]) for i in row) for row in rows]
    columns = min(columns, len(tiles))
    paper = Image.new(
        "RGB",
        (GUTTER + columns * (width + GUTTER), GUTTER + sum(height + space + GUTTER for space in below)),
        PAPER,
    )
    pen = ImageDraw.Draw(paper)
    y = GUTTER
    for row, space in zip(rows, below, strict=True):
        for column, i in enumerate(row):
            x = GUTTER + column * (width + GUTTER)
            paper.paste(tiles[i], (x + (width - tiles[i].width) // 2, y + (height - tiles[i].height) // 2))
            for k, text in enumerate(texts[i]):
                lettering.write(pen, (x + width / 2, y + height + k * line + line / 2), text, INK)
        y += height + space + GUTTER
    return paper


def _wrap(caption: str, font: Measure, width: float) -> list[str]:
    """Break a caption into lines before its plus signs, and shorten lines that are still too long."""
    lines: list[str] = []
    for term in caption.split(" + ") if caption else []:
        longer = f"{lines[-1]} + {term}" if lines else term
        if not lines or font.getlength(longer) <= width:
            lines[-1:] = [longer]
        else:
            lines.append(f"+ {term}")
    return [shorten(text, font, width) for text in lines]
