"""The cases to measure. Each case times several functions that do the same job, in turn."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from cutmix_transforms._data._collate import MixCollate
from cutmix_transforms._transforms._cutmix import RandomCutMix
from cutmix_transforms._transforms._mixup import RandomMixUp

Functions = dict[str, Callable[[], Any]]
Times = dict[str, list[float]]  # in seconds, one per round
BATCH = 64
OURS = {"CutMix": RandomCutMix, "MixUp": RandomMixUp}
THEIRS = {"CutMix": v2.CutMix, "MixUp": v2.MixUp}
CPU = torch.device("cpu")
CLASSES = {224: 1000, 32: 10}  # by the side of the images


@dataclass
class Case:
    """Functions that do the same job and are timed in turn; ``plain`` does the job without mixing."""

    name: str
    make: Callable[[], Functions]
    device: torch.device = CPU

    def measure(self, seconds: float) -> Times:
        """Time the functions in this process."""
        return in_turn(self.make(), seconds, partial(_wait, self.device))


class WorkerCase(Case):
    """A case that is timed in a DataLoader worker, until all tensors are in shared memory."""

    def measure(self, seconds: float) -> Times:
        """Time the functions in a DataLoader worker."""
        times: Times = next(iter(DataLoader([seconds], 1, num_workers=1, collate_fn=self._measure)))  # type: ignore[arg-type]
        return times

    def _measure(self, seconds: list[float]) -> Times:
        torch.set_num_threads(1)
        return in_turn(self.make(), seconds[0], _move_to_shared_memory)


def cases(device: torch.device) -> Iterator[Case]:
    """Yield the cases for a device."""
    each = [(name, per_sample) for name in OURS for per_sample in (False, True)]
    if device.type == "cpu":
        for side in CLASSES:
            for dtype in (torch.float32, torch.uint8):
                for name, per_sample in each:
                    what = f"in a worker, {str(dtype)[6:]} {side}, {_title(name, per_sample)}"
                    yield WorkerCase(what, partial(collate_functions, dtype, side, name, per_sample))
        for name in OURS:
            yield Case(f"epoch with 2 workers, float32 224, {name}", partial(loader_functions, name))
        for name in OURS:
            yield WorkerCase(f"in a worker, 8 scenes of 640, {name}", partial(scene_functions, name))
    for name, per_sample in each:
        what = f"batch on {device.type}, float32 224, {_title(name, per_sample)}"
        yield Case(what, partial(call_functions, name, per_sample, device), device)
    for name in OURS if device.type != "cpu" else ():
        yield Case(f"compiled on {device.type}, 224, {name}", partial(pipeline_functions, name, device), device)


def _title(name: str, per_sample: bool) -> str:
    return f"{name} per sample" if per_sample else name


def in_turn(functions: Functions, seconds: float, finish: Callable[[Any], None]) -> Times:
    """Time functions in turn, in many rounds, including ``finish`` but not the release of memory."""
    times: Times = {name: [] for name in functions}
    for function in list(functions.values()) * 2:
        finish(function())
    end = time.perf_counter() + seconds
    names = list(functions)
    while time.perf_counter() < end or len(times[names[0]]) < 5:
        for name in names:
            start = time.perf_counter()
            result = functions[name]()
            finish(result)
            times[name].append(time.perf_counter() - start)
            del result
        names = names[1:] + names[:1]
    return times


def _wait(device: torch.device, _: Any) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _move_to_shared_memory(result: Any) -> None:
    for leaf in tree_leaves(result):
        if isinstance(leaf, Tensor):
            leaf.share_memory_()


def noise(dtype: torch.dtype, *shape: int) -> Tensor:
    """Return random pixels."""
    return torch.rand(shape) if dtype.is_floating_point else torch.randint(256, shape, dtype=dtype)


def _samples(dtype: torch.dtype, side: int, classes: int) -> list[tuple[Tensor, int]]:
    return [(noise(dtype, 3, side, side), i % classes) for i in range(BATCH)]


def collate_functions(dtype: torch.dtype, side: int, name: str, per_sample: bool) -> Functions:
    """Make functions that collate a batch, with and without mixing."""
    classes = CLASSES[side]
    samples = _samples(dtype, side, classes)
    mixed = MixCollate(OURS[name](num_classes=classes, per_sample=per_sample))
    functions: Functions = {"plain": lambda: default_collate(samples), "ours": lambda: mixed(samples)}
    if not per_sample and (dtype.is_floating_point or name == "CutMix"):  # its MixUp gives black uint8 images
        theirs = Mixed(THEIRS[name](num_classes=classes))
        functions["torchvision"] = lambda: theirs(samples)
    if dtype == torch.uint8 and find_spec("timm"):
        collate = import_module("timm.data.mixup").FastCollateMixup(**_timm_options(name, classes, per_sample))
        arrays = [(image.numpy(), label) for image, label in samples]
        functions["timm"] = lambda: collate(arrays)
    return functions


def _timm_options(name: str, classes: int, per_sample: bool) -> dict[str, Any]:
    alphas = {"mixup_alpha": float(name == "MixUp"), "cutmix_alpha": float(name == "CutMix")}
    return {**alphas, "mode": "elem" if per_sample else "batch", "num_classes": classes, "label_smoothing": 0.0}


class _Pool(Dataset[Any]):
    """Samples in memory, so that only collating and sending them to the main process takes time."""

    def __init__(self, samples: list[tuple[Tensor, int]], batches: int) -> None:
        self.samples = samples
        self.batches = batches

    def __len__(self) -> int:
        return len(self.samples) * self.batches

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.samples[i % len(self.samples)]


class Mixed:
    """The collate function from torchvision's documentation."""

    def __init__(self, transform: Callable[..., Any]) -> None:
        self.transform = transform

    def __call__(self, samples: list[Any]) -> Any:
        """Collate a batch, then mix it."""
        return self.transform(*default_collate(samples))


def loader_functions(name: str, *, side: int = 224, batches: int = 12) -> Functions:
    """Make functions that run one epoch of a loader with persistent workers."""
    classes = CLASSES[224]
    data = _Pool(_samples(torch.float32, side, classes), batches)
    collates: dict[str, Callable[..., Any]] = {
        "plain": default_collate,
        "ours": MixCollate(OURS[name](num_classes=classes)),
        "torchvision": Mixed(THEIRS[name](num_classes=classes)),
    }
    options: Any = {"batch_size": BATCH, "num_workers": 2, "persistent_workers": True}
    loaders = {who: DataLoader(data, collate_fn=collate, **options) for who, collate in collates.items()}
    return {who: partial(_run_through, loader) for who, loader in loaders.items()}


def _run_through(loader: DataLoader[Any]) -> None:
    for _ in loader:
        pass


def scene_functions(name: str, *, size: tuple[int, int] = (640, 640)) -> Functions:
    """Make functions that mix 8 samples with 50 boxes and 20 masks each, or copy their pixels and masks."""
    samples = [_scene(size) for _ in range(8)]

    def getter(sample: Any) -> Any:
        return sample[1]["labels"], sample[2]["labels"]

    mixed = MixCollate(OURS[name](labels_getter=getter), collate_fn=list)
    return {
        "plain": lambda: [(image.clone(), boxes, masks["masks"].clone()) for image, boxes, masks in samples],
        "ours": lambda: mixed(samples),
    }


def _scene(size: tuple[int, int]) -> tuple[tv_tensors.Image, dict[str, Tensor], dict[str, Tensor]]:
    height, width = size
    middle, sides = torch.rand(70, 2), torch.rand(70, 2) * 0.25 + 0.02
    corners = torch.cat([(middle - sides / 2).clamp(min=0), (middle + sides / 2).clamp(max=1)], dim=1)
    corners = (corners * torch.tensor([width, height, width, height])).round()
    masks = torch.zeros(20, height, width, dtype=torch.bool)
    for mask, (left, top, right, bottom) in zip(masks, corners[50:].int().tolist(), strict=True):
        mask[top:bottom, left:right] = True
    plain, masked = (
        {
            "boxes": tv_tensors.BoundingBoxes(some, format="XYXY", canvas_size=size),
            "labels": torch.arange(len(some)),
        }
        for some in (corners[:50], corners[50:])
    )
    return tv_tensors.Image(torch.rand(3, height, width)), plain, {**masked, "masks": tv_tensors.Mask(masks)}


def call_functions(name: str, per_sample: bool, device: torch.device, *, side: int = 224) -> Functions:
    """Make functions that mix a batch on its device."""
    classes = CLASSES[224]
    images, labels = noise(torch.float32, BATCH, 3, side, side).to(device), (torch.arange(BATCH) % classes).to(device)
    mix = OURS[name](num_classes=classes, per_sample=per_sample)
    functions: Functions = {"plain": images.clone, "ours": lambda: mix(images, labels)}
    if not per_sample:
        theirs = THEIRS[name](num_classes=classes)
        functions["torchvision"] = lambda: theirs(images, labels)
    if find_spec("timm"):
        other = import_module("timm.data.mixup").Mixup(**_timm_options(name, classes, per_sample))
        copy = images.clone()  # it works in place
        functions["timm"] = lambda: other(copy, labels)
    if per_sample and find_spec("kornia"):
        kind = {"CutMix": "RandomCutMixV2", "MixUp": "RandomMixUpV2"}[name]
        right = {"use_correct_lambda": True} if name == "CutMix" else {}
        another = getattr(import_module("kornia.augmentation"), kind)(p=1.0, data_keys=["input", "class"], **right)
        functions["kornia"] = lambda: another(images, labels)
    return functions


def pipeline_functions(name: str, device: torch.device, *, count: int = 256, side: int = 224) -> Functions:
    """Make compiled functions from uint8 to normalized bfloat16; ``plain`` copies the bytes that must be moved."""
    images = noise(torch.uint8, count, 3, side, side).to(device)
    labels = (torch.arange(count) % CLASSES[224]).to(device)
    after = [v2.ToDtype(torch.bfloat16, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)]
    ours = torch.compile(v2.Compose([OURS[name](num_classes=CLASSES[224]), *after]), fullgraph=True)
    moved = images.numel() * (3 if name == "CutMix" else 4)  # one or two bytes read, two written
    source = torch.empty(moved // 2, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    functions: Functions = {"plain": lambda: target.copy_(source), "ours": lambda: ours(images, labels)}
    if name == "CutMix":
        theirs = v2.Compose([THEIRS[name](num_classes=CLASSES[224]), *after])
        functions["torchvision"] = lambda: theirs(images, labels)
    return functions
