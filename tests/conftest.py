import pytest
import torch
from helpers import HEIGHT, WIDTH


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(20261121)


@pytest.fixture
def images():
    return torch.rand(6, 3, HEIGHT, WIDTH)


@pytest.fixture
def labels():
    return torch.tensor([0, 1, 2, 3, 4, 0])
