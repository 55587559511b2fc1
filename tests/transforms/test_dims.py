"""Boxes over one axis (signals), two (images) or three (volumes): ``dims`` of CutMix, Cutout and mixes of one's own."""

from itertools import product
from math import prod

import numpy as np
import pytest
import torch
from scipy import stats
from support.helpers import says
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from cutmix_transforms import (
    Mix,
    MixCollate,
    MixDataset,
    MixDraw,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
    functional,
)
from cutmix_transforms.functional import Placement

SIZES = {1: (23,), 2: (17, 11), 3: (7, 9, 5)}
KINDS = [(dims, dtype) for dims in SIZES for dtype in (torch.float32, torch.uint8)]
COUNT, CHANNELS, CLASSES = 6, 2, 4
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def batch_of(dims, dtype=torch.float32, count=COUNT):
    numbers = torch.arange(count * CHANNELS * prod(SIZES[dims])).reshape(count, CHANNELS, *SIZES[dims])
    return (numbers % 251).to(dtype)


def inside(box, place):
    dims = len(place)
    return all(box[k] <= place[k] < box[dims + k] for k in range(dims))


def pasted(images, draw, others=None):
    """Paste in plain loops: every number by itself."""
    pool, out = images if others is None else others, images.clone()
    for i in range(len(images)):
        for place in product(*map(range, draw.size)):
            if inside(draw.boxes[i].tolist(), place) and draw.opacity[i] == 1:
                out[(i, ..., *place)] = pool[(int(draw.partners[i]), ..., *place)]
    return out


def lam_by_counting(draw):
    places = list(product(*map(range, draw.size)))
    return [1 - sum(inside(box, place) for place in places) / len(places) for box in draw.boxes.tolist()]


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize(("dims", "dtype"), KINDS)
def test_cutmix_pastes_the_box(dims, dtype, per_sample):
    images, mix = batch_of(dims, dtype), RandomCutMix(num_classes=CLASSES, dims=dims, per_sample=per_sample)
    before = images.clone()
    draw = mix.draw(images)
    assert draw.size == SIZES[dims]
    assert draw.boxes.shape == (COUNT, 2 * dims)
    mixed, targets = mix(images, LABELS, draw=draw)
    assert torch.equal(mixed, pasted(images, draw))
    assert torch.equal(images, before)
    lam = torch.tensor(lam_by_counting(draw), dtype=torch.float64)
    assert torch.allclose(draw.lam.double(), lam, atol=1e-6)
    rows = torch.eye(CLASSES, dtype=torch.float64)[LABELS]
    assert torch.allclose(targets.double(), lam[:, None] * rows + (1 - lam[:, None]) * rows[draw.partners], atol=1e-6)
    assert torch.equal(functional.mix_images(images, draw), mixed)


@pytest.mark.parametrize("dims", SIZES)
def test_sides_are_the_root_of_the_area(dims):
    """Boxes that are not clipped have sides ``int(side * (1 - lam0) ** (1 / dims))``, and centers are uniform."""
    torch.manual_seed(dims)
    size = tuple(4 * side for side in SIZES[dims])
    draw = RandomCutMix(dims=dims, per_sample=True).draw(torch.empty(3000, 1, *size))
    starts, stops = draw.boxes[:, :dims].numpy(), draw.boxes[:, dims:].numpy()
    is_whole = ((starts > 0) & (stops < size)).all(1)
    sides = (stops - starts)[is_whole]
    assert len(sides) > 100
    # each side tells an interval of the root; all axes of one box must agree on it
    low, high = (sides / size).max(1), ((sides + 1) / size).min(1)
    assert (low < high).all()
    first = draw.boxes[:, [0, dims]].numpy()
    centers = first[:, 0] + (first[:, 1] - first[:, 0]) // 2
    is_inner = (first[:, 0] > 0) & (first[:, 1] < size[0])
    assert is_inner.any()
    assert centers.min() >= 0
    assert centers.max() < size[0]


@pytest.mark.parametrize("dims", SIZES)
def test_distribution_of_the_unclipped_area(dims):
    """With ``ratio`` over the whole range every side is uniform over whole lengths."""
    torch.manual_seed(10 + dims)
    size = SIZES[dims]
    draw = RandomCutMix(dims=dims, per_sample=True, ratio=(0, 1)).draw(torch.empty(4000, 1, *size))
    for k, side in enumerate(size):
        lengths = (draw.boxes[:, dims + k] - draw.boxes[:, k]).numpy()
        assert stats.chisquare(np.bincount(lengths, minlength=side + 1)).pvalue > 1e-4


def test_one_pair_of_ratio_for_each_axis():
    """Bands over the whole height of a spectrogram, and the axes in the order of the image's."""
    draw = RandomCutMix(per_sample=True, ratio=((1, 1), (0.1, 0.5))).draw(torch.empty(500, 1, 17, 20))
    top, left, bottom, right = draw.boxes.unbind(1)
    assert bool((top == 0).all())
    assert bool((bottom == 17).all())
    assert set((right - left).tolist()) == set(range(2, 11))
    draw = RandomCutMix(dims=3, per_sample=True, ratio=((0.5, 0.5), (1, 1), (0, 1))).draw(torch.empty(300, 1, 8, 9, 5))
    sides = draw.boxes[:, 3:] - draw.boxes[:, :3]
    assert set(sides[:, 0].tolist()) == {4}
    assert set(sides[:, 1].tolist()) == {9}
    assert set(sides[:, 2].tolist()) == set(range(6))


def test_two_axes_are_the_default():
    """The same seed gives the same boxes with and without ``dims``."""
    images = torch.rand(COUNT, 3, 17, 11)
    for options in ({}, {"ratio": (0.2, 0.6)}, {"opacity": (0, 1), "alpha": 0.3}):
        draws = [
            RandomCutMix(generator=torch.Generator().manual_seed(3), per_sample=True, **options, **more).draw(images)
            for more in ({}, {"dims": 2})
        ]
        assert all(map(torch.equal, draws[0][:3], draws[1][:3]))


@pytest.mark.parametrize("dims", SIZES)
def test_three_places_agree(dims):
    """The call, the collate in workers and the dataset mix alike, as constant images tell."""
    size = SIZES[dims]
    images = torch.arange(COUNT, dtype=torch.float32).view(-1, *(1,) * (dims + 1)).expand(COUNT, CHANNELS, *size)
    samples = [(image.clone(), label) for image, label in zip(images, range(COUNT), strict=True)]
    mix = RandomCutMix(num_classes=COUNT, dims=dims, per_sample=True)
    loader = DataLoader(samples, COUNT, num_workers=2, collate_fn=MixCollate(mix))
    batches = [mix(images, torch.arange(COUNT)), *loader]
    dataset = MixDataset(samples, mix)
    batches.append(tuple(map(torch.stack, zip(*(dataset[i] for i in range(COUNT)), strict=True))))
    for mixed, targets in batches:
        assert mixed.shape == images.shape
        for i in range(COUNT):
            told = torch.stack([(mixed[i, 0] == k).float().mean() for k in range(COUNT)])
            assert torch.allclose(told, targets[i], atol=1e-6)
            assert told[i] > 0 or targets[i].max() == 1


@pytest.mark.parametrize("dims", SIZES)
@pytest.mark.parametrize("wrap", [lambda labels: labels, tv_tensors.Mask], ids=["plain", "mask"])
def test_dense_labels_follow(dims, wrap):
    """One class for each point in time, pixel or voxel, also with a channel, also beside class labels."""
    images, size = batch_of(dims), SIZES[dims]
    dense = torch.randint(0, 9, (COUNT, *size))
    mix = RandomCutMix(dims=dims, num_classes=CLASSES, labels_getter=lambda inputs: (inputs["mask"], inputs["label"]))
    draw = mix.draw(images)
    batch = {"image": images, "mask": wrap(dense), "label": LABELS}
    out = mix(batch, draw=draw)
    assert torch.equal(out["mask"].as_subclass(torch.Tensor), pasted(dense, draw))
    assert type(out["mask"]) is type(batch["mask"])
    assert out["label"].shape == (COUNT, CLASSES)
    plain = RandomCutMix(dims=dims)(images, wrap(dense[:, None]), draw=draw)[1]
    assert torch.equal(plain.as_subclass(torch.Tensor)[:, 0], pasted(dense, draw))
    sample = MixDataset([(images[i], wrap(dense[i])) for i in range(COUNT)], RandomCutMix(dims=dims))[0]
    assert sample[1].shape == size


def test_rows_of_classes_as_long_as_signals():
    """Labels ``(N, T)`` beside signals of T steps are dense, unless ``num_classes`` says that they are classes."""
    signals = torch.rand(COUNT, CHANNELS, CLASSES)
    rows = torch.eye(CLASSES)[LABELS]
    draw = RandomCutMix(dims=1).draw(signals)
    soft = RandomCutMix(dims=1, num_classes=CLASSES)(signals, rows, draw=draw)[1]
    assert torch.allclose(soft, draw.lam[:, None] * rows + (1 - draw.lam[:, None]) * rows[draw.partners])
    both = RandomCutMix(dims=1, num_classes=(CLASSES, 9), labels_getter=lambda inputs: (inputs[1], inputs[2]))
    assert torch.equal(both((signals, rows, LABELS), draw=draw)[1], soft)
    dense = RandomCutMix(dims=1)(signals, rows, draw=draw)[1]
    assert torch.equal(dense, pasted(rows, draw))


def test_what_is_as_large_as_the_images_is_not_left_behind():
    for dims, size in SIZES.items():
        mix = RandomCutMix(dims=dims, num_classes=CLASSES)
        batch = {"image": batch_of(dims), "label": LABELS, "depth": torch.rand(COUNT, *size)}
        with says(ValueError, ["inputs['depth']", str((COUNT, *size))]):
            mix(batch)


def test_time_of_spectrograms():
    """``dims=1`` on ``(N, C, F, T)`` pastes whole stretches of time."""
    spectrograms = torch.rand(COUNT, 1, 7, 23)
    mix = RandomCutMix(dims=1, num_classes=CLASSES)
    draw = mix.draw(spectrograms)
    assert draw.size == (23,)
    assert torch.equal(mix(spectrograms, LABELS, draw=draw)[0], pasted_rows(spectrograms, draw))


def pasted_rows(images, draw):
    out = images.clone()
    for i, (start, stop) in enumerate(draw.boxes.tolist()):
        for at in range(start, stop):
            out[i, :, :, at] = images[int(draw.partners[i]), :, :, at]
    return out


@pytest.mark.parametrize("dims", SIZES)
def test_partial_opacity_and_second_batch(dims):
    images, others = batch_of(dims, torch.float64), batch_of(dims, torch.float64, count=3) + 0.5
    mix = RandomCutMix(dims=dims, num_classes=CLASSES, opacity=0.25)
    draw = mix.draw(images, others=others)
    mixed, _ = mix(images, LABELS, others=(others, LABELS[:3]), draw=draw)
    for i in range(COUNT):
        for place in product(*map(range, draw.size)):
            own, other = images[(i, 0, *place)], others[(int(draw.partners[i]), 0, *place)]
            wanted = 0.75 * own + 0.25 * other if inside(draw.boxes[i].tolist(), place) else own
            assert abs(float(mixed[(i, 0, *place)] - wanted)) < 1e-9


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("dims", [1, 3])
def test_choice_with_a_mixup(dims, per_sample):
    """A MixUp goes with boxes over any axes; CutMixes must agree."""
    images = torch.arange(COUNT, dtype=torch.float32).view(-1, *(1,) * (dims + 1)).expand(COUNT, CHANNELS, *SIZES[dims])
    mixes = [RandomMixUp(num_classes=COUNT), RandomCutMix(num_classes=COUNT, dims=dims)]
    choice = RandomMixChoice(mixes, per_sample=per_sample)
    assert choice.dims == dims
    classes = torch.arange(COUNT)
    for _ in range(8):
        mixed, targets = choice(images, classes)
        told = mixed.flatten(1).mean(1)
        assert torch.allclose(told, (targets * classes).sum(1), atol=1e-5)
    with says(ValueError, ["transforms", "dims", "[1, 2, 3]"]):
        RandomMixChoice([RandomCutMix(dims=3), RandomCutMix(), RandomMixChoice([RandomCutMix(dims=1)])])
    with says(ValueError, ["transforms", "dims", "[2, 3]"]):
        RandomMixChoice([RandomCutMix(dims=3), RandomMixUp(), RandomCutMix()])


def test_a_mix_of_ones_own_over_time():
    class Ending(Mix):
        numbers = 1
        dims = 1

        def place(self, numbers, size):
            starts = numbers[0] * size[0] // 1
            return Placement(np.stack([starts, np.full_like(starts, size[0])], axis=1).astype(np.int64))

    signals = torch.arange(COUNT, dtype=torch.float32)[:, None, None].expand(COUNT, CHANNELS, 23)
    mixed, targets = Ending(num_classes=COUNT, per_sample=True)(signals, torch.arange(COUNT))
    told = torch.stack([(mixed[:, 0] == k).float().mean(1) for k in range(COUNT)], dim=1)
    assert torch.allclose(told, targets, atol=1e-6)
    assert bool((mixed[:, 0, 0] <= signals[:, 0, 0]).logical_or(mixed[:, 0, 0] > signals[:, 0, 0]).all())


@pytest.mark.parametrize("dims", SIZES)
def test_unequal_sizes_in_a_dataset(dims):
    """A box is clipped to what the partner covers; MixUp pads."""
    small, large = SIZES[dims], tuple(side + 3 for side in SIZES[dims])
    samples = [(torch.full((1, *small), 1.0), 0), (torch.full((1, *large), 2.0), 1)]
    dataset = MixDataset(samples, RandomCutMix(num_classes=2, dims=dims))
    for i in [0, 1] * 10:
        image, target = dataset[i]
        assert image.shape[1:] == (small, large)[i]
        assert abs(float((image == 2).float().mean() - target[1])) < 1e-6


@pytest.mark.parametrize("dims", SIZES)
@pytest.mark.parametrize("fill", [9, (7, 8), "mean"], ids=str)
def test_holes(dims, fill):
    images = batch_of(dims, torch.float64)
    cutout = RandomCutout(0.5, holes=2, fill=fill, dims=dims)
    holes = cutout.draw(images)
    assert holes.shape == (COUNT, 2, 2 * dims)
    out = cutout(images, draw=holes)
    for i, c in product(range(COUNT), range(CHANNELS)):
        shown = {"mean": float(images[i, c].mean())}.get(fill, fill)
        shown = shown[c] if isinstance(shown, tuple) else shown
        for place in product(*map(range, SIZES[dims])):
            is_hidden = any(inside(box, place) for box in holes[i].tolist())
            wanted = shown if is_hidden else float(images[(i, c, *place)])
            assert abs(float(out[(i, c, *place)]) - wanted) < 1e-9
    state = torch.get_rng_state()
    drawn = cutout.draw(images)
    torch.set_rng_state(state)
    assert torch.equal(cutout(images), cutout(images, draw=drawn))
    single = cutout(images[0])
    assert single.shape == images[0].shape
    assert not torch.equal(single, images[0])
    assert torch.equal(functional.cutout(images[0], holes[0], fill), cutout(images[0], draw=holes[:1]))


@pytest.mark.parametrize("dims", SIZES)
def test_sides_of_holes(dims):
    """A number of pixels is one along every axis, a fraction is one of each side; ``inside`` clips nothing."""
    images, size = torch.empty(400, 1, *SIZES[dims]), np.array(SIZES[dims])
    holes = RandomCutout(3, inside=True, dims=dims).draw(images).numpy()
    assert set((holes[..., dims:] - holes[..., :dims]).flatten()) == {3}
    holes = RandomCutout(0.5, inside=True, dims=dims).draw(images).numpy()
    assert (holes[..., dims:] - holes[..., :dims] == size // 2).all()
    holes = RandomCutout(3, dims=dims).draw(images).numpy()
    for k, side in enumerate(SIZES[dims]):
        starts = np.bincount(holes[..., k].flatten(), minlength=side)
        expected = np.r_[2, [1] * (side - 2), 0] / side * 400  # the first two centers are clipped to one start
        assert stats.chisquare(starts[: side - 1], expected[: side - 1]).pvalue > 1e-4


def test_masks_in_holes_of_volumes():
    volumes, masks = batch_of(3), torch.ones(COUNT, *SIZES[3], dtype=torch.uint8)
    cutout = RandomCutout(0.5, dims=3, mask_fill=5)
    holes = cutout.draw(volumes)
    for wrap in (tv_tensors.Mask, lambda mask: mask):
        out = cutout({"image": volumes, "mask": wrap(masks)}, draw=holes)["mask"]
        for i in range(COUNT):
            for place in product(*map(range, SIZES[3])):
                assert int(out[(i, *place)]) == (5 if inside(holes[i, 0].tolist(), place) else 1)


@pytest.mark.slow
@pytest.mark.parametrize("dims", [1, 3])
def test_compiled(dims):
    images, mix = batch_of(dims), RandomCutMix(num_classes=CLASSES, dims=dims)
    torch.manual_seed(5)
    wanted = mix(images, LABELS)
    torch.manual_seed(5)
    found = torch.compile(mix, fullgraph=True, backend="eager")(images, LABELS)
    assert torch.equal(found[0], wanted[0])
    assert torch.allclose(found[1], wanted[1])
    cutout = RandomCutout(0.5, dims=dims)
    torch.manual_seed(5)
    wanted = cutout(images)
    torch.manual_seed(5)
    assert torch.equal(torch.compile(cutout, fullgraph=True, backend="eager")(images), wanted)


def test_gradients():
    signals = torch.rand(COUNT, 1, 23, requires_grad=True)
    mix = RandomCutMix(num_classes=CLASSES, dims=1)
    draw = mix.draw(signals)
    mix(signals, LABELS, draw=draw)[0].sum().backward()
    shown = torch.zeros(COUNT, 23)
    for i, (start, stop) in enumerate(draw.boxes.tolist()):
        for at in range(23):
            shown[int(draw.partners[i]) if start <= at < stop else i, at] += 1
    assert torch.equal(signals.grad[:, 0], shown)


@pytest.mark.parametrize("dims", SIZES)
def test_functional_boxes(dims):
    size = SIZES[dims]
    lam = torch.tensor([0.0, 0.3, 0.75, 1.0], dtype=torch.float64)
    centers = torch.tensor([[side // 2 for side in size]] * 4)
    boxes = functional.cutmix_boxes(lam, centers, size)
    for i, fraction in enumerate(lam.tolist()):
        for k, side in enumerate(size):
            length = int(side * (1 - fraction) ** (1 / dims))
            start = side // 2 - length // 2
            assert boxes[i, k] == max(start, 0)
            assert boxes[i, dims + k] == min(start + length, side)
    masks = functional.inside_boxes(boxes, size)
    for i in range(4):
        for place in product(*map(range, size)):
            assert bool(masks[(i, *place)]) == inside(boxes[i].tolist(), place)
    draw = functional.mix_draw(torch.tensor([1, 2, 3, 0]), boxes, size)
    assert isinstance(draw, MixDraw)
    assert torch.allclose(draw.lam.double(), torch.tensor(lam_by_counting(draw), dtype=torch.float64), atol=1e-6)


OVER_TIME = RandomCutMix(dims=1).draw(torch.zeros(6, 2, 11))
BOXES = tv_tensors.BoundingBoxes([[0, 0, 3, 3]], format="XYXY", canvas_size=(17, 11))
DETECTION = [(torch.zeros(3, 17, 11), {"boxes": BOXES, "labels": torch.tensor([1])})] * 2
VOLUMES = RandomCutMix(dims=3, num_classes=4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: RandomCutMix(dims=0), ["dims", "at least 1", "0"]),
        (lambda: RandomCutout(dims=-1), ["dims", "at least 1", "-1"]),
        (lambda: RandomCutMix(dims=3, ratio=((0, 1), (0, 1))), ["ratio", "dims=3", "2"]),
        (lambda: RandomCutMix(ratio=((0.5, 0.1), (0, 1))), ["ratio", "(0.5, 0.1)"]),
        (lambda: RandomCutMix(dims=1, num_classes=4)(torch.zeros(6, 23), LABELS), ["(N, C, T)", "(6, 23)"]),
        (lambda: VOLUMES(torch.zeros(6, 3, 7, 9), LABELS), ["(N, C, D, H, W)", "(6, 3, 7, 9)"]),
        (
            lambda: VOLUMES(tv_tensors.Video(torch.zeros(6, 2, 3, 7, 9)), LABELS),
            ["dims", "at most 2", "Video", "3"],
        ),
        (lambda: RandomCutout(dims=3)(tv_tensors.Image(torch.zeros(3, 7, 9))), ["dims", "at most 2", "Image"]),
        (lambda: RandomCutout(dims=1)(torch.zeros(23)), ["(C, T)", "(23,)"]),
        (
            lambda: MixDataset(DETECTION, RandomCutMix(dims=1))[0],
            ["dims", "2", "BoundingBoxes"],
        ),
        (lambda: RandomCutout(dims=1)(torch.zeros(3, 17), {"boxes": BOXES}), ["dims", "2", "BoundingBoxes"]),
        (
            lambda: RandomCutMix(num_classes=4)(torch.zeros(6, 2, 17, 11), LABELS, draw=OVER_TIME),
            ["draw", "dims=2", "(11,)"],
        ),
        (
            lambda: RandomCutout(dims=3)(torch.zeros(6, 1, 7, 9, 5), draw=torch.zeros(6, 1, 4, dtype=torch.int64)),
            ["draw", "(N, K, 6)", "(6, 1, 4)"],
        ),
    ],
)
def test_bad_dims(call, words):
    with says(ValueError, words):
        call()


def test_dims_is_a_whole_number():
    for cls in (RandomCutMix, RandomCutout):
        for value in (1.0, "2", True, None):
            with says(TypeError, ["dims", "integer", repr(value)]):
                cls(dims=value)


def test_dense_labels_of_samples_with_a_side_of_one():
    for dims, size in ((1, (1,)), (2, (1, 7)), (3, (1, 5, 7))):
        samples = [(torch.rand(2, *size), torch.randint(3, size)) for _ in range(4)]
        assert MixDataset(samples, RandomCutMix(dims=dims))[0][1].shape == size
        assert MixCollate(RandomCutMix(dims=dims))(samples)[1].shape == (4, *size)
    sample = {"image": torch.rand(3, 1, 9), "mask": torch.zeros(1, 9, dtype=torch.int64)}
    assert int(RandomCutout(1.0, inside=True, mask_fill=1)(sample)["mask"].sum()) == 9


def test_errors_name_any_number_of_axes():
    mix = RandomCutMix(dims=4, num_classes=4)
    with pytest.raises(ValueError, match="batched, with 4 axes after N and C"):
        mix(torch.rand(4, 2, 3, 4, 5), torch.arange(4))
    with pytest.raises(ValueError, match="images of a dataset must be a channel and 4 axes"):
        MixDataset([(torch.rand(2, 3, 4, 5), 1)] * 2, mix)[0]
