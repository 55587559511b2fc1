"""A picture of a batch: images in a grid, with their targets in words and colors."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil, inf
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._checks import check_count
from cutmix_transforms._overlay import INTEGERS, corners_on, frame, name_of, overlay_of, paint, shorten
from cutmix_transforms._wrap import unwrap
from cutmix_transforms.functional._by_hand import check_draw
from cutmix_transforms.functional._checks import check_boxes, received
from cutmix_transforms.functional._draw import MixDraw, Size
from cutmix_transforms.functional._pairs import MixedTarget, check_pair, weigh

PAPER, INK = (255, 255, 255), (34, 34, 34)
GUTTER = 4
FORMS = "a tensor, a MixedTarget, a sequence with one dictionary for each image, or None"
SMALLEST, LARGEST = 96, 320  # sides of a tile in pixels
WHITES = (255, 4095, 65535)  # of 8, 12 and 16 bits
NEAR = 0.25  # so far outside of [0, 1] come images that were resized or got noise, but not those that were normalized


def show_batch(
    images: Tensor | Sequence[Tensor],
    targets: Tensor | MixedTarget | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    draw: MixDraw | None = None,
    columns: int | None = None,
) -> Image.Image:
    """Return a picture of a batch, which shows itself at the end of a notebook cell.

    Under each image stands its target in words, such as "0.68 cat + 0.32 coffee". Boxes are drawn with the names of
    their classes, masks as translucent colors and keypoints as dots, in a color for each class that the color-blind
    can tell from its neighbors; there are seven, then they come again. Images smaller than 96 pixels are enlarged by
    a whole number, images larger than 320 pixels are made smaller.

    Args:
        images: the batch, in color or gray, integer or float from 0 to 1; of videos the middle frame is shown. Or a
            sequence of images, also of unequal sizes. White is 1 for floats, and for integers the first of 255, 4095,
            65535 and the highest value of the dtype that no pixel exceeds.
        targets: class indices, rows of class fractions, values, or semantic masks; a :class:`MixedTarget` of these; or
            for each image a dictionary with any of ``boxes``, ``labels``, ``masks``, ``keypoints`` and the ``weights``
            of MixUp, which stand behind the names. Keypoints that are covered (``nan``, or negative) or outside the
            image are left out; classes 0 (the background) and 255 (not known) of a semantic mask have no color.
        classes: the names of the classes; by default they are numbered.
        mean: the channel means that were subtracted from the images, to show them as they were.
        std: the channel standard deviations that the images were divided by. A warning asks for both where values lie
            far outside of [0, 1].
        draw: the draw that the batch was mixed with, to outline its boxes.
        columns: number of images in a row; 8 by default.

    Shape:
        - images: ``(N, C, H, W)`` with 1 or 3 channels, one image ``(C, H, W)``, videos ``(N, T, C, H, W)``, or N
          tensors ``(C, H, W)``.
        - targets: ``(N,)``, ``(N, K)``, masks ``(N, H, W)`` or ``(N, 1, H, W)``, or a ``MixedTarget`` of these; for
          one image also without ``N``.
        - in a dictionary: boxes ``(n, 4)``, plain ones as ``XYXY``; labels and weights ``(n,)``; masks ``(n, H, W)``
          of instances or ``(H, W)`` of classes; keypoints ``(n, 2)`` or ``(n, k, 2)``.

    Returns:
        An RGB picture.

    Raises:
        TypeError: if ``images``, ``targets`` or ``draw`` are of another type.
        ValueError: if shapes, ``classes``, ``mean``, ``std`` or ``draw`` do not fit the images.

    Example:
        >>> picture = show_batch(torch.rand(3, 3, 100, 150), torch.tensor([0, 1, 0]), classes=["cat", "dog"])
        >>> picture.size
        (466, 124)
        >>> target = {"boxes": torch.tensor([[10, 20, 60, 90]]), "labels": torch.tensor([1])}
        >>> show_batch([torch.rand(3, 100, 150), torch.rand(3, 120, 80)], [target, {}], classes=["cat", "dog"]).size
        (312, 128)
    """
    pixels = _each_in_pixels(images, mean, std)
    sizes = [(image.shape[-2], image.shape[-1]) for image in pixels]
    _check_classes(classes)
    if isinstance(images, Tensor) and images.ndim == 3 and targets is not None:
        targets = _of_one(targets)
    if isinstance(targets, MixedTarget):
        check_pair(targets)
    captions, overlays = [""] * len(sizes), []
    if _has_words(targets):
        captions = captions_of(targets, classes)
        _check_count(len(captions), len(sizes))
    elif targets is not None:
        rows = _rows_of(targets, sizes)
        overlays = list(map(partial(overlay_of, classes=classes), rows, sizes, _names_of(targets, len(rows))))
        captions = [overlay.caption for overlay in overlays]
    if draw is not None:
        _check_draw(draw, sizes)
    count = min(len(sizes), 8) if columns is None else check_count("columns", columns)
    tiles = [_tile(image) for image in pixels]
    for tile, overlay in zip(tiles, overlays, strict=False):
        paint(tile, overlay)
    if draw is not None:
        for tile, box in zip(tiles, draw.boxes.tolist(), strict=True):
            _outline(tile, box, draw.size)
    return _grid(tiles, captions, count)


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
        raise TypeError(f"classes must be a sequence of names, got {received(classes)}")


def _has_words(targets: Any) -> bool:
    """Tell whether targets are written under their images: of masks and dictionaries places are drawn."""
    first = targets.a if isinstance(targets, MixedTarget) else targets
    return isinstance(first, Tensor) and first.ndim < 3 and not isinstance(first, tv_tensors.Mask)


def _rows_of(targets: Any, sizes: list[Size]) -> list[Mapping[str, Any]]:
    """Return targets that know of places: one dictionary for each image."""
    if isinstance(targets, (Tensor, MixedTarget)):
        masks = list(map(partial(_masks, sizes=sizes), targets[:2] if isinstance(targets, MixedTarget) else [targets]))
        _check_count(len(masks[0]), len(sizes))
        if isinstance(targets, MixedTarget):
            return [{"masks": MixedTarget(*fields)} for fields in zip(*masks, unwrap(targets.lam), strict=True)]
        return [{"masks": mask} for mask in masks[0]]
    if not isinstance(targets, (tuple, list)):
        raise TypeError(f"targets must be {FORMS}, got {received(targets)}")
    kinds = sorted({type(row).__name__ for row in targets if not isinstance(row, Mapping)})
    if kinds:
        raise TypeError(f"targets must be {FORMS}, got {type(targets).__name__} of {', '.join(kinds)}")
    _check_count(len(targets), len(sizes))
    return list(targets)


def _names_of(targets: Any, count: int) -> list[str]:
    """Return what to call the target of each image in errors."""
    return (
        ["targets"] * count if isinstance(targets, (Tensor, MixedTarget)) else [f"targets[{i}]" for i in range(count)]
    )


def _check_count(found: int, count: int) -> None:
    if found != count:
        raise ValueError(f"targets must be {count}, one for each image, got {found}")


def _masks(masks: Any, sizes: list[Size]) -> Any:
    """Return semantic masks of a batch as ``(N, H, W)``."""
    plain = unwrap(masks.detach()).cpu()
    if plain.ndim == 4 and plain.shape[1] == 1:
        plain = plain[:, 0]
    if plain.ndim != 3 or any(tuple(plain.shape[-2:]) != size for size in sizes):
        raise ValueError(
            "targets that are masks must be (N, H, W) or (N, 1, H, W) with the size of the images, "
            f"{' and '.join(map(str, sorted(set(sizes))))}, got shape {tuple(masks.shape)}"
        )
    if plain.dtype not in (*INTEGERS, torch.bool):
        raise TypeError(f"targets that are masks must be integers or bool, got {plain.dtype}")
    return plain


def captions_of(targets: Any, classes: Sequence[str] | None) -> list[str]:
    """Return each target in words."""
    if isinstance(targets, MixedTarget):
        a, b, lam = (unwrap(field.detach()).cpu() for field in targets)
        if a.ndim == 1 and not a.is_floating_point():
            pairs = zip(a.tolist(), b.tolist(), lam.tolist(), strict=True)
            return _in_words([[(one, k), (1 - one, j)] if k != j else [(1.0, k)] for k, j, one in pairs], classes)
        targets = weigh(a, b, lam)
    targets = targets.detach().cpu()
    if targets.ndim not in (1, 2) or targets.is_complex():
        raise ValueError(f"targets must be of shape (N,) or (N, K), of real numbers, got {received(targets)}")
    if targets.ndim == 2:
        return _in_words([[(fraction, k) for k, fraction in enumerate(row)] for row in targets.tolist()], classes)
    if targets.is_floating_point():
        return [f"{value:.2f}" if abs(value) < 1e6 else f"{value:.3g}" for value in targets.tolist()]
    return list(map(partial(name_of, classes=classes), targets.tolist()))


def _of_one(target: Any) -> Any:
    """Return the target of one image, such as a mixed sample of a dataset has it, as that of a batch."""
    if isinstance(target, MixedTarget):
        return MixedTarget(*map(_of_one, target))
    if isinstance(target, Mapping):
        return [target]
    if isinstance(target, (int, float)):
        return torch.tensor([target], device="cpu")
    return target[None] if isinstance(target, Tensor) and (target.ndim == 0 or target.numel() > 1) else target


def _in_words(rows: list[list[tuple[float, int]]], classes: Sequence[str] | None) -> list[str]:
    """Return of each row the largest three fractions and their classes, the largest first."""
    seen = [sorted((-fraction, k) for fraction, k in row if fraction >= 0.005) for row in rows]
    kinds = sorted({k for row in seen for _, k in row})
    names = dict(zip(kinds, map(partial(name_of, classes=classes), kinds), strict=True))
    words = [[names[k] if fraction <= -0.995 else f"{-fraction:.2f} {names[k]}" for fraction, k in row] for row in seen]
    return [" + ".join(terms[:3] + ["…"] * (len(terms) > 3)) for terms in words]


def _each_in_pixels(images: Any, mean: Any, std: Any) -> list[Tensor]:
    """Return each image as ``(3, H, W)`` uint8 on the CPU."""
    batches = [_plain(batch) for batch in ([images] if isinstance(images, Tensor) else _checked(images))]
    kinds = {batch.dtype for batch in batches}
    whites = {kind: _white(kind, [batch for batch in batches if batch.dtype == kind]) for kind in kinds}
    shades = [_shades(batch, whites[batch.dtype], mean, std) for batch in batches]
    trouble = _trouble_of(batches, shades, mean, std)
    if trouble:
        warnings.warn(trouble, stacklevel=3)
    shown = [(batch.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8) for batch in shades]
    return [image.expand(3, -1, -1) for batch in shown for image in batch]


def _checked(images: Any) -> Sequence[Tensor]:
    """Return a sequence of images, or raise an error if it is none."""
    if not isinstance(images, (tuple, list)):
        raise TypeError(f"images must be a tensor or a sequence of tensors (C, H, W), got {type(images).__name__}")
    for i, image in enumerate(images):
        if not isinstance(image, Tensor):
            raise TypeError(f"images must be tensors (C, H, W), got {type(image).__name__} at index {i}")
        if image.ndim != 3:
            raise ValueError(f"images in a sequence must be (C, H, W), got shape {tuple(image.shape)} at index {i}")
    if not images:
        raise ValueError(f"images must be at least one, got an empty {type(images).__name__}")
    return images


def _plain(images: Tensor) -> Tensor:
    """Return images ``(N, C, H, W)`` on the CPU, of videos the middle frame."""
    pixels = unwrap(images.detach()).cpu()
    if pixels.ndim == 3:
        pixels = pixels[None]
    if pixels.ndim == 5 and pixels.shape[1]:
        pixels = pixels[:, pixels.shape[1] // 2]
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or 0 in pixels.shape:
        raise ValueError(
            "images must be (N, C, H, W) with 1 or 3 channels, (C, H, W) or videos (N, T, C, H, W), "
            f"got shape {tuple(images.shape)}"
        )
    if pixels.is_complex():
        raise TypeError(f"images must be float, integer or bool, got {pixels.dtype}")
    return pixels


def _white(kind: torch.dtype, batches: list[Tensor]) -> int:
    """Return which value is white in images of a dtype: few data sets use all bits of an int32."""
    if kind not in INTEGERS:
        return 1
    most = torch.iinfo(kind).max
    highest = _span(batches)[1]
    return next((white for white in WHITES if highest <= white <= most), most)


def _span(batches: list[Tensor]) -> tuple[float, float]:
    """Return the lowest and the highest number; NaN is shown as 0."""
    images = (image.double().nan_to_num(0.0, inf, -inf) for batch in batches for image in batch)
    ends = [end.item() for image in images for end in image.aminmax()]
    return min(ends), max(ends)


def _shades(pixels: Tensor, white: int, mean: Any, std: Any) -> Tensor:
    """Return images of floats from 0 to 1, if they were normalized as these options say."""
    shift, scale = _per_channel("mean", mean, 0.0, pixels), _per_channel("std", std, 1.0, pixels)
    if pixels.is_floating_point():
        return pixels.float() * scale + shift
    return pixels.float() / white


def _trouble_of(batches: list[Tensor], shades: list[Tensor], mean: Any, std: Any) -> str:
    """Return what a user should know of images that lie so far outside of [0, 1] that they cannot be recognized."""
    low, high = _span(shades)
    if low >= -NEAR and high <= 1 + NEAR:
        return ""
    if not any(batch.is_floating_point() for batch in batches):
        lowest = _span(batches)[0]
        return f"images of integers must be at least 0 to be shown, got {lowest:.6g}, which is cut off; shift them up"
    if mean is None and std is None:
        advice = "if they were normalized, give mean and std" if low < -NEAR else "divide images from 0 to 255 by 255"
    elif mean is None or std is None:
        advice = f"give both mean and std, not {'std' if mean is None else 'mean'} alone"
    else:
        advice = "mean and std must be those that images from 0 to 1 were normalized with"
    restored = "" if mean is None and std is None else " once mean and std are undone"
    return f"images must be from 0 to 1 to be shown, got {low:.3g} to {high:.3g}{restored}, which is cut off; {advice}"


def _per_channel(name: str, values: Any, default: float, pixels: Tensor) -> Tensor:
    if values is None:
        return torch.tensor(default, device="cpu")
    try:
        numbers = torch.as_tensor(values, dtype=torch.float32, device="cpu").flatten()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be one number per channel of float images, got {received(values)}") from None
    if not numbers.isfinite().all() or (name == "std" and not (numbers > 0).all()):
        rule = "finite numbers above 0" if name == "std" else "finite numbers"
        raise ValueError(f"{name} must be {rule}, got {values!r}")
    if not pixels.is_floating_point() or len(numbers) not in (1, pixels.shape[1]):
        raise ValueError(
            f"{name} must be one number per channel of float images, "
            f"got {values!r} for {pixels.dtype} of shape {tuple(pixels.shape)}"
        )
    return numbers.view(-1, 1, 1)


def _tile(image: Tensor) -> Image.Image:
    tile: Image.Image = F.to_pil_image(image)
    side = max(tile.size)
    if side < SMALLEST:
        factor = ceil(SMALLEST / side)
        return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)
    tile.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return tile


def _outline(tile: Image.Image, box: list[int], size: tuple[int, int]) -> None:
    """Draw the edge of a box that is part of the image."""
    top, left, bottom, right = box
    if top == bottom or left == right or (bottom - top, right - left) == tuple(size):
        return
    frame(tile, corners_on(tile, (left, top, right, bottom), size))


def _grid(tiles: list[Image.Image], captions: list[str], columns: int) -> Image.Image:
    """Arrange tiles: every cell is as large as the largest tile, and every row as high as its longest caption needs."""
    width, height = (max(sides) for sides in zip(*(tile.size for tile in tiles), strict=True))
    font = ImageFont.load_default(min(max(width // 12, 12), 20))
    line = ceil(font.size * 1.3) if isinstance(font, ImageFont.FreeTypeFont) else 12
    rows = [range(start, min(start + columns, len(tiles))) for start in range(0, len(tiles), columns)]
    texts = [_wrap(caption, font, width) for caption in captions]
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
                pen.text((x + width / 2, y + height + k * line + line / 2), text, INK, font, anchor="mm")
        y += height + space + GUTTER
    return paper


def _wrap(caption: str, font: Any, width: int) -> list[str]:
    """Break a caption in front of its plus signs where a line is full, and shorten what is too long even so."""
    lines: list[str] = []
    for term in caption.split(" + ") if caption else []:
        longer = f"{lines[-1]} + {term}" if lines else term
        if not lines or font.getlength(longer) <= width:
            lines[-1:] = [longer]
        else:
            lines.append(f"+ {term}")
    return [shorten(text, font, width) for text in lines]
