"""The log of slow requests: whose they were and where the time went, but not what was said."""

import logging
from typing import Any

from gateway.relay.context import Exchange

log = logging.getLogger("tollgate.slow")


def told(request_id: str, endpoint: str, status: str, took_s: float, x: Exchange | None) -> None:
    """Log a request that took long. `x` is None for one that was not relayed."""
    fields: dict[str, Any] = {"endpoint": endpoint, "status": int(status), "took_ms": _ms(took_s)}
    if x is not None:
        fields |= _of_exchange(x)
    words = ", ".join(f"{name} {value}" for name, value in fields.items() if value is not None)
    log.warning("request %s was slow: %s", request_id, words, extra={"fields": fields})


def _of_exchange(x: Exchange) -> dict[str, Any]:
    return {
        "user": x.user.id,
        "key": x.key.id,
        "model": x.ask.model,
        "channel": x.channel.id if x.channel is not None else None,
        "attempts": len(x.attempts),
        "stream": x.ask.stream,
        "before_upstream_ms": _between(x.started_s, x.sent_s),
        "first_token_ms": _between(x.started_s, x.first_token_s),
        "upstream_ms": _between(x.sent_s, x.read_s),
        "outcome": x.stopped,
    }


def _between(first_s: float | None, last_s: float | None) -> int | None:
    return None if first_s is None or last_s is None else _ms(last_s - first_s)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
