"""A whole step of training at once: in a region of autocast, in half precision, and compiled into one graph."""

import copy
import shutil

import pytest
import torch
from support.mixes import mixes_of, over
from support.toys import COUNT, PICTURES, agree, assert_same_weights, network, soft, train_by_hand
from torch import nn
from torch._dynamo.utils import counters
from torch.nn.utils import parameters_to_vector

from cutmix_transforms import MixedLoss, RandomCutMix, RandomMixChoice, RandomMixUp

LABELS = torch.arange(COUNT)
BACKEND = "inductor" if shutil.which("c++") else "aot_eager"
MIXES = mixes_of("cutmix_ratio", "mixup", "choice", num_classes=COUNT)
mixes = over(MIXES)


# --- autocast --------------------------------------------------------------------------------------------------------


@mixes
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])
def test_nothing_is_rounded_by_autocast(make, dtype, per_sample):
    """The same bits as outside: of images, of soft targets and of fractions, all of which stay float32."""
    for target in ("soft", "pair"):
        mix = make(per_sample=per_sample, target=target)
        torch.manual_seed(3)
        wanted = mix(PICTURES, LABELS)
        torch.manual_seed(3)
        with torch.autocast("cpu", dtype):
            got = mix(PICTURES, LABELS)
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)
        assert (got[1] if target == "soft" else got[1].lam).dtype == torch.float32
        assert agree(got[0], soft(got[1])) < 1


@mixes
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_images_have_exact_targets(make, dtype):
    """Images keep their dtype; what they were mixed with is known to more digits than they have."""
    mix = make(per_sample=True)
    draw = mix.draw(PICTURES)
    _, wanted = mix(PICTURES, LABELS, draw=draw)
    with torch.autocast("cpu", dtype):
        images, targets = mix(PICTURES.to(dtype), LABELS, draw=draw)
    assert images.dtype == dtype
    assert torch.equal(targets, wanted)
    exact, _ = mix(PICTURES.to(dtype).float(), LABELS, draw=draw)
    assert torch.equal(images, exact.to(dtype))  # rounded once


@pytest.mark.parametrize("target", ["soft", "pair"])
def test_a_step_under_autocast(target):
    """The layers calculate in bfloat16, the loss in float32, and the weights come near those of a step without."""
    model, mix = network(), RandomCutMix(num_classes=COUNT if target == "soft" else None, target=target)
    before, optimizer = copy.deepcopy(model), torch.optim.SGD(model.parameters(), 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        images, targets = mix(PICTURES, LABELS)
        logits = model(images)
        loss = MixedLoss(nn.CrossEntropyLoss())(logits, targets)
    assert logits.dtype == torch.bfloat16
    loss.backward()
    optimizer.step()
    assert loss.dtype == torch.float32
    rows = soft(targets).float()
    exact = -(rows * logits.float().log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, exact)
    (wanted,), trained = train_by_hand(before, [(images, rows)], 0.5)
    assert loss.item() == pytest.approx(wanted, rel=1e-2)
    start, end, exact = (parameters_to_vector(one.parameters()) for one in (before, model, trained))
    assert (end - exact).norm() < 0.05 * (exact - start).norm()


# --- torch.compile ---------------------------------------------------------------------------------------------------


@pytest.fixture
def _forget():
    torch._dynamo.reset()
    counters.clear()


def compiled_steps(seed, *, whole):
    """Three steps of a training whose forward pass, or all of it, is compiled; batches as the graph mixed them."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    mixes = [RandomCutMix(num_classes=COUNT, ratio=(0.2, 0.8)), RandomMixUp(num_classes=COUNT)]
    mix = RandomMixChoice(mixes, generator=generator)
    model, criterion = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)

    def forward(images, labels):
        mixed, targets = mix(images, labels)
        return criterion(model(mixed), targets), mixed, targets

    def step(images, labels):
        loss, mixed, targets = forward(images, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach(), mixed, targets

    if whole:
        step = torch.compile(step, backend=BACKEND)
    else:
        forward = torch.compile(forward, fullgraph=True, backend=BACKEND)
    losses, *batches = zip(*(step(PICTURES[i : i + 8], LABELS[i : i + 8]) for i in (0, 8, 16)), strict=True)
    return model, [loss.item() for loss in losses], list(zip(*batches, strict=True))


# The backward pass is not part of a graph; torch itself then looks at the gradient of the loss between two graphs.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.usefixtures("_forget")
@pytest.mark.parametrize("whole", [False, True], ids=["forward", "whole"])
@pytest.mark.parametrize("seed", [None, 7], ids=["global", "generator"])
def test_compiled_training(seed, whole):
    """Fresh draws in every step, targets that agree with the pixels, and the steps of SGD by hand."""
    model, losses, batches = compiled_steps(seed, whole=whole)
    fractions = [agree(*batch) for batch in batches]
    assert max(fractions) < 1
    assert len(set(fractions)) == 3
    wanted, trained = train_by_hand(network(), batches, 0.5)
    assert losses == pytest.approx(wanted, rel=1e-5)
    assert_same_weights(model, trained, rtol=1e-4, atol=1e-6)
    if not whole:
        assert counters["stats"]["unique_graphs"] == 1
