"""Processes under measurement: started, waited for, measured and ended by their id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from tests.bench.load import Plan

REPOSITORY = Path(__file__).resolve().parents[2]
_STOP_S = 30.0


class BenchError(Exception):
    """The measurement cannot go on, or must not be believed; the message says why."""


@contextmanager
def said_in_words() -> Iterator[None]:
    """Ends the program with status 1 and a line when a measurement cannot go on."""
    try:
        yield
    except BenchError as error:
        sys.exit(f"bench: {error}")


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bare_environment(**more: str) -> dict[str, str]:
    """An environment without the caller's settings, so that every run is the same."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | more


class Child:
    """One started process with its log file; the processes below it belong to it."""

    def __init__(
        self, args: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str]
    ) -> None:
        self.log = log
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                args, stdout=out, stderr=subprocess.STDOUT, cwd=cwd, env=dict(env)
            )
        self.process = psutil.Process(self._popen.pid)

    def tree(self) -> list[psutil.Process]:
        """The process and everything below it. Raises BenchError when it has ended."""
        if self._popen.poll() is not None:
            raise BenchError(f"a measured process ended ({self._popen.returncode}):\n{self.tail()}")
        return [self.process, *self.process.children(recursive=True)]

    def tail(self, lines: int = 25) -> str:
        """The last lines it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process itself."""
        self._popen.send_signal(number)

    def stop(self) -> None:
        """Asks it to end, and after a while makes it and whatever it left behind end."""
        if self._popen.poll() is not None:
            return
        below = self.process.children(recursive=True)
        self._popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_STOP_S)
        for process in [self.process, *below]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._popen.wait(_STOP_S)


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds used since their start and resident bytes now, by part of a subject."""

    pids: frozenset[int]
    cpu_s: dict[str, float]
    rss_bytes: dict[str, int]


def read_meter(child: Child, part_of: Callable[[psutil.Process], str]) -> Reading:
    """Reads CPU and memory of a process tree, summed by the part each process belongs to."""
    cpu: dict[str, float] = {}
    rss: dict[str, int] = {}
    tree = child.tree()
    for process in tree:
        part = part_of(process)
        times = process.cpu_times()
        cpu[part] = cpu.get(part, 0.0) + times.user + times.system
        rss[part] = rss.get(part, 0) + process.memory_info().rss
    return Reading(frozenset(p.pid for p in tree), cpu, rss)


def wait_for_url(url: str, child: Child, *, within_s: float) -> None:
    """Waits until the URL answers 200. Raises BenchError with the process's log otherwise."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        child.tree()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise BenchError(f"{url} was not ready within {within_s:.0f} s:\n{child.tail()}")


class FakeUpstream:
    """The fake upstream's process."""

    def __init__(self, directory: Path, module: str = "tests.bench.upstream") -> None:
        self.port = free_port()
        self.key = "sk-upstream"
        args = [sys.executable, "-m", module, "--port", str(self.port)]
        self.child = Child(
            args, log=directory / "upstream.log", cwd=REPOSITORY, env=bare_environment()
        )
        wait_for_url(f"http://127.0.0.1:{self.port}/served", self.child, within_s=20)

    @property
    def base_url(self) -> str:
        """The address that goes before /v1."""
        return f"http://127.0.0.1:{self.port}"

    def served(self) -> int:
        """How many requests of any kind it answered so far."""
        with urllib.request.urlopen(f"{self.base_url}/served", timeout=10) as answer:
            return sum(orjson.loads(answer.read()).values())


def run_load(plan: Plan) -> dict[str, Any]:
    """Runs the load generator in its own process. Raises BenchError for any wrong answer."""
    args = [sys.executable, "-m", "tests.bench.load"]
    for name in ("port", "key", "kind", "requests", "connections", "deadline_s"):
        args += ["--" + name.replace("_", "-"), str(getattr(plan, name))]
    done = subprocess.run(
        args, cwd=REPOSITORY, env=bare_environment(), capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        raise BenchError(f"the load generator failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = orjson.loads(done.stdout)
    if done.returncode or result["complete"] != plan.requests:
        raise BenchError(
            f"{result['wrong']} of {plan.requests} answers ({plan.kind}) were not right, "
            f"for example: {result['examples']}"
        )
    return result


def remove(directory: Path) -> None:
    """Deletes a run's directory."""
    shutil.rmtree(directory, ignore_errors=True)
