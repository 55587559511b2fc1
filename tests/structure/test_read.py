"""Batches of other kinds of tensors and arrays, read as what they are."""

import warnings

import pytest
import torch
from support.batches import CLASSES, COUNT, IMAGES, LABELS
from support.helpers import says
from support.mixes import mixes

from cutmix_transforms import (
    MixCollate,
    RandomCutMix,
)


def test_arrays_of_a_batch_are_taken_as_tensors():
    for images in (IMAGES, IMAGES.numpy()):
        out, targets = RandomCutMix(num_classes=CLASSES)(images, LABELS.numpy())
        assert isinstance(out, torch.Tensor)
        assert targets.shape == (COUNT, CLASSES)


@mixes
def test_tensors_of_other_kinds(make):
    mix = make(num_classes=CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer releases of torch are about to drop it
        quantized = torch.quantize_per_tensor(IMAGES, 0.1, 0, torch.quint8)
    for images in (IMAGES.to_sparse(), quantized):
        with says(TypeError, ["images", "dense"]):
            mix(images, LABELS)
    with says(TypeError, ["labels", "dense"]):
        mix(IMAGES, LABELS.to_sparse())
    with says(TypeError, ["vmap"]):
        torch.func.vmap(lambda image: mix(image, LABELS)[0])(IMAGES[None])


@pytest.mark.parametrize("side", [8, 128])
@mixes
def test_lazily_turned_signs(make, side):
    images = torch.fft.fft2(torch.rand(4, 3, side, side)).conj().imag
    mix = make(num_classes=4)
    draw = mix.draw(images)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        found = mix(images, torch.arange(4), draw=draw)[0]
        torch.testing.assert_close(found, mix(images.clone(), torch.arange(4), draw=draw)[0])
        collated = MixCollate(make(num_classes=4))([(image, 1) for image in images])[0]
        assert collated.isfinite().all()
    finally:
        torch.set_num_threads(threads)


def test_arrays_that_are_flipped_read_only_or_of_another_byte_order():
    flipped, labels = IMAGES.numpy()[..., ::-1], LABELS.numpy().astype(">i8")
    labels.flags.writeable = False
    mix = RandomCutMix(num_classes=CLASSES)
    draw = mix.draw(IMAGES)
    images, targets = mix(flipped, labels, draw=draw)
    wanted = mix(torch.from_numpy(flipped.copy()), LABELS, draw=draw)
    assert torch.equal(images, wanted[0])
    assert torch.equal(targets, wanted[1])


@mixes
def test_a_row_of_classes_beside_an_image_of_one_row_is_no_mask(make):
    """One image of 1 x 5 pixels and 5 classes: the row has the shape of a mask of a sample, but this is a batch."""
    image, rows = torch.rand(1, 3, 1, 5), torch.tensor([[0, 1, 0, 0, 1]])
    for mixed, targets in (make()(image, rows), MixCollate(make())([(image[0], rows[0])])):
        assert torch.equal(mixed, image)
        assert torch.equal(targets, rows.float())
