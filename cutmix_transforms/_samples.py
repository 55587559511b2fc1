"""Mixing sample by sample, before there is a batch."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision import tv_tensors

from cutmix_transforms._inputs import Parts
from cutmix_transforms._mix import Chance, Mix, draw_of, shift_of
from cutmix_transforms._wrap import rewrap, unwrap
from cutmix_transforms.functional import inside_boxes
from cutmix_transforms.functional._draw import MixDraw, Size, with_rows
from cutmix_transforms.functional._images import exact_dtype


def mix_samples(mix: Mix, parts: list[Parts]) -> list[Any]:
    """Mix samples that are not stacked, each with a partner among them."""
    for one in parts:
        _check_alike(parts[0], one)
    count = len(parts)
    if mix.is_idle(count):
        return [mix.unmixed(one).put_together() for one in parts]
    chance = mix._chance(count, parts[0].images[0].device)
    shift = int(shift_of(chance, count))
    mixed = []
    for i, base in enumerate(parts):
        own = _row(chance, i)
        draw = draw_alone(mix, own, base)
        mixed.append(mix.unmixed(base) if draw is None else mix_two(mix, base, parts[(i + shift) % count], own, draw))
    return [one.put_together() for one in mixed]


class Owners:
    """Whose each pixel is of a sample that is mixed several times: a later box may hide any part of an earlier one."""

    def __init__(self, sample: Parts) -> None:
        self._targets = [sample.targets]
        self._shares = sample.images[0].new_ones(1, *sample.size, dtype=torch.float32)  # (owners, H, W)

    def targets_after(self, draw: MixDraw, partner: Parts) -> list[Tensor]:
        """The sample's targets when a partner more has been mixed in, counted from the pixels that each still has."""
        means = self._shares.mean((1, 2), keepdim=True)
        shares = means.repeat(1, *draw.size)  # what pads a sample belongs to all owners
        shares[:, : self._shares.shape[1], : self._shares.shape[2]] = self._shares
        covered = inside_boxes(draw.boxes, draw.size) * draw.opacity.view(1, 1, 1)
        self._shares = torch.cat([shares * (1 - covered), covered])
        self._targets.append(partner.targets)
        weights = self._shares.double().mean((1, 2)).tolist()
        return [_weighted(rows, weights) for rows in zip(*self._targets, strict=True)]


def _weighted(rows: Sequence[Tensor], weights: list[float]) -> Tensor:
    mixed = torch.zeros_like(rows[0], dtype=exact_dtype(rows[0].dtype))
    for weight, row in zip(weights, rows, strict=True):
        mixed.add_(row.to(mixed.dtype), alpha=weight)
    return mixed.to(rows[0].dtype)


def draw_alone(mix: Mix, chance: Chance, base: Parts) -> MixDraw | None:
    """The draw for a sample and a partner of its size, None if nothing would be seen of one: it need not be loaded."""
    draw = _draw_for(mix, chance, base.size, base.size)
    top, left, bottom, right = draw.boxes[0].tolist()
    return draw if draw.opacity and top < bottom and left < right else None


def mix_two(
    mix: Mix, base: Parts, partner: Parts, chance: Chance, draw: MixDraw, owners: Owners | None = None
) -> Parts:
    """Mix one sample with another, whose size may differ: then the draw is made anew, of the same chance.

    Where the box reaches beyond the base, the base is padded with zeros at the bottom and right. A sample that is mixed
    several times comes with its owners.
    """
    _check_alike(base, partner)
    if partner.size != base.size:
        draw = _draw_for(mix, chance, base.size, partner.size)
    mixed = mix.mixed(_on_canvas(base, draw.size), draw, _on_canvas(partner, draw.size))
    return mixed if owners is None else replace(mixed, targets=owners.targets_after(draw, partner))


def _check_alike(first: Parts, second: Parts) -> None:
    forms = [
        [(tuple(leaf.shape[:-2]), leaf.dtype) for leaf in (*parts.images, *parts.maps)]
        + [(tuple(leaf.shape), leaf.dtype) for leaf in parts.targets]
        + [[type(leaf) for leaf in group.leaves] for group in parts.groups]
        for parts in (first, second)
    ]
    rows = zip(*([leaf for group in parts.groups for leaf in group.leaves] for parts in (first, second)), strict=False)
    if forms[0] != forms[1] or not all(starmap(_rows_are_alike, rows)):
        shapes = [_shapes(parts) for parts in (first, second)]
        raise ValueError(
            "samples must hold images, masks, boxes and labels of the same number, channels, classes and dtypes, "
            f"got the shapes {shapes[0]} beside {shapes[1]}"
        )


def _shapes(parts: Parts) -> list[tuple[int, ...]]:
    batches = [*parts.images, *parts.maps, *parts.labels]
    rows = [leaf for group in parts.groups for leaf in group.leaves]
    return [tuple(leaf.shape[1:]) for leaf in batches] + [tuple(leaf.shape) for leaf in rows]


def _rows_are_alike(first: Tensor, second: Tensor) -> bool:
    """Whether rows of two samples can stand in one tensor; masks are brought to one size."""
    is_empty = not len(first) or not len(second)
    return is_empty or isinstance(first, tv_tensors.Mask) or first.shape[1:] == second.shape[1:]


def _draw_for(mix: Mix, chance: Chance, size: Size, other: Size) -> MixDraw:
    region = mix._region(chance, size, other)
    canvas = max(size[0], int(region[2])), max(size[1], int(region[3]))
    return with_rows(draw_of(0, region, canvas, 1), 1, torch.device("cpu"))


def _row(chance: Chance, i: int) -> Chance:
    """The chance of one sample: its own row, or the only one."""

    def of(block: Any) -> Any:
        if isinstance(block, tuple):
            return _row(block, i)
        is_alone = isinstance(block, list) or block.shape[1] == 1
        return block if is_alone else block[:, i : i + 1]

    return tuple(map(of, chance))


def _on_canvas(parts: Parts, canvas: Size) -> Parts:
    """Cut off or pad with zeros what lies at the bottom and right."""
    if parts.size == canvas:
        return parts
    height, width = canvas

    def fitted(image: Tensor) -> Tensor:
        plain = unwrap(image)[..., :height, :width]
        missing = (0, width - plain.shape[-1], 0, height - plain.shape[-2])
        return rewrap(pad(plain, missing), image)

    return replace(parts, images=list(map(fitted, parts.images)), maps=list(map(fitted, parts.maps)))
