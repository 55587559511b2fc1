"""MixUp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch  # noqa: F401 (the example)

from cutmix_transforms._random._distributions import beta
from cutmix_transforms._transforms._mix import Mix
from cutmix_transforms.functional._checks import check_alpha, check_flag
from cutmix_transforms.functional._placement import Placement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator

    from cutmix_transforms._structure._labels import LabelsGetter
    from cutmix_transforms._transforms._mix import NumClasses
    from cutmix_transforms.functional._placement import Size


class RandomMixUp(Mix):
    """Blend each sample with another sample: pixels and targets with the same weights.

    ``x = lam * x + (1 - lam) * x[partner]`` with ``lam ~ Beta(alpha, alpha)``, for images and targets. The partners are
    a random cyclic shift of the batch, so a sample is never its own partner. Integer images are rounded to the nearest
    value.

    At ``alpha=1`` most images are strong blends. The paper uses 1 for CIFAR-10, and finds 0.1 to 0.4 best on ImageNet.

    Semantic masks beside the images become a ``MixedTarget`` of both masks (``target="pair"``).

    Boxes, instance masks and keypoints are mixed sample by sample, in ``MixDataset`` or ``MixCollate``. The partner's
    instances follow the sample's own. The dictionary that holds them gets ``weights``: ``lam`` for the sample's own
    instances and ``1 - lam`` for the partner's, or 1 in an unmixed sample. Images of unequal size, and their masks, are
    padded with zeros at the bottom and right.

    Args:
        alpha: parameter of the Beta distribution; 1 is uniform, smaller values favor almost pure samples.
        p: the probability that a batch (with ``per_sample``, a sample) is mixed; 0 turns mixing off. An unmixed sample
            gets its target in the same form.
        num_classes: the number of classes, needed for integer labels ``(N,)``; a tuple for several labels.
        per_sample: draw ``lam`` for every sample, not one for the batch.
        majority: use ``max(lam, 1 - lam)`` instead of ``lam``.
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
        - images: ``(N, ...)``, of any float or integer dtype, plain or tv_tensors; labels: ``(N,)`` or ``(N, K)``.
        - several images, such as depth maps: each as ``tv_tensors.Image``. Of plain tensors only the first is an image.
        - masks beside the images: ``(N, ..., H, W)``. In a sample: semantic masks ``(H, W)`` or ``(1, H, W)``; instance
          masks ``(n, H, W)`` with boxes ``(n, 4)``, keypoints ``(n, k, 2)``, labels and weights ``(n,)``.
        - output: images as they came; targets ``(N, K)`` float, or ``(N,)`` for float labels ``(N,)``.

    Raises:
        TypeError: if an option or an input has a wrong type.
        ValueError: if an option or an input has a wrong value. Nothing is drawn or changed then.

    References:
        Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018, arXiv 1710.09412.

    Example:
        >>> mix = RandomMixUp(alpha=0.4, num_classes=10)
        >>> images, targets = mix(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> images.shape, targets.shape
        (torch.Size([8, 3, 17, 11]), torch.Size([8, 10]))
    """

    numbers = 2

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        p: float = 1.0,
        num_classes: NumClasses = None,
        per_sample: bool = False,
        majority: bool = False,
        target: Literal["soft", "pair", "union"] = "soft",
        label_smoothing: float = 0.0,
        labels_getter: LabelsGetter = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            p=p,
            num_classes=num_classes,
            per_sample=per_sample,
            target=target,
            label_smoothing=label_smoothing,
            labels_getter=labels_getter,
            generator=generator,
        )
        self.alpha = check_alpha(alpha)
        self.majority = check_flag("majority", majority)

    def place(self, numbers: NDArray[np.float64], size: Size) -> Placement:  # noqa: ARG002
        """Blend whole images, with the opacity ``1 - lam`` for the partner."""
        lam = beta(numbers[0], numbers[1], self.alpha, majority=self.majority)
        return Placement(opacity=1 - lam)
