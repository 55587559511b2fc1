"""Calls as users write them, with the types that an editor must show: mypy reads this, nobody runs it."""

from collections.abc import Callable
from typing import Any

from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from typing_extensions import assert_type

import cutmix_transforms
from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixDraw,
    MixedLoss,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
    functional,
    mixed_accuracy,
    photographs,
    show_batch,
    unstacked,
)


def transforms(images: Tensor, labels: Tensor) -> None:
    mix = RandomCutMix(alpha=1, num_classes=10, ratio=(0.2, 0.8), opacity=(0.5, 1), target="pair")
    draw = mix.draw(images, others=(images, labels))
    assert_type(draw, MixDraw)
    assert_type(draw.lam, Tensor)
    assert_type(draw.size, tuple[int, ...])
    assert_type(mix.p, float)
    mix.p = 0
    assert_type(RandomMixChoice([mix, RandomMixUp(num_classes=[10, None])], weights=[2, 1]).draw(images), MixDraw)
    assert_type(RandomCutout(16, fill="mean", labels_getter=lambda sample: sample[1]).draw(images), Tensor)


def wrong_options() -> None:
    RandomCutMix(target="pairs")  # type: ignore[arg-type]
    RandomCutMix(ratio=0.5)  # type: ignore[arg-type]
    RandomMixUp(alfa=1.0)  # type: ignore[call-arg]
    RandomMixUp(0.2)  # type: ignore[call-arg]
    RandomCutout(fill="noise")  # type: ignore[arg-type]
    RandomMixChoice([RandomCutout()])  # type: ignore[list-item]


def places(data: Dataset[Any], samples: list[tuple[Tensor, int]], criterion: Callable[..., Tensor]) -> None:
    mix = RandomMixUp(num_classes=10)
    loader = DataLoader(data, collate_fn=MixCollate(mix, collate_fn=unstacked))
    assert_type(next(iter(loader)), Any)
    assert_type(unstacked(samples), tuple[Any, ...])
    assert_type(len(MixDataset(data, mix, weights=[1.0, 2.0])), int)
    assert_type(MixedLoss(criterion).forward(samples[0][0], samples[0][0]), Tensor)
    MixedLoss(nn.CrossEntropyLoss(reduction="sum"))


def values(images: Tensor, labels: Tensor, draw: MixDraw) -> None:
    pair = functional.pair_targets(labels, draw)
    assert_type(pair, MixedTarget)
    assert_type(pair.to("cpu").lam, Tensor)
    assert_type(functional.mix_images(images, draw), Tensor)
    assert_type(functional.soft_targets(labels, 10), Tensor)
    assert_type(mixed_accuracy(images, pair, k=5), Tensor)
    assert_type(show_batch(images, labels, classes=["cat", "dog"], draw=draw, font="font.ttf"), Image.Image)
    assert_type(photographs(64).images, Tensor)
    assert_type(cutmix_transforms.__version__, str)
