"""What holds for whatever one calls the package with, across its modules on purpose.

``--hypothesis-profile=thorough`` tries ten times as much.
"""

import copy
import pickle
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from support.strategies import (
    CONTAINERS,
    KEPT,
    LAYOUTS,
    counts,
    fractions,
    labels,
    numbers,
    one_mix,
    pasting,
    pictures,
    probabilities,
    recipes,
    seeds,
    shapes,
    sides,
)
from torch.nn.functional import cross_entropy
from torch.utils._pytree import tree_leaves
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixDraw,
    MixedLoss,
    MixedTarget,
    RandomCutout,
    functional,
    mixed_accuracy,
)
from cutmix_transforms.functional import _pixels

pytestmark = pytest.mark.slow

# Images are written one after another, or all at once.
ways = st.booleans().map(lambda way: patch.object(_pixels, "_goes_one_by_one", lambda out: way))
ROUNDING = {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 1e-5, torch.float64: 1e-6}


def plain(tensor):
    """A tensor's numbers in double precision; of integers all digits."""
    values = torch.Tensor(tensor) if isinstance(tensor, tv_tensors.TVTensor) else tensor
    if values.dtype.is_floating_point:
        return values.detach().double().numpy()
    return np.array(values.flatten().tolist(), dtype=object).reshape(values.shape)


def mixed_by_hand(images, draw):
    """Sample by sample in numpy, in double precision or in integers without limit."""
    out = images.copy()
    for i, ((top, left, bottom, right), fraction, partner) in enumerate(
        zip(draw.boxes.tolist(), draw.opacity.tolist(), draw.partners.tolist(), strict=True)
    ):
        box = (i, ..., slice(top, bottom), slice(left, right))
        other = images[(partner, *box[1:])]
        out[box] = (
            other if fraction == 1 else (1 - fraction) * images[box].astype(float) + fraction * other.astype(float)
        )
    return out


def assert_near(found, expected, first, second, dtype):
    """Blends of two that differ by no more than rounding, and what the dtype of the arithmetic does not hold."""
    if dtype.is_floating_point:
        half, digits = 0, ROUNDING[dtype] / 4
    else:
        half, digits = 0.5001, 2.0**-22 if dtype.itemsize <= 2 else 2.0**-50
    assert (abs(found - expected) <= half + digits * np.maximum(abs(first), abs(second))).all()


def targets_by_hand(values, num_classes, smoothing):
    """The soft targets of labels before they are mixed."""
    if values.dtype.is_floating_point:
        return values.double().numpy()
    if values.ndim == 2:
        return (1 - smoothing) * values.double().numpy() + smoothing / 2
    return (1 - smoothing) * np.eye(num_classes)[values.long().numpy()] + smoothing / num_classes


def same(one, other):
    """Equal bits (NaN is NaN), types and dtypes of all that two nests hold."""
    ours, theirs = tree_leaves(one), tree_leaves(other)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert type(a) is type(b)
        if isinstance(a, torch.Tensor):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            assert torch.equal(bits(a), bits(b))
        else:
            assert a == b
    return True


def same_in_effect(one, other):
    """The same, but for the second target of pairs whose fraction is 0."""

    def told(batch):
        images, target = batch
        return (images, target._replace(b=target.b[target.lam < 1])) if isinstance(target, MixedTarget) else batch

    return same(told(one), told(other))


def bits(tensor):
    values = tensor.as_subclass(torch.Tensor)
    return torch.empty(values.numel(), dtype=values.dtype).copy_(values.flatten()).view(torch.uint8)


@given(st.data(), recipes(), pictures(least=2), st.sampled_from([0.0, 0.1]), ways, seeds)
def test_pixels_and_targets_are_what_the_draw_says(data, recipe, images, smoothing, way, seed):
    values, num_classes = data.draw(labels(len(images)))
    mix = recipe.make(num_classes=num_classes, label_smoothing=smoothing)
    torch.manual_seed(seed)
    draw = mix.draw(images)
    with way:
        mixed, targets = mix(images, values, draw=draw)

    height, width = images.shape[-2:]
    top, left, bottom, right = draw.boxes.double().unbind(-1)
    assert ((top >= 0) & (top <= bottom) & (bottom <= height) & (left >= 0) & (left <= right) & (right <= width)).all()
    area = (bottom - top) * (right - left) / (height * width)
    torch.testing.assert_close(draw.lam.double(), 1 - draw.opacity.double() * area, atol=1e-6, rtol=0)
    assert draw.lam.dtype == draw.opacity.dtype == torch.float32
    steps = (draw.partners - torch.arange(len(images))) % len(images)
    assert steps.min() == steps.max() > 0

    pixels = plain(images)
    assert_near(plain(mixed), mixed_by_hand(pixels, draw), pixels, pixels[draw.partners.numpy()], images.dtype)

    own = targets_by_hand(values, num_classes, smoothing)
    lam = draw.lam.double().numpy().reshape(-1, *(1,) * (own.ndim - 1))
    dtype = values.dtype if values.dtype.is_floating_point else torch.float32
    assert targets.dtype == dtype
    np.testing.assert_allclose(plain(targets), lam * own + (1 - lam) * own[draw.partners], atol=ROUNDING[dtype])


@given(recipes(), shapes(least=1), st.sampled_from([torch.float32, torch.float64, torch.int16]), seeds)
def test_constant_images_tell_their_own_targets(recipe, shape, dtype, seed):
    """No draw is looked at: the mean of the pixels has to be the mean that the target says."""
    images = torch.arange(len_ := shape[0]).view(-1, *(1,) * (len(shape) - 1)).expand(shape).to(dtype) * 100
    torch.manual_seed(seed)
    mixed, targets = recipe.make(num_classes=len_)(images, torch.arange(len_))
    assert (targets >= 0).all()
    torch.testing.assert_close(targets.sum(1), torch.ones(len_), atol=1e-6, rtol=0)
    assert ((targets > 0).sum(1) <= 2).all()
    rounding = 0.51 if dtype == torch.int16 and not recipe.pastes() else 1e-3
    told = mixed.double().flatten(1).mean(1)
    torch.testing.assert_close(told, (targets.double() @ torch.arange(len_).double()) * 100, atol=rounding, rtol=1e-6)
    if recipe.pastes():
        for image, target in zip(mixed, targets, strict=True):
            numbers_found, times = image.flatten().unique(return_counts=True)
            assert {int(k): int(n) for k, n in zip(numbers_found, times, strict=True)} == {
                100 * k: round(float(target[k]) * image.numel()) for k in target.nonzero().flatten().tolist()
            }


@given(st.data(), recipes(), pictures(), st.sampled_from(sorted(CONTAINERS)), st.sampled_from(["soft", "pair"]), seeds)
def test_nothing_is_changed_and_everything_is_kept(data, recipe, images, container, target, seed):
    values, num_classes = data.draw(labels(len(images)))
    mix = recipe.make(num_classes=num_classes, target=target)
    put, get = CONTAINERS[container]
    inputs, before = put(images, values), (images.clone(), values.clone())
    keys, options = list(tree_leaves(inputs)), repr(mix)
    torch.manual_seed(seed)
    out = mix(*inputs)
    mixed, targets = get(out)

    assert same((images, values), before)
    assert all(one is other for one, other in zip(tree_leaves(inputs), keys, strict=True))
    assert repr(mix) == options
    assert type(out) is (tuple if len(inputs) == 2 else type(inputs[0]))
    assert [leaf for leaf in tree_leaves(out) if leaf is KEPT] == [leaf for leaf in keys if leaf is KEPT]
    assert (type(mixed), mixed.dtype, mixed.shape) == (type(images), images.dtype, images.shape)
    if images.is_contiguous():
        assert mixed.is_contiguous()
    if images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last):
        assert mixed.is_contiguous(memory_format=torch.channels_last)
    if isinstance(targets, MixedTarget):
        assert same(targets.a, values)
        assert targets.lam.dtype == torch.float32
        assert targets.b.dtype == values.dtype
    else:
        assert targets.dtype == (values.dtype if values.dtype.is_floating_point else torch.float32)
        assert targets.shape == (values.shape if num_classes is None else (len(values), num_classes))
    # what comes out shares no memory with what went in, unless it is that
    if mixed is not images and images.numel():
        mixed.zero_()
        assert same(images, before[0])


@given(st.data(), recipes(), pictures(), st.sampled_from(["soft", "pair"]), st.booleans(), seeds)
def test_all_ways_to_one_batch_agree(data, recipe, images, target, own, seed):
    """A plain call, a replayed draw, MixCollate, MixCollate sample by sample, and copies: the same bits."""
    values, num_classes = data.draw(labels(len(images)))

    def fresh():
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed + 1) if own else None
        return recipe.make(num_classes=num_classes, target=target, generator=generator)

    expected = fresh()(images, values)
    mix = fresh()
    draw = mix.draw(images)
    assert same_in_effect(mix(images, values, draw=draw), expected)
    assert same(fresh()(images, values), expected)
    assert same(pickle.loads(pickle.dumps(fresh()))(images, values), expected)
    assert same(copy.deepcopy(fresh())(images, values), expected)
    if own:
        state = torch.get_rng_state()
        again = fresh()
        torch.manual_seed(0)
        assert same(again(images, values), expected)
        assert torch.equal(torch.get_rng_state(), torch.Generator().manual_seed(0).get_state())
        torch.set_rng_state(state)
    if len(images):
        samples = list(zip(images.unbind(), values.unbind(), strict=True))
        samples = [(tv_tensors.wrap(x, like=images) if type(images) is not torch.Tensor else x, y) for x, y in samples]
        assert same(MixCollate(fresh())(samples), expected)
        mixed = MixCollate(fresh(), collate_fn=list)(samples)
        assert same(torch.stack([x.as_subclass(torch.Tensor) for x, _ in mixed]), expected[0].as_subclass(torch.Tensor))
        rows = [torch.stack(leaves) for leaves in zip(*(tree_leaves(target) for _, target in mixed), strict=True)]
        targets = rows[0] if len(rows) == 1 else MixedTarget(*rows)
        assert same_in_effect((expected[0], targets), expected)


@given(recipes(), shapes(least=1, dims=(4,)), seeds)
def test_samples_of_a_data_set_tell_their_own_targets(recipe, shape, seed):
    count = shape[0]
    data = [(torch.full(shape[1:], float(i)), i) for i in range(count)]
    torch.manual_seed(seed)
    mixed = MixDataset(data, recipe.make(num_classes=count))
    for i in range(min(count, 4)):
        image, target = mixed[i]
        assert torch.equal(data[i][0], torch.full(shape[1:], float(i)))
        assert abs(float(target.sum()) - 1) < 1e-5
        assert (target > 0).sum() <= 2
        told = float(image.double().mean())
        assert abs(told - float(target.double() @ torch.arange(count).double())) < 1e-4 * max(count, 1)


@given(st.data(), recipes(), pictures(least=1), seeds)
def test_off_is_untouched(data, recipe, images, seed):
    values, num_classes = data.draw(labels(len(images)))
    mix = recipe.make(num_classes=num_classes)
    switched = recipe.make(num_classes=num_classes)
    switched.p = 0
    for one in (mix.eval(), switched):
        out, targets = one(images, values)
        assert out is images
        expected = targets_by_hand(values, num_classes, 0)
        np.testing.assert_allclose(plain(targets), expected, atol=1e-7)


@given(recipes(mix=pasting), pictures(least=2), st.booleans(), seeds)
def test_masks_are_pasted_with_their_images(recipe, images, per_channel, seed):
    """A mask that numbers samples and pixels says where every pixel of the image is from."""
    count, (height, width) = len(images), images.shape[-2:]
    number = torch.arange(count * height * width).view(count, height, width)
    mask = tv_tensors.Mask(number[:, None] if per_channel else number)
    torch.manual_seed(seed)
    mixed, cut = recipe.make()(images, mask)
    assert (type(cut), cut.dtype, cut.shape) == (tv_tensors.Mask, torch.int64, mask.shape)
    origin = cut.as_subclass(torch.Tensor).view(count, height * width)
    sample, place = origin // (height * width), origin % (height * width)
    assert torch.equal(place, torch.arange(height * width).expand(count, -1))
    flat = images.as_subclass(torch.Tensor).movedim((-2, -1), (1, 2)).reshape(count, height * width, -1)
    expected = bits(flat).view(count, height * width, -1)[sample, place]
    found = mixed.as_subclass(torch.Tensor).movedim((-2, -1), (1, 2))
    assert torch.equal(bits(found), expected.flatten())


@st.composite
def scenes(draw, size):
    """A sample whose instances are rectangles: a box, a mask, and a label that names each."""
    height, width = size
    corners = []
    for _ in range(draw(st.integers(0, 5))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        corners.append((top, left, draw(st.integers(top + 1, height)), draw(st.integers(left + 1, width))))
    return corners


def as_sample(corners, number, size, *, masked):
    target = {
        "boxes": tv_tensors.BoundingBoxes(
            torch.tensor(
                [[left, top, right, bottom] for top, left, bottom, right in corners], dtype=torch.float32
            ).view(-1, 4),
            format="XYXY",
            canvas_size=size,
        ),
        "labels": torch.tensor([100 * number + k for k in range(len(corners))], dtype=torch.int64),
    }
    if masked:
        target["masks"] = tv_tensors.Mask(painted(corners, size))
    return torch.full((1, *size), float(number)), target


def painted(corners, size):
    masks = torch.zeros(len(corners), *size, dtype=torch.bool)
    for mask, (top, left, bottom, right) in zip(masks, corners, strict=True):
        mask[top:bottom, left:right] = True
    return masks


@given(st.data(), st.integers(1, 6), sides, sides, st.sampled_from([0.0, 0.1, 0.5]), st.booleans(), seeds)
def test_instances_are_what_can_be_seen_of_them(data, count, height, width, threshold, masked, seed):
    """The constant images tell whose pixel each is; what is visible of an instance is counted there."""
    size = height, width
    all_corners = [data.draw(scenes(size)) for _ in range(count)]
    recipe = data.draw(recipes(mix=pasting))
    samples = [as_sample(corners, i, size, masked=masked) for i, corners in enumerate(all_corners)]
    before = copy.deepcopy(samples)
    mix = recipe.make(min_visibility=threshold)
    torch.manual_seed(seed)
    for i, (image, target) in enumerate(MixCollate(mix, collate_fn=list)(samples)):
        expected = []
        owners = [i, *sorted(set(image.unique().int().tolist()) - {i})]
        assert len(owners) <= 2
        for owner in owners:
            seen = painted(all_corners[owner], size) & (image == owner)
            whole = painted(all_corners[owner], size)
            for k, (mask, full) in enumerate(zip(seen, whole, strict=True)):
                visible = int(mask.sum()) / int(full.sum())
                if visible > threshold:
                    rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
                    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                    expected.append((100 * owner + k, [float(edge) for edge in edges], mask))
        assert target["labels"].tolist() == [label for label, _, _ in expected]
        assert target["boxes"].tolist() == [box for _, box, _ in expected]
        assert type(target["boxes"]) is tv_tensors.BoundingBoxes
        assert target["boxes"].canvas_size == size
        if masked:
            assert torch.equal(target["masks"].as_subclass(torch.Tensor), torch.stack([m for *_, m in expected])
                               if expected else torch.zeros(0, *size, dtype=torch.bool))  # fmt: skip
    assert same(samples, before)


@given(
    st.data(), sides, sides, st.booleans(), st.sampled_from([1, 1, 2, 4]), st.sampled_from(["bool", "uint8", "int64"])
)
def test_what_can_be_seen_is_counted_in_pixels(data, height, width, inside, count, dtype):
    """Of boxes and of masks, outside of several boxes or inside one."""
    size = (height, width) if data.draw(st.booleans()) else (height, width + 256)
    holes = [data.draw(box_of(*size)) for _ in range(1 if inside else count)]
    view = functional.View(torch.tensor(holes), size, inside)
    corners = [data.draw(box_of(*size)) for _ in range(3)]
    whole = painted(corners, size)
    seen = whole & (painted(holes, size).any(0) == inside)
    wanted = [int(part.sum()) / max(int(full.sum()), 1) for part, full in zip(seen, whole, strict=True)]
    masks = (whole * data.draw(st.integers(1, 255))).to(getattr(torch, dtype))
    real = torch.tensor([full.any() for full in whole])
    told = functional.visible_mask_fraction(masks, view)
    assert told.dtype == torch.float64
    torch.testing.assert_close(told[real], torch.tensor(wanted, dtype=torch.float64)[real])

    boxes = torch.tensor([[left, top, right, bottom] for top, left, bottom, right in corners], dtype=torch.float32)
    found, told = functional.visible_boxes(boxes, view)
    assert found.dtype == told.dtype == torch.float64
    torch.testing.assert_close(told[real], torch.tensor(wanted, dtype=torch.float64)[real])
    for box, old, part, fraction in zip(found.tolist(), boxes.tolist(), seen, wanted, strict=True):
        if fraction and len(holes) == 1:
            assert box == functional.boxes_of_masks(part[None])[0].tolist()
        elif fraction:
            assert box == old


@st.composite
def hole_sizes(draw):
    side = st.one_of(st.integers(1, 50), st.floats(0.01, 1.0))
    one = draw(side)
    if draw(st.booleans()):
        return one
    other = draw(st.integers(1, 50) if isinstance(one, int) else st.floats(0.01, 1.0))
    return min(one, other), max(one, other)


@given(pictures(), hole_sizes(), st.integers(1, 3), st.booleans(), probabilities, seeds)
def test_cutout_fills_its_holes_and_nothing_else(images, size, holes, inside, p, seed):
    cutout = RandomCutout(size, holes=holes, inside=inside, p=p, fill=1)
    marker = {"label": KEPT}
    before = images.clone()
    torch.manual_seed(seed)
    out, rest = cutout(images, marker)
    assert same(images, before)
    assert rest["label"] is KEPT
    assert (type(out), out.dtype, out.shape) == (type(images), images.dtype, images.shape)
    height, width = images.shape[-2:]
    frames = [list(plain(one).reshape(len(images), images.shape[1:-2].numel(), height, width)) for one in (images, out)]
    for old, new in zip(*frames, strict=True):
        changed = (old != new).any(0)
        hidden = (new == 1).all(0)
        assert (hidden | ~changed).all()
        if p == 0:
            assert not changed.any()
    if isinstance(size, tuple) or holes > 1 or not inside or p < 1:
        return
    tall, wide = (min(size, n) if isinstance(size, int) else max(1, int(size * n)) for n in (height, width))
    for new in frames[1]:
        hidden = (new == 1).all(0)
        windows = np.lib.stride_tricks.sliding_window_view(hidden, (tall, wide))
        assert windows.all((-1, -2)).any()


@given(recipes(), counts.filter(lambda n: n > 0), st.integers(2, 9), seeds)
def test_pairs_and_soft_targets_mean_the_same(recipe, count, classes, seed):
    torch.manual_seed(seed)
    images, values = torch.rand(count, 1, 7, 5), torch.randint(classes, (count,))
    logits = torch.randn(count, classes, dtype=torch.float64)
    state = torch.get_rng_state()
    _, soft = recipe.make(num_classes=classes)(images, values)
    torch.set_rng_state(state)
    _, pair = recipe.make(target="pair")(images, values)
    criterion = torch.nn.CrossEntropyLoss()
    torch.testing.assert_close(MixedLoss(criterion)(logits, pair), cross_entropy(logits, soft.double()))
    torch.testing.assert_close(mixed_accuracy(logits, pair), mixed_accuracy(logits, soft), atol=1e-5, rtol=1e-5)


@given(recipes(mix=one_mix), shapes(least=2), st.sampled_from([torch.float16, torch.bfloat16, torch.float32]), seeds)
def test_what_is_not_finite_stays_in_its_box(recipe, shape, dtype, seed):
    """Outside of its box a sample keeps its bits, whatever its partner holds; inside opacity 1 gives the partner's."""
    images = numbers(seed, shape, dtype)
    for k, value in enumerate([float("nan"), float("inf"), -float("inf")]):
        images[numbers(seed + k, shape, torch.uint8) < 30] = value
    torch.manual_seed(seed)
    mix = recipe.make()
    draw = mix.draw(images)
    mixed, _ = mix(images, torch.rand(len(images)), draw=draw)
    inside = functional.inside_boxes(draw.boxes, shape[-2:]).view(shape[0], *(1,) * (len(shape) - 3), *shape[-2:])
    untouched = (~inside | (draw.opacity == 0).view(-1, *(1,) * (len(shape) - 1))).expand(shape)
    covered = (inside & (draw.opacity == 1).view(-1, *(1,) * (len(shape) - 1))).expand(shape)
    halves = torch.int16 if dtype.itemsize == 2 else torch.int32
    assert torch.equal(mixed.view(halves)[untouched], images.view(halves)[untouched])
    assert torch.equal(mixed.view(halves)[covered], images[draw.partners].view(halves)[covered])
    blended = ~untouched & ~covered
    finite = images.isfinite() & images[draw.partners].isfinite()
    assert mixed[blended & finite].isfinite().all()


@given(recipes(), shapes(least=2), st.sampled_from([torch.float16, torch.bfloat16, torch.uint8]), seeds)
def test_lam_does_not_depend_on_the_dtype_of_images(recipe, shape, dtype, seed):
    draws, targets = [], []
    for kind in (torch.float64, dtype):
        images = torch.zeros(shape, dtype=kind)
        torch.manual_seed(seed)
        mix = recipe.make(num_classes=shape[0])
        draws.append(mix.draw(images))
        torch.manual_seed(seed)
        targets.append(mix(images, torch.arange(shape[0]))[1])
    assert same(*draws)
    assert same(*targets)
    assert targets[0].dtype == torch.float32
    told = targets[1][torch.arange(shape[0]), torch.arange(shape[0])]
    assert torch.equal(told, draws[1].lam)


@st.composite
def box_of(draw, height, width):
    """Any box inside an image, often at its borders, or in the middle."""

    def ends(side):
        end = st.one_of(st.sampled_from([0, side]), st.integers(0, side))
        middle = st.integers(0, side // 2).map(lambda start: (start, side - start))
        return sorted(draw(st.one_of(st.tuples(end, end), middle)))

    (top, bottom), (left, right) = ends(height), ends(width)
    return top, left, bottom, right


@given(
    st.data(), pictures(least=1, dims=(4,)), st.integers(0, 8), fractions, st.sampled_from(sorted(LAYOUTS)), ways, seeds
)
def test_the_kernel_takes_any_draw(data, images, others, opacity, layout, way, seed):
    """Draws made by hand: any partners, oneself among them, from any pool, with any boxes."""
    count, (height, width) = len(images), images.shape[-2:]
    pool = LAYOUTS[layout](numbers(seed, (others + 1, *images.shape[1:]), images.dtype))
    torch.manual_seed(seed)
    few = data.draw(st.lists(box_of(height, width), min_size=1, max_size=4))
    boxes = torch.tensor(few * count)[:count]
    strength = torch.rand(count).where(torch.rand(count) < opacity, 1.0)
    draw = functional.mix_draw(torch.randint(others + 1, (count,)), boxes, (height, width), strength)
    assert isinstance(draw, MixDraw)
    with way:
        found = plain(functional.mix_images(images.as_subclass(torch.Tensor), draw, pool))
    own, partner = plain(images), plain(pool)[draw.partners.numpy()]
    inside = functional.inside_boxes(draw.boxes, (height, width))[:, None].numpy()
    fraction = np.broadcast_to(strength.double().view(-1, 1, 1, 1).numpy(), own.shape)
    assert (found[np.broadcast_to(~inside, own.shape)] == own[np.broadcast_to(~inside, own.shape)]).all()
    pasted = np.broadcast_to(inside, own.shape) & (fraction == 1)
    assert (found[pasted] == partner[pasted]).all()
    blended = np.broadcast_to(inside, own.shape) & (fraction < 1)
    expected = (1 - fraction[blended]) * own[blended].astype(float) + fraction[blended] * partner[blended].astype(float)
    assert_near(found[blended], expected, own[blended], partner[blended], images.dtype)


@given(recipes(probability=st.just(1.0), mix=pasting, most=1), sides, sides, seeds)
def test_unequal_sizes_tell_their_own_fractions(recipe, height, width, seed):
    """CutMix of samples whose sizes differ: what the partner does not cover stays."""
    assume(height > 1)
    data = [(torch.zeros(1, height, width), 0), (torch.ones(1, width, height), 1)]
    torch.manual_seed(seed)
    for mix in (MixDataset(data, recipe.make(num_classes=2)),):
        for i in range(2):
            image, target = mix[i]
            assert image.shape == data[i][0].shape
            assert abs(float(image.mean()) - float(target[1])) < 1e-6
