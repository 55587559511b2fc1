"""The base of all mixes, the user's own too: read the batch, draw, mix pixels and targets, rebuild the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor
from torchvision import tv_tensors

from cutmix_transforms._random._graph import draw_in_graph
from cutmix_transforms._structure._advice import PLACES
from cutmix_transforms._structure._column import Column, stacked
from cutmix_transforms._structure._fit import check_counts, check_dense, check_others, shapes_of
from cutmix_transforms._structure._images import channels_last_error, has_channels_last
from cutmix_transforms._structure._instances import Leaf
from cutmix_transforms._structure._labels import check_labels_getter
from cutmix_transforms._structure._order import in_order_of
from cutmix_transforms._structure._read import Parts, Rules, read
from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms._transforms._beside import (
    becomes_pair,
    blends_of,
    check_structures,
    mix_structures,
    takes_any_shape,
)
from cutmix_transforms.functional import _targets
from cutmix_transforms.functional._blend import check_blendable
from cutmix_transforms.functional._by_mask import pack, unpack
from cutmix_transforms.functional._checks import check_choice, check_count, check_flag, check_fraction_below_one
from cutmix_transforms.functional._draw import (
    HostDraw,
    MixDraw,
    Placement,
    check_placement,
    draw_of,
    for_kernels,
    image_size,
)
from cutmix_transforms.functional._mix_draw import check_draw, check_fit
from cutmix_transforms.functional._pairs import MixedTarget, pair_targets_unchecked
from cutmix_transforms.functional._pixels import mix_images_unchecked
from cutmix_transforms.functional._wrap import unwrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cutmix_transforms._structure._labels import LabelsGetter
    from cutmix_transforms.functional._draw import Draw, Size

NumClasses = int | Sequence[int | None] | None

_MOST_CLASSES = 2**31 - 1
_AXES: dict[type, tuple[int, ...]] = {tv_tensors.Video: (5,), tv_tensors.Image: (4,)}
_FORMS = {
    1: "batched signals (N, C, T) with dims=1 (give those without channels one, signals[:, None])",
    2: "batched, (N, C, H, W), or videos (N, T, C, H, W) (give gray images (N, H, W) a channel, images[:, None])",
    3: "batched volumes (N, C, D, H, W) with dims=3 (give those without channels one, volumes[:, None])",
}


class Mix(RandomTransform):
    """The base class of mixes, for writing one of your own: say where the partner shows, all else follows.

    A subclass has ``numbers``, how many uniform numbers one row needs, and ``place``, which turns them and the size of
    the image into a :class:`functional.Placement`. There is one row for the batch or, with ``per_sample``, one for each
    sample: ``numbers[0]`` in ``place`` is an array with the first number of every row. The probability ``p``, partners,
    ``lam``, targets, masks, instances, :class:`MixCollate`, :class:`MixDataset`, replay and :class:`RandomMixChoice`
    need no line more. For boxes over other axes than height and width, ``dims`` of the class says over how many: 1 for
    signals ``(N, C, T)``, 3 for volumes ``(N, C, D, H, W)``.

    Args:
        p: the probability that a batch (with ``per_sample``, a sample) is mixed; 0 turns mixing off.
        num_classes: number of classes, for integer labels of shape ``(N,)``; a tuple with one for each of several.
        per_sample: draw for every sample, not once for the batch.
        min_visibility: instances whose visible fraction is not above it are dropped; None is 0.
        target: ``"soft"`` for float targets, ``"pair"`` for a :class:`MixedTarget` of both labels, ``"union"`` for
            every class that is in one of the samples that show.
        label_smoothing: smooth the soft targets of integer labels; here or in the loss, not in both.
        labels_getter: how to find the labels, as in :class:`RandomCutMix`.
        generator: the CPU generator that draws come from; by default torch's global one.

    Shape:
        - numbers given to ``place``: ``(self.numbers, rows)`` float64 in [0, 1), a numpy array on the host.
        - images and labels: as in :class:`RandomCutMix`, or :class:`RandomMixUp` where ``place`` takes whole images.

    Raises:
        TypeError: if an option or an input is of a wrong type.
        ValueError: if it is of the right type with a wrong value, or ``place`` returns boxes outside the image.

    Example:
        A band of the partner over the whole width, up to half as high as the image:

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

    numbers: int
    dims = 2

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
        super().__init__(p=p, generator=generator)
        self._check_hooks()
        check_choice("target", target, ("soft", "pair", "union"))
        self.num_classes = _check_num_classes(num_classes)
        self.per_sample = check_flag("per_sample", per_sample)
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

    def _check_hooks(self) -> None:
        """Raise an error unless the class says how many numbers its ``place`` needs, and over how many axes it goes."""
        check_count("dims", self.dims)
        found = getattr(type(self), "numbers", None)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise TypeError(
                f"{type(self).__name__}.numbers must be how many uniform numbers place() needs for a row, an int of at "
                f"least 0 in the class, got {found!r}"
            )

    def place(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Turn uniform numbers into the places where the partner shows: the hook that a mix fills.

        Args:
            numbers: uniform in [0, 1).
            size: ``(height, width)`` of the images, or one number for each of ``dims`` axes.

        Shape:
            - numbers: ``(self.numbers, rows)``.

        Returns:
            The placement, with as many rows.

        Raises:
            NotImplementedError: if a subclass has no such method.
        """
        raise NotImplementedError(f"{type(self).__name__} must have a method place(numbers, size)")

    def forward(self, *inputs: Any, draw: MixDraw | None = None, others: Any = None) -> Any:
        """Mix a batch: images and labels as two arguments, or together in any nest of tuples, lists and dictionaries.

        Args:
            *inputs: the batch.
            draw: a draw to replay, from :meth:`draw`; by default a fresh one.
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
        self._check_images([images])
        if others is not None and not isinstance(others, Tensor):
            others = self._read(others).images[0].value
        return self._draw(len(images), image_size(images, self.dims), 0 if others is None else len(others)).spread()

    def _draw_for(self, count: int, size: Size, device: torch.device, others: int = 0) -> Draw | None:
        """Return a draw for a batch; None if it is clear without one that nothing is mixed.

        Args:
            count: how many samples there are.
            size: of the images, over the axes that boxes span.
            device: where they are.
            others: how many samples partners are taken from, if not from the batch itself.

        Returns:
            The draw.
        """
        if self._is_idle(2 if others and count else count):
            return None
        if not torch.compiler.is_compiling():
            return self._draw(count, size, others)
        place = torch.empty(0, device=device)
        shape = [count, 2 + 2 * len(size)]
        rows = draw_in_graph(place, self._number, "_packed", [count, others, *size], shape, torch.float64)
        return unpack(rows, size)

    def _is_idle(self, count: int) -> bool:
        """Tell whether it is clear without a draw that nothing is mixed."""
        return not self.training or count < 2 or (not torch.compiler.is_compiling() and self.p == 0)

    def _draw(self, count: int, size: Size, others: int = 0) -> HostDraw:
        if count == 0 or (count == 1 and not others):
            nowhere = Placement(np.zeros((1, 2 * len(size)), dtype=np.int64), 0.0)
            return draw_of(np.zeros(count, dtype=np.int64), nowhere, size)
        numbers = self._uniform(count)
        placement = self._placed(numbers[1:], size)
        if others:
            first = int(numbers[0, 0] * others)
            return draw_of(np.arange(first, first + count) % others, placement, size)
        shift = self._shift_of(numbers, count)
        return draw_of(np.arange(shift, shift + count) % count, placement, size, shift)

    def _packed(self, count: int, others: int, *size: int, device: torch.device) -> Tensor:  # noqa: ARG002
        return pack(self._draw(count, size, others).spread())

    def _shift_of(self, numbers: NDArray[np.float64], count: int) -> int:
        """Return how far it is from each of some samples to its partner: never to itself."""
        return 1 + int(numbers[0, 0] * (count - 1))

    def _uniform(self, count: int) -> NDArray[np.float64]:
        """Return the uniform numbers of one draw, ``(1 + needed, 1 or count)``: the first chooses the partners."""
        numbers = self._stream.uniform(1 + self._needed, count if self._draws_per_sample else 1)
        if numbers.shape[1] > 1:
            self._level(numbers[1:])
        return numbers

    def _level(self, numbers: NDArray[np.float64]) -> None:
        """Give all samples the same numbers where they share one draw, in a choice that draws for each."""
        if not self.per_sample:
            numbers[:] = numbers[:, :1]

    @property
    def _needed(self) -> int:
        """How many numbers a row needs: one that decides whether it is mixed, then those for ``place``."""
        return 1 + self.numbers

    @property
    def _draws_per_sample(self) -> bool:
        return self.per_sample

    def _placed(self, numbers: NDArray[np.float64], size: Size) -> Placement:
        """Return where the partner shows: nowhere in what ``p`` leaves alone, nor after ``.eval()``."""
        placement = self.place(numbers[1:].copy(), size)
        check_placement(placement, size, numbers.shape[1], type(self).__name__)
        p = self.p if self.training else 0
        if p == 1:
            return placement
        is_left = numbers[0] >= p
        if placement.boxes is None:
            return Placement(None, np.where(is_left, 0.0, placement.opacity))
        return Placement(np.where(is_left[:, None], 0, placement.boxes), placement.opacity)

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
        return self._with_targets(parts)

    def _check(self, parts: Parts) -> None:
        """Raise an error unless images, maps and instances can be mixed."""
        self._check_images([image.value for image in parts.images])
        if parts.maps or parts.groups:
            check_structures(self, parts)
        for group in parts.groups:
            self._warn_of(group.unnamed)

    def _with_targets(self, parts: Parts) -> Parts:
        """Return the parts with their labels in the form that is mixed; raise an error unless they are labels."""
        if self.target == "pair":
            return parts
        labels, counts = parts.targets, self.num_classes
        if not isinstance(counts, tuple):
            counts = (counts,) * len(labels)
        elif len(counts) != len(labels):
            raise ValueError(f"num_classes must be one number or one for each of {len(labels)} labels, got {counts}")
        smoothing = self.label_smoothing if self.training else 0.0
        for label in labels:
            check_dense("labels", label.value)
        targets = [
            Leaf(label.place, _targets.target_of(label.value, number, smoothing))
            for label, number in zip(labels, counts, strict=True)
        ]
        nest, size, images, maps, _, groups, is_sample = parts  # older compilers know no _replace
        rows = [target for _, target in targets if isinstance(target, _targets.ClassLabels) or target.ndim == 2]
        if self.target == "union" and len(rows) < len(targets):
            raise ValueError(
                "labels must be classes or rows of classes with target='union' (values have no union), got "
                f"{shapes_of([leaf.value for leaf in labels])}"
            )
        return Parts(nest, size, images, maps, targets, groups, is_sample)

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
            values[own.place] = self._mix_target(own.value, draw, other.value)
        return values | mix_structures(self, parts, draw, others) if parts.maps or parts.groups else values

    def _mix_target(self, own: Any, draw: Draw, other: Any) -> Tensor | MixedTarget:
        if self.target == "pair":
            return pair_targets_unchecked(own, draw, None if other is own else other)
        are_classes = isinstance(own, _targets.ClassLabels) and isinstance(other, _targets.ClassLabels)
        if self.target == "soft" and are_classes:
            return _targets.mix_class_labels(own, draw, other)
        mix = _targets.mix_targets_unchecked if self.target == "soft" else _targets.union_targets_unchecked
        return mix(_targets.soft_of(own), draw, None if other is own else _targets.soft_of(other))

    def _unmixed(self, parts: Parts) -> dict[int, Any]:
        """Return what replaces the leaves where nothing is mixed: targets in the form of mixed ones."""
        if self.target != "pair":
            return {place: _targets.soft_of(target) for place, target in parts.targets}
        both = [*parts.targets, *(leaf for leaf in parts.maps if becomes_pair(self, leaf.value))]
        return {place: MixedTarget.unmixed(stacked(value)) for place, value in both}

    def _check_images(self, images: list[Tensor]) -> None:
        """Raise an error unless these are images that the mix can take."""
        for image in images:
            check_dense("images", image)
            if image.ndim == 0:
                raise ValueError(f"images must have a batch dimension, got a tensor of shape {tuple(image.shape)}")
            is_explicit = type(image) in _AXES
            is_usual = image.ndim in _AXES.get(type(image), (self.dims + 2, self.dims + 3))
            if not is_usual and (is_explicit or not takes_any_shape(self)):
                raise ValueError(
                    f"images must be {_FORMS.get(self.dims, f'batched, with {self.dims} axes after N and C')}, "
                    f"got {type(image).__name__} of shape {tuple(image.shape)}; {PLACES}"
                )
            if is_explicit and self.dims > 2:
                raise ValueError(f"dims must be at most 2 for {type(image).__name__}, got {self.dims}")
            if self.dims == 2 and has_channels_last(image) and not takes_any_shape(self):
                raise channels_last_error(image)
            if (image.dtype == torch.bool or image.dtype.is_complex) and blends_of(self) != "nothing":
                check_blendable(image)


def _check_num_classes(value: Any) -> int | tuple[int | None, ...] | None:
    if not isinstance(value, (tuple, list)):
        return None if value is None else _check_number_of_classes(value)
    if not value:
        raise ValueError(
            f"num_classes must be an integer of at least 1, or one for each of several labels, got {value}"
        )
    return tuple(count if count is None else _check_number_of_classes(count) for count in value)


def _check_number_of_classes(value: Any) -> int:
    count = check_count("num_classes", value)
    if count > _MOST_CLASSES:
        raise ValueError(f"num_classes must be at most {_MOST_CLASSES}, got {count}")
    return count
