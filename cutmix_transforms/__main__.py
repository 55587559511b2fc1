"""``python -m cutmix_transforms``: the same program as ``cutmix-transforms``."""

from cutmix_transforms._commands._cli import main

if __name__ == "__main__":
    raise SystemExit(main())
