"""Six small photographs to look at transforms with; CREDITS.md says whose they are."""

from pathlib import Path

PHOTOS = Path(__file__).parent
NAMES = ("astronaut", "cat", "coffee", "raccoon", "dandelion", "rocket")
