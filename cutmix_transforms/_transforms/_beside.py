"""Masks and instances beside the images: mixed with the same draw, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from cutmix_transforms._random._graph import transform_of
from cutmix_transforms._structure._column import Column, stacked
from cutmix_transforms._structure._parts import with_others
from cutmix_transforms._transforms._instances import paste_instances, unite_instances
from cutmix_transforms.functional._checks import can_look_at
from cutmix_transforms.functional._draw import HostDraw, MixDraw, lam_of_boxes, send_tensor
from cutmix_transforms.functional._pairs import MixedTarget
from cutmix_transforms.functional._pixels import mix_images, mix_images_unchecked
from cutmix_transforms.functional._placement import check_placement
from cutmix_transforms.functional._registry import MapKernel, map_kernel
from cutmix_transforms.functional._wrap import rewrap, unwrap

if TYPE_CHECKING:
    from cutmix_transforms._structure._instances import Instances
    from cutmix_transforms._structure._parts import Parts
    from cutmix_transforms._transforms._mix import Mix
    from cutmix_transforms.functional._draw import Draw

_PROBED = 1024  # a size that has room for boxes of any number of pixels
Blends = Literal["nothing", "boxes", "images"]


def blends_of(mix: Mix) -> Blends:
    """Return which part of an image a mix blends with the partner: whole images, boxes or nothing."""
    found = _found_for(mix._number)
    return "boxes" if "boxes" in found else "images" if "images" in found else "nothing"


def takes_any_shape(mix: Mix) -> bool:
    """Return True if a mix always blends whole images, so that inputs need no height and width."""
    return bool(_found_for(mix._number) == ("images",))


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _found_for(number: int) -> tuple[Blends, ...]:
    """Return the parts of an image that the mix with this number may blend.

    The argument is a number because older compilers do not accept a module as a constant.
    """
    return tuple(sorted({_blends_of_one(kind) for kind in transform_of(number)._kinds}))


def _blends_of_one(mix: Mix) -> Blends:
    """Return which part of an image a mix blends; remembered for mixes of the package, whose options are read-only."""
    if not type(mix).__module__.startswith("cutmix_transforms."):
        return _probed(mix)
    remembered: dict[str, Blends] = vars(mix)
    if "_blends" not in remembered:
        remembered["_blends"] = _probed(mix)
    return remembered["_blends"]


def _probed(mix: Mix) -> Blends:
    """Find which part of an image a mix blends by calling ``place``, so that no mix has to declare it."""
    size, rows = (_PROBED,) * mix.dims, 256
    irrational = np.exp(0.5 + np.arange(mix.numbers) / 7)  # so that the rows are spread evenly
    placement = mix.place(np.outer(irrational, np.arange(rows)) % 1, size)
    check_placement(placement, size, rows, type(mix).__name__)
    if placement.boxes is None:
        return "images"
    return "boxes" if (np.asarray(placement.opacity) < 1).any() else "nothing"


def mix_beside(mix: Mix, parts: Parts, draw: Any, pool: Parts | None) -> dict[int, Any]:
    """Return the mixed maps and instances of a batch or sample, by the indices of their leaves."""
    values: dict[int, Any] = {}
    for own, other in with_others(parts.maps, None if pool is None else pool.maps):
        values[own.place] = _mix_map(mix, own.value, draw, other)
    for group, partners in zip(parts.groups, (parts if pool is None else pool).groups, strict=True):
        values |= _mix_instances(mix, group, partners, draw)
    return values


def _mix_map(mix: Mix, own: Tensor | Column, draw: Any, other: Tensor | None) -> Any:
    """Mix maps, such as semantic masks; for classes that would have to be blended, return a pair of both maps."""
    kernel, is_pair = _map_kernel(own), becomes_pair(mix, own)
    if kernel.categorical and not is_pair:  # then only a draw that was edited blends
        if isinstance(draw, HostDraw) or can_look_at(draw.opacity):
            is_pair = _needs_pair(mix, draw)
        else:  # no error is possible, but classes are never blended; older compilers know no _replace
            draw = MixDraw(draw.partners, draw.boxes, draw.opacity.round(), draw.size)
    if kernel.mix is mix_images and not is_pair:
        return own.mixed(draw) if isinstance(own, Column) else mix_images_unchecked(own, draw, other)
    maps: Tensor = stacked(own)
    rows = draw.spread() if isinstance(draw, HostDraw) else draw
    plain, pool = unwrap(maps), unwrap(maps if other is None else other)
    if not is_pair:
        return rewrap(kernel.mix(plain, rows, pool), maps)
    covered, shown = (
        MixDraw(rows.partners, rows.boxes, covers.float(), rows.size)
        for covers in (rows.opacity == 1, rows.opacity > 0)
    )
    first, second = (rewrap(kernel.mix(plain, one, pool), maps) for one in (covered, shown))
    lam = (1 - rows.opacity).where(lam_of_boxes(rows.boxes, rows.opacity, rows.size) < 1, 1)
    return MixedTarget(first, second, send_tensor(lam, plain.device))


def _needs_pair(mix: Mix, draw: Draw) -> bool:
    """Return True if a draw blends, so that masks become a pair, or raise an error if the target is no pair."""
    if not ((draw.opacity > 0) & (draw.opacity < 1)).any():
        return False
    if mix.target != "pair":
        raise ValueError(
            f"opacity must be 1 for masks, which cannot be blended (or set target='pair'), got {draw.opacity.tolist()}"
        )
    return True


def _mix_instances(mix: Mix, base: Instances, partner: Instances, draw: HostDraw) -> dict[int, Tensor]:
    """Mix the instances of two samples: unite them if whole images are blended, otherwise paste the partner's."""
    canvas = max(base.size[0], partner.size[0]), max(base.size[1], partner.size[1])
    is_whole = draw.size == canvas and draw.boxes[0].tolist() == [0, 0, *canvas]
    can_hide = base.size == partner.size and not takes_any_shape(mix)  # as a CutMix whose box is the whole image
    is_blend = is_whole and blends_of(mix) == "images"
    if draw.opacity[0] < 1 and not is_blend:  # a mix of one's own that blends so rarely that blends_of did not notice
        raise ValueError(f"opacity must be 1 for boxes, instance masks and keypoints, got {draw.opacity[0]}")
    if draw.opacity[0] < 1 or (is_blend and not can_hide):
        return unite_instances(base, partner, draw)
    return paste_instances(base, partner, torch.from_numpy(draw.boxes), mix.min_visibility or 0.0)


def check_beside(mix: Mix, parts: Parts) -> None:
    """Raise an error if the mix would have to blend masks or instances that cannot be blended."""
    if mix.target != "pair" and any(becomes_pair(mix, leaf.value) for leaf in parts.maps):
        raise ValueError(
            "target must be 'pair' to blend masks, in every mix of a choice, since a blended pixel has two classes "
            "(MixedLoss is the loss for pairs; RandomCutMix with opacity=1 pastes masks and needs no pair), "
            f"got {mix.target!r}"
        )
    if parts.groups and blends_of(mix) == "boxes":
        raise ValueError(
            f"opacity must be 1 for boxes, instance masks and keypoints, got {getattr(mix, 'opacity', mix)!r}"
        )


def becomes_pair(mix: Mix, maps: Tensor | Column) -> bool:
    """Return True if maps hold classes and the mix may blend, so that the target is a pair of maps."""
    return bool(_map_kernel(maps).categorical) and blends_of(mix) != "nothing"


def _map_kernel(maps: Tensor | Column) -> MapKernel:
    """Return the kernel for maps: floats, such as depths, are mixed like images; integers and bools are classes."""
    first = maps.first if isinstance(maps, Column) else maps
    kernel = map_kernel(first) or MapKernel(mix_images, None)
    return kernel if kernel.categorical is not None else MapKernel(kernel.mix, not first.is_floating_point())
