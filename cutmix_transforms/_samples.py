"""Mixing sample by sample, before there is a batch."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

import torch
from torch.nn.functional import pad

from cutmix_transforms._inputs import Parts, rewrap, unwrap
from cutmix_transforms._mix import Chance, Mix
from cutmix_transforms._sampling import cyclic_partners
from cutmix_transforms.functional import mix_draw
from cutmix_transforms.functional._draw import MixDraw, Size


def mix_samples(mix: Mix, samples: list[Any]) -> list[Any]:
    """Mix samples that are not stacked, each with a partner among them."""
    parts = [mix.read(sample, is_sample=True) for sample in samples]
    count = len(parts)
    if mix.is_idle(count):
        return [mix.finish(one, None) for one in parts]
    chance = mix._chance(count, parts[0].images[0].device)
    partners = cyclic_partners(chance[0][0, 0], count).tolist()
    return [
        mix_two(mix, parts[i], row_of(chance, i), partial(parts.__getitem__, partner))
        for i, partner in enumerate(partners)
    ]


def mix_two(mix: Mix, base: Parts, chance: Chance, load_partner: Callable[[], Parts]) -> Any:
    """Mix one sample with another, which is loaded only if it will be seen; their sizes may differ.

    Where the box reaches beyond the base, the base is padded with zeros at the bottom and right.
    """
    draw = _draw_for(mix, chance, base.size, base.size)
    if draw.lam == 1:
        return mix.finish(base, None)
    partner = load_partner()
    draw = _draw_for(mix, chance, base.size, partner.size)
    return mix.finish(_on_canvas(base, draw.size), draw, _on_canvas(partner, draw.size))


def _draw_for(mix: Mix, chance: Chance, size: Size, other: Size) -> MixDraw:
    boxes, opacity = mix._region(chance, size, other)
    bottom, right = boxes[0, 2:].tolist()
    canvas = max(size[0], bottom), max(size[1], right)
    return mix_draw(torch.zeros_like(boxes[:, 0]), boxes, canvas, opacity)


def row_of(chance: Chance, i: int) -> Chance:
    """The chance of one sample: its own row, or the only one."""
    return tuple(
        row_of(block, i) if isinstance(block, tuple) else block[:, i : i + 1] if block.shape[1] > 1 else block
        for block in chance
    )


def _on_canvas(parts: Parts, canvas: Size) -> Parts:
    """Cut off or pad with zeros what lies at the bottom and right."""
    if parts.size == canvas:
        return parts
    height, width = canvas
    out = copy(parts)
    out.images = []
    for image in parts.images:
        plain = unwrap(image)[..., :height, :width]
        missing = (0, width - plain.shape[-1], 0, height - plain.shape[-2])
        out.images.append(rewrap(pad(plain, missing), image))
    return out
