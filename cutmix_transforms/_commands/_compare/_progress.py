"""A line on the terminal that says how far a run is."""

import sys
import time

EVERY = 0.2  # seconds


class Progress:
    """One line that is written over and over where somebody watches, and taken away in the end.

    Args:
        title: what it begins with.
        quiet: write nothing.
    """

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self.title = title
        self.is_shown = sys.stderr.isatty() and not quiet
        self.last = 0.0

    def show(self, words: str) -> None:
        """Say how far it is, unless that was said just now."""
        if self.is_shown and time.monotonic() > self.last + EVERY:
            self.last = time.monotonic()
            print(f"\r\x1b[K{self.title}: {words}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the line away."""
        if self.is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
