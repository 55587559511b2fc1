"""Labels become soft targets, in the transforms and by the function."""

import pytest
import torch
from support.arguments import LABELS, NAN, ROWS
from support.helpers import INTEGERS, rows_of, says
from support.mixes import BOTH
from support.oracles import target_loops

from cutmix_transforms import RandomCutMix, RandomMixUp
from cutmix_transforms import functional as F
from cutmix_transforms.functional import mix_targets, soft_targets

both = pytest.mark.parametrize("make", BOTH)


@both
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integer_labels_of_any_dtype(make, dtype, images, labels):
    mix = make(num_classes=5, per_sample=True)
    draw = mix.draw(images)
    _, targets = mix(images, labels.to(dtype), draw=draw)
    assert targets.dtype == torch.float32
    torch.testing.assert_close(targets.double(), target_loops(labels, 5, draw.partners, draw.lam))
    torch.testing.assert_close(targets.sum(1), torch.ones(6))


@both
@pytest.mark.parametrize("dtype", [*INTEGERS, torch.bool], ids=str)
def test_integer_rows_become_float(make, dtype, images):
    rows = torch.randint(0, 2, (6, 4)).to(dtype)
    mix = make(per_sample=True)
    draw = mix.draw(images)
    _, targets = mix(images, rows, draw=draw)
    assert targets.dtype == torch.float32
    lam = draw.lam[:, None]
    torch.testing.assert_close(targets, lam * rows.float() + (1 - lam) * rows.float()[draw.partners])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothing_of_integer_labels(smoothing, images, labels):
    mix = RandomCutMix(num_classes=5, label_smoothing=smoothing, per_sample=True)
    draw = mix.draw(images)
    _, targets = mix(images, labels, draw=draw)
    torch.testing.assert_close(targets.double(), target_loops(labels, 5, draw.partners, draw.lam, smoothing))
    torch.testing.assert_close(targets.sum(1), torch.ones(6))


def test_smoothing_of_rows(images):
    rows = torch.randint(0, 2, (6, 4))
    for form in (rows, rows.bool(), rows.to(torch.uint8)):
        wanted = torch.tensor([[0.9 * v + 0.05 for v in row] for row in rows.tolist()])
        torch.testing.assert_close(soft_targets(form, label_smoothing=0.1), wanted)
    assert soft_targets(rows.double(), label_smoothing=0.1).equal(rows.double())
    assert soft_targets(torch.ones(3), label_smoothing=0.1).equal(torch.ones(3))


def test_a_second_mix_never_smooths_again(images, labels):
    first, second = RandomCutMix(num_classes=5, label_smoothing=0.2), RandomMixUp(num_classes=5, label_smoothing=0.2)
    mixed, targets = first(images, labels)
    draw = second.draw(mixed)
    _, again = second(mixed, targets, draw=draw)
    assert torch.equal(again, mix_targets(targets, draw))
    torch.testing.assert_close(again.min(1).values.min(), torch.tensor(0.04))


BAD_CALLS = {
    "soft_targets": [
        (F.soft_targets, TypeError, ["labels"]),
        (lambda: F.soft_targets(5, LABELS), TypeError, ["labels", "tensor", "int: 5"]),
        (lambda: F.soft_targets([0, 1], 5), TypeError, ["labels", "tensor", "list: [0, 1]"]),
        (lambda: F.soft_targets(LABELS.numpy(), 5), TypeError, ["labels", "tensor", "ndarray"]),
        (lambda: F.soft_targets(LABELS), ValueError, ["num_classes", "(4,)", "None"]),
        (lambda: F.soft_targets(LABELS, 2), ValueError, ["labels", "[0, num_classes=2)", "2 at index 2"]),
        (lambda: F.soft_targets(LABELS, "5"), TypeError, ["num_classes", "integer", "'5'"]),
        (lambda: F.soft_targets(LABELS, 5.0), TypeError, ["num_classes", "integer", "5.0"]),
        (lambda: F.soft_targets(LABELS, True), TypeError, ["num_classes", "integer", "True"]),
        (lambda: F.soft_targets(LABELS, (5,)), TypeError, ["num_classes", "integer", "(5,)"]),
        (lambda: F.soft_targets(LABELS, torch.tensor(5)), TypeError, ["num_classes", "integer", "tensor(5)"]),
        (lambda: F.soft_targets(LABELS, 0), ValueError, ["num_classes", "at least 1", "0"]),
        (lambda: F.soft_targets(ROWS, 3.0), TypeError, ["num_classes", "integer", "3.0"]),
        (lambda: F.soft_targets(LABELS > 0, 5), TypeError, ["labels", "integer", "bool"]),
        (lambda: F.soft_targets(LABELS + 0j, 5), TypeError, ["labels", "integer", "complex64"]),
        (lambda: F.soft_targets(LABELS[0], 5), ValueError, ["labels", "(N,)", "()"]),
        (lambda: F.soft_targets(LABELS, 5, 1), ValueError, ["label_smoothing", "[0, 1)", "1"]),
        (lambda: F.soft_targets(LABELS, 5, NAN), ValueError, ["label_smoothing", "[0, 1)", "nan"]),
        (lambda: F.soft_targets(LABELS, 5, "0.1"), TypeError, ["label_smoothing", "number", "'0.1'"]),
        (lambda: F.soft_targets(LABELS, 5, False), TypeError, ["label_smoothing", "number", "False"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
