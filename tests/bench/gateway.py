"""The gateway under measurement: started as a user starts it, set up through its management API."""

from __future__ import annotations

import http.cookiejar
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import psutil

from tests.bench import wire
from tests.bench.processes import (
    REPOSITORY,
    BenchError,
    Child,
    FakeUpstream,
    Reading,
    bare_environment,
    free_port,
    read_meter,
    wait_for_url,
)

_PASSWORD = "bench-root-password"
_TOKEN = "benchrootbenchrootbenchrootbenchrootbenchrootben"
_USAGE_LOG_TYPE = 2
_VERIFY_S = 600
Command = Sequence[str]


def command() -> Command:
    """How `tollgate` is run: the console script beside this Python, else the module."""
    script = Path(sys.executable).with_name("tollgate")
    return [str(script)] if script.exists() else [sys.executable, "-m", "gateway.cli"]


class Gateway:
    """A `tollgate serve`: embedded database, one channel to the fake upstream, root's key."""

    name = "tollgate"
    key = f"sk-{_TOKEN}"

    def __init__(
        self,
        directory: Path,
        upstream: FakeUpstream,
        *,
        launcher: Command | None = None,
        workers: int = 1,
    ) -> None:
        self.port = free_port()
        self.data_dir = directory / "data"
        self._env = bare_environment(
            INITIAL_ROOT_PASSWORD=_PASSWORD,
            INITIAL_ROOT_TOKEN=_TOKEN,
            TOLLGATE_DATA_DIR=str(self.data_dir),
            PYTHONPATH=str(REPOSITORY),
            GLOBAL_API_RATE_LIMIT="0",
            GLOBAL_WEB_RATE_LIMIT="0",
        )
        # Away from the repository, so that no .env there has a say.
        self._cwd = directory
        serve = ["serve", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        serve += ["--workers", str(workers)]
        self.child = Child(
            [*(launcher or command()), *serve],
            log=directory / "gateway.log",
            cwd=self._cwd,
            env=self._env,
        )
        try:
            wait_for_url(self._url("/health/ready"), self.child, within_s=90)
            self._api = _ManagementApi(self._url(""))
            self._set_up(upstream)
        except BaseException:
            self.child.stop()
            raise

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _set_up(self, upstream: FakeUpstream) -> None:
        self._api.call("/api/user/login", {"username": "root", "password": _PASSWORD})
        self.add_channel(upstream, 1, wire.MODEL)

    def add_channel(self, upstream: FakeUpstream, type_id: int, model: str) -> None:
        """Adds a channel of a type to the fake upstream, for one model."""
        channel = {
            "type": type_id,
            "name": f"bench {type_id}",
            "key": upstream.key,
            "base_url": upstream.base_url,
            "models": model,
            "group": "default",
        }
        self._api.call("/api/channel/", channel)

    def read(self) -> Reading:
        """CPU and memory of the gateway and of the database child, apart."""
        return read_meter(self.child, _part_of)

    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests: the workers, or the server itself."""
        workers = [p for p in self.child.tree() if "gateway.worker" in p.cmdline()]
        return workers or [self.child.process]

    def check(self, answered: int) -> str:
        """Compares the books with what clients received since the start.

        Returns one line for people. Raises BenchError unless there is exactly one charge for every
        complete answer and `tollgate ledger verify` finds no fault.
        """
        query = urlencode({"p": 0, "type": _USAGE_LOG_TYPE})
        charged = int(self._api.call(f"/api/log/?{query}")["total"])
        if charged != answered:
            raise BenchError(f"{answered} answers were received, but {charged} charged")
        done = subprocess.run(
            [*command(), "ledger", "verify", "--data-dir", str(self.data_dir)],
            cwd=self._cwd,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=_VERIFY_S,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"the books do not verify:\n{done.stdout}{done.stderr}")
        return f"{charged} charges for {answered} complete answers; ledger verify found no fault"

    def stop(self) -> None:
        """Ends the gateway and its database."""
        self.child.stop()


def _part_of(process: psutil.Process) -> str:
    """The database child is told by its program; every other process is the gateway's own."""
    return "database" if any("secantusd" in part for part in process.cmdline()) else "gateway"


class _ManagementApi:
    """A signed-in client of the /api routes."""

    def __init__(self, base: str) -> None:
        self._base = base
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer's envelope. Raises BenchError when it does not say success."""
        request = urllib.request.Request(self._base + path)
        if body is not None:
            request.data = orjson.dumps(body)
            request.add_header("content-type", "application/json")
        try:
            with self._opener.open(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        try:
            envelope: dict[str, Any] = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise BenchError(f"{path} answered with {text[:200]!r}") from error
        if not envelope.get("success"):
            raise BenchError(f"{path} refused: {envelope.get('message')}")
        return envelope
