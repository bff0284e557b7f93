"""`make wheel-check`: a wheel, installed elsewhere, serves, bills and proves its books.

It is built from a copy of the repository and installed into an environment of its own, with the
packages of conf/requirements.lock by their hashes, then started in an empty directory. Needs the
network, and a minute or two.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.server import REPOSITORY, Server
from tests.waiting import until_sync

LOCK = REPOSITORY / "conf" / "requirements.lock"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "node_modules", "data", "logs", "build", "dist", "*.egg-info", "__pycache__",
    ".*_cache", ".hypothesis", ".env",
)  # fmt: skip
CONSOLE_PARTS = re.compile(r'(?:src|href)="(/?[^"#:]+\.(?:js|mjs|css|svg))"')


class Installed(Server):
    """The server of an installed wheel: no repository is on its path, and nothing is given."""

    def __init__(self, directory: Path, command: Path) -> None:
        super().__init__(directory)
        self.tollgate = command
        kept = ("PATH", "HOME", "LANG")
        self.environ = {name: self.environ[name] for name in kept if name in self.environ}

    def command(self, *args: str) -> list[str]:
        return [str(self.tollgate), *args]


def run(*command: str | Path) -> None:
    """Run a command that knows nothing of this repository; what it says is shown if it fails."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(each) for each in command], cwd="/", env=environ, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def installed(work: Path) -> Path:
    """Build the wheel, install it into an environment of its own; return the command there."""
    shutil.copytree(REPOSITORY, work / "source", ignore=NOT_COPIED)
    run(sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "-w", work, work / "source")
    shutil.rmtree(work / "source")
    (wheel,) = work.glob("tollgate-*.whl")
    print(f"built {wheel.name}, {wheel.stat().st_size // 1024} KiB")
    run(sys.executable, "-m", "venv", work / "venv")
    python = work / "venv" / "bin" / "python"
    run(python, "-m", "pip", "-q", "install", "--require-hashes", "-r", LOCK)
    run(python, "-m", "pip", "-q", "install", "--no-deps", wheel)
    run(python, "-m", "pip", "check")
    return work / "venv" / "bin" / "tollgate"


def try_out(server: Server) -> None:
    """Open the console with all that its page names, and let one request be billed."""
    page = server.http.get("/")
    assert page.status_code == 200 and "<html" in page.text, page.text
    parts = CONSOLE_PARTS.findall(page.text)
    assert parts, page.text
    for part in parts:
        answer = server.http.get("/" + part.lstrip("/"))
        assert answer.status_code == 200 and answer.content, part
    print(f"the console opens, with {len(parts)} files that its page names")
    key = until_sync(
        lambda: re.search(r"Bearer (sk-\w+)", server.log.read_text()), what="a key to try"
    )
    assert key is not None
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"Authorization": f"Bearer {key.group(1)}"}
    answer = server.http.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-tollgate-event"].startswith("usage:"), answer.headers
    print(f"one request was billed: {answer.headers['x-tollgate-cost']} USD")


def main() -> None:
    """Do all of it in a directory that is removed again."""
    with tempfile.TemporaryDirectory(prefix="tollgate-wheel-") as name:
        work = Path(name)
        server = Installed(work / "empty", installed(work))
        server.start("--demo")
        try:
            try_out(server)
            said = server.verified()
            server.stop()
        finally:
            server.abandon()
        print(said.strip().splitlines()[0])
        print(server.verified().strip().splitlines()[0] + " (also when it is stopped)")


if __name__ == "__main__":
    main()
