"""Which items are images; what fits them and is none is an error that names it."""

import numpy as np
import pytest
import torch
from support.batches import CLASSES, COUNT, IMAGES, LABELS, MASKS
from support.helpers import HEIGHT, WIDTH, says
from support.mixes import MIXES, mixes
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixUp,
)

cutmix = MIXES["cutmix_ratio"]


def samples_of(batch):
    return [{key: value[i] for key, value in batch.items()} for i in range(COUNT)]


def test_a_mask_before_the_image_is_not_taken_for_it():
    out = cutmix(num_classes=CLASSES)({"mask": MASKS[:, None], "image": IMAGES, "label": LABELS})
    assert torch.equal(out["mask"].float(), out["image"][:, :1])


BANDS = torch.rand(COUNT, 5, HEIGHT, WIDTH)
LEFT = {
    "segmentation": {"image": IMAGES, "segmentation": MASKS, "label": LABELS},
    "label_map_deep": {"image": IMAGES, "meta": [{"label_map": MASKS}], "label": LABELS},
    "beside_an_image": {"image": tv_tensors.Image(IMAGES), "plain": IMAGES.clone(), "label": LABELS},
    "smaller_beside_an_image": {"image": tv_tensors.Image(IMAGES), "plain": IMAGES[..., :5], "label": LABELS},
    "depth_before": {"depth": IMAGES[:, :1], "image": IMAGES, "label": LABELS},
    "array": {"image": IMAGES, "depth": IMAGES[:, 0].numpy(), "label": LABELS},
    "mask_third": (IMAGES, LABELS, MASKS),
    "mask_second": (IMAGES, MASKS, LABELS),
    "label_after_a_mask": (IMAGES, tv_tensors.Mask(MASKS), LABELS),
    "label_after_an_image": (tv_tensors.Image(IMAGES), tv_tensors.Image(IMAGES), LABELS),
    "label_after_a_dictionary": (IMAGES, {"mask": tv_tensors.Mask(MASKS)}, LABELS),
    "channels_last": {"image": IMAGES, "seg": torch.rand(COUNT, HEIGHT, WIDTH, 7), "label": LABELS},
    "mask_with_channels_last": {"image": IMAGES, "mask": torch.rand(COUNT, HEIGHT, WIDTH, 7), "label": LABELS},
    "small_depth_before": {"depth": IMAGES[:, :1, :6, :5], "image": IMAGES, "label": LABELS},
    "bytes_of_another_size": {"thumb": IMAGES[..., :6, :5].byte(), "image": IMAGES, "label": LABELS},
    "features_before": {"features": torch.rand(COUNT, 8, 3, 3), "image": IMAGES, "label": LABELS},
    "another_view": {"image": IMAGES, "small": IMAGES[..., :5], "label": LABELS},
    "another_view_of_five_bands": {"image": BANDS, "small": BANDS[..., :5], "label": LABELS},
}


@mixes
def test_features_beside_an_image_are_no_image(make):
    for features in (torch.rand(COUNT, 5, 9, 7, dtype=torch.float64), torch.rand(COUNT, 6, 9, 7)):
        assert (
            make(num_classes=CLASSES)({"image": BANDS, "features": features, "label": LABELS})["features"] is features
        )


@mixes
@pytest.mark.parametrize("form", LEFT)
def test_what_fits_the_images_is_an_error_that_names_it(make, form):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"inputs(\[|\.)") as caught:
        make(num_classes=CLASSES)(LEFT[form])
    assert "labels_getter" in str(caught.value)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("form", [form for form in LEFT if isinstance(LEFT[form], dict) and "deep" not in form])
def test_what_fits_the_image_of_a_sample_is_an_error_too(form):
    samples = samples_of(
        {key: torch.as_tensor(value) if isinstance(value, np.ndarray) else value for key, value in LEFT[form].items()}
    )
    samples = [
        {
            key: tv_tensors.Image(value) if isinstance(LEFT[form][key], tv_tensors.Image) else value
            for key, value in sample.items()
        }
        for sample in samples
    ]
    mix = cutmix(num_classes=CLASSES)
    for call in (MixCollate(mix), MixCollate(mix, collate_fn=list), lambda some: MixDataset(some, mix)[0]):
        with pytest.raises(ValueError, match="must not be left unmixed"):
            call(samples)


def test_the_label_map_can_be_named_or_wrapped():
    batch = {"image": IMAGES, "seg": MASKS, "label": LABELS}
    named = RandomCutMix(num_classes=CLASSES, ratio=(0.3, 0.6), labels_getter=lambda one: (one["label"], one["seg"]))
    wrapped = cutmix(num_classes=CLASSES)
    for out in (named(batch), wrapped({**batch, "seg": tv_tensors.Mask(MASKS)})):
        assert torch.equal(out["seg"].as_subclass(torch.Tensor).float(), out["image"][:, 0])


def test_ids_before_a_gray_image_are_not_blended():
    gray, ids = torch.rand(4, 28, 20), torch.arange(4)
    out = RandomMixUp(num_classes=4)({"id": ids, "image": gray, "label": torch.arange(4)})
    assert out["id"] is ids
    assert not torch.equal(out["image"], gray)


def test_several_tensors_to_blend_are_an_error():
    batch = {"a": torch.rand(4, 5), "b": torch.rand(4, 7), "label": torch.arange(4)}
    with says(ValueError, ["inputs['a']", "inputs['b']", "tv_tensors.Image"]):
        RandomMixUp(num_classes=4)(batch)


@pytest.mark.parametrize("shape", [(4,), (4, 9)])
def test_tokens_are_not_averaged(shape):
    tokens = torch.randint(100, shape)
    with says(TypeError, ["embedded first", "torch.int64"]):
        RandomMixUp(num_classes=4)(tokens, torch.arange(4))


def test_integers_with_height_and_width_are_blended():
    """A gray image of a batch without channels, or a spectrogram."""
    gray = torch.randint(256, (4, 17, 11), dtype=torch.uint8)
    out, pair = RandomMixUp(target="pair")((gray, torch.arange(4)))
    assert not torch.equal(out, gray)
    torch.testing.assert_close(
        out, (gray * pair.lam[0] + gray[pair.b] * (1 - pair.lam[0])).round().to(torch.uint8), rtol=0, atol=1
    )
    with says(TypeError, ["embedded first", "torch.uint8"]):
        RandomMixUp()({"x": gray[:, 0], "label": torch.eye(4)})


def test_embeddings_are_blended():
    tokens = torch.rand(4, 9, 6)
    out, _ = RandomMixUp(num_classes=4)(tokens, torch.arange(4))
    assert not torch.equal(out, tokens)


@pytest.mark.parametrize("shape", [(4, 17, 11, 3), (4, 17, 11, 1), (4, 2, 17, 11, 3)])
def test_channels_last_axis(shape):
    images = torch.rand(shape)
    for call in (lambda: RandomCutMix(num_classes=4)(images, torch.arange(4)), lambda: RandomCutout()(images)):
        with says(ValueError, ["channels", "v2.ToImage()", str(shape)]):
            call()
    out, _ = RandomMixUp(num_classes=4)(images, torch.arange(4))  # whole images have no height and width
    assert out.shape == shape


def test_several_plain_images_in_cutout_are_an_error():
    with says(ValueError, ["tv_tensors.Image", "inputs[1]"]):
        RandomCutout(4)(IMAGES, IMAGES.clone(), LABELS)


def test_channels_last_and_first_side_by_side():
    """MixUp takes both, but not one of them."""
    batch = {"image": torch.rand(4, 17, 11, 3), "label": torch.arange(4)}
    mix = RandomMixUp(num_classes=4)
    for other in (torch.rand(4, 2, 17, 11).double(), torch.ones(4, 17, 11, dtype=torch.int64)):
        with says(ValueError, ["inputs['depth']", "left unmixed"]):
            mix({**batch, "depth": other})
        samples = [{"image": batch["image"][i], "label": i, "depth": other[i]} for i in range(4)]
        with says(ValueError, ["inputs['depth']", "left unmixed"]):
            MixDataset(samples, mix)[0]


@mixes
def test_a_mask_of_another_size_is_an_error(make):
    """By its name it is none of what may be left alone; of what is no image nothing is said."""
    batch = {"image": IMAGES, "mask": torch.zeros(COUNT, 8, 5, dtype=torch.int64), "label": LABELS}
    samples = [{"image": image, "mask": batch["mask"][i], "label": 0} for i, image in enumerate(IMAGES)]
    mix = make(num_classes=CLASSES)
    for call in (lambda: mix(batch), lambda: MixCollate(mix)(samples), lambda: MixDataset(samples, mix)[0]):
        with pytest.raises(ValueError, match=r"inputs.'mask'. must have the height and width .*8, 5"):
            call()
    assert mix({**batch, "mask": torch.ones(COUNT, 9)})["mask"].shape == (COUNT, 9)
    tokens = {"x": torch.rand(COUNT, 9, 6), "mask": torch.ones(COUNT, 1, 9), "label": LABELS}
    assert RandomMixUp(num_classes=CLASSES)(tokens)["mask"] is tokens["mask"]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_no_images_and_pass_through_beside_them(layout):
    nested = torch.nested.nested_tensor([torch.rand(5, 2, 3), torch.rand(4, 2, 3)], layout=layout)
    for call in (lambda: RandomCutMix(num_classes=2)(nested, torch.arange(2)), lambda: RandomCutout()(nested)):
        with says(TypeError, ["images", "dense", "nested"]):
            call()
    batch = {"image": IMAGES[:2], "label": torch.arange(2), "tokens": nested}
    assert RandomCutMix(num_classes=2)(batch)["tokens"] is nested
    assert RandomCutout(mask_fill=1)(batch)["tokens"] is nested


def test_the_error_for_images_without_channels_is_about_them_and_not_about_numbers_beside_them():
    batch = {"id": torch.arange(COUNT), "image": IMAGES[:, 0], "label": LABELS}
    with says(ValueError, ["images", "(6, 17, 11)", "images[:, None]"]):
        RandomCutMix(num_classes=CLASSES)(batch)


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, HEIGHT, WIDTH), (4, HEIGHT, WIDTH)])
@pytest.mark.parametrize("key", ["mask", "depth"])
def test_masks_of_height_and_width_beside_volumes_are_not_left_unmixed(shape, key):
    batch = {"image": torch.rand(4, 1, 5, HEIGHT, WIDTH), "label": torch.arange(4), key: torch.zeros(4, *shape)}
    mix = RandomCutMix(dims=3, num_classes=4)
    samples = [{name: value[i] for name, value in batch.items()} for i in range(4)]
    for call in (lambda: mix(batch), lambda: MixCollate(mix)(samples), lambda: MixDataset(samples, mix)[0]):
        with pytest.raises(ValueError, match=rf"inputs\['{key}'\]"):
            call()


@mixes
@pytest.mark.parametrize("key", ["mask", "depth"])
def test_a_list_with_one_mask_for_each_image_is_not_left_unmixed(make, key):
    batch = {"image": IMAGES, "label": LABELS, key: [torch.zeros(HEIGHT, WIDTH) for _ in IMAGES]}
    with says(ValueError, [f"inputs['{key}'][0]", "torch.stack"]):
        make(num_classes=CLASSES)(batch)
    batch[key] = [torch.zeros(3) for _ in IMAGES]
    assert make(num_classes=CLASSES)(batch)[key] is batch[key]
    mask = torch.zeros(HEIGHT, WIDTH)
    for listed in ([{"seg": mask} for _ in IMAGES], [[mask] for _ in IMAGES]):
        with says(ValueError, [f"inputs['{key}'][0]", "torch.stack"]):
            make(num_classes=CLASSES)({**batch, key: listed})


@mixes
@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 3), (4, 4, 4), (3, 4, 4), (3, 3, 4)])
def test_matrices_of_cameras_are_no_images(make, shape):
    batch = {"image": IMAGES, "camera": torch.rand(COUNT, *shape), "label": LABELS}
    mix = make(num_classes=CLASSES)
    assert mix(batch)["camera"] is batch["camera"]
    samples = [{key: value[i] for key, value in batch.items()} for i in range(COUNT)]
    assert MixDataset(samples, mix)[0]["camera"] is samples[0]["camera"]


def test_a_region_for_the_whole_batch_passes_as_the_third_of_three_arguments():
    region = torch.ones(HEIGHT, WIDTH)
    assert RandomCutMix(num_classes=3)(IMAGES[:3], torch.arange(3), region)[2] is region
