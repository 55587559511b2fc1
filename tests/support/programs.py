"""Programs that run in processes of their own, and the shared memory that they leave."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108
# Test files that fork, limit memory, send signals, make pipes, and count what Linux lists of files and shared memory.
LINUX_ONLY = [
    "commands/test_compare_checkpoints.py",
    "commands/test_compare_command.py",
    "commands/test_compare_data.py",
    "commands/test_compare_results.py",
    "commands/test_files.py",
    "commands/test_image_files.py",
    "data/test_faults.py",
    "data/test_shared_memory.py",
    "integration/test_two_ranks.py",
    "random/test_randomness.py",
    "random/test_shared_number.py",
    "random/test_stream.py",
]
PATIENCE = 180  # seconds until something counts as hung


def play(scene, folder, *arguments, prefix=(), patience=PATIENCE):
    """Run a program that prints JSON, in processes of its own, so that a hang is a failure."""
    program = folder / "scene.py"
    program.write_text(textwrap.dedent(scene))
    command = [*prefix, sys.executable, str(program), *map(str, arguments)]
    # Files, as nobody waits for the end of what a process left running has not closed.
    with (folder / "out").open("w+") as out, (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, start_new_session=True)
        try:
            code = process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            code = "hung"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert code == 0, f"{code}: {(folder / 'errors').read_text()[-5000:]}"
    return json.loads((folder / "out").read_text())


def segments(pids):
    return [path.name for path in SHARED.glob("torch_*") if int(path.name.split("_")[1]) in pids]


def left_behind(pids):
    """Shared memory of processes that have ended, after the time that torch's own manager may take to clear up."""
    end = time.monotonic() + 20
    while segments(pids) and time.monotonic() < end:
        time.sleep(0.1)
    return segments(pids)
