"""A folder that one comparison at a time writes into."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows, where nothing keeps a second comparison out
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make a folder and keep other comparisons out of it, which is an error there, until this is done or has died."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LOCK
    handle = _locked(file)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        handle.close()


def _locked(file: Path) -> IO[str]:
    while True:
        handle = file.open("a")
        try:
            _lock(handle, file)
            if os.path.samestat(os.fstat(handle.fileno()), file.stat()):
                return handle
        except FileNotFoundError:
            pass  # who had it has just ended and taken the file away: make a new one
        except BaseException:
            handle.close()
            raise
        handle.close()


def _lock(handle: IO[str], file: Path) -> None:
    if fcntl is None:
        return
    try:
        # Not flock, which the workers of a process that was killed would hold for some seconds more.
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise ValueError(
                "--out must be a folder that no other comparison is writing into, "
                f"got {file.parent}: wait until that has ended, or give another folder"
            ) from None
        # Any other error says that the file system knows no locks, where it is better to work without.
