"""Pairs of labels with a lam: MixedTarget and what makes it."""

import inspect
import pickle
from copy import copy

import pytest
import torch
from support.arguments import CROSS, DRAW, IMAGES, LABELS, LAM, LOGITS, PAIR, ROWS
from support.helpers import HEIGHT, WIDTH, rows_of, says
from support.mixes import BOTH, mixes
from support.pairs import PER_SAMPLE

from cutmix_transforms import (
    MixCollate,
    MixedTarget,
    RandomMixUp,
    mixed_accuracy,
    show_batch,
)
from cutmix_transforms import functional as F
from cutmix_transforms.functional import pair_targets

# The same of pairs.
PAIR_TAKERS = {
    "MixedLoss": lambda pair: CROSS(LOGITS, pair),
    "mixed_accuracy": lambda pair: mixed_accuracy(LOGITS, pair),
    "show_batch": lambda pair: show_batch(IMAGES, pair),
}
BAD_PAIRS = [
    (PAIR._replace(a=None), TypeError, ["target.a", "tensor", "NoneType"]),
    (PAIR._replace(a=[0, 1, 2, 0]), TypeError, ["target.a", "tensor", "list: [0, 1, 2, 0]"]),
    (PAIR._replace(b=LABELS.numpy()), TypeError, ["target.b", "tensor", "ndarray"]),
    (PAIR._replace(b=LABELS[:3]), ValueError, ["target.b", "(4,)", "(3,)"]),
    (PAIR._replace(b=ROWS), ValueError, ["target.b", "(4,)", "(4, 3)"]),
    (PAIR._replace(lam=0.3), TypeError, ["target.lam", "tensor", "float: 0.3"]),
    (PAIR._replace(lam=None), TypeError, ["target.lam", "tensor", "NoneType"]),
    (PAIR._replace(lam=torch.tensor(0.3)), ValueError, ["target.lam", "(N,) = (4,)", "()"]),
    (PAIR._replace(lam=LAM[:3]), ValueError, ["target.lam", "(N,) = (4,)", "(3,)"]),
    (PAIR._replace(lam=LAM[:, None]), ValueError, ["target.lam", "(N,) = (4,)", "(4, 1)"]),
    (PAIR._replace(lam=LAM > 0), TypeError, ["target.lam", "float or integer", "bool"]),
]


@pytest.mark.parametrize("taker", PAIR_TAKERS)
@pytest.mark.parametrize(("pair", "kind", "words"), BAD_PAIRS)
def test_pairs_made_by_hand(taker, pair, kind, words):
    with says(kind, words):
        PAIR_TAKERS[taker](pair)


both = pytest.mark.parametrize("make", BOTH)


def draw_for(count, *, seed=0):
    torch.manual_seed(seed)
    return RandomMixUp(per_sample=True).draw(torch.empty(count, 1, HEIGHT, WIDTH))


@both
@pytest.mark.parametrize(
    "make_labels",
    [lambda: torch.arange(6), lambda: torch.rand(6), lambda: torch.rand(6, 4), lambda: torch.zeros(6, 2, 3, 5).long()],
)
def test_pairs_keep_labels_as_they_came(make, make_labels, images):
    labels = make_labels()
    mix = make(target="pair", per_sample=True)
    draw = mix.draw(images)
    _, target = mix(images, labels, draw=draw)
    assert isinstance(target, MixedTarget)
    assert target.a is labels
    assert target.b.dtype == labels.dtype
    assert torch.equal(target.b, labels[draw.partners])
    assert torch.equal(target.lam, draw.lam)
    assert target.lam.dtype == torch.float32


def test_pairs_of_rows_without_a_pool(images):
    draw, rows = draw_for(6), torch.rand(6, 3)
    pair = pair_targets(rows, draw)
    assert pair.a is rows
    assert torch.equal(pair.b, torch.stack([rows[j] for j in draw.partners.tolist()]))
    assert torch.equal(pair.lam, draw.lam)


@pytest.mark.parametrize("options", [{}, {"non_blocking": True}, {"non_blocking": False}], ids=str)
@pytest.mark.parametrize("device", ["meta", torch.device("meta"), "cpu"], ids=repr)
def test_pairs_move(device, options):
    for moved in (PER_SAMPLE.to(device, **options), PER_SAMPLE.to(device=device, **options)):
        assert isinstance(moved, MixedTarget)
        assert {field.device for field in moved} == {torch.device(device)}
        assert [field.dtype for field in moved] == [torch.int64, torch.int64, torch.float32]
        assert device != "cpu" or all(map(torch.equal, moved, PER_SAMPLE))


def test_pairs_keep_their_dtypes():
    with says(TypeError, ["device", "'cuda'", "torch.float16", "_replace"]):
        PER_SAMPLE.to(torch.float16)
    with says(TypeError, ["device", "'cuda'", "torch.int64 of shape (6,)"]):
        PER_SAMPLE.to(PER_SAMPLE.a)


def test_pairs_are_built_anew():
    """Of three fields, or of one iterable of them, as the Trainer of transformers does it."""
    for pair in (
        MixedTarget(field for field in PER_SAMPLE),
        MixedTarget(list(PER_SAMPLE)),
        MixedTarget(*PER_SAMPLE),
        MixedTarget(**PER_SAMPLE._asdict()),
        pickle.loads(pickle.dumps(PER_SAMPLE)),
        copy(PER_SAMPLE),
    ):
        assert isinstance(pair, MixedTarget)
        assert all(map(torch.equal, pair, PER_SAMPLE))
    assert list(inspect.signature(MixedTarget).parameters) == ["a", "b", "lam"]
    for fields in ((PER_SAMPLE.a,), (list(PER_SAMPLE[:2]),), (3,), ()):
        with says(TypeError, ["missing", "'lam'"]):
            MixedTarget(*fields)


@pytest.mark.parametrize("options", [{"p": 1e-9}, {"p": 0.3, "per_sample": True}])
@mixes
def test_pairs_of_what_is_not_mixed_hold_nothing_of_a_partner(make, options):
    labels = torch.tensor([1.0, float("nan"), 3.0, 4.0])
    children = {"target": "pair", **options}
    for _ in range(5):
        for mix in (make(**children), RandomMixUp(**children)):
            batch = list(zip(IMAGES[:4], labels, strict=True))
            pairs = [mix(IMAGES[:4], labels)[1], MixCollate(mix)(batch)[1]]
            for pair in pairs:
                unmixed = pair.lam == 1
                torch.testing.assert_close(pair.b[unmixed], labels[unmixed], equal_nan=True)


BAD_CALLS = {
    "MixedTarget": [
        (lambda: MixedTarget(LABELS, LABELS), TypeError, ["lam"]),
        (lambda: MixedTarget(LABELS, LABELS, LAM, 3), TypeError, ["positional"]),
    ],
    "pair_targets": [
        (lambda: F.pair_targets(LABELS), TypeError, ["draw"]),
        (lambda: F.pair_targets(LABELS, None), TypeError, ["draw", "MixDraw", "NoneType"]),
        (lambda: F.pair_targets(LABELS, DRAW, torch.tensor(1)), ValueError, ["others", "batch dimension", "()"]),
        (lambda: F.pair_targets(DRAW, LABELS), TypeError, ["labels", "tensor", "MixDraw"]),
        (lambda: F.pair_targets([0, 1, 2, 0], DRAW), TypeError, ["labels", "tensor", "[0, 1, 2, 0]"]),
        (lambda: F.pair_targets(torch.tensor(1), DRAW), ValueError, ["labels", "batch dimension", "()"]),
        (lambda: F.pair_targets(LABELS[:3], DRAW), ValueError, ["draw", "3 labels", "4"]),
        (lambda: F.pair_targets(LABELS, DRAW, ROWS), TypeError, ["others", "int64", "float32"]),
        (lambda: F.pair_targets(LABELS, DRAW, LABELS[:, None]), ValueError, ["others", "(M, *())", "(4, 1)"]),
        (lambda: F.pair_targets(LABELS, DRAW, LABELS[:3]), ValueError, ["draw.partners", "[0, 3)", "3"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()
