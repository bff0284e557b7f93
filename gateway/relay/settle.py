"""Step 5, settle: one event per relayed request, durable before the answer ends."""

import logging
from typing import Any

from gateway.relay import costs, policy
from gateway.relay.context import Exchange, Relay
from gateway.relay.measured import Measured
from gateway.relay.meter import by_rule
from ledger.accounts import FAILED
from ledger.errors import LedgerError
from ledger.events import Draft
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

log = logging.getLogger("tollgate.relay")


async def settle(relay: Relay, x: Exchange, measured: Measured, outcome: str) -> int:
    """Record the charge and return it, in nano-dollars.

    A charge beyond the hold is charged as far as the credit goes; the event says what is missing.
    Raises BooksUnavailable when it could not be recorded; nothing is charged then.
    """
    assert x.quote is not None
    x.read_s = relay.clock.monotonic_s()
    # Now, not when the charge is durable: whoever reads the answer may ask again at once.
    x.end_limits(_tokens(measured))
    due = x.quote.charge_nano(measured.usage)
    charge = await _covered(relay, x, due)
    body = _body(relay, x, measured, outcome)
    body["shortfall_nano"] = due - charge
    if x.spent:
        body["cost_nano"] = await costs.book(relay, x, measured)
    assert x.place is not None
    holds = [] if x.hold is None else [(x.hold, charge)]
    if charge and relay.books.lots.any(x.user.account):
        taken = await relay.books.lots.take(x.user.account, charge)
        if taken:
            body["lots"] = [[held.accounts[0], nano] for held, nano in taken]
        holds += taken
    await relay.books.charge(_draft(x, charge, body), x.place, *holds)
    relay.directory.keys.touch(x.key.id, relay.clock.now_us() // 1_000_000)
    if relay.spans is not None:
        relay.spans.settled(x, measured.usage, charge, body["cost_nano"], outcome)
    return charge


async def settle_failure(relay: Relay, x: Exchange) -> bool:
    """Record what a request cost upstream although every attempt failed.

    It charges nothing, or by the declared rule what the upstream reported in its last failure.
    Returns whether there was anything to record, and it is. The client's answer is the failure of
    the call in any case.
    """
    rule = policy.for_error(relay, x.ask.model)
    nothing = Measured({}, "counted")
    try:
        if x.reported and rule != policy.FREE:
            reported = Measured(x.reported, "upstream")
            await settle(relay, x, by_rule(x, reported, rule), policy.UPSTREAM_ERROR)
            return True
        if not x.spent:
            return False
        cost = await costs.book(relay, x, nothing)
        if not cost:
            return False
        body = _body(relay, x, nothing, FAILED)
        body["cost_nano"] = cost
        await relay.books.append(_draft(x, 0, body), x.place)
    except LedgerError as error:
        log.error("request %s: its failure was not recorded: %s", x.request_id, error)
        return False
    return True


def _tokens(measured: Measured) -> int:
    """Return what counts for limits of tokens: what the upstream dealt with, charged for or not."""
    usage = (measured.delivered or measured).usage
    return sum(usage.get(name, 0) for name in (*INPUT_CLASSES, *OUTPUT_CLASSES))


def _draft(x: Exchange, charge: int, body: dict[str, Any]) -> Draft:
    actor = x.asked_by or x.key.account
    return Draft(x.event_id, "usage.charged", x.user.account, -charge, actor, body, at_us=None)


def _body(relay: Relay, x: Exchange, measured: Measured, outcome: str) -> dict[str, Any]:
    assert x.quote is not None and x.channel is not None
    return {
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
        "policy": x.policy if measured.rule is None else measured.rule,
        "price": x.quote.factors_for(measured.usage),
        "hold": _hold(x),
        "shortfall_nano": 0,
        "cost_nano": 0,
        "upstream_request_id": x.upstream_request_id,
        "attempts": x.attempts,
        "latency_ms": _latency(relay, x),
        "usage_frame": measured.frame,
    }


async def _covered(relay: Relay, x: Exchange, due: int) -> int:
    """Return how much of a charge the hold covers, after enlarging it if need be."""
    if x.hold is None:
        return 0
    if due > x.hold.amount_nano and not await relay.books.credit.extend(x.hold, due):
        return x.hold.amount_nano
    return due


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
