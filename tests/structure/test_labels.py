"""Which items are labels, and what is none."""

from typing import NamedTuple

import pytest
import torch
from support.batches import CLASSES, COUNT, IMAGES, LABELS, MASKS
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import mixes
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomMixUp,
)


def test_several_items_that_could_be_labels_are_an_error():
    for batch in ((IMAGES, torch.arange(COUNT), LABELS), [IMAGES, LABELS, torch.rand(COUNT)]):
        with says(ValueError, ["labels_getter=1", f"inputs[1] of shape ({COUNT},), inputs[2] of shape ({COUNT},)"]):
            RandomCutMix(num_classes=CLASSES)(batch)
    _, target, index = RandomCutMix(num_classes=CLASSES)(IMAGES, LABELS, torch.arange(COUNT))  # as in torchvision
    assert target.shape == (COUNT, CLASSES)
    for second in (MASKS, tv_tensors.Mask(MASKS)):
        with says(ValueError, ["labels_getter=2", "inputs[2]"]):
            RandomCutMix(num_classes=CLASSES)(IMAGES, second, LABELS)
    _, index, target = RandomCutMix(num_classes=CLASSES, labels_getter=2)((IMAGES, torch.arange(COUNT), LABELS))
    assert torch.equal(index, torch.arange(COUNT))
    assert target.shape == (COUNT, CLASSES)
    samples = [(image, i, 3) for i, image in enumerate(IMAGES)]
    with says(ValueError, ["labels_getter=1", "inputs[1]", "inputs[2]"]):
        MixCollate(RandomCutMix(num_classes=CLASSES))(samples)


def test_what_has_other_axes_than_labels_is_no_candidate():
    matrices, rows = torch.rand(COUNT, 5, 2), torch.rand(COUNT, CLASSES)
    _, target, same = RandomCutMix(num_classes=CLASSES)((IMAGES, LABELS, matrices))
    assert target.shape == (COUNT, CLASSES)
    assert same is matrices
    with says(ValueError, ["labels_getter=1", "inputs[1]", "inputs[2]"]):
        RandomCutMix(num_classes=CLASSES)((IMAGES, LABELS, rows))
    data = [(image, i % CLASSES, matrices[i]) for i, image in enumerate(IMAGES)]
    _, target, same = MixDataset(data, RandomCutMix(num_classes=CLASSES))[0]
    assert (target.shape, same.shape) == ((CLASSES,), (5, 2))


class Annotated(NamedTuple):
    image: torch.Tensor
    annotation: dict
    index: int


def test_labels_in_the_second_field_of_a_named_tuple():
    out = RandomCutMix(num_classes=CLASSES)(Annotated(IMAGES, {"label": LABELS}, 3))
    assert type(out) is Annotated
    assert out.annotation["label"].shape == (COUNT, CLASSES)


def test_labels_that_are_found_by_name_leave_no_doubt():
    boxes = tv_tensors.BoundingBoxes([[0, 0, 5, 5]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    samples = [(image, {"boxes": boxes, "labels": torch.tensor([i])}, i) for i, image in enumerate(IMAGES)]
    assert [index for _, _, index in MixCollate(RandomCutMix(), collate_fn=list)(samples)] == list(range(COUNT))
    _, out, index = RandomCutMix(num_classes=CLASSES)(IMAGES, {"label": LABELS}, torch.arange(COUNT))
    assert out["label"].shape == (COUNT, CLASSES)
    assert torch.equal(index, torch.arange(COUNT))


@mixes
@pytest.mark.parametrize(
    "labels",
    [torch.tensor([[3], [7], [0], [9]]), torch.tensor([[0, 1], [1, -100], [0, 0], [1, 1]]), torch.tensor([[2, 0]] * 4)],
    ids=["column", "ignored", "counts"],
)
def test_integer_rows_are_of_zeros_and_ones(make, labels):
    for dtype in (torch.int64, torch.int16):
        with says(ValueError, ["(N, K)", "0 and 1", "(N,)"]):
            make()(IMAGES[:4], labels.to(dtype))


def test_rows_of_zeros_and_ones_are_labels():
    rows = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.uint8)
    assert RandomCutMix()(IMAGES[:4], rows)[1].dtype == torch.float32


@pytest.mark.parametrize("target", ["soft", "pair"])
@pytest.mark.parametrize("shape", [(COUNT, 3, HEIGHT, WIDTH), (COUNT, HEIGHT, WIDTH, 2)], ids=str)
def test_several_values_for_each_pixel_are_no_labels_of_a_box(target, shape):
    """A pair has one fraction for each image, which does not say where its partner shows."""
    labels, mix = torch.rand(shape), RandomCutMix(target=target)
    samples = list(zip(IMAGES, labels, strict=True))
    for call in (lambda: mix(IMAGES, labels), lambda: MixCollate(mix)(samples), lambda: MixDataset(samples, mix)[0]):
        with says(ValueError, ["labels", "(N, H, W)", "tv_tensors.Image", str(tuple(shape[1:]))[1:]]):
            call()
    if target == "pair":
        assert torch.equal(RandomMixUp(target="pair")(IMAGES, labels)[1].a, labels)


def test_a_getter_that_returns_a_tensor_twice_is_an_error():
    batch = {"image": IMAGES, "a": LABELS, "b": LABELS.clone()}
    with says(ValueError, ["labels_getter", "inputs['a']", "several times"]):
        RandomCutMix(num_classes=CLASSES, labels_getter=lambda one: (one["a"], one["b"], one["a"]))(batch)
