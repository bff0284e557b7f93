"""Step 4, meter: what was used, in disjoint classes, and how we know.

The upstream's report is believed. Where there is none, tokens are counted here, in a thread; where
not everything was kept to be counted, the rest is estimated from its size.
"""

import asyncio
from dataclasses import dataclass

from gateway.dialects.table import DIALECTS
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import parse
from gateway.relay.reserve import counted_input
from gateway.relay.stream_meter import StreamMeter

# In frames of a stream that were not kept: JSON around each token weighs far more than the token.
BYTES_PER_TOKEN = 4
COMPLETE = "complete"
CLIENT_CLOSED = "client_closed"


@dataclass(slots=True)
class Measured:
    """Usage, its source ("upstream", "counted" or "estimated") and the report as it came.

    `delivered` is what the upstream delivered, where the charge is for less than that by policy.
    """

    usage: Usage
    source: str
    frame: str | None = None
    delivered: Usage | None = None


async def measure_whole(relay: Relay, x: Exchange, delivery: Delivery) -> Measured:
    """Measure an answer that came in one piece."""
    content, parsed, said = delivery.content, delivery.parsed, DIALECTS[delivery.wire.dialect]
    report = said.find(parsed) if parsed is not None else usages.in_long_body(content)
    usage = said.classes(report) if report is not None else None
    told = Measured(usage or {}, "upstream", usages.frame_text(report))
    if _is_told(x, told):
        return _with_call(x, told)
    if parsed is None:
        parsed = await asyncio.to_thread(parse, content)
    counted = await _counted(relay, x, list(said.texts(parsed)), 0)
    return _with_call(x, _completed(told, counted))


async def measure_stream(relay: Relay, x: Exchange, meter: StreamMeter, outcome: str) -> Measured:
    """Measure what a stream delivered until its end, whichever end that was."""
    told = Measured(meter.usage() or {}, "upstream", usages.frame_text(meter.report))
    if _is_told(x, told) and (meter.done or outcome == COMPLETE):
        return _with_call(x, told)
    counted = await _counted(relay, x, meter.delivered(), meter.beyond_bytes)
    if _is_told(x, told):
        # Reports in mid-stream may lag behind what was delivered since.
        usage = told.usage
        lag = counted.usage["output"] - sum(usage.get(n, 0) for n in ("output", "reasoning"))
        if lag <= 0:
            return _with_call(x, told)
        usage["output"] = usage.get("output", 0) + lag
        return _with_call(x, Measured(usage, counted.source, told.frame))
    return _with_call(x, _completed(told, counted))


def _is_told(x: Exchange, told: Measured) -> bool:
    """Whether the upstream reported its input, and its output where there is one."""
    usage = told.usage
    if usage and not x.ask.endpoint.has_output:
        usage.setdefault("output", 0)
    return "input" in usage and "output" in usage


def _completed(told: Measured, counted: Measured) -> Measured:
    """Count what the upstream left out."""
    return Measured({**counted.usage, **told.usage}, counted.source, told.frame)


async def measure_given_up(relay: Relay, x: Exchange, meter: StreamMeter | None) -> Measured:
    """Measure an answer that was not read to its end, by the declared policy."""
    by_policy = x.policy if x.stopped == CLIENT_CLOSED else ""
    if by_policy == "free":
        measured = Measured({}, "counted")
    elif meter is None or by_policy == "input":
        usage = {"input": await counted_input(relay, x)}
        measured = _with_call(x, Measured(usage, "counted"))
    else:
        return await measure_stream(relay, x, meter, CLIENT_CLOSED)
    if x.spent and meter is not None:
        measured.delivered = (await measure_stream(relay, x, meter, CLIENT_CLOSED)).usage
    return measured


async def _counted(relay: Relay, x: Exchange, delivered: list[str], beyond_bytes: int) -> Measured:
    usage: Usage = {"input": await counted_input(relay, x)}
    if x.ask.endpoint.has_output:
        usage["output"] = await relay.counter.count(x.served_model, delivered)
        usage["output"] += -(-beyond_bytes // BYTES_PER_TOKEN)
    else:
        usage["output"] = 0
    return Measured(usage, "estimated" if beyond_bytes else "counted")


def _with_call(x: Exchange, measured: Measured) -> Measured:
    """Count the call itself where the price asks for it."""
    assert x.quote is not None
    if "calls" in x.quote.factors["rates"]:
        measured.usage["calls"] = 1
    return measured
