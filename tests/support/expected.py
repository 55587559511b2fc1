"""What a mix has to make of a nest, by its draw: written again, pixel by pixel, over plain numbers."""

import math

import torch
from support.recognition import (
    IMAGE,
    LABEL,
    LEFT,
    MASK,
    children,
    fits,
    image_of,
    roles,
    walk,
    walk_like,
)

from cutmix_transforms import MixedTarget


def lam_of(box, opacity, size):
    top, left, bottom, right = box
    return 1 - opacity * (bottom - top) * (right - left) / (size[0] * size[1])


def mixed_pixels(own, other, box, opacity):
    """The pixels of one sample, one by one; what an opacity of 0 covers takes nothing, not even NaN."""
    top, left, bottom, right = box
    flat = [one.reshape(-1, *own.shape[-2:]).tolist() for one in (own, other)]
    for channel, theirs in zip(*flat, strict=True):
        for y in range(top, bottom):
            for x in range(left, right):
                a, b = channel[y][x], theirs[y][x]
                channel[y][x] = a if opacity == 0 else b if opacity == 1 else (1 - opacity) * a + opacity * b
    is_exact = opacity in (0, 1)
    return torch.tensor(flat[0], dtype=own.dtype if is_exact else torch.float64).view(own.shape)


def numbers_of(label):
    """A label as a tensor, of the dtype that ``default_collate`` gives it."""
    return torch.tensor(label, dtype=torch.float64) if isinstance(label, float) else torch.as_tensor(label)


def soft(label, num_classes):
    """A label as the row or number that is mixed."""
    values = numbers_of(label)
    if values.ndim == 0 and not values.is_floating_point():
        return torch.tensor([float(k == int(values)) for k in range(num_classes)])
    return values if values.is_floating_point() else values.float()


def mixed_label(own, other, lam):
    values = [one.reshape(-1).tolist() for one in (own, other)]
    row = [a if lam == 1 else b if lam == 0 else lam * a + (1 - lam) * b for a, b in zip(*values, strict=True)]
    return torch.tensor(row, dtype=own.dtype).view(own.shape)


# --- checks -----------------------------------------------------------------------------------------------------------


def check_numbers(got, wanted):
    """As near as float arithmetic comes, and what is not finite at the same places."""
    assert got.shape == wanted.shape
    got, wanted = got.as_subclass(torch.Tensor), wanted.as_subclass(torch.Tensor)
    if wanted.dtype == got.dtype and not wanted.is_floating_point():
        assert torch.equal(got, wanted)
        return
    finite = wanted.isfinite()
    assert torch.equal(got.double().isfinite(), finite)
    step = 0.5005 if not got.is_floating_point() else 1e-6  # integers are rounded
    assert (got.double() - wanted.double())[finite].abs().le(step).all()


def check_bits(got, wanted):
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    torch.testing.assert_close(
        got.as_subclass(torch.Tensor), wanted.as_subclass(torch.Tensor), rtol=0, atol=0, equal_nan=True
    )


def check_pixels(got, own, other, box, opacity):
    wanted = mixed_pixels(own.as_subclass(torch.Tensor), other.as_subclass(torch.Tensor), box, opacity)
    assert got.dtype == own.dtype
    (check_bits if opacity in (0, 1) else check_numbers)(got, wanted)


def check_mask(got, own, other, box, opacity, *, blends, i=None):
    """Classes are pasted, or kept in a pair; floats are mixed as pixels are."""
    if own.is_floating_point() or not blends:
        check_pixels(got if i is None else got[i], own, other, box, opacity)
        return
    first, second, lam = got if i is None else (field[i] for field in got)
    assert isinstance(got, MixedTarget)
    check_bits(first, own if opacity < 1 else other)
    check_bits(second, other if opacity > 0 else own)
    assert abs(float(lam) - (1 - opacity)) < 1e-6


def check_label(got, own, other, lam, target, num_classes, i=None):
    if target == "pair":
        assert isinstance(got, MixedTarget)
        first, second, fraction = got if i is None else (field[i] for field in got)
        check_bits(first, numbers_of(own))
        check_bits(second, numbers_of(own if lam == 1 else other))
        assert math.isclose(float(fraction), lam, rel_tol=0, abs_tol=1e-6)
        return
    wanted = mixed_label(soft(own, num_classes), soft(other, num_classes), lam)
    row = got if i is None else got[i]
    assert row.dtype == wanted.dtype
    (check_bits if lam in (0, 1) else check_numbers)(row, wanted)


def check_same_containers(before, after, changed, path=()):
    """The same kind of container everywhere, and the identical one where nothing in it has changed."""
    found = children(before)
    if found is None:
        return
    assert type(before) is type(after)
    assert [key for key, _ in found] == [key for key, _ in children(after)]
    if not any(one[: len(path)] == path for one in changed):
        assert before is after
    for (key, child), (_, other) in zip(found, children(after), strict=True):
        if (*path, key) not in changed:
            check_same_containers(child, other, changed, (*path, key))


# --- whole batches and samples ----------------------------------------------------------------------------------------


def row(leaf, i):
    return leaf[i] if isinstance(leaf, torch.Tensor) else torch.from_numpy(leaf)[i]


def classes_of(mix, what):
    """How many classes each label has, in the order in which labels are found: none of a dense one."""
    paths = [path for path, role in what.items() if role == LABEL]
    numbers = mix.num_classes if isinstance(mix.num_classes, tuple) else (mix.num_classes,) * len(paths)
    return dict.fromkeys(paths) | dict(zip(paths, numbers, strict=False))


def check_type(got, leaf, role):
    """Images and masks keep their type, in a pair too; arrays become tensors, and labels are targets."""
    fields = got[:2] if isinstance(got, MixedTarget) else (got,)
    kept = type(leaf) if role != LABEL and isinstance(leaf, torch.Tensor) else torch.Tensor
    assert all(type(one) is kept for one in fields)


def check_batch(batch, out, mix, draw, *, blends):
    """Every leaf of a mixed batch is what the draw makes of it, by what it is."""
    before, after = walk(batch), walk_like(batch, out)
    what = roles(batch, is_sample=False)
    assert IMAGE in what.values()
    count = len(draw.partners)
    opacities, boxes = draw.opacity.tolist(), draw.boxes.tolist()
    classes = classes_of(mix, what)
    for path, leaf in before.items():
        if what[path] == LEFT:
            assert after[path] is leaf
            assert not fits(leaf, image_of(batch, what), count, is_sample=False), path
            continue
        for i, j in enumerate(draw.partners.tolist()):
            own, other = row(leaf, i), row(leaf, j)
            if what[path] == IMAGE:
                check_pixels(after[path][i], own, other, boxes[i], opacities[i])
            elif what[path] == MASK:
                check_mask(after[path], own, other, boxes[i], opacities[i], blends=blends, i=i)
            else:
                check_label(
                    after[path], own, other, lam_of(boxes[i], opacities[i], draw.size), mix.target, classes[path], i
                )
        check_type(after[path], leaf, what[path])
    check_same_containers(batch, out, {path for path in before if what[path] != LEFT})


def check_own_memory(got, leaf):
    """Nothing of a dataset's is handed out."""
    for one in (got if isinstance(got, MixedTarget) else (got,)) if isinstance(leaf, torch.Tensor) else ():
        assert one.data_ptr() != leaf.data_ptr()


def check_sample(samples, i, j, out, mix, draw, *, blends):
    """Every leaf of a mixed sample is what its draw makes of it and of its partner's."""
    own, other = walk(samples[i]), walk(samples[j])
    after, what = walk_like(samples[i], out), roles(samples[i], is_sample=True)
    opacity, box = draw.opacity[i].item(), draw.boxes[i].tolist()
    classes = classes_of(mix, what)
    for path, leaf in own.items():
        if what[path] == LEFT:
            assert after[path] is leaf
            assert not fits(leaf, image_of(samples[i], what), 1, is_sample=True), path
            continue
        check_own_memory(after[path], leaf)
        if what[path] == IMAGE:
            check_type(after[path], leaf, IMAGE)
            check_pixels(after[path], torch.as_tensor(leaf), torch.as_tensor(other[path]), box, opacity)
        elif what[path] == MASK:
            check_type(after[path], leaf, MASK)
            check_mask(after[path], torch.as_tensor(leaf), torch.as_tensor(other[path]), box, opacity, blends=blends)
        else:
            check_label(after[path], leaf, other[path], lam_of(box, opacity, draw.size), mix.target, classes[path])
    check_same_containers(samples[i], out, {path for path in own if what[path] != LEFT})
