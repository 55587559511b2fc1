"""A comparison that several tests of the compare command look at."""

import pytest
from support.compare_cases import MIXES, mix_options, save

from cutmix_transforms._commands._cli import main


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
