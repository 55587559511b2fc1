"""Properties of recognition: whatever lies wherever in a batch or sample, it is mixed right, left alone or an error."""

from collections import Counter
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.expected import check_batch, check_bits, check_sample
from support.helpers import look
from support.nests import CONTAINERS, OTHERS, Poison, batch_of, nodes, plans, samples_of, turned, wild_plans
from support.recognition import IMAGE, LABEL, LEFT, MASK, image_of, roles, walk, walk_like
from support.strategies import seeds

from cutmix_transforms import MixCollate, MixDataset, MixedTarget, RandomCutMix, RandomMixUp

pytestmark = pytest.mark.slow

fewer = settings(max_examples=settings.default.max_examples * 2 // 5)  # each case is large
counts = st.integers(2, 4)
poisons = st.none() | st.builds(Poison, st.integers(0, 1), st.sampled_from([float("nan"), float("inf"), -float("inf")]))


class Options(NamedTuple):
    kind: type
    per_sample: bool
    p: float
    target: str

    def make(self, plan, **more):
        ratio = {"ratio": (0.2, 0.7)} if self.kind is RandomCutMix else {}
        target = "pair" if self.blends and plan.has_masks else self.target
        return self.kind(
            **ratio, per_sample=self.per_sample, p=self.p, target=target, num_classes=plan.num_classes, **more
        )

    @property
    def blends(self):
        return self.kind is RandomMixUp


options = st.builds(
    Options,
    st.sampled_from([RandomCutMix, RandomMixUp]),
    st.booleans(),
    st.sampled_from([0.5, 1.0, 1.0]),
    st.sampled_from(["soft", "soft", "pair"]),
)


def as_list(samples):
    return samples


@given(plans(), options, counts, seeds, poisons)
def test_what_has_to_be_mixed_is_mixed_and_nothing_else(plan, option, count, seed, poison):
    """No such batch is an error; what ``p`` leaves alone has nothing of a partner's, though that is NaN or infinite."""
    batch, mix = batch_of(plan.root, count, poison), option.make(plan)
    before = look_at(batch)
    torch.manual_seed(seed)
    draw = mix.draw(torch.as_tensor(image_of(batch, roles(batch, is_sample=False))))
    torch.manual_seed(seed)
    out = mix(batch)
    assert look_at(batch) == before
    check_batch(batch, out, mix, draw, blends=option.blends)
    assert_same(mix(batch, draw=draw), out)


def look_at(batch):
    return {path: look(leaf) for path, leaf in walk(batch).items()}


def assert_same(one, other):
    for (path, a), (again, b) in zip(walk(one).items(), walk(other).items(), strict=True):
        assert path == again
        if isinstance(a, torch.Tensor):
            check_bits(a, b)
        else:
            assert a is b or look(a) == look(b)


def test_anything_else_beside_it_is_mixed_left_alone_or_an_error():
    """Nothing that has the images' N, H and W stays behind. Errors draw nothing and change nothing."""
    seen = Counter()

    @given(wild_plans(), options, st.sampled_from([3, 3, 4]))
    def check(plan, option, count):
        batch, mix = batch_of(plan.root, count), option.make(plan)
        before, state = look_at(batch), torch.get_rng_state()
        try:
            out = mix(batch)
        except (TypeError, ValueError):
            assert torch.equal(torch.get_rng_state(), state)
            seen["error"] += 1
        else:
            torch.set_rng_state(state)
            image = image_of(batch, roles(batch, is_sample=False))
            if image is None:  # an array in its place, and it in the label's
                assert option.blends
                return
            draw = mix.draw(torch.as_tensor(image))
            check_batch(batch, out, mix, draw, blends=option.blends)
            seen["mixed"] += 1
        assert look_at(batch) == before

    check()
    assert min(seen.values()) > sum(seen.values()) / 10, seen


# --- samples ---------------------------------------------------------------------------------------------------------


@fewer
@given(plans(), options, counts, seeds, poisons)
def test_samples_are_mixed_alike(plan, option, count, seed, poison):
    """In the collate function, kept apart, and in a dataset, whose draws are those of a batch of one draw."""
    samples, mix = samples_of(plan.root, count, poison), option.make(plan)
    batch = batch_of(plan.root, count)
    images = torch.as_tensor(image_of(batch, roles(batch, is_sample=False)))
    torch.manual_seed(seed)
    draw = mix.draw(images)
    torch.manual_seed(seed)
    for i, out in enumerate(MixCollate(mix, collate_fn=as_list)(samples)):
        check_sample(samples, i, draw.partners[i].item(), out, mix, draw, blends=option.blends)
    if not option.per_sample:
        data = MixDataset(samples, mix)
        for i in range(count):
            torch.manual_seed(seed)
            check_sample(samples, i, draw.partners[i].item(), data[i], mix, draw, blends=option.blends)


stackable = plans(others=tuple(OTHERS))


@fewer
@given(stackable, options, counts, seeds)
def test_three_places_agree_bit_for_bit(plan, option, count, seed):
    """A batch made before, the same mixed while it is collated, and sample by sample."""
    data_classes = {node.kind for node in nodes(plan.root)} & {"data", "frozen"}
    samples, batch, mix = samples_of(plan.root, count), batch_of(plan.root, count), option.make(plan)
    torch.manual_seed(seed)
    wanted = mix(batch)
    found = {}
    if not data_classes:  # which default_collate does not take
        torch.manual_seed(seed)
        found["collate"] = walk_like(batch, MixCollate(mix)(samples))
    what = roles(batch, is_sample=False)
    for path, leaf in walk_like(batch, wanted).items():
        if what[path] != LEFT and "collate" in found:
            for a, b in zip(fields(found["collate"][path]), fields(leaf), strict=True):
                assert type(a) is type(b)
                check_bits(a, b)
    torch.manual_seed(seed)
    apart = MixCollate(mix, collate_fn=as_list)(samples)
    for i in range(count):
        places = [apart[i]]
        if not option.per_sample:
            torch.manual_seed(seed)
            places.append(MixDataset(samples, mix)[i])
        for sample in places:
            one = walk_like(samples[i], sample)
            for path, leaf in walk_like(batch, wanted).items():
                if what[path] != LEFT:
                    for a, b in zip(fields(one[path]), fields(leaf), strict=True):
                        check_bits(a, b[i])


@fewer
@given(plans(in_dictionary=True), options, counts, seeds)
def test_the_order_of_keys_plays_no_part(plan, option, count, seed):
    samples, mix = samples_of(plan.root, count), option.make(plan)
    others = [turned(sample) if i % 2 else sample for i, sample in enumerate(samples)]
    found = []
    for some in (samples, others):
        torch.manual_seed(seed)
        found.append([*MixCollate(mix, collate_fn=as_list)(some), *(MixDataset(some, mix)[i] for i in range(count))])
    for one, other in zip(*found, strict=True):
        for path, leaf in walk_like(samples[0], one).items():
            for a, b in zip(fields(leaf), fields(walk_like(samples[0], other)[path]), strict=True):
                assert look(a) == look(b)


def fields(leaf):
    return leaf if isinstance(leaf, MixedTarget) else (leaf,)


@pytest.mark.filterwarnings("ignore:.* has one row per instance")
def test_anything_else_in_samples_is_mixed_left_alone_or_an_error():
    seen = Counter()

    @given(wild_plans(), options, seeds)
    def check(plan, option, seed):
        samples, mix = samples_of(plan.root, 3), option._replace(per_sample=False).make(plan)
        before = look_at(samples)
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        try:
            out = MixDataset(samples, mix)[0]
        except (TypeError, ValueError):
            seen["error"] += 1
            return
        finally:
            assert look_at(samples) == before
        if any(type(leaf).__name__ == "BoundingBoxes" for leaf in walk(samples[0]).values()):
            seen["boxes"] += 1  # see test_instances.py
            return
        torch.set_rng_state(state)
        what = roles(samples[0], is_sample=True)
        if image_of(samples[0], what) is None:
            assert option.blends
            return
        draw = mix.draw(torch.stack([torch.as_tensor(image_of(one, what)) for one in samples]))
        check_sample(samples, 0, draw.partners[0].item(), out, mix, draw, blends=option.blends)
        seen["mixed"] += 1

    check()
    assert min(seen["error"], seen["mixed"]) > sum(seen.values()) / 10, seen


def test_plans_reach_everything():
    """The properties above say little of what is never drawn."""
    kinds = Counter()

    @fewer
    @given(plans())
    def count(plan):
        kinds.update({node.kind for node in nodes(plan.root)})
        kinds.update(roles(batch_of(plan.root, 2), is_sample=False).values())

    count()
    assert min(kinds[name] for name in (*CONTAINERS, IMAGE, MASK, LABEL, LEFT)) > 5
