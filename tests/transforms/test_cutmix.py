"""RandomCutMix: its options and calls that only it refuses."""

import pytest
import torch
from support.batches import IMAGES, LABELS
from support.helpers import says
from torchvision import tv_tensors

from cutmix_transforms import (
    RandomCutMix,
)

NAN, INF = float("nan"), float("inf")
CUTMIX_OPTIONS = [
    ({"ratio": (0.5, 0.2)}, ValueError, ["ratio", "low <= high", "(0.5, 0.2)"]),
    ({"ratio": (-0.1, 0.2)}, ValueError, ["ratio", "-0.1"]),
    ({"ratio": (0.1, 1.2)}, ValueError, ["ratio", "1.2"]),
    ({"ratio": 0.5}, TypeError, ["ratio", "0.5"]),
    ({"ratio": (0.1, 0.2, 0.3)}, TypeError, ["ratio", "(0.1, 0.2, 0.3)"]),
    ({"ratio": (0.1, 0.3), "majority": True}, ValueError, ["majority", "ratio", "True"]),
    ({"opacity": 1.5}, ValueError, ["opacity", "1.5"]),
    ({"opacity": (0.9, 0.1)}, ValueError, ["opacity", "(0.9, 0.1)"]),
    ({"opacity": "full"}, TypeError, ["opacity", "'full'"]),
    ({"min_visibility": 1}, ValueError, ["min_visibility", "1"]),
    ({"min_visibility": -0.5}, ValueError, ["min_visibility", "-0.5"]),
    ({"ratio": "ab"}, TypeError, ["ratio", "pair", "'ab'"]),
    ({"ratio": torch.tensor([0.1, 0.2])}, TypeError, ["ratio", "pair", "shape (2,)"]),
    ({"ratio": (True, True)}, TypeError, ["ratio", "low <= high", "True"]),
    ({"ratio": (NAN, 1)}, ValueError, ["ratio", "low <= high", "nan"]),
    ({"opacity": None}, TypeError, ["opacity", "number", "None"]),
    ({"opacity": (0.1,)}, TypeError, ["opacity", "pair", "(0.1,)"]),
    ({"opacity": [0.1, "b"]}, TypeError, ["opacity", "pair", "'b'"]),
    ({"opacity": torch.tensor([0.1, 0.5])}, TypeError, ["opacity", "number", "shape (2,)"]),
    ({"min_visibility": None}, TypeError, ["min_visibility", "number", "None"]),
]


@pytest.mark.parametrize(("options", "kind", "words"), CUTMIX_OPTIONS)
def test_options_of_cutmix(options, kind, words):
    with says(kind, words):
        RandomCutMix(**options)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES[0], ["batched", "(3, 17, 11)"]),
        (IMAGES[0, 0], ["batched", "(17, 11)"]),
        (tv_tensors.Video(IMAGES), ["batched", "Video", "(6, 3, 17, 11)"]),
        (tv_tensors.Image(IMAGES[None]), ["batched", "Image", "(1, 6, 3, 17, 11)"]),
        (IMAGES[None, None], ["batched", "(1, 1, 6, 3, 17, 11)"]),
    ],
)
def test_cutmix_of_unbatched_images(images, words):
    mix = RandomCutMix(num_classes=5)
    with says(ValueError, words):
        mix(images, LABELS)
    with says(ValueError, words):
        mix.draw(images)
