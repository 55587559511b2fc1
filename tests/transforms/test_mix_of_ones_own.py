"""A mix of one's own, as users derive it from Mix: two hooks, and everything else follows."""

import copy
import pickle
from itertools import product

import numpy as np
import pytest
import torch
from support.batches import IMAGES
from support.helpers import HEIGHT, WIDTH, says
from support.oracles import mix_loops, told, told_fractions
from support.own_mixes import EvenMixUp, FaintBand, RandomBand, choices, own
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    Mix,
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomMixChoice,
    RandomMixUp,
    show_batch,
)
from cutmix_transforms.functional import Placement

each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
NUMBERS = torch.arange(6)
SAMPLES = list(zip(IMAGES, range(6), strict=True))


@own
@each
def test_pixels_and_targets_follow(make, per_sample):
    mix = make(num_classes=6, per_sample=per_sample)
    for _ in range(10):
        draw = mix.draw(IMAGES)
        mixed, targets = mix(IMAGES, NUMBERS, draw=draw)
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

    images, targets = fresh()(IMAGES, NUMBERS)
    mix = fresh()
    draw = mix.draw(IMAGES)
    for mixed in (
        mix(IMAGES, NUMBERS, draw=draw),
        MixCollate(fresh())(SAMPLES),
        [torch.stack(some) for some in zip(*MixCollate(fresh(), collate_fn=list)(SAMPLES), strict=True)],
        copy.deepcopy(fresh())(IMAGES, NUMBERS),
        pickle.loads(pickle.dumps(fresh()))(IMAGES, NUMBERS),
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
    for _ in range(20):
        draw = mix.draw(IMAGES)
        mixed, targets = mix(IMAGES, NUMBERS, draw=draw)
        torch.testing.assert_close(mixed, mix_loops(IMAGES, draw))
        torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(6.0))
        lam += draw.lam[(draw.boxes[:, 2] - draw.boxes[:, 0] == HEIGHT)].tolist()
    assert any(0.45 < one < 0.55 for one in lam)
    mix.p = 0
    assert mix(IMAGES, NUMBERS)[0] is IMAGES


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
                (fractions,) = told_fractions(image[None])
                assert fractions == pytest.approx({j: target[j].item() for j in fractions}, abs=1e-6)


def test_in_a_loader_with_workers_and_shown():
    loader = DataLoader(SAMPLES, 3, num_workers=2, collate_fn=MixCollate(RandomBand(num_classes=6, per_sample=True)))
    for images, targets in loader:
        torch.testing.assert_close(images.mean((1, 2, 3)), targets @ torch.arange(6.0))
    mix = RandomBand(num_classes=6)
    draw = mix.draw(IMAGES)
    images, targets = v2.Compose([mix])(IMAGES, NUMBERS)
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
        images, targets = compiled(IMAGES, NUMBERS)
        torch.testing.assert_close(images.mean((1, 2, 3)), targets @ torch.arange(6.0))
        seen.add(targets.max().item())
    assert len(seen) == 4


def test_options_are_shown():
    assert repr(RandomBand(num_classes=6, p=0.5)) == (
        "RandomBand(p=0.5, num_classes=6, per_sample=False, min_visibility=None, target='soft', label_smoothing=0.0, "
        "labels_getter='default', generator=None)"
    )


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
        ({"opacity": np.array(["a"])}, ValueError, ["opacity that is a number", "array(['a']"]),
        ({"opacity": "a"}, ValueError, ["opacity that is a number", "'a'"]),
        ({"opacity": torch.tensor(0.3)}, ValueError, ["opacity that is a number", "tensor(0.3"]),
        ({"boxes": np.array([0, 0, 2, 2])}, ValueError, ["boxes (rows, 4) of integers", "(4,)"]),
    ],
)
def test_placements_that_cannot_be(fields, kind, words):
    mix = placing(**fields)
    with pytest.raises(kind) as error:
        mix(IMAGES, NUMBERS)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_hooks_that_are_missing():
    with pytest.raises(NotImplementedError, match="Own must define the method place"):
        type("Own", (Mix,), {"numbers": 1})().draw(IMAGES)
    for numbers in ({}, {"numbers": "2"}, {"numbers": 2.0}, {"numbers": -1}, {"numbers": True}):
        with says(TypeError, ["Own.numbers must be the number of uniform numbers", "an int of at least 0"]):
            type("Own", (Mix,), numbers)()
    with says(TypeError, ["Mix.numbers", "None"]):
        Mix()


class Rarely(Mix):
    """A band that is blended so seldom that it is not found out before."""

    numbers = 1

    def place(self, numbers, size):
        return Placement.between(0, 0, size[0] // 2, size[1], np.where(numbers[0] > 0.9999, 0.5, 1.0))


def test_classes_are_never_blended():
    """Also not by a mix of which that was not to be seen before it drew."""
    masks = tv_tensors.Mask((torch.arange(6) * 2).view(-1, 1, 1).expand(6, HEIGHT, WIDTH).contiguous())
    mix = Rarely(per_sample=True)
    for opacity in (1.0, 0.5) * 10:
        draw = mix.draw(IMAGES)._replace(opacity=torch.full((6,), opacity))
        if opacity < 1:
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


@pytest.mark.parametrize(
    ("boxes", "opacity", "per_sample"),
    [
        *product([3, 0, 4], [None], [False, True]),
        *product([1], [(3,), (6, 1)], [False, True]),
        (6, (1, 1), True),
    ],
)
def test_rows_that_a_mix_must_not_return(boxes, opacity, per_sample):
    class Rows(Mix):
        numbers = 1

        def place(self, numbers, size):
            return Placement(np.tile([[0, 0, 8, 8]], (boxes, 1)), 1.0 if opacity is None else np.full(opacity, 0.5))

    with pytest.raises(ValueError, match=r"(?s)Rows.place must return .* rows.* got .*shape"):
        Rows(num_classes=6, per_sample=per_sample)(IMAGES, NUMBERS)


def test_edges_may_be_numbers():
    class Half(Mix):
        numbers = 0

        def place(self, numbers, size):
            return Placement.between(0, 0, size[0], size[1] // 2)

    for per_sample in (False, True):
        assert Half(per_sample=per_sample).draw(IMAGES).boxes.tolist() == [[0, 0, HEIGHT, WIDTH // 2]] * 6


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

    images, targets = Own(0.5, num_classes=6, per_sample=True)(IMAGES, NUMBERS)
    assert images.shape == IMAGES.shape
    assert bool((targets.amax(1) >= 0.5).all())
    public = {name for cls in (Mix, Mix.__base__) for name in vars(cls) if not name.startswith("_")}
    assert public == {"place", "forward", "draw", "dims"}


class Patch(Mix):
    """A patch of so many pixels, which only fits into large images."""

    numbers = 2

    def place(self, numbers, size):
        top, left = (number * (side - 12 + 1) // 1 for number, side in zip(numbers, size, strict=True))
        return Placement.between(top, left, top + 12, left + 12)


class Seldom(Mix):
    """Blends one time in a hundred."""

    numbers = 1

    def place(self, numbers, size):
        opacity = np.where(numbers[0] < 0.01, 0.5, 1.0)
        return Placement.between(0, 0, size[0], np.full_like(numbers[0], size[1] // 2), opacity=opacity)


def test_what_a_mix_blends_is_found_at_a_size_that_fits():
    images, masks = torch.rand(4, 3, 64, 80), torch.randint(5, (4, 64, 80))
    assert Patch()(images, masks)[1].shape == masks.shape
    choice = RandomMixChoice([Patch(num_classes=6), RandomMixUp(num_classes=6)])
    assert choice(images, torch.arange(4))[1].shape == (4, 6)


def test_a_mix_that_seldom_blends_is_found_out():
    with pytest.raises(ValueError, match="target must be 'pair'"):
        Seldom()(torch.rand(4, 3, HEIGHT, WIDTH), torch.randint(5, (4, HEIGHT, WIDTH)))


def own_mix(construct):
    """A class of mixes with a constructor of its own."""
    return type("Own", (Mix,), {"numbers": 0, "place": lambda *_: Placement(opacity=0.5), "__init__": construct})


def test_options_under_other_names_are_left_out_of_repr():
    def construct(self, strength=1, *more, **options):
        Mix.__init__(self, **options)
        self.level = strength

    assert repr(own_mix(construct)(3, 4, p=0.5)).startswith("Own(p=0.5, ")


def takes_nothing(self):
    Mix.__init__(self)


def takes_any(self, **options):
    Mix.__init__(self, **options)


def takes_a_level(self, *, level=1):
    Mix.__init__(self)


def takes_only_a_place(self, level, /):
    Mix.__init__(self)


@pytest.mark.parametrize(
    ("construct", "arguments", "example"),
    [
        (takes_nothing, (2,), "p"),
        (takes_any, (2,), "p"),
        (takes_a_level, (2,), "level"),
        (takes_only_a_place, (1, 2), "p"),
    ],
)
def test_positional_options_of_a_constructor_of_ones_own(construct, arguments, example):
    with says(TypeError, ["Own must be passed by keyword", f"{example}=...", "int: 2"]):
        own_mix(construct)(*arguments)
    assert isinstance(own_mix(construct)(*arguments[:-1]), Mix)


def test_what_a_mix_of_ones_own_blends_may_change():
    """It is not remembered, since options of one's own can be set."""

    class Blend(Mix):
        numbers = 0
        opacity = 1.0

        def place(self, numbers, size):
            return Placement.between(0, 0, size[0] // 2, size[1], opacity=self.opacity)

    mix, masks = Blend(), torch.randint(5, (6, HEIGHT, WIDTH))
    assert mix(IMAGES, masks)[1].shape == masks.shape
    mix.opacity = 0.5
    with says(ValueError, ["target must be 'pair'"]):
        mix(IMAGES, masks)
