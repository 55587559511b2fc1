import sys
from importlib.metadata import version

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from support.helpers import HEIGHT, WIDTH
from support.programs import LINUX_ONLY

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
    np.random.seed(20261121)  # timm draws from it


@pytest.fixture
def images():
    return torch.rand(6, 3, HEIGHT, WIDTH)


@pytest.fixture
def labels():
    return torch.tensor([0, 1, 2, 3, 4, 0])
