"""Converting the targets of a batch to captions, or to overlays that are drawn on the images."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision import tv_tensors

from cutmix_transforms._show._overlay import INTEGERS, Overlay, name_of, overlay_of
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._pairs import MixedTarget, check_pair, weigh
from cutmix_transforms.functional._placement import Size
from cutmix_transforms.functional._wrap import unwrap

FORMS = "a tensor, a MixedTarget, a sequence with one dictionary for each image, or None"


class Notes(NamedTuple):
    """Hold the caption under each image and the overlay on it; class labels have no overlays."""

    captions: list[str]
    overlays: list[Overlay]

    @property
    def texts(self) -> list[str]:
        """All texts that are written, without the fractions before class names."""
        tags = [name for overlay in self.overlays for name in (*dict(overlay.tags), *overlay.untagged.values())]
        terms = [term for caption in self.captions for term in caption.split(" + ")]
        return [*(re.sub(r"^\d\.\d\d (?=.)", "", term) for term in terms), *tags]


def notes_of(targets: Any, sizes: list[Size], classes: Sequence[str] | None) -> Notes:
    """Convert the targets of images of these sizes to captions and overlays."""
    if targets is None:
        return Notes([""] * len(sizes), [])
    if isinstance(targets, MixedTarget):
        check_pair(targets)
    if _has_words(targets):
        captions = captions_of(targets, classes)
        _check_count(len(captions), len(sizes))
        return Notes(captions, [])
    rows = _rows_of(targets, sizes)
    overlays = list(map(partial(overlay_of, classes=classes), rows, sizes, _names_of(targets, len(rows))))
    return Notes([overlay.caption for overlay in overlays], overlays)


def _has_words(targets: Any) -> bool:
    """Return True if targets are written under the images, False if they are drawn, as masks and dictionaries are."""
    first = targets.a if isinstance(targets, MixedTarget) else targets
    return isinstance(first, Tensor) and first.ndim < 3 and not isinstance(first, tv_tensors.Mask)


def _rows_of(targets: Any, sizes: list[Size]) -> list[Mapping[str, Any]]:
    """Return the targets to draw as one dictionary per image."""
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
    """Return the name of each image's target, for error messages."""
    return (
        ["targets"] * count if isinstance(targets, (Tensor, MixedTarget)) else [f"targets[{i}]" for i in range(count)]
    )


def _check_count(found: int, count: int) -> None:
    if found != count:
        raise ValueError(f"expected {count} targets, one per image, got {found}")


def _masks(masks: Any, sizes: list[Size]) -> Any:
    """Return semantic masks of a batch as a plain tensor ``(N, H, W)``."""
    plain = unwrap(masks.detach()).cpu()
    if plain.ndim == 4 and plain.shape[1] == 1:
        plain = plain[:, 0]
    if plain.ndim != 3 or any(tuple(plain.shape[-2:]) != size for size in sizes):
        raise ValueError(
            "semantic masks as targets must be (N, H, W) or (N, 1, H, W) with the size of the images, "
            f"{' and '.join(map(str, sorted(set(sizes))))}, got shape {tuple(masks.shape)}"
        )
    if plain.dtype not in (*INTEGERS, torch.bool):
        raise TypeError(f"semantic masks as targets must be integers or bool, got {plain.dtype}")
    return plain


def captions_of(targets: Any, classes: Sequence[str] | None) -> list[str]:
    """Return each target as text."""
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
        if not targets.is_floating_point() and ((targets != 0) & (targets != 1)).any():
            raise ValueError(
                "targets of shape (N, K) must be rows of 0 and 1, or float rows (class indices are one for each "
                f"image), got {targets[0].tolist()}"
            )
        return _in_words(list(map(_unsmoothed, targets.tolist())), classes)
    if targets.is_floating_point():
        return [f"{value:.2f}" if abs(value) < 1e6 else f"{value:.3g}" for value in targets.tolist()]
    return [_name_of(k, classes) for k in targets.tolist()]


def _name_of(k: int, classes: Sequence[str] | None) -> str:
    """Return the name of a class under an image, where its index alone would look like a fraction."""
    return f"class {k}" if classes is None else name_of(k, classes)


def _unsmoothed(row: list[float]) -> list[tuple[float, int]]:
    """Return the fractions of a row with their classes, without those that only label smoothing made."""
    terms = [(fraction, k) for k, fraction in enumerate(row)]
    least = min(row, default=0.0)
    above = [term for term in terms if term[0] > 1.001 * least]
    return above if above and least > 0 and len(terms) > len(above) + 1 else terms


def of_one(target: Any) -> Any:
    """Convert the target of a single image, such as a sample of a dataset, to the target of a batch of one."""
    if isinstance(target, MixedTarget):
        return MixedTarget(*map(of_one, target))
    if isinstance(target, Mapping):
        return [target]
    if isinstance(target, (int, float)):
        return torch.tensor([target], device="cpu")
    return target[None] if isinstance(target, Tensor) and (target.ndim == 0 or target.numel() > 1) else target


def _in_words(rows: list[list[tuple[float, int]]], classes: Sequence[str] | None) -> list[str]:
    """Return, for each row, the three largest fractions with the names of their classes as text."""
    seen = [sorted((-fraction, k) for fraction, k in row if fraction >= 0.005) for row in rows]
    kinds = sorted({k for row in seen for _, k in row})
    names = {k: _name_of(k, classes) for k in kinds}
    words = [[names[k] if fraction <= -0.995 else f"{-fraction:.2f} {names[k]}" for fraction, k in row] for row in seen]
    return [" + ".join(terms[:3] + ["…"] * (len(terms) > 3)) for terms in words]
