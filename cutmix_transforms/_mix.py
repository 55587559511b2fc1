"""What CutMix, MixUp and a choice of them share: read the inputs, draw, mix the pixels, mix the targets."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from cutmix_transforms._base import RandomTransform
from cutmix_transforms._checks import check_choice, check_count, check_flag, check_share_below_one
from cutmix_transforms._inputs import LabelsGetter, Parts, check_labels_getter, check_leaves, take_apart
from cutmix_transforms._instances import mix_instances
from cutmix_transforms._sampling import Stream, cyclic_shift
from cutmix_transforms._wrap import rewrap, unwrap
from cutmix_transforms.functional import image_size, mix_images, soft_targets
from cutmix_transforms.functional._checks import can_look_at
from cutmix_transforms.functional._draw import (
    Draw,
    MixDraw,
    SharedDraw,
    Size,
    check_draw,
    fill_in,
    kept_share,
    with_rows,
)
from cutmix_transforms.functional._kernels import map_kernel
from cutmix_transforms.functional._mixing import apply_draw, check_fit
from cutmix_transforms.functional._targets import MixedTarget, mixed_rows, paired_rows

NumClasses = int | Sequence[int | None] | None
Blending = Literal["nothing", "boxes", "images"]
Chance = tuple[Any, ...]  # uniform numbers: a block of one's own, then the chances of children
Region = tuple[Any, ...]  # top, left, bottom, right and opacity, each a number, or one a row (rows,)


class Mix(RandomTransform):
    """A transform that mixes every sample of a batch with a partner.

    A new mix fills three hooks: ``_check_images``, ``_chance`` (draws uniform numbers) and ``_region`` (turns them into
    a box and its opacity), and says what it blends; all else is here.
    """

    min_visibility: float | None = None  # None where no instance is ever hidden

    def __init__(
        self,
        *,
        p: float,
        num_classes: NumClasses,
        per_sample: bool,
        target: Literal["soft", "pair"],
        label_smoothing: float,
        labels_getter: LabelsGetter,
        generator: Generator | None,
    ) -> None:
        super().__init__(p=p, generator=generator)
        check_choice("target", target, ("soft", "pair"))
        self.num_classes = _check_num_classes(num_classes)
        self.per_sample = check_flag("per_sample", per_sample)
        self.target = target
        self.label_smoothing = check_share_below_one("label_smoothing", label_smoothing)
        if self.label_smoothing and target == "pair":
            raise ValueError(
                f"label_smoothing must be 0 with target='pair', where the loss can smooth, got {label_smoothing!r}"
            )
        self.labels_getter = check_labels_getter(labels_getter)

    @property
    def blending(self) -> Blending:
        """What is blended with the partner, not replaced by it."""
        raise NotImplementedError

    @property
    def kinds(self) -> list["Mix"]:
        """The mixes that this may be: itself."""
        return [self]

    def forward(self, *inputs: Any, draw: MixDraw | None = None) -> Any:
        """Mix a batch: images and labels as two arguments, or together in any nest of tuples, lists and dictionaries.

        Args:
            *inputs: the batch.
            draw: a draw to replay, from :meth:`draw`; by default a fresh one.

        Returns:
            The same nest with mixed images and targets; everything else in it is the identical object.

        Raises:
            TypeError: if there is no image, or something that cannot be mixed.
            ValueError: if images and labels do not fit together, the options or the draw.
        """
        if draw is not None:
            check_draw(draw)
        if any(isinstance(one, MixDraw) for one in inputs):
            raise TypeError("draw must be given by its name, mix(images, labels, draw=draw), got it by position")
        parts = self.ready(self.parts_of(inputs[0] if len(inputs) == 1 else inputs))
        if draw is None or not self.training:
            used = self.draw_for(parts)
        else:
            used = draw
            for image in map(unwrap, parts.images):
                check_fit(image, draw, image)
        return (self.unmixed(parts) if used is None else self.mixed(parts, used)).put_together()

    def draw(self, images: Tensor) -> MixDraw:
        """Draw for a batch without mixing it, for ``mix(images, labels, draw=draw)`` to replay.

        Args:
            images: the batch, or any other of its shape on its device.

        Shape:
            - images: as in a call.

        Returns:
            The draw; one that mixes nothing after ``.eval()``.

        Raises:
            TypeError: if ``images`` are no tensor of a dtype that can be mixed.
            ValueError: if their shape is none that can be mixed.
        """
        check_leaves([images])
        if not isinstance(images, Tensor):
            raise TypeError(f"images must be a tensor, got {type(images).__name__}")
        for kind in self.kinds:
            kind._check_images([images])
        count = len(images)
        return with_rows(self._draw(count, image_size(images), images.device), count, images.device)

    def draw_for(self, parts: Parts) -> Draw | None:
        """A draw for what was read; None if it is clear without one that nothing is mixed."""
        if self.is_idle(parts.count):
            return None
        return self._draw(parts.count, parts.size, parts.images[0].device)

    def _draw(self, count: int, size: Size, device: torch.device) -> Draw:
        if count < 2:
            boxes = torch.zeros(count, 4, dtype=torch.int64, device=device)
            return fill_in(boxes[:, 0].clone(), boxes, size, 0.0)
        chance = self._chance(count, device)
        return draw_of(shift_of(chance, count), self._region(chance, size, size), size, count)

    @property
    def parts_of(self) -> Callable[..., Parts]:
        """What takes a batch or, with ``is_sample``, a sample apart; without a frame of its own in tracebacks."""
        return partial(take_apart, getter=self.labels_getter, has_weights=self.blending == "images")

    def ready(self, parts: Parts) -> Parts:
        """The same parts with their labels in the form that is mixed; raise an error if they cannot be mixed."""
        for image in parts.images:
            if image.layout != torch.strided:
                raise TypeError(f"images must be dense tensors, got the layout {image.layout}")
        for kind in self.kinds:
            kind._check_images(parts.images)
        self._check_structures(parts)
        leaves = [*parts.images, *parts.maps, *parts.labels]
        if len({image_size(image) for image in parts.images}) > 1:
            raise ValueError(f"images of one batch must be of one size, got the shapes {_shapes(parts.images)}")
        if any(leaf.ndim == 0 or len(leaf) != parts.count for leaf in leaves):
            raise ValueError(f"images and labels must have the same batch size, got the shapes {_shapes(leaves)}")
        if self.target == "pair":
            parts.targets = list(parts.labels)
            return parts
        counts = self.num_classes if isinstance(self.num_classes, tuple) else (self.num_classes,) * len(parts.labels)
        if len(counts) != len(parts.labels):
            raise ValueError(
                f"num_classes must be one number or one for each of {len(parts.labels)} labels, got {counts}"
            )
        smoothing = self.label_smoothing if self.training else 0.0
        parts.targets = list(map(partial(soft_targets, label_smoothing=smoothing), parts.labels, counts))
        return parts

    def mixed(self, parts: Parts, draw: Draw, others: Parts | None = None, *, done: Sequence[Tensor] = ()) -> Parts:
        """Images and targets mixed as a draw says, among themselves or with others; ``done`` are mixed already."""
        pool = others or parts
        images = [
            image if _is_among(image, done) else _mix_pixels(image, draw, other)
            for image, other in _pairs(parts.images, pool.images)
        ]
        if self.target == "soft":
            targets: list[Any] = [mixed_rows(own, draw, other) for own, other in _pairs(parts.targets, pool.targets)]
            if not parts.maps and not parts.groups:
                return replace(parts, images=images, targets=targets, is_mixed=True)
        rows = with_rows(draw, parts.count, parts.images[0].device)
        if self.target == "pair":
            targets = [paired_rows(own, rows, other) for own, other in _pairs(parts.targets, pool.targets)]
        maps = [
            own if _is_among(own, done) else self._mix_map(own, rows, other)
            for own, other in _pairs(parts.maps, pool.maps)
        ]
        groups = [
            mix_instances(own, other, rows, self.min_visibility or 0.0, unites=self.blending == "images")
            for own, other in _pairs(parts.groups, pool.groups)
        ]
        return replace(parts, images=images, maps=maps, targets=targets, groups=groups, is_mixed=True)

    def mixes_as_image(self, leaf: Tensor, parts: Parts) -> bool:
        """Whether the pixels of a leaf are mixed by the kernel of images."""
        if _is_among(leaf, parts.maps):
            kernel = map_kernel(leaf)
            return kernel is not None and kernel.mix is mix_images and not self._becomes_pair(leaf)
        return _is_among(leaf, parts.images)

    def _mix_map(self, own: Tensor, draw: MixDraw, other: Tensor) -> Any:
        kernel = map_kernel(own)
        if kernel is None or not kernel.categorical:
            return own if kernel is None else rewrap(kernel.mix(unwrap(own), draw, unwrap(other)), own)
        # Classes can only be pasted. Where the partner covers nothing wholly, both are kept, with the share of each.
        some, all_of_it = (
            MixDraw(draw.partners, draw.lam, draw.boxes, covers.to(draw.opacity.dtype), draw.size)
            for covers in (draw.opacity == 1, draw.opacity > 0)
        )
        pasted = rewrap(kernel.mix(unwrap(own), all_of_it, unwrap(other)), own)
        if self.blending == "nothing":
            return pasted
        return MixedTarget(rewrap(kernel.mix(unwrap(own), some, unwrap(other)), own), pasted, 1 - draw.opacity)

    def unmixed(self, parts: Parts) -> Parts:
        """Images left alone, and targets in the form of mixed ones."""
        if self.target == "soft":
            return parts
        lam = torch.ones(parts.count, dtype=torch.float32, device=parts.images[0].device)
        pairs = [MixedTarget(target, target, lam.to(target.device)) for target in parts.targets]
        maps = [MixedTarget(leaf, leaf, lam) if self._becomes_pair(leaf) else leaf for leaf in parts.maps]
        return replace(parts, targets=pairs, maps=maps)

    def is_idle(self, count: int) -> bool:
        """Whether it is clear without a draw that nothing is mixed."""
        return not self.training or count < 2 or (not torch.compiler.is_compiling() and self.p == 0)

    def _becomes_pair(self, leaf: Tensor) -> bool:
        """Whether maps hold classes that the mix cannot paste."""
        kernel = map_kernel(leaf)
        return kernel is not None and kernel.categorical and self.blending != "nothing"

    def _check_structures(self, parts: Parts) -> None:
        """Raise an error if there are masks or instances that the mix would have to blend; warn of forgotten ones."""
        if self.target == "soft" and any(map(self._becomes_pair, parts.maps)):
            raise ValueError(
                "target must be 'pair' for masks that are blended (CutMix of opacity 1 pastes them), "
                f"got {self.target!r}"
            )
        if parts.groups and self.blending == "boxes":
            raise ValueError(
                f"opacity must be 1 for boxes, instance masks and keypoints, got {getattr(self, 'opacity', self)!r}"
            )
        self._warn_of(parts.unnamed)

    def _check_images(self, images: list[Tensor]) -> None:
        """Raise an error unless the mix can take these images."""
        raise NotImplementedError

    def _chance(self, count: int, device: torch.device, *, stream: Stream | None = None, sure: bool = False) -> Chance:
        """The uniform numbers that one draw needs: the first shifts the partners, the second decides about mixing."""
        raise NotImplementedError

    def _region(self, chance: Chance, size: Size, other: Size) -> Region:
        """Where, in samples of ``size``, partners of size ``other`` show, and how strongly.

        Of one row that can be looked at, chance and region are numbers of Python's own: the same arithmetic, but fast.
        """
        raise NotImplementedError

    def _happens(self, gate: Any) -> Any:
        """Whether a batch or sample is mixed, for uniform numbers; never after ``.eval()``."""
        if isinstance(gate, Tensor) and not can_look_at(gate):
            return gate < (self._p if self.training else 0)
        p = self.p if self.training else 0
        return p == 1 or gate < p

    def _block(self, numbers: int, count: int, device: torch.device, stream: Stream | None, *, sure: bool) -> Any:
        """``(numbers, rows)`` uniform numbers, a row a sample, or a list of numbers where there is one row.

        A generator of one's own goes first. With ``sure`` the second is 0, so that there is mixing whatever its chance
        is, unless that is 0.
        """
        source = self._stream if stream is None or self._stream.given else stream
        block: Any = source.uniform(numbers, count if self.per_sample else 1, device=device)
        if block.shape[1] == 1 and can_look_at(block):
            block = [number for (number,) in block.tolist()]
        if sure:
            block[1] = 0
        return block


def shift_of(chance: Chance, count: int) -> Any:
    """How far it is from each sample of a batch to its partner."""
    first = chance[0][0]
    number: Any = first[0] if isinstance(first, Tensor) else first
    return cyclic_shift(number.item() if isinstance(number, Tensor) and can_look_at(number) else number, count)


def draw_of(shift: Any, region: Region, size: Size, count: int) -> Draw:
    """The draw for samples that share a region or have one each."""
    box, opacity = region[:4], region[4]
    if isinstance(box[0], Tensor):
        boxes = torch.stack(box, dim=-1).expand(count, 4).contiguous()
        partners = (torch.arange(count, device=boxes.device) + shift) % count
        shares = opacity.expand(count).contiguous() if isinstance(opacity, Tensor) else opacity
        return fill_in(partners, boxes, size, shares)
    lam, opacity = array("f", (kept_share(box, opacity, size), opacity))  # float32, as in a draw with rows
    return SharedDraw(shift, box, opacity, lam, size)


def _mix_pixels(image: Tensor, draw: Draw, other: Tensor) -> Tensor:
    plain = unwrap(image)
    return rewrap(apply_draw(plain, draw, plain if other is image else unwrap(other)), image)


def _pairs(first: list[Any], second: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(first, second, strict=True))


def _is_among(tensor: Tensor, tensors: Sequence[Tensor]) -> bool:
    return any(one is tensor for one in tensors)


def _shapes(tensors: list[Tensor]) -> str:
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors)


def _check_num_classes(value: Any) -> int | tuple[int | None, ...] | None:
    if not isinstance(value, (tuple, list)):
        return None if value is None else check_count("num_classes", value)
    if not value:
        raise ValueError(
            f"num_classes must be an integer of at least 1, or one for each of several labels, got {value}"
        )
    for count in value:
        if count is not None:
            check_count("num_classes", count)
    return tuple(count if count is None else int(count) for count in value)
