"""Safe printing of text from elsewhere, such as file names, on a terminal."""


def printable(text: object) -> str:
    r"""Return text as one line in which control characters, such as escape sequences, are escaped.

    Args:
        text: any object that can be converted to a string.

    Returns:
        The text, with escapes such as ``\n`` and ``\x1b`` for every character that is not printable.

    Example:
        >>> print(printable("two\nlines"))
        two\nlines
    """
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in str(text))
