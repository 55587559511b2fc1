"""mixed_accuracy against sums over samples."""

import pytest
import torch
from support.arguments import INF, LABELS, LAM, LOGITS, NAN, PAIR, ROWS
from support.helpers import rows_of, says
from support.pairs import PER_SAMPLE

from cutmix_transforms import MixedTarget, mixed_accuracy


@pytest.fixture
def logits():
    return torch.randn(6, 5)


def test_accuracy_of_hard_labels():
    logits = torch.tensor([[3.0, 2, 1], [1, 3, 2], [1, 2, 3], [3, 2, 1]])
    labels = torch.tensor([0, 2, 0, 1])
    assert mixed_accuracy(logits, labels).item() == 0.25
    assert mixed_accuracy(logits, labels, k=2).item() == 0.75
    for dtype in (torch.uint8, torch.uint16):
        assert mixed_accuracy(logits, labels.to(dtype), k=3).item() == 1


def test_accuracy_counts_fractions():
    logits = torch.tensor([[3.0, 2, 1], [1, 3, 2]])
    soft = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    assert mixed_accuracy(logits, soft).item() == pytest.approx((0.6 + 0.3) / 2)
    assert mixed_accuracy(logits, soft, k=2).item() == pytest.approx((0.9 + 0.8) / 2)
    pair = MixedTarget(torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([0.7, 0.2]))
    assert mixed_accuracy(logits, pair).item() == pytest.approx((0.7 + 0.8) / 2)
    rows = pair._replace(a=torch.eye(3)[pair.a], b=torch.eye(3)[pair.b])
    assert mixed_accuracy(logits, rows).item() == pytest.approx((0.7 + 0.8) / 2)


def test_accuracy_of_pairs_and_soft_targets_agrees(logits):
    a, b, lam = PER_SAMPLE
    soft = lam[:, None] * torch.eye(5)[a] + (1 - lam[:, None]) * torch.eye(5)[b]
    for k in range(1, 6):
        torch.testing.assert_close(mixed_accuracy(logits, PER_SAMPLE, k=k), mixed_accuracy(logits, soft, k=k))


@pytest.mark.parametrize("value", [NAN, INF])
def test_accuracy_of_a_bad_row_without_fraction(value):
    """As in a loss, a target that has no fraction counts nothing."""
    logits, good = torch.tensor([[3.0, 2, 1], [1, 3, 2]]), torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    for lam, fields in ((1.0, (good, good + value)), (0.0, (good + value, good))):
        pair = MixedTarget(*fields, torch.full((2,), lam))
        assert mixed_accuracy(logits, pair).item() == pytest.approx((0.6 + 0.3) / 2)


@pytest.mark.parametrize("target", [torch.tensor([0, 1, 1, 0]), torch.tensor([[0.0], [1], [0.7], [0.2]])])
def test_accuracy_of_one_logit_is_an_error_with_a_way_out(target):
    """What the message proposes is the accuracy of a binary output, at a threshold of 0."""
    logits, wanted = torch.tensor([[-2.0], [3.0], [-0.1], [0.2]]), 0.0
    pair = MixedTarget(target, target.flip(0), torch.full((4,), 0.75))
    for one in (target, pair):
        with says(ValueError, ["logits", "at least 2 classes", "(4, 1)", "torch.cat([-logits, logits], 1)"]):
            mixed_accuracy(logits, one)
    for logit, value in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        wanted += (value if logit > 0 else 1 - value) / 4
    both = target if target.ndim == 1 else torch.cat([1 - target, target], 1)
    assert mixed_accuracy(torch.cat([-logits, logits], 1), both).item() == pytest.approx(wanted)


def test_accuracy_of_multi_hot_rows_is_a_fraction():
    logits = torch.tensor([[3.0, 2, 1], [1, 3, 2]])
    assert mixed_accuracy(logits, torch.tensor([[1, 1, 0], [0, 0, 0]])).item() == 0.5
    assert mixed_accuracy(logits[:0], torch.zeros(0, dtype=torch.long)).isnan()


BAD_CALLS = {
    "mixed_accuracy": [
        (lambda: mixed_accuracy(LOGITS), TypeError, ["target"]),
        (lambda: mixed_accuracy(LABELS, LOGITS), ValueError, ["logits", "(N, K)", "argmax", "(4,)"]),
        (lambda: mixed_accuracy(LOGITS[0], LABELS), ValueError, ["logits", "(N, K)", "(3,)"]),
        (lambda: mixed_accuracy([[1.0, 2.0]], LABELS), TypeError, ["logits", "(N, K)", "[[1.0, 2.0]]"]),
        (lambda: mixed_accuracy(LOGITS.numpy(), LABELS), TypeError, ["logits", "tensor", "ndarray"]),
        (lambda: mixed_accuracy(LOGITS > 0, LABELS), TypeError, ["logits", "float or integer", "bool"]),
        (lambda: mixed_accuracy(LOGITS + 0j, LABELS), TypeError, ["logits", "float or integer", "complex64"]),
        (lambda: mixed_accuracy(LOGITS, [0, 1, 2, 0]), TypeError, ["target", "(4, 3)", "[0, 1, 2, 0]"]),
        (lambda: mixed_accuracy(LOGITS, LABELS.numpy()), TypeError, ["target", "ndarray"]),
        (lambda: mixed_accuracy(LOGITS, tuple(PAIR)), TypeError, ["target", "tuple"]),
        (lambda: mixed_accuracy(LOGITS, LABELS[:2]), ValueError, ["target", "(4, 3)", "(2,)"]),
        (lambda: mixed_accuracy(LOGITS, LABELS[:, None]), ValueError, ["target", "(4, 3)", "(4, 1)"]),
        (lambda: mixed_accuracy(LOGITS, ROWS[:, :2]), ValueError, ["target", "(4, 3)", "(4, 2)"]),
        (lambda: mixed_accuracy(LOGITS, LAM), ValueError, ["target", "integers", "float32"]),
        (lambda: mixed_accuracy(LOGITS, LABELS > 0), ValueError, ["target", "integers", "bool"]),
        (lambda: mixed_accuracy(LOGITS, LABELS + 1), ValueError, ["target", "[0, 3)", "3"]),
        (lambda: mixed_accuracy(LOGITS, LABELS - 1), ValueError, ["target", "[0, 3)", "-1"]),
        (lambda: mixed_accuracy(LOGITS, PAIR._replace(b=LABELS + 9)), ValueError, ["target", "[0, 3)", "9"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=0), ValueError, ["k", "at least 1", "0"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=4), ValueError, ["k", "number of classes, 3", "4"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=1.0), TypeError, ["k", "integer", "1.0"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=True), TypeError, ["k", "integer", "True"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, k=(1, 2)), TypeError, ["k", "integer", "(1, 2)"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, 2), TypeError, ["positional"]),
        (lambda: mixed_accuracy(LOGITS, LABELS, topk=2), TypeError, ["topk"]),
        (lambda: mixed_accuracy(LOGITS[:, :0], LABELS), ValueError, ["k", "classes, 0", "1"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
