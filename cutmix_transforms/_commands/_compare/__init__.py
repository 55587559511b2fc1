"""``cutmix-transforms compare``: whether mixing helps on one's own pictures, with error bars."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from cutmix_transforms._commands._compare._mixes import AUGMENTS, MIXES

HELP = "Train the same network with and without mixing on your pictures, and say what it did."
NEEDS = ("lightning", "torchmetrics", "matplotlib")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    add = parser.add_argument
    where = (
        "folder with train/ and val/ or test/, or with a folder of pictures for each class, of which a fifth is kept "
    )
    add("data", nargs="?", type=Path, metavar="DATA", help=where + "for the test (default: embedded Fashion-MNIST)")
    add("--mix", action="append", choices=MIXES, help="what to compare; may be repeated (default: all)")
    add("--alpha", type=float, metavar="A", help="of MixUp and CutMix (default: 0.4 and 1)")
    model = "small, or a model of torchvision or an installed timm (default: small; resnet18 for large pictures)"
    augment = "what all runs share: nothing, flips, or flips and random crops (default: crop; embedded: flip)"
    add("--augment", choices=AUGMENTS, help=augment)
    add("--model", metavar="NAME", help=model)
    add("--epochs", type=int, default=40, metavar="N", help="of every run (default: %(default)s)")
    add("--train-size", type=int, metavar="M", help="learn from that many pictures (default: all; embedded: 500)")
    add("--batch-size", type=int, default=64, metavar="B", help="of every device (default: %(default)s)")
    add("--size", type=int, metavar="S", help="side of the pictures in pixels (default: as they are, up to 224)")
    rate = "the largest of the cycle (default: 0.1 for 64 pictures a step, times the root of how many times as many)"
    add("--learning-rate", type=float, metavar="R", help=rate)
    add("--seeds", type=int, default=3, metavar="S", help="runs of each mix (default: %(default)s)")
    add(
        "--mix-off-last", type=int, default=0, metavar="K", help="no mixing in the last K epochs (default: %(default)s)"
    )
    add("--out", type=Path, metavar="FOLDER", help="where the report goes (default: runs/ and the name of the data)")
    add(
        "--resume",
        action="store_true",
        help="go on with what FOLDER holds, with the same options or with more seeds or mixes",
    )
    add("--workers", type=int, metavar="W", help="processes that make batches, for each device (default: by cores)")
    add("--devices", default="auto", help="how many, or which, as Lightning takes it (default: %(default)s)")
    add("--num-nodes", type=int, default=1, metavar="N", help="machines (default: %(default)s)")
    add("--strategy", default="auto", help="of Lightning, such as ddp (default: %(default)s)")
    add("--precision", default="32-true", help="of Lightning, such as bf16-mixed (default: %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Compare what the options of the command line ask for.

    Args:
        options: the parsed command line.

    Raises:
        OSError: if pictures cannot be read or the report cannot be written.
        ValueError: if an option is out of range, a package is missing, the data are too few, or the folder holds
            another comparison.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} must be installed: pip install 'cutmix-transforms[compare]'")
    from cutmix_transforms._commands._compare import _command  # noqa: PLC0415

    _command.run(options)
