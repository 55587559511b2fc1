"""Boxes, instance masks and keypoints: checked against the pixels that are really visible.

Every pixel of a sample says whose it is and where it was: channels (sample, row, column). So what is visible of an
instance is read off the mixed image, without a word from the code about boxes or draws.
"""

import math
from itertools import combinations, product

import pytest
import torch
from support.helpers import HEIGHT, WIDTH
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    MixedTarget,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms._structure._instances import Instances, Leaf
from cutmix_transforms._transforms._instances import unite_instances
from cutmix_transforms.functional import (
    Placement,
    View,
    boxes_of_masks,
    join_masks,
    mix_draw,
    mix_images,
    register_instance_kernel,
    register_kernel,
    visible_boxes,
    visible_keypoints,
    visible_mask_share,
)
from cutmix_transforms.functional._draw import HostDraw
from cutmix_transforms.functional._registry import _INSTANCES, _MAPS

FORMATS = ["XYXY", "XYWH", "CXCYWH"]
SIZES = [(HEIGHT, WIDTH), (9, 20), (13, 6)]


def named(sample):
    """All that belongs to the instances."""
    return [value for key, value in sample[1].items() if key in ("labels", "tag", "iscrowd")]


def make_sample(number, size, count, kind="XYXY", *, masks=False, points=False):
    """An image that tells where its pixels are from, and instances whose label is ``1000 * number + index``."""
    height, width = size
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([torch.full_like(rows, number), rows, columns]).float()
    corners = torch.empty(count, 4, dtype=torch.int64)
    for box in corners:
        (box[0], box[2]), (box[1], box[3]) = (torch.randperm(side + 1)[:2].sort()[0] for side in (width, height))
    blobs = torch.zeros(count, height, width, dtype=torch.bool)
    for blob, (left, top, right, bottom) in zip(blobs, corners.tolist(), strict=True):
        blob[top:bottom, left:right] = torch.rand(bottom - top, right - left) < 0.7
        blob[top, left] = blob[bottom - 1, right - 1] = True
    boxes = F.convert_bounding_box_format(corners.double(), tv_tensors.BoundingBoxFormat.XYXY, kind)
    target = {
        "boxes": tv_tensors.BoundingBoxes(boxes, format=kind, canvas_size=size),
        "labels": 1000 * number + torch.arange(count),
        "tag": torch.rand(count),
        "iscrowd": torch.zeros(count, dtype=torch.bool),
        "image_id": number,
    }
    if masks:
        target["masks"] = tv_tensors.Mask(blobs)
    if points:
        xy = torch.rand(count, 4, 2) * torch.tensor([width, height])
        target["keypoints"] = tv_tensors.KeyPoints(xy, canvas_size=size)
    return tv_tensors.Image(image), target


def make_samples(sizes, counts, kind="XYXY", **options):
    return [make_sample(i, size, n, kind, **options) for i, (size, n) in enumerate(zip(sizes, counts, strict=True))]


def corners_of(boxes):
    return F.convert_bounding_box_format(boxes.as_subclass(torch.Tensor), boxes.format, "XYXY").tolist()


def pixels_of(sample, index):
    """The pixels of one instance: of its mask, or else of its rectangle."""
    _, target = sample
    if "masks" in target:
        return {(r, c) for r, c in target["masks"][index].nonzero().tolist()}
    left, top, right, bottom = map(int, corners_of(target["boxes"])[index])
    return {(r, c) for r in range(top, bottom) for c in range(left, right)}


def seen_pixels(image):
    """For each sample that is seen, which of its pixels are seen where: all stay in their places."""
    seen = {}
    for r in range(image.shape[1]):
        for c in range(image.shape[2]):
            number, row, column = map(int, image[:, r, c].tolist())
            assert (row, column) == (r, c)
            seen.setdefault(number, set()).add((r, c))
    return seen


def expected(samples, base, image, min_visibility=0.0):
    """Label, box, mask pixels of all instances that can be seen, the base's first."""
    seen = seen_pixels(image)
    out = []
    for number in [base, *sorted(set(seen) - {base})]:
        for index in range(len(samples[number][1]["labels"])):
            whole = pixels_of(samples[number], index)
            visible = whole & seen.get(number, set())
            if len(visible) > min_visibility * len(whole):
                rows, columns = zip(*visible, strict=True)
                box = (min(columns), min(rows), max(columns) + 1, max(rows) + 1)
                out.append((1000 * number + index, box, visible))
    return out


def check(mixed, samples, base, min_visibility=0.0):
    image, target = mixed
    wanted = expected(samples, base, image, min_visibility)
    assert target["labels"].tolist() == [label for label, _, _ in wanted]
    assert corners_of(target["boxes"]) == [list(box) for _, box, _ in wanted]
    assert target["boxes"].shape == (len(wanted), 4)
    assert tuple(target["boxes"].canvas_size) == tuple(image.shape[-2:])
    assert target["boxes"].format == samples[base][1]["boxes"].format
    areas = [samples[label // 1000][1]["tag"][label % 1000].item() for label, _, _ in wanted]
    assert target["tag"].tolist() == areas
    assert len(target["iscrowd"]) == len(wanted)
    assert target["image_id"] == base
    if "masks" in target:
        assert target["masks"].shape == (len(wanted), *image.shape[-2:])
        assert target["masks"].dtype == torch.bool
        for mask, (_, _, visible) in zip(target["masks"], wanted, strict=True):
            assert set(map(tuple, mask.nonzero().tolist())) == visible
    return len(wanted)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("min_visibility", [0.0, 0.4])
def test_cutmix_shows_what_can_be_seen(kind, masks, min_visibility):
    mix = RandomCutMix(per_sample=True, min_visibility=min_visibility, labels_getter=named)
    collate = MixCollate(mix, collate_fn=list)
    changed = 0
    for _ in range(40):
        samples = make_samples(SIZES, torch.randint(0, 6, (3,)).tolist(), kind, masks=masks)
        for base, mixed in enumerate(collate(samples)):
            assert mixed[0].shape == samples[base][0].shape
            changed += check(mixed, samples, base, min_visibility) != len(samples[base][1]["labels"])
    assert changed > 30


def test_crowds():
    """As many boxes as an aerial photograph has, and as many masks as a picture of cells."""
    for counts, masks in (((574, 61), False), ((125, 37), True)):
        samples = make_samples([(60, 80), (50, 90)], counts, masks=masks)
        for base, mixed in enumerate(MixCollate(RandomCutMix(labels_getter=named), collate_fn=list)(samples)):
            check(mixed, samples, base)


def test_the_usual_collate_of_detection():
    samples = make_samples([(HEIGHT, WIDTH)] * 4, [3, 0, 2, 5], masks=True)
    collate = MixCollate(RandomCutMix(labels_getter=named), collate_fn=lambda batch: tuple(zip(*batch, strict=True)))
    images, targets = collate(samples)
    for base, mixed in enumerate(zip(images, targets, strict=True)):
        check(mixed, samples, base)


def test_data_set():
    samples = make_samples(SIZES * 2, [3, 2, 0, 1, 4, 2], masks=True)
    data = MixDataset(samples, RandomCutMix(labels_getter=named))
    for _ in range(20):
        for base in range(len(samples)):
            check(data[base], samples, base)


def test_workers_give_detection_batches():
    samples = make_samples([(HEIGHT, WIDTH)] * 8, [3, 0, 2, 5, 1, 1, 2, 2], masks=True)
    loader = DataLoader(
        samples, 4, num_workers=2, collate_fn=MixCollate(RandomCutMix(labels_getter=named), collate_fn=list)
    )
    base = 0
    for batch in loader:
        for mixed in batch:
            check(mixed, samples, base)
            base += 1
    assert base == 8


def test_samples_without_instances_stay_valid():
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [0, 0], masks=True, points=True)
    for mix in (RandomCutMix(labels_getter=named), RandomMixUp(labels_getter=named)):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            assert target["boxes"].shape == (0, 4)
            assert target["masks"].shape == (0, HEIGHT, WIDTH)
            assert target["labels"].shape == (0,)
            assert target["keypoints"].shape == (0, 4, 2)


def test_sample_that_loses_all():
    (image, target), other = make_samples([(HEIGHT, WIDTH)] * 2, [2, 0])
    collate = MixCollate(RandomCutMix(ratio=(1, 1), labels_getter=named), collate_fn=list)
    (_, mixed), (_, received) = collate([(image, target), other])
    assert mixed["boxes"].shape == (0, 4)
    assert mixed["labels"].shape == (0,)
    assert torch.equal(received["boxes"], target["boxes"])


def test_another_format_and_dtype_of_the_partner():
    first, second = make_sample(0, (HEIGHT, WIDTH), 0, "XYXY"), make_sample(1, (HEIGHT, WIDTH), 3, "CXCYWH")
    collate = MixCollate(RandomCutMix(ratio=(1, 1), labels_getter=named), collate_fn=list)
    target = collate([first, second])[0][1]
    assert target["boxes"].format == tv_tensors.BoundingBoxFormat.XYXY
    assert target["boxes"].tolist() == corners_of(second[1]["boxes"])


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.float16])
def test_boxes_keep_their_dtype_and_what_is_not_touched(dtype):
    odd = torch.tensor([[1.25, 2.5, 3.75, 16.5]]).to(dtype)
    samples = [
        (
            torch.full((3, HEIGHT, WIDTH), float(i)),
            {"boxes": tv_tensors.BoundingBoxes(odd, format="XYXY", canvas_size=(HEIGHT, WIDTH))},
        )
        for i in range(2)
    ]
    collate = MixCollate(RandomCutMix(alpha=0.5, labels_getter=None, per_sample=True), collate_fn=list)
    seen = 0
    for _ in range(60):
        for i, (image, target) in enumerate(collate(samples)):
            assert target["boxes"].dtype == dtype
            if bool((image[:, 2:, 1:4] == i).all()) and len(target["boxes"]) == 1:
                assert torch.equal(target["boxes"].as_subclass(torch.Tensor), odd)
                seen += 1
    assert seen > 5


def test_boxes_of_fractions_round_their_masks():
    """A side that nothing hides stays where it was, also if it is not that of the mask's pixels."""
    mask = torch.zeros(1, 10, 12, dtype=torch.uint8)
    mask[0, 2:8, 3:9] = 1
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[3.25, 2.5, 8.75, 7.5]]), format="XYXY", canvas_size=(10, 12))
    sample = torch.zeros(3, 10, 12), {"boxes": boxes, "masks": tv_tensors.Mask(mask)}
    empty = torch.ones(3, 10, 12), {"boxes": boxes[:0], "masks": tv_tensors.Mask(mask[:0])}
    empty[1]["boxes"] = tv_tensors.wrap(empty[1]["boxes"], like=boxes)
    collate = MixCollate(RandomCutMix(ratio=(0.5, 0.5), labels_getter=None), collate_fn=list)
    moved = 0
    for _ in range(60):
        image, target = collate([sample, empty])[0]
        visible = (mask[0] == 1) & (image[0] == 0)
        tight = [
            visible.any(0).nonzero()[0],
            visible.any(1).nonzero()[0],
            visible.any(0).nonzero()[-1] + 1,
            visible.any(1).nonzero()[-1] + 1,
        ]
        for side, own, now in zip(tight, boxes[0].tolist(), target["boxes"][0].tolist(), strict=True):
            assert now == (own if abs(int(side) - own) < 1 else int(side))
            moved += now != own
    assert moved > 10


def test_loose_boxes_stay_until_their_mask_is_cut():
    mask = torch.zeros(1, 10, 12, dtype=torch.uint8)
    mask[0, 5, 6] = 1
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[5, 2, 8, 9]]), format="XYXY", canvas_size=(10, 12))
    sample = torch.zeros(3, 10, 12), {"boxes": boxes, "masks": tv_tensors.Mask(mask)}
    other = torch.ones(3, 10, 12), {"boxes": tv_tensors.wrap(boxes[:0], like=boxes), "masks": tv_tensors.Mask(mask[:0])}
    collate = MixCollate(RandomCutMix(alpha=0.5, labels_getter=None), collate_fn=list)
    seen = 0
    for _ in range(60):
        image, target = collate([sample, other])[0]
        assert target["boxes"].tolist() == ([] if image[0, 5, 6] else [[5, 2, 8, 9]])
        seen += bool((image[0, 2, 5:8] == 1).all()) and not image[0, 5, 6]
    assert seen


def test_untouched_boxes_of_other_formats_are_not_rounded():
    """To corners and back they would change in the last digit."""
    corner, sides = torch.tensor([1.1, 2.3], dtype=torch.float64), torch.tensor([3.3, 4.7], dtype=torch.float64)
    assert not torch.equal((corner + sides) - corner, sides)
    own = torch.cat([corner, sides])[None]
    boxes = tv_tensors.BoundingBoxes(own, format="XYWH", canvas_size=(HEIGHT, WIDTH))
    samples = [
        (torch.full((3, HEIGHT, WIDTH), float(i)), {"boxes": boxes, "labels": torch.tensor([i])}) for i in range(2)
    ]
    seen = 0
    for _ in range(40):
        for base, (image, target) in enumerate(MixCollate(RandomCutMix(), collate_fn=list)(samples)):
            if bool((image[0, 2:8, 1:5] == base).all()):
                assert torch.equal(target["boxes"].as_subclass(torch.Tensor), own)
                seen += 1
    assert seen > 10


def test_what_an_empty_sample_is_made_of_does_not_matter():
    full, empty = make_sample(0, (HEIGHT, WIDTH), 3), make_sample(1, (HEIGHT, WIDTH), 0)
    empty[1]["labels"] = torch.tensor([])  # float32
    for samples in ([full, empty], [empty, full]):
        for _, target in MixCollate(RandomMixUp(labels_getter=named), collate_fn=list)(samples):
            assert target["labels"].dtype == torch.int64
            assert target["labels"].tolist() == [0, 1, 2]


def test_instances_know_the_canvas_they_were_united_on():
    first, second = (
        Instances([Leaf(0, make_sample(0, size, 2)[1]["boxes"])], size, (), set())
        for size in ((9, 20), (HEIGHT, WIDTH))
    )
    draw = mix_draw(torch.tensor([0]), torch.tensor([[0, 0, HEIGHT, 20]]), (HEIGHT, 20), opacity=0.5)
    assert unite_instances(first, second, HostDraw.of(draw))[0].canvas_size == (HEIGHT, 20)


def test_types_that_derive_from_torchvisions():
    class MyBoxes(tv_tensors.BoundingBoxes):
        pass

    class MyMask(tv_tensors.Mask):
        pass

    samples = make_samples([(HEIGHT, WIDTH)] * 2, [3, 2], masks=True)
    mine = [
        (image, {**target, "boxes": target["boxes"].as_subclass(MyBoxes), "masks": target["masks"].as_subclass(MyMask)})
        for image, target in samples
    ]
    for (_, target), (_, old) in zip(mine, samples, strict=True):
        target["boxes"].format, target["boxes"].canvas_size = old["boxes"].format, old["boxes"].canvas_size
        target["boxes"].clamping_mode = getattr(old["boxes"], "clamping_mode", "soft")
    for base, mixed in enumerate(MixCollate(RandomCutMix(labels_getter=named), collate_fn=list)(mine)):
        check(mixed, samples, base)
        assert isinstance(mixed[1]["masks"], MyMask)


def test_class_labels_beside_masks():
    """Floats, or a mask for each frame of a video: nothing there is a label of an instance."""
    masks = tv_tensors.Mask(torch.ones(4, HEIGHT, WIDTH, dtype=torch.uint8))
    floats = tv_tensors.Image(torch.rand(3, HEIGHT, WIDTH)), {"masks": masks, "labels": torch.rand(4)}
    video = tv_tensors.Video(torch.rand(4, 3, HEIGHT, WIDTH)), {"masks": masks, "labels": torch.tensor([1, 0, 1, 0])}
    for sample in (floats, video):
        for _, target in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)([sample] * 2):
            assert target["masks"].shape == (4, HEIGHT, WIDTH)
            torch.testing.assert_close(target["labels"], sample[1]["labels"].float())
    instances = floats[0], {"masks": masks, "labels": torch.tensor([1, 0, 1, 0])}
    instances[1]["tag"] = torch.rand(4)
    for _, target in MixCollate(RandomCutMix(labels_getter=named, ratio=(0.5, 0.5)), collate_fn=list)([instances] * 2):
        assert target["masks"].shape == (8, HEIGHT, WIDTH)
        assert target["tag"].tolist() == instances[1]["tag"].tolist() * 2
    for _, target in MixCollate(RandomMixUp(labels_getter=named), collate_fn=list)([instances] * 2):
        assert target["masks"].shape == (8, HEIGHT, WIDTH)


@pytest.mark.parametrize("masks", [False, True])
def test_mixup_unites_with_weights(masks):
    samples = make_samples(SIZES, [3, 0, 2], masks=masks, points=True)
    collate = MixCollate(RandomMixUp(per_sample=True, labels_getter=named), collate_fn=list)
    for _ in range(10):
        for base, (image, target) in enumerate(collate(samples)):
            own = len(samples[base][1]["labels"])
            partners = [
                other
                for other in range(3)
                if max(SIZES[base][0], SIZES[other][0]) == image.shape[1]
                and max(SIZES[base][1], SIZES[other][1]) == image.shape[2]
                and other != base
            ]
            lam = 1 - (image[0, 0, 0].item() - base) / (partners[0] - base)
            other = samples[partners[0]][1]
            assert target["labels"].tolist() == samples[base][1]["labels"].tolist() + other["labels"].tolist()
            assert corners_of(target["boxes"]) == corners_of(samples[base][1]["boxes"]) + corners_of(other["boxes"])
            weights = [lam] * own + [1 - lam] * len(other["labels"])
            torch.testing.assert_close(target["weights"], torch.tensor(weights), atol=1e-5, rtol=0)
            assert target["weights"].dtype == torch.float32
            for name in ("boxes", "keypoints"):
                assert tuple(target[name].canvas_size) == tuple(image.shape[-2:])
            if masks:
                assert target["masks"].shape == (len(weights), *image.shape[-2:])
                sums = samples[base][1]["masks"].sum((1, 2)).tolist() + other["masks"].sum((1, 2)).tolist()
                assert target["masks"].sum((1, 2)).tolist() == sums


@pytest.mark.parametrize("masks", [False, True])
def test_mixup_that_keeps_nothing_of_the_base(masks):
    """A share of exactly 0 is drawn now and then where alpha is small: the union, with weights of 0 and 1."""
    samples = make_samples(SIZES[:2], [2, 3], masks=masks)
    mix = RandomMixUp(labels_getter=named)
    mix.place = lambda numbers, size: Placement(opacity=1.0)
    for base, (image, target) in enumerate(MixCollate(mix, collate_fn=list)(samples)):
        assert image.shape == (3, HEIGHT, 20)
        assert tuple(target["boxes"].canvas_size) == (HEIGHT, 20)
        assert target["weights"].tolist() == [0.0] * (2 + base) + [1.0] * (3 - base)


@pytest.mark.parametrize("make", [RandomCutMix, RandomMixUp])
def test_what_is_mixed_is_no_part_of_the_data_set(make):
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [3, 0], masks=True, points=True)
    before = {k: v.clone() for k, v in samples[0][1].items() if isinstance(v, torch.Tensor)}
    for place in (MixCollate(make(labels_getter=named), collate_fn=list), None):
        mixed = place(samples) if place else [MixDataset(samples, make(labels_getter=named))[i] for i in range(2)]
        for _, target in mixed:
            for key in before:
                target[key].zero_()
        assert all(torch.equal(samples[0][1][k], v) for k, v in before.items())


def test_weights_of_ones_own_count_too():
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [2, 2])
    for _, target in samples:
        target["weights"] = torch.tensor([1, 3])
    for _, target in MixCollate(RandomMixUp(labels_getter=named), collate_fn=list)(samples):
        lam = target["weights"][0].item()
        torch.testing.assert_close(target["weights"], torch.tensor([lam, 3 * lam, 1 - lam, 3 - 3 * lam]))


@pytest.mark.parametrize("options", [{"p": 0.0}, {"eval": True}])
def test_weights_are_ones_where_nothing_is_mixed(options):
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [3, 2])
    mix = RandomMixUp(p=options.get("p", 1.0), labels_getter=named)
    mix.train(not options.get("eval", False))
    for made in (MixCollate(mix, collate_fn=list)(samples), [MixDataset(samples, mix)[i] for i in range(2)]):
        for (image, target), (old, before) in zip(made, samples, strict=True):
            assert torch.equal(image, old)
            assert target["weights"].tolist() == [1.0] * len(before["labels"])
            assert torch.equal(target["boxes"], before["boxes"])
            assert "weights" not in before


def test_a_choice_always_has_weights():
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [3, 2], masks=True)
    mix = RandomMixChoice([RandomCutMix(labels_getter=named), RandomMixUp(labels_getter=named)])
    united = 0
    for _ in range(20):
        for base, (image, target) in enumerate(MixCollate(mix, collate_fn=list)(samples)):
            assert len(target["weights"]) == len(target["labels"])
            if bool((target["weights"] != 1).any()):
                united += 1
            else:
                check((image, target), samples, base)
    assert 8 < united < 32


def test_arrays_are_not_warned_of():
    samples = [
        {"image": image.numpy(), "boxes": target["boxes"], "labels": target["labels"].numpy()}
        for image, target in make_samples([(HEIGHT, WIDTH)] * 2, [3, 3])
    ]
    for target in MixCollate(RandomCutMix(ratio=(1, 1)), collate_fn=list)(samples):
        assert len(target["labels"]) == len(target["boxes"]) == 3
    assert len(RandomCutout(1.0, inside=True)(samples[0] | {"image": torch.rand(3, HEIGHT, WIDTH)})["labels"]) == 0


def test_keypoints_of_the_image_need_no_weights():
    points = tv_tensors.KeyPoints(torch.ones(3, 2), canvas_size=(HEIGHT, WIDTH))
    for _, united in MixCollate(RandomMixUp(), collate_fn=list)([(torch.rand(3, HEIGHT, WIDTH), points)] * 2):
        assert united.shape == (6, 2)


def test_unmixed_samples_are_equal():
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [3, 2], masks=True, points=True)
    for (image, target), old in zip(
        MixCollate(RandomCutMix(p=0, labels_getter=named), collate_fn=list)(samples), samples, strict=True
    ):
        assert torch.equal(image, old[0])
        for key, value in old[1].items():
            assert type(target[key]) is type(value)
            assert torch.equal(torch.as_tensor(target[key]), torch.as_tensor(value))


def test_nothing_is_changed_in_place():
    samples = make_samples(SIZES, [3, 2, 4], masks=True, points=True)
    before = [
        (image.clone(), {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in target.items()})
        for image, target in samples
    ]
    for mix in (RandomCutMix(labels_getter=named), RandomMixUp(labels_getter=named)):
        MixCollate(mix, collate_fn=list)(samples)
        MixDataset(samples, mix)[0]
    for image, target in samples:
        RandomCutout(mask_fill=0, labels_getter=named)((image, target))
    for (image, target), (old, values) in zip(samples, before, strict=True):
        assert torch.equal(image, old)
        assert target.keys() == values.keys()
        assert all(
            torch.equal(target[k], v) if isinstance(v, torch.Tensor) else target[k] == v for k, v in values.items()
        )


# --- keypoints -----------------------------------------------------------------------------------------------------


def points_seen(sample, target):
    """Each point of a mixed sample is marked, or shows a pixel of the sample whose label stands beside it."""
    for label, points in zip(target["labels"].tolist(), target["keypoints"], strict=True):
        for x, y in points.tolist():
            if not math.isnan(x):
                yield label // 1000 == int(sample[0, int(y), int(x)])


def test_keypoints_of_instances():
    marked = shown = 0
    for _ in range(30):
        samples = make_samples(SIZES, [4, 2, 3], points=True)
        collate = MixCollate(RandomCutMix(per_sample=True, labels_getter=named), collate_fn=list)
        for base, (image, target) in enumerate(collate(samples)):
            check((image, target), samples, base)
            assert target["keypoints"].shape == (len(target["labels"]), 4, 2)
            told = list(points_seen(image, target))
            assert all(told)
            shown += len(told)
            originals = [samples[label // 1000][1]["keypoints"][label % 1000] for label in target["labels"].tolist()]
            for now, old in zip(target["keypoints"], originals, strict=True):
                for point, was in zip(now.tolist(), old.tolist(), strict=True):
                    label = (
                        int(image[0, int(was[1]), int(was[0])])
                        if int(was[1]) < image.shape[1] and int(was[0]) < image.shape[2]
                        else -1
                    )
                    if math.isnan(point[0]):
                        marked += 1
                        assert math.isnan(point[1])
                    else:
                        assert point == was
                        assert label >= 0
    assert marked > 50
    assert shown > 50


def test_keypoints_alone_decide_by_their_visible_share():
    for dtype, mark in ((torch.float32, float("nan")), (torch.int64, -1)):
        points = torch.tensor([[[2, 2], [8, 2]], [[2, 8], [2, 8]], [[8, 8], [8, 2]]]).to(dtype)  # (x, y)
        samples = [
            (
                torch.full((3, 10, 10), float(i)),
                {"keypoints": tv_tensors.KeyPoints(points[:n], canvas_size=(10, 10)), "labels": torch.arange(n)},
            )
            for i, n in enumerate((3, 0))
        ]
        for least, kept in ((0.0, {0, 1, 2}), (0.5, {0, 1, 2})):
            collate = MixCollate(RandomCutMix(ratio=(0.5, 0.5), min_visibility=least), collate_fn=list)
            for _ in range(20):
                image, target = collate(samples)[0]
                seen = (image[0][points[..., 1].long(), points[..., 0].long()] == 0).float()  # (3, 2)
                labels = [k for k in sorted(kept) if seen[k].mean() > least]
                assert target["labels"].tolist() == labels
                wanted = points.where(seen.bool()[..., None], mark)[labels]
                torch.testing.assert_close(target["keypoints"].as_subclass(torch.Tensor), wanted, equal_nan=True)


def test_instances_whose_points_are_all_marked():
    """Nothing of them is hidden in the base, and nothing is seen in the patch."""
    points = torch.full((1, 3, 2), float("nan"))
    samples = [
        (
            torch.full((3, 10, 10), float(i)),
            {"keypoints": tv_tensors.KeyPoints(points, canvas_size=(10, 10)), "labels": torch.tensor([i])},
        )
        for i in range(2)
    ]
    for base, (_, target) in enumerate(MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(samples)):
        assert target["labels"].tolist() == [base]


def test_keypoints_of_the_image_keep_their_places():
    """Named points: the base's first, then the partner's, each in its place, none dropped."""
    points = torch.tensor([[1.5, 2.5], [9.0, 3.0], [4.0, 16.9], [5.0, 0.0]])
    samples = [
        (
            torch.full((3, HEIGHT, WIDTH), float(i)),
            {"points": tv_tensors.KeyPoints(points + 0, canvas_size=(HEIGHT, WIDTH)), "labels": torch.arange(4)},
        )
        for i in range(2)
    ]
    collate = MixCollate(RandomCutMix(), collate_fn=list)
    for _ in range(20):
        for base, (image, target) in enumerate(collate(samples)):
            if bool((image == base).all()):
                continue
            assert target["labels"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
            for owner, now, was in zip(
                [base] * 4 + [1 - base] * 4,
                target["points"].tolist(),
                [*points.tolist(), *points.tolist()],
                strict=True,
            ):
                if image[0, int(was[1]), int(was[0])] == owner:
                    assert now == was
                else:
                    assert all(map(math.isnan, now))


def test_points_of_the_image_beside_boxes():
    samples = make_samples([(HEIGHT, WIDTH)] * 2, [2, 3])
    for _, target in samples:
        target["points"] = tv_tensors.KeyPoints(torch.rand(7, 2), canvas_size=(HEIGHT, WIDTH))
    for mix in (RandomCutMix(labels_getter=named), RandomMixUp(labels_getter=named)):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            assert target["points"].shape == (14, 2)
            assert len(target.get("weights", target["labels"])) == len(target["labels"])


# --- cutout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("least", "holes"), [(0.0, 3), (0.6, 1)])
def test_cutout_drops_what_its_holes_hide(masks, kind, least, holes):
    cut = RandomCutout(0.5, holes=holes, fill=-1, mask_fill=0, min_visibility=least, labels_getter=named)
    dropped = marked = 0
    for _ in range(40):
        image, target = make_sample(0, (HEIGHT, WIDTH), 5, kind, masks=masks, points=True)
        if masks:
            target["semantic"] = tv_tensors.Mask(torch.full((HEIGHT, WIDTH), 7))
        out, now = cut((image, target))
        visible = out[0] >= 0
        shares = [
            sum(bool(visible[p]) for p in pixels_of((image, target), i)) / len(pixels_of((image, target), i))
            for i in range(5)
        ]
        kept = [i for i in range(5) if shares[i] > least]
        assert now["labels"].tolist() == kept
        assert now["tag"].tolist() == target["tag"][kept].tolist()
        assert torch.equal(now["boxes"].as_subclass(torch.Tensor), target["boxes"][kept])
        if masks:
            assert torch.equal(now["masks"].as_subclass(torch.Tensor), target["masks"][kept] & visible)
            assert torch.equal(now["semantic"] == 7, visible)
        for i, points in zip(kept, now["keypoints"], strict=True):
            for (x, y), now_xy in zip(target["keypoints"][i].tolist(), points.tolist(), strict=True):
                assert math.isnan(now_xy[0]) == (not visible[int(y), int(x)])
                marked += math.isnan(now_xy[0])
        dropped += 5 - len(kept)
    assert dropped > 10
    assert marked > 10


def test_cutout_leaves_structures_alone_that_it_does_not_touch():
    image, target = make_sample(0, (HEIGHT, WIDTH), 3, masks=True, points=True)
    cut = RandomCutout(p=0, labels_getter=named)
    assert all(cut((image, target))[1][key] is value for key, value in target.items())
    target["boxes"][:] = torch.tensor([0, 0, 1, 1])
    target["keypoints"][:] = 0.5
    del target["masks"]
    for _ in range(20):
        out, now = RandomCutout(1, fill=-1, labels_getter=named)((image, target))
        if out[0, 0, 0] >= 0:
            assert all(now[key] is value for key, value in target.items())


def test_cutout_of_boxes_without_labels():
    image, target = make_sample(0, (HEIGHT, WIDTH), 3)
    boxes = {"image": image, "boxes": target["boxes"]}
    assert len(RandomCutout(1.0, inside=True)(boxes)["boxes"]) == 0
    assert len(RandomCutout(1.0, inside=True, labels_getter=None)(boxes)["boxes"]) == 0
    points = {"image": image, "points": tv_tensors.KeyPoints(torch.rand(3, 2), canvas_size=(HEIGHT, WIDTH))}
    assert RandomCutout(1.0, inside=True)(points)["points"].isnan().all()


# --- kernels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
def test_all_boxes_and_views_of_a_small_image(inside):
    """Whatever edges they share: the tightest box round the pixels that are seen, and their share."""
    size = height, width = 4, 5
    rectangles = [
        (left, top, right, bottom)
        for top, bottom in combinations(range(height + 1), 2)
        for left, right in combinations(range(width + 1), 2)
    ]
    pixels = [set(product(range(left, right), range(top, bottom))) for left, top, right, bottom in rectangles]
    for (left, top, right, bottom), covered in zip(rectangles, pixels, strict=True):
        view = View(torch.tensor([[top, left, bottom, right]]), size, inside)
        boxes, shares = visible_boxes(torch.tensor(rectangles), view)
        for whole, box, share in zip(pixels, boxes.tolist(), shares.tolist(), strict=True):
            seen = whole & covered if inside else whole - covered
            assert math.isclose(share, len(seen) / len(whole), abs_tol=1e-12)
            if seen:
                columns, rows = zip(*seen, strict=True)
                assert box == [min(columns), min(rows), max(columns) + 1, max(rows) + 1]


@pytest.mark.parametrize("inside", [False, True])
def test_shares_of_boxes_are_exact(inside):
    """In twelfths of a pixel, counted one by one; holes overlap."""
    for _ in range(20):
        edges = [torch.randint(side * 12 + 1, (6, 2)).sort(1)[0] for side in (WIDTH, HEIGHT)]
        boxes = torch.stack([edges[0][:, 0], edges[1][:, 0], edges[0][:, 1], edges[1][:, 1]], 1)
        sides = [torch.randint(side + 1, (3, 2)).sort(1)[0] for side in (HEIGHT, WIDTH)]
        holes = torch.stack([sides[0][:, 0], sides[1][:, 0], sides[0][:, 1], sides[1][:, 1]], 1)
        grid = torch.zeros(HEIGHT * 12, WIDTH * 12, dtype=torch.bool)
        for top, left, bottom, right in (holes * 12).tolist():
            grid[top:bottom, left:right] = True
        shares = visible_boxes(boxes.double() / 12, View(holes, (HEIGHT, WIDTH), inside))[1]
        for (left, top, right, bottom), share in zip(boxes.tolist(), shares.tolist(), strict=True):
            inner = grid[top:bottom, left:right]
            covered = inner.double().mean().item() if inner.numel() else 0.0
            assert share == pytest.approx(covered if inside else 1 - covered, abs=1e-9)
            assert (share == 0) == (covered == (0 if inside else 1))


def test_what_lies_outside_of_the_image_cannot_be_seen():
    view = View(torch.tensor([[0, 0, 10, 2]]), (10, 10))
    boxes, share = visible_boxes(torch.tensor([[-4.0, 2, 4, 6], [-4, 2, 2, 6], [6, 6, 20, 20]]), view)
    assert share.tolist() == [0.5, 0.0, 1.0]
    assert boxes[0].tolist() == [2, 2, 4, 6]
    assert boxes[2].tolist() == [6, 6, 20, 20]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_masks_by_loops(dtype):
    masks = (torch.rand(5, 300, 9) < 0.3).to(dtype) * (1 if dtype == torch.bool else 7)
    masks[0] = 1  # more rows than a byte can count
    holes = torch.tensor([[0, 0, 290, 5], [10, 3, 300, 7]])
    for boxes in (holes[:1], holes):
        covered = torch.zeros(300, 9, dtype=torch.bool)
        for top, left, bottom, right in boxes.tolist():
            covered[top:bottom, left:right] = True
        for inside in (False, True):
            share = visible_mask_share(masks, View(boxes, (300, 9), inside))
            seen = (masks != 0) & (covered if inside else ~covered)
            torch.testing.assert_close(share, seen.double().sum((1, 2)) / (masks != 0).sum((1, 2)))
    for mask, box in zip(masks, boxes_of_masks(masks).tolist(), strict=True):
        rows, columns = (mask != 0).nonzero().unbind(1)
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_join_masks_of_unequal_canvases():
    base, partner = (torch.rand(3, 10, 12) < 0.5).byte(), (torch.rand(2, 8, 20) < 0.5).byte()
    out = join_masks(base, partner, torch.tensor([2, 3, 8, 12]), (torch.tensor([0, 2]), torch.tensor([1])))
    for y in range(10):
        for x in range(12):
            inside = 2 <= y < 8 and 3 <= x < 12
            assert out[0, y, x] == (0 if inside else base[0, y, x])
            assert out[1, y, x] == (0 if inside else base[2, y, x])
            assert out[2, y, x] == (partner[1, y, x] if inside else 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
@pytest.mark.parametrize("inside", [False, True])
def test_points_are_seen_where_their_pixel_is(dtype, inside):
    """Every point of a grid that reaches beyond the image; what lies on the far border is in the last pixel."""
    size, mark = (5, 4), (torch.tensor(float("nan")) if dtype.is_floating_point else torch.tensor(-1))
    boxes = [(0, 1, 2, 3), (3, 2, 5, 4), (4, 0, 5, 1)]
    grid = [(x, y) for x in range(-3, 8) for y in range(-3, 8)]
    points = torch.tensor(grid, dtype=dtype).view(11, 11, 2)
    found, seen = visible_keypoints(points, View(torch.tensor(boxes), size, inside))
    for (x, y), told, is_seen in zip(grid, found.view(-1, 2), seen.flatten().tolist(), strict=True):
        column, row = (3 if x == 4 else x), (4 if y == 5 else y)
        covered = any(top <= row < bottom and left <= column < right for top, left, bottom, right in boxes)
        is_marked = dtype == torch.int64 and (x, y) == (-1, -1)
        assert is_seen == (covered == inside and not is_marked), (x, y)
        wanted = torch.tensor([x, y]).to(dtype) if is_seen else mark.expand(2)
        assert torch.equal(told.nan_to_num(nan=-99), wanted.nan_to_num(nan=-99))


def test_marked_points_stay_marked():
    points = torch.tensor([[float("nan"), float("nan")], [3.0, 3.0]])
    for inside in (False, True):
        now, seen = visible_keypoints(points, View(torch.tensor([[0, 0, 9, 9]]), (9, 9), inside))
        assert seen.tolist() == [False, inside]
        assert now.isnan().all(1).tolist() == [True, not inside]


def test_a_kernel_of_ones_own():
    class Depth(tv_tensors.TVTensor):
        pass

    class Heights(tv_tensors.TVTensor):
        pass

    try:

        @register_kernel(Depth)
        def mix_depth(depth, draw, others):
            covered = draw.opacity[:, None, None] * (1 - draw.lam[:, None, None])
            return depth * (1 - covered) + others[draw.partners] * covered

        @register_instance_kernel(Heights)
        def measure(heights, view):
            return heights + (1 if view.inside else 0), None

        depth = Depth(torch.arange(4.0)[:, None, None].expand(4, HEIGHT, WIDTH).clone())
        images = torch.rand(4, 3, HEIGHT, WIDTH)
        mix = RandomCutMix(labels_getter=None)
        draw = mix.draw(images)
        _, mixed = mix(images, depth, draw=draw)
        assert type(mixed) is Depth
        wanted = torch.arange(4.0) * draw.lam + draw.partners * (1 - draw.lam)
        torch.testing.assert_close(mixed.mean((1, 2)).as_subclass(torch.Tensor), wanted)

        samples = make_samples([(HEIGHT, WIDTH)] * 2, [2, 2])
        for i, (_, target) in enumerate(samples):
            target["heights"] = Heights(torch.full((2,), 10 * i))
        for _, target in MixCollate(RandomCutMix(labels_getter=named), collate_fn=list)(samples):
            assert type(target["heights"]) is Heights
            told = {0: {0, 1}, 1: {10, 11}}
            for label, height in zip(target["labels"].tolist(), target["heights"].tolist(), strict=True):
                assert height in told[label // 1000]
    finally:
        _MAPS.pop(Depth, None)
        _INSTANCES.pop(Heights, None)


@pytest.mark.parametrize("categorical", [False, True])
def test_classes_of_a_kernel_of_ones_own_are_not_blended(categorical):
    class Zones(tv_tensors.TVTensor):
        pass

    try:
        register_kernel(Zones, categorical=categorical)(mix_images)
        zones = Zones(torch.arange(4)[:, None, None].expand(4, HEIGHT, WIDTH).clone())
        if categorical:
            with pytest.raises(ValueError, match="target must be 'pair'"):
                RandomMixUp(labels_getter=None)(torch.rand(4, 3, HEIGHT, WIDTH), zones)
        pair = RandomMixUp(labels_getter=None, target="pair")(torch.rand(4, 3, HEIGHT, WIDTH), zones)[1]
        assert isinstance(pair, MixedTarget) == categorical
    finally:
        _MAPS.pop(Zones, None)
