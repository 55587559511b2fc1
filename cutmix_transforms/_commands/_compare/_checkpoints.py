"""Trainings that are not finished, as files that are whole and say which training they are of."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from cutmix_transforms._commands._files import write_whole

RUN = "cutmix_transforms_run"


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


class Checkpoints(TorchCheckpointIO):
    """Checkpoints of one run, written in one step, so that a full disk leaves the one before.

    Args:
        run: what tells the run from others, in numbers and strings.
    """

    def __init__(self, run: dict[str, Any]) -> None:
        self.run = run

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write a checkpoint, and which run it is of."""
        content = io.BytesIO()
        torch.save(checkpoint | {RUN: self.run}, content)
        write_whole(Path(path), content.getbuffer())

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """Read a checkpoint of this run."""
        return read(Path(path), self.run)
