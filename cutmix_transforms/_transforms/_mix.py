"""The base of all mixes, the user's own too: read the batch, draw, mix pixels and targets, rebuild the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from torch import Generator, Tensor

from cutmix_transforms._structure._column import Column, stacked
from cutmix_transforms._structure._fit import check_counts, check_dense, check_others
from cutmix_transforms._structure._labels import check_labels_getter
from cutmix_transforms._structure._order import in_order_of
from cutmix_transforms._structure._read import Parts, Rules, read
from cutmix_transforms._transforms._beside import (
    becomes_pair,
    blends_of,
    check_structures,
    mix_structures,
    takes_any_shape,
)
from cutmix_transforms._transforms._draws import DrawingTransform
from cutmix_transforms._transforms._inputs import check_images, check_num_classes, mix_target, with_targets
from cutmix_transforms.functional import _targets
from cutmix_transforms.functional._checks import check_choice, check_fraction_below_one
from cutmix_transforms.functional._draw import (
    MixDraw,
    for_kernels,
    image_size,
)
from cutmix_transforms.functional._mix_draw import check_draw, check_fit
from cutmix_transforms.functional._pairs import MixedTarget
from cutmix_transforms.functional._pixels import mix_images_unchecked
from cutmix_transforms.functional._wrap import unwrap

if TYPE_CHECKING:
    from cutmix_transforms._structure._labels import LabelsGetter
    from cutmix_transforms.functional._draw import Draw

NumClasses = int | Sequence[int | None] | None


class Mix(DrawingTransform):
    """The base class of mixes, for writing one of your own: say where the partner shows, all else follows.

    A subclass has ``numbers``, how many uniform numbers one row needs, and ``place``, which turns them and the size of
    the image into a ``functional.Placement``. There is one row for the batch or, with ``per_sample``, one for each
    sample: ``numbers[0]`` in ``place`` is an array with the first number of every row. The probability ``p``, partners,
    ``lam``, targets, masks, instances, ``MixCollate``, ``MixDataset``, replay and ``RandomMixChoice``
    need no line more. For boxes over other axes than height and width, ``dims`` of the class says over how many: 1 for
    signals ``(N, C, T)``, 3 for volumes ``(N, C, D, H, W)``.

    Args:
        p: the probability that a batch (with ``per_sample``, a sample) is mixed; 0 turns mixing off.
        num_classes: number of classes, for integer labels of shape ``(N,)``; a tuple with one for each of several.
        per_sample: draw for every sample, not once for the batch.
        min_visibility: instances whose visible fraction is not above it are dropped; None is 0.
        target: ``"soft"`` for float targets, ``"pair"`` for a ``MixedTarget`` of both labels, ``"union"`` for
            every class that is in one of the samples that show.
        label_smoothing: smooth the soft targets of integer labels; here or in the loss, not in both.
        labels_getter: how to find the labels, as in ``RandomCutMix``.
        generator: the CPU generator that draws come from; by default torch's global one.

    Shape:
        - numbers given to ``place``: ``(self.numbers, rows)`` float64 in [0, 1), a numpy array on the host.
        - images and labels: as in ``RandomCutMix``, or ``RandomMixUp`` where ``place`` takes whole images.

    Raises:
        TypeError: if an option or an input is of a wrong type.
        ValueError: if it is of the right type with a wrong value, or ``place`` returns boxes outside the image.

    Example:
        A band of the partner over the whole width, up to half as high as the image:

        >>> import torch
        >>> from cutmix_transforms.functional import Placement
        >>> class RandomBand(Mix):
        ...     numbers = 2
        ...
        ...     def place(self, numbers, size):
        ...         height, width = size
        ...         tall = numbers[0] * height / 2 // 1
        ...         top = numbers[1] * (height - tall + 1) // 1
        ...         return Placement.between(top, 0, top + tall, width)
        >>> images, targets = RandomBand(num_classes=8, per_sample=True)(torch.rand(8, 3, 17, 11), torch.arange(8))
        >>> images.shape, targets.sum(1)
        (torch.Size([8, 3, 17, 11]), tensor([1., 1., 1., 1., 1., 1., 1., 1.]))

        A MixUp whose ``lam`` is uniform in (0.45, 0.55):

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
                f"label_smoothing must be 0 with target='pair', where the loss can smooth, got {label_smoothing!r}"
            )
        self.labels_getter = check_labels_getter(labels_getter)

    def forward(self, *inputs: Any, draw: MixDraw | None = None, others: Any = None) -> Any:
        """Mix a batch: images and labels as two arguments, or together in any nest of tuples, lists and dictionaries.

        Args:
            *inputs: the batch.
            draw: a draw to replay, from ``draw``; by default a fresh one.
            others: a second batch in the same nest to take partners from, of any number; by default the batch itself.

        Returns:
            The same nest with mixed images and targets; everything else in it is the identical object.

        Raises:
            TypeError: if there is no image, or something that cannot be mixed.
            ValueError: if images and labels do not fit together, the options or the draw.
        """
        if draw is not None:
            check_draw(draw)
            if len(draw.size) != self.dims and not takes_any_shape(self):
                raise ValueError(f"draw must be made with dims={self.dims}, got one for images of size {draw.size}")
        if any(isinstance(one, MixDraw) for one in inputs):
            raise TypeError("draw must be given by its name, mix(images, labels, draw=draw), got it by position")
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
        """Return a second batch in the form and order of the first."""
        try:
            pool = in_order_of(parts, self._ready(self._read(others)), "the batch and others")
        except (TypeError, ValueError) as error:
            raise type(error)(f"others must be a second batch like the first one, in the same nest: {error}") from error
        check_others(parts, pool)
        return pool

    def draw(self, images: Tensor, *, others: Any = None) -> MixDraw:
        """Draw for a batch without mixing it, for ``mix(images, labels, draw=draw)`` to replay.

        Args:
            images: the batch, or any other of its shape.
            others: a second batch to take partners from, or its images alone; by default the batch itself.

        Shape:
            - images: as in a call.

        Returns:
            The draw; one that mixes nothing after ``.eval()``.

        Raises:
            TypeError: if ``images`` are no tensor of a dtype that can be mixed.
            ValueError: if their shape is none that can be mixed.
        """
        if not isinstance(images, Tensor):
            raise TypeError(f"images must be a tensor (v2.ToImage() makes one), got {type(images).__name__}")
        check_images(self, [images])
        if others is not None and not isinstance(others, Tensor):
            others = self._read(others).images[0].value
        return self._draw(len(images), image_size(images, self.dims), 0 if others is None else len(others)).spread()

    @property
    def _kinds(self) -> list[Mix]:
        """The mixes that this may be: itself."""
        return [self]

    def _read(self, inputs: Any, *, is_sample: bool = False, are_arguments: bool = False) -> Parts:
        """Find what is mixed in a batch or a sample."""
        rules = Rules(
            self.labels_getter,
            self.num_classes,
            self.dims,
            any_shape=lambda: takes_any_shape(self),
            needs_weights=lambda: blends_of(self) == "images",
        )
        return read(inputs, rules, is_sample=is_sample, are_arguments=are_arguments)

    def _ready(self, parts: Parts) -> Parts:
        """Return the parts with their labels in the form that is mixed; raise an error if they cannot be mixed."""
        self._check(parts)
        check_counts(parts)
        return with_targets(self, parts)

    def _check(self, parts: Parts) -> None:
        """Raise an error unless images, maps and instances can be mixed."""
        check_images(self, [image.value for image in parts.images])
        for label in parts.targets:
            check_dense("labels", label.value)
        if parts.maps or parts.groups:
            check_structures(self, parts)
        for group in parts.groups:
            self._warn_of(group.unnamed)

    def _mixed(self, parts: Parts, draw: Draw, pool: Parts | None = None) -> dict[int, Any]:
        """Return what replaces the leaves of a batch, by their place: mixed by a draw, with partners from a pool."""
        others = parts if pool is None else pool
        values: dict[int, Any] = {}
        for own, other in zip(parts.images, others.images, strict=True):
            pool_of_it = None if other is own else other.value
            is_column = isinstance(own.value, Column)
            values[own.place] = (
                own.value.mixed(draw) if is_column else mix_images_unchecked(own.value, draw, pool_of_it)
            )
        for own, other in zip(parts.targets, others.targets, strict=True):
            values[own.place] = mix_target(self, own.value, draw, other.value)
        return values | mix_structures(self, parts, draw, others) if parts.maps or parts.groups else values

    def _unmixed(self, parts: Parts) -> dict[int, Any]:
        """Return what replaces the leaves where nothing is mixed: targets in the form of mixed ones."""
        if self.target != "pair":
            return {place: _targets.soft_of(target) for place, target in parts.targets}
        both = [*parts.targets, *(leaf for leaf in parts.maps if becomes_pair(self, leaf.value))]
        return {place: MixedTarget.unmixed(stacked(value)) for place, value in both}
