"""Puts the packages that the console is made with where it is served from.

`npm ci` installs them as the lock file says; `package.json` lists under `vendor` the few files of
them that browsers load. They are copied and never committed. `make setup` runs this.
"""

import json
import shutil
import sys
from pathlib import Path

from gateway.console import STATIC_DIR


class PackageMissingError(Exception):
    """A file that package.json lists is not among the packages that are installed."""


def copy_packages(root: Path, target: Path) -> list[str]:
    """Copy the files that `root`/package.json lists to `target`; returns their new names.

    Raises PackageMissingError, with what to do, if one is not there.
    """
    listed: dict[str, str] = json.loads((root / "package.json").read_text())["vendor"]
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        if old.is_file() and old.name not in listed:
            old.unlink()
    for name, source in listed.items():
        path = root / "node_modules" / source
        if not path.is_file():
            raise PackageMissingError(f"{path} is missing; run: npm ci --ignore-scripts")
        shutil.copyfile(path, target / name)
    return sorted(listed)


def main() -> int:
    """Copy, and say what was done."""
    try:
        names = copy_packages(STATIC_DIR.parent, STATIC_DIR / "vendor")
    except (PackageMissingError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The console's packages are in {STATIC_DIR / 'vendor'}: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
