"""The bench command: that it measures what it says. The numbers themselves are for people to look at."""

import json
import time

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from cutmix_transforms._commands import _bench, _bench_cases
from cutmix_transforms._commands._bench_cases import Case, WorkerCase, in_turn
from cutmix_transforms._commands._cli import main

CPU = torch.device("cpu")
names = pytest.mark.parametrize("name", ["CutMix", "MixUp"])
each = pytest.mark.parametrize("per_sample", [False, True], ids=["per_batch", "per_sample"])


def ignore(result):
    pass


def test_functions_take_turns_and_what_they_give_is_finished():
    calls = []
    functions = {name: lambda name=name: calls.append(name) or name for name in "abc"}
    finished = []
    times = in_turn(functions, 0.02, finished.append)
    assert finished == calls
    rounds = len(times["a"])
    assert rounds >= 5
    assert {len(values) for values in times.values()} == {rounds}
    timed = calls[6:]
    assert all(sorted(timed[i : i + 3]) == ["a", "b", "c"] for i in range(0, len(timed), 3))
    assert timed[0] != timed[3] != timed[6]  # each is first in its turn


def test_ratios_are_of_neighbours():
    """Both get slower together, as on a busy machine: the ratio does not see it."""
    times = {"plain": [1.0, 2.0, 8.0, 4.0], "ours": [1.5, 3.0, 12.0, 6.0], "torchvision": [3.0, 6.0, 24.0, 12.0]}
    ratios = _bench._ratios(times)
    assert ratios == {"ours / plain": _bench.Ratio(1.5, 1.5, 1.5), "torchvision / ours": _bench.Ratio(2.0, 2.0, 2.0)}
    assert str(ratios["ours / plain"]) == "1.50 (1.50 to 1.50)"
    spread = _bench._ratio([1.0, 2.0, 3.0, 4.0], [1.0] * 4)
    assert (spread.median, spread.low, spread.high) == (2.5, 1.25, 3.75)


def test_times_are_seconds():
    times = in_turn({"short": lambda: None, "long": lambda: time.sleep(0.01)}, 0.1, ignore)
    assert min(times["long"]) >= 0.01
    assert all(short < long for short, long in zip(times["short"], times["long"], strict=True))


@names
@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=str)
@pytest.mark.parametrize("side", [32, 224])
def test_all_make_batches_of_one_kind(name, per_sample, dtype, side):
    functions = _bench_cases.collate_functions(dtype, side, name, per_sample)
    peers = {"torchvision"} if not per_sample and (dtype.is_floating_point or name == "CutMix") else set()
    assert set(functions) == {"plain", "ours"} | peers | ({"timm"} if dtype == torch.uint8 else set())
    plain = functions.pop("plain")()
    for who, function in functions.items():
        images, targets = function()
        assert (images.shape, images.dtype) == (plain[0].shape, dtype), who
        assert targets.shape == (64, {32: 10, 224: 1000}[side]), who
        assert not torch.equal(images, plain[0]), who


@names
@each
def test_calls_mix_batches(name, per_sample):
    functions = _bench_cases.call_functions(name, per_sample, CPU, side=16)
    assert {"plain", "ours", "timm"} <= set(functions)
    assert ("torchvision" in functions) == (not per_sample)
    plain = functions.pop("plain")()
    for function in functions.values():
        images = function()[0]
        assert images.shape == plain.shape
        assert not torch.equal(images, plain)


@names
def test_loaders_go_through_an_epoch(name):
    functions = _bench_cases.loader_functions(name, side=8, batches=2)
    assert set(functions) == {"plain", "ours", "torchvision"}
    for function in functions.values():
        function()


@names
def test_scenes(name):
    functions = _bench_cases.scene_functions(name, size=(64, 48))
    assert len(functions["plain"]()) == 8
    for image, boxes, masks in functions["ours"]():
        assert image.shape == (3, 64, 48)
        assert len(boxes["boxes"]) == len(boxes["labels"])
        assert masks["masks"].shape == (len(masks["labels"]), 64, 48)


@pytest.mark.slow
def test_compiled_pipeline():
    functions = _bench_cases.pipeline_functions("CutMix", CPU, count=4, side=8)
    assert functions["plain"]().numel() == 4 * 3 * 8 * 8 * 3 // 2
    for who in ("ours", "torchvision"):
        images, targets = functions[who]()
        assert (images.shape, images.dtype, targets.shape) == ((4, 3, 8, 8), torch.bfloat16, (4, 1000))


def test_a_worker_hands_over_shared_memory():
    tensor = torch.rand(3)
    _bench_cases._move_to_shared_memory([tensor, {"label": 3}])
    assert tensor.is_shared()
    times = WorkerCase("in a worker", lambda: {"plain": lambda: torch.utils.data.get_worker_info().id}).measure(0.01)
    assert len(times["plain"]) >= 5


def test_all_cases_are_there():
    found = [case.name for case in _bench_cases.cases(CPU)]
    assert len(found) == len(set(found)) == 16 + 2 + 2 + 4
    assert {type(case) for case in _bench_cases.cases(CPU)} == {Case, WorkerCase}
    assert len(list(_bench_cases.cases(torch.device("cuda")))) == 4 + 2


def small_cases(device):
    for name in ("first", "second"):
        yield Case(name, lambda: {"plain": lambda: torch.ones(9), "ours": lambda: torch.ones(9)}, device)


@pytest.mark.slow
def test_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_bench, "cases", small_cases)
    file = tmp_path / "bench.json"
    assert main(["bench", "--quick", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert [line.split(" | ")[0] for line in table] == ["| case", "| ---", "| first", "| second"]
    assert {line.count("|") for line in table} == {6}
    assert any(line.startswith("versions: cutmix-transforms 0.") and "torchvision" in line for line in lines)
    report = json.loads(file.read_text())
    assert [row["name"] for row in report["rows"]] == ["first", "second"]
    assert report["rows"][0]["ratios"]["ours / plain"]["low"] <= report["rows"][0]["ratios"]["ours / plain"]["median"]
    assert report["rows"][0]["seconds"]["ours"] > 0
    assert "threads" in report["machine"]


def test_interrupting_keeps_what_is_there(monkeypatch, tmp_path, capsys):
    def interrupted(device):
        yield next(small_cases(device))
        raise KeyboardInterrupt

    monkeypatch.setattr(_bench, "cases", interrupted)
    file = tmp_path / "bench.json"
    assert main(["bench", "--quick", "--json", str(file)]) == 0
    printed = capsys.readouterr()
    assert "| first |" in printed.out
    assert printed.err.splitlines()[-1] == "interrupted"
    assert len(json.loads(file.read_text())["rows"]) == 1


@pytest.mark.parametrize("device", ["cuda:99", "nowhere", "meta", "hpu", ""])
def test_bad_device(device, capsys):
    assert main(["bench", "--device", device]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"cutmix-transforms bench: --device must be one that torch can use here, got {device}")
    assert len(error.splitlines()) == 1


def test_bad_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_bench, "cases", small_cases)
    assert main(["bench", "--quick", "--json", str(tmp_path / "no" / "bench.json")]) == 2
    printed = capsys.readouterr()
    assert "no/bench.json" in printed.err
    assert not printed.out  # before anything is measured


def test_batches_hold_tensors_only():
    """What is not a tensor would not be counted as handed over."""
    for function in _bench_cases.collate_functions(torch.uint8, 32, "CutMix", False).values():
        assert all(isinstance(leaf, Tensor) for leaf in tree_leaves(function()))
