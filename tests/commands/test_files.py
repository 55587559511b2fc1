"""Files as the commands write them: whole or not at all."""

import os
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from cutmix_transforms._commands._cli import main
from cutmix_transforms._commands._files import write_whole


@contextmanager
def full_disk():
    """A disk on which no file can be longer than 4096 bytes; not for longer than a call, as pytest may write to one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_full_disk_leaves_the_file_that_was_there(is_new, tmp_path):
    file = tmp_path / "results.json"
    if not is_new:
        file.write_text("before")
    with pytest.raises(OSError, match=f"File too large: '{file}'"), full_disk():
        write_whole(file, bytes(5000))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"] * (not is_new)


def test_a_full_disk_leaves_the_preview_that_was_there(tmp_path, capsys):
    (tmp_path / "out.png").write_text("before")
    with full_disk():
        assert main(["preview", "-o", str(tmp_path / "out.png"), "--size", "64"]) == 2
    expected = f"cutmix-transforms preview: [Errno 27] File too large: '{tmp_path / 'out.png'}'\n"
    assert capsys.readouterr().err == expected
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_what_is_written_keeps_links_and_goes_into_pipes(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    for content in (b"one", b"another"):
        write_whole(link, content)
        assert (file.read_bytes(), link.is_symlink()) == (content, True)
    reading, writing = os.pipe()
    write_whole(Path(f"/dev/fd/{writing}"), b"piped")
    assert os.read(reading, 9) == b"piped"
    os.close(reading), os.close(writing)
