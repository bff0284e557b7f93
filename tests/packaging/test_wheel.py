"""What a wheel holds: all of the three packages, and every file of conf/ and static/."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.server import REPOSITORY

PARTS = ("gateway", "ledger", "admin", "conf", "static")
MADE = shutil.ignore_patterns("__pycache__", "*.pyc", ".env", ".installed")
# As the console's libraries, which are copied there when it is set up and are in no commit.
VENDORED = "static/vendor/deep/library.mjs"


def files_of(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_a_wheel_holds_all_that_the_product_reads(tmp_path: Path) -> None:
    source, built = tmp_path / "source", tmp_path / "built"
    for part in PARTS:
        shutil.copytree(REPOSITORY / part, source / part, ignore=MADE)
    wanted = (files_of(source) | {VENDORED}) - {"conf/requirements.lock"}
    (source / VENDORED).parent.mkdir(parents=True, exist_ok=True)
    (source / VENDORED).write_text("export default 1;\n")
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(built)]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert files_of(built) == wanted
    assert {"conf/providers.yaml", "conf/events/usage.charged.v3.yaml"} <= wanted
    assert {"static/index.html", "ledger/embedded_launcher.py"} <= wanted
