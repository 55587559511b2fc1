"""What every mix takes and refuses: calls, draws, and partners from a second batch."""

import PIL.Image
import pytest
import torch
from support.batches import BATCH, CLASSES, IMAGES, LABELS, SECOND
from support.helpers import HEIGHT, WIDTH, says, slow_but
from support.mixes import BOTH, mixes
from support.oracles import mix_loops
from support.own_mixes import FaintBand, RandomBand
from torchvision import tv_tensors

from cutmix_transforms import (
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomMixUp,
    functional,
)

DRAW = RandomMixUp().draw(IMAGES)
CALLS = [
    # labels
    ((IMAGES, LABELS), {}, ValueError, ["num_classes", "(6,)", "None"]),
    ((IMAGES, LABELS), {"num_classes": 4}, ValueError, ["labels", "[0, num_classes=4)", "4", "index 4"]),
    ((IMAGES, LABELS - 1), {"num_classes": 5}, ValueError, ["labels", "-1", "index 0"]),
    ((IMAGES, LABELS[:4]), {"num_classes": 5}, ValueError, ["batch size", "(6, 3, 17, 11)", "(4,)"]),
    ((IMAGES, torch.tensor(3)), {"num_classes": 5}, ValueError, ["batch size", "()"]),
    ((IMAGES, torch.rand(6, 4)), {"num_classes": 5}, ValueError, ["labels", "num_classes = 5", "(6, 4)"]),
    ((IMAGES, torch.rand(6)), {"num_classes": 5}, ValueError, ["num_classes", "None", "float", "5"]),
    ((IMAGES, torch.rand(6, 4, 2)), {}, ValueError, ["labels", "(N, K)", "(6, 4, 2)"]),
    (
        (IMAGES, LABELS > 2),
        {"num_classes": 2},
        TypeError,
        ["labels", "torch.bool", "convert them with labels.long() or labels.float()"],
    ),
    ((IMAGES, [0, 1, 2, 3, 4, 0]), {"num_classes": 5}, TypeError, ["labels", "torch.tensor(labels)", "list"]),
    ((IMAGES, None), {"num_classes": 5}, TypeError, ["labels", "NoneType"]),
    ((IMAGES, "cat"), {"num_classes": 5}, TypeError, ["labels", "'cat'"]),
    ((IMAGES, MixedTarget(LABELS, LABELS, LABELS / 5)), {}, TypeError, ["labels", "mixed already", "MixedTarget"]),
    ((IMAGES, (LABELS, LABELS)), {"num_classes": (5, 5, 5)}, ValueError, ["num_classes", "2", "(5, 5, 5)"]),
    # no labels found
    ((IMAGES,), {"num_classes": 5}, ValueError, ["labels", "second argument", "labels_getter", "Tensor"]),
    (((IMAGES,),), {"num_classes": 5}, ValueError, ["labels", "second argument", "Tensor", "MixCollate(mix)"]),
    (
        ({"image": IMAGES, "y": LABELS},),
        {"num_classes": 5},
        ValueError,
        ["'labels'", "'target'", "none of them", "'image', 'y'"],
    ),
    (
        (IMAGES, {"label": LABELS, "Targets": LABELS}),
        {"num_classes": 5},
        ValueError,
        ["exactly one", "'label', 'Targets'"],
    ),
    (({"image": IMAGES, "y": LABELS},), {"labels_getter": "z"}, ValueError, ["'z'", "key or an index", "'image', 'y'"]),
    ((IMAGES, LABELS), {"labels_getter": 2}, ValueError, ["item 2", "2 item"]),
    (
        (IMAGES, LABELS),
        {"labels_getter": lambda inputs: inputs[1] + 0, "num_classes": 5},
        ValueError,
        ["labels_getter", "input itself"],
    ),
    # images
    ((IMAGES[:, :2], (torch.rand(6, 3, 4),)), {}, ValueError, ["labels", "(6, 3, 4)"]),
    (("image", "label"), {"labels_getter": None}, TypeError, ["image", "str"]),
    ((PIL.Image.new("RGB", (4, 4)), LABELS), {"num_classes": 5}, TypeError, ["v2.ToImage()", "PIL"]),
    (([PIL.Image.new("RGB", (4, 4))] * 6, LABELS), {"num_classes": 5}, TypeError, ["v2.ToImage()", "PIL"]),
    (
        ({"a": tv_tensors.Image(IMAGES), "b": tv_tensors.Image(IMAGES[..., :5]), "label": LABELS},),
        {"num_classes": 5},
        ValueError,
        ["same size", "(6, 3, 17, 11)", "(6, 3, 17, 5)"],
    ),
    (
        ({"a": tv_tensors.Image(IMAGES), "b": tv_tensors.Image(IMAGES[:3]), "label": LABELS},),
        {"num_classes": 5},
        ValueError,
        ["batch size", "(3, 3, 17, 11)"],
    ),
    # what is no tensor, or something else than it should be
    ((LABELS, IMAGES), {"num_classes": 5}, ValueError, ["images must be the first argument", "int64 of shape (6,)"]),
    ((), {"num_classes": 5}, ValueError, ["labels", "second argument", "tuple"]),
    ((None, LABELS), {"num_classes": 5}, TypeError, ["image", "NoneType"]),
    ((IMAGES.tolist(), LABELS), {"num_classes": 5}, TypeError, ["image", "float"]),
    ((IMAGES.to_sparse(), LABELS), {"num_classes": 5}, TypeError, ["images", "dense", "torch.sparse_coo"]),
    ((IMAGES, 3), {"num_classes": 5}, TypeError, ["labels", "tensor", "int: 3"]),
    ((IMAGES, LABELS[None]), {"num_classes": 5}, ValueError, ["batch size", "(1, 6)"]),
    ((IMAGES, LABELS[:, None]), {"num_classes": 5}, ValueError, ["labels", "num_classes = 5", "(6, 1)"]),
    ((IMAGES, LABELS + 0j), {"num_classes": 5}, TypeError, ["labels", "integer", "complex64"]),
    ((IMAGES, LABELS), {"num_classes": (3, 5)}, ValueError, ["num_classes", "1 labels", "(3, 5)"]),
    ((IMAGES, LABELS, DRAW), {"num_classes": 5}, TypeError, ["draw", "draw=draw", "a positional MixDraw"]),
    ((tv_tensors.Mask(LABELS), LABELS), {"num_classes": 5}, TypeError, ["image", "Mask"]),
    ((IMAGES, LABELS), {"labels_getter": lambda inputs: 3}, TypeError, ["labels", "tensor", "int: 3"]),
    ((IMAGES, LABELS), {"labels_getter": lambda inputs: None}, TypeError, ["labels", "tensor", "NoneType"]),
]


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(("inputs", "options", "kind", "words"), CALLS)
def test_calls(make, inputs, options, kind, words):
    with says(kind, words):
        make(**options)(*inputs)


@pytest.mark.parametrize("make", BOTH)
def test_draws(make):
    mix = make(num_classes=5)
    draw = mix.draw(IMAGES)
    with says(ValueError, ["draw", "(17, 9)", "(17, 11)"]):
        mix(IMAGES[..., :9], LABELS, draw=draw)
    with says(ValueError, ["draw", "(11, 17)"]):
        mix(IMAGES.mT, LABELS, draw=draw)
    with says(ValueError, ["draw", "4", "6"]):
        mix(IMAGES[:4], LABELS[:4], draw=draw)
    with says(TypeError, ["draw", "MixDraw", "0.3"]):
        mix(IMAGES, LABELS, draw=0.3)
    for images, name in (
        ([IMAGES], "list"),
        (IMAGES.numpy(), "ndarray"),
        ((6, 3, 17, 11), "tuple"),
        (None, "NoneType"),
    ):
        with says(TypeError, ["images", "tensor", name]):
            mix.draw(images)
    with says(TypeError, ["positional"]):
        mix.draw(IMAGES, LABELS)
    with says(TypeError, ["images"]):
        mix(images=IMAGES, labels=LABELS)


NUMBERS = torch.arange(6)


def test_an_edited_draw_mixes_targets_as_its_pixels():
    """``lam`` is computed from the rest; stored beside it, it would be the old one."""
    mix = RandomCutMix(num_classes=6, ratio=(0.4, 0.6))
    draw = mix.draw(IMAGES)
    for edited in (
        draw._replace(boxes=torch.tensor([[0, 0, i, 2 * i] for i in range(6)])),
        draw._replace(opacity=torch.linspace(0, 1, 6)),
        draw._replace(partners=torch.tensor([5, 5, 0, 0, 1, 1])),
    ):
        images, targets = mix(IMAGES, NUMBERS, draw=edited)
        torch.testing.assert_close(images.mean((1, 2, 3)), targets @ torch.arange(6.0))
        torch.testing.assert_close(images, mix_loops(IMAGES, edited))
        area = (edited.boxes[:, 2:] - edited.boxes[:, :2]).prod(1).double() / (HEIGHT * WIDTH)
        assert edited.lam.dtype == torch.float32
        assert torch.equal(edited.lam, (1 - edited.opacity.double() * area).float())


def test_what_is_not_mixed_has_nothing_of_a_partner():
    """Not even a NaN in its label."""
    values = torch.tensor([1.0, float("nan"), 3.0, float("inf"), 5.0, 6.0])
    rows = values[:, None].expand(6, 4)
    for labels in (values, rows):
        for mix in (RandomCutMix(p=1e-9), RandomMixUp(p=1e-9), RandomMixUp(p=0.5, per_sample=True), RandomBand(p=0.5)):
            draw = mix.draw(IMAGES)
            _, targets = mix(IMAGES, labels, draw=draw)
            alone = draw.lam == 1
            assert torch.equal(targets[alone].nan_to_num(), labels[alone].nan_to_num())
    covered = functional.mix_draw(torch.tensor([1, 2, 0]), torch.tensor([[0, 0, 2, 2]] * 3), (2, 2))
    pool = torch.tensor([float("nan"), 1.0, 2.0])
    assert torch.equal(functional.mix_targets(pool, covered)[:2], torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize("mix", [RandomCutMix(num_classes=6), RandomMixUp(num_classes=6), FaintBand(num_classes=6)])
def test_transforms_of_torch_func(mix):
    draw = mix.draw(IMAGES)
    ones = torch.func.grad(lambda images: functional.mix_images(images, draw).sum())(IMAGES)
    torch.testing.assert_close(ones, torch.ones_like(IMAGES))
    ones = torch.func.grad(lambda images: mix(images, NUMBERS)[0].sum())(IMAGES)
    torch.testing.assert_close(ones, torch.ones_like(IMAGES))
    many = torch.stack([IMAGES, IMAGES + 10])
    mapped = torch.func.vmap(lambda images: functional.mix_images(images, draw))(many)
    torch.testing.assert_close(mapped, torch.stack([functional.mix_images(images, draw) for images in many]))


@pytest.mark.parametrize("make", [lambda x: x.bfloat16(), lambda x: x.half(), lambda x: x.clone().requires_grad_()])
def test_opacity_of_any_float(make):
    draw = RandomMixUp().draw(IMAGES)._replace(opacity=make(torch.full((6,), 0.5)))
    mixed, targets = RandomMixUp(num_classes=6)(IMAGES, NUMBERS, draw=draw)
    torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(6.0))


def test_views_that_are_negative_or_conjugate():
    waves = torch.rand(4, 3, HEIGHT, WIDTH, dtype=torch.complex64)
    mix = RandomCutMix(num_classes=4)
    draw = mix.draw(waves.real)
    for view in (waves.conj().imag, waves.conj()):
        mixed, _ = mix(view, torch.arange(4), draw=draw)
        assert torch.equal(mixed, mix_loops(view.resolve_neg(), draw) if view.dtype == torch.float32 else mixed)


@mixes
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_partners_from_a_second_batch(make, per_sample, count):
    """Constant images tell whose they are: their mean is the target's own expectation."""
    second = SECOND[0][:count], SECOND[1][:count]
    mix = make(num_classes=CLASSES, per_sample=per_sample)
    drawn = set()
    for _ in range(20):
        draw = mix.draw(BATCH[0], others=second)
        assert bool((draw.partners < count).all())
        drawn |= set(draw.partners.tolist())
        images, targets = mix(BATCH, draw=draw, others=second)
        wanted = torch.zeros(4, CLASSES)
        for i, (partner, lam) in enumerate(zip(draw.partners.tolist(), draw.lam.tolist(), strict=True)):
            wanted[i, BATCH[1][i]] += lam
            wanted[i, second[1][partner]] += 1 - lam
            mean = lam * BATCH[0][i].mean() + (1 - lam) * second[0][partner].mean()
            torch.testing.assert_close(images[i].mean(), mean, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(targets, wanted)
    assert drawn == set(range(count))
    assert not torch.equal(mix(*BATCH, others=second)[0], BATCH[0])
    one = mix((BATCH[0][:1], BATCH[1][:1]), others=second)
    assert one[0].shape[0] == 1


def test_unlabelled_batches_and_their_predictions():
    """Consistency training: predictions are mixed by the draw of the images."""
    mix = RandomCutMix(labels_getter=None, per_sample=True)
    images, others = BATCH[0], SECOND[0]
    draw = mix.draw(images, others=others)
    mixed = mix(images, draw=draw, others=others)
    predictions = functional.mix_targets(images.mean((1, 2, 3))[:, None], draw, others.mean((1, 2, 3))[:, None])
    torch.testing.assert_close(mixed.mean((1, 2, 3))[:, None], predictions)


def test_masks_and_dictionaries_of_a_second_batch():
    masks = BATCH[0][:, 0].long()
    first = {"image": BATCH[0], "mask": masks, "label": BATCH[1]}
    second = {"label": SECOND[1], "mask": SECOND[0][:, 0].long(), "image": SECOND[0]}
    out = RandomCutMix(num_classes=CLASSES, ratio=(0.4, 0.6))(first, others=second)
    assert torch.equal(out["mask"].float(), out["image"][:, 0])
    assert (out["mask"] >= 100).any()
    pair = RandomMixUp(target="pair")(first, others=second)
    assert isinstance(pair["mask"], MixedTarget)
    assert (pair["label"].b < CLASSES).all()


@pytest.mark.parametrize(
    ("others", "kind", "words"),
    [
        ((SECOND[0][..., :5], SECOND[1]), ValueError, ["others", "(7, 3, 17, 5)"]),
        ((SECOND[0].double(), SECOND[1]), ValueError, ["others", "float64"]),
        ((SECOND[0][:0], SECOND[1][:0]), ValueError, ["others", "at least one"]),
        ((tv_tensors.Image(SECOND[0]), SECOND[1]), ValueError, ["others", "kind"]),
        ((SECOND[0], SECOND[1][:3]), ValueError, ["batch size"]),
        ({"image": SECOND[0], "label": SECOND[1]}, ValueError, ["same keys", "others"]),
        (SECOND[0], ValueError, ["labels"]),
    ],
)
def test_second_batches_that_do_not_fit(others, kind, words):
    with says(kind, words):
        RandomCutMix(num_classes=CLASSES)(*BATCH, others=others)


@pytest.mark.parametrize("elsewhere", [0, 1])
def test_a_second_batch_on_another_device(elsewhere):
    others = [leaf.to("meta") if i == elsewhere else leaf for i, leaf in enumerate(SECOND)]
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="others must be on the device of the batch, cpu, got meta"):
        RandomCutMix(num_classes=CLASSES)(*BATCH, others=tuple(others))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_draw_that_points_beyond_the_second_batch():
    mix = RandomCutMix(num_classes=CLASSES)
    draw = mix.draw(BATCH[0], others=SECOND)._replace(partners=torch.tensor([6, 5, 4, 3]))
    with says(ValueError, ["draw.partners", "[0, 2)"]):
        mix(*BATCH, draw=draw, others=(SECOND[0][:2], SECOND[1][:2]))


@pytest.mark.parametrize("backend", slow_but(["eager"], ["eager", "inductor"]))
def test_compiled_with_a_second_batch(backend):
    mix = RandomMixUp(num_classes=CLASSES, per_sample=True)
    compiled = torch.compile(lambda batch, second: mix(batch, others=second), fullgraph=True, backend=backend)
    torch.manual_seed(5)
    found = [compiled(BATCH, SECOND) for _ in range(3)]
    torch.manual_seed(5)
    wanted = [mix(BATCH, others=SECOND) for _ in range(3)]
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("make", BOTH)
def test_gradients_go_to_the_second_batch_alone(make):
    others = torch.rand(6, 3, HEIGHT, WIDTH, dtype=torch.float64).requires_grad_()
    images = torch.rand(6, 3, HEIGHT, WIDTH, dtype=torch.float64)
    mix = make(labels_getter=None, per_sample=True)
    draw = mix.draw(images, others=others)
    mix(images, draw=draw, others=others).sum().backward()
    wanted = torch.zeros(6, dtype=torch.float64)
    wanted.index_add_(0, draw.partners, 1 - draw.lam.double())
    torch.testing.assert_close(others.grad.mean((1, 2, 3)), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("others", [IMAGES[:0], IMAGES[..., :3], torch.tensor(1.0)])
def test_no_draw_for_a_second_batch_that_does_not_fit(others):
    with says(ValueError, ["others", "at least one sample", str(tuple(others.shape))]):
        RandomCutMix().draw(IMAGES, others=others)


class CodedError(ValueError):
    """An error that cannot be made of a message alone."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def test_errors_of_a_getter_keep_their_message():
    def getter(batch):
        if batch[1].sum() == 0:
            raise CodedError("no labels here", 7)
        return batch[1]

    mix = RandomCutMix(num_classes=CLASSES, labels_getter=getter)
    images, labels = BATCH
    with says(ValueError, ["others must be a second batch", "no labels here"]):
        mix((images, labels), others=(images, 0 * labels))
    samples, others = [(images[0], torch.tensor(1))] * 4, [(images[0], torch.tensor(0))]
    with pytest.raises(ValueError, match="partners must hold samples of the same form as dataset: no labels here"):
        MixDataset(samples, mix, partners=others)[0]


def test_rows_without_values():
    mixed, targets = RandomMixUp(num_classes=4)(torch.rand(4, 0), torch.arange(4))
    assert mixed.shape == (4, 0)
    assert targets.shape == (4, 4)
