"""``cutmix-transforms bench``: the time that mixing takes, relative to code without mixing and to other libraries."""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from cutmix_transforms._commands._bench_cases import Case, Times, cases
from cutmix_transforms._commands._files import write_whole

HELP = "Measure what mixing costs, against default_collate, torchvision and, where installed, timm and kornia."
PACKAGES = ("cutmix-transforms", "torch", "torchvision", "timm", "kornia")
LEGEND = """\
Ratios of times, median (quartiles). Plain is the same without mixing: default_collate, an epoch, scenes or a batch
copied; compiled on a GPU, a copy of as many bytes as must be moved. In a worker: until all is in shared memory.
Batches of 64, with 1000 classes at 224 pixels and 10 at 32."""
HEADS = ("case", "ours / plain", "torchvision / ours", "timm / ours", "kornia / ours")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    add = parser.add_argument
    add("--quick", action="store_true", help="measure for about a minute, with more noise (default: three minutes)")
    add("--device", default="cpu", help="where batches are mixed, such as cuda or cuda:1 (default: %(default)s)")
    file = "also write all numbers to this file, after every case (default: only print the table)"
    add("--json", type=Path, metavar="FILE", help=file)
    parser.set_defaults(run=run)


@dataclass
class Ratio:
    """The median and the quartiles of ratios of two times that were measured one directly after the other."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass
class Row:
    """The result of one case."""

    name: str
    ratios: dict[str, Ratio]
    seconds: dict[str, float] = field(default_factory=dict)  # medians


def run(options: argparse.Namespace) -> None:
    """Run all cases, print their table and write the file that the options ask for.

    Args:
        options: the parsed command line.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if the device does not exist.
    """
    device = _check_device(options.device)
    report: dict[str, Any] = {"machine": machine(device), "rows": []}
    _write(report, options.json)  # now, and not after a minute, if it cannot be written
    print("\n".join(f"{key}: {value}" for key, value in report["machine"].items()))
    print(f"\n{LEGEND}\n")
    print(_line(HEADS), _line(["---"] * len(HEADS)), sep="\n", flush=True)
    try:
        for row in rows(cases(device), seconds=0.8 if options.quick else 6.0):
            print(_line([row.name, *(str(row.ratios.get(head, "")) for head in HEADS[1:])]), flush=True)
            report["rows"].append(asdict(row))
            _write(report, options.json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def _write(report: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        write_whole(file, json.dumps(report, indent=1).encode())


def rows(some: Iterator[Case], seconds: float) -> Iterator[Row]:
    """Measure each case for a number of seconds."""
    for case in some:
        if sys.stderr.isatty():
            print(f"measuring {case.name} ...", end="\r", file=sys.stderr, flush=True)
        times = case.measure(seconds)
        yield Row(case.name, _ratios(times), {name: statistics.median(values) for name, values in times.items()})


def _ratios(times: Times) -> dict[str, Ratio]:
    pairs = {"ours / plain": ("ours", "plain")}
    pairs |= {f"{peer} / ours": (peer, "ours") for peer in ("torchvision", "timm", "kornia")}
    return {head: _ratio(times[one], times[two]) for head, (one, two) in pairs.items() if {one, two} <= times.keys()}


def _ratio(first: list[float], second: list[float]) -> Ratio:
    paired = [one / two for one, two in zip(first, second, strict=True)]
    low, _, high = statistics.quantiles(paired, n=4) if len(paired) > 1 else paired * 3
    return Ratio(statistics.median(paired), low, high)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def machine(device: torch.device) -> dict[str, str]:
    """Describe the machine and the versions that the times are measured with."""
    threads = f"{torch.get_num_threads()} of {os.cpu_count()}, one in a worker"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": name,
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {found}" for package in PACKAGES if (found := _version(package))),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(islice(names, 1), platform.processor() or "CPU")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _check_device(name: str) -> torch.device:
    known = ["cpu"]
    if accelerator := torch.accelerator.current_accelerator(check_available=True):
        known.append(accelerator.type)
    try:
        device = torch.device(name)
        if device.type not in known:  # "meta" computes nothing, and nobody would wait for what others compute
            raise ValueError(f"there is {' and '.join(known)}")
        torch.empty(0, device=device)
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device must be one that torch can use here, got {name} ({reason})") from None
    return device
