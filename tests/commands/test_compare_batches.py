"""The batches that compare trains with: a function of seed and epoch, augmented as told, mixed on the way."""

import pytest
import torch
from PIL import Image
from support.compare_cases import load
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import RandomCutMix
from cutmix_transforms._commands._compare import _batches, _data
from cutmix_transforms._commands._compare._ranks import Place

HERE = Place(0, 1, torch.device("cpu"))


def batches_of(data, augment="crop", batch_size=16, place=HERE, workers=0):
    return _batches.of(data, augment, batch_size, place=place, workers=workers)


def epoch(batches, seed=0, number=0, mix=None):
    torch.manual_seed(5)
    return [(images.clone(), target) for images, target in batches.epoch(seed, number, mix)]


def same(one, other):
    return all(torch.equal(a, b) for both in zip(one, other, strict=True) for a, b in zip(*both, strict=True))


@pytest.fixture(params=["held", "loaded"])
def data(request, pictures, monkeypatch):
    if request.param == "loaded":
        monkeypatch.setattr(_data, "HELD", 0)
    found = load(pictures, 60)
    assert (found.train.held is None) == (request.param == "loaded")
    return found


def test_an_epoch_is_a_function_of_its_seed_and_number(data):
    batches, mix = batches_of(data), RandomCutMix(num_classes=3)
    assert len(batches) == 3  # 60 images, batches of 16: a short one is left out
    assert same(epoch(batches, 1, 2, mix), epoch(batches_of(data), 1, 2, mix))
    others = [epoch(batches, *which) for which in ((1, 2), (1, 3), (2, 2))]
    for i, one in enumerate(others):
        assert [(images.shape, images.dtype) for images, _ in one] == [((16, 3, 28, 28), torch.uint8)] * 3
        assert not any(same(one, other) for other in others[:i])


def test_mixes_of_one_seed_get_the_same_images(data):
    batches = batches_of(data, "flip")
    seen = []

    def look(images, labels):
        seen.append((images.clone(), labels))
        return RandomCutMix(num_classes=3)(images, labels)

    mixed = epoch(batches, mix=look)
    plain = epoch(batches)
    assert [sorted(labels.tolist()) for _, labels in seen] == [sorted(labels.tolist()) for _, labels in plain]
    if data.train.held is not None:
        assert same(seen, plain)
    assert all(targets.shape == (16, 3) for _, targets in mixed)


def test_workers_make_the_batches_that_the_main_process_makes(pictures, monkeypatch):
    monkeypatch.setattr(_data, "HELD", 0)
    data, mix = load(pictures, 60), RandomCutMix(num_classes=3)
    assert same(epoch(batches_of(data, workers=2), mix=mix), epoch(batches_of(data), mix=mix))


def test_ranks_divide_the_images_evenly_and_none_sees_those_of_another():
    orders = [_batches.Order(50, 8, Place(rank, 3, torch.device("cpu"))) for rank in range(3)]
    found = [torch.cat(order.batches(torch.Generator().manual_seed(1))) for order in orders]
    assert [len(order) for order in orders] == [2, 2, 2]
    assert [len(one) for one in found] == [16, 16, 16]
    assert len(torch.cat(found).unique()) == 48
    alone = _batches.Order(5, 8, HERE)  # a short batch is not left out if it is the only one
    assert [len(one) for one in alone.batches(torch.Generator())] == [5] == [5] * len(alone)


@pytest.mark.parametrize("size", [64, 65])
@pytest.mark.parametrize("is_held", [True, False], ids=["kept", "read"])
def test_images_are_augmented_as_told(pictures, size, is_held, monkeypatch):
    if not is_held:
        monkeypatch.setattr(_data, "HELD", 0)
    data = load(pictures, 9, size)
    with Image.open(data.train.labelled[4][0]) as picture:
        enlarged = F.pil_to_tensor(F.resize(picture.convert("RGB"), size))

    def shown(augment, count):
        """All that is made of one of the images."""
        monkeypatch.setattr(_batches.Order, "batches", lambda *_: [torch.tensor([4])] * count)
        return [images[0] for images, labels in epoch(batches_of(data, augment))]

    assert all(torch.equal(one, enlarged) for one in shown("none", 3))
    ways = [
        next(i for i, way in enumerate((enlarged, enlarged.flip(2))) if torch.equal(one, way))
        for one in shown("flip", 20)
    ]
    assert set(ways) == {0, 1}
    crops = shown("crop", 400 if size <= 64 else 20)
    assert len(torch.stack(crops).flatten(1).unique(dim=0)) > 0.7 * len(crops)
    if size > 64:
        return
    padded = F.pad(enlarged, [8])
    views = {key(padded[:, top : top + 64, left : left + 64]) for top in range(17) for left in range(17)}
    assert all(key(one) in views or key(one.flip(2)) in views for one in crops)
    assert 100 < sum(key(one) in views for one in crops) < 300  # the others are flipped


def key(image):
    return image.contiguous().numpy().tobytes()


def test_what_is_tested_on_is_whole_and_chosen(data):
    chosen = [0, 3, 40]
    found = list(_batches.to_test(data.test, data.size, chosen, device=torch.device("cpu"), workers=0))
    for i, image, label in zip(chosen, *map(torch.cat, zip(*found, strict=True)), strict=True):
        path, expected = data.test.labelled[i]
        with Image.open(path) as picture:
            assert torch.equal(image, F.pil_to_tensor(picture.convert("RGB")))
        assert label == expected
