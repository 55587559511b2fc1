"""The default dtype and device of torch are the user's: whatever they are, all of the package is as without.

What is made on the device ``meta`` has no values, so that nothing made on the default device is used unnoticed.
"""

from contextlib import contextmanager

import pytest
import torch
from support.helpers import HEIGHT, WIDTH, look
from support.mixes import mixes_of, over
from torch import nn
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedLoss,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
    functional,
    mixed_accuracy,
    show_batch,
)
from cutmix_transforms._random._stream import Stream

COUNT = 6
IMAGES, LABELS = torch.rand(COUNT, 3, HEIGHT, WIDTH), torch.tensor([0, 1, 2, 3, 4, 0])
ROWS = torch.eye(5)[LABELS]
SAMPLES = list(zip(IMAGES, LABELS, strict=True))
FORMS = {
    "float32": IMAGES,
    "bfloat16": IMAGES.bfloat16(),
    "uint8": (IMAGES * 255).to(torch.uint8),
    "video": tv_tensors.Video(torch.rand(COUNT, 2, 3, HEIGHT, WIDTH)),
}
CUTMIX = {"num_classes": 5, "label_smoothing": 0.1}
MIXES = {
    **mixes_of("cutmix", "cutmix_inner", "choice", **CUTMIX),
    **mixes_of("mixup", num_classes=5),
    "choice_of_opacities": lambda **options: RandomMixChoice(
        [RandomCutMix(num_classes=5, opacity=0.3), RandomCutMix(num_classes=5, opacity=0.9, p=0.5)], **options
    ),
}
FILLS = [0, (0.1, 0.2, 0.3), "mean", "random"]


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


DEFAULTS = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "meta": lambda: torch.device("meta"),
}
defaults = pytest.mark.parametrize("default", DEFAULTS.values(), ids=DEFAULTS)
mixes = over(MIXES)
given = pytest.mark.parametrize("seed", [None, 7], ids=["global", "generator"])


def assert_same(case, default):
    """What a function gives is bit for bit the same under a default, when it begins from the same seed."""
    torch.manual_seed(3)
    wanted = case()
    torch.manual_seed(3)
    with default():
        found = case()
    assert look(found) == look(wanted)


def generator_of(seed):
    return None if seed is None else torch.Generator().manual_seed(seed)


def instances(count):
    """Boxes, labels, masks and keypoints of an image."""
    corners = torch.tensor([[1.0, 1.0, 6.0, 6.0], [2.0, 3.0, 9.0, 14.0], [0.0, 8.0, 4.0, 9.0]])[:count]
    masks = torch.stack(
        [functional.inside_boxes(box[[1, 0, 3, 2]].long()[None], (HEIGHT, WIDTH))[0] for box in corners]
    )
    size = {"canvas_size": (HEIGHT, WIDTH)}
    return {
        "boxes": tv_tensors.BoundingBoxes(corners, format="XYXY", **size),
        "labels": torch.arange(count),
        "masks": tv_tensors.Mask(masks.to(torch.uint8)),
        "keypoints": tv_tensors.KeyPoints(corners[:, None, :2].clone(), **size),
    }


DETECTION = [(tv_tensors.Image(IMAGES[i]), instances(1 + i % 3)) for i in range(COUNT)]


@defaults
@mixes
@given
@pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
def test_mixes(default, make, seed, per_sample):
    def case():
        mix = make(per_sample=per_sample, generator=generator_of(seed))
        whole = [mix(images, LABELS) for images in FORMS.values()]
        return whole, mix(IMAGES, ROWS), mix(IMAGES[:1], LABELS[:1]), mix.draw(IMAGES), MixCollate(mix)(SAMPLES)

    assert_same(case, default)


@defaults
@given
@pytest.mark.parametrize("fill", FILLS, ids=["zero", "channels", "mean", "random"])
def test_cutout(default, seed, fill):
    def case():
        holes = RandomCutout((2, 5), holes=2, fill=fill, generator=generator_of(seed))
        return holes(IMAGES), holes(*SAMPLES[0]), holes(*DETECTION[2]) if fill != "random" else None

    assert_same(case, default)


@defaults
@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp], ids=lambda make: make.__name__)
def test_instances(default, make):
    def case():
        mix = make(per_sample=True)
        collated = MixCollate(mix, collate_fn=lambda samples: tuple(zip(*samples, strict=True)))(DETECTION)
        return collated, [MixDataset(DETECTION, mix)[i] for i in range(COUNT)]

    assert_same(case, default)


@defaults
@mixes
def test_data_sets(default, make):
    samples = [(image, int(label)) for image, label in SAMPLES]  # numbers become tensors on the CPU
    assert_same(lambda: [MixDataset(data, make())[i] for data in (SAMPLES, samples) for i in range(COUNT)], default)


@defaults
@given
def test_other_ranks(default, seed, monkeypatch):
    monkeypatch.setattr(Stream, "_rank", lambda stream: 1)

    def case():
        stream = Stream(generator_of(seed))
        return stream.uniform(2, 3), stream.noise((2, 3, 20), torch.device("cpu"))

    assert_same(case, default)


@pytest.mark.slow
@defaults
@given
def test_compiled(default, seed):
    images = IMAGES.clone()

    def case():
        torch._dynamo.reset()
        mix = RandomMixUp(num_classes=5, per_sample=True, generator=generator_of(seed))
        holes = RandomCutout(5, fill="random", generator=generator_of(seed))
        return torch.compile(lambda *batch: (mix(*batch), holes(*batch)), fullgraph=True, backend="eager")(
            images, LABELS
        )

    assert_same(case, default)


@defaults
@pytest.mark.parametrize("target", ["soft", "pair"])
def test_targets_and_losses(default, target):
    mix = RandomCutMix(num_classes=5 if target == "soft" else None, target=target)
    logits = torch.rand(COUNT, 5)

    def case():
        _, mixed = mix(IMAGES, LABELS)
        losses = [MixedLoss(nn.CrossEntropyLoss(reduction=reduction)) for reduction in ("mean", "none")]
        return mixed, [measure(logits, mixed) for measure in (*losses, mixed_accuracy)]

    assert_same(case, default)


@defaults
def test_pictures(default):
    def case():
        some = (
            show_batch(IMAGES, LABELS, classes=list("abcde")),
            show_batch(IMAGES[0], 3, mean=(0.1, 0.2, 0.3), std=0.5),
        )
        return *some, show_batch(*zip(*DETECTION, strict=True))

    assert_same(case, default)


@defaults
def test_fractions_are_counted_in_float32(default):
    """Half precision has too few digits for a fraction of pixels, and float64 is not what losses expect."""
    boxes, size = torch.tensor([[0, 0, 100, 100], [3, 5, 210, 223]]), (224, 223)
    partners = torch.tensor([1, 0])
    with default():
        draw = functional.mix_draw(partners, boxes, size)
        targets = RandomMixUp()(IMAGES, ROWS.to(torch.uint8))[1], RandomMixUp(num_classes=5)(IMAGES[:0], LABELS[:0])[1]
    wanted = torch.tensor([1 - 100 * 100 / (224 * 223), 1 - 207 * 218 / (224 * 223)])
    torch.testing.assert_close(draw.lam, wanted, rtol=0, atol=1e-7)
    assert [target.dtype for target in targets] == [torch.float32] * 2
