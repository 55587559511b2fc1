"""A mix of one's own: two hooks, and everything else follows."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
import torch
from support.helpers import HEIGHT, WIDTH, says
from support.oracles import constant_images, mix_loops, told_shares
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    Mix,
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
    functional,
    show_batch,
)
from cutmix_transforms.functional import Placement


class RandomBand(Mix):
    """A band of the partner over the whole width."""

    numbers = 2

    def place(self, numbers, size):
        height, width = size
        tall = numbers[0] * height / 2 // 1
        top = numbers[1] * (height - tall + 1) // 1
        return Placement.between(top, 0, top + tall, width)


class EvenMixUp(Mix):
    """Nearly halves."""

    numbers = 1

    def place(self, numbers, size):
        return Placement(opacity=0.45 + 0.1 * numbers[0])


class FaintBand(RandomBand):
    """A band that is blended, one as strongly as it is placed."""

    numbers = 3

    def place(self, numbers, size):
        return super().place(numbers[:2], size)._replace(opacity=0.2 + 0.6 * numbers[2])


OWN = {"band": RandomBand, "even": EvenMixUp, "faint": FaintBand}
own = pytest.mark.parametrize("make", OWN.values(), ids=OWN)
each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
IMAGES, LABELS = constant_images(6, 3, HEIGHT, WIDTH), torch.arange(6)
SAMPLES = list(zip(IMAGES, range(6), strict=True))


def choices(per_sample):
    """Mixes of one's own among others."""
    mixes = [RandomBand(num_classes=6), EvenMixUp(num_classes=6, per_sample=per_sample), RandomMixUp(num_classes=6)]
    return RandomMixChoice(mixes, per_sample=per_sample)


@own
@each
def test_pixels_and_targets_follow(make, per_sample):
    mix = make(num_classes=6, per_sample=per_sample)
    for _ in range(10):
        draw = mix.draw(IMAGES)
        mixed, targets = mix(IMAGES, LABELS, draw=draw)
        torch.testing.assert_close(mixed, mix_loops(IMAGES, draw))
        torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(6.0))
        assert len(set(draw.lam.tolist())) == (1 if not per_sample else pytest.approx(6, abs=5))
    lam = torch.cat([mix.draw(IMAGES).lam for _ in range(100)])
    if make is EvenMixUp:
        assert 0.45 <= lam.min() < 0.46 < 0.54 < lam.max() <= 0.55
    if make is RandomBand:
        assert set(lam.mul(HEIGHT).round().int().tolist()) == set(range(9, 18))


@own
@each
@pytest.mark.parametrize("given", [False, True], ids=["global", "generator"])
def test_all_places_agree(make, per_sample, given):
    """A call, a replayed draw, the collate, samples mixed one by one, and copies: the same bits."""

    def fresh():
        torch.manual_seed(5)
        generator = torch.Generator().manual_seed(7) if given else None
        return make(num_classes=6, per_sample=per_sample, p=0.7, generator=generator)

    images, targets = fresh()(IMAGES, LABELS)
    mix = fresh()
    draw = mix.draw(IMAGES)
    for mixed in (
        mix(IMAGES, LABELS, draw=draw),
        MixCollate(fresh())(SAMPLES),
        [torch.stack(some) for some in zip(*MixCollate(fresh(), collate_fn=list)(SAMPLES), strict=True)],
        copy.deepcopy(fresh())(IMAGES, LABELS),
        pickle.loads(pickle.dumps(fresh()))(IMAGES, LABELS),
    ):
        assert torch.equal(mixed[0], images)
        assert torch.equal(mixed[1], targets)
    for _ in range(5):
        image, target = MixDataset(SAMPLES, fresh())[2]
        torch.testing.assert_close(image.mean(), target @ torch.arange(6.0))


@each
def test_in_a_choice(per_sample):
    mix = choices(per_sample)
    lam = []
    for _ in range(60):
        draw = mix.draw(IMAGES)
        mixed, targets = mix(IMAGES, LABELS, draw=draw)
        torch.testing.assert_close(mixed, mix_loops(IMAGES, draw))
        torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(6.0))
        lam += draw.lam[(draw.boxes[:, 2] - draw.boxes[:, 0] == HEIGHT)].tolist()
    assert any(0.45 < one < 0.55 for one in lam)
    mix.p = 0
    assert mix(IMAGES, LABELS)[0] is IMAGES


def test_masks_and_instances_follow():
    mask = tv_tensors.Mask(IMAGES[:, 0].long())
    mixed, pasted = RandomBand()(IMAGES, mask)
    assert torch.equal(mixed[:, 0].long(), pasted.as_subclass(torch.Tensor))
    with says(ValueError, ["target", "'pair'", "mask"]):
        EvenMixUp()(IMAGES, mask)
    _, pair = EvenMixUp(target="pair")(IMAGES, mask)
    assert isinstance(pair, MixedTarget)
    boxes = tv_tensors.BoundingBoxes(
        torch.tensor([[0.0, 0, WIDTH, HEIGHT]]), format="XYXY", canvas_size=(HEIGHT, WIDTH)
    )
    samples = [(image, {"boxes": boxes, "labels": torch.tensor([i])}) for i, image in enumerate(IMAGES)]
    for image, target in MixCollate(RandomBand(per_sample=True), collate_fn=list)(samples):
        assert set(target["labels"].tolist()) == {int(value) for value in image.unique()}
        for label, box in zip(target["labels"].tolist(), target["boxes"].tolist(), strict=True):
            rows = (image[0] == label).any(1).nonzero()
            assert (box[1], box[3]) == (rows.min(), rows.max() + 1)
    for image, target in MixCollate(EvenMixUp(per_sample=True), collate_fn=list)(samples):
        assert target["labels"].shape == target["weights"].shape == (2,)
        torch.testing.assert_close((target["weights"] * target["labels"]).sum(), image.mean())
    with says(ValueError, ["opacity", "boxes"]):
        MixCollate(FaintBand(), collate_fn=list)(samples)


@pytest.mark.parametrize("make", [RandomBand, EvenMixUp])
def test_samples_of_unequal_sizes(make):
    """A box shows what the partner covers; whole images are padded."""
    sizes = [(HEIGHT, WIDTH), (9, 20)]
    samples = [(torch.full((1, *size), float(i)), i) for i, size in enumerate(sizes)]
    for _ in range(20):
        for i, (image, target) in enumerate(MixCollate(make(num_classes=2), collate_fn=list)(samples)):
            if make is EvenMixUp:
                assert image.shape == (1, HEIGHT, 20)
                assert 0.45 < target[i] < 0.55
            else:
                assert image.shape == (1, *sizes[i])
                (shares,) = told_shares(image[None])
                assert shares == pytest.approx({j: target[j].item() for j in shares}, abs=1e-6)


def test_in_a_loader_with_workers_and_shown():
    loader = DataLoader(SAMPLES, 3, num_workers=2, collate_fn=MixCollate(RandomBand(num_classes=6, per_sample=True)))
    for images, targets in loader:
        torch.testing.assert_close(images.mean((1, 2, 3)), targets @ torch.arange(6.0))
    mix = RandomBand(num_classes=6)
    draw = mix.draw(IMAGES)
    images, targets = v2.Compose([mix])(IMAGES, LABELS)
    assert show_batch(images / 6, targets, draw=draw).size[0] > 6 * WIDTH


def test_in_one_graph():
    """Code that no compiler could trace, called anew for every batch."""

    class Untraceable(EvenMixUp):
        def place(self, numbers, size):
            return super().place(np.array([[float(str(one)) for one in numbers[0]]]), size)

    torch._dynamo.reset()
    compiled = torch.compile(Untraceable(num_classes=6), fullgraph=True, backend="eager")
    seen = set()
    for _ in range(4):
        images, targets = compiled(IMAGES, LABELS)
        torch.testing.assert_close(images.mean((1, 2, 3)), targets @ torch.arange(6.0))
        seen.add(targets.max().item())
    assert len(seen) == 4


def test_options_are_shown():
    assert repr(RandomBand(num_classes=6, p=0.5)) == (
        "RandomBand(p=0.5, num_classes=6, per_sample=False, min_visibility=None, target='soft', label_smoothing=0.0, "
        "labels_getter='default', generator=None)"
    )


class Adjusted(RandomCutMix):
    """A mix that sets attributes of its own, and an option, in its constructor and later."""

    def __init__(self, strength=1.0, *args, **options):
        super().__init__(**options)
        self.alpha = 2.0 * strength
        self.prepare(strength)
        self.calls = 0

    def prepare(self, strength):
        self.strength = self.opacity = strength

    def place(self, numbers, size):
        self.calls += 1
        self.options, self.args = "names that the constructor takes any under", "too"
        return super().place(numbers, size)


class Inherited(Adjusted):
    pass


@pytest.mark.parametrize("make", [Adjusted, Inherited])
def test_attributes_of_ones_own(make):
    mix = make(0.5, num_classes=6)
    for _ in range(3):
        mix(IMAGES, LABELS)
    assert (mix.calls, mix.alpha, mix.opacity, mix.strength) == (3, 1.0, 0.5, 0.5)
    mix.epoch, mix.calls = 4, 0
    assert pickle.loads(pickle.dumps(mix)).epoch == copy.deepcopy(mix).epoch == copy.copy(mix).epoch == 4
    for name in ("alpha", "opacity", "strength"):
        with says(AttributeError, [f"{name} is read-only", "make a new"]):
            setattr(mix, name, 0.25)


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp, RandomCutout, RandomBand, lambda: choices(False)])
def test_what_modules_do_goes_on(make):
    transform, seen = make(), []
    handle = transform.register_forward_hook(lambda *given: seen.append(given))
    transform.eval()
    assert not transform.training
    assert transform.to("cpu").train().requires_grad_(False).double().training
    transform(IMAGES, torch.eye(6))
    handle.remove()
    transform.training = False
    transform.extra = torch.nn.Linear(1, 1)
    transform.register_buffer("more", torch.zeros(1))
    assert set(transform.state_dict()) == {"extra.weight", "extra.bias", "more"}
    assert len(seen) == 1


def placing(**fields):
    class Own(Mix):
        numbers = 1

        def place(self, numbers, size):
            return fields["value"] if "value" in fields else Placement(**fields)

    return Own(num_classes=6)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"value": None}, TypeError, ["place must return", "Placement", "NoneType"]),
        ({"value": (None, 1.0)}, TypeError, ["place must return", "Placement", "tuple"]),
        ({"opacity": 1.5}, ValueError, ["opacity from 0 to 1", "1.5"]),
        ({"opacity": np.array([float("nan")])}, ValueError, ["opacity from 0 to 1", "nan"]),
        ({"opacity": np.array([-0.5])}, ValueError, ["opacity from 0 to 1", "-0.5"]),
        (
            {"boxes": np.array([[0, 0, HEIGHT + 1, 2]])},
            ValueError,
            ["Own.place", "17 x 11 (height x width)", "(0, 0, 18, 2)"],
        ),
        ({"boxes": np.array([[-1, 0, 2, 2]])}, ValueError, ["17 x 11", "(-1, 0, 2, 2)"]),
        ({"boxes": np.array([[5, 0, 2, 2]])}, ValueError, ["top <= bottom", "(5, 0, 2, 2)"]),
        ({"boxes": np.array([[0.0, 0, 2, 2]])}, ValueError, ["boxes (rows, 4) of integers", "float64"]),
        ({"boxes": 0.3}, TypeError, ["boxes as a numpy array", "Placement(opacity=...)", "float: 0.3"]),
        ({"boxes": [[0, 0, 2, 2]]}, TypeError, ["boxes as a numpy array", "list"]),
        ({"boxes": torch.zeros(1, 4)}, TypeError, ["boxes as a numpy array", "torch.float32"]),
        ({"opacity": "a"}, ValueError, ["opacity that is a number", "'a'"]),
        ({"opacity": torch.tensor(0.3)}, ValueError, ["opacity that is a number", "tensor(0.3"]),
        ({"boxes": np.array([0, 0, 2, 2])}, ValueError, ["boxes (rows, 4) of integers", "(4,)"]),
    ],
)
def test_placements_that_cannot_be(fields, kind, words):
    mix = placing(**fields)
    with pytest.raises(kind) as error:
        mix(IMAGES, LABELS)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_hooks_that_are_missing():
    with pytest.raises(NotImplementedError, match="Own must have a method place"):
        type("Own", (Mix,), {"numbers": 1})().draw(IMAGES)
    for numbers in ({}, {"numbers": "2"}, {"numbers": 2.0}, {"numbers": -1}, {"numbers": True}):
        with says(TypeError, ["Own.numbers must be how many", "an int of at least 0"]):
            type("Own", (Mix,), numbers)()
    with says(TypeError, ["Mix.numbers", "None"]):
        Mix()


def test_a_generator_that_a_mix_of_a_choice_gets_later():
    child = RandomMixUp(num_classes=6)
    choice = RandomMixChoice([child, RandomCutMix(num_classes=6)])
    child.generator = torch.Generator()
    with says(ValueError, ["no generator of their own"]):
        choice(IMAGES, LABELS)


def test_a_generator_of_another_device_is_an_error():
    """Draws are made on the host. A stand-in for one of a GPU, which cannot be made without."""

    class OfGPU(torch.Generator):
        device = torch.device("cuda", 0)

    for make in (RandomBand, RandomCutMix, RandomMixUp, RandomCutout):
        with pytest.raises(ValueError, match=r"generator must be a generator of the CPU.* got one of cuda:0"):
            make(generator=OfGPU())


# --- draws ------------------------------------------------------------------------------------------------------------


def test_an_edited_draw_mixes_targets_as_its_pixels():
    """``lam`` is computed from the rest; stored beside it, it would be the old one."""
    mix = RandomCutMix(num_classes=6, ratio=(0.4, 0.6))
    draw = mix.draw(IMAGES)
    for edited in (
        draw._replace(boxes=torch.tensor([[0, 0, i, 2 * i] for i in range(6)])),
        draw._replace(opacity=torch.linspace(0, 1, 6)),
        draw._replace(partners=torch.tensor([5, 5, 0, 0, 1, 1])),
    ):
        images, targets = mix(IMAGES, LABELS, draw=edited)
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


# --- found by trying to break it --------------------------------------------------------------------------------------


def told(leaf):
    return {int(value) for value in torch.as_tensor(leaf).unique()}


@pytest.mark.parametrize("kind", [dict, OrderedDict, lambda **items: defaultdict(int, items)])
def test_samples_whose_keys_stand_in_another_order(kind):
    """What belongs together is told by its key, not by its place."""
    flat = {i: tv_tensors.Image(torch.full((3, 4, 5), float(i))) for i in (1, 2, 100, 200)}
    samples = [kind(image=flat[1], depth=flat[100], label=0), kind(depth=flat[200], image=flat[2], label=1)]
    mix = RandomCutMix(num_classes=2)
    data = MixDataset(samples, mix)
    for mixed in ([MixCollate(mix)(samples)], MixCollate(mix, collate_fn=list)(samples), [data[0], data[1]]):
        for one in mixed:
            assert told(one["image"]) <= {1, 2}
            assert told(one["depth"]) <= {100, 200}
    masks = {i: tv_tensors.Mask(torch.full((4, 5), i)) for i in (1, 2, 100, 200)}
    samples = [
        kind(image=flat[1], label=0, near=masks[1], far=masks[100]),
        kind(far=masks[200], near=masks[2], label=1, image=flat[2]),
    ]
    for one in MixCollate(RandomCutMix(num_classes=2), collate_fn=list)(samples):
        assert told(one["near"]) <= {1, 2}
        assert told(one["far"]) <= {100, 200}
    with pytest.raises(ValueError, match=r"samples must hold .* under the same keys"):
        MixCollate(RandomCutMix(num_classes=2), collate_fn=list)(
            [kind(image=flat[1], label=0, near=masks[1]), kind(image=flat[2], label=1, far=masks[2])]
        )


def test_a_nest_of_another_form_is_read_anew():
    collate = MixCollate(RandomCutMix(p=0, labels_getter=None))
    inner = [((IMAGES[i], i), i + 4) for i in range(2)]
    outer = [(IMAGES[i], (i, i + 4)) for i in range(2)]
    assert [type(one) for one in collate(inner)] == [list, torch.Tensor]
    assert [type(one) for one in collate(outer)] == [torch.Tensor, list]


def test_nothing_of_a_batch_is_kept():
    sample = (torch.rand(3, 9, 7), 1)
    collate = MixCollate(RandomCutMix(num_classes=2))
    collate([sample] * 3)
    kept = weakref.ref(sample[0])
    del sample
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("mix", [RandomCutMix(num_classes=6), RandomMixUp(num_classes=6), FaintBand(num_classes=6)])
def test_transforms_of_torch_func(mix):
    draw = mix.draw(IMAGES)
    ones = torch.func.grad(lambda images: functional.mix_images(images, draw).sum())(IMAGES)
    torch.testing.assert_close(ones, torch.ones_like(IMAGES))
    ones = torch.func.grad(lambda images: mix(images, LABELS)[0].sum())(IMAGES)
    torch.testing.assert_close(ones, torch.ones_like(IMAGES))
    many = torch.stack([IMAGES, IMAGES + 10])
    mapped = torch.func.vmap(lambda images: functional.mix_images(images, draw))(many)
    torch.testing.assert_close(mapped, torch.stack([functional.mix_images(images, draw) for images in many]))


@pytest.mark.parametrize("make", [lambda x: x.bfloat16(), lambda x: x.half(), lambda x: x.clone().requires_grad_()])
def test_opacity_of_any_float(make):
    draw = RandomMixUp().draw(IMAGES)._replace(opacity=make(torch.full((6,), 0.5)))
    mixed, targets = RandomMixUp(num_classes=6)(IMAGES, LABELS, draw=draw)
    torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(6.0))


def test_views_that_are_negative_or_conjugate():
    waves = torch.rand(4, 3, HEIGHT, WIDTH, dtype=torch.complex64)
    mix = RandomCutMix(num_classes=4)
    draw = mix.draw(waves.real)
    for view in (waves.conj().imag, waves.conj()):
        mixed, _ = mix(view, torch.arange(4), draw=draw)
        assert torch.equal(mixed, mix_loops(view.resolve_neg(), draw) if view.dtype == torch.float32 else mixed)


class Rarely(Mix):
    """A band that is blended now and then."""

    numbers = 1

    def place(self, numbers, size):
        return Placement.between(0, 0, size[0] // 2, size[1], np.where(numbers[0] > 0.95, 0.5, 1.0))


def test_classes_are_never_blended():
    """Also not by a mix of which that was not to be seen before it drew."""
    masks = tv_tensors.Mask((torch.arange(6) * 2).view(-1, 1, 1).expand(6, HEIGHT, WIDTH).contiguous())
    mix = Rarely(per_sample=True)
    for _ in range(50):
        draw = mix.draw(IMAGES)
        if (draw.opacity < 1).any():
            with pytest.raises(ValueError, match="opacity must be 1 for masks"):
                mix(IMAGES, masks, draw=draw)
        else:
            assert told(mix(IMAGES, masks, draw=draw)[1]) <= {0, 2, 4, 6, 8, 10}


def test_numbers_are_a_copy():
    class InPlace(Mix):
        numbers = 2

        def place(self, numbers, size):
            numbers *= np.array(size)[:, None]
            numbers //= 1
            return Placement.between(0, 0, numbers[0], numbers[1])

    mix = InPlace(num_classes=6)
    for image, target in MixCollate(mix, collate_fn=list)(SAMPLES) + [MixDataset(SAMPLES, mix)[i] for i in range(6)]:
        torch.testing.assert_close(image.mean(), target @ torch.arange(6.0))


@pytest.mark.parametrize(("boxes", "opacity"), [(3, None), (0, None), (1, (3,)), (1, (6, 1)), (6, (1, 1)), (4, None)])
@pytest.mark.parametrize("per_sample", [False, True])
def test_rows_that_a_mix_must_not_return(boxes, opacity, per_sample):
    class Rows(Mix):
        numbers = 1

        def place(self, numbers, size):
            return Placement(np.tile([[0, 0, 8, 8]], (boxes, 1)), 1.0 if opacity is None else np.full(opacity, 0.5))

    if boxes == 6 and not per_sample:
        return
    with pytest.raises(ValueError, match=r"(?s)Rows.place must return .* rows.* got .*shape"):
        Rows(num_classes=6, per_sample=per_sample)(IMAGES, LABELS)


def test_edges_may_be_numbers():
    class Half(Mix):
        numbers = 0

        def place(self, numbers, size):
            return Placement.between(0, 0, size[0], size[1] // 2)

    for per_sample in (False, True):
        assert Half(per_sample=per_sample).draw(IMAGES).boxes.tolist() == [[0, 0, HEIGHT, WIDTH // 2]] * 6


def test_options_that_are_handed_on_are_shown():
    class Tall(RandomBand):
        def __init__(self, *, tall=0.5, **options):
            super().__init__(**options)
            self.tall = tall

    assert repr(Tall(num_classes=3)).startswith("Tall(tall=0.5, p=1.0, num_classes=3, per_sample=False")


def test_one_choice_for_the_batch_or_one_for_each_sample():
    """Whatever the mixes do: their own draws are for the batch or for each sample as they say."""

    def kinds(draw):
        return (draw.boxes == torch.tensor([0, 0, HEIGHT, WIDTH])).all(1)

    def made(children, choice):
        cut = RandomCutMix(ratio=(0.2, 0.8), per_sample=children)
        inner = RandomMixChoice([cut, RandomMixUp(per_sample=children)], per_sample=choice)
        return inner, RandomMixChoice([inner], per_sample=False)

    images = torch.empty(1).expand(12, 1, HEIGHT, WIDTH)
    for mix in made(children=True, choice=False):
        draws = [mix.draw(images) for _ in range(20)]
        assert {len(kinds(draw).unique()) for draw in draws} == {1}
        assert {bool(kinds(draw)[0]) for draw in draws} == {True, False}
        assert min(len(draw.lam.unique()) for draw in draws) > 6
    for mix in made(children=False, choice=True):
        draws = [mix.draw(images) for _ in range(20)]
        assert max(len(kinds(draw).unique()) for draw in draws) == 2
        for draw in draws:
            assert len(draw.boxes[~kinds(draw)].unique(dim=0)) <= 1
            assert len(draw.opacity[kinds(draw)].unique()) <= 1


def test_names_that_a_mix_of_ones_own_may_use():
    """Public names of ``Mix`` are those that its docstring tells of: any other is free."""

    class Own(Mix):
        numbers = 1
        kinds = blends = "my own"

        def __init__(self, level, **options):
            super().__init__(**options)
            self.level = level

        def place(self, numbers, size):
            return Placement(opacity=self.check(numbers[0]))

        def check(self, number):
            return self.level * number

        def read(self, *_):
            raise AssertionError

        uniform = ready = mixed = unmixed = placed = shift_of = with_targets = draw_for = is_idle = read

    images, targets = Own(0.5, num_classes=6, per_sample=True)(IMAGES, LABELS)
    assert images.shape == IMAGES.shape
    assert bool((targets.amax(1) >= 0.5).all())
    public = {name for cls in (Mix, Mix.__base__) for name in vars(cls) if not name.startswith("_")}
    assert public == {"place", "forward", "draw", "dims"}
