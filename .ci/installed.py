"""What must be true of the package where its wheel is installed: ``python installed.py``, from elsewhere."""

import re
from importlib.metadata import metadata
from pathlib import Path

import cutmix_transforms

CHECKOUT = Path(__file__).parent.parent
found = metadata("cutmix-transforms")
readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
description = str(found.get_payload()) or found["Description"]

if CHECKOUT in Path(cutmix_transforms.__file__).parents:
    raise SystemExit(f"the package must be the installed one, got {cutmix_transforms.__file__}")
if cutmix_transforms.__version__ != found["Version"]:
    raise SystemExit(f"versions must agree, got {cutmix_transforms.__version__} and {found['Version']}")
if relative := re.findall(r"\]\((?!https?:)[^)]*\)", description):
    raise SystemExit(f"links must work on a package index, where there are no files, got {relative}")
for block in re.findall(r"^```.*?^```", readme, re.DOTALL | re.MULTILINE):
    if block not in description:
        raise SystemExit(f"the code of the README must be on the package index as it is, got another form of\n{block}")
print(f"cutmix_transforms {cutmix_transforms.__version__} is installed from {Path(cutmix_transforms.__file__).parent}")
