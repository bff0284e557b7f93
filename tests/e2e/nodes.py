"""Gateways on machines of their own, as far as the network goes: each in a network namespace with
two links, one for its clients and one to the database, which can be dropped.

All of it is in a network namespace that the test made for itself: nothing here is reached from
outside, and nothing of it is left when the test's process ends.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import REPOSITORY, Server

# Addresses for trials of network gear (RFC 2544), which no network outside uses.
FRONT, BACK = "198.18.{}.{}", "198.19.{}.{}"
NEEDED = ("ip", "unshare", "mount")
# What runs so has its own network and mounts, and all its processes end with the first one.
ALONE = "unshare --net --mount --pid --fork --kill-child --mount-proc".split()


def possible() -> bool:
    """Tell whether namespaces can be made here."""
    if os.environ.get("MONGO_URL"):  # that database is not in a network of our own
        return False
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, NEEDED)):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


def rerun_inside(file: str, seconds: float) -> None:
    """Run a file of tests again, in a network of its own; its failure is this test's."""
    ready = "ip link set lo up && mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns"
    command = [*ALONE, "sh", "-c", f'{ready} && exec "$@"', "sh", sys.executable, "-m", "pytest"]
    command += ["-q", "-x", "-p", "no:cacheprovider", file]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=seconds
    )
    print(done.stdout)
    if done.returncode:
        pytest.fail(done.stdout[-6000:] + done.stderr[-2000:], pytrace=False)


def ip(*words: str) -> None:
    """Give a command of iproute2; what it says is shown when it fails."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)


def link(number: int, kind: str, addresses: str) -> str:
    """Join a node with a pair of interfaces; return the name of the end that is outside of it."""
    node, ours, theirs = f"node{number}", f"{kind}{number}", f"{kind}{number}n"
    ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", node)
    ip("addr", "add", addresses.format(number, 1) + "/30", "dev", ours)
    ip("link", "set", ours, "up")
    ip("-n", node, "addr", "add", addresses.format(number, 2) + "/30", "dev", theirs)
    ip("-n", node, "link", "set", theirs, "up")
    return ours


class Machine:
    """A network namespace with its two links."""

    def __init__(self, number: int) -> None:
        self.name = f"node{number}"
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        link(number, "front", FRONT)
        self._back = link(number, "back", BACK)
        self.address = FRONT.format(number, 2)
        self.database_side = BACK.format(number, 1)

    def cut(self) -> None:
        """Drop the link to the database: from now on nothing arrives, and nobody is told."""
        ip("link", "set", self._back, "down")

    def mend(self) -> None:
        """Put the link up again."""
        ip("link", "set", self._back, "up")


class Node(Server):
    """A server on such a machine. `database_url` is how this test reaches the database itself."""

    def __init__(
        self, machine: Machine, directory: Path, database_url: str, **environ: str
    ) -> None:
        super().__init__(directory, HOST="0.0.0.0", **environ)
        self.machine = machine
        self.database_url = database_url
        self.url = f"http://{machine.address}:{self.port}"
        self.http.base_url = self.url

    def command(self, *args: str) -> list[str]:
        return ["ip", "netns", "exec", self.machine.name, *super().command(*args)]

    def mongo_url(self) -> str:
        return self.database_url
