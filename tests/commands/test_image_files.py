"""Pictures of every kind and damaged ones, as the commands read them."""

import io
import json
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import zlib

import pytest
import torch
from PIL import Image
from support.programs import PATIENCE
from torchvision.transforms.v2 import functional as F

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._compare import _data
from cutmix_transforms._commands._image_files import open_image, size_of

WIDE, HIGH = 34, 22  # of the pictures
ORANGE = (200, 100, 50)


def saved(form, mode="RGB", color=ORANGE, palette=None, **options):
    """A file of one color, as Pillow writes it."""
    file, picture = io.BytesIO(), Image.new(mode, (WIDE, HIGH), color)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(file, form, **options)
    return file.getvalue()


def png(width, height, bits, kind, row, **chunks):
    """A PNG of equal rows, by its definition."""
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(b"\0" + row) for _ in range(height)) + packer.flush()
    header = struct.pack(">2I5B", width, height, bits, kind, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for name, data in {"IHDR": header, **chunks, "IDAT": pixels, "IEND": b""}.items():
        named = name.encode() + data
        out += struct.pack(">I", len(data)) + named + struct.pack(">I", zlib.crc32(named))
    return out


def gray16(value, **chunks):
    return png(WIDE, HIGH, 16, 0, struct.pack(">H", value) * WIDE, **chunks)


def palette(color, **options):
    """Of a picture that is wholly of the second of two colors."""
    return saved("PNG", "P", 1, [0, 0, 0, *color], **options)


def frames(form, **options):
    other = Image.new("RGB", (WIDE, HIGH), (0, 0, 255))
    return saved(form, save_all=True, append_images=[other], **options)


def jpeg(mode, color):
    return saved("JPEG", mode, color, quality=95)


def ycck(color):
    """A JPEG of ink whose Adobe marker says that it is stored as YCCK."""
    data = bytearray(jpeg("CMYK", color))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def seen_through(ink):
    """Of paper that was white."""
    return tuple(round((255 - c) * (255 - ink[3]) / 255) for c in ink[:3])


def seen_through_ycck(ink):
    """What is stored is inverted, so that it has luminance and chrominance in place of the rest of three inks."""
    y, blue, red = (255 - c - shift for c, shift in zip(ink, (0, 128, 128), strict=False))
    rgb = (y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue)
    return seen_through((*(min(max(c, 0), 255) for c in rgb), ink[3]))


def over_white(color, alpha):
    return tuple(round((c * alpha + 255 * (255 - alpha)) / 255) for c in color)


INK = (55, 155, 205, 20)
BLACK, WHITE, GRAY, PALE = (0,) * 3, (255,) * 3, (90,) * 3, over_white(ORANGE, 102)
# What a file holds, and the color that a person sees.
READABLE = {
    "rgb.png": (saved("PNG"), ORANGE),
    "ink.jpg": (jpeg("CMYK", INK), seen_through(INK)),
    "ycck.jpg": (ycck(INK), seen_through_ycck(INK)),
    "gray.jpg": (jpeg("L", 90), GRAY),
    "palette.png": (palette(ORANGE), ORANGE),
    "palette-clear.png": (palette(ORANGE, transparency=1), WHITE),
    "palette-clear-elsewhere.png": (palette(ORANGE, transparency=0), ORANGE),
    "palette-half.png": (palette(ORANGE, transparency=b"\0\x66"), PALE),
    "rgba-clear.png": (saved("PNG", "RGBA", (*ORANGE, 0)), WHITE),
    "rgba-half.png": (saved("PNG", "RGBA", (*ORANGE, 102)), PALE),
    "rgba-half.webp": (saved("WEBP", "RGBA", (*ORANGE, 102), lossless=True), PALE),
    "rgba-half.tiff": (saved("TIFF", "RGBA", (*ORANGE, 102)), PALE),
    "rgba-opaque.png": (saved("PNG", "RGBA", (*ORANGE, 255)), ORANGE),
    "la-clear.png": (saved("PNG", "LA", (90, 0)), WHITE),
    "la-half.png": (saved("PNG", "LA", (90, 102)), over_white(GRAY, 102)),
    "rgb-clear.png": (saved("PNG", transparency=ORANGE), WHITE),
    "rgb-clear-elsewhere.png": (saved("PNG", transparency=(1, 2, 3)), ORANGE),
    "gray-clear.png": (saved("PNG", "L", 90, transparency=90), WHITE),
    "bits-black.png": (png(WIDE, HIGH, 1, 0, bytes(5)), BLACK),
    "bits-white.png": (png(WIDE, HIGH, 1, 0, b"\xff" * 5), WHITE),
    "bits-clear.png": (png(WIDE, HIGH, 1, 0, bytes(5), tRNS=b"\0\0"), WHITE),
    "gray16-black.png": (gray16(128), BLACK),
    "gray16-dark.png": (gray16(129), (1,) * 3),
    "gray16-below.png": (gray16(25_828), (100,) * 3),
    "gray16-above.png": (gray16(25_829), (101,) * 3),
    "gray16-white.png": (gray16(65_535), WHITE),
    "gray16-clear-elsewhere.png": (gray16(25_700, tRNS=struct.pack(">H", 100)), (100,) * 3),
    "gray16.tif": (saved("TIFF", "I;16", 25_700), (100,) * 3),
    "gray16-big-endian.tif": (saved("TIFF", "I;16B", 25_700), (100,) * 3),
    "gray16.pgm": (f"P5 {WIDE} {HIGH} 65535\n".encode() + struct.pack(">H", 25_700) * WIDE * HIGH, (100,) * 3),
    "rgb16.png": (png(WIDE, HIGH, 16, 2, struct.pack(">3H", *(257 * c for c in ORANGE)) * WIDE), ORANGE),
    "frames-of-gif.png": (frames("GIF"), ORANGE),
    "frames.png": (frames("PNG"), ORANGE),
    "frames.webp": (frames("WEBP", lossless=True), ORANGE),
    "frames.tiff": (frames("TIFF"), ORANGE),
    "profile-of-nonsense.png": (saved("PNG", icc_profile=b"no profile" * 20), ORANGE),
    "profile-not-packed.png": (png(WIDE, HIGH, 8, 2, bytes(ORANGE) * WIDE, iCCP=b"x\0\0no zlib"), ORANGE),
}
# What a file holds, and what is said of it.
DAMAGED = {
    "cut.jpg": (saved("JPEG", quality=95)[:-20], "truncated"),
    "cut.png": (png(WIDE, HIGH, 8, 2, os.urandom(3 * WIDE))[:150], "truncated"),
    "cut-in-the-header.png": (saved("PNG")[:20], ""),
    "cut.tif": (saved("TIFF", compression="tiff_lzw")[:-30], ""),
    "empty.png": (b"", "no image in a known format"),
    "text.jpg": (b"dear diary", "no image in a known format"),
    "bomb.png": (png(20_000, 20_000, 1, 0, bytes(2500)), "(400000000 pixels) exceeds limit"),
    "nothing.pgm": (b"P5 0 9 255\n", ""),
    "gray32.tif": (saved("TIFF", "I", 300), "gray of 32 bits (mode I)"),
    "float.tif": (saved("TIFF", "F", 0.5), "gray of 32 bits (mode F)"),
}


@pytest.mark.parametrize("name", READABLE)
def test_pictures_of_every_kind_are_what_a_person_sees(name, tmp_path, capsys):
    data, color = READABLE[name]
    (tmp_path / name).write_bytes(data)
    picture = open_image(tmp_path / name)
    assert (picture.mode, picture.size, capsys.readouterr().err) == ("RGB", (WIDE, HIGH), "")
    assert size_of(tmp_path / name) == (WIDE, HIGH)
    tolerance = 2 if name.endswith("jpg") else 1 if "half" in name else 0
    for (low, high), expected in zip(picture.getextrema(), color, strict=True):
        assert expected - tolerance <= low <= high <= expected + tolerance


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_pictures_are_one_line(name, tmp_path, capsys):
    data, words = DAMAGED[name]
    (tmp_path / name).write_bytes(data)
    assert open_image(tmp_path / name) is None
    (line,) = capsys.readouterr().err.splitlines()
    before, between, reason = line.partition(": ")
    assert before + between == f"skipped {tmp_path / name}: "
    assert words in reason
    assert any(map(str.isalpha, reason))


# Where the first row and the first column of what is stored are to be seen, by the definition of EXIF.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


@pytest.mark.parametrize("is_damaged", [False, True], ids=["whole", "damaged"])
@pytest.mark.parametrize("orientation", SIDES)
def test_pictures_are_the_right_way_up(orientation, is_damaged, tmp_path):
    """Also where the rest of the metadata is damaged."""
    stored = torch.randint(256, (4, 6, 3), dtype=torch.uint8)
    picture = F.to_pil_image(stored.repeat_interleave(8, 0).repeat_interleave(8, 1).permute(2, 0, 1))
    exif = picture.getexif()
    exif[0x010F], exif[0x0112] = "maker", orientation
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, quality=100, subsampling=0)
    data = bytearray(file.getvalue())
    if is_damaged:
        data[data.index(b"Exif") + 17] = 0  # the type of the maker's name
    (tmp_path / "a.jpg").write_bytes(data)
    first_row, first_column = SIDES[orientation]
    is_turned = first_row in ("left", "right")
    high, wide = (6, 4) if is_turned else (4, 6)
    place = {"top": range(high), "bottom": range(high)[::-1], "left": range(wide), "right": range(wide)[::-1]}
    expected = torch.zeros(high, wide, 3, dtype=torch.uint8)
    for i in range(4):
        for j in range(6):
            a, b = place[first_row][i], place[first_column][j]
            expected[(b, a) if is_turned else (a, b)] = stored[i, j]
    shown = F.pil_to_tensor(open_image(tmp_path / "a.jpg"))[:, 4::8, 4::8].permute(1, 2, 0)
    torch.testing.assert_close(shown.int(), expected.int(), rtol=0, atol=4)


@pytest.mark.slow
def test_large_pictures_are_read_without_a_warning(tmp_path, capsys):
    """Pillow warns from 89 to 179 million pixels, which cameras make."""
    (tmp_path / "large.png").write_bytes(png(9500, 9500, 1, 0, b"\xff" * 1188))
    assert open_image(tmp_path / "large.png").getextrema() == ((255, 255),) * 3
    assert size_of(tmp_path / "large.png") == (9500, 9500)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("is_high", [False, True])
def test_of_a_picture_much_longer_than_wide_the_middle_is_left(is_high, tmp_path):
    """Out of which the square is cut that is shown: to enlarge the whole would take gigabytes."""
    ramp = (torch.arange(8000.0) / 8000 * 255).round().to(torch.uint8).expand(3, 4, -1)
    whole = F.to_pil_image(ramp.mT if is_high else ramp)
    whole.save(tmp_path / "a.png")
    picture = open_image(tmp_path / "a.png")
    assert picture.size == ((4, 128) if is_high else (128, 4))
    squares = [F.center_crop(F.pil_to_tensor(F.resize(one, 16)), 16).int() for one in (picture, whole)]
    torch.testing.assert_close(*squares, rtol=0, atol=1)


GROUPS = [list(READABLE)[i : i + 5] for i in range(0, len(READABLE), 5)]  # with one more, as many as fit into a row


@pytest.mark.parametrize("names", GROUPS, ids=" ".join)
def test_preview_shows_every_kind_and_names_what_is_damaged(names, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(READABLE[name][0])
    for name, (data, _) in DAMAGED.items():
        (folder / f"0-{name}").write_bytes(data)
    (folder / "zz.png").write_bytes(saved("PNG", color=(1, 2, 3)))
    assert (
        main(["preview", str(folder), "-o", str(tmp_path / "out.png"), "--transform", "cutmix", "--size", "128"]) == 0
    )
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"skipped {folder / f'0-{name}'}" for name in sorted(DAMAGED)
    ]
    with Image.open(tmp_path / "out.png") as shown:
        colors = [shown.getpixel((4 + 132 * i + 64, 30 + 4 + 64)) for i in range(len(names) + 1)]
    for found, name in zip(colors, [*sorted(names), "zz.png"], strict=True):
        expected = READABLE[name][1] if name in READABLE else (1, 2, 3)
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2, name


@pytest.mark.slow
def test_compare_learns_from_every_kind_and_names_what_is_damaged(tmp_path, capfd):
    folder, names = tmp_path / "data", list(READABLE)
    for part in ("train", "val"):
        for k in "ab":
            (folder / part / k).mkdir(parents=True)
        for i, name in enumerate(names):
            (folder / part / "ab"[i % 2] / name).write_bytes(READABLE[name][0])
    for name, (data, _) in DAMAGED.items():
        (folder / "train" / "a" / name).write_bytes(data)
    options = ["--mix", "cutmix", "--seeds", "1", "--epochs", "1", "--workers", "1", "--out", str(tmp_path / "out")]
    assert main(["compare", str(folder), *options]) == 0
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("skipped")]
    skipped = [str(folder / "train" / "a" / name) for name in sorted(DAMAGED)]
    assert [line.partition(": ")[0] for line in lines] == [f"skipped {path}" for path in skipped]
    data = json.loads((tmp_path / "out" / "results.json").read_text())["data"]
    assert (data["train"], data["test"], data["size"], data["skipped"]) == (len(names), len(names), HIGH, skipped)
    train = _data.load(folder, train_size=None, size=None, quiet=True).train
    for (path, k), pixels in zip(train.labelled, train.held, strict=True):
        assert k == names.index(path.name) % 2
        expected = torch.tensor(READABLE[path.name][1])[:, None, None].expand(3, HIGH, HIGH)
        torch.testing.assert_close(pixels.int(), expected.int(), rtol=0, atol=2)


@pytest.mark.parametrize(
    ("command", "last"),
    [
        ("preview", "FOLDER must hold at least 2 images that can be read, got 0 in {}"),
        (
            "compare",
            (
                "DATA must hold at least 3 readable images of each class, two to learn from "
                "and one to test on, got 0 of 'a'"
            ),
        ),
    ],
)
def test_a_folder_of_which_nothing_can_be_read_is_an_error(command, last, tmp_path, capsys):
    for k in "ab":
        (tmp_path / k).mkdir()
        for name, (data, _) in DAMAGED.items():
            (tmp_path / k / name).write_bytes(data)
    options = ["--workers", "0", "--out"] if command == "compare" else ["-o"]
    assert main([command, str(tmp_path), *options, str(tmp_path / "out.png")]) == 2
    *lines, error = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("\r")]
    assert {line.partition(" ")[0] for line in lines} == {"skipped"}
    assert len(lines) == 2 * len(DAMAGED)
    assert error == f"cutmix-transforms {command}: {last.format(tmp_path)}"
    assert not (tmp_path / "out.png").exists()


def mutated(data, source):
    """A file of which a few bytes are others, a part is gone or there twice, or the end is missing."""
    out = bytearray(data)
    for _ in range(source.choice([1, 1, 2, 8])):
        start = source.randrange(len(out) + 1) if source.random() < 0.5 else source.randrange(min(len(out), 64) + 1)
        part = slice(start, start + source.choice([1, 2, 4, 40]))
        way = source.choice(["others", "extreme", "gone", "twice", "end"])
        if way == "others":
            out[part] = source.randbytes(len(out[part]))
        elif way == "extreme":
            out[part] = source.choice([b"\0", b"\xff", b"\x7f", b"\x80"]) * len(out[part])
        elif way == "gone":
            del out[part]
        elif way == "twice":
            out[start:start] = out[part]
        else:
            del out[start:]
    return bytes(out)


@pytest.fixture
def within():
    """Give code a number of seconds, after which an error interrupts it that no code catches as damage."""

    def give_up(*_):
        raise KeyboardInterrupt("a file took too long")

    before = signal.signal(signal.SIGALRM, give_up)
    yield signal.alarm
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
def test_damage_of_any_kind_is_an_image_or_one_line(tmp_path, capsys, within):
    """FILES=1000000 tries other ones for about ten minutes; a file that fails stays in the folder."""
    kinds, read = {**READABLE, **DAMAGED}, 0
    count = int(os.environ.get("FILES", "3000"))
    for seed in range(count):
        source = random.Random(seed if "FILES" not in os.environ else None)  # noqa: S311 (no secret)
        name = source.choice(list(kinds))
        path = tmp_path / name
        path.write_bytes(mutated(kinds[name][0], source))
        within(5)
        size = size_of(path)
        within(60 if size and size[0] * size[1] > 10_000_000 else 5)  # what is really large may take longer
        image = open_image(path)
        lines = capsys.readouterr().err.splitlines()
        if image is None:
            assert [line.partition(": ")[0] for line in lines] == [f"skipped {path}"]
        else:
            assert (image.mode, lines) == ("RGB", [])
            assert size is not None
            read += 1
        path.unlink()
    assert 0.05 * count < read < 0.9 * count


@pytest.mark.slow
@pytest.mark.parametrize("is_flat", [True, False])
def test_only_regular_files_are_opened(is_flat, tmp_path):
    """A pipe would be waited for, and some devices never end."""
    for k in range(2):
        place = tmp_path / "data" if is_flat else tmp_path / "data" / f"class{k}"
        place.mkdir(exist_ok=True, parents=True)
        (place / f"{k}.png").write_bytes(saved("PNG"))
    os.mkfifo(place / "pipe.png")
    os.mknod(place / "socket.png", stat.S_IFSOCK | 0o600)
    (place / "device.png").symlink_to("/dev/zero")
    (place / "gone.png").symlink_to("nowhere")
    options = [str(tmp_path / "data"), "-o", str(tmp_path / "out.png"), "--size", "32"]
    command = [sys.executable, "-m", "cutmix_transforms", "preview", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    told = done.stderr.replace(str(place / "nowhere"), str(place / "gone.png"))  # older Pillow follows the link
    assert sorted(told.splitlines()) == [
        f"skipped {place / 'device.png'}: no regular file",
        f"skipped {place / 'gone.png'}: [Errno 2] No such file or directory: '{place / 'gone.png'}'",
        f"skipped {place / 'pipe.png'}: no regular file",
        f"skipped {place / 'socket.png'}: no regular file",
    ]
    assert [size_of(path) for path in sorted(place.iterdir())].count(None) == 4
