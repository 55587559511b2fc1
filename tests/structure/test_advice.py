"""First mistakes, and the way out that their errors tell."""

import pytest
import torch
from support.batches import CLASSES, IMAGES, LABELS, MASKS
from support.helpers import says
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)

BOXES = tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=IMAGES.shape[-2:])
PLACES = "mix(images, labels) in the training loop, or let MixCollate(mix) or MixDataset(dataset, mix)"
FIRST_MISTAKES = [
    (lambda mix: mix([(image, 3) for image in IMAGES]), TypeError, ["collate_fn=MixCollate(mix)", "6 samples"]),
    (lambda mix: mix(IMAGES[0], 0), TypeError, ["labels", "int: 0", PLACES]),
    (lambda mix: mix(list(IMAGES), LABELS), TypeError, ["torch.stack(images)", "unstacked", "list of 6 tensors"]),
    (lambda mix: mix(IMAGES.unbind(), LABELS), TypeError, ["torch.stack(images)", "unstacked", "tuple of 6 tensors"]),
    (lambda mix: mix(IMAGES, [0, 1, 2, 3, 4, 0]), TypeError, ["torch.tensor(labels)"]),
    (lambda mix: mix(IMAGES, ["cat"] * 6), TypeError, ["classes.index(name)", "'cat'"]),
    (lambda mix: mix(tv_tensors.Image(IMAGES[0])), ValueError, ["got only Image", PLACES]),
    (lambda mix: mix(LABELS, IMAGES), ValueError, ["images must be the first argument and labels the second"]),
    (lambda mix: mix(torch.eye(6), IMAGES), ValueError, ["images must be the first argument and labels the second"]),
    (
        lambda mix: mix(IMAGES.movedim(1, -1), LABELS),
        ValueError,
        ["channels before height and width", "movedim(-1, -3)"],
    ),
    (lambda mix: mix(IMAGES[:, 0], LABELS), ValueError, ["batched", "images[:, None]", PLACES]),
    (lambda mix: MixCollate(mix)((IMAGES, LABELS)), TypeError, ["not a batch", "batch_size=None"]),
    (
        lambda mix: MixCollate(mix, collate_fn=list)([(IMAGES[0], 1), None]),
        TypeError,
        ["None at index 1", "mix(your_collate"],
    ),
    (lambda mix: MixCollate(mix)([(IMAGES[0], 1), None]), TypeError, ["None at index 1"]),
    (
        lambda mix: MixCollate(mix)([(IMAGES[0], 1), (IMAGES[0, :1], 1)]),
        ValueError,
        ["same channels", "convert('RGB')"],
    ),
    (lambda mix: RandomCutMix()(IMAGES, LABELS), ValueError, ["num_classes", "labels.float()"]),
    (lambda mix: mix({"attention": LABELS}, None), TypeError, ["labels"]),
    (lambda mix: RandomMixChoice([mix], p=0.5), TypeError, ["weights", "choice.p = 0.5", "p=0.5"]),
    (lambda mix: setattr(MixCollate(mix), "mixup_enabled", False), AttributeError, ["mixup_enabled", "p = 0"]),
    (lambda mix: setattr(MixDataset([], mix), "mixup_enabled", False), AttributeError, ["mixup_enabled", "p = 0"]),
    (lambda mix: RandomCutMix(aplha=0.5), TypeError, ["alpha, p, num_classes", "aplha=0.5"]),
    (lambda mix: RandomCutMix(num_classes=2**70), ValueError, ["num_classes", "at most", str(2**70)]),
]


@pytest.mark.parametrize(("call", "kind", "words"), FIRST_MISTAKES)
def test_first_mistakes(call, kind, words):
    with says(kind, words):
        call(RandomCutMix(num_classes=CLASSES))


NEWCOMER = [
    (
        lambda mix: MixCollate(mix, collate_fn=list)([(IMAGES[0], [{"bbox": [1, 2, 3, 4], "category_id": 1}])] * 2),
        ValueError,
        ["wrap_dataset_for_transforms_v2", "list of dict"],
    ),
    (
        lambda mix: mix(IMAGES[:2], [{"boxes": BOXES, "labels": torch.tensor([1])}] * 2),
        ValueError,
        ["MixCollate(mix, collate_fn=unstacked)", "list of dict"],
    ),
    (
        lambda mix: MixCollate(v2.Identity())([(IMAGES[0], torch.rand(n, 4)) for n in (1, 2)]),
        ValueError,
        ["collate_fn=unstacked", "(1, 4), (2, 4)"],
    ),
    (lambda mix: RandomCutout()(IMAGES.numpy()), TypeError, ["v2.ToImage()", "ndarray"]),
    (lambda mix: RandomMixUp(labels_getter=None)(tv_tensors.Image(IMAGES[0])), ValueError, ["batched", "Image"]),
    (lambda mix: mix(IMAGES, LABELS, others=IMAGES), ValueError, ["others must be a second batch", "second argument"]),
    (
        lambda mix: MixDataset([(IMAGES[0], 1)], RandomCutMix(num_classes=5, ratio=(1, 1)), partners=[IMAGES[1]])[0],
        ValueError,
        ["partners must hold samples of the same form"],
    ),
    (lambda mix: mix({"image": IMAGES, "mask": MASKS[:, ::2]}), ValueError, ["inputs['mask']", "height and width"]),
    (lambda mix: RandomMixUp(num_classes=5)(IMAGES[0], torch.tensor(3)), ValueError, ["batch size", "MixCollate(mix)"]),
    (lambda mix: mix(IMAGES, (0, 1, 2, 3, 4, 0)), TypeError, ["torch.tensor(labels)", "tuple"]),
    (lambda mix: setattr(MixCollate(mix), "p", 0), AttributeError, ["transform.p", "0"]),
    (lambda mix: setattr(MixDataset([], mix), "p", 0), AttributeError, ["transform.p", "0"]),
    (lambda mix: RandomMixChoice([mix, mix], [2, 1]), TypeError, ["by keyword", "weights=", "[2, 1]"]),
    (lambda mix: RandomCutMix(10), TypeError, ["by keyword", "alpha=", "10"]),
]


@pytest.mark.parametrize(("call", "kind", "words"), NEWCOMER)
def test_what_a_newcomer_tried(call, kind, words):
    with pytest.raises(kind) as error:
        call(RandomCutMix(num_classes=CLASSES))
    assert not [word for word in words if word not in str(error.value)], error.value
