"""The process as a newcomer runs it: --demo, the printed command, SIGTERM, clear errors."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytest.importorskip("secantus", reason="the embedded database is not installed")

REPOSITORY = Path(__file__).parents[2]
WAIT_S = 60


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "gateway.cli", *args]


@contextmanager
def demo(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the demo and yield the process with what it printed up to its last hint."""
    args = ["serve", "--demo", "--port", "0", "--data-dir", str(directory)]
    env = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        command(*args), stdout=subprocess.PIPE, text=True, env=env, cwd=directory.parent
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                if "ledger verify" in line:
                    break
            yield process, printed
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(WAIT_S)


def test_the_demo_serves_charges_stops_and_balances(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with demo(data) as (process, printed):
        url = re.search(r"http://[\d.]+:\d+(?=/v1/chat)", printed)
        key = re.search(r"sk-\w+", printed)
        body = re.search(r"-d '(.*)'", printed)
        assert url and key and body and "password" in printed
        answer = httpx.post(
            f"{url[0]}/v1/chat/completions",
            content=body[1],
            headers={"authorization": f"Bearer {key[0]}"},
        )
        assert answer.status_code == 200 and answer.headers["x-tollgate-cost"] != "0"
        assert httpx.get(f"{url[0]}/").headers["content-security-policy"]
        assert httpx.get(f"{url[0]}/nowhere").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    with demo(data) as (process, printed):
        assert "password" not in printed
        assert key[0] in printed
    done = subprocess.run(
        command("ledger", "verify", "--data-dir", str(data)),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_busy_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            command("serve", "--port", port, "--data-dir", str(tmp_path)),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            timeout=WAIT_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"tollgate: 127.0.0.1:{port} is in use; stop what listens there or give --port"
    )
