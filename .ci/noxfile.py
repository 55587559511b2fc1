"""The tests on the oldest Python, torch, torchvision, Pillow and so on that are supported, and on the newest.

``nox -f .ci/noxfile.py`` runs all four sessions, ``-s "oldest-3.10"`` one of them.
"""

from pathlib import Path

import nox

ROOT = Path(__file__).parent.parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
PYTHONS = ["3.10", "3.13"]

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = True


@nox.session(python=PYTHONS)
def oldest(session: nox.Session) -> None:
    """The lower bounds of pyproject.toml, of all that users need."""
    bounds = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["compare"]
    if session.python == "3.13":
        first = {"pillow": "pillow>=11", "numpy": "numpy>=2.1"}  # made for it
        bounds = [first.get(bound.partition(">")[0], bound) for bound in bounds]
    constraints = Path(session.create_tmp()).resolve() / "oldest.txt"
    tamed = ["pyparsing<3.3"]  # a later one warns about the oldest matplotlib
    constraints.write_text("\n".join([bound.replace(">=", "==") for bound in bounds] + tamed))
    run(session, "--constraint", str(constraints))


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """The newest releases that this Python can have."""
    run(session, "--upgrade")


def run(session: nox.Session, *options: str) -> None:
    """Install the project and run all its tests, or those that are named after ``--``."""
    session.chdir(ROOT)
    session.install(*options, "--editable", ".[dev]")
    session.run("pytest", "-m", "", *session.posargs)
