"""Step 5, settle: one event per relayed request, durable before the answer ends."""

from typing import Any

from gateway.relay.context import Exchange, Relay
from gateway.relay.meter import Measured
from ledger.events import Draft


async def settle(relay: Relay, x: Exchange, measured: Measured, outcome: str) -> int:
    """Record the charge and return it, in nano-dollars.

    A charge beyond the hold is charged as far as the credit goes; the event says what is missing.
    Raises BooksUnavailable when it could not be recorded; nothing is charged then.
    """
    assert x.quote is not None and x.channel is not None
    due = x.quote.charge_nano(measured.usage)
    charge = await _covered(relay, x, due)
    body = {
        "request_id": x.request_id,
        "endpoint": x.ask.endpoint.name,
        "key": x.key.id,
        "channel": x.channel.id,
        "group": x.user.group,
        "model": x.ask.model,
        "served_model": x.served_model,
        "stream": x.ask.stream,
        "usage": measured.usage,
        "usage_source": measured.source,
        "outcome": outcome,
        "policy": x.policy,
        "price": _factors(x, measured),
        "hold": _hold(x),
        "shortfall_nano": due - charge,
        "upstream_request_id": x.upstream_request_id,
        "attempts": x.attempts,
        "latency_ms": _latency(relay, x),
        "usage_frame": measured.frame,
    }
    draft = Draft(
        x.event_id, "usage.charged", x.user.account, -charge, x.key.account, body, at_us=None
    )
    await relay.books.append(draft, x.place)
    if x.hold is not None:
        x.hold.settle(charge)
    relay.directory.keys.touch(x.key.id, relay.clock.now_us() // 1_000_000)
    return charge


async def _covered(relay: Relay, x: Exchange, due: int) -> int:
    """Return how much of a charge the hold covers, after enlarging it if need be."""
    if x.hold is None:
        return 0
    if due > x.hold.amount_nano and not await relay.books.credit.extend(x.hold, due):
        return x.hold.amount_nano
    return due


def _factors(x: Exchange, measured: Measured) -> dict[str, Any]:
    assert x.quote is not None
    return x.quote.factors_for(measured.usage)


def _hold(x: Exchange) -> dict[str, Any]:
    if x.hold is None:
        return {"nano": 0, "accounts": []}
    return {"nano": x.hold.amount_nano, "accounts": x.hold.accounts}


def _latency(relay: Relay, x: Exchange) -> dict[str, int | None]:
    total = relay.clock.monotonic_s() - x.started_s
    first = None if x.first_token_s is None else x.first_token_s - x.started_s
    return {
        "total": int(total * 1000),
        "first_token": None if first is None else int(first * 1000),
    }
