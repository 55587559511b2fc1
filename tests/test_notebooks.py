"""The notebooks run as they stand, and say what they said."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PICTURES = {"image/jpeg", "image/png"}


def said(cell):
    """What a code cell prints, and what it shows: words, or that it is a picture."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    shown = [output.data for output in cell.outputs if output.output_type != "stream"]
    return printed, ["picture" if PICTURES & set(data) else data["text/plain"] for data in shown]


def is_script(cell):
    """A cell to be copied whole may be long, and what training prints differs from machine to machine."""
    return "script" in cell.metadata.get("tags", ())


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of Jupyter are not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path):
    committed = nbformat.read(path, as_version=4)
    executed = nbformat.read(path, as_version=4)
    NotebookClient(executed, timeout=300, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    for before, now in zip(code(committed), code(executed), strict=True):
        assert is_script(now) or said(now) == said(before), before.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_short_and_clean(path):
    committed = nbformat.read(path, as_version=4)
    assert path.stat().st_size < 1_500_000
    assert committed.cells[0].cell_type == "markdown"
    for cell in code(committed):
        assert len(cell.source.splitlines()) <= (45 if is_script(cell) else 10), cell.source
        assert not any(output.get("name") == "stderr" for output in cell.outputs), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_public_names_only(path):
    for cell in code(nbformat.read(path, as_version=4)):
        assert not re.search(r"(?<!\w)_[a-z]\w*", cell.source), cell.source


def test_the_notebooks_are_numbered():
    assert [path.stem.split("_")[0] for path in NOTEBOOKS] == [str(i + 1) for i in range(len(NOTEBOOKS))]
    assert NOTEBOOKS
