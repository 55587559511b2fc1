"""The metrics of compare, against plain loops."""

import math
from types import SimpleNamespace

import pytest
import torch

from cutmix_transforms._commands._compare import _measures


def oracle(logits, labels, bins=15):
    """All metrics by plain loops."""
    n, k = len(logits), len(logits[0])
    rows = [[math.exp(value) for value in row] for row in logits]
    rows = [[value / sum(row) for value in row] for row in rows]
    predicted = [max(range(k), key=row.__getitem__) for row in rows]
    wrong = sum(one != label for one, label in zip(predicted, labels, strict=True))
    ece, reliability = 0.0, []
    for b in range(bins):
        inside = [i for i in range(n) if b / bins < max(rows[i]) <= (b + 1) / bins]
        confidence = sum(max(rows[i]) for i in inside) / max(1, len(inside))
        accuracy = sum(predicted[i] == labels[i] for i in inside) / max(1, len(inside))
        ece += len(inside) / n * abs(confidence - accuracy)
        reliability.append([len(inside), confidence, accuracy])

    def fraction(of, among):
        return sum(of) / sum(among) if sum(among) else 0.0

    hits = [[predicted[i] == labels[i] == c for i in range(n)] for c in range(k)]
    return {
        "error": wrong / n,
        "nll": -sum(math.log(row[label]) for row, label in zip(rows, labels, strict=True)) / n,
        "ece": ece,
        "reliability": reliability,
        "precision": [fraction(hits[c], [one == c for one in predicted]) for c in range(k)],
        "recall": [fraction(hits[c], [one == c for one in labels]) for c in range(k)],
    }


def test_metrics_are_those_of_plain_loops():
    logits = 3 * torch.randn(203, 5)
    logits[:, 4] -= 30  # never predicted
    labels = torch.randint(4, (203,))
    labels[:90] = logits[:90].argmax(1)
    labels[100] = 4
    found = _measures.quality(logits, labels)
    expected = oracle(logits.double().tolist(), labels.tolist())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(torch.tensor(found[name]), torch.tensor(value), rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize("side", [0.25, 0.5, 0.75])
def test_a_box_in_the_center_has_its_side_and_the_same_margins(side):
    box = _measures.box_in_the_center((17, 11), side, torch.device("cpu"))
    height, width = int(side * 17), int(side * 11)
    top, left = (17 - height) // 2, (11 - width) // 2
    expected = [[top <= i < top + height and left <= j < left + width for j in range(11)] for i in range(17)]
    assert box.tolist() == expected


class Brightness:
    """Says class 1 where most of what is shown is bright, and shows nothing as 0."""

    size, place = 16, SimpleNamespace(device=torch.device("cpu"))

    def predict(self, images, shown=None):
        shown = torch.ones(16, 16, dtype=torch.bool) if shown is None else shown
        bright = (images[:, 0].double() / 255 * shown).sum((1, 2)) / shown.sum()
        return torch.stack([0.5 - bright, bright - 0.5], 1)


def test_center_and_border_are_hidden_by_what_they_are_called():
    """Bright in the center box of half the side, dark around it."""
    images = torch.zeros(10, 3, 16, 16, dtype=torch.uint8)
    images[:, :, 4:12, 4:12] = 255
    labels = torch.tensor([1] * 7 + [0] * 3)
    batches = [(images[:6], labels[:6]), (images[6:], labels[6:])]
    found = _measures.test(Brightness(), batches, batches[1:])
    assert found["error"] == pytest.approx(0.7)  # a quarter is bright
    assert found["center_hidden"] == {"0.25": 0.75, "0.5": 0.75, "0.75": 0.75}  # of the last four, one is bright
    assert found["border_hidden"] == {"0.25": 0.25, "0.5": 0.25, "0.75": 0.75}
    validation = _measures.validate(Brightness(), batches)
    assert validation == {"val_error": pytest.approx(0.7), "val_nll": pytest.approx(found["nll"])}


def test_what_is_no_number_is_no_metric():
    classifier = SimpleNamespace(predict=lambda images, shown=None: images * math.nan)
    assert _measures.test(classifier, [(torch.ones(2, 3), torch.tensor([0, 1]))], []) is None
