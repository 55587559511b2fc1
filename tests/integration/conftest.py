"""Every test in this folder belongs to the group ``integration``: ``pytest -m "not integration"`` leaves them out."""

from pathlib import Path

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker("integration")
