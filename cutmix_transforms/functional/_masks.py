"""Masks of instances: their visible fractions, their boxes, and the masks of two mixed samples."""

from typing import Any

import torch
from torch import Tensor

from cutmix_transforms.functional._boxes import inside_boxes
from cutmix_transforms.functional._checks import can_look_at, check_indices, check_tensor, received
from cutmix_transforms.functional._visibility import View, check_view


def visible_mask_fraction(masks: Tensor, view: View) -> Tensor:
    """Return the visible fraction of each mask.

    Args:
        masks: masks of instances; every value but 0 belongs to the instance.
        view: the visible part of the image.

    Shape:
        - masks: ``(n, H, W)``; output: ``(n,)`` float64.

    Returns:
        The fractions. For an empty mask, 0 if the view is the inside of its boxes, otherwise 1.

    Raises:
        TypeError: if ``masks`` is not a tensor, or ``view`` is not a ``View``.
        ValueError: if ``masks`` and the view differ in size, or the boxes of the view lie outside the image.

    Example:
        >>> masks = torch.tensor([[[1, 1, 0], [1, 1, 0]]])
        >>> visible_mask_fraction(masks, View(torch.tensor([[0, 0, 1, 1]]), size=(2, 3)))
        tensor([0.7500], dtype=torch.float64)
    """
    check_tensor("masks", masks, "(n, H, W)", ndims=(3,))
    check_view(view)
    if tuple(masks.shape[1:]) != tuple(view.size):
        raise ValueError(f"masks must be of the size of the view, {tuple(view.size)}, got {tuple(masks.shape)}")
    bits = _bits(masks)
    if len(view.boxes) == 1:
        top, left, bottom, right = view.boxes[0].tolist()
        inside = bits[:, top:bottom, left:right]
    else:
        inside = bits * inside_boxes(view.boxes.to(bits.device), view.size).any(0)
    covered = _count(inside)
    whole = covered.clone()
    for k in covered.nonzero()[:, 0].tolist():  # most masks lie elsewhere, and counting reads all of them
        whole[k] = _count(bits[k : k + 1])
    fraction = covered.double() / whole.clamp(min=1)
    return fraction if view.inside else 1 - fraction


def boxes_of_masks(masks: Tensor) -> Tensor:
    """Return the tightest boxes around masks, half-open: a mask of one pixel has a box of one pixel.

    Args:
        masks: masks of instances; every value but 0 belongs to the instance.

    Shape:
        - masks: ``(n, H, W)``; output: ``(n, 4)`` int64, ``(left, top, right, bottom)``, torchvision's ``XYXY``.

    Returns:
        The boxes; meaningless for an empty mask.

    Raises:
        TypeError: if ``masks`` is not a tensor.
        ValueError: if ``masks`` has a wrong shape, or no pixels.

    Example:
        >>> boxes_of_masks(torch.tensor([[[0, 0, 0], [0, 1, 1]]]))
        tensor([[1, 1, 3, 2]])
    """
    check_tensor("masks", masks, "(n, H, W)", ndims=(3,))
    if 0 in masks.shape[1:]:
        raise ValueError(f"masks must have pixels, got shape {tuple(masks.shape)}")
    bits = _bits(masks)
    sides = [bits.amax(1), bits.amax(2)]  # columns (n, W), rows (n, H)
    first = [side.argmax(1) for side in sides]
    last = [side.shape[1] - side.flip(1).argmax(1) for side in sides]
    return torch.stack([*first, *last], dim=1)


def join_masks(base: Tensor, partner: Tensor, box: Tensor, kept: tuple[Tensor, Tensor]) -> Tensor:
    """Return the masks of the instances that are kept, cut to their visible part: first the base's, then the partner's.

    Args:
        base: masks of the base's instances, which are visible outside of the box.
        partner: masks of the partner's instances, which are visible inside.
        box: ``(top, left, bottom, right)`` in pixels, half-open, inside both images.
        kept: the indices of the instances to keep: a pair, of the base and of the partner.

    Shape:
        - base: ``(n, H, W)``; partner: ``(m, H', W')``; box: ``(4,)``; kept: ``(k,)`` and ``(l,)`` int64.
        - output: ``(k + l, H, W)``.

    Returns:
        A new tensor with the dtype of ``base``.

    Raises:
        TypeError: if an argument is not a tensor, or ``kept`` is not a pair of index tensors.
        ValueError: if a shape is wrong, the box lies outside an image, or an index is out of range.

    Example:
        >>> base, partner = torch.ones(2, 1, 3, dtype=torch.uint8), torch.ones(1, 1, 3, dtype=torch.uint8)
        >>> join_masks(base, partner, torch.tensor([0, 1, 1, 3]), (torch.tensor([1]), torch.tensor([0])))
        tensor([[[1, 0, 0]],
        <BLANKLINE>
                [[0, 1, 1]]], dtype=torch.uint8)
    """
    _check_joined(base, partner, box, kept)
    top, left, bottom, right = box.tolist()
    count = len(kept[0])
    out = base.new_empty(count + len(kept[1]), *base.shape[1:])
    torch.index_select(base, 0, kept[0].to(base.device), out=out[:count])
    out[count:] = 0
    out[:count, top:bottom, left:right] = 0
    for i, k in enumerate(kept[1].tolist(), count):
        out[i, top:bottom, left:right] = partner[k, top:bottom, left:right]
    return out


def _check_joined(base: Any, partner: Any, box: Any, kept: Any) -> None:
    check_indices("box", box, "(4,)", ndims=(1,), last=4)
    if not isinstance(kept, (tuple, list)) or len(kept) != 2:
        raise TypeError(f"kept must be a pair of tensors of indices, got {received(kept)}")
    top, left, bottom, right = box.tolist()
    for name, masks, rows in (("base", base, kept[0]), ("partner", partner, kept[1])):
        check_tensor(name, masks, "(n, H, W)", ndims=(3,))
        check_indices("kept", rows, "(k,)", ndims=(1,))
        height, width = masks.shape[1:]
        if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
            raise ValueError(f"box must lie inside {name}, {height} x {width}, got {(top, left, bottom, right)}")
        wrong = [k for k in rows.tolist() if not 0 <= k < len(masks)] if can_look_at(rows) else []
        if wrong:
            raise ValueError(f"kept must hold indices in [0, {len(masks)}) for {name}, got {wrong[0]}")


def _bits(masks: Tensor) -> Tensor:
    """Return masks as bytes of 0 and 1, which are much faster to count than booleans."""
    return (masks if masks.dtype == torch.bool else masks != 0).view(torch.uint8)


def _count(bits: Tensor) -> Tensor:
    """Count the ones in each mask, first in bytes over at most 255 rows, which cannot overflow."""
    parts = [rows.sum(1, dtype=torch.uint8).sum(1, dtype=torch.int64) for rows in bits.split(255, dim=1)]
    return torch.stack(parts).sum(0)
