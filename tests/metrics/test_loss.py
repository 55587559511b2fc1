"""MixedLoss against sums over samples."""

import math
from functools import partial

import pytest
import torch
from support.arguments import CROSS, INF, LOGITS, NAN, PAIR
from support.helpers import rows_of, says
from support.pairs import PER_SAMPLE, target_of
from torch import nn

from cutmix_transforms import MixedLoss, MixedTarget


@pytest.fixture
def logits():
    return torch.randn(6, 5)


PER_BATCH = target_of([0.3] * 6)
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 0.1, 3.0])


@pytest.mark.parametrize("target", [PER_SAMPLE, PER_BATCH], ids=["per_sample", "per_batch"])
def test_every_sample_has_its_own_fraction(target, logits):
    each = nn.CrossEntropyLoss(reduction="none")
    wanted = [
        lam * each(x[None], a[None])[0] + (1 - lam) * each(x[None], b[None])[0]
        for x, a, b, lam in zip(logits, *target, strict=True)
    ]
    torch.testing.assert_close(MixedLoss(each)(logits, target), torch.stack(wanted))
    torch.testing.assert_close(MixedLoss(nn.CrossEntropyLoss())(logits, target), torch.stack(wanted).mean())
    torch.testing.assert_close(MixedLoss(nn.CrossEntropyLoss(reduction="sum"))(logits, target), sum(wanted))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options",
    [{}, {"weight": WEIGHT}, {"ignore_index": 4}, {"weight": WEIGHT, "ignore_index": 0, "label_smoothing": 0.1}],
    ids=str,
)
def test_one_lam_is_the_usual_recipe(options, reduction, logits):
    criterion = nn.CrossEntropyLoss(**options, reduction=reduction)
    wanted = 0.3 * criterion(logits, PER_BATCH.a) + 0.7 * criterion(logits, PER_BATCH.b)
    torch.testing.assert_close(MixedLoss(criterion)(logits, PER_BATCH), wanted)
    assert criterion.reduction == reduction


@pytest.mark.parametrize("options", [{}, {"weight": WEIGHT}, {"ignore_index": 2}], ids=str)
def test_ends_are_the_plain_loss(options, logits):
    criterion = nn.CrossEntropyLoss(**options)
    for lam, wanted in ((1.0, PER_BATCH.a), (0.0, PER_BATCH.b)):
        target = PER_BATCH._replace(lam=torch.full((6,), lam))
        torch.testing.assert_close(MixedLoss(criterion)(logits, target), criterion(logits, wanted))


def test_weighted_mean_with_a_fraction_for_every_sample(logits):
    """Each half is divided by the weights of its own labels."""
    each = nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=1, reduction="none")
    a, b, lam = PER_SAMPLE
    seen_a, seen_b = WEIGHT[a] * (a != 1), WEIGHT[b] * (b != 1)
    wanted = (lam * each(logits, a)).sum() / seen_a.sum() + ((1 - lam) * each(logits, b)).sum() / seen_b.sum()
    got = MixedLoss(nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=1))(logits, PER_SAMPLE)
    torch.testing.assert_close(got, wanted)


def test_soft_cross_entropy_gives_the_same_as_pairs(logits):
    a, b, lam = PER_SAMPLE
    soft = lam[:, None] * torch.eye(5)[a] + (1 - lam[:, None]) * torch.eye(5)[b]
    criterion = nn.CrossEntropyLoss()
    torch.testing.assert_close(MixedLoss(criterion)(logits, PER_SAMPLE), criterion(logits, soft))


def test_masks_with_ignored_pixels():
    """Segmentation: (N, K, H, W) logits, (N, H, W) masks; each half is a mean over its own pixels."""
    logits, (a, b) = torch.randn(2, 4, 17, 11), torch.randint(0, 4, (2, 2, 17, 11))
    a[:, :5], b[0, :, 3:] = 255, 255
    criterion = nn.CrossEntropyLoss(ignore_index=255)
    target = MixedTarget(a, b, torch.tensor([0.4, 0.4]))
    wanted = 0.4 * criterion(logits, a) + 0.6 * criterion(logits, b)
    torch.testing.assert_close(MixedLoss(criterion)(logits, target), wanted)


def test_a_half_with_nothing_but_ignored_labels_counts_nothing(logits):
    logits.requires_grad_()
    target = PER_BATCH._replace(a=torch.full((6,), -100))
    criterion = nn.CrossEntropyLoss()
    loss = MixedLoss(criterion)(logits, target)
    torch.testing.assert_close(loss, 0.7 * criterion(logits, target.b))
    loss.backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    "criterion",
    [
        nn.BCEWithLogitsLoss(pos_weight=WEIGHT),
        nn.MSELoss(),
        nn.BCEWithLogitsLoss(weight=WEIGHT, reduction="sum"),
        nn.CrossEntropyLoss(weight=WEIGHT),
    ],
    ids=str,
)
def test_losses_of_rows(criterion, logits):
    """Linear in the fraction, so that a constant one can be taken out."""
    a, b = torch.rand(2, 6, 5).softmax(-1)
    target = MixedTarget(a, b, torch.full((6,), 0.3))
    torch.testing.assert_close(
        MixedLoss(criterion)(logits, target), 0.3 * criterion(logits, a) + 0.7 * criterion(logits, b)
    )


def test_batchmean_and_nll(logits):
    log_p = logits.log_softmax(1)
    a, b = torch.rand(2, 6, 5).softmax(-1)
    criterion = nn.KLDivLoss(reduction="batchmean")
    target = MixedTarget(a, b, torch.full((6,), 0.3))
    torch.testing.assert_close(
        MixedLoss(criterion)(log_p, target), 0.3 * criterion(log_p, a) + 0.7 * criterion(log_p, b)
    )
    criterion = nn.NLLLoss(weight=WEIGHT)
    wanted = 0.3 * criterion(log_p, PER_BATCH.a) + 0.7 * criterion(log_p, PER_BATCH.b)
    torch.testing.assert_close(MixedLoss(criterion)(log_p, PER_BATCH), wanted)


def test_plain_targets_pass_straight_through(logits):
    criterion = nn.CrossEntropyLoss(weight=WEIGHT)
    for target in (PER_BATCH.a, torch.rand(6, 5).softmax(1)):
        assert torch.equal(MixedLoss(criterion)(logits, target), criterion(logits, target))


def test_functions_are_reduced_as_they_reduce(logits):
    a, b = PER_SAMPLE[:2]
    for function, options in (
        (nn.functional.cross_entropy, {}),
        (nn.functional.cross_entropy, {"weight": WEIGHT, "ignore_index": 3}),
        (nn.functional.nll_loss, {"weight": WEIGHT, "reduction": "sum"}),
    ):
        x = logits.log_softmax(1)
        wanted = 0.3 * function(x, a, **options) + 0.7 * function(x, b, **options)
        target = PER_SAMPLE._replace(lam=torch.full((6,), 0.3))
        torch.testing.assert_close(MixedLoss(partial(function, **options))(x, target), wanted)


def test_callables_without_a_reduction(logits):
    def per_sample(x, y):
        return nn.functional.cross_entropy(x, y, reduction="none")

    wanted = MixedLoss(nn.CrossEntropyLoss(reduction="none"))(logits, PER_SAMPLE)
    torch.testing.assert_close(MixedLoss(per_sample)(logits, PER_SAMPLE), wanted)
    with says(
        ValueError, ["criterion", "one loss per sample", "reduction", "shape ()", "6 samples", "not take a mean"]
    ):
        MixedLoss(lambda x, y: per_sample(x, y).mean())(logits, PER_SAMPLE)
    short = PER_SAMPLE._replace(lam=torch.rand(4))
    with says(ValueError, ["lam", "(6,)", "(4,)"]):
        MixedLoss(per_sample)(logits, short)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64], ids=str)
def test_labels_of_the_dtypes_that_cross_entropy_takes(dtype, logits):
    """A uint8 tensor as index would be a mask."""
    criterion = nn.CrossEntropyLoss(weight=WEIGHT)
    target = PER_BATCH._replace(a=PER_BATCH.a.to(dtype), b=PER_BATCH.b.to(dtype))
    torch.testing.assert_close(MixedLoss(criterion)(logits, target), MixedLoss(criterion)(logits, PER_BATCH))


def test_moves_and_saves_the_weights_of_its_criterion(logits):
    loss = MixedLoss(nn.CrossEntropyLoss(weight=WEIGHT.clone())).double()
    assert loss(logits.double(), PER_SAMPLE).dtype == torch.float64
    assert list(loss.state_dict()) == ["criterion.weight"]


class Focal(nn.CrossEntropyLoss):
    """As in many repositories: weighted like cross entropy, but a plain mean."""

    def forward(self, x, y):
        options = {"weight": self.weight, "ignore_index": self.ignore_index}
        each = nn.functional.cross_entropy(x, y, reduction="none", **options)
        each = (1 - (-each).exp()) ** 2 * each
        return {"mean": each.mean, "sum": each.sum, "none": lambda: each}[self.reduction]()


class Normalized(Focal):
    """Divides by what its own losses say."""

    def forward(self, x, y):
        each = (1 - nn.functional.cross_entropy(x, y, reduction="none").neg().exp()) ** 2
        return each if self.reduction == "none" else each.sum() / each.detach().sqrt().sum()


class Cast(nn.CrossEntropyLoss):
    """Reduces as torch does, although it has a forward of its own."""

    def forward(self, x, y):
        return super().forward(x, y.long())


class Named(nn.CrossEntropyLoss):
    """Computes as torch does."""


def focal(x, y, weight=WEIGHT, ignore_index=2, reduction="mean"):
    """Has options of the names of torch's, and a plain mean."""
    options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    return Focal(**options)(x, y)


class Callable:
    """No module, but with a reduction."""

    reduction = "mean"

    def __call__(self, x, y):
        return Focal(reduction=self.reduction)(x, y)


FOREIGN = {
    "mean": Focal(WEIGHT),
    "sum": Focal(WEIGHT, reduction="sum"),
    "none": Focal(WEIGHT, reduction="none"),
    "ignored": Focal(WEIGHT, ignore_index=1),
    "normalized": Normalized(),
    "cast": Cast(WEIGHT, ignore_index=1),
    "named": Named(WEIGHT, ignore_index=1, label_smoothing=0.1),
    "function": focal,
    "partial": partial(focal, weight=WEIGHT.flip(0)),
    "callable": Callable(),
}


def with_gradient(loss, x, target):
    x = x.clone().requires_grad_()
    value = loss(x, target)
    value.sum().backward()
    return value.detach(), x.grad


@pytest.mark.parametrize("name", FOREIGN)
def test_criteria_of_others_are_themselves_where_nothing_is_mixed(name, logits):
    criterion = FOREIGN[name]
    for lam, labels in ((1.0, PER_BATCH.a), (0.0, PER_BATCH.b)):
        target = PER_BATCH._replace(lam=torch.full((6,), lam))
        wanted = with_gradient(criterion, logits, labels)
        torch.testing.assert_close(with_gradient(MixedLoss(criterion), logits, target), wanted)


@pytest.mark.parametrize("name", FOREIGN)
def test_criteria_of_others_with_one_lam_are_the_usual_recipe(name, logits):
    criterion = FOREIGN[name]
    a, b = (with_gradient(criterion, logits, labels) for labels in PER_BATCH[:2])
    wanted = tuple(0.3 * x + 0.7 * y for x, y in zip(a, b, strict=True))
    torch.testing.assert_close(with_gradient(MixedLoss(criterion), logits, PER_BATCH), wanted)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses_of_either_sign_that_cancel_are_reduced_plainly(reduction):
    class Signed(nn.L1Loss):
        def forward(self, x, y):
            return {"mean": (x - y).mean, "sum": (x - y).sum, "none": lambda: x - y}[self.reduction]()

    x, zeros = torch.tensor([1.0, -1.0, 3.0, -3.0]), torch.zeros(4)
    lam = torch.tensor([1.0, 0.5, 0.5, 0.25])
    loss = MixedLoss(Signed(reduction=reduction))
    value = loss(x, MixedTarget(zeros, torch.full((4,), 7.0), lam))
    parts = [
        fraction * (a - 0) + (1 - fraction) * (a - 7) for a, fraction in zip(x.tolist(), lam.tolist(), strict=True)
    ]
    assert value.item() == pytest.approx(sum(parts) / (4 if reduction == "mean" else 1))


@pytest.mark.parametrize(("name", "count"), [("mean", 6), ("sum", 1), ("ignored", 6)])
def test_criteria_of_others_with_a_fraction_for_every_sample(name, count, logits):
    """A plain mean divides by the samples, whatever the class weights are."""
    criterion, wanted = FOREIGN[name], 0.0
    for x, a, b, lam in zip(logits, *PER_SAMPLE, strict=True):
        for fraction, label in ((lam, a), (1 - lam, b)):
            loss = nn.functional.cross_entropy(x, label, reduction="sum").item()
            seen = WEIGHT[label].item() * (label != criterion.ignore_index).item()
            wanted += fraction.item() * (1 - math.exp(-loss * seen)) ** 2 * loss * seen / count
    assert MixedLoss(criterion)(logits, PER_SAMPLE).item() == pytest.approx(wanted, rel=1e-5)


class Deaf(nn.CrossEntropyLoss):
    def forward(self, x, y):
        return nn.functional.cross_entropy(x, y)


@pytest.mark.parametrize(
    ("criterion", "shape"),
    [
        (Deaf(), "()"),
        (Deaf(reduction="none"), "()"),
        (lambda x, y, reduction="mean": nn.functional.cross_entropy(x, y), "()"),
        (lambda x, y: nn.functional.cross_entropy(x, y, reduction="none")[:2], "(2,)"),
        (lambda x, y: nn.functional.cross_entropy(x, y, reduction="none").repeat(17 * 11), "(1122,)"),
    ],
)
def test_a_criterion_must_give_one_loss_per_sample(criterion, shape, logits):
    with says(ValueError, ["criterion", "one loss per sample", f"shape {shape}", "6 samples", "must not take a mean"]):
        MixedLoss(criterion)(logits, PER_SAMPLE)


def test_a_compiled_criterion_stays_as_it_is(logits):
    criterion = torch.compile(nn.CrossEntropyLoss(WEIGHT), backend="eager")
    wanted = criterion(logits, PER_BATCH.a)
    mixed = MixedLoss(criterion)(logits, PER_BATCH)
    torch.testing.assert_close(mixed, MixedLoss(nn.CrossEntropyLoss(WEIGHT))(logits, PER_BATCH))
    assert criterion.reduction == "mean"
    assert torch.equal(criterion(logits, PER_BATCH.a), wanted)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", [nn.CrossEntropyLoss, nn.NLLLoss, Focal, Cast])
def test_an_infinite_loss_of_a_label_without_fraction_counts_nothing(kind, reduction, logits):
    """Neither in the loss nor in its gradient: sample 1 keeps its own label, sample 2 has that of its partner."""
    a, b, lam = PER_SAMPLE
    logits[1, b[1]], logits[2, a[2]] = -INF, -INF
    criterion, each = kind(reduction=reduction), kind(reduction="none")

    def by_hand(x, target):
        losses = []
        for i, fraction in enumerate(lam.tolist()):
            halves = [(fraction, a[i : i + 1]), (1 - fraction, b[i : i + 1])]
            losses.append(sum(part * each(x[i : i + 1], label)[0] for part, label in halves if part))
        losses = torch.stack(losses)
        return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()

    value, gradient = with_gradient(MixedLoss(criterion), logits, PER_SAMPLE)
    assert value.isfinite().all()
    torch.testing.assert_close((value, gradient), with_gradient(by_hand, logits, PER_SAMPLE), equal_nan=True)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("criterion", [nn.MSELoss(), nn.L1Loss(reduction="sum"), nn.BCEWithLogitsLoss()], ids=str)
@pytest.mark.parametrize("lam", [1.0, 0.0])
def test_a_bad_target_without_fraction_counts_nothing(lam, criterion, value, logits):
    """Values, rows and maps of 17 x 11."""
    for x in (logits[:, 0], logits, torch.randn(6, 17, 11)):
        good = torch.rand(x.shape)
        fields = (good, torch.full_like(good, value)) if lam else (torch.full_like(good, value), good)
        target = MixedTarget(*fields, torch.full((6,), lam))
        wanted = with_gradient(criterion, x, good)
        torch.testing.assert_close(with_gradient(MixedLoss(criterion), x, target), wanted)


def test_an_infinite_loss_that_has_a_fraction_is_not_hidden(logits):
    logits[3, PER_SAMPLE.b[3]] = -INF
    assert MixedLoss(nn.CrossEntropyLoss())(logits, PER_SAMPLE).isinf()


BAD_CALLS = {
    "MixedLoss": [
        (MixedLoss, TypeError, ["criterion"]),
        (lambda: MixedLoss(3), TypeError, ["criterion", "callable", "3"]),
        (lambda: MixedLoss(None), TypeError, ["criterion", "callable", "None"]),
        (lambda: MixedLoss("cross_entropy"), TypeError, ["criterion", "callable", "'cross_entropy'"]),
        (lambda: MixedLoss(nn.CrossEntropyLoss), TypeError, ["criterion", "instance", "CrossEntropyLoss"]),
        (
            lambda: MixedLoss(nn.CrossEntropyLoss(reduction="median")),
            ValueError,
            ["criterion.reduction", "'mean'", "'median'"],
        ),
        (lambda: CROSS(LOGITS), TypeError, ["target"]),
        (lambda: CROSS(PAIR, LOGITS), TypeError, ["x", "predictions", "MixedTarget first"]),
        (lambda: CROSS(LOGITS, tuple(PAIR)), TypeError, ["target", "tuple"]),
        (lambda: CROSS(LOGITS.numpy(), PAIR), TypeError, ["input", "ndarray"]),
        (lambda: CROSS(LOGITS[:3], PAIR), ValueError, ["batch_size (3)", "(4)"]),
        (lambda: CROSS(LOGITS[:, :2], PAIR), IndexError, ["Target 2"]),
        (lambda: MixedLoss(lambda x, y: 3.0)(LOGITS, PAIR), TypeError, ["criterion", "tensor of losses", "3.0"]),
        (lambda: MixedLoss(lambda x, y: None)(LOGITS, PAIR), TypeError, ["criterion", "losses", "None"]),
    ],
}


@pytest.mark.parametrize(("name", "call", "kind", "words"), rows_of(BAD_CALLS))
def test_bad_calls(name, call, kind, words):
    with says(kind, words):
        call()


def test_a_reduction_that_cannot_be_set_is_an_error(logits):
    class Fixed(nn.Module):
        reduction = property(lambda self: "mean")

        def forward(self, x, y):
            return nn.functional.cross_entropy(x, y)

    with says(TypeError, ["criterion.reduction", "set to 'none'"]):
        MixedLoss(Fixed())(logits, PER_SAMPLE)
