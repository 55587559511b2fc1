"""A comparison that several tests look at, and the mark of those that train: they are slow."""

from pathlib import Path

import pytest
from support.compare_cases import MIXES, mix_options, save

from cutmix_transforms._commands._cli import main

FOLDER = Path(__file__).parent
LONG = (
    "test_a_killed_run",
    "test_a_second_comparison",
    "test_interrupting_keeps_what_is_finished",
    "test_mixing_goes_off",
    "test_the_package_and_its_other_commands",
    "test_training_needs_torch",
    "test_training_that_explodes",
    "test_large_images_are_read_by_workers",
    "test_two_ranks",
)


def pytest_collection_modifyitems(items):
    for item in items:
        trains = "finished" in getattr(item, "fixturenames", ()) or item.name.startswith(LONG)
        if trains and item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Two hundred pictures: a folder with ``train`` and ``test``."""
    folder = tmp_path_factory.mktemp("pictures")
    save(folder / "train", (53, 53, 53))
    save(folder / "test", (14, 14, 13))
    return folder


@pytest.fixture(scope="session")
def short(pictures):
    """A training of seconds."""
    return [str(pictures), "--epochs", "3", "--batch-size", "32"]


@pytest.fixture(scope="session")
def finished(short, tmp_path_factory):
    """A comparison that nothing disturbed: its folder."""
    folder = tmp_path_factory.mktemp("finished") / "new"
    assert main(["compare", *short, *mix_options(*MIXES), "--seeds", "2", "--out", str(folder)]) == 0
    return folder
