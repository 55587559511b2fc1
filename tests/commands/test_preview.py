"""The preview command."""

import re
import subprocess
import sys

import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from cutmix_transforms import RandomCutMix, RandomMixChoice, RandomMixUp, photographs
from cutmix_transforms._commands import _preview
from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._spec import title_of, transform_of

COLORS = {"black": (0, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0)}


@pytest.fixture
def folder(tmp_path):
    """A folder with one picture of each color, which tell their mixture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, color in COLORS.items():
        Image.new("RGB", (60, 50), color).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def shown(monkeypatch):
    """What the command hands to ``show_batch``, row by row."""
    rows = []
    show = _preview.show_batch

    def record(images, targets, **options):
        rows.append((images, targets, options["classes"]))
        return show(images, targets, **options)

    monkeypatch.setattr(_preview, "show_batch", record)
    return rows


def run(*arguments):
    return main(["preview", *map(str, arguments)])


def test_embedded_photographs(tmp_path, capsys, shown):
    assert run("-o", tmp_path / "out.png", "--size", 128) == 0
    assert f"wrote {tmp_path / 'out.png'}: 6 photographs, cutmix, mixup, cutout" in capsys.readouterr().out
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 4 + 6 * 132
    assert len(shown) == 4
    assert shown[0][2] == list(photographs(8).classes)
    assert torch.equal(shown[0][0], photographs(128).images)
    assert len({len(targets) for _, targets, _ in shown}) == 1


def test_rows_show_true_targets(folder, tmp_path, shown):
    assert run(folder, "-o", tmp_path / "out.png", "--size", 40, "--per-sample", "--rows", 2, "--seed", 3) == 0
    originals, *mixed, holes, more_holes = shown
    names = originals[2]
    assert names == ["black", "blue", "green"]
    assert originals[1].tolist() == [0, 1, 2]
    colors = torch.tensor([COLORS[name] for name in names]).float()
    assert torch.equal(originals[0].float().mean((2, 3)), colors)
    assert len(mixed) == 4
    for images, targets, _ in mixed:
        torch.testing.assert_close(images.float().mean((2, 3)), targets @ colors, rtol=0, atol=0.51)
        assert len(set(targets.amax(1).tolist())) > 1
    for images, targets, _ in (holes, more_holes):
        assert targets.tolist() == [0, 1, 2]
        assert (images.float().mean((2, 3)) < colors).sum() == 2


def test_detection_shows_what_the_transforms_do_to_instances(tmp_path, shown, capsys):
    arguments = ("-o", tmp_path / "out.png", "--show", "detection", "--size", 128, "--rows", 2, "--seed", 4)
    assert run(*arguments, "--per-sample") == 0
    assert f"wrote {tmp_path / 'out.png'}: 6 photographs, cutmix, mixup, cutout" in capsys.readouterr().out
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width == 4 + 6 * 132
    (images, targets, classes), *mixed = shown
    assert classes == list(photographs(8).things)
    assert len(mixed) == 6
    for batch, rows, _ in shown:
        assert len(batch) == len(rows) == 6
        assert {tuple(image.shape) for image in batch} == {(3, 128, 128)}
        for row in rows:
            assert isinstance(row["boxes"], tv_tensors.BoundingBoxes)
            assert len({len(row[key]) for key in ("boxes", "labels", "masks", "keypoints")}) == 1
            assert row["masks"].shape[1:] == row["boxes"].canvas_size == row["keypoints"].canvas_size == (128, 128)
            assert row["keypoints"].shape[1:] == (3, 2)
            left, top, right, bottom = row["boxes"].unbind(1)
            assert (left < right).all()
            assert (top < bottom).all()
            assert row["masks"].flatten(1).any(1).all()
    pasted, blended, holed = ([list(zip(*row[:2], strict=True)) for row in mixed[i : i + 2]] for i in (0, 2, 4))
    for row in pasted:
        assert any(not torch.equal(image, old) for (image, _), old in zip(row, images, strict=True))
        assert any(
            set(new["labels"].tolist()) - set(old["labels"].tolist())
            for (_, new), old in zip(row, targets, strict=True)
        )
    for row in blended:
        for (_, new), old in zip(row, targets, strict=True):
            own = len(old["labels"])
            assert torch.equal(new["labels"][:own], old["labels"])
            assert len(new["labels"]) > own
            torch.testing.assert_close(new["weights"][:own], (1 - new["weights"][-1]).expand(own))
        assert len({float(new["weights"][0]) for _, new in row}) > 1
    for row in holed:
        for (image, new), old_image, old in zip(row, images, targets, strict=True):
            rows, columns = (image != old_image).any(0).nonzero().unbind(1)
            hole = torch.zeros(128, 128, dtype=torch.bool)
            hole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
            xy = old["keypoints"][~old["keypoints"].isnan().any(-1)].long()
            covered = int(hole[xy[:, 1], xy[:, 0]].sum())
            gone = int(old["keypoints"].isfinite().all(-1).sum() - new["keypoints"].isfinite().all(-1).sum())
            assert gone == covered


def test_seed_repeats(folder, tmp_path):
    pictures = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(folder, "-o", tmp_path / f"{name}.png", "--seed", seed, "--transform", "cutmix") == 0
        pictures.append((tmp_path / f"{name}.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_chosen_transforms_and_alpha(folder, tmp_path, shown, capsys):
    arguments = ("--transform", "mixup", "--transform", "cutout", "--alpha", 0.001)
    assert run(folder, "-o", tmp_path / "out.png", *arguments) == 0
    assert "mixup, cutout" in capsys.readouterr().out
    assert len(shown) == 3
    assert shown[1][1].amax() > 0.99


def test_transforms_with_options_of_their_own(folder, tmp_path, shown, capsys):
    texts = [
        "mixup:alpha=0.001",
        "cutmix:ratio=(1,1),target=pair",
        "cutout:size=1.0,fill=7,inside=True",
        "cutmix+mixup:p=0",
    ]
    arguments = [word for text in texts for word in ("--transform", text)]
    assert run(folder, "-o", tmp_path / "out.png", *arguments, "--alpha", 0.5) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'out.png'}: 3 photographs, {', '.join(texts)}\n"
    (images, _, _), (_, barely, _), (pasted, pair, _), (filled, _, _), (taken, targets, _) = shown
    assert barely.amax(1).min() > 0.99
    assert pair.lam.tolist() == [0, 0, 0]
    assert torch.equal(pasted, images[pair.b])
    assert filled.unique().tolist() == [7]
    assert len(taken) == len(targets) == 3


def test_text_of_a_transform():
    mix = transform_of("cutmix:alpha=0.5,opacity=(0.5,1.0),target=union", alpha=2.0, p=0.5, mask_fill=0)
    assert (mix.alpha, mix.opacity, mix.target, mix.p) == (0.5, (0.5, 1.0), "union", 0.5)
    choice = transform_of("mixup:alpha=1e+1+cutmix:p=1", alpha=2.0, p=0.5, per_sample=True)
    assert isinstance(choice, RandomMixChoice)
    assert [(type(one), one.alpha) for one in choice.transforms] == [(RandomMixUp, 10.0), (RandomCutMix, 2.0)]
    assert choice.per_sample
    title = title_of("cutmix+mixup:p=0.5", alpha=1.0, per_sample=True)
    assert repr(eval(title)) == repr(transform_of("cutmix+mixup:p=0.5", alpha=1.0, per_sample=True))  # noqa: S307


def test_class_folders(tmp_path, shown):
    for name in ("b", "a"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (40, 40)).save(tmp_path / "data" / name / f"{i}.jpg")
    (tmp_path / "data" / "empty").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "data" / "stray.jpg")
    assert run(tmp_path / "data", "-o", tmp_path / "out.png", "--transform", "mixup") == 0
    assert shown[0][2] == ["a", "b"]
    assert shown[0][1].tolist() == [0, 1, 1, 0, 0, 1]  # so that no shift makes all partners of one class


def test_pictures_of_all_kinds(folder, tmp_path, shown):
    for name in COLORS:
        (folder / f"{name}.png").unlink()
    Image.new("CMYK", (60, 50), (0, 255, 255, 0)).save(folder / "1.jpg")
    Image.new("P", (60, 50)).save(folder / "2.png", transparency=0)
    Image.new("I;16", (60, 50), 700).save(folder / "3.png")
    Image.new("LA", (60, 50)).save(folder / "4.png")
    turned = Image.new("RGB", (60, 30))
    turned.paste((255, 0, 0), (0, 0, 30, 30))  # the left half, which is to be shown at the top
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned.save(folder / "5.JPEG", exif=exif)
    assert run(folder, "-o", tmp_path / "out.png", "--size", 30) == 0
    assert shown[0][0].shape == (5, 3, 30, 30)
    corners = shown[0][0][4, 0, 2::25, 2::25]
    assert (corners > 200).tolist() == [[True, True], [False, False]]


def test_unreadable_pictures_are_named_and_skipped(folder, tmp_path, capsys, shown, monkeypatch):
    (folder / "aa.png").write_bytes(b"no picture")
    whole = (folder / "blue.png").read_bytes()
    (folder / "bb.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("not looked at")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000)
    Image.new("RGB", (400, 400)).save(folder / "huge.png")
    assert run(folder, "-o", tmp_path / "out.png", "--transform", "cutmix") == 0
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [
        f"skipped {folder / n}" for n in ("aa.png", "bb.png", "huge.png")
    ]
    assert len(shown[0][0]) == 3


def test_hidden_folders_and_links_back_are_not_shown(tmp_path, shown):
    data = tmp_path / "data"
    for name in ("b", "a", ".ipynb_checkpoints", "__MACOSX"):
        (data / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(data / name / "1.jpg")
    (data / "a" / "._1.jpg").write_text("no picture")
    (data / "a" / "loop").symlink_to("..")
    assert run(data, "-o", tmp_path / "out.png", "--transform", "mixup") == 0
    assert (shown[0][2], shown[0][1].tolist()) == (["a", "b"], [0, 1])


def test_of_a_divided_folder_the_pictures_to_learn_from_are_shown(tmp_path, shown):
    for part in ("Testing", "Training"):
        for name in ("b", "a"):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            Image.new("RGB", (40, 40)).save(tmp_path / "data" / part / name / "1.jpg")
    assert run(tmp_path / "data", "-o", tmp_path / "out.png", "--transform", "mixup") == 0
    assert shown[0][2] == ["a", "b"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_names_are_shown_in_one_line_and_do_not_reach_the_terminal_raw(tmp_path, shown, capsys):
    data, output = tmp_path / "da\x1b[31m\nta", tmp_path / "out\x1b[0m\n.png"
    for name in ("b\n\x07", "a"):
        (data / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(data / name / "1.jpg")
    (data / "a" / "\x1b[2J\n.png").write_text("no picture")
    assert run(data, "-o", output, "--transform", "mixup") == 0
    told = capsys.readouterr()
    assert (told.out + told.err).replace("\n", "").isprintable()
    assert told.err == rf"skipped {tmp_path}/da\x1b[31m\nta/a/\x1b[2J\n.png: no image in a known format" + "\n"
    assert told.out == rf"wrote {tmp_path}/out\x1b[0m\n.png: 2 photographs, mixup" + "\n"
    assert shown[0][2] == ["a", r"b\n\x07"]


def test_open(folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(_preview.webbrowser, "open", opened.append)
    assert run(folder, "-o", tmp_path / "out.png", "--open") == 0
    assert opened == [(tmp_path / "out.png").as_uri()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/nowhere"], ["FOLDER", "exists", "nowhere"]),
        (["{tmp}/empty"], ["FOLDER", "at least 2", "0", "empty"]),
        (["{tmp}/one"], ["FOLDER", "at least 2", "1", "one"]),
        (["{tmp}/one/1.png"], ["FOLDER", "1.png"]),
        (["--transform", "cutmux"], ["--transform", "cutmix", "cutmux"]),
        (["--transform", "mixup:alfa=1"], ["--transform mixup:alfa=1", "alpha, p, num_classes", "alfa=1"]),
        (["--transform", "mixup:alpha=-1"], ["--transform mixup:alpha=-1", "positive", "-1"]),
        (["--transform", "mixup:alpha=x y"], ["--transform", "alpha=1,p=0.5", "'alpha=x y'"]),
        (["--transform", "mixup:0.2"], ["--transform", "alpha=1,p=0.5", "'0.2'"]),
        (["--transform", "mixup:**x"], ["--transform", "alpha=1,p=0.5", "'**x'"]),
        (["--transform", "mixup:)(alpha=1"], ["--transform", "alpha=1,p=0.5", "')(alpha=1'"]),
        (["--transform", "cutmix+cutout"], ["--transform cutmix+cutout", "transforms", "RandomCutout"]),
        (["--transform", "cutmix:opacity=0.5", "--show", "detection"], ["opacity", "0.5"]),
        (["-o", "{tmp}/one/1.png/out.png"], ["one/1.png"]),
        (["--transform", "cutmix:alpha=1,alpha=2"], ["--transform", "alpha=1,p=0.5", "'alpha=1,alpha=2'"]),
        (["-o", "{tmp}"], ["--output", ".png", "{tmp}"]),
        (["-o", "{tmp}/out.jpg"], ["--output", ".png", "out.jpg"]),
        (["-o", "{tmp}/folder.png"], ["folder.png"]),
        (["--alpha", "0"], ["alpha", "positive", "0"]),
        (["--alpha", "x"], ["--alpha", "'x'"]),
        (["--size", "0"], ["--size", "at least 1", "0"]),
        (["--seed", "99999999999999999999"], ["--seed", "64 bits", "99999999999999999999"]),
        (["--show", "detections"], ["--show", "detection", "'detections'"]),
        (["{tmp}/one", "--show", "detection"], ["--show detection", "FOLDER", "annotations", "one"]),
        (["--rows", "-1"], ["--rows", "at least 1", "-1"]),
        (["--rows", "100000"], ["--size", "--rows", "at most 134217728 pixels", "224 and 100000"]),
        (["--size", "1000000"], ["--size", "--rows", "at most 134217728 pixels", "1000000 and 1"]),
        (["{tmp}/\x1b[31m\nno"], ["FOLDER", r"\x1b[31m\nno"]),
        (["--\x1b[31m\nno"], [r"--\x1b[31m\nno"]),
        (["--sise", "3"], ["--sise"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, words, tmp_path, capsys):
    for name in ("empty", "one", "folder.png"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "one" / "1.png")
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    output = [] if "-o" in arguments else ["-o", str(tmp_path / "out.png")]
    try:
        code = run(*filled, *output)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cutmix-transforms")
    assert line.isprintable()
    for word in words:
        assert word.format(tmp=tmp_path) in line
    assert not (tmp_path / "out.png").exists()


@pytest.mark.slow
def test_module_is_the_same_program(tmp_path):
    command = [sys.executable, "-m", "cutmix_transforms", "preview", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["cutmix-transforms preview: FOLDER must be a folder that exists, got nowhere"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["preview", "bench"])
def test_help_says_what_the_default_is(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    _, *options = re.split(r"^  (?=FOLDER|-)", capsys.readouterr().out, flags=re.MULTILINE)
    options = [re.sub(r"\s+", " ", option) for option in options if not option.startswith("-h")]
    assert len(options) == {"preview": 10, "bench": 3}[command]
    assert all("(default: " in option for option in options), options


def test_version_and_help(capsys):
    for arguments, word in (
        (["--version"], "0."),
        (["preview", "--help"], "--per-sample"),
        ([], "{preview,bench,compare}"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == (0 if arguments else 2)
        captured = capsys.readouterr()
        assert word in captured.out + captured.err
