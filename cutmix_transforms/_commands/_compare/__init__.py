"""``cutmix-transforms compare``: whether mixing helps on one's own images, with error bars."""

import argparse
from pathlib import Path

from cutmix_transforms._commands._compare._recipes import AUGMENTS, PRECISIONS, RECIPES, SCHEDULES

HELP = "Train the same network with and without mixing on your images, and say what it did."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    add = parser.add_argument
    where = "folder with train/ and val/ or test/, or with a folder of images for each class, of which a fifth is kept "
    add("data", nargs="?", type=Path, metavar="DATA", help=where + "for the test (default: embedded Fashion-MNIST)")
    _add_mixes(parser)
    _add_training(parser)
    add("--out", type=Path, metavar="FOLDER", help="where the report goes (default: runs/ and the name of the data)")
    resume = "go on with what FOLDER holds, with the same options or with more seeds, mixes or lengths"
    add("--resume", action="store_true", help=resume)
    add("--workers", type=int, metavar="W", help="processes that make batches of large images (default: by cores)")
    add("--device", default="auto", help="such as cpu or cuda:1 (default: a GPU if there is one)")
    compiled = "make a GPU faster by torch.compile, which takes a minute (default: where it pays)"
    add("--compile", choices=("auto", "yes", "no"), default="auto", help=compiled)
    parser.set_defaults(run=run)


def _add_mixes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--mix",
        action="append",
        metavar="MIX",
        help="what to compare, any number: none, cutout, mixup, cutmix, cutmix+mixup for one of both at random, "
        "or a class of your own, MODULE:CLASS; with its options, cutmix:alpha=1,p=0.5 (default: as in the recipe)",
    )
    add("--alpha", type=float, metavar="A", help="alpha of every mix that is given without its own")
    add("--p", type=float, metavar="P", help="probability that a batch is mixed, of every mix without its own")
    off = "no mixing in the last K epochs (default: %(default)s)"
    add("--mix-off-last", type=int, default=0, metavar="K", help=off)


def _add_training(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    recipe = (
        "short: a small network, 40 epochs, batches of 64, one cycle of the learning rate; cifar: that of the papers, "
        "ResNet-18, 200 epochs, batches of 128, a cosine. Other options override it (default: %(default)s)"
    )
    add("--recipe", choices=tuple(RECIPES), default="short", help=recipe)
    model = "small, or a model of torchvision or an installed timm (default: small; resnet18 for large images)"
    add("--model", metavar="NAME", help=model)
    augment = "what all runs get: nothing, flips, or flips and random crops (default: crop; embedded: none)"
    add("--augment", choices=AUGMENTS, help=augment)
    epochs = "epochs of every run; several, such as 20,40,80, to see what longer training changes"
    add("--epochs", metavar="N[,N...]", help=epochs)
    add("--seeds", type=int, metavar="S", help="runs of each mix (default: 3; embedded: 4)")
    add("--train-size", type=int, metavar="M", help="learn from that many images (default: all; embedded: 400)")
    add("--batch-size", type=int, metavar="B", help="images in a batch of every process (default: as in the recipe)")
    add("--size", type=int, metavar="S", help="side of the images in pixels (default: as they are, up to 224)")
    rate = "peak learning rate (default: 0.1 x sqrt(images in all batches of a step / those of the recipe))"
    add("--learning-rate", type=float, metavar="R", help=rate)
    add("--schedule", choices=SCHEDULES, help="how the learning rate rises and falls")
    add("--momentum", type=float, metavar="R", help="momentum of SGD, Nesterov's (default: 0.9)")
    add("--weight-decay", type=float, metavar="R", help="weight decay of SGD (default: 5e-4)")
    default = "default: bfloat16 on a GPU, else float32; bfloat16 is faster on newer CPUs, too"
    add("--precision", choices=PRECISIONS, help=f"what the network computes in ({default})")


def run(options: argparse.Namespace) -> None:
    """Compare what the options of the command line ask for.

    Args:
        options: the parsed command line.

    Raises:
        OSError: if images cannot be read or the report cannot be written.
        ValueError: if an option is out of range, the data are too few, or the folder holds another comparison.
    """
    from cutmix_transforms._commands._compare import _command  # noqa: PLC0415

    _command.run(options)
