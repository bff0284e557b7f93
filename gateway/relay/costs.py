"""What a request costs us upstream, attempt by attempt, booked beside its charge.

An attempt that was refused before any work cost nothing. One that was sent and then timed out or
was cut is booked with its input at least, one that was delivered with what it delivered; whatever
was not reported by the upstream itself is marked as estimated. A price per call is due only when
something was delivered. Channels whose costs are not known leave no trace here.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.formats.usage import Usage
from gateway.relay.context import Exchange, Relay
from gateway.relay.measured import Measured
from gateway.relay.reserve import counted_input
from ledger.costs import CostQuote
from ledger.errors import InvalidEvent

# What others answer for an upstream that had begun to work and was too slow for them.
GATEWAY_TIMEOUTS = frozenset({504, 524})

log = logging.getLogger("tollgate.relay")


@dataclass(slots=True)
class Spent:
    """An attempt that cost something. `usage` is what the upstream reported although it failed."""

    attempt: dict[str, Any]
    quote: CostQuote
    delivered: bool
    usage: Usage | None


def note(
    x: Exchange,
    status: int | None,
    detail: str | None,
    *,
    worked: bool = False,
    delivered: bool = False,
    usage: Usage | None = None,
) -> None:
    """Note how an attempt ended; `worked` says that the upstream may have begun to work on it."""
    assert x.channel is not None and x.quote is not None
    x.in_flight = False
    error = detail[:300] if detail else None
    attempt: dict[str, Any] = {"channel": x.channel.id, "status": status, "error": error}
    x.attempts.append(attempt)
    if x.channel.costs is None or not (worked or delivered or usage):
        return
    variant = None if x.ask.known is None else x.ask.known.variant
    quote = x.channel.costs.quote((x.served_model, x.ask.model), x.quote, variant)
    if quote is not None:
        x.spent.append(Spent(attempt, quote, delivered, usage))


def note_given_up(x: Exchange) -> None:
    """Note an attempt that was still on its way when the request was given up."""
    if x.in_flight:
        note(x, None, f"given up: {x.stopped}", worked=True)


async def book(relay: Relay, x: Exchange, measured: Measured) -> int:
    """Write costs into the attempts of a request; return their sum in nano-dollars."""
    total, sent = 0, None
    for spent in x.spent:
        if spent.delivered:
            known = measured.delivered or measured
            usage, estimated = _with_call(spent.quote, known.usage), known.source != "upstream"
        elif spent.usage is not None:
            usage, estimated = spent.usage, False
        else:
            sent = {"input": (await counted_input(relay, x)).tokens} if sent is None else sent
            usage, estimated = sent, True
        try:
            total += spent.quote.book(spent.attempt, usage, estimated=estimated)
        except InvalidEvent as error:  # absurd usage must not keep the charge out of the books
            log.error("request %s: the cost of an attempt is not known: %s", x.request_id, error)
            continue
        if usage != measured.usage:
            spent.attempt["usage"] = dict(usage)
    return total


def _with_call(quote: CostQuote, usage: Mapping[str, int]) -> Usage:
    """Count the call by the upstream's prices, not by ours."""
    counted = {name: count for name, count in usage.items() if name != "calls"}
    return {**counted, "calls": usage.get("calls") or 1} if quote.per_call else counted
