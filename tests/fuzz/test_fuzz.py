"""A few hundred hostile requests; `python -m tests.fuzz` sends as many as you like."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.fuzz.run import run, settled

SEED = int(os.environ.get("FUZZ_SEED", "20261122"))
REQUESTS = 400

pytestmark = [pytest.mark.e2e, pytest.mark.database]


def test_hostile_requests_do_no_harm(tmp_path: Path) -> None:
    print("seed", SEED)
    server = Server(tmp_path / "server").start()
    try:
        report = asyncio.run(run(server, REQUESTS, SEED))
        assert report.faults + settled(server) == []
        assert {"200", "400", "401"} <= report.statuses.keys()
        server.stop()
    finally:
        server.abandon()
