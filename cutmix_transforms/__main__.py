"""The entry point of ``python -m cutmix_transforms``, which runs the command ``cutmix-transforms``."""

from cutmix_transforms._commands._cli import main

if __name__ == "__main__":
    raise SystemExit(main())
