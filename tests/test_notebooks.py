"""The notebooks run as they stand, and say what they said."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def texts(notebook):
    """What each code cell prints, and whether it shows a picture."""
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    return [[output.get("text", "image/jpeg" in output.get("data", {})) for output in cell] for cell in outputs]


@pytest.mark.filterwarnings("default")  # those of Jupyter are not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path):
    committed = nbformat.read(path, as_version=4)
    executed = nbformat.read(path, as_version=4)
    NotebookClient(executed, timeout=300, kernel_name="python3").execute()
    assert texts(executed) == texts(committed)
    assert any(True in cell for cell in texts(committed))
    assert path.stat().st_size < 1_500_000
    for cell in committed.cells:
        assert cell.cell_type != "code" or len(cell.source.splitlines()) <= 10


def test_there_are_notebooks():
    assert NOTEBOOKS
