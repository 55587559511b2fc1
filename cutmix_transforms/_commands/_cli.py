"""The command line."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from cutmix_transforms._commands import _bench, _compare, _preview
from cutmix_transforms._commands._terminal import printable
from cutmix_transforms._version import __version__


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {printable(message)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cutmix-transforms`` and give its exit code: 0, or 2 after one line about what is wrong."""
    parser = _Parser(prog="cutmix-transforms", description="CutMix, MixUp and Cutout for PyTorch.")
    parser.add_argument("--version", action="version", version=__version__)
    names = "{preview,bench,compare}"
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar=names)
    _preview.add_arguments(commands.add_parser("preview", help=_preview.HELP, description=_preview.HELP))
    _bench.add_arguments(commands.add_parser("bench", help=_bench.HELP, description=_bench.HELP))
    _compare.add_arguments(commands.add_parser("compare", help=_compare.HELP, description=_compare.HELP))
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    options.command_line = [parser.prog, *arguments]
    try:
        options.run(options)
    except (OSError, ValueError) as error:
        print(f"cutmix-transforms {options.command}: {printable(error)}", file=sys.stderr)
        return 2
    return 0
