"""Writing files completely or not at all."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(file: Path, content: bytes | memoryview) -> None:
    """Write a file in one step, so that the old file stays intact if the disk is full or the program is killed.

    Args:
        file: the file; if it is a link, its target is written.
        content: the bytes to write.

    Raises:
        OSError: if the file cannot be written. The error names the file.
    """
    if file.exists() and not file.is_file():
        file.write_bytes(content)  # a pipe or a device, such as /dev/stdout, or a folder, which is an error
        return
    whole = Path(os.path.realpath(file))
    part = whole.with_name(f".{whole.name}.part")
    try:
        part.write_bytes(content)
        part.replace(whole)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
