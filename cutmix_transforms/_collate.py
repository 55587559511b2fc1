"""Mixing while a batch is put together."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.data import default_collate

from cutmix_transforms._inputs import Parts, check_leaves, check_stackable, may_hold_instances
from cutmix_transforms._mix import Mix
from cutmix_transforms._samples import mix_samples
from cutmix_transforms._stacking import Reserved, check_room, reserve, share, stack, write
from cutmix_transforms._wrap import unwrap
from cutmix_transforms.functional._checks import received
from cutmix_transforms.functional._mixing import write_mixed


class MixCollate:
    """A ``collate_fn`` that mixes: for a DataLoader, in whose workers it runs.

    With ``default_collate`` the samples become a batch, whose images are mixed while they are written; tv_tensors keep
    their type, images that are all channels_last their memory format. With another ``collate_fn`` the samples are mixed
    first, one by one, and handed over as they came. This is the way for detection, with
    ``collate_fn=lambda samples: tuple(zip(*samples))``, or a function with a name where workers are spawned. A
    transform that is no mix of this package, such as a ``v2.Compose`` that ends in one, gets the collated batch.

    Args:
        transform: the mix, or another transform of batches.
        collate_fn: what makes a batch of a list of samples.

    Shape:
        - samples: tuples, lists, named tuples or dictionaries with an image ``(C, H, W)`` and a label: a number, or a
          tensor ``()`` or ``(K,)``; with masks, and with a ``collate_fn`` of your own boxes and keypoints, beside it.
        - output: what ``collate_fn`` makes of them, with mixed images and the targets of the mix.

    Raises:
        TypeError: if ``transform`` or ``collate_fn`` cannot be called, or samples hold something that cannot be mixed.
        ValueError: if there are no samples, or they cannot be stacked because they differ in form or size.

    Example:
        >>> import torch
        >>> from torch.utils.data import DataLoader
        >>> from cutmix_transforms import RandomCutMix
        >>> samples = [(torch.rand(3, 17, 11), label) for label in range(8)]
        >>> loader = DataLoader(samples, 4, shuffle=True, collate_fn=MixCollate(RandomCutMix(num_classes=8)))
        >>> [tuple(targets.shape) for images, targets in loader]
        [(4, 8), (4, 8)]
    """

    def __init__(
        self, transform: nn.Module | Callable[[Any], Any], *, collate_fn: Callable[[list[Any]], Any] = default_collate
    ) -> None:
        for name, value in (("transform", transform), ("collate_fn", collate_fn)):
            if not callable(value):
                raise TypeError(f"{name} must be callable, got {value!r}")
        if isinstance(transform, type):
            raise TypeError(f"transform must be an instance, such as RandomCutMix(), got the class {transform!r}")
        self.transform = transform
        self.collate_fn = collate_fn

    def __call__(self, samples: list[Any]) -> Any:
        """Make a mixed batch of samples."""
        mix, is_own = self.transform, self.collate_fn is not default_collate
        if is_own and not isinstance(mix, Mix):
            batch = mix(self.collate_fn(samples))
        elif not isinstance(samples, Sequence) or isinstance(samples, str):
            raise TypeError(f"samples must be a list of samples, got {received(samples)}")
        elif not samples:
            raise ValueError(f"samples must be at least one, got {samples!r}")
        elif not isinstance(mix, Mix):
            batch = mix(stack(samples))
        elif is_own:
            # Each step is called from here, and by map, so that the traceback of a bad sample stays short.
            parts = list(map(partial(mix.parts_of, is_sample=True), samples))
            batch = self.collate_fn(mix_samples(mix, list(map(mix.ready, parts))))
        else:
            check_leaves(tree_leaves(samples[0]))
            if may_hold_instances(samples[0]):
                check_stackable(mix.parts_of(samples[0], is_sample=True))
            whole, reserved = reserve(samples)
            batch = _mixed(mix, mix.ready(mix.parts_of(whole)), reserved)
        (check_room if is_own else share)(batch)
        return batch

    def __repr__(self) -> str:
        name = getattr(self.collate_fn, "__qualname__", repr(self.collate_fn))
        return f"{type(self).__name__}({self.transform!r}, collate_fn={name})"


def _mixed(mix: Mix, parts: Parts, reserved: Reserved) -> Any:
    """The mix of a batch whose images are written now."""
    draw = mix.draw_for(parts)
    if draw is None:
        write(reserved)
        return mix.unmixed(parts).put_together()
    done = []
    for out, rows in reserved:
        if mix.mixes_as_image(out, parts):
            write_mixed(unwrap(out), rows, draw)
            done.append(out)
        else:
            write([(out, rows)])
    return mix.mixed(parts, draw, done=done).put_together()
