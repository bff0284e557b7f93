"""Run by `make test-clients`, not by `make test`: installing these takes minutes."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import REPOSITORY, ROOT_KEY, Server

HERE, HOMES = Path(__file__).parent, REPOSITORY / ".venv-clients"
PYTHONS = {
    "langchain-openai": "ask_langchain_openai.py",
    "llama-index": "ask_llama_index.py",
    "litellm": "ask_litellm.py",
}
LONGEST_S = 120

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server")).start()
    try:
        server.add_channel()
        yield server
        server.verified()
        server.stop()
    finally:
        server.abandon()


def asked(server: Server, *command: str | Path) -> dict[str, Any]:
    """Run a client in its own environment and return what it heard."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*map(str, command)],
        env={**environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def judge(server: Server, said: dict[str, Any], before: int) -> None:
    """Both ways say the same, the tokens are those that were charged, and no call is missing."""
    assert said["whole"] and said["whole"] == said["stream"]
    assert "other" not in said or said["other"]
    charged = server.events(type="usage.charged")
    calls = 2 + ("other" in said) + ("vector" in said)
    assert len(charged) == before + calls
    assert any(sum(e["body"]["usage"].values()) == said["tokens"] for e in charged[:calls])


@pytest.mark.parametrize("name", PYTHONS)
def test_a_python_client(server: Server, name: str) -> None:
    before = len(server.events(type="usage.charged"))
    python, script = HOMES / name / "bin" / "python", HERE / PYTHONS[name]
    judge(server, asked(server, python, script, server.url, f"sk-{ROOT_KEY}"), before)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_client_for_node(server: Server) -> None:
    before = len(server.events(type="usage.charged"))
    command = ("node", HERE / "ask_node.mjs", server.url, f"sk-{ROOT_KEY}", HOMES / "node")
    judge(server, asked(server, *command), before)
