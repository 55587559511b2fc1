"""Words that others have chosen, such as names of files, on a terminal."""


def printable(text: object) -> str:
    r"""Return text as one line; what a terminal would obey, such as an escape sequence, is written out.

    Args:
        text: anything that can be converted to a string.

    Returns:
        The text with ``\n``, ``\x1b`` and the like in place of every character that does not show itself.

    Example:
        >>> print(printable("two\nlines"))
        two\nlines
    """
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in str(text))
