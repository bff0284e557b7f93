"""Health and metrics, for whoever runs the process: does it live, should it get requests, how much?

None of these waits for the database: a check that hangs with it gets healthy processes killed.
"""

import hmac
from typing import Any

from gateway import metrics
from gateway.http import BaseHandler
from gateway.observer import Observer
from gateway.relay.context import Relay
from ledger.errors import BooksUnavailable

_LOCAL = frozenset({"127.0.0.1", "::1"})
# A request that came through a proxy on this machine is not from this machine.
_PROXIED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via")
_REASONS = {"writer_fenced": "books_fenced"}


class LiveHandler(BaseHandler):
    """GET /health/live: the process turns its loop."""

    def get(self) -> None:
        """Say so."""
        self.send_json({"status": "live"})


class ReadyHandler(BaseHandler):
    """GET /health/ready: requests are admitted and charges can be recorded."""

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        self.relay = relay

    def get(self) -> None:
        """Answer 200, or 503 with the reason.

        While the database is away and requests are still admitted, the state is `degraded`; with
        `?degraded=ok` that is answered 200, for those who want to go on sending then.
        """
        found = readiness(self.relay)
        fine = found["status"] == "ready" or (
            found["status"] == "degraded" and self.get_query_argument("degraded", "") == "ok"
        )
        self.set_header("Cache-Control", "no-store")
        self.send_json(found, 200 if fine else 503)


def readiness(relay: Relay) -> dict[str, Any]:
    """Return whether a process should get requests: its status, and the reason when it is not."""
    if not relay.accepting:
        return {"status": "unavailable", "reason": "stopping"}
    try:
        relay.books.check()
    except BooksUnavailable as error:
        return {"status": "unavailable", "reason": _REASONS.get(error.code, error.code)}
    state = relay.books.state()
    if state.reachable:
        return {"status": "ready"}
    return {
        "status": "degraded",
        "reason": "database_away",
        "admits": "requests whose credit is at hand",
        "spilled": state.spilled,
        "spilled_bytes": state.spill_bytes,
        "stalled_s": round(state.stalled_s, 1),
    }


class MetricsHandler(BaseHandler):
    """GET /metrics: the numbers of all processes of this server, for Prometheus."""

    def initialize(self, token: str | None, observer: Observer, own_port: bool) -> None:
        """Take the dependencies; called by Tornado for each request."""
        self.token = token
        self.observer = observer
        self.own_port = own_port

    async def get(self) -> None:
        """Answer with the numbers, or say why not."""
        refusal = self._refusal()
        if refusal is not None:
            self.send_json({"error": refusal}, 403)
            return
        snapshot = await self.observer.gather()
        text, content_type = metrics.render(snapshot, self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    def _refusal(self) -> str | None:
        headers = self.request.headers
        if self.token is not None:
            given = headers.get("Authorization", "")
            right = hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())
            return None if right else "send METRICS_TOKEN as a bearer token"
        local = self.request.remote_ip in _LOCAL and not any(name in headers for name in _PROXIED)
        if self.own_port or local:
            return None
        return "metrics are for this machine; set METRICS_TOKEN or OPS_PORT to read them elsewhere"
