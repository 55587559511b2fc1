"""show_batch: text that is broken, shortened and joined."""

import pytest
import torch
from PIL import ImageFont
from torchvision.transforms.v2 import functional as F

from cutmix_transforms import show_batch
from cutmix_transforms._show._batch import GUTTER, _wrap
from cutmix_transforms._show._overlay import name_of
from cutmix_transforms._show._text import shorten


def lengths_asked_of(font):
    """A font that notes how much text it measures."""
    asked = []

    class Asked:
        def getlength(self, text):
            asked.append(len(text))
            return font.getlength(text)

    return Asked(), asked


@pytest.mark.parametrize("count", [200, 1_000, 6_000, 1_000_000])
def test_long_names_take_no_longer(count):
    """Characters are measured a few times, however many there are."""
    name = "a" + "b" * (count - 2) + "z"
    cut = name_of(0, [name])
    assert len(cut) <= 201
    font, asked = lengths_asked_of(ImageFont.load_default(12))
    short = shorten(cut, font, 90)
    assert sum(asked) <= 1_500
    assert (short[0], short[-1], short.count("…")) == ("a", "z", 1)
    images = torch.full((1, 3, 100, 100), 0.5)
    target = {"boxes": torch.tensor([[10, 10, 90, 90]]), "labels": torch.tensor([0])}
    for targets in (torch.tensor([0]), torch.tensor([[0.7, 0.3]]), [target], [target | {"weights": torch.rand(1)}]):
        show_batch(images, targets, classes=[name, name])


def test_names_are_shortened_as_little_as_needed():
    font = ImageFont.load_default(12)
    for text in ("Pneumonoultramicroscopicsilicovolcanoconiosis", "il|" * 30, "W" * 40):
        for width in (0, 5, 12, 30, 90, 200, 1000):
            short = shorten(text, font, width)
            left = len(short) - 1
            longer = f"{text[: left + 1 - (left + 1) // 2]}…{text[len(text) - (left + 1) // 2 :]}"
            if short == text:
                assert font.getlength(text) <= width
            else:
                assert font.getlength(short) <= width or short == "…"
                assert short == f"{text[: left - left // 2]}…{text[len(text) - left // 2 :]}"
                assert font.getlength(longer) > width


@pytest.mark.parametrize("name", ["two\nlines", "  spaces\t\r\n\u2028 ", "\x1b[31mred\0", "\udc80", ""])
def test_names_of_any_characters_stand_in_one_line(name):
    images = torch.full((1, 3, 100, 100), 0.5)
    plain = show_batch(images, torch.tensor([0]), classes=["name"])
    assert show_batch(images, torch.tensor([0]), classes=[name]).size[1] in (plain.size[1], 100 + 2 * GUTTER)
    assert not {"\n", "\t", "\r", "\u2028"} & set(name_of(0, [name]))


def test_full_captions_beside_one_another_do_not_touch():
    images = torch.zeros(3, 3, 96, 96)
    picture = F.pil_to_tensor(show_batch(images, torch.tensor([0, 0, 0]), classes=["il" * 60]))
    ink = (picture[:, GUTTER + 96 :] < 200).any(0).any(0)
    for k in (1, 2):
        gap = GUTTER + k * (96 + GUTTER) - GUTTER // 2
        assert not ink[gap - 4 : gap + 4].any()
    assert ink.sum() > 100


def test_captions_are_broken_and_shortened():
    font = ImageFont.load_default(12)
    assert _wrap("0.68 cat + 0.32 coffee", font, 200) == ["0.68 cat + 0.32 coffee"]
    assert _wrap("0.68 cat + 0.32 coffee", font, 90) == ["0.68 cat", "+ 0.32 coffee"]
    (line,) = _wrap("0.68 Pneumonoultramicroscopicsilicovolcanoconiosis", font, 90)
    assert line == "0.68 Pn…oniosis"
    assert font.getlength(line) <= 90
    assert _wrap("", font, 90) == []
