"""What trains networks or starts programs to compare is slow; it is told by its fixtures and its name."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TRAINED = {"finished", "trained", "copied", "unfinished"}
LONG = (
    "test_a_killed_run",
    "test_a_second_comparison",
    "test_interrupting_keeps_what_is_finished",
    "test_mixing_goes_off",
    "test_the_package_and_its_other_commands",
    "test_training_that_explodes",
    "test_two_ranks",
)


def pytest_collection_modifyitems(items):
    for item in items:
        trains = TRAINED & set(getattr(item, "fixturenames", ())) or item.name.startswith(LONG)
        if trains and item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.slow)
