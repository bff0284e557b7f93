"""Sends cases to a server, several at once, and says all that is wrong with what comes back."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections import Counter
from dataclasses import dataclass, field

import orjson
import psutil

from tests.e2e.server import ROOT_KEY, Server
from tests.fakes.vendors import FakeVendor
from tests.fuzz.bodies import VENDORS
from tests.fuzz.cases import Case, Keys, make
from tests.waiting import until_sync

AT_ONCE = 12
# No answer may take longer than that, in seconds.
DEADLINE_S = 30.0
MOMENT_S = 0.05
WARM_UP = 300
# By how much the memory may grow after warming up, in bytes: some, and some for each request.
GROWTH_BYTES, GROWTH_PER_REQUEST = 24 << 20, 3_000
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_BAD_LINES = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|exception", re.I)


@dataclass
class Report:
    """What a run came to. `faults` is empty when all is well."""

    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    grown_bytes: int = 0
    slowest_s: float = 0.0

    def lines(self) -> list[str]:
        """Return it for people."""
        shown = ", ".join(f"{name}: {count}" for name, count in sorted(self.statuses.items()))
        mb = self.grown_bytes / (1 << 20)
        head = (
            f"{self.requests} requests; memory grew by {mb:.1f} MB; slowest {self.slowest_s:.2f} s"
        )
        return [head, f"answers: {shown}", *self.faults[:60]]


async def run(server: Server, requests: int, seed: int) -> Report:
    """Send so many cases to a server, of which it is told in its report what went wrong."""
    # The fake says what it thinks of such requests; that is not what is tested.
    for name in ("access", "general", "application"):
        logging.getLogger(f"tornado.{name}").setLevel(logging.CRITICAL + 1)
    try:
        async with FakeVendor() as vendor:
            return await _run(server, vendor, requests, seed)
    finally:
        for name in ("access", "general", "application"):
            logging.getLogger(f"tornado.{name}").setLevel(logging.NOTSET)


async def _run(server: Server, vendor: FakeVendor, requests: int, seed: int) -> Report:
    report = Report()
    keys = await asyncio.to_thread(prepared, server, vendor)
    rng = random.Random(seed)
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    warm = min(WARM_UP, requests // 2)
    await _send(server, report, [make(rng, keys) for _ in range(warm)])
    before = process.memory_info().rss
    left = requests - warm
    while left > 0:
        count = min(left, 500)
        await _send(server, report, [make(rng, keys) for _ in range(count)])
        left -= count
    report.grown_bytes = process.memory_info().rss - before
    if report.grown_bytes > GROWTH_BYTES + GROWTH_PER_REQUEST * requests:
        report.faults.append(f"the memory grew by {report.grown_bytes} bytes")
    return report


def prepared(server: Server, vendor: FakeVendor) -> Keys:
    """Add channels, and a key that has next to nothing."""
    server.add_channel()
    for model, kind in VENDORS.items():
        server.add_channel(type=kind, base_url=vendor.url, models=model, key="none")
    poor = server.add_user("poor", 60).add_key()["key"]
    return Keys(ROOT_KEY, str(poor).removeprefix("sk-"))


async def _send(server: Server, report: Report, cases: list[Case]) -> None:
    queue = iter(cases)

    async def worker() -> None:
        for case in queue:
            await _one(server.port, report, case)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def _one(port: int, report: Report, case: Case) -> None:
    loop = asyncio.get_running_loop()
    began, said = loop.time(), b""
    report.requests += 1
    report.kinds[case.kind.partition(" ")[0]] += 1
    try:
        async with asyncio.timeout(DEADLINE_S):
            said = await _exchange(port, case)
    except TimeoutError:
        report.faults.append(f"no end within {DEADLINE_S} s: {_shown(case)}")
    report.slowest_s = max(report.slowest_s, loop.time() - began)
    _judge(report, case, said)


async def _exchange(port: int, case: Case) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in case.pieces:
            writer.write(piece)
            await writer.drain()
        if case.after == "leave":
            return b""
        if case.after == "wait":
            await asyncio.sleep(MOMENT_S)
            return b""
        if case.after == "half" and writer.can_write_eof():
            writer.write_eof()
        return await reader.read()
    except OSError:
        return b"gone"
    finally:
        writer.close()


def _judge(report: Report, case: Case, said: bytes) -> None:
    statuses = [int(found) for found in _STATUS.findall(said)]
    report.statuses[str(statuses[-1]) if statuses else "none"] += 1
    # 502: the fake upstreams do not survive everything either.
    asked_a_fake = any(name.encode() in b"".join(case.pieces) for name in VENDORS)
    forbidden = (500, 504) if asked_a_fake else (500, 502, 504)
    if any(status in forbidden for status in statuses):
        report.faults.append(f"{statuses}: {_shown(case)} -> {said[-300:]!r}")
    if not statuses and not case.any_end and said != b"gone":
        report.faults.append(f"no answer: {_shown(case)} -> {said[:100]!r}")
    head, _, body = said.partition(b"\r\n\r\n")
    if statuses and statuses[0] >= 400 and b"application/json" in head and body:
        _judge_error(report, case, body)


def _judge_error(report: Report, case: Case, body: bytes) -> None:
    """An error must be JSON and say something."""
    try:
        error = orjson.loads(body)["error"]
        good = isinstance(error["message"], str) and error["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        good = False
    if not good and not case.any_end:
        report.faults.append(f"an error without a message: {_shown(case)} -> {body[:200]!r}")


def _shown(case: Case) -> str:
    sent = b"".join(case.pieces)
    return f"{case.kind} [{case.after}]: {sent[:1_500]!r}" + (
        f" … {len(sent)}" if len(sent) > 1_500 else ""
    )


def settled(server: Server) -> list[str]:
    """Wait until nothing is under way, and return what is wrong with the books and the log."""
    faults = []
    try:
        until_sync(lambda: _gauges(server) == {"open_requests": 0.0, "appender_pending": 0.0}, 20)
    except AssertionError:
        faults.append(f"left over: {_gauges(server)}")
    done = server.cli("ledger", "verify")
    if done.returncode:
        faults.append(f"verify: {done.stdout}{done.stderr}")
    charged = server.events(type="usage.charged")
    balances = sum(event["amount_nano"] for event in charged)
    faults += [
        f"charged with a plus: {event['id']}" for event in charged if event["amount_nano"] > 0
    ]
    if not charged or balances >= 0:
        faults.append("nothing was charged")
    faults += [f"log: {line}" for line in logged(server)]
    return faults


def logged(server: Server) -> list[str]:
    """Return the lines of the log that nobody wants to see."""
    lines = server.log.read_text(errors="replace").splitlines()
    bad = [at for at, line in enumerate(lines) if _BAD_LINES.search(line)]
    return [line for at in bad[:3] for line in lines[at : at + 30]]


def _gauges(server: Server) -> dict[str, float]:
    text = server.http.get("/metrics").text
    names = ("open_requests", "appender_pending")
    found = (re.search(rf"^tollgate_{name} (\S+)$", text, re.M) for name in names)
    return {n: float(one.group(1)) if one else -1.0 for n, one in zip(names, found, strict=True)}
