"""Samples that are mixed one by one, in MixCollate and MixDataset alike: every form, every size."""

from collections import Counter

import numpy as np
import pytest
import torch
from support.batches import CLASSES, COUNT, IMAGES, LABELS, MASKS
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import BOTH, mixes_of, over
from support.oracles import told_fractions
from support.samples import PICTURES, SAMPLES, as_list, forms, image_and_target
from torch.utils.data import default_collate
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms.functional import mix_draw


def test_a_mask_in_later_samples_only_is_an_error_that_names_it():
    samples = [{"image": image, "label": i} for i, image in enumerate(IMAGES[:4])]
    samples[2]["mask"] = tv_tensors.Mask(MASKS[2])
    for call in (MixCollate(RandomCutMix(num_classes=4)), MixCollate(RandomCutMix(num_classes=4), collate_fn=list)):
        with says(ValueError, ["mask", "2"]):
            call(samples)
    samples = [(image, torch.zeros(3, 4), i) for i, image in enumerate(IMAGES[:4])]
    samples[1] = (IMAGES[1], tv_tensors.Mask(torch.zeros(3, 4)), 1)
    with says(ValueError, ["Tensor", "at index 0", "Mask", "at index 1"]):
        MixCollate(RandomCutMix(num_classes=4, labels_getter=2))(samples)


@pytest.mark.parametrize("target", ["soft", "pair"])
@pytest.mark.parametrize("p", [0, 1])
@over(mixes_of("cutmix_ratio", "mixup", "choice"))
def test_samples_are_never_the_tensors_of_the_dataset(make, target, p):
    samples = [
        {
            "image": IMAGES[i].clone(),
            "mask": tv_tensors.Mask(MASKS[i].clone()),
            "label": torch.eye(CLASSES)[i % CLASSES],
        }
        for i in range(COUNT)
    ]
    if target == "soft":
        samples = [{key: value for key, value in sample.items() if key != "mask"} for sample in samples]
    mix = make(target=target, labels_getter="label")
    mix.p = p
    before = [{key: value.clone() for key, value in sample.items()} for sample in samples]
    data = MixDataset(samples, mix)
    for out in [*MixCollate(mix, collate_fn=list)(samples), *(data[i] for i in range(COUNT))]:
        for value in out.values():
            for tensor in value if isinstance(value, MixedTarget) else [value]:
                tensor.fill_(1)
    for sample, old in zip(samples, before, strict=True):
        assert all(torch.equal(value, old[key]) for key, value in sample.items())


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([(IMAGES[0], 0), (IMAGES[1, :1], 1)], ["channels", "(3, 17, 11)", "(1, 17, 11)"]),
        ([(IMAGES[0], 0), (IMAGES[1].half(), 1)], ["dtypes", "float32 (3, 17, 11)", "float16 (3, 17, 11)"]),
        ([(IMAGES[0], torch.eye(5)[0]), (IMAGES[1], torch.eye(4)[0])], ["classes", "(5,)", "(4,)"]),
    ],
)
def test_samples_that_differ(make, samples, words):
    options = {"num_classes": 5} if isinstance(samples[0][1], int) else {}
    with says(ValueError, ["samples", *words]):
        MixCollate(make(**options), collate_fn=list)(samples)
    with pytest.raises(ValueError, match="samples must hold images, masks, boxes and labels of the same number"):
        [MixDataset(samples, make(**options))[0] for _ in range(20)]


def test_signals_of_unequal_length_are_padded_and_those_of_unequal_channels_are_an_error():
    mix = RandomMixUp(num_classes=5)
    longer, more = (torch.ones(2, 9), 1), (torch.ones(3, 7), 1)
    for signal, _ in MixCollate(mix, collate_fn=list)([(torch.ones(2, 7), 0), longer]):
        assert signal.shape == (2, 9)
    with says(ValueError, ["samples", "channels", "(2, 7)", "(3, 7)"]):
        MixCollate(mix, collate_fn=list)([(torch.ones(2, 7), 0), more])


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_box_over_the_whole_image_hides_all_instances_also_in_a_choice(per_sample):
    boxes = tv_tensors.BoundingBoxes([[0, 0, 5, 5], [2, 3, 11, 17]], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    samples = [
        (torch.full((1, HEIGHT, WIDTH), float(i)), {"boxes": boxes, "labels": torch.tensor([i, i])}) for i in range(4)
    ]
    covering = RandomCutMix(ratio=(1, 1), per_sample=per_sample)
    choice = RandomMixChoice([covering, RandomMixUp()], weights=[1, 0], per_sample=per_sample)
    for image, target in MixCollate(choice, collate_fn=list)(samples):
        assert target["labels"].tolist() == [int(image[0, 0, 0])] * 2
        assert target["weights"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("sample", "options", "kind", "words"),
    [
        (IMAGES[0], {}, ValueError, ["labels", "second argument", "Tensor"]),
        ((IMAGES[0],), {}, ValueError, ["labels", "second argument", "Tensor"]),
        ((IMAGES[0], "cat"), {}, TypeError, ["labels", "tensor", "'cat'"]),
        ((IMAGES[0], 5), {}, ValueError, ["labels", "[0, num_classes=5)", "5"]),
        ((IMAGES[0], 0.5), {}, ValueError, ["num_classes", "None", "float", "5"]),
        ((IMAGES[0], True), {}, TypeError, ["labels", "integer", "bool"]),
        ((IMAGES[0], LABELS[:1]), {}, ValueError, ["labels", "num_classes = 5", "1)"]),
        ((IMAGES[0], 3), {"num_classes": None}, ValueError, ["num_classes", "given", "None"]),
        (
            (3, IMAGES[0]),
            {},
            ValueError,
            ["images of a dataset must be (C, H, W)", "image[None]", "got Tensor of shape ()"],
        ),
        (({"image": IMAGES[0], "y": 3}), {}, ValueError, ["'labels'", "none of them", "['image', 'y']"]),
        ((IMAGES[0, 0], 3), {}, ValueError, ["images of a dataset must be (C, H, W)", "image[None]", "(17, 11)"]),
        (
            ({"image": IMAGES[0].movedim(0, -1), "mask": MASKS[0], "label": 3}),
            {},
            ValueError,
            ["channels", "ToImage()"],
        ),
    ],
)
def test_samples_that_cannot_be_mixed(sample, options, kind, words):
    mix = RandomCutMix(**{"num_classes": 5, **options})
    with says(kind, words):
        MixCollate(mix)([sample] * 2)
    with says(kind, words):
        MixCollate(mix, collate_fn=list)([sample] * 2)
    with says(kind, words):
        MixDataset([sample] * 2, mix)[0]


MIXES = mixes_of(num_classes=6)
mixes = over(MIXES)


@mixes
@forms
@pytest.mark.parametrize("options", [{}, {"per_sample": True}], ids=["per_batch", "per_sample"])
def test_collate_of_ones_own_gets_mixed_samples(make, samples, options):
    """The samples keep their form, and hold the same as the mixed batch of the same draw."""
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    batch = MixCollate(make(generator=generators[0], **options))(samples)
    got = MixCollate(make(generator=generators[1], **options), collate_fn=as_list)(samples)
    assert isinstance(got, list)
    assert all(type(one) is type(sample) for one, sample in zip(got, samples, strict=True))
    images, targets = image_and_target(batch)
    for i, sample in enumerate(got):
        image, target = image_and_target(sample)
        assert torch.equal(image.as_subclass(torch.Tensor), images[i].as_subclass(torch.Tensor))
        assert torch.equal(target, targets[i])
    if isinstance(samples[0], dict):
        assert all(one["name"] is sample["name"] for one, sample in zip(got, samples, strict=True))


def test_arrays_become_tensors_mixed_or_not():
    """A batch of both would not be collated."""
    options = [{"p": 0.5, "per_sample": True}, {"p": 0}, {"alpha": 0.1}]
    for mix in [RandomCutMix(num_classes=6, **option) for option in options]:
        mixed = MixDataset(SAMPLES["numpy"], mix)
        for one in [mixed[i] for i in range(6)] + MixCollate(mix, collate_fn=as_list)(SAMPLES["numpy"]):
            assert isinstance(one[0], torch.Tensor)
        assert default_collate([mixed[i] for i in range(6)])[0].shape == (6, 3, HEIGHT, WIDTH)


def test_mappings_of_other_types_pass_through():
    meta = Counter("aab")
    out = RandomMixUp(num_classes=6)({"image": PICTURES, "label": torch.arange(6), "meta": meta})
    assert out["meta"] is meta


@pytest.mark.parametrize("opacity", [1e-17, 1e-9, 2**-25, 2**-24, 2**-23])
def test_a_fraction_that_lam_cannot_tell_is_not_mixed(opacity):
    """Where ``lam`` is 1 in float32 images are untouched, in every place; where it is not, they are mixed."""
    images, labels = torch.rand(6, 3, HEIGHT, WIDTH, dtype=torch.float64), torch.arange(6)
    mix = RandomCutMix(num_classes=6, ratio=(1, 1), opacity=opacity)
    state = torch.get_rng_state()
    mixed, targets = mix(images, labels)
    is_untouched = opacity <= 2**-25
    assert torch.equal(targets, torch.eye(6)) == is_untouched
    assert torch.equal(mixed, images) == is_untouched
    torch.set_rng_state(state)
    samples = MixCollate(mix, collate_fn=as_list)(list(zip(images, labels, strict=True)))
    assert torch.equal(torch.stack([image for image, _ in samples]), mixed)


@pytest.mark.parametrize("opacity", [2**-20, 1.0])
def test_a_box_too_small_for_lam_is_not_pasted(opacity):
    """One pixel of a large image: not one NaN of it is mixed, drawn or replayed, and the union has its own classes."""
    side = 6000 if opacity == 1 else 40
    images, labels = torch.zeros(2, 1, side, side, dtype=torch.float16), torch.arange(2)
    images[1] = torch.nan
    mix = RandomCutMix(num_classes=2, target="union", ratio=(1 / side, 1 / side), opacity=opacity)
    draw = mix.draw(images)
    assert torch.equal(draw.lam, torch.ones(2))
    by_hand = mix_draw(torch.tensor([1, 0]), torch.tensor([[3, 4, 4, 5]]).repeat(2, 1), (side, side), opacity)
    assert torch.equal(by_hand.lam, torch.ones(2))
    for again in (None, draw, by_hand):
        mixed, targets = mix(images, labels, draw=again)
        assert torch.equal(targets, torch.eye(2))
        assert not mixed[0].isnan().any()


def test_a_box_too_small_for_lam_is_not_pasted_when_compiled():
    images, labels = torch.zeros(2, 1, 40, 40), torch.arange(2)
    images[1] = torch.nan
    draw = mix_draw(torch.tensor([1, 0]), torch.tensor([[3, 4, 4, 5]]).repeat(2, 1), (40, 40), 2**-20)
    mix = torch.compile(RandomCutMix(num_classes=2, target="union"), fullgraph=True, backend="eager")
    mixed, targets = mix(images, labels, draw=draw)
    assert torch.equal(targets, torch.eye(2))
    assert not mixed[0].isnan().any()


@pytest.mark.parametrize("make", [as_list, None])
def test_a_box_outside_a_smaller_partner_leaves_the_sample_as_it_is(make):
    """Points of a whole image have no row of their own, so that the partner's would become rows of NaN."""
    samples = []
    for side in (40, 4):
        points = tv_tensors.KeyPoints(torch.ones(3, 2), canvas_size=(side, side))
        samples.append({"image": torch.full((1, side, side), float(side)), "points": points, "label": int(side == 4)})
    mix, untouched = RandomCutMix(num_classes=2, ratio=(0.2, 0.4)), 0
    data = MixDataset(samples, mix)
    for _ in range(60):
        out = data[0] if make is None else MixCollate(mix, collate_fn=make)(samples)[0]
        is_own = bool((out["image"] == 40).all())
        assert torch.equal(out["label"], torch.tensor([1.0, 0.0])) == is_own
        if is_own:
            untouched += 1
            assert torch.equal(out["points"], torch.ones(3, 2))
    assert untouched > 0


@mixes
def test_samples_of_the_data_set_are_not_written_to(make):
    """timm's collate overwrites them."""
    samples = [(torch.full((3, HEIGHT, WIDTH), float(i)), torch.eye(6)[i]) for i in range(6)]
    arrays = [(np.full((3, HEIGHT, WIDTH), i, dtype=np.uint8), i) for i in range(6)]
    for _ in range(3):
        MixCollate(make())(samples)
        MixCollate(make(), collate_fn=as_list)(samples)
        MixCollate(make())(arrays)
        MixCollate(make(), collate_fn=as_list)(arrays)
        for i in range(6):
            MixDataset(samples, make())[i]
            MixDataset(arrays, make())[i]
    for i, (image, label) in enumerate(samples):
        assert (image == i).all()
        assert torch.equal(label, torch.eye(6)[i])
        assert (arrays[i][0] == i).all()


@pytest.mark.parametrize("collate_fn", [default_collate, as_list])
def test_pairs(collate_fn):
    mix = RandomCutMix(target="pair", ratio=(0.2, 0.8), per_sample=True)
    batch = MixCollate(mix, collate_fn=collate_fn)(SAMPLES["tuple"])
    images, target = default_collate(batch) if collate_fn is as_list else batch
    assert isinstance(target, MixedTarget)
    assert target.a.tolist() == list(range(6))
    assert target.a.dtype == target.b.dtype == torch.int64
    assert target.lam.dtype == torch.float32
    for fractions, a, b, lam in zip(told_fractions(images), *target, strict=True):
        assert fractions == pytest.approx({a.item(): lam.item(), b.item(): 1 - lam.item()})


@pytest.mark.parametrize("count", [1, 2])
@mixes
def test_small_batches(make, count):
    for collate_fn in (default_collate, as_list):
        batch = MixCollate(make(), collate_fn=collate_fn)(SAMPLES["tuple"][:count])
        images, targets = default_collate(batch) if collate_fn is as_list else batch
        assert images.shape == (count, 3, HEIGHT, WIDTH)
        assert targets.shape == (count, 6)


@pytest.mark.parametrize("labels", [[0.5, 1.5, 2.5], [torch.tensor(0.5), torch.tensor(1.5), torch.tensor(2.5)]])
def test_values_as_labels(labels):
    samples = [(PICTURES[i], label) for i, label in enumerate(labels)]
    mix = RandomMixUp(per_sample=True)
    _, targets = MixCollate(mix)(samples)
    assert targets.shape == (3,)
    assert targets.dtype == default_collate(labels).dtype
    got = MixCollate(mix, collate_fn=as_list)(samples)
    assert got[0][1].shape == ()
    assert got[0][1].dtype == targets.dtype
    assert MixDataset(samples, mix)[0][1].dtype == targets.dtype


def test_equal_numbers_are_not_taken_for_the_label():
    """Small integers are one object in Python: the label is found by its place, not by its value."""
    samples = [{"id": i, "label": i, "image": PICTURES[i], "copy": i} for i in range(6)]
    for sample in MixCollate(RandomMixUp(num_classes=6), collate_fn=as_list)(samples):
        assert isinstance(sample["id"], int)
        assert sample["id"] == sample["copy"]
        assert sample["label"].shape == (6,)
    getter = RandomMixUp(num_classes=6, labels_getter=lambda sample: sample["copy"])
    sample = MixDataset(samples, getter)[2]
    assert (sample["id"], sample["label"]) == (2, 2)
    assert sample["copy"].shape == (6,)


def test_tv_tensors_keep_their_type():
    for kind, shape in ((tv_tensors.Image, (3, HEIGHT, WIDTH)), (tv_tensors.Video, (2, 3, HEIGHT, WIDTH))):
        samples = [(kind(torch.rand(shape)), i) for i in range(6)]
        mix = RandomCutMix(num_classes=6)
        assert type(MixCollate(mix)(samples)[0]) is kind
        assert type(MixCollate(mix, collate_fn=as_list)(samples)[0][0]) is kind
        assert type(MixDataset(samples, mix)[0][0]) is kind


SIZES = [(17, 11), (9, 20), (17, 11), (5, 5)]
UNEQUAL = [(torch.full((1, *size), float(i)), i) for i, size in enumerate(SIZES)]


def uneven(samples):
    for _ in range(40):
        yield from enumerate(MixCollate(samples, collate_fn=as_list)(UNEQUAL))


@pytest.mark.parametrize("per_sample", [False, True])
def test_cutmix_of_unequal_sizes_pastes_what_the_partner_covers(per_sample):
    pasted = 0
    for i, (image, target) in uneven(RandomCutMix(num_classes=4, per_sample=per_sample)):
        assert image.shape == (1, *SIZES[i])
        for j, fraction in told_fractions(image[None])[0].items():
            assert fraction == pytest.approx(target[j].item(), abs=1e-6)
            if j != i:
                pasted += 1
                rows, columns = (image[0] == j).any(1).nonzero(), (image[0] == j).any(0).nonzero()
                assert rows.max() < SIZES[j][0]
                assert columns.max() < SIZES[j][1]
    assert pasted > 80


@pytest.mark.parametrize("per_sample", [False, True])
def test_mixup_of_unequal_sizes_pads_to_the_larger(per_sample):
    for i, (image, target) in uneven(RandomMixUp(num_classes=4, per_sample=per_sample)):
        others = [j for j in range(4) if j != i and target[j] > 0]
        j = others[0] if others else i
        height, width = max(SIZES[i][0], SIZES[j][0]), max(SIZES[i][1], SIZES[j][1])
        assert image.shape == (1, height, width)
        wanted = torch.zeros(height, width)
        for k in {i, j}:
            wanted[: SIZES[k][0], : SIZES[k][1]] += target[k] * k
        torch.testing.assert_close(image[0], wanted)


def test_samples_that_differ_are_described():
    points = [tv_tensors.KeyPoints(torch.ones(1, count, 2), canvas_size=(HEIGHT, WIDTH)) for count in (2, 3)]
    cases = {
        "[float32 (3, 17, 11), 5 classes] beside [float16 (3, 17, 11), 5 classes]": [
            (IMAGES[0], 1),
            (IMAGES[1].half(), 1),
        ],
        "[float32 (3, 17, 11), float32 (1, 2, 2), int64 (1,)] beside "
        "[float32 (3, 17, 11), float32 (1, 3, 2), int64 (1,)]": [
            (IMAGES[0], {"points": one, "labels": torch.tensor([1])}) for one in points
        ],
    }
    for words, samples in cases.items():
        with says(ValueError, ["samples must hold", f"got {words}"]):
            MixCollate(RandomCutMix(num_classes=5), collate_fn=list)(samples)
