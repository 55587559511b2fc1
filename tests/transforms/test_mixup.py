"""RandomMixUp: whole images of any shape."""

import torch
from support.batches import IMAGES, LABELS
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import mixes_of, over

from cutmix_transforms import (
    RandomCutMix,
    RandomMixChoice,
    RandomMixUp,
)


def test_mixup_of_what_cannot_be_blended():
    with says(TypeError, ["images", "float or integer", "torch.bool"]):
        RandomCutMix(num_classes=5, opacity=0.5)(IMAGES > 0.5, LABELS)
    with says(TypeError, ["images", "float or integer", "torch.bool"]):
        RandomMixChoice([RandomCutMix(), RandomMixUp()]).draw(IMAGES > 0.5)
    with says(TypeError, ["images", "float or integer", "torch.bool"]):
        RandomMixUp(num_classes=5)(IMAGES > 0.5, LABELS)
    with says(TypeError, ["images", "float or integer", "complex"]):
        RandomMixUp(num_classes=5)(IMAGES + 0j, LABELS)
    with says(ValueError, ["batch dimension", "()"]):
        RandomMixUp(num_classes=5)(torch.tensor(1.0), LABELS)


MIXES = mixes_of("cutmix", "cutmix_inner", "mixup", "choice", num_classes=5)
mixes = over(MIXES)


def test_mixup_takes_any_shape(labels):
    for shape in ((6,), (6, 10), (6, 4, 100), (6, 2, 3, 4, 5, 6)):
        batch = torch.rand(shape)
        mix = RandomMixUp(num_classes=5)
        draw = mix.draw(batch)
        out, _ = mix(batch, labels, draw=draw)
        lam = draw.lam.view(-1, *(1,) * (len(shape) - 1))
        torch.testing.assert_close(out, lam * batch + (1 - lam) * batch[draw.partners])


@mixes
def test_mixup_is_the_whole_image_as_box(make, images):
    draw = RandomMixUp(per_sample=True, p=0.5).draw(images)
    assert draw.boxes.tolist() == [[0, 0, HEIGHT, WIDTH]] * 6
    torch.testing.assert_close(draw.opacity, 1 - draw.lam)


def test_what_is_kept_whole_takes_nothing_of_the_partner():
    """Not even a NaN where ``lam`` is so near to 1 that it is 1 in float32."""
    torch.manual_seed(31)
    images = torch.zeros(2000, 1, 2, 3)
    images[::2] = float("nan")
    mix = RandomMixUp(alpha=0.1, per_sample=True, num_classes=2)
    draw = mix.draw(images)
    mixed, _ = mix(images, torch.arange(2000) % 2, draw=draw)
    is_whole = draw.lam == 1
    assert int(is_whole.sum()) > 50
    assert torch.equal(mixed[is_whole].isnan(), images[is_whole].isnan())
