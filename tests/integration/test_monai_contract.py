"""What users of MONAI's ``MixUp``, ``CutMix`` and ``CutOut`` rely on, in two and in three dimensions."""

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from support.peers import images_of
from torchvision import tv_tensors

from cutmix_transforms import RandomCutMix, RandomCutout, RandomMixUp

DIMS = pytest.mark.parametrize("sides", [(HEIGHT, WIDTH), (5, HEIGHT, WIDTH)], ids=["2d", "3d"])


@DIMS
def test_mixup_weighs_every_sample_for_itself(sides):
    images = images_of(shape=(6, 3, *sides))
    mix = RandomMixUp(per_sample=True, labels_getter=None)
    draw = mix.draw(images)
    weights = (1 - draw.opacity).view(-1, *(1,) * (len(sides) + 1))
    wanted = weights * images + (1 - weights) * images[draw.partners]
    torch.testing.assert_close(mix(images, draw=draw), wanted, rtol=0, atol=1e-7)
    assert len(set(weights.flatten().tolist())) == 6
    for count in (5, 1):  # there the size of a batch is an option, and another one an error
        assert mix(images[:count]).shape == (count, 3, *sides)


@pytest.mark.parametrize("make", [RandomMixUp, RandomCutMix])
def test_a_negative_alpha_is_an_error(make):
    with pytest.raises(ValueError, match=r"alpha .* -0.5"):
        make(alpha=-0.5)


@DIMS
def test_cutmix_changes_something_and_keeps_shapes(sides):
    images = images_of(shape=(6, 3, *sides))
    mix = RandomCutMix(labels_getter=None, dims=len(sides), ratio=(0.2, 0.8))
    for _ in range(10):
        mixed = mix(images)
        assert mixed.shape == images.shape
        assert not torch.equal(mixed, images)


def test_two_images_of_one_sample_are_mixed_alike():
    """Keys of a dictionary there; here what is a ``tv_tensors.Image``."""
    image = tv_tensors.Image(images_of())
    for mix in (RandomMixUp(labels_getter=None, per_sample=True), RandomCutMix(labels_getter=None, per_sample=True)):
        mixed = mix({"a": image, "b": tv_tensors.Image(image.clone()), "age": 50})
        assert torch.equal(mixed["a"], mixed["b"])
        assert mixed["age"] == 50


@pytest.mark.parametrize("sides", [(HEIGHT, WIDTH), (5, HEIGHT, WIDTH)], ids=["2d", "3d"])
def test_label_maps_are_pasted_with_the_box(sides):
    """There they are averaged by the fraction of the area, or cut like images, which cannot both be right."""
    images = torch.arange(6.0).view(-1, 1, *(1,) * len(sides)).expand(6, 3, *sides).contiguous()
    maps = images[:, 0].long()
    mix = RandomCutMix(dims=len(sides), ratio=(0.3, 0.6), labels_getter=lambda batch: (batch["one"], batch["two"]))
    mixed = mix({"image": images, "one": maps, "two": maps[:, None]})
    assert torch.equal(mixed["one"], mixed["image"][:, 0].long())
    assert torch.equal(mixed["two"], mixed["image"][:, :1].long())
    assert not torch.equal(mixed["one"], maps)


@DIMS
def test_cutout_has_holes_of_their_own_for_each_image(sides):
    images = images_of(shape=(6, 3, *sides)) + 1
    cut = RandomCutout(0.5, inside=True, dims=len(sides))(images)
    assert cut.shape == images.shape
    holes = {tuple(hole.flatten().tolist()) for hole in cut[:, 0] == 0}
    assert len(holes) > 1
    assert torch.equal(cut[cut != 0], images[cut != 0])
