"""The images that compare learns from: which are found, which are read, and which are chosen."""

import shutil
import warnings
from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image
from support.compare_cases import CLASSES, HELD_OUT, load, read, save
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _data


def test_embedded_pictures():
    data = load(None, train_size=400)
    assert (len(data.train.labelled), len(data.test.labelled), data.size) == (400, 3000, 28)
    for part, count in ((data.train, 40), (data.test, 300)):
        assert Counter(label for _, label in part.labelled) == dict.fromkeys(range(10), count)
        assert part.held.shape == (len(part.labelled), 3, 28, 28)
        assert len(part.held.flatten(1).unique(dim=0)) > 0.99 * len(part.labelled)
    held = data.train.held.double() / 255
    assert data.mean == pytest.approx(held.mean((0, 2, 3)).tolist())
    assert data.std == pytest.approx(held.flatten(2).permute(1, 0, 2).flatten(1).std(1, correction=0).tolist())
    size = sum(path.stat().st_size for path in _data.EMBEDDED.iterdir())
    assert size < 2_000_000
    # Trousers are tall and dark at the sides, bags are wide: rows are what their names say.
    trouser, bag = (
        held[[k for k, one in enumerate(data.train.labelled) if one[1] == label]].mean(0)[0] for label in (1, 8)
    )
    assert trouser[:, :6].mean() < 0.05 < 0.2 < bag[14:, :6].mean()


def test_one_folder_is_split_the_same_every_time(tmp_path):
    save(tmp_path / "all", (20, 10, 3))
    first, second = (load(tmp_path / "all", train_size=None, size=12) for _ in range(2))
    assert first.train.labelled == second.train.labelled
    assert Counter(label for _, label in first.test.labelled) == {0: 4, 1: 2, 2: 1}
    assert Counter(label for _, label in first.train.labelled) == {0: 16, 1: 8, 2: 2}
    assert not {path for path, _ in first.train.labelled} & {path for path, _ in first.test.labelled}
    assert first.test.held.shape == (7, 3, 12, 12)


def test_data_are_called_what_their_folder_is_called(pictures, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(pictures)
    assert _data.name_of(tmp_path / "link") == "link"
    monkeypatch.chdir(tmp_path)
    assert _data.name_of(Path()) == tmp_path.name


def test_the_usual_size_is_the_shorter_side_of_the_middle_picture(tmp_path):
    def size_of(*sizes):
        return _data._usual_size([(Image.new("L", size), 0) for size in sizes])

    assert size_of((40, 30), (50, 60), (500, 300)) == 50
    assert size_of((40, 30), (500, 300), (240, 500)) == 224
    (tmp_path / "bad.png").write_text("no picture")
    assert _data._usual_size([(tmp_path / "bad.png", 0), (Image.new("L", (40, 30)), 0)]) == 30
    assert _data._usual_size([(tmp_path / "bad.png", 0)]) == 224


def test_fewer_pictures_are_taken_evenly(pictures):
    for count, each in ((60, [20, 20, 20]), (7, [3, 2, 2])):
        data = load(pictures, train_size=count)
        assert sorted(Counter(label for _, label in data.train.labelled).values(), reverse=True) == each
    assert len(data.test.labelled) == HELD_OUT


def test_pictures_are_kept_where_they_are_small_and_not_too_many(pictures, monkeypatch):
    monkeypatch.setattr(_data, "HELD", 9 * 3 * 64 * 64)
    assert load(pictures, 9, 64).train.held.shape == (9, 3, 64, 64)
    assert load(pictures, 9, 65).train.held is None
    monkeypatch.setattr(_data, "HELD", 9 * 3 * 64 * 64 - 1)
    assert load(pictures, 9, 64).train.held is None


def test_what_cannot_be_read_is_named_and_left_out(pictures, tmp_path, capsys):
    for part, counts in (("train", (5, 5, 5)), ("val", (3, 3, 3))):
        save(tmp_path / part, counts)
    bad = tmp_path / "train" / "bag" / "000.png"
    bad.write_bytes(bad.read_bytes()[:100])
    (tmp_path / "val" / "boot" / "zzz.jpg").write_text("no picture")
    options = ["--mix", "none", "--seeds", "1", "--epochs", "1", "--workers", "0", "--out", str(tmp_path / "out")]
    assert main(["compare", str(tmp_path), *options]) == 0
    told = capsys.readouterr()
    assert f"skipped {bad}" in told.err
    assert "14 images to learn from and 9 to test on" in told.out
    assert "2 that cannot be read skipped" in told.out
    results = read(tmp_path / "out")
    assert results["data"]["skipped"] == [str(bad), str(tmp_path / "val" / "boot" / "zzz.jpg")]
    assert str(bad) in (tmp_path / "out" / "report.md").read_text()
    # What is kept stays with its label.
    data = load(tmp_path)
    for part in (data.train, data.test):
        for (path, _), kept in zip(part.labelled, part.held, strict=True):
            with Image.open(path) as picture:
                assert torch.equal(kept, F.pil_to_tensor(picture.convert("RGB")))


def test_looking_in_threads_says_what_is_skipped_in_order_and_leaves_warnings_alone(tmp_path, capsys):
    save(tmp_path, (40, 40, 40))
    bad = sorted((tmp_path / "boot").iterdir())[3:30]
    for path in bad:
        path.write_text("no picture")
    before = list(warnings.filters)
    data = load(tmp_path)
    assert warnings.filters == before
    assert data.skipped == list(map(str, bad))
    assert capsys.readouterr().err.count("\nskipped ") == len(bad) - 1


def test_links_are_followed_but_no_picture_is_counted_twice(tmp_path):
    save(tmp_path / "data", (8, 8, 0))
    (tmp_path / "data" / "dress").rmdir()
    save(tmp_path / "elsewhere", (0, 0, 4))
    bag = tmp_path / "data" / "bag"
    links = {"loop": ".", "up": "..", "other": "../boot", "more": tmp_path / "elsewhere" / "dress"}
    links |= {"again.png": "000.png", "itself.png": "itself.png", "itself": "itself"}
    for name, target in links.items():
        (bag / name).symlink_to(target)
    (tmp_path / "elsewhere" / "dress" / "back").symlink_to(bag)
    (tmp_path / "elsewhere" / "dress" / "all").symlink_to(tmp_path)
    data = load(tmp_path / "data")
    paths = [path for part in (data.train, data.test) for path, _ in part.labelled]
    assert len({path.resolve() for path in paths}) == len(paths) == 8 + 4 + 8
    assert Counter(label for part in (data.train, data.test) for _, label in part.labelled) == {0: 12, 1: 8}
    assert [Path(path).name for path in data.skipped] == ["itself.png"]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("TRAIN", "Valid"),
        ("train", "validation"),
        ("training_set", "test_set"),
        ("train", "VAL"),
    ],
)
def test_parts_have_names_of_many_kinds(train, test, tmp_path):
    save(tmp_path / train, (4, 5, 6))
    save(tmp_path / test, (2, 2, 2))
    (tmp_path / "notes").mkdir()
    data = load(tmp_path)
    assert (data.classes, len(data.train.labelled), len(data.test.labelled)) == (sorted(CLASSES), 15, 6)
    assert {path.parts[-3] for path, _ in data.test.labelled} == {test}


def test_validation_goes_before_test(tmp_path):
    for name, count in (("train", 3), ("test", 5), ("val", 2)):
        save(tmp_path / name, (count,) * 3)
    assert len(load(tmp_path).test.labelled) == 6


@pytest.mark.parametrize("name", ["train", "valid", "Test"])
def test_a_class_may_have_the_name_of_a_part(name, tmp_path):
    save(tmp_path, (5, 5, 5))
    (tmp_path / "bag").rename(tmp_path / name)
    data = load(tmp_path)
    assert data.classes == sorted([name, "boot", "dress"])


def test_hidden_folders_and_files_are_neither_classes_nor_pictures(tmp_path):
    save(tmp_path, (5, 5, 5))
    for place in (tmp_path, tmp_path / "bag"):
        for name in (".ipynb_checkpoints", "__MACOSX"):
            shutil.copytree(tmp_path / "boot", place / name)
    (tmp_path / "bag" / "._000.png").write_bytes(b"not a picture")
    data = load(tmp_path)
    assert data.classes == sorted(CLASSES)
    assert (len(data.train.labelled), len(data.test.labelled), data.skipped) == (12, 3, [])


def test_what_is_tested_on_is_chosen_from_what_can_be_read(tmp_path):
    save(tmp_path, (20, 10, 5))
    whole = load(tmp_path)
    bad = [path for path, _ in whole.test.labelled]
    for path in bad:
        path.write_text("no picture")
    data = load(tmp_path)
    assert Counter(label for _, label in data.test.labelled) == {0: 16 // 5, 1: 8 // 5, 2: 1}
    assert Counter(label for _, label in data.train.labelled) == {0: 13, 1: 7, 2: 3}
    assert data.skipped == sorted(map(str, bad))
    for part in (data.train, data.test):
        for (path, _), kept in zip(part.labelled, part.held, strict=True):
            with Image.open(path) as picture:
                assert torch.equal(kept, F.pil_to_tensor(picture.convert("RGB")))
    held = data.train.held.double() / 255
    assert data.mean == pytest.approx(held.mean((0, 2, 3)).tolist())


@pytest.mark.parametrize("is_divided", [False, True])
def test_as_many_can_be_read_as_are_asked_for(is_divided, tmp_path):
    train = tmp_path / "train" if is_divided else tmp_path
    save(train, (20, 20, 8))
    if is_divided:
        save(tmp_path / "test", (2, 2, 2))

    bad = [path for path, label in load(tmp_path, 15).train.labelled if label != 1]
    for path in bad:
        path.write_text("no picture")
    data = load(tmp_path, 15)
    assert Counter(label for _, label in data.train.labelled) == (
        {0: 6, 1: 6, 2: 3} if is_divided else {0: 7, 1: 6, 2: 2}
    )
    assert not {path for path, _ in data.train.labelled} & {*bad, *(path for path, _ in data.test.labelled)}
    assert set(data.skipped) == set(map(str, bad))
