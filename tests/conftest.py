import sys
from importlib.metadata import version

import pytest
import torch
from hypothesis import HealthCheck, settings
from support.helpers import HEIGHT, WIDTH

# They fork, limit memory, send signals, make pipes, and count what Linux lists of files and shared memory.
LINUX_ONLY = [
    "commands/test_compare_checkpoints.py",
    "commands/test_compare_command.py",
    "commands/test_compare_data.py",
    "commands/test_compare_results.py",
    "commands/test_files.py",
    "commands/test_image_files.py",
    "data/test_faults.py",
    "data/test_shared_memory.py",
    "integration/test_two_ranks.py",
    "random/test_randomness.py",
    "random/test_shared_number.py",
    "random/test_stream.py",
]
collect_ignore = [] if sys.platform == "linux" else LINUX_ONLY

# Ordinary runs try the same cases every time; --hypothesis-profile=thorough tries ten times as many new ones.
CALM = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("default", settings(max_examples=250, derandomize=True, database=None, **CALM))
settings.register_profile("thorough", settings(max_examples=2500, print_blob=True, **CALM))
settings.load_profile("default")


def pytest_report_header():
    names = ("torch", "torchvision", "pillow", "lightning", "timm", "transformers")
    return ", ".join(f"{name} {version(name)}" for name in names)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(20261121)


@pytest.fixture
def images():
    return torch.rand(6, 3, HEIGHT, WIDTH)


@pytest.fixture
def labels():
    return torch.tensor([0, 1, 2, 3, 4, 0])
