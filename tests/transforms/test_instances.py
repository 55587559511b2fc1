"""Boxes, instance masks and keypoints, against the pixels that are really visible."""

import math

import pytest
import torch
from support.batches import IMAGES
from support.helpers import HEIGHT, WIDTH, says, slow_but
from support.scenes import FORMATS, SIZES, corners_of, make_sample, make_samples, named, pixels_of
from support.structures import boxes_of, detection
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from cutmix_transforms import (
    MixCollate,
    MixDataset,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
)
from cutmix_transforms._structure._instances import Instances, Leaf
from cutmix_transforms._transforms._instances import unite_instances
from cutmix_transforms.functional import (
    Placement,
    mix_draw,
)
from cutmix_transforms.functional._draw import HostDraw


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


@pytest.mark.parametrize("kind", slow_but(["XYXY"], FORMATS))
@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("min_visibility", [0.0, 0.4])
def test_cutmix_shows_what_can_be_seen(kind, masks, min_visibility):
    mix = RandomCutMix(per_sample=True, min_visibility=min_visibility, labels_getter=named)
    collate = MixCollate(mix, collate_fn=list)
    changed = 0
    for _ in range(15):
        samples = make_samples(SIZES, torch.randint(0, 6, (3,)).tolist(), kind, masks=masks)
        for base, mixed in enumerate(collate(samples)):
            assert mixed[0].shape == samples[base][0].shape
            changed += check(mixed, samples, base, min_visibility) != len(samples[base][1]["labels"])
    assert changed > 11


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
    """A fraction of exactly 0 is drawn now and then where alpha is small: the union, with weights of 0 and 1."""
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


def test_keypoints_alone_decide_by_their_visible_fraction():
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


@pytest.mark.parametrize(
    "mix", [RandomCutMix(ratio=(0.2, 0.9), min_visibility=0.5), RandomCutout(0.6, min_visibility=0.5)]
)
def test_boxes_decide_before_keypoints_in_whatever_order(mix):
    """The points are where their box is not, so that both would decide differently."""
    boxes = boxes_of([0, 0, 5, 17], [6, 0, 11, 17])
    points = tv_tensors.KeyPoints(torch.tensor([[[8.0, 8.0]], [[2.0, 8.0]]]), canvas_size=(HEIGHT, WIDTH))
    labels = torch.tensor([1, 2])
    kept = []
    for seed in range(20):
        found = []
        for names in (("boxes", "keypoints"), ("keypoints", "boxes")):
            target = {**{name: {"boxes": boxes, "keypoints": points}[name] for name in names}, "labels": labels}
            sample = torch.ones(3, HEIGHT, WIDTH), target
            torch.manual_seed(seed)
            mixed = mix(sample) if isinstance(mix, RandomCutout) else MixCollate(mix, collate_fn=list)([sample] * 2)[0]
            found.append(mixed[1]["labels"].tolist())
        assert found[0] == found[1]
        kept.append(found[0])
    assert len(set(map(tuple, kept))) > 1


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


@pytest.mark.parametrize("getter", ["default", lambda sample: (sample[1]["labels"], sample[1]["area"])])
def test_area_is_measured_anew_where_a_box_is_cut(getter):
    samples = [detection(i, area=torch.tensor([100.0, 7.0]), iscrowd=torch.tensor([0, 1])) for i in range(2)]
    mix = RandomCutMix(ratio=(0.4, 0.6), labels_getter=getter)
    for _ in range(20):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            left, top, right, bottom = target["boxes"].as_subclass(torch.Tensor).unbind(1)
            real = (right - left) * (bottom - top)
            assert len(target["area"]) == len(target["iscrowd"]) == len(target["labels"]) == len(real)
            whole = (real == HEIGHT * WIDTH) | (real == 20)  # not cut: as the annotation says
            assert torch.equal(target["area"][~whole], real[~whole])
            assert set(target["area"][whole].tolist()) <= {100.0, 7.0}


def test_area_of_small_integer_boxes_does_not_wrap_around():
    boxes = tv_tensors.BoundingBoxes(
        torch.tensor([[0, 0, 250, 240]], dtype=torch.int16), format="XYXY", canvas_size=(300, 300)
    )
    samples = [
        (torch.zeros(1, 300, 300), {"boxes": boxes, "labels": torch.tensor([i]), "area": torch.tensor([60_000])})
        for i in range(2)
    ]
    for _, target in MixCollate(RandomCutMix(ratio=((0.85, 0.85), (1, 1))), collate_fn=list)(samples):
        left, top, right, bottom = target["boxes"].as_subclass(torch.Tensor).long().unbind(1)
        assert target["area"].tolist() == ((right - left) * (bottom - top)).tolist()
        assert 32_767 < target["area"].max() < 60_000


def test_area_of_masks_is_their_pixels():
    masks = tv_tensors.Mask(torch.ones(1, HEIGHT, WIDTH, dtype=torch.uint8))
    samples = [
        (
            image,
            {
                "boxes": boxes_of([0, 0, WIDTH, HEIGHT]),
                "masks": masks,
                "labels": torch.tensor([i]),
                "area": torch.tensor([5]),
            },
        )
        for i, image in enumerate(IMAGES)
    ]
    for _, target in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(samples):
        assert target["area"].tolist() == target["masks"].flatten(1).sum(1).tolist()
        assert target["area"].dtype == torch.int64


def test_rows_of_two_dtypes_are_promoted():
    scores = [torch.tensor([1, 1]), torch.tensor([0.4, 0.4])]
    samples = [detection(i, scores=scores[i]) for i in range(2)]
    for order in (samples, samples[::-1]):
        _, target = MixCollate(RandomMixUp(), collate_fn=list)(order)[0]
        assert sorted(target["scores"].tolist()) == pytest.approx([0.4, 0.4, 1, 1])


def test_instances_are_never_the_tensors_of_the_dataset():
    samples = [detection(i, area=torch.tensor([1.0, 2.0])) for i in range(2)]
    for mix in (RandomCutMix(p=0), RandomCutMix(ratio=(0, 0)), RandomMixUp(p=0)):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            for value in target.values():
                value.fill_(-1)
    assert samples[0][1]["area"].tolist() == [1, 2]
    assert samples[0][1]["boxes"][1].tolist() == [1, 1, 5, 6]


def whole(i, **beside):
    """A sample whose only box is the whole image."""
    box = tv_tensors.BoundingBoxes(torch.tensor([[0.0, 0, WIDTH, HEIGHT]]), format="XYXY", canvas_size=(HEIGHT, WIDTH))
    return torch.full((3, HEIGHT, WIDTH), float(i)), {"boxes": box, "labels": torch.tensor([i]), **beside}


def mixed_pair(first, second, mix=None):
    """The first of two samples after a box of the second was pasted into it."""
    return MixCollate(mix or RandomCutMix(ratio=(0.3, 0.3)), collate_fn=list)([whole(0, **first), whole(1, **second)])[
        0
    ][1]


@pytest.mark.parametrize(
    "dtypes", [(torch.float32, torch.int64), (torch.int64, torch.float32), (torch.int64, torch.float64)]
)
@pytest.mark.parametrize("mix", [RandomCutMix(ratio=(0.3, 0.3)), RandomMixUp()], ids=["cutmix", "mixup"])
def test_hidden_keypoints_of_two_dtypes_are_nan(dtypes, mix):
    marked = [[[-1, -1], [5, 5]]], [[[float("nan"), float("nan")], [5, 5]]]
    rows = [torch.tensor(marked[dtype.is_floating_point]).to(dtype) for dtype in dtypes]
    first, second = ({"keypoints": tv_tensors.KeyPoints(row, canvas_size=(HEIGHT, WIDTH))} for row in rows)
    found = mixed_pair(first, second, mix)["keypoints"].as_subclass(torch.Tensor)
    assert found.dtype == max(dtypes, key=lambda dtype: (dtype.is_floating_point, dtype.itemsize))
    assert found[:, 0].isnan().all()
    assert ((found[:, 1] == 5) | found[:, 1].isnan()).all()


@pytest.mark.parametrize("mix", [RandomCutMix(ratio=(0.3, 0.3)), RandomMixUp()], ids=["cutmix", "mixup"])
def test_masks_of_two_dtypes_keep_their_values(mix):
    small = {"masks": tv_tensors.Mask(torch.ones(1, HEIGHT, WIDTH, dtype=torch.uint8))}
    large = {"masks": tv_tensors.Mask(torch.full((1, HEIGHT, WIDTH), 256))}
    for first, second, values in ((small, large, [1, 256]), (large, small, [256, 1])):
        target = mixed_pair(first, second, mix)
        assert target["masks"].dtype == torch.int64
        assert [int(mask.max()) for mask in target["masks"]] == values
        assert len(target["boxes"]) == 2


def test_masks_of_a_sample_without_rows_do_not_decide_about_the_dtype():
    for empty in (torch.zeros(0, HEIGHT, WIDTH), torch.zeros(0, HEIGHT, WIDTH, dtype=torch.bool)):
        image, target = whole(0, masks=tv_tensors.Mask(empty))
        target |= {"boxes": tv_tensors.wrap(target["boxes"][:0], like=target["boxes"]), "labels": torch.tensor([])}
        other = whole(1, masks=tv_tensors.Mask(torch.full((1, HEIGHT, WIDTH), 7, dtype=torch.uint8)))
        for mix in (RandomCutMix(ratio=(0.3, 0.3)), RandomMixUp()):
            for _, found in MixCollate(mix, collate_fn=list)([(image, target), other]):
                assert found["masks"].dtype == torch.uint8
                assert found["masks"].max() == 7


def test_a_mix_that_blends_a_box_now_and_then_is_an_error_beside_boxes():
    class Rare(RandomCutMix):
        def place(self, numbers, size):
            return super().place(numbers, size)._replace(opacity=1 - 0.5 * (numbers[0] > 0.9975))

    mix = Rare(ratio=(0.3, 0.3))
    with pytest.raises(ValueError, match=r"opacity must be 1 for boxes, instance masks and keypoints, got 0\.5"):
        [mixed_pair({}, {}, mix) for _ in range(4000)]


def make_videos(frames, count, *, inside):
    """Two videos with boxes and masks, which are in the dictionary of the boxes or outside of it."""
    corners = torch.tensor([[0, 0, WIDTH, HEIGHT], [1, 2, WIDTH, HEIGHT]])
    samples = []
    for i in range(2):
        video = tv_tensors.Video(torch.full((frames, 3, HEIGHT, WIDTH), i + 1, dtype=torch.uint8))
        boxes = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=(HEIGHT, WIDTH))
        masks = tv_tensors.Mask(torch.full((count, HEIGHT, WIDTH), i + 1, dtype=torch.uint8))
        target = {"boxes": boxes, "labels": torch.tensor([i, i])}
        samples.append((video, target | {"masks": masks}) if inside else (video, target, {"frames": masks}))
    return samples


@pytest.mark.parametrize(("frames", "inside"), [(5, True), (5, False), (2, False)])
def test_masks_of_frames_beside_the_boxes_of_a_video(frames, inside):
    for video, target, *outside in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(
        make_videos(frames, frames, inside=inside)
    ):
        masks = target["masks"] if inside else outside[0]["frames"]
        assert torch.equal(masks.as_subclass(torch.Tensor), video[:, 0].as_subclass(torch.Tensor))
        assert len(target["boxes"]) == len(target["labels"]) == 4


def test_masks_of_instances_beside_a_video():
    for _, target in MixCollate(RandomCutMix(ratio=(0.5, 0.5)), collate_fn=list)(make_videos(5, 2, inside=True)):
        assert len(target["boxes"]) == len(target["masks"]) == 4
    with says(ValueError, ["masks", "frames or of instances", "outside of the dictionary", "(2, 17, 11)"]):
        MixCollate(RandomCutMix(), collate_fn=list)(make_videos(2, 2, inside=True))


def test_masks_of_instances_have_three_axes():
    image, target = whole(0, masks=tv_tensors.Mask(torch.ones(1, 1, HEIGHT, WIDTH)))
    for call in (
        lambda: MixDataset([(image, target)] * 2, RandomCutMix())[0],
        lambda: RandomCutout()(image, target),
    ):
        with says(ValueError, ["masks of instances must be of shape (n, H, W)", "(1, 1, 17, 11)", "1 boxes"]):
            call()


def test_points_and_boxes_of_unsigned_integers():
    points = tv_tensors.KeyPoints(torch.ones(1, 2, 2, dtype=torch.uint8), canvas_size=(HEIGHT, WIDTH))
    with says(TypeError, ["KeyPoints must be floats or signed integers", "uint8"]):
        mixed_pair({"keypoints": points}, {"keypoints": points})
    image, target = whole(0)
    target["boxes"] = tv_tensors.wrap(target["boxes"].to(torch.uint16), like=target["boxes"])
    with says(TypeError, ["BoundingBoxes must be floats or signed integers", "uint16"]):
        MixDataset([(image, target)] * 2, RandomCutMix())[0]


@pytest.mark.parametrize("mix", [RandomCutMix(ratio=(0.3, 0.3)), RandomMixUp()], ids=["cutmix", "mixup"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float32, torch.uint16])
def test_masks_of_uint16_beside_those_of_another_dtype(mix, dtype):
    rows = [torch.full((1, HEIGHT, WIDTH), 1).to(dtype), torch.full((1, HEIGHT, WIDTH), 60000).to(torch.uint16)]
    first, second = ({"masks": tv_tensors.Mask(row)} for row in rows)
    for own, other, values in ((first, second, [1, 60000]), (second, first, [60000, 1])):
        assert [int(mask.long().max()) for mask in mixed_pair(own, other, mix)["masks"]] == values


def test_weights_of_any_dtype_become_float_in_mixed_and_unmixed_samples():
    samples = [whole(i, weights=torch.tensor([1])) for i in range(6)]
    for mix in (RandomMixUp(p=0.5, per_sample=True), RandomMixUp(p=0.0)):
        for _, target in MixCollate(mix, collate_fn=list)(samples):
            assert target["weights"].dtype == torch.float32


def test_an_empty_list_of_labels_has_the_dtype_of_class_indices():
    _, target = whole(0, labels=[], class_labels=[], iscrowd=[], area=[])
    target["boxes"] = tv_tensors.wrap(target["boxes"][:0], like=target["boxes"])
    for _, out in MixCollate(RandomCutMix(p=0.0), collate_fn=list)([(IMAGES[0], target)] * 2):
        assert out["labels"].dtype == out["class_labels"].dtype == out["iscrowd"].dtype == torch.int64
        assert out["area"].dtype == torch.float32


def test_every_group_of_instances_gets_weights():
    samples = []
    for i in range(2):
        image, target = whole(i)
        points = tv_tensors.KeyPoints(torch.ones(3, 2), canvas_size=(HEIGHT, WIDTH))
        own = {**target, "weights": torch.tensor([1])}
        samples.append({"image": image, "face": {"points": points}, "first": own, "then": dict(target)})
    for out in MixCollate(RandomMixUp(labels_getter=None), collate_fn=list)(samples):
        assert torch.equal(out["first"]["weights"], out["then"]["weights"])
        assert out["then"]["weights"].shape == (2,)
        assert "weights" not in out["face"]


@pytest.mark.parametrize("mix", [RandomCutMix(ratio=(0.3, 0.3)), RandomMixUp()], ids=["cutmix", "mixup"])
def test_numbers_below_zero_stay_numbers_in_another_dtype(mix):
    first, second = {"scores": torch.tensor([-1])}, {"scores": torch.tensor([0.5])}
    assert mixed_pair(first, second, mix)["scores"].tolist() == [-1.0, 0.5]


def test_masks_of_instances_without_boxes_have_three_axes_too():
    sample = IMAGES[0], {"labels": torch.ones(2).long(), "masks": tv_tensors.Mask(torch.ones(2, 1, HEIGHT, WIDTH))}
    with says(ValueError, ["masks of instances must be of shape (n, H, W)", "(2, 1, 17, 11)", "2 boxes or labels"]):
        MixDataset([sample] * 2, RandomCutMix())[0]


@pytest.mark.parametrize("area", ["boxes", torch.rand(1, 2), torch.rand(1, 1)])
def test_what_is_called_area_but_holds_no_area_is_a_row_like_others(area):
    _, target = whole(0)
    area = target["boxes"] if isinstance(area, str) else area
    out = mixed_pair({"area": area}, {"area": area})
    assert len(out["area"]) == len(out["boxes"]) == 2
    assert type(out["area"]) is type(area)
    if area.shape == (1, 2):
        assert torch.equal(out["area"], area.repeat(2, 1))
