"""CutMix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch  # noqa: F401 (the example)

from cutmix_transforms._random._distributions import beta, integers
from cutmix_transforms._transforms._mix import Mix
from cutmix_transforms.functional._checks import (
    check_alpha,
    check_count,
    check_flag,
    check_fraction,
    check_fraction_below_one,
    check_fractions,
)
from cutmix_transforms.functional._placement import Placement, clipped_boxes, start_around

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator

    from cutmix_transforms._structure._labels import LabelsGetter
    from cutmix_transforms._transforms._mix import NumClasses
    from cutmix_transforms.functional._placement import Size


Ratio = tuple[float, float] | tuple[tuple[float, float], ...]


class RandomCutMix(Mix):
    """Paste a box of another sample's pixels into each sample, and mix the targets in the same proportion.

    A box with sides ``int(side * sqrt(1 - lam0))``, where ``lam0 ~ Beta(alpha, alpha)``, is placed with its center
    uniform over the pixels, and clipped at the borders. The pixels in the box become those of the partner. The sample
    keeps the fraction ``lam = 1 - box area / image area`` of its pixels, and its target gets the weight ``lam``. The
    partners are a random cyclic shift of the batch, so a sample is never its own partner.

    Because boxes are clipped, the mean of ``lam`` at ``alpha=1`` is about 0.68, not 0.5. Small images with a small
    ``alpha`` often get an empty box (13 % at 32 x 32 and ``alpha=0.2``).

    Semantic masks, plain or as ``tv_tensors.Mask``, are pasted with the same box.

    Boxes, instance masks and keypoints are mixed sample by sample, in ``MixDataset`` or ``MixCollate``. A hidden
    instance is dropped with its labels. A partly hidden instance gets the tightest box around its visible part (of its
    mask, if it has one). The partner's instances are clipped to the pasted box and follow the sample's own. The
    ``area`` of a cut instance is recomputed. A hidden keypoint becomes ``nan`` (``-1`` in integer tensors) and keeps
    its row, so the loss can leave it out with ``points.isfinite()``. Keypoints ``(n, 2)`` belong to the whole image:
    none is dropped, and the partner's follow the sample's own.

    Args:
        alpha: parameter of the Beta distribution; 1 is uniform, smaller values favor very small and very large boxes.
        p: the probability that a batch (with ``per_sample``, a sample) is mixed; 0 turns mixing off. An unmixed sample
            gets its target in the same form.
        num_classes: the number of classes, needed for integer labels ``(N,)``; a tuple for several labels.
        per_sample: draw a box for every sample, not one for the batch.
        ratio: ``(low, high)`` replaces ``alpha``: each side of the box is uniform between these fractions of the
            image's side, and the box lies inside the image. For bands, one pair per axis, rows first: ``((1, 1), (0.1,
            0.5))`` spans the whole height.
        opacity: the weight of the partner inside the box, or ``(low, high)`` to draw it; 1 is CutMix.
        majority: use ``max(lam0, 1 - lam0)`` instead of ``lam0``.
        min_visibility: instances are dropped unless their visible fraction is above this. It is measured by the mask,
            or else the box, or else the keypoints. With 0, only fully hidden instances are dropped.
        dims: the number of trailing axes that a box spans: 2 for images, 1 for signals ``(N, C, T)``, 3 for volumes
            ``(N, C, D, H, W)``. The sides are ``int(side * (1 - lam0) ** (1 / dims))``. With 1, labels ``(N, T)`` are
            dense unless ``num_classes`` is T. Boxes, keypoints and instance masks need 2.
        target: ``"soft"`` for float targets, ``"pair"`` for a ``MixedTarget`` of both labels, or ``"union"``, in which
            a class is present if it is present in a sample that is still visible.
        label_smoothing: smoothing of the targets of integer labels. Smooth either here or in the loss, not in both.
        labels_getter: how to find the labels. ``"default"`` is the second argument, or the item ``labels``, ``label``,
            ``targets`` or ``target`` of a dictionary, and masks under ``mask`` or ``masks``. Otherwise a key, an index,
            a function of the inputs that returns the labels, or None for no labels. For instances, ``labels``,
            ``class_labels``, ``area``, ``iscrowd``, ``scores`` and ``weights`` are always found; a function must return
            any other tensors with one row per instance (not a ``lambda`` if workers are spawned).
        generator: the CPU generator that draws come from; by default torch's global one.

    Shape:
        - images: ``(N, C, H, W)``, or videos ``(N, T, C, H, W)``, of any dtype, plain or tv_tensors.
        - labels: ``(N,)`` or ``(N, K)``; or dense, ``(N, H, W)`` or ``(N, 1, H, W)``: integers are pasted, floats are
          mixed like images.
        - several images, such as depth maps: each as ``tv_tensors.Image``. Of plain tensors only the first is an image.
        - masks beside the images: ``(N, ..., H, W)``. In a sample: semantic masks ``(H, W)`` or ``(1, H, W)``; instance
          masks ``(n, H, W)`` with boxes ``(n, 4)``, keypoints ``(n, k, 2)`` and labels ``(n,)``.
        - output: images as they came; targets ``(N, K)`` float, or ``(N,)`` for float labels ``(N,)``.

    Raises:
        TypeError: if an option or an input has a wrong type.
        ValueError: if an option or an input has a wrong value. Nothing is drawn or changed then.

    References:
        Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019,
        arXiv 1905.04899.

    Example:
        >>> mix = RandomCutMix(num_classes=10)
        >>> images, targets = mix(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> images.shape, targets.shape
        (torch.Size([8, 3, 17, 11]), torch.Size([8, 10]))
    """

    numbers = 5  # two for the sides, two for the center, one for the opacity (with dims=2)

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        p: float = 1.0,
        num_classes: NumClasses = None,
        per_sample: bool = False,
        ratio: Ratio | None = None,
        opacity: float | tuple[float, float] = 1.0,
        majority: bool = False,
        min_visibility: float = 0.0,
        dims: int = 2,
        target: Literal["soft", "pair", "union"] = "soft",
        label_smoothing: float = 0.0,
        labels_getter: LabelsGetter = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            p=p,
            num_classes=num_classes,
            per_sample=per_sample,
            min_visibility=check_fraction_below_one("min_visibility", min_visibility),
            target=target,
            label_smoothing=label_smoothing,
            labels_getter=labels_getter,
            generator=generator,
        )
        self.alpha = check_alpha(alpha)
        self.dims = check_count("dims", dims)
        self.numbers = max(2, self.dims) + self.dims + 1
        self.ratio = None if ratio is None else _check_ratio(ratio, self.dims)
        if isinstance(opacity, (tuple, list)):
            self.opacity: float | tuple[float, float] = check_fractions("opacity", opacity)
        else:
            self.opacity = check_fraction("opacity", opacity)
        self.majority = check_flag("majority", majority)
        if self.majority and ratio is not None:
            raise ValueError(f"majority must be False with ratio, because ratio replaces lam0, got {majority!r}")

    def place(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Place boxes that are clipped at the borders or, with ``ratio``, lie inside the image."""
        low, high = self.opacity if isinstance(self.opacity, tuple) else (self.opacity, self.opacity)
        opacity = low if low == high else low + (high - low) * numbers[-1]
        dims, sides = self.dims, np.array(size)[:, None]  # (dims, 1)
        of_lengths, of_places = numbers[: -1 - dims], numbers[-1 - dims : -1]
        if self.ratio is None:
            lam = beta(of_lengths[0], of_lengths[1], self.alpha, majority=self.majority)
            lengths = ((1 - lam) ** (1 / dims) * sides).astype(np.int64)
            starts = start_around(integers(of_places, sides), lengths)
        else:
            lengths = _lengths_between(of_lengths[:dims], sides, self.ratio)
            starts = integers(of_places, sides - lengths + 1)
        return Placement(clipped_boxes(starts, lengths, sides), opacity)


def _check_ratio(value: object, dims: int) -> Ratio:
    """Return a pair of fractions, or one pair per axis that a box spans."""
    if not isinstance(value, (tuple, list)) or not any(isinstance(pair, (tuple, list)) for pair in value):
        return check_fractions("ratio", value)
    if len(value) != dims:
        raise ValueError(
            f"ratio must be a pair (low, high), or one pair per axis with dims={dims}, got {len(value)}: {value!r}"
        )
    return tuple(check_fractions("ratio", pair) for pair in value)


def _lengths_between(u: NDArray[np.float64], sides: NDArray[np.int64], ratio: Ratio) -> NDArray[np.int64]:
    """Return lengths in whole pixels, uniform between two fractions of the image's sides."""
    low, high = np.array(ratio).reshape(-1, 2, 1).swapaxes(0, 1)  # (1 or dims, 1) each
    most = (high * sides + 1e-6).astype(np.int64)
    least = np.minimum(np.ceil(low * sides - 1e-6).astype(np.int64), most)  # without one between, the next lower
    lengths: NDArray[np.int64] = least + integers(u, most - least + 1)
    return lengths
