"""The API reference, from the docstrings: ``python .ci/reference/build.py [FOLDER]``.

It needs the package and pdoc, and writes HTML to ``build/reference`` by default. What pdoc warns of is an error, and so
is a link that leads nowhere.
"""

import base64
import html
import inspect
import io
import re
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pdoc
import torch
from PIL.Image import Image

import cutmix_transforms
from cutmix_transforms import (
    MixCollate,
    RandomCutMix,
    RandomCutout,
    RandomMixChoice,
    RandomMixUp,
    functional,
    photographs,
    show_batch,
    unstacked,
)

HERE = Path(__file__).parent
SIDE = 160
PAGE_OF = {name: page.__name__ for page in (cutmix_transforms, functional) for name in page.__all__}


class Words(str):
    """An annotation as it is written in the code, with the short names of types."""

    __slots__ = ()

    __repr__ = str.__str__

    @classmethod
    def of(cls, annotation: Any, *_: Any) -> "Words":
        """Return what pdoc writes for an annotation, in the place of its ``safe_eval_type``."""
        if annotation is inspect.Parameter.empty:
            return annotation
        text = getattr(annotation, "__forward_arg__", annotation)
        text = text if isinstance(text, str) else inspect.formatannotation(annotation)
        return cls(re.sub(r"(?<![.\w])(?:[A-Za-z_]\w*\.)+(?=[A-Z])", "", text))


def pictures() -> Iterator[tuple[str, Image]]:
    """Yield names and what they do to the photographs of the package."""
    photos = photographs(SIDE)
    count = len(photos.classes)
    cutmix = RandomCutMix(num_classes=count, per_sample=True)
    mixup = RandomMixUp(alpha=0.8, num_classes=count, per_sample=True)
    choice = RandomMixChoice([RandomCutMix(num_classes=count), RandomMixUp(num_classes=count)], per_sample=True)
    for mix in (cutmix, mixup, choice):
        torch.manual_seed(1)
        mixed, targets = mix(photos.images, photos.labels)
        yield type(mix).__name__, show_batch(mixed, targets, classes=photos.classes)
    torch.manual_seed(1)
    yield "RandomCutout", show_batch(RandomCutout()(photos.images), photos.labels, classes=photos.classes)
    views, targets = MixCollate(RandomCutMix(), collate_fn=unstacked)(list(photos.scenes))
    yield "show_batch", show_batch(views, targets, classes=photos.things)


def source_of(picture: Image) -> str:
    """Return the picture as the source of an ``img`` element."""
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode()}"


def link_names(text: str, page: str) -> str:
    """Return HTML with links at the public names, which pdoc finds only where their module stands before them.

    Args:
        text: HTML of a docstring or a signature.
        page: the module whose page it is on.

    Returns:
        The HTML with links.
    """
    sign = '<span class="o">&{};</span>'  # a default that is a function
    text = re.sub(rf'{sign.format("lt")}<span class="n">function</span> (.*?){sign.format("gt")}', r"\1", text)
    code = r"(?<=<code>)(?:functional\.)?(\w+)(?:\(\))?(?=</code>)"
    types = r"(?<=[>\[( ])([A-Z]\w+)(?=[<\], )])"
    return re.sub(types if 'class="signature' in text else code, partial(_linked, page=page), text)


def _linked(match: re.Match[str], page: str) -> str:
    name = match[1] or ""
    if name not in PAGE_OF:
        return match[0]
    up = "../" if page == functional.__name__ else ""
    target = "" if PAGE_OF[name] == page else f"{up}{PAGE_OF[name].replace('.', '/')}.html"
    return f'<a href="{target}#{name}">{match[0]}</a>'


def check_links(folder: Path) -> None:
    """Raise an error if a link in a folder of pages leads nowhere."""
    scripts = re.compile(r"<script.*?</script>", re.DOTALL)
    pages = {path: scripts.sub("", path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    names = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    for path, text in pages.items():
        for link in re.findall(r'<a [^>]*href="([^":]*)"', text):
            page, _, name = html.unescape(link).partition("#")
            target = (path.parent / page).resolve() if page else path
            if target not in pages or (name and name not in names[target]):
                raise ValueError(f"links must lead somewhere, got {link} in {path}")


def build(folder: Path) -> None:
    """Write the reference."""
    pdoc.doc.safe_eval_type = pdoc.doc_types.safe_eval_type = Words.of
    pdoc.render.configure(docformat="google", template_directory=HERE, search=True)
    pdoc.render.env.filters["link_names"] = link_names
    pdoc.render.env.globals["names"] = PAGE_OF
    pdoc.render.env.globals["pictures"] = {name: source_of(picture) for name, picture in pictures()}
    pdoc.pdoc(cutmix_transforms.__name__, output_directory=folder)
    check_links(folder.resolve())


if __name__ == "__main__":
    warnings.simplefilter("error")
    to = Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent / "build" / "reference")
    build(to)
    print(f"wrote {to / 'index.html'}")
