"""What hypothesis draws: batches of every form, labels, and mixes with any options; numbers come from a seed."""

from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from support.helpers import FLOATS, INTEGERS
from torchvision import tv_tensors

from cutmix_transforms import RandomCutMix, RandomMixChoice, RandomMixUp

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 40)
counts = st.integers(0, 33)
probabilities = st.sampled_from([0.0, 0.4, 1.0])
fractions = st.floats(0, 1, width=32)
ranges = st.tuples(fractions, fractions).map(lambda pair: tuple(sorted(pair)))
alphas = st.sampled_from([0.05, 0.2, 0.5, 1.0, 3.0, 20.0])
dtypes = st.sampled_from([*FLOATS, *INTEGERS])


def source(seed):
    return torch.Generator().manual_seed(seed)


def numbers(seed, shape, dtype):
    """Floats around 0, and integers over the whole range of their dtype, its ends among them."""
    if dtype.is_floating_point:
        return torch.randn(shape, generator=source(seed)).to(dtype)
    signed = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}.get(dtype)
    bits = torch.randint(-(2**63), 2**63 - 1, shape, generator=source(seed))
    ends = bits.where(bits % 11 != 0, -1 if signed else torch.iinfo(dtype).max)
    return ends.to(signed).view(dtype) if signed else ends.to(dtype)  # older torch cannot do more with unsigned types


LAYOUTS = {
    "contiguous": lambda images: images,
    "channels_last": lambda images: images.movedim(-3, -1).contiguous().movedim(-1, -3),
    "transposed": lambda images: images.mT.contiguous().mT,
    "every second column of more": lambda images: images.repeat_interleave(2, -1)[..., ::2],
    "a part of more": lambda images: torch.cat([images[:1], images])[1:],
    "one channel for all": lambda images: images[..., :1, :, :].expand(images.shape),
}


@st.composite
def shapes(draw, *, least=0, dims=(4, 5)):
    frames = (draw(st.integers(1, 3)),) if draw(st.sampled_from(dims)) == 5 else ()
    return (draw(st.integers(least, 33)), *frames, draw(st.integers(1, 4)), draw(sides), draw(sides))


@st.composite
def pictures(draw, *, least=0, dims=(4, 5)):
    """Images or videos with random pixels, laid out in memory in some way, as a plain tensor or a tv_tensor."""
    shape = draw(shapes(least=least, dims=dims))
    plain = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](numbers(draw(seeds), shape, draw(dtypes)))
    if draw(st.booleans()):
        return plain
    return tv_tensors.wrap(plain, like=tv_tensors.Video(plain) if len(shape) == 5 else tv_tensors.Image(plain))


class Labels(NamedTuple):
    """Labels, and what a mix has to know of them."""

    values: torch.Tensor
    num_classes: int | None


@st.composite
def labels(draw, count):
    """Class indices, rows (one-hot, multi-hot or soft) and single values."""
    kind, classes, seed = draw(st.sampled_from(["classes", "rows", "values"])), draw(st.integers(1, 12)), draw(seeds)
    if kind == "values":
        return Labels(torch.rand(count, generator=source(seed)).to(draw(st.sampled_from(FLOATS))), None)
    dtype = draw(st.sampled_from([torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]))
    if kind == "classes":
        return Labels(torch.randint(classes, (count,), generator=source(seed)).to(dtype), classes)
    rows = torch.rand(count, classes, generator=source(seed))
    form = draw(st.sampled_from([*FLOATS, dtype, torch.bool]))
    values = rows.to(form) if form.is_floating_point else (rows > 0.6).to(form)
    return Labels(values, draw(st.sampled_from([None, classes])))


@st.composite
def cutmix_options(draw):
    options: dict[str, Any] = {"alpha": draw(alphas)}
    if draw(st.booleans()):
        options["ratio"] = draw(ranges)
    else:
        options["majority"] = draw(st.booleans())
    options["opacity"] = draw(st.one_of(st.just(1.0), fractions, ranges))
    return options


mixup_options = st.fixed_dictionaries({"alpha": alphas, "majority": st.booleans()})
one_mix = st.one_of(st.tuples(st.just(RandomCutMix), cutmix_options()), st.tuples(st.just(RandomMixUp), mixup_options))


class Recipe(NamedTuple):
    """A mix before it is made: all that make it, and a draw of one, print and shrink well."""

    children: list[Any]
    weights: list[float]
    per_sample: bool
    p: float

    def make(self, *, generator=None, **common):
        mixes = [kind(**options, **common, p=self.p, per_sample=self.per_sample) for kind, options in self.children]
        if len(mixes) > 1:
            return RandomMixChoice(mixes, weights=self.weights, per_sample=self.per_sample, generator=generator)
        kind, options = self.children[0]
        return kind(**options, **common, p=self.p, per_sample=self.per_sample, generator=generator)

    def pastes(self):
        """Whether nothing is blended."""
        return all(kind is RandomCutMix and options["opacity"] == 1 for kind, options in self.children)


@st.composite
def recipes(draw, *, probability=probabilities, mix=one_mix, most=3):
    children = draw(st.lists(mix, min_size=1, max_size=most))
    weights = draw(st.lists(st.floats(0.1, 5), min_size=len(children), max_size=len(children)))
    return Recipe(children, weights, draw(st.booleans()), draw(probability))


pasting = st.tuples(st.just(RandomCutMix), cutmix_options().map(lambda options: {**options, "opacity": 1.0}))


class Batch(NamedTuple):
    """A container of a user's own."""

    image: Any
    label: Any


CONTAINERS = {
    "arguments": (lambda x, y: (x, y), lambda out: (out[0], out[1])),
    "tuple": (lambda x, y: ((x, y),), lambda out: (out[0], out[1])),
    "list": (lambda x, y: ([x, y],), lambda out: (out[0], out[1])),
    "named tuple": (lambda x, y: (Batch(x, y),), lambda out: (out.image, out.label)),
    "mapping": (lambda x, y: ({"id": KEPT, "Label": y, "image": x},), lambda out: (out["image"], out["Label"])),
    "second": (lambda x, y: (x, {"targets": y, "id": KEPT}), lambda out: (out[0], out[1]["targets"])),
    "nested": (lambda x, y: (({"view": x}, {"label": y}),), lambda out: (out[0]["view"], out[1]["label"])),
}
KEPT = object()
