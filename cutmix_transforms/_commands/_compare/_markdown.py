"""Words of users, and tables, in Markdown."""

import re

from cutmix_transforms._commands._terminal import printable

_SPECIAL = re.compile(r"(?=[\\`*\[\]<>&|~$])|(?<![^\W_])(?=_)|(?=_(?![^\W_]))")  # not "_" between letters
_BEGINNING = re.compile(r"^(\d*)(?=[-+#=:.)])")  # of a list, a heading or a rule


def markdown(text: str) -> str:
    """Return words of users so that Markdown shows them as they are, in one line, also inside of a table."""
    return _BEGINNING.sub(r"\1\\", _SPECIAL.sub(r"\\", printable(text).strip()))


def code(text: str) -> str:
    """Return words of users as code in Markdown, in one line."""
    shown = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    room = " " * (len(fence) > 1)
    return f"{fence}{room}{shown}{room}{fence}"


def bullets(lines: list[str]) -> str:
    """Return a list in Markdown."""
    return "\n".join(f"* {line}" for line in lines)


def aligned(rows: list[list[str]]) -> str:
    """Return a table in Markdown whose columns also stand under one another."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
    return "\n".join(lines)
