"""All transforms inside torch.compile: one graph, none anew from batch to batch, draws of the right distribution."""

import copy
import shutil

import pytest
import torch
from scipy import stats
from support.helpers import HEIGHT, WIDTH
from support.mixes import mixes_of, over
from support.oracles import constant_images
from torch._dynamo.utils import counters
from torchvision.transforms import v2

from cutmix_transforms import RandomCutMix, RandomCutout, RandomMixUp

MIXES = mixes_of("cutmix", "cutmix_ratio", "cutmix_blended", "mixup", "choice", num_classes=16)
mixes = over(MIXES)
generators = pytest.mark.parametrize("seed", [None, 7], ids=["global", "generator"])
each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
BACKEND = "inductor" if shutil.which("c++") else "aot_eager"


@pytest.fixture(autouse=True)
def _forget():
    torch._dynamo.reset()
    counters.clear()


def generator_of(seed):
    return None if seed is None else torch.Generator().manual_seed(seed)


@pytest.mark.slow
@mixes
@generators
@each
def test_one_graph_for_all_batches(make, seed, per_sample):
    """Varying boxes, ``p`` below 1 and switched later, a shorter last batch; pixels and targets agree."""
    mix = make(per_sample=per_sample, generator=generator_of(seed))
    compiled = torch.compile(mix, fullgraph=True, backend="eager", dynamic=True)
    seen = set()
    for count, p in ((16, 1.0), (16, 1.0), (16, 0.5), (5, 0.5), (16, 1.0), (3, 1.0)):
        mix.p = p
        images = constant_images(count, 1, HEIGHT, WIDTH)
        mixed, targets = compiled(images, torch.arange(count))
        torch.testing.assert_close(mixed.mean((1, 2, 3)), targets[:, :count] @ torch.arange(float(count)))
        seen |= {targets.square().sum().item()} if p == 1 else set()
    assert counters["stats"]["unique_graphs"] == 1
    assert len(seen) >= 3
    mix.p = 0
    assert torch.equal(compiled(images, torch.arange(3))[0], images)


@pytest.mark.slow
@generators
def test_by_default_one_more_graph_for_batches_of_any_size(seed):
    mix = RandomCutMix(num_classes=16, generator=generator_of(seed))
    compiled = torch.compile(mix, fullgraph=True, backend="eager")
    for count in (16, 16, 7, 16, 5, 3):
        compiled(torch.rand(count, 3, HEIGHT, WIDTH), torch.arange(count))
    assert counters["stats"]["unique_graphs"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("cutmix", None), ("mixup", None), ("choice", None), ("cutmix_blended", 7)])
def test_pipeline(name, seed):
    """With torchvision's own transforms in one graph, and the code that the compiler writes."""
    steps = [
        MIXES[name](generator=generator_of(seed)),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5], [0.25]),
    ]
    compiled = torch.compile(v2.Compose(steps), fullgraph=True, backend=BACKEND)
    images = constant_images(6, 1, HEIGHT, WIDTH, dtype=torch.uint8) * 40
    seen = set()
    for _ in range(3):
        mixed, targets = compiled(images, torch.arange(6))
        pixels = (mixed * 0.25 + 0.5) * 255
        # MixUp rounds the pixels of integer images
        torch.testing.assert_close(
            pixels.mean((1, 2, 3)), targets[:, :6] @ torch.arange(0.0, 240, 40), atol=0.51, rtol=0
        )
        seen.add(targets[0, 0].item())
    assert len(seen) == 3
    assert counters["stats"]["unique_graphs"] == 1


@pytest.mark.slow
@generators
def test_distribution_inside_a_compiled_graph(seed):
    mix = RandomMixUp(alpha=0.4, target="pair", per_sample=True, generator=generator_of(seed))
    compiled = torch.compile(mix, fullgraph=True, backend=BACKEND)
    rounds = [compiled(torch.zeros(20_000, 1, 1, 1), torch.arange(20_000))[1] for _ in range(2)]
    assert not torch.equal(rounds[0].lam, rounds[1].lam)
    assert not torch.equal(rounds[0].b, rounds[1].b)
    assert stats.kstest(rounds[1].lam.double().numpy(), stats.beta(0.4, 0.4).cdf).pvalue > 1e-4


def test_generator_gives_the_numbers_of_the_plain_call():
    """Also in a graph draws come from the generator, in its order; only the arithmetic may differ in the last digit."""
    images, labels = torch.rand(6, 3, HEIGHT, WIDTH), torch.arange(6)
    for make in (MIXES["cutmix"], MIXES["mixup"], MIXES["choice"]):
        compiled = torch.compile(make(generator=generator_of(3)), fullgraph=True, backend="eager")
        plain = make(generator=generator_of(3))
        for _ in range(3):
            torch.testing.assert_close(compiled(images, labels), plain(images, labels))


@generators
def test_cutout(seed):
    holes = RandomCutout(5, fill="random", generator=generator_of(seed))
    compiled = torch.compile(holes, fullgraph=True, backend="eager")
    images = torch.rand(6, 3, HEIGHT, WIDTH)
    first, second = compiled(images), compiled(images)
    assert not torch.equal(first, second)
    assert 0.5 < (first == images).float().mean() < 1


@pytest.mark.slow
@generators
def test_two_calls_in_one_graph_draw_twice(seed):
    """The compiler may take equal operations for one, but not those that draw."""
    mix = RandomMixUp(num_classes=6, generator=generator_of(seed))
    images, labels = torch.rand(6, 3, HEIGHT, WIDTH), torch.arange(6)
    weight = torch.ones(1, requires_grad=True)

    def two_views(images):
        return mix(images, labels)[0] * weight, mix(images, labels)[0] * weight

    assert not torch.equal(*torch.compile(two_views, fullgraph=True, backend="aot_eager")(images))


def test_a_copy_draws_from_its_own_generator():
    original = RandomMixUp(num_classes=6, generator=generator_of(3))
    other = copy.deepcopy(original)
    images, labels = torch.rand(6, 3, HEIGHT, WIDTH), torch.arange(6)
    compiled = torch.compile(other, fullgraph=True, backend="eager")(images, labels)
    torch.testing.assert_close(compiled, original(images, labels))  # the original's first numbers are still there
    torch.testing.assert_close(other(images, labels), original(images, labels))
