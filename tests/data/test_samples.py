"""MixCollate and MixDataset: every form of sample, and agreement with the plain call."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.oracles import constant_images, told_shares
from torch.utils._pytree import tree_leaves
from torch.utils.data import default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)


class Sample(NamedTuple):
    image: Any
    label: Any


PICTURES = constant_images(6, 3, HEIGHT, WIDTH)
MIXES = {
    "cutmix": lambda **options: RandomCutMix(num_classes=6, **options),
    "mixup": lambda **options: RandomMixUp(num_classes=6, **options),
    "choice": lambda **options: RandomMixChoice([RandomCutMix(num_classes=6), RandomMixUp(num_classes=6)], **options),
}
mixes = pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)


def as_list(samples):
    """A collate function of one's own, as detection has it."""
    return samples


def agree(image, target):
    """Sample j is j everywhere with label j: pixels and target name the same mixture, if only by its mean."""
    torch.testing.assert_close(image.float().mean(), target.float() @ torch.arange(6.0), rtol=0, atol=1e-4)


SAMPLES = {
    "tuple": [(PICTURES[i], i) for i in range(6)],
    "list": [[PICTURES[i], torch.tensor(i)] for i in range(6)],
    "named": [Sample(PICTURES[i], i) for i in range(6)],
    "dict": [{"image": PICTURES[i], "label": i, "name": str(i)} for i in range(6)],
    "nested": [(PICTURES[i], {"target": i, "id": 100 + i}) for i in range(6)],
    "numpy": [(PICTURES[i].numpy(), np.int64(i)) for i in range(6)],
    "tv_tensor": [(tv_tensors.Image(PICTURES[i]), i) for i in range(6)],
    "one_hot": [(PICTURES[i], torch.eye(6)[i]) for i in range(6)],
    "multi_hot": [(PICTURES[i], torch.eye(6).long()[i]) for i in range(6)],
}
forms = pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)


def image_and_target(batch):
    leaves = [leaf for leaf in tree_leaves(batch) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
    return sorted(leaves, key=lambda leaf: -leaf.ndim)[:2]


@mixes
@forms
def test_collate_makes_what_default_collate_makes_and_mixes_it(make, samples):
    plain, batch = default_collate(samples), MixCollate(make())(samples)
    assert type(batch) is type(plain)
    images, targets = image_and_target(batch)
    assert images.shape == (6, 3, HEIGHT, WIDTH)
    assert targets.shape == (6, 6)
    for image, target in zip(images, targets, strict=True):
        agree(image, target)
    if isinstance(batch, dict):
        assert batch["name"] == [str(i) for i in range(6)]


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


@mixes
@forms
def test_dataset_gives_mixed_samples_of_the_same_form(make, samples):
    mixed = MixDataset(samples, make())
    assert len(mixed) == 6
    for i in range(6):
        sample = mixed[i]
        assert type(sample) is type(samples[i])
        image, target = image_and_target(sample)
        assert image.shape == (3, HEIGHT, WIDTH)
        assert target.shape == (6,)
        agree(image, target)
    assert len(list(mixed)) == 6
    assert mixed[-1][0].shape == (3, HEIGHT, WIDTH) if isinstance(mixed[-1], (tuple, list)) else True


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


def test_plain_call_and_collate_agree():
    for make in MIXES.values():
        generators = [torch.Generator().manual_seed(5) for _ in range(2)]
        images, targets = MixCollate(make(generator=generators[0]))(SAMPLES["tuple"])
        wanted = make(generator=generators[1])(*default_collate(SAMPLES["tuple"]))
        assert torch.equal(images, wanted[0])
        assert torch.equal(targets, wanted[1])


def test_a_share_that_lam_cannot_tell_is_mixed_all_the_same():
    """Such as one pixel of 20 million: in float32, lam is 1."""
    images, labels = torch.rand(6, 3, HEIGHT, WIDTH, dtype=torch.float64), torch.arange(6)
    mix = RandomCutMix(num_classes=6, ratio=(1, 1), opacity=1e-9)
    state = torch.get_rng_state()
    mixed, targets = mix(images, labels)
    assert torch.equal(targets, torch.eye(6))
    assert (mixed != images).any()
    torch.set_rng_state(state)
    samples = MixCollate(mix, collate_fn=as_list)(list(zip(images, labels, strict=True)))
    assert torch.equal(torch.stack([image for image, _ in samples]), mixed)


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
    for shares, a, b, lam in zip(told_shares(images), *target, strict=True):
        assert shares == pytest.approx({a.item(): lam.item(), b.item(): 1 - lam.item()})


def test_pairs_of_the_data_set():
    mixed = MixDataset(SAMPLES["tuple"], RandomMixUp(target="pair"))
    for i in range(6):
        image, (a, b, lam) = mixed[i]
        assert a == i != b
        torch.testing.assert_close(image.mean(), lam * a + (1 - lam) * b)
    _, target = MixDataset(SAMPLES["tuple"], RandomMixUp(target="pair", p=0))[2]
    assert [float(field) for field in target] == [2, 2, 1]


@mixes
def test_unmixed_samples_of_the_data_set(make):
    mix, loaded = make(), []

    class Data:
        def __len__(self):
            return 6

        def __getitem__(self, i):
            loaded.append(i)
            return SAMPLES["tuple"][i]

    for p in (0, 1e-9):
        mix.p = p
        image, target = MixDataset(Data(), mix)[4]
        assert torch.equal(image, SAMPLES["tuple"][4][0])
        assert torch.equal(target, torch.eye(6)[4])
    assert loaded == [4, 4]  # a partner that is not seen is not loaded
    assert torch.equal(MixDataset(SAMPLES["tuple"][:1], make())[0][1], torch.eye(6)[0])
    assert torch.equal(MixDataset(SAMPLES["tuple"], make().eval())[1][1], torch.eye(6)[1])


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


def test_other_transforms_get_the_collated_batch():
    steps = v2.Compose([RandomCutMix(num_classes=6), v2.ToDtype(torch.float16), v2.Normalize([0.5] * 3, [0.5] * 3)])
    images, targets = MixCollate(steps)(SAMPLES["tuple"])
    assert images.dtype == torch.float16
    assert targets.shape == (6, 6)
    holes, labels = MixCollate(RandomCutout(3))([(torch.ones(3, HEIGHT, WIDTH), i) for i in range(6)])
    assert (holes == 0).any((1, 2, 3)).all()
    assert labels.tolist() == list(range(6))
    seen = MixCollate(lambda batch: ("seen", batch), collate_fn=as_list)(SAMPLES["tuple"])
    assert seen[1] is SAMPLES["tuple"]


def test_repr_of_collate():
    assert repr(MixCollate(RandomMixUp(), collate_fn=as_list)).startswith("MixCollate(RandomMixUp(alpha=1.0")
    assert repr(MixCollate(RandomMixUp(), collate_fn=as_list)).endswith("collate_fn=as_list)")


# --- images of unequal size ------------------------------------------------------------------------------------------

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
        for j, share in told_shares(image[None])[0].items():
            assert share == pytest.approx(target[j].item(), abs=1e-6)
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


def test_dataset_of_unequal_sizes():
    for make in (RandomCutMix, RandomMixUp):
        mixed = MixDataset(UNEQUAL, make(num_classes=4))
        for i in range(4):
            for _ in range(10):
                image, target = mixed[i]
                assert target.sum().item() == pytest.approx(1)
                assert image.shape[-2] >= SIZES[i][0]
