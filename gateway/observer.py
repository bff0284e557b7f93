"""Where the numbers of gateway/metrics.py come from, in one process.

Requests are counted as their answers end, charges as their events become durable: like every other
number about money, these are read from events, and nothing on the way of a request waits for them.
Gauges are read when somebody asks.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.web import RequestHandler

from gateway import __version__, slow
from gateway.channels.care import Care
from gateway.channels.numbers import put_care, put_health
from gateway.jobs import Jobs
from gateway.metrics import Counts, Snapshot
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import TABLE as OUR_ERRORS
from ledger import audit, price_waiting, seals
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.money import NANO_PER_USD

CLIENT_LEFT = "499"
# Vendors' own codes are many, and some of them are made up of request data.
UPSTREAMS_CODE = "upstream_error"
LAG_CHECK_S = 0.5
# What is read from the database for a scrape is kept for a while, and never waited for long.
LOOK_EVERY_S, LOOK_S = 10.0, 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PACKAGES = {"admin": "management", "gateway.ops": "operations", "gateway.console": "console"}

log = logging.getLogger("tollgate.metrics")


class Observer:
    """Counts what one process does. `gather` returns the numbers of all processes of a server."""

    def __init__(self, relay: Relay, jobs: Jobs, care: Care) -> None:
        self.gather: Callable[[], Awaitable[Snapshot]] = self.whole
        self._relay = relay
        self._jobs = jobs
        self._care = care
        self._counts = counts = Counts()
        self._requests, self._seconds = counts["requests"], counts["request_seconds"]
        self._refused = counts["refused"]
        self._events, self._sizes = counts["events"], counts["event_batch_size"]
        self._appends, self._charges = counts["append_seconds"], counts["charges"]
        self._usd, self._cost = counts["charged_usd"], counts["upstream_cost_usd"]
        self._tokens, self._first = counts["tokens"], counts["first_token_seconds"]
        self._attempts, self._upstream = counts["attempts"], counts["upstream_seconds"]
        self._overhead = counts["overhead_seconds"]
        self._slow_s = relay.settings.slow_request_ms / 1000
        self._kinds: dict[type, str] = {}
        self._looked_s = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._lag_s = 0.0
        relay.books.observers.append(self.landed)

    def start(self) -> None:
        """Begin to watch how late the loop is."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LAG_CHECK_S
        self._timer = loop.call_at(due, self._measure_lag, due)

    def stop(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()

    # -- what happens ---------------------------------------------------------------------------

    def request_done(self, handler: RequestHandler) -> None:
        """Count a request whose answer has ended; called by Tornado."""
        endpoint = getattr(handler, "endpoint", None)
        kind = endpoint.name if endpoint is not None else self._kind(type(handler))
        exchange = getattr(handler, "exchange", None)
        left = exchange is not None and exchange.client_gone
        status = CLIENT_LEFT if left else str(handler.get_status())
        took_s = handler.request.request_time()
        self._requests.add((kind, status))
        self._seconds.observe((kind,), took_s)
        if 0 < self._slow_s <= took_s:
            slow.told(getattr(handler, "request_id", ""), kind, status, took_s, exchange)
        if exchange is not None:
            self._passed(kind, exchange)
        refusal: str | None = getattr(handler, "refusal", None)
        if refusal is not None:
            self._refused.add((refusal if refusal in OUR_ERRORS else UPSTREAMS_CODE,))

    def _passed(self, kind: str, x: Exchange) -> None:
        """Count where the time of a request went, and what was tried for it."""
        for attempt in x.attempts:
            status = attempt["status"]
            self._attempts.add((str(attempt["channel"]), str(status) if status else "none"))
        if x.sent_s is None or x.read_s is None or x.channel is None:
            return
        after_s = self._relay.clock.monotonic_s() - x.read_s
        self._overhead.observe((kind,), x.sent_s - x.started_s + after_s)
        self._upstream.observe((str(x.channel.id),), x.read_s - x.sent_s)

    def _kind(self, handler: type) -> str:
        kind = self._kinds.get(handler)
        if kind is None:
            names = (k for p, k in _PACKAGES.items() if handler.__module__.startswith(p))
            kind = self._kinds[handler] = next(names, handler.__module__.rpartition(".")[2])
        return kind

    def landed(self, events: list[Document]) -> None:
        """Count events that became durable. Never raises: the appender waits for this."""
        try:
            self._sizes.observe((), len(events))
            now_us = self._relay.clock.now_us()
            for event in events:
                self._events.add((event["type"],))
                if event["type"] == "usage.charged":
                    self._appends.observe((), (now_us - event["at"]) / 1_000_000)
                    self._charged(event)
        except Exception:
            log.exception("events were not counted")

    def _charged(self, event: Document) -> None:
        body = event["body"]
        model, endpoint = body["model"], body["endpoint"]
        self._charges.add((endpoint, model, body["outcome"]))
        self._usd.add((model,), -event["amount"] / NANO_PER_USD)
        for kind, count in body["usage"].items():
            if count:
                self._tokens.add((model, kind), count)
        first_ms = body["latency_ms"]["first_token"]
        if first_ms is not None:
            self._first.observe((endpoint,), first_ms / 1000)
        cost_nano = body.get("cost_nano")
        if cost_nano:
            self._cost.add((str(body["channel"]),), cost_nano / NANO_PER_USD)

    def _measure_lag(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        # What was worst fades by a tenth with every look.
        self._lag_s = max(loop.time() - due, self._lag_s * 0.9)
        self.start()

    # -- what is the case -----------------------------------------------------------------------

    async def whole(self) -> Snapshot:
        """Return all numbers of this process, with what the database says of the books."""
        now_s = self._relay.clock.monotonic_s()
        if now_s - self._looked_s > LOOK_EVERY_S and self._relay.books.state().reachable:
            self._looked_s = now_s
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._look()
            except (LedgerError, TimeoutError) as error:
                log.debug("the books were not looked at for a scrape: %s", error)
        return self.here()

    def here(self) -> Snapshot:
        """Return all numbers of this process as they are in memory."""
        self._read_books()
        self._read_jobs()
        self._read_channels()
        self._read_limits()
        put = self._put
        moderated = self._relay.moderated
        for outcome, times in moderated.outcomes.items():
            put("moderated", times, (outcome,))
        put("moderation_asks", moderated.asks)
        put("open_requests", len(self._relay.exchanges))
        put("loop_lag_seconds", self._lag_s)
        put("resident_bytes", _resident_bytes())
        put("cpu_seconds", time.process_time())
        put("workers", 1)
        put("info", 1, (__version__,))
        return self._counts.snapshot()

    def _put(self, name: str, value: float, labels: tuple[str, ...] = ()) -> None:
        self._counts[name].put(float(value), labels)

    def _read_books(self) -> None:
        state, put = self._relay.books.state(), self._put
        put("appender_pending", state.pending)
        put("appender_stalled_seconds", state.stalled_s)
        put("projection_lag_events", state.lag)
        put("slices", state.slices)
        put("slices_usd", state.slice_nano / NANO_PER_USD)
        put("spilled_events", state.spilled)
        put("spilled_bytes", state.spill_bytes)
        put("database_up", state.reachable)
        put("books_fenced", state.fenced)
        if state.disk_free_bytes is not None:
            put("disk_free_bytes", state.disk_free_bytes)

    def _read_jobs(self) -> None:
        self._put("leader", self._jobs.leader.leads)
        for name, turns in self._jobs.turns.items():
            self._put("job_runs", turns.runs - turns.failures, (name, "done"))
            self._put("job_runs", turns.failures, (name, "failed"))
            self._put("job_seconds", turns.last_s, (name,))

    def _read_channels(self) -> None:
        watch, clock = self._relay.watch, self._relay.clock
        watch.keep({channel.id for channel in self._relay.directory.all_channels()})
        put_health(self._counts, watch.health, clock.monotonic_s())
        put_care(self._counts, self._care)

    def _read_limits(self) -> None:
        limits = self._relay.limits
        for labels, times in limits.refusals.items():
            self._put("limit_refusals", times, labels)
        if limits.shared is not None:
            self._put("redis_up", limits.shared.line.up)
            self._put("redis_errors", limits.shared.line.errors)

    async def _look(self) -> None:
        books = self._relay.books
        seal = await seals.latest(books.store)
        mine = books.writer
        head = seal.heads.get(mine.slot) if seal is not None else None
        self._put("unsealed_events", mine.next_seq - 1 - (head.seq if head is not None else 0))
        self._put("seal_number", seal.number if seal is not None else 0)
        self._put("price_proposals", await price_waiting.count(books.store))
        found: dict[str, Any] | None = await audit.latest(books.store)
        if found is not None:
            self._put("audit_ok", found["ok"])
            self._put("audit_faults", found["faults"])
            self._put("audit_timestamp_seconds", found["_id"] / 1_000_000)


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * _PAGE_BYTES
    except OSError:  # no such file where there is no Linux
        return 0
