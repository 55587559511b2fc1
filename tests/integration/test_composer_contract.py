"""What users of composer's ``CutMix`` and ``MixUp`` rely on: any box and any partners may be passed in."""

import pytest
import torch
from support.peers import images_of
from torch.nn import functional as F

from cutmix_transforms import MixedLoss, RandomCutMix, RandomMixUp
from cutmix_transforms.functional import mix_draw

COUNT, CHANNELS, HEIGHT, WIDTH, CLASSES = 7, 11, 3, 5, 10
IMAGES = images_of(shape=(COUNT, CHANNELS, HEIGHT, WIDTH)) - 0.5
LABELS = torch.tensor([3, 1, 4, 1, 5, 9, 2])
PERMUTATIONS = [torch.tensor(order) for order in ([6, 0, 1, 2, 3, 4, 5], [2, 1, 0, 3, 6, 5, 4], [*range(7)])]


@pytest.mark.parametrize("partners", PERMUTATIONS, ids=lambda order: str(order.tolist()))
@pytest.mark.parametrize("alpha", [0.2, 1.0])
@pytest.mark.parametrize("form", [{}, {"ratio": (0.2, 0.9)}], ids=["area", "uniform"])
def test_cutmix_pixel_by_pixel(partners, alpha, form):
    """Rows before columns, though both are small and different, and the fraction is what was really pasted."""
    mix = RandomCutMix(num_classes=CLASSES, alpha=alpha, **form)
    draw = mix.draw(IMAGES)._replace(partners=partners)
    images, targets = mix(IMAGES, LABELS, draw=draw)
    top, left, bottom, right = draw.boxes[0].tolist()
    lam = 1 - (bottom - top) * (right - left) / (HEIGHT * WIDTH)
    for i, j in enumerate(partners.tolist()):
        for y in range(HEIGHT):
            for x in range(WIDTH):
                source = j if top <= y < bottom and left <= x < right else i
                assert torch.equal(images[i, :, y, x], IMAGES[source, :, y, x])
        for k in range(CLASSES):
            wanted = lam * (k == LABELS[i]) + (1 - lam) * (k == LABELS[j])
            assert targets[i, k].item() == pytest.approx(float(wanted), abs=1e-6)


@pytest.mark.parametrize("partners", PERMUTATIONS, ids=lambda order: str(order.tolist()))
def test_mixup_by_a_coefficient_that_is_passed_in(partners):
    """Its coefficient is the partner's fraction."""
    for mixing in (0.0, 0.3, 1.0):
        whole = torch.tensor([[0, 0, HEIGHT, WIDTH]] * COUNT)
        draw = mix_draw(partners, whole, (HEIGHT, WIDTH), opacity=mixing)
        images, target = RandomMixUp(target="pair")(IMAGES, LABELS, draw=draw)
        torch.testing.assert_close(images, (1 - mixing) * IMAGES + mixing * IMAGES[partners])
        assert torch.equal(target.b, LABELS[partners] if mixing else LABELS)
        torch.testing.assert_close(target.lam, torch.full((COUNT,), 1 - mixing))


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])
def test_interpolated_losses(make):
    """``interpolate_loss=True`` there is a pair and ``MixedLoss`` here."""
    logits = images_of(1, shape=(COUNT, CLASSES))
    _, target = make(target="pair")(IMAGES, LABELS)
    lam = target.lam[0]
    wanted = lam * F.cross_entropy(logits, target.a) + (1 - lam) * F.cross_entropy(logits, target.b)
    torch.testing.assert_close(MixedLoss(torch.nn.CrossEntropyLoss())(logits, target), wanted)
    soft = lam * F.one_hot(target.a, CLASSES) + (1 - lam) * F.one_hot(target.b, CLASSES)
    torch.testing.assert_close(F.cross_entropy(logits, soft), wanted)


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])
def test_a_batch_of_one_pixel(make):
    """Nothing to mix it with: it stays, with its target in the usual form."""
    images, targets = make(num_classes=CLASSES)(torch.ones(1, 1, 1, 1), torch.tensor([2]))
    assert torch.equal(images, torch.ones(1, 1, 1, 1))
    assert torch.equal(targets, F.one_hot(torch.tensor([2]), CLASSES).float())
