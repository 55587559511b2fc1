"""The base class of all mixes: read the batch, draw, mix pixels and targets, rebuild the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from torch import Generator, Tensor

from cutmix_transforms._structure._column import Column, stacked
from cutmix_transforms._structure._fit import check_counts, check_dense, check_others
from cutmix_transforms._structure._labels import check_labels_getter
from cutmix_transforms._structure._order import in_order_of
from cutmix_transforms._structure._parts import Parts, Rules, with_others
from cutmix_transforms._structure._read import read
from cutmix_transforms._transforms._beside import (
    becomes_pair,
    blends_of,
    check_beside,
    mix_beside,
    takes_any_shape,
)
from cutmix_transforms._transforms._draws import DrawingTransform
from cutmix_transforms._transforms._inputs import check_images, check_num_classes, mix_target, with_targets
from cutmix_transforms.functional._checks import check_choice, check_fraction_below_one
from cutmix_transforms.functional._draw import MixDraw, for_kernels
from cutmix_transforms.functional._mix_draw import check_draw, check_fit
from cutmix_transforms.functional._pairs import MixedTarget
from cutmix_transforms.functional._pixels import mix_images_unchecked
from cutmix_transforms.functional._placement import image_size
from cutmix_transforms.functional._soft_targets import soft_of
from cutmix_transforms.functional._wrap import unwrap

if TYPE_CHECKING:
    from cutmix_transforms._structure._labels import LabelsGetter
    from cutmix_transforms.functional._draw import Draw

NumClasses = int | Sequence[int | None] | None


class Mix(DrawingTransform):
    """The base class of mixes. To write your own, say in one method where the partner shows.

    A subclass has an attribute ``numbers``, the number of uniform numbers that one row needs, and a method ``place``,
    which turns these numbers and the size of the images into a ``functional.Placement``. There is one row for the batch
    or, with ``per_sample``, one per sample: in ``place``, ``numbers[0]`` is an array with the first number of every
    row, so write ``np.where`` instead of ``if``. Everything else works without more code: ``p``, partners, ``lam``,
    targets, masks, instances, replay, ``MixCollate``, ``MixDataset`` and ``RandomMixChoice``. A class attribute
    ``dims`` sets the number of trailing axes that a box spans: 2 for images (the default), 1 for signals ``(N, C, T)``,
    3 for volumes ``(N, C, D, H, W)``.

    Args:
        p: the probability that a batch (with ``per_sample``, a sample) is mixed; 0 turns mixing off.
        num_classes: the number of classes, needed for integer labels ``(N,)``; a tuple for several labels.
        per_sample: draw for every sample, not once for the batch.
        min_visibility: instances are dropped unless their visible fraction is above this; None means 0, and that a
            choice need not agree on it.
        target: ``"soft"`` for float targets, ``"pair"`` for a ``MixedTarget`` of both labels, or ``"union"``, in which
            a class is present if it is present in a sample that is still visible.
        label_smoothing: smoothing of the targets of integer labels. Smooth either here or in the loss, not in both.
        labels_getter: how to find the labels: ``"default"``, a key, an index, a function of the inputs, or None for no
            labels; ``RandomCutMix`` describes the details.
        generator: the CPU generator that draws come from; by default torch's global one.

    Shape:
        - numbers passed to ``place``: ``(self.numbers, rows)`` float64 in [0, 1), a numpy array on the host.
        - images: ``(N, C, H, W)`` or ``(N, T, C, H, W)``, or ``(N, ...)`` if ``place`` always blends whole images.
        - labels: ``(N,)`` or ``(N, K)``, or dense, ``(N, H, W)`` or ``(N, 1, H, W)``.
        - output: images as they came; targets ``(N, K)`` float, or ``(N,)`` for float labels ``(N,)``.

    Raises:
        TypeError: if an option or an input has a wrong type.
        ValueError: if an option or an input has a wrong value, or ``place`` returns boxes outside the image.

    Example:
        Paste a band of the partner over the whole width, up to half as high as the image:

        >>> import numpy as np
        >>> import torch
        >>> from cutmix_transforms.functional import Placement
        >>> class RandomBand(Mix):
        ...     numbers = 2
        ...
        ...     def place(self, numbers, size):
        ...         height, width = size
        ...         tall = np.floor(numbers[0] * height / 2)  # whole pixels
        ...         top = np.floor(numbers[1] * (height - tall + 1))
        ...         return Placement.between(top, 0, top + tall, width)
        >>> images, targets = RandomBand(num_classes=8, per_sample=True)(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> images.shape, targets.sum(1)
        (torch.Size([8, 3, 17, 11]), tensor([1., 1., 1., 1., 1., 1., 1., 1.]))

        Blend with a ``lam`` that is uniform in (0.45, 0.55):

        >>> class EvenMixUp(Mix):
        ...     numbers = 1
        ...
        ...     def place(self, numbers, size):
        ...         return Placement(opacity=0.45 + 0.1 * numbers[0])
        >>> draw = EvenMixUp().draw(torch.rand(8, 3, 17, 11))
        >>> bool(((draw.lam > 0.45) & (draw.lam < 0.55)).all())
        True
    """

    def __init__(
        self,
        *,
        p: float = 1.0,
        num_classes: NumClasses = None,
        per_sample: bool = False,
        min_visibility: float | None = None,
        target: Literal["soft", "pair", "union"] = "soft",
        label_smoothing: float = 0.0,
        labels_getter: LabelsGetter = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p=p, per_sample=per_sample, generator=generator)
        check_choice("target", target, ("soft", "pair", "union"))
        self.num_classes = check_num_classes(num_classes)
        self.min_visibility = (
            None if min_visibility is None else check_fraction_below_one("min_visibility", min_visibility)
        )
        self.target = target
        self.label_smoothing = check_fraction_below_one("label_smoothing", label_smoothing)
        if self.label_smoothing and target == "pair":
            raise ValueError(
                f"label_smoothing must be 0 with target='pair' (smooth in the loss instead), got {label_smoothing!r}"
            )
        self.labels_getter = check_labels_getter(labels_getter)

    def forward(self, *inputs: Any, draw: MixDraw | None = None, others: Any = None) -> Any:
        """Mix a batch: images and labels as two arguments, or nested in tuples, lists and dictionaries.

        Args:
            *inputs: the batch.
            draw: a draw from the method ``draw``, to use again; by default a new draw is made.
            others: a second batch with the same structure and any number of samples, which the partners are taken from;
                by default the batch itself.

        Returns:
            The batch with mixed images and targets. Everything else in it is returned as it is, the same object.

        Raises:
            TypeError: if there is no image, or an input that cannot be mixed.
            ValueError: if images and labels do not match each other, the options or the draw.
        """
        if draw is not None:
            check_draw(draw)
            if len(draw.size) != self.dims and not takes_any_shape(self):
                raise ValueError(f"draw must be made with dims={self.dims}, got one for images of size {draw.size}")
        if any(isinstance(one, MixDraw) for one in inputs):
            raise TypeError("draw must be passed by keyword: mix(images, labels, draw=draw), got a positional MixDraw")
        is_one = len(inputs) == 1
        parts = self._ready(self._read(inputs[0] if is_one else inputs, are_arguments=not is_one))
        pool = None if others is None else self._pool(parts, others)
        first = parts.images[0].value
        if draw is None or not self.training:
            count = 0 if pool is None else len(pool.images[0].value)
            used = self._draw_for(len(first), parts.size, first.device, count)
        else:
            for own, other in zip(parts.images, (pool or parts).images, strict=True):
                check_fit(unwrap(own.value), draw, unwrap(other.value))
            used = for_kernels(draw)
        return parts.rebuilt(self._unmixed(parts) if used is None else self._mixed(parts, used, pool))

    def _pool(self, parts: Parts, others: Any) -> Parts:
        """Read a second batch, and return its parts in the order of the first batch."""
        try:
            pool = in_order_of(parts, self._ready(self._read(others)), "the batch and others")
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError  # a subclass may need arguments
            raise kind(f"others must be a second batch with the structure of the first: {error}") from error
        check_others(parts, pool)
        return pool

    def draw(self, images: Tensor, *, others: Any = None) -> MixDraw:
        """Make a draw for a batch without mixing it, for ``mix(images, labels, draw=draw)``.

        Args:
            images: the images of the batch, or any tensor of the same shape.
            others: a second batch, or its images, which the partners are taken from; by default the batch itself.

        Shape:
            - images: ``(N, C, H, W)`` or another shape that the mix takes.

        Returns:
            The draw. After ``.eval()`` it is a draw that mixes nothing.

        Raises:
            TypeError: if ``images`` is not a tensor, or has a dtype that cannot be mixed.
            ValueError: if ``images`` has a shape that cannot be mixed, or ``others`` another shape or no samples.
        """
        if not isinstance(images, Tensor):
            raise TypeError(f"images must be a tensor (v2.ToImage() makes one), got {type(images).__name__}")
        check_images(self, [images])
        if others is not None and not isinstance(others, Tensor):
            others = self._read(others).images[0].value
        if others is not None and (not others.ndim or not len(others) or others.shape[1:] != images.shape[1:]):
            raise ValueError(
                f"others must hold at least one sample of the shape of the images, {tuple(images.shape[1:])}, "
                f"got shape {tuple(others.shape)}"
            )
        return self._draw(len(images), image_size(images, self.dims), 0 if others is None else len(others)).spread()

    @property
    def _kinds(self) -> list[Mix]:
        """The mixes that may be applied: itself, or those of a choice."""
        return [self]

    def _read(self, inputs: Any, *, is_sample: bool = False, are_arguments: bool = False) -> Parts:
        """Find the images, maps, labels and instances of a batch or a sample."""
        rules = Rules(
            self.labels_getter,
            self.num_classes,
            self.dims,
            any_shape=lambda: takes_any_shape(self),
            needs_weights=lambda: blends_of(self) == "images",
        )
        return read(inputs, rules, is_sample=is_sample, are_arguments=are_arguments)

    def _ready(self, parts: Parts) -> Parts:
        """Check the parts of a batch or sample, and convert the labels to the form that is mixed."""
        self._check(parts)
        check_counts(parts)
        return with_targets(self, parts)

    def _check(self, parts: Parts) -> None:
        """Raise an error unless the images, maps and instances can be mixed."""
        check_images(self, [image.value for image in parts.images], is_sample=parts.is_sample)
        for label in parts.targets:
            check_dense("labels", label.value)
        if parts.maps or parts.groups:
            check_beside(self, parts)
        for group in parts.groups:
            self._warn_of(group.unnamed)

    def _mixed(self, parts: Parts, draw: Draw, pool: Parts | None = None) -> dict[int, Any]:
        """Return the mixed leaves of a batch by their indices, with partners from ``pool`` or from the batch itself."""
        values: dict[int, Any] = {}
        for own, other in with_others(parts.images, None if pool is None else pool.images):
            is_column = isinstance(own.value, Column)
            values[own.place] = own.value.mixed(draw) if is_column else mix_images_unchecked(own.value, draw, other)
        for own, other in with_others(parts.targets, None if pool is None else pool.targets):
            values[own.place] = mix_target(self, own.value, draw, other)
        return values | mix_beside(self, parts, draw, pool) if parts.maps or parts.groups else values

    def _unmixed(self, parts: Parts) -> dict[int, Any]:
        """Return the targets of an unmixed batch by the indices of their leaves, in the form of mixed targets."""
        if self.target != "pair":
            return {place: soft_of(target) for place, target in parts.targets}
        both = [*parts.targets, *(leaf for leaf in parts.maps if becomes_pair(self, leaf.value))]
        return {place: MixedTarget.unmixed(stacked(value)) for place, value in both}
