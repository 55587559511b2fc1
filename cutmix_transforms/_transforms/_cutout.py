"""Cutout."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from cutmix_transforms._random._distributions import integers
from cutmix_transforms._random._graph import draw_in_graph
from cutmix_transforms._structure._labels import check_labels_getter
from cutmix_transforms._transforms._base import RandomTransform
from cutmix_transforms._transforms._cutout_inputs import as_batch, like, mask_batch, read_inputs
from cutmix_transforms._transforms._cutout_options import check_fill, check_holes, check_size
from cutmix_transforms._transforms._instances import hide_instances
from cutmix_transforms.functional._blend import exact_dtype, to_dtype
from cutmix_transforms.functional._checks import (
    can_look_at,
    check_count,
    check_flag,
    check_fraction_below_one,
    check_number,
)
from cutmix_transforms.functional._cutout import cutout_unchecked
from cutmix_transforms.functional._placement import clipped_boxes, image_size, start_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Generator

    from cutmix_transforms._structure._labels import LabelsGetter


class RandomCutout(RandomTransform):
    """Fill rectangular holes in images, so that a classifier learns to use the whole object.

    The center of each hole is uniform over the pixels, and holes are clipped at the borders, as in the paper. In a
    batch every image gets its own holes. Labels are not changed.

    Args:
        size: the sides of a hole: an int for pixels (a square), a float up to 1.0 for a fraction of each side of the
            image, or a pair ``(low, high)`` of either to draw a size for every hole. So 1 is one pixel, and 1.0 is the
            whole side.
        holes: the number of holes in an image. Holes may overlap.
        fill: a number, one number per channel, ``"random"`` for noise (from 0 to 255 for uint8, over the image's own
            range otherwise) or ``"mean"`` for the image's channel means.
        mask_fill: the value of masks inside the holes, also of instance masks; by default masks are not changed. A
            plain tensor is a mask under the keys ``mask`` and ``masks``, and in the place of labels if it is dense.
        inside: place holes completely inside the image instead of clipping them.
        p: the probability that an image gets holes.
        min_visibility: instances with boxes or keypoints are dropped with their labels unless their visible fraction is
            above this. It is measured by the mask, or else the box. With 0, only fully hidden instances are dropped.
            Boxes are not changed.
        dims: the number of trailing axes that a hole spans: 2 for images, 1 for signals ``(C, T)``, 3 for volumes
            ``(C, D, H, W)``. Boxes, keypoints and instance masks need 2.
        labels_getter: how to find the labels of instances. ``"default"`` is the second argument, or the item
            ``labels``, ``label``, ``targets`` or ``target`` of a dictionary. Otherwise a key, an index, a function of
            the inputs that returns one or several tensors, such as labels and areas, or None for no labels.
        generator: the CPU generator that draws come from; by default torch's global one.

    Shape:
        - images: ``(C, H, W)`` or ``(N, C, H, W)``, videos ``(T, C, H, W)`` as ``tv_tensors.Video`` or
          ``(N, T, C, H, W)``, of any float or integer dtype, plain or tv_tensors; or PIL images of common modes.
        - signals with ``dims=1``: ``(C, T)`` or ``(N, C, T)``; volumes with ``dims=3``: ``(C, D, H, W)`` or
          ``(N, C, D, H, W)``; plain tensors only.
        - beside a single image: masks ``(H, W)`` or ``(n, H, W)``, boxes ``(n, 4)``, keypoints ``(n, 2)`` or
          ``(n, k, 2)``. Hidden keypoints become ``nan`` (``-1`` in integer tensors). Beside a batch: masks
          ``(N, ..., H, W)``.
        - output: like the inputs.

    Raises:
        TypeError: if an option or an input has a wrong type.
        ValueError: if an option or an input has a wrong value. Nothing is drawn or changed then.

    References:
        DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv 1708.04552.

    Example:
        >>> from torchvision.transforms import v2
        >>> transform = v2.Compose([v2.RandomHorizontalFlip(), RandomCutout(8, fill="mean", p=0.5)])
        >>> transform(torch.rand(3, 17, 11)).shape
        torch.Size([3, 17, 11])
    """

    def __init__(
        self,
        size: float | tuple[float, float] = 0.5,
        *,
        holes: int = 1,
        fill: float | Sequence[float] | Literal["random", "mean"] = 0.0,
        mask_fill: float | None = None,
        inside: bool = False,
        p: float = 1.0,
        min_visibility: float = 0.0,
        dims: int = 2,
        labels_getter: LabelsGetter = "default",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(p=p, generator=generator)
        self.size: float | tuple[float, float] = check_size(size)
        self.holes = check_count("holes", holes)
        self.fill = check_fill(fill)
        self.mask_fill = (
            mask_fill if mask_fill is None else check_number("mask_fill", mask_fill, "a number", math.isfinite)
        )
        self.inside = check_flag("inside", inside)
        self.min_visibility = check_fraction_below_one("min_visibility", min_visibility)
        self.dims = check_count("dims", dims)
        self.labels_getter = check_labels_getter(labels_getter)

    def forward(self, *inputs: Any, draw: Tensor | None = None) -> Any:
        """Fill holes in an image or a batch, alone or nested in tuples, lists and dictionaries.

        Args:
            *inputs: the image or batch, with or without targets.
            draw: holes from the method ``draw``, to use again; by default new holes are drawn.

        Shape:
            - draw: ``(N, K, 4)`` int64, ``(top, left, bottom, right)``, with N = 1 for a single image.

        Returns:
            The inputs with holes. What gets no holes is returned as it is, the same object.

        Raises:
            TypeError: if there is no image, or an image that cannot get holes.
            ValueError: if images and masks differ in size, or the fill or the draw does not match them.
        """
        sample = inputs[0] if len(inputs) == 1 else inputs
        found = read_inputs(self, sample)
        images, dims = found.images[0].batch, self.dims
        if draw is not None:
            check_holes(draw, images, dims)
        for group in found.groups:
            self._warn_of(group.unnamed)
        is_off = draw is None and not torch.compiler.is_compiling() and self.p == 0
        if not self.training or is_off or images.numel() == 0:
            return sample
        holes = self._draw(images) if draw is None else draw
        if can_look_at(holes) and not (holes[..., dims:] > holes[..., :dims]).all(-1).any():
            return sample
        self._check_units(images)
        leaves = list(found.nest.leaves)
        for place, batch, fill in found.images:
            pixels = to_dtype(self._noise(batch), batch.dtype) if fill is None else fill
            leaves[place] = like(leaves[place], cutout_unchecked(batch, holes, pixels), holes)
        for group in found.groups:
            for place, leaf in hide_instances(group, holes[0].cpu(), self.min_visibility).items():
                leaves[place] = leaf
        for place, fill in found.masks:  # those of instances have fewer rows now
            mask = mask_batch(leaves[place], images, dims)
            leaves[place] = like(leaves[place], cutout_unchecked(mask, holes, fill), holes)
        return found.nest.with_leaves(leaves)

    def draw(self, images: Any) -> Tensor:
        """Draw holes without filling them, for ``cutout(images, draw=holes)``. Random noise is not part of the draw.

        Args:
            images: an image or a batch of the same shape as the one to fill.

        Shape:
            - images: ``(C, H, W)``, ``(N, C, H, W)``, ``(N, T, C, H, W)``, or a PIL image.
            - output: ``(N, holes, 4)`` int64 on the CPU, ``(top, left, bottom, right)``, with N = 1 for a single image.

        Returns:
            The holes. They are empty for images that get none, and for all images after ``.eval()``.

        Raises:
            TypeError: if ``images`` is neither a tensor nor a PIL image.
            ValueError: if ``images`` has a shape that cannot get holes.
        """
        if not isinstance(images, (Tensor, PIL.Image.Image)):
            raise TypeError(f"images must be a tensor or a PIL image, got {type(images).__name__}")
        batch = as_batch(images, self.dims)
        return self._holes(len(batch), *image_size(batch, self.dims))

    def _draw(self, images: Tensor) -> Tensor:
        count, size = len(images), image_size(images, self.dims)
        if not torch.compiler.is_compiling():
            return self._holes(count, *size)
        place, shape = torch.empty(0, device=images.device), [count, self.holes, 2 * len(size)]
        holes: Tensor = draw_in_graph(place, self._number, "_holes", [count, *size], shape, torch.int64)
        return holes

    def _holes(self, count: int, *size: int, device: torch.device | None = None) -> Tensor:  # noqa: ARG002
        """Return boxes ``(count, holes, 2 * dims)``, empty for images that get no holes."""
        dims = len(size)
        numbers = self._stream.uniform(2 + dims, self.holes, count)
        sides = np.array(size)[:, None, None]  # (dims, 1, 1)
        lengths = self._lengths(numbers[0], sides)
        if self.inside:
            lengths = np.minimum(lengths, sides)
            starts = integers(numbers[1:-1], sides - lengths + 1)
        else:
            starts = start_around(integers(numbers[1:-1], sides), lengths)
        holes = clipped_boxes(starts, lengths, sides)
        holes[numbers[-1, 0] >= (self.p if self.training else 0)] = 0
        return torch.from_numpy(holes)

    def _noise(self, images: Tensor) -> Tensor:
        noise = self._uniform_noise(list(images.shape), images.device)
        if images.dtype == torch.uint8:
            return (noise * 256).floor()
        exact = images.detach().to(exact_dtype(images.dtype)).flatten(1)
        ones = (1,) * (images.ndim - 1)
        low, high = exact.amin(1).view(-1, *ones), exact.amax(1).view(-1, *ones)
        if images.dtype.is_floating_point:
            return low + noise * (high - low)
        return low + (noise * (high - low + 1)).floor()

    def _uniform_noise(self, shape: list[int], device: torch.device) -> Tensor:
        if torch.compiler.is_compiling():
            place = torch.empty(0, device=device)
            noise: Tensor = draw_in_graph(place, self._number, "_noise_of_shape", shape, shape, torch.float32)
            return noise
        return self._stream.noise(shape, device)

    def _noise_of_shape(self, *shape: int, device: torch.device) -> Tensor:
        return self._stream.noise(shape, device)

    def _check_units(self, images: Tensor) -> None:
        """Warn once if images are from 0 to 1 and the fill is for images up to 255, above all normalized pixels."""
        numbers = self.fill if isinstance(self.fill, tuple) else (self.fill,)
        is_usual = isinstance(self.fill, str) or max(numbers) <= 4 or not images.is_floating_point()
        if is_usual or not can_look_at(images):
            return
        low, high = torch.aminmax(images.detach())
        if "fill" not in self._warned_of and low >= 0 and 0.5 < high <= 1:
            self._warned_of.add("fill")
            warnings.warn(
                f"fill must be in the units of the images, which are from 0 to 1 (divide it by 255), got {self.fill!r}",
                stacklevel=3,
            )

    def _lengths(self, u: NDArray[np.float64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return lengths of at least one pixel from uniform numbers, with one number for all sides of a hole."""
        low, high = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        if isinstance(low, int):
            return low + integers(u, int(high) - low + 1) + 0 * sides
        lengths = ((low + (high - low) * u) * sides + 1e-6).astype(np.int64)  # 0.29 of 100 is 29
        return np.maximum(lengths, 1)
