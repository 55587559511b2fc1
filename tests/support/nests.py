"""What hypothesis draws as batches and samples: nests of any containers, in which anything lies anywhere.

A nest is drawn as a plan, of which samples are built, and the batch that they make: so one plan goes to all places.
"""

from collections import OrderedDict, UserDict, namedtuple
from dataclasses import make_dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from support.helpers import HEIGHT, WIDTH
from support.strategies import seeds, source
from torchvision import tv_tensors

CLASSES = 5


class Leaf(NamedTuple):
    kind: str
    seed: int


class Node(NamedTuple):
    kind: str
    items: list[Any]  # pairs of a key and a Leaf or Node


class Poison(NamedTuple):
    """A value that all floats of one sample have."""

    row: int
    value: float


def tensors(shape, dtype=torch.float32, wrap=None):
    """Rows of a leaf that is a tensor of this shape in a sample."""

    def rows(seed, count):
        values = torch.rand(count, *shape, generator=source(seed))
        plain = values if dtype.is_floating_point else values * (2 if dtype == torch.bool else 200)
        plain = plain.to(torch.uint8).to(dtype) if not dtype.is_floating_point else plain.to(dtype)
        return [row.clone() if wrap is None else wrap(row.clone()) for row in plain]

    return rows


def classes(make):
    return lambda seed, count: [make(i) for i in torch.randint(CLASSES, (count,), generator=source(seed)).tolist()]


def hot(dtype):
    return lambda seed, count: list((torch.rand(count, CLASSES, generator=source(seed)) > 0.5).to(dtype))


def arrays(shape, dtype):
    return lambda seed, count: [row.numpy() for row in tensors(shape, dtype)(seed, count)]


def fixed(make):
    return lambda seed, count: [make(i) for i in range(count)]


PIXELS = (HEIGHT, WIDTH)
BOX = [[1.0, 2.0, 9.0, 12.0]]
PLAIN_IMAGES = {
    "image": tensors((3, *PIXELS)),
    "gray": tensors((1, *PIXELS)),
    "bytes": tensors((3, *PIXELS), torch.uint8),
    "doubles": tensors((2, *PIXELS), torch.float64),
    "video": tensors((2, 3, *PIXELS)),
}
EXPLICIT_IMAGES = {
    "tv_image": tensors((3, *PIXELS), wrap=tv_tensors.Image),
    "tv_bytes": tensors((1, *PIXELS), torch.uint8, wrap=tv_tensors.Image),
    "tv_video": tensors((2, 3, *PIXELS), wrap=tv_tensors.Video),
}
MASKS = {
    "mask": tensors(PIXELS, torch.int64),
    "byte_mask": tensors((1, *PIXELS), torch.uint8),
    "bool_mask": tensors(PIXELS, torch.bool),
}
DEPTHS = {"depth": tensors(PIXELS), "double_depth": tensors((1, *PIXELS), torch.float64)}
WRAPPED = {"tv_mask": tensors(PIXELS, torch.int32, wrap=tv_tensors.Mask)}
LABELS = {  # and how many classes a mix has to know of
    "class": (classes(int), CLASSES),
    "class_tensor": (classes(torch.tensor), CLASSES),
    "class_bytes": (classes(lambda i: torch.tensor(i, dtype=torch.uint8)), CLASSES),
    "class_array": (classes(lambda i: np.array(i, dtype=np.int32)), CLASSES),
    "rows": (tensors((CLASSES,)), None),
    "double_rows": (tensors((CLASSES,), torch.float64), CLASSES),
    "hot": (hot(torch.int64), None),
    "bools": (hot(torch.bool), CLASSES),
    "value": (tensors(()), None),
}
OTHERS = {
    "id": fixed(int),
    "name": fixed(str),
    "words": fixed(lambda i: ["a", str(i)]),
    "number": fixed(lambda i: i / 2),
    "vector": tensors((7,)),
    "token": tensors((9,), torch.int64),
    "array": arrays((7,), torch.float32),
}
UNSTACKED = {
    "nothing": fixed(lambda i: None),
    "thing": fixed(lambda i: THING),
    "letters": fixed(lambda i: np.array("ab")),
}
WILD = {
    "array_mask": arrays(PIXELS, torch.int64),
    "array_image": arrays((3, *PIXELS), torch.float32),
    "channels_last": tensors((*PIXELS, 3)),
    "heat_maps": tensors((4, *PIXELS)),
    "thumb": tensors((3, 6, 5)),
    "features": tensors((8, 3, 3)),
    "tv_mask_channel": tensors((1, *PIXELS), torch.uint8, wrap=tv_tensors.Mask),
    "plain_boxes": fixed(lambda i: torch.tensor(BOX)),
    "boxes": fixed(lambda i: tv_tensors.BoundingBoxes(BOX, format="XYXY", canvas_size=PIXELS)),
    "column": tensors((1,), torch.int64),
}
THING = object()
KINDS = PLAIN_IMAGES | EXPLICIT_IMAGES | MASKS | DEPTHS | WRAPPED | OTHERS | UNSTACKED | WILD
KINDS |= {kind: rows for kind, (rows, _) in LABELS.items()}


@lru_cache
def record(kind, fields):
    if kind == "named":
        return namedtuple("Named", fields)  # noqa: PYI024  # its fields are drawn
    return make_dataclass("Data", fields, frozen=kind == "frozen")


MAPPINGS = ("dict", "ordered", "user")
NAMED = (*MAPPINGS, "named", "data", "frozen")  # what has keys
CONTAINERS = (*NAMED, "tuple", "list")


def container(kind, items):
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(value for _, value in items)
    mappings = {"dict": dict, "ordered": OrderedDict, "user": UserDict}
    return mappings[kind](items) if kind in mappings else record(kind, tuple(key for key, _ in items))(**dict(items))


def built(plan, value_of):
    if isinstance(plan, Leaf):
        return value_of(plan)
    return container(plan.kind, [(key, built(item, value_of)) for key, item in plan.items])


def rows_of(leaf, count, poison=None):
    rows = KINDS[leaf.kind](leaf.seed, count)
    one = rows[poison.row] if poison else None
    if isinstance(one, torch.Tensor) and one.is_floating_point():
        one.fill_(poison.value)
    return rows


def samples_of(plan, count, poison=None):
    rows = {}  # of each leaf, so that a sample holds its own
    return [
        built(plan, lambda leaf, i=i: rows.setdefault(id(leaf), rows_of(leaf, count, poison))[i]) for i in range(count)
    ]


def turned(node):
    """The same nest, with the keys of its dictionaries in the opposite order."""
    if isinstance(node, (dict, UserDict)):
        return type(node)([(key, turned(value)) for key, value in reversed([*node.items()])])
    if isinstance(node, (tuple, list)):
        items = list(map(turned, node))
        return type(node)(*items) if hasattr(node, "_fields") else type(node)(items)
    return node


def stacked(rows):
    """One leaf of a batch, as ``default_collate`` makes it of ordinary things; tv_tensors stay what they are."""
    first = rows[0]
    if isinstance(first, torch.Tensor):
        join = torch.cat if isinstance(first, tv_tensors.BoundingBoxes) else torch.stack
        batch = join([row.as_subclass(torch.Tensor) for row in rows])
        return tv_tensors.wrap(batch, like=first) if isinstance(first, tv_tensors.TVTensor) else batch
    if isinstance(first, np.ndarray) and first.dtype.kind in "biuf":
        return torch.from_numpy(np.stack(rows)) if first.ndim == 0 else np.stack(rows)
    if isinstance(first, (int, float)):
        return torch.tensor(rows, dtype=torch.float64 if isinstance(first, float) else None)
    if isinstance(first, list):
        return [tuple(row[k] for row in rows) for k in range(len(first))]
    return rows if isinstance(first, str) else first


def batch_of(plan, count, poison=None):
    return built(plan, lambda leaf: stacked(rows_of(leaf, count, poison)))


# --- plans -----------------------------------------------------------------------------------------------------------


def leaves(kinds):
    return st.builds(Leaf, st.sampled_from(sorted(kinds)), seeds)


@st.composite
def wrapped(draw, item, *, key="x", most=2):
    """Put an item into as many containers as are drawn."""
    for _ in range(draw(st.integers(0, most))):
        item = Node(draw(st.sampled_from(CONTAINERS)), [(key, item)])
    return item


class Plan(NamedTuple):
    root: Node
    num_classes: Any
    has_masks: bool  # of classes, which cannot be blended


@st.composite
def plans(draw, *, others=(*OTHERS, *UNSTACKED), plain_masks=True, in_dictionary=False):
    """Draw what has to be mixed: images, one label that is found, masks that are masks, and what cannot be mixed.

    In a dictionary there are two images, whose order could play a part.
    """
    explicit = in_dictionary or draw(st.booleans())
    images = [draw(wrapped(draw(leaves(EXPLICIT_IMAGES if explicit else PLAIN_IMAGES))))]
    if explicit and (in_dictionary or draw(st.booleans())):
        images.append(draw(wrapped(draw(leaves(EXPLICIT_IMAGES)), key="view")))
    masks = [draw(wrapped(draw(leaves(WRAPPED)), key="seg")) for _ in range(draw(st.integers(0, 1)))]
    if plain_masks and draw(st.booleans()):
        key = draw(st.sampled_from(["mask", "Masks"]))
        masks.append(Node(draw(st.sampled_from(NAMED)), [(key, draw(leaves(MASKS | DEPTHS)))]))
    extras = [
        Node(draw(st.sampled_from(CONTAINERS)), [(f"extra{i}", draw(leaves(others)))])
        for i in range(draw(st.integers(0, 3)))
    ]
    kind = draw(st.sampled_from([*LABELS, "mask", "depth", "two"]))
    label: Any = Leaf(kind, draw(seeds))
    num_classes = LABELS[kind][1] if kind in LABELS else None
    if kind == "two":
        label = Node("list", [("0", Leaf("class_tensor", draw(seeds))), ("1", Leaf("value", draw(seeds)))])
        num_classes = (CLASSES, None)
    key = draw(st.sampled_from(["labels", "Label", "targets", "target"]))
    beside = [(f"i{i}", item) for i, item in enumerate([*images, *masks, *extras])]
    if in_dictionary or draw(st.booleans()):  # found by its key
        items = [*beside[1:], (key, label)] if draw(st.booleans()) else [(key, label), *beside[1:]]
        kinds = MAPPINGS if in_dictionary else NAMED
        root = Node(draw(st.sampled_from(kinds)), draw(st.permutations([beside[0], *items])))
    else:  # the second of several, or by its key in the second
        second = label if draw(st.booleans()) else Node(draw(st.sampled_from(NAMED)), [(key, label)])
        root = Node(draw(st.sampled_from(["tuple", "list"])), [beside[0], ("label", second), *beside[1:]])
    kinds = {leaf.kind for leaf in all_leaves(root)}
    return Plan(root, num_classes, bool(kinds & {*MASKS, *WRAPPED}))


def all_leaves(plan):
    return [plan] if isinstance(plan, Leaf) else [leaf for _, item in plan.items for leaf in all_leaves(item)]


def nodes(plan):
    return [] if isinstance(plan, Leaf) else [plan, *(node for _, item in plan.items for node in nodes(item))]


KEYS = ["image", "mask", "label", "labels", "segmentation", "boxes", "id", "weights", "image_id"]


@st.composite
def wild_plans(draw):
    """Draw the same, with anything else anywhere in it: to be mixed right or to be an error."""
    plan = draw(plans())
    for _ in range(draw(st.integers(1, 3))):
        node, item = (
            draw(st.sampled_from(nodes(plan.root))),
            draw(wrapped(draw(leaves(draw(st.sampled_from([KINDS, WILD])))), most=1)),
        )
        key = draw(st.sampled_from(KEYS))
        if key not in [name for name, _ in node.items]:
            node.items.insert(draw(st.integers(0, len(node.items))), (key, item))
    return plan._replace(num_classes=draw(st.sampled_from([plan.num_classes, plan.num_classes, CLASSES, None])))
