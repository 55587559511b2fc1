"""CutMix."""

import math
from typing import Literal

import torch
from torch import Generator, Tensor
from torchvision import tv_tensors

from cutmix_transforms._checks import check_alpha, check_flag, check_range, check_share, check_share_below_one
from cutmix_transforms._inputs import LabelsGetter
from cutmix_transforms._mix import Blending, Chance, Mix, NumClasses, Region
from cutmix_transforms._sampling import Stream, beta, integers
from cutmix_transforms.functional._draw import Edges, Size, cutmix_edges
from cutmix_transforms.functional._images import check_blendable
from cutmix_transforms.functional._numbers import Number, clamp, pick


class RandomCutMix(Mix):
    """Paste a box of another sample's pixels over each sample, and mix the targets by the pixels that are left.

    ``lam0 ~ Beta(alpha, alpha)``; a box with sides ``int(side * sqrt(1 - lam0))`` and a middle that is uniform over
    the pixels, clipped at the borders, shows the partner; ``lam = 1 - box area / image area`` is the sample's own
    share of the target. The partner is a random cyclic shift of the batch: never the sample itself.

    Because boxes are clipped, the mean of ``lam`` at ``alpha=1`` is about 0.68, not 0.5; and small images with a small
    ``alpha`` often get an empty box (13 % at 32 x 32 and ``alpha=0.2``).

    Semantic masks beside the images are pasted with the same box. Boxes, instance masks and keypoints are mixed sample
    by sample, in :class:`MixDataset` or :class:`MixCollate`: what is hidden goes, with its labels; what is hidden in
    part gets the tightest box round what is seen of it (of its mask where there is one); the partner's instances, cut
    to the pasted box, come after the sample's own. A covered keypoint becomes ``nan`` (``-1`` in integers) and keeps
    its place, for the loss to leave out: ``points.isfinite()``. Keypoints ``(n, 2)`` are those of the whole image: none
    is dropped, and the partner's come after the sample's own.

    Args:
        alpha: parameter of the Beta law; 1 is uniform, smaller values favour very small and very large boxes.
        p: the chance that a batch (with ``per_sample``, a sample) is mixed; 0 turns mixing off. What is not mixed gets
            its target in the same form.
        num_classes: number of classes, for integer labels of shape ``(N,)``; a tuple with one for each of several.
        per_sample: draw a box for every sample, not one for the batch.
        ratio: ``(low, high)``: draw each side of the box uniformly between these shares of the image's side instead,
            wholly inside the image; ``alpha`` then plays no part.
        opacity: how strongly the partner covers the box: a number, or ``(low, high)`` to draw it; 1 is CutMix.
        majority: let every sample keep the larger of the two shares that ``lam0`` divides it into.
        min_visibility: instances whose visible share, by their mask, else their box, else their keypoints, is not
            above it are dropped; at 0 only those that are wholly hidden.
        target: ``"soft"`` for float targets, ``"pair"`` for a :class:`MixedTarget` of both labels.
        label_smoothing: smooth the soft targets of integer labels; here or in the loss, not in both.
        labels_getter: how to find the labels: ``"default"`` (the second argument, or one item ``labels``, ``label``,
            ``targets`` or ``target`` of a dictionary), a key, an index, a callable that gets the inputs and may
            return several, or None for no labels. Beside boxes, instance masks or keypoints it names all that has a
            row for each instance, such as ``lambda sample: (sample[1]["labels"], sample[1]["area"])``.
        generator: where draws come from; by default the global generator of the images' device.

    Shape:
        - images: ``(N, C, H, W)``, videos ``(N, T, C, H, W)``, any dtype, plain or tv_tensors; labels: ``(N,)`` or
          ``(N, K)``.
        - several images, such as depth maps, as ``tv_tensors.Image`` each: of plain tensors only the first is an image.
        - masks beside them: ``(N, ..., H, W)``; of a sample ``(H, W)`` or ``(1, H, W)``, of instances ``(n, H, W)``,
          with boxes ``(n, 4)``, keypoints ``(n, k, 2)`` and labels ``(n,)``.
        - output: images as they came; targets ``(N, K)`` float, or ``(N,)`` for float labels ``(N,)``.

    Raises:
        TypeError: if an option or an input is of a wrong type.
        ValueError: if it is of the right type with a wrong value; nothing is drawn or changed then.

    References:
        Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019,
        arXiv 1905.04899.

    Example:
        >>> mix = RandomCutMix(num_classes=10)
        >>> images, targets = mix(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> images.shape, targets.shape
        (torch.Size([8, 3, 17, 11]), torch.Size([8, 10]))
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        p: float = 1.0,
        num_classes: NumClasses = None,
        per_sample: bool = False,
        ratio: tuple[float, float] | None = None,
        opacity: float | tuple[float, float] = 1.0,
        majority: bool = False,
        min_visibility: float = 0.0,
        target: Literal["soft", "pair"] = "soft",
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
        self.ratio = None if ratio is None else check_range("ratio", ratio)
        if isinstance(opacity, (tuple, list)):
            self.opacity: float | tuple[float, float] = check_range("opacity", opacity)
        else:
            self.opacity = check_share("opacity", opacity)
        self.majority = check_flag("majority", majority)
        if self.majority and ratio is not None:
            raise ValueError(
                f"majority must be False with ratio, which replaces the share it looks at, got {majority!r}"
            )
        self.min_visibility = check_share_below_one("min_visibility", min_visibility)

    @property
    def blending(self) -> Blending:
        """Boxes, unless they are opaque."""
        return "nothing" if self.opacity == 1 or self.opacity == (1, 1) else "boxes"

    def _check_images(self, images: list[Tensor]) -> None:
        for image in images:
            kinds: dict[type, tuple[int, ...]] = {tv_tensors.Video: (5,), tv_tensors.Image: (4,)}
            if image.ndim not in kinds.get(type(image), (4, 5)):
                raise ValueError(
                    "images must be batched, (N, C, H, W), or videos (N, T, C, H, W), "
                    f"got {type(image).__name__} of shape {tuple(image.shape)}"
                )
            if self.opacity != 1:
                check_blendable(image)

    def _chance(self, count: int, device: torch.device, *, stream: Stream | None = None, sure: bool = False) -> Chance:
        return (self._block(7, count, device, stream, sure=sure),)

    def _region(self, chance: Chance, size: Size, other: Size) -> Region:
        _, gate, first, second, y, x, strength = chance[0]
        edges = (self._clipped if self.ratio is None else self._inner)(first, second, y, x, size)
        if other != size:
            edges = tuple(clamp(edge, high=side) for edge, side in zip(edges, 2 * other, strict=True))
        happens = self._happens(gate)
        low, high = self.opacity if isinstance(self.opacity, tuple) else (self.opacity, self.opacity)
        opacity = low if low == high else low + (high - low) * strength
        return *(pick(happens, edge, 0) for edge in edges), opacity

    def _clipped(self, first: Number, second: Number, y: Number, x: Number, size: Size) -> Edges[Number]:
        lam = beta(first, second, self.alpha, majority=self.majority)
        return cutmix_edges(lam, integers(y, size[0]), integers(x, size[1]), size)

    def _inner(self, first: Number, second: Number, y: Number, x: Number, size: Size) -> Edges[Number]:
        tall, wide = self._side(first, size[0]), self._side(second, size[1])
        top, left = integers(y, size[0] - tall + 1), integers(x, size[1] - wide + 1)
        return top, left, top + tall, left + wide

    def _side(self, u: Number, side: int) -> Number:
        low, high = self.ratio or (0, 1)
        most = math.floor(high * side + 1e-6)
        least = min(math.ceil(low * side - 1e-6), most)  # no whole pixel in between: the one below
        return least + integers(u, most - least + 1)
