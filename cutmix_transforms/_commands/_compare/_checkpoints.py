"""Trainings that are not finished, as files that are whole and say which training they are of."""

import io
import time
from pathlib import Path
from typing import Any

import torch

from cutmix_transforms._commands._files import write_whole

RUN = "cutmix_transforms_run"
PATIENCE = 20  # times as long as writing one takes, until the next is written


def read(file: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Read the checkpoint of a run.

    Args:
        file: the checkpoint.
        run: what must be in it of the run that made it.

    Returns:
        Its content, on the CPU.

    Raises:
        ValueError: if it cannot be read, or is of something else.
    """
    wrong = f"--resume must be with whole checkpoints of the same training, got {file}"
    then = "delete it, and --resume begins that run anew"
    if not file.is_file():  # a pipe would be waited for
        raise ValueError(f"{wrong}, which is no regular file; {then}")
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make it raise errors of nearly every kind
        raise ValueError(f"{wrong}, which cannot be read ({type(error).__name__}); {then}") from None
    if not isinstance(found, dict) or found.get(RUN) != run:
        raise ValueError(f"{wrong}, which is of another; {then}")
    return found


class Keeper:
    """Writes the checkpoints of one run, in one step each, so that a full disk leaves the one before.

    Args:
        file: where they are written.
        run: what tells the run from others, in numbers and strings.
    """

    def __init__(self, file: Path, run: dict[str, Any]) -> None:
        self.file, self.run = file, run
        self.next = 0.0  # when writing one again takes little beside the training since

    def read(self) -> dict[str, Any] | None:
        """Return the last checkpoint, or None where there is none."""
        return read(self.file, self.run) if self.file.exists() else None

    def write(self, state: dict[str, Any], *, must: bool) -> None:
        """Write a checkpoint, unless it may be left out because one was written not long ago."""
        began = time.monotonic()
        if not must and began < self.next:
            return
        content = io.BytesIO()
        torch.save(state | {RUN: self.run}, content)
        write_whole(self.file, content.getbuffer())
        self.next = time.monotonic() + PATIENCE * (time.monotonic() - began)
