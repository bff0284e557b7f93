"""Steps 3 to 6 for a stream: bytes from the upstream to the client, until one of them ends.

The client sees [DONE], or what its dialect has for it, only after the charge is durable. A stream
that its credit does not cover to the end is a short answer and ends like one. When the client hangs
up, the declared policy says whether the upstream is read to its end (drain) or left.
"""

import asyncio
import logging
import math
from typing import Protocol

from gateway.channels.failure import of_call
from gateway.formats import usage as usages
from gateway.providers.base import Answer, CallFailed
from gateway.providers.incoming import Incoming
from gateway.relay import errors
from gateway.relay.answers import keep
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.measuring import measure_interrupted, measure_stream
from gateway.relay.meter import judged
from gateway.relay.passage import meter_for
from gateway.relay.policy import (
    CLIENT_CLOSED,
    COMPLETE,
    INTERRUPTED,
    UPSTREAM_CUT,
    UPSTREAM_TIMEOUT,
)
from gateway.relay.settle import settle
from gateway.relay.stream_meter import StreamMeter
from gateway.relay.verdict import failed
from ledger.errors import LedgerError

CREDIT_EXHAUSTED = "credit_exhausted"
# How long the upstream may take to close a stream that it has said is done.
LAST_BYTES_S = 1.0
# Pieces that follow each other faster than this go out together: a write costs more than a piece.
GATHER_S = 0.002
_ERROR = b'"error"'

log = logging.getLogger("tollgate.relay")


class Client(Protocol):
    """Where a stream goes. It notices by itself when the client has gone. `last` ends it."""

    async def send(self, data: bytes) -> None: ...
    def last(self, data: bytes) -> None: ...


_SAYS = {
    CREDIT_EXHAUSTED: RelayError(
        "insufficient_quota", "The balance is used up, so this answer ends here."
    ),
    "server_stopped": RelayError(
        "shutting_down", "This server is stopping, so this answer ends here."
    ),
    UPSTREAM_TIMEOUT: errors.of_call("upstream_timeout"),
    UPSTREAM_CUT: errors.of_call("upstream_cut"),
}


async def stream(relay: Relay, x: Exchange, delivery: Delivery, client: Client) -> None:
    """Relay a stream, charge it, and end it."""
    x.first_token_s = relay.clock.monotonic_s()
    meter = meter_for(relay, x, delivery.wire)
    outcome = await _pass_on(relay, x, delivery, meter, client)
    if meter.finished or outcome == CREDIT_EXHAUSTED:
        relay.watch.succeeded(delivery.source.key, delivery.source.began_s)
    try:
        if x.stopped is not None or outcome in INTERRUPTED:
            measured = await measure_interrupted(relay, x, meter, outcome)
        else:
            measured, outcome = judged(relay, x, await measure_stream(relay, x, meter, outcome))
        await settle(relay, x, measured, outcome)
        await keep(relay, x, delivery, measured)
    except LedgerError as error:
        log.error("request %s: the charge was not recorded: %s", x.request_id, error)
        client.last(meter.failed(errors.of_ledger(error), x.request_id))
        return
    if outcome == CREDIT_EXHAUSTED:
        report = usages.report_of(measured.usage)
        says = (delivery.content, report, _SAYS[outcome], x.request_id)
        client.last(meter.cut_short(x.ask, *says))
    elif outcome in _SAYS:
        client.last(meter.failed(_SAYS[outcome], x.request_id))
    else:
        client.last(meter.closed())
    if meter.done:
        await _read_last_bytes(delivery.answer)


async def _pass_on(
    relay: Relay, x: Exchange, delivery: Delivery, meter: StreamMeter, client: Client
) -> str:
    """Pass bytes on until an end; return the outcome."""
    x.reading = True
    try:
        if x.stopped is None:
            await _until_the_end(relay, x, delivery, meter, client)
    except CallFailed as error:
        log.info("request %s: stream: %s: %s", x.request_id, error.code, error)
        if meter.whole and x.stopped is None:
            return await _finished(x, meter, client)
        outcome = UPSTREAM_TIMEOUT if error.code == UPSTREAM_TIMEOUT else UPSTREAM_CUT
        broke(relay, delivery, outcome)
        return CLIENT_CLOSED if x.client_gone else outcome
    except RelayError as error:  # what cannot be said in the client's dialect
        log.info("request %s: stream: %s: %s", x.request_id, error.code, error)
        return CLIENT_CLOSED if x.client_gone else UPSTREAM_CUT
    except asyncio.CancelledError:
        if x.stopped is None:
            raise
        x.task.uncancel()
    finally:
        x.reading = False
    if x.client_gone:
        return CLIENT_CLOSED
    if x.stopped is not None:
        return x.stopped
    if not meter.finished:
        broke(relay, delivery, UPSTREAM_CUT)
        return UPSTREAM_CUT
    return COMPLETE


async def _finished(x: Exchange, meter: StreamMeter, client: Client) -> str:
    """End an answer that was whole when its connection broke."""
    if x.client_gone:
        return CLIENT_CLOSED
    if not meter.done:
        await client.send(meter.end())
    return COMPLETE


def broke(relay: Relay, delivery: Delivery, how: str) -> None:
    """Note that a stream broke off: too late for another channel, but this one may rest."""
    failed(relay, delivery.source, of_call(delivery.source.vendor, how))


async def _until_the_end(
    relay: Relay, x: Exchange, delivery: Delivery, meter: StreamMeter, client: Client
) -> None:
    covered = _covered_frames(x)
    rested_s = await _send(x, client, meter, meter.feed(delivery.content), -math.inf)
    if not meter.done:
        async for chunk in delivery.answer.body:
            rested_s = await _send(x, client, meter, meter.feed(chunk), rested_s)
            if meter.done or x.stopped is not None:
                return
            if meter.frames > covered:
                if not await _cover_more(relay, x, meter.frames):
                    x.stopped = CREDIT_EXHAUSTED
                    return
                covered = _covered_frames(x)
    if not meter.done:
        await client.send(meter.end())


async def _send(
    x: Exchange, client: Client, meter: StreamMeter, passed: bytes, rested_s: float
) -> float:
    """Send what passes, and let what follows at once gather, unless it just had the time to: the
    pieces of some upstreams come one by one, however many wait. Return when it had last.

    After an error nothing is waited for: its reader leaves, and is not to be taken for the cause.
    """
    if passed and not x.client_gone:
        await client.send(passed)
        loop = asyncio.get_running_loop()
        if not meter.done and _ERROR not in passed and loop.time() - rested_s > GATHER_S:
            await asyncio.sleep(GATHER_S)
            return loop.time()
    return rested_s


def _covered_frames(x: Exchange) -> int:
    """Return for how many frames the hold lasts, taking each for a token of output."""
    if x.hold is None or x.ask.known is not None:
        return 1 << 62
    assert x.quote is not None
    return x.quote.affordable_output_tokens(x.hold.amount_nano, x.tokens_in, x.tools)


async def _cover_more(relay: Relay, x: Exchange, frames: int) -> bool:
    assert x.hold is not None and x.quote is not None
    amount = x.quote.estimate_nano(x.tokens_in, 2 * frames, x.tools)
    return await relay.books.credit.extend(x.hold, amount)


async def _read_last_bytes(answer: Answer) -> None:
    """Read to the end of a stream that is done, so that its connection can be used again."""
    if isinstance(answer.closes, Incoming) and answer.closes.is_whole:
        return
    try:
        async with asyncio.timeout(LAST_BYTES_S):
            async for _ in answer.body:
                continue
    except (TimeoutError, CallFailed):
        return
