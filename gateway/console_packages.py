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
    """Copy the files that `root`/package.json lists to `target`, and the licences of the packages
    that they are of; returns their new names.

    Raises PackageMissingError, with what to do, if one is not there.
    """
    modules = root / "node_modules"
    listed: dict[str, str] = json.loads((root / "package.json").read_text())["vendor"]
    wanted = {name: modules / source for name, source in listed.items()}
    for package in {source.split("/")[0] for source in listed.values()}:
        wanted[f"LICENSE.{package}.txt"] = modules / package / "LICENSE"
    missing = [str(path) for path in wanted.values() if not path.is_file()]
    if missing:
        raise PackageMissingError(f"{missing[0]} is missing; run: npm ci --ignore-scripts")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, path in wanted.items():
        shutil.copyfile(path, target / name)
    return sorted(wanted)


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
