"""The package as it is handed over: names, signatures, documents, house rules."""

import ast
import inspect
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from support.programs import LINUX_ONLY
from torchvision.transforms import v2

import cutmix_transforms
from cutmix_transforms._commands._cli import main

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cutmix_transforms"
README = (ROOT / "README.md").read_text()
MODULES = sorted(PACKAGE.rglob("*.py"))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_readme_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["target"].shape == (10,)
    assert [len(target["boxes"]) >= 1 for target in names["targets"]] == [True] * 4
    assert (tmp_path / "preview.png").exists()


def test_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 150
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).exists(), link
    assert len(blocks("bash")) == 3


def test_there_is_one_version(capsys):
    written = {
        "CHANGELOG.md": re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1],
        "CITATION.cff": re.search(r"^version: (\S+)", (ROOT / ".github/CITATION.cff").read_text(), re.MULTILINE)[1],
        "metadata": version("cutmix-transforms"),
    }
    with pytest.raises(SystemExit):
        main(["--version"])
    written["--version"] = capsys.readouterr().out.strip()
    assert written == dict.fromkeys(written, cutmix_transforms.__version__)


def test_workflows_test_every_python_that_is_supported():
    named = re.findall(r'"Programming Language :: Python :: (\S+)"', (ROOT / "pyproject.toml").read_text())
    tested = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/tests.yml").read_text())[1]
    assert re.findall(r'"(.*?)"', tested) == named


SIGNATURES = {
    "RandomCutMix": "(*, alpha=1.0, p=1.0, num_classes=None, per_sample=False, ratio=None, opacity=1.0, "
    "majority=False, min_visibility=0.0, dims=2, target='soft', label_smoothing=0.0, labels_getter='default', "
    "generator=None)",
    "RandomMixUp": "(*, alpha=1.0, p=1.0, num_classes=None, per_sample=False, majority=False, target='soft', "
    "label_smoothing=0.0, labels_getter='default', generator=None)",
    "RandomCutout": "(size=0.5, *, holes=1, fill=0.0, mask_fill=None, inside=False, p=1.0, min_visibility=0.0, "
    "dims=2, labels_getter='default', generator=None)",
    "RandomMixChoice": "(transforms, *, weights=None, per_sample=False, generator=None)",
    "Mix": "(*, p=1.0, num_classes=None, per_sample=False, min_visibility=None, target='soft', label_smoothing=0.0, "
    "labels_getter='default', generator=None)",
    "MixCollate": "(transform, *, collate_fn=default_collate)",
    "MixDataset": "(dataset, transform, *, partners=None, weights=None)",
    "MixedLoss": "(criterion)",
    "mixed_accuracy": "(logits, target, *, k=1)",
    "show_batch": "(images, targets=None, *, classes=None, mean=None, std=None, draw=None, columns=None, "
    "channels=None, font=None)",
    "MixDraw": "(partners, boxes, opacity, size)",
    "MixedTarget": "(a, b, lam)",
    "photographs": "(size=None)",
    "unstacked": "(samples)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name):
    parameters = inspect.signature(getattr(cutmix_transforms, name)).parameters.values()
    bare = inspect.Signature([parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters])
    text = re.sub(r"<function (\w+) at \w+>", r"\1", str(bare))
    assert text == SIGNATURES[name]


def test_hints_are_shown_as_they_are_written():
    shown = {name: one.annotation for name, one in inspect.signature(cutmix_transforms.show_batch).parameters.items()}
    assert shown["images"] == "Tensor | Sequence[Tensor]"
    assert shown["font"] == "str | PathLike[str] | Font | None"
    shown = {name: one.annotation for name, one in inspect.signature(cutmix_transforms.RandomCutMix).parameters.items()}
    assert shown["labels_getter"] == "LabelsGetter"


def test_public_names():
    assert set(cutmix_transforms.__all__) == {*SIGNATURES, "functional", "__version__"}
    public = {name for name in vars(cutmix_transforms) if not name.startswith("_")}
    assert public == set(cutmix_transforms.__all__) - {"__version__"}
    assert (PACKAGE / "py.typed").exists()


def test_every_public_name_is_documented_with_an_example():
    public = [getattr(cutmix_transforms, name) for name in SIGNATURES]
    public += [getattr(cutmix_transforms.functional, name) for name in cutmix_transforms.functional.__all__]
    for one in public:
        text = inspect.getdoc(one)
        assert ">>> " in text, one
        assert "Shape:" in text or "Attributes:" in text or one.__name__ in ("RandomMixChoice", "unstacked"), one


MEMBERS = {  # of each class, those that it inherits from another class of the package too
    "Mix": "dims draw extra_repr forward generator p place",
    "RandomCutMix": "dims draw extra_repr forward generator numbers p place",
    "RandomMixUp": "dims draw extra_repr forward generator numbers p place",
    "RandomMixChoice": "dims draw extra_repr forward generator numbers p place",
    "RandomCutout": "draw extra_repr forward generator p",
    "MixCollate": "",
    "MixDataset": "",
    "MixedLoss": "forward",
    "MixDraw": "boxes lam opacity partners size",
    "MixedTarget": "a b lam pin_memory to unmixed",
}


@pytest.mark.parametrize("name", MEMBERS)
def test_help_shows_what_users_need(name):
    """Nothing that only the package itself calls, and each method with its docstring."""
    cls = getattr(cutmix_transforms, name)
    own = [one for one in cls.__mro__ if one.__module__.startswith("cutmix_transforms")]
    members = {member for one in own for member in vars(one) if not member.startswith("_")}
    assert sorted(members) == MEMBERS[name].split()
    assert all(inspect.getdoc(getattr(cls, member)) for member in members - {"dims", "numbers"})
    assert not issubclass(cls, v2.Transform) or "the docstring of the class describes its options" in inspect.getdoc(
        cls.__init__
    )


def test_docstrings_name_things_plainly():
    """In ``help`` a role of Sphinx would stand as it is."""
    for path in MODULES:
        assert not re.search(r":(class|func|meth|mod|attr):`", path.read_text()), path


TRANSFORMS = {"Mix", "RandomCutMix", "RandomMixUp", "RandomCutout", "RandomMixChoice", "MixCollate", "MixDataset"}
NO_TABLE = {"Placement", "__version__", "functional", "photographs", "unstacked"} | TRANSFORMS


def test_bad_calls_of_every_public_function_are_in_the_tests_named_after_its_module():
    public = {**vars(cutmix_transforms.functional), **vars(cutmix_transforms)}
    for name in {*cutmix_transforms.functional.__all__, *cutmix_transforms.__all__} - NO_TABLE:
        _, room, module = public[name].__module__.split(".")
        tests = (ROOT / "tests" / room.lstrip("_") / f"test{module}.py").read_text()
        assert re.search(rf'^    "{name}": \[$', tests, re.MULTILINE), name


TESTED_IN = {  # modules without a test file of their own: private parts of what another file tests
    "_commands/_bench_cases.py": "commands/test_bench.py",
    "_commands/_cli.py": "commands/test_preview.py",
    "_commands/_folders.py": "commands/test_compare_data.py",
    "_commands/_spec.py": "commands/test_preview.py",
    "_commands/_terminal.py": "commands/test_files.py",
    "_commands/_compare/_lock.py": "commands/test_compare_command.py",
    "_commands/_compare/_looks.py": "commands/test_compare_batches.py",
    "_commands/_compare/_markdown.py": "commands/test_compare_report.py",
    "_commands/_compare/_progress.py": "commands/test_compare_command.py",
    "_commands/_compare/_ranks.py": "commands/test_compare_training.py",
    "_commands/_compare/_verdicts.py": "commands/test_compare_report.py",
    "_random/_graph.py": "transforms/test_compile.py",
    "_structure/_column.py": "data/test_samples.py",
    "_structure/_fit.py": "structure/test_read.py",
    "_structure/_parts.py": "structure/test_read.py",
    "_transforms/_cutout_inputs.py": "transforms/test_cutout.py",
    "_transforms/_cutout_options.py": "transforms/test_cutout.py",
    "_transforms/_draws.py": "transforms/test_mix.py",
    "_transforms/_inputs.py": "transforms/test_mix.py",
    "_transforms/_read_only.py": "transforms/test_base.py",
    "functional/_by_mask.py": "functional/test_pixels.py",
    "functional/_wrap.py": "functional/test_targets.py",
}


def test_every_module_is_tested_in_the_file_of_its_name():
    for path in MODULES:
        name = path.relative_to(PACKAGE)
        if len(name.parts) > 1 and not name.name.startswith("__"):
            rooms = [part.lstrip("_") for part in name.parent.parts]
            usual = "/".join([rooms[0], "_".join(["test", *rooms[1:], name.name.lstrip("_")])])
            found = TESTED_IN.get(name.as_posix(), usual)
            assert (ROOT / "tests" / found).exists(), name
            assert found == usual or not (ROOT / "tests" / usual).exists(), name


def test_files_that_only_linux_runs_exist():
    for name in LINUX_ONLY:
        assert (ROOT / "tests" / name).exists(), name


def test_house_rules():
    """No assert, no other randomness than torch's; functions of at most 45 lines."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Assert), path
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"random", "numpy.random"} & {*names}, path
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert not body or node.end_lineno - body[0].lineno < 45, (path, node.name)


def test_randomness_is_drawn_in_one_place():
    for path in MODULES:
        if path.name not in ("_stream.py", "_bench_cases.py"):  # the latter only makes pixels to measure with
            code = [line for line in path.read_text().splitlines() if not line.lstrip().startswith((">>>", "..."))]
            found = re.findall(
                r"torch\.rand|randperm|bernoulli|multinomial|\.random_\(|uniform_\(|normal_\(|np\.random",
                "\n".join(code),
            )
            assert not found, path


ROOMS = {  # and the rooms that each may import from, besides itself
    "functional": [],
    "_random": ["functional"],
    "_structure": ["functional"],
    "_metrics": ["functional"],
    "_show": ["functional"],
    "_transforms": ["functional", "_random", "_structure"],
    "_data": ["functional", "_random", "_structure", "_transforms"],
    "_commands": ["functional", "_random", "_structure", "_metrics", "_show", "_transforms", "_data", "_version"],
}


def test_imports_go_downwards():
    """Every room imports from those below it alone, and only the entry points import the package itself."""
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(ROOMS)
    for path in MODULES:
        imported = re.findall(r"^ *from (cutmix_transforms\S*) import", path.read_text(), re.MULTILINE)
        room = path.relative_to(PACKAGE).parts[0]
        if room in ROOMS:
            allowed = {room, *ROOMS[room]}
            assert {name.split(".")[1] for name in imported if "." in name} <= allowed, path
            assert "cutmix_transforms" not in imported, path


def test_python_version_is_supported():
    assert sys.version_info >= (3, 10)


def functions_of(path):
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_of_functions_begin_with_a_verb(path):
    """Those of properties may be noun phrases."""
    for node in functions_of(path):
        is_property = any(ast.unparse(one).endswith("property") for one in node.decorator_list)
        first, *_ = (ast.get_docstring(node) or "None").split()
        assert is_property or first not in ("The", "A", "An", "What", "Whether", "How"), (node.name, first)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_words_are_those_of_the_glossary(path):
    """One word for one thing: fraction, distribution, dataset, image, center, color, gray, probability."""
    found = re.findall(
        r"\b(?:shares?|laws?|data sets?|pictures?|centre|colours?|grey|chances?)\b", path.read_text(), re.IGNORECASE
    )
    assert not found, path
