"""Step 4, meter: what was used, in disjoint classes, and how we know.

The upstream's report is believed, unless the catalogue says that it is made up. Where there is
none, tokens are counted here, in a thread; where not everything was kept to be counted, the rest is
estimated from its size. Of an answer that did not end well, a declared rule may charge less than
what was used (gateway/relay/policy.py).
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from gateway.dialects import searches
from gateway.dialects.searches import ToolCall
from gateway.dialects.table import DIALECTS, SOURCES
from gateway.formats import usage as usages
from gateway.formats.openai import CHAT
from gateway.formats.usage import Usage
from gateway.relay import policy
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import parse
from gateway.relay.measured import Measured
from gateway.relay.policy import COMPLETE, EMPTY
from gateway.relay.reserve import counted_input
from gateway.relay.stream_meter import StreamMeter
from gateway.tokens import Counted
from ledger.quote import OUTPUT_CLASSES

# In frames of a stream that were not kept: JSON around each token weighs far more than the token.
BYTES_PER_TOKEN = 4
# An answer that is longer has something in it, though it may be no text.
LONGEST_EMPTY_BYTES = 16 << 10


async def measure_whole(relay: Relay, x: Exchange, delivery: Delivery) -> Measured:
    """Measure an answer that came in one piece.

    Nothing but zeros is no report where all that can be used is the input, which is never empty.
    """
    content, parsed, said = delivery.content, delivery.parsed, SOURCES[delivery.wire.dialect]
    report = said.find(parsed) if parsed is not None else usages.in_long_body(content)
    usage = said.classes(report) if report is not None and _believed(relay, x) else None
    if usage is not None and not x.ask.endpoint.has_output and not any(usage.values()):
        usage = None
    told = Measured(usage or {}, "upstream", usages.frame_text(report))
    if _is_told(x, told):
        measured = told
        calls = said.searches(parsed)
        texts = list(said.texts(parsed)) if parsed is not None and not _output(told.usage) else []
    else:
        if parsed is None:
            parsed = await asyncio.to_thread(parse, content)
        texts = list(said.texts(parsed))
        calls = said.searches(parsed)
        measured = _completed(told, await _counted(relay, x, texts, 0))
    measured.empty = _is_empty(x, measured.usage, texts, len(content))
    return _with_units(x, measured, calls)


async def measure_stream(relay: Relay, x: Exchange, meter: StreamMeter, outcome: str) -> Measured:
    """Measure what a stream delivered until its end, whichever end that was."""
    measured = await _measure_stream(relay, x, meter, outcome)
    if outcome == COMPLETE and not _output(measured.usage) and not meter.beyond_bytes:
        measured.empty = _is_empty(x, measured.usage, meter.delivered(), meter.fed_bytes)
    return _with_units(x, measured, meter.tools)


async def _measure_stream(relay: Relay, x: Exchange, meter: StreamMeter, outcome: str) -> Measured:
    reported = meter.usage() if _believed(relay, x) else None
    told = Measured(reported or {}, "upstream", usages.frame_text(meter.report))
    is_told = _is_told(x, told)
    if is_told and (meter.done or outcome == COMPLETE):
        return told
    counted = await _counted(relay, x, meter.delivered(), meter.beyond_bytes)
    if not is_told:
        return _completed(told, counted)
    # Reports in mid-stream may lag behind what was delivered since.
    usage = told.usage
    lag = counted.usage["output"] - sum(usage.get(n, 0) for n in ("output", "reasoning"))
    if lag <= 0:
        return told
    usage["output"] = usage.get("output", 0) + lag
    return Measured(usage, counted.source, told.frame)


def _believed(relay: Relay, x: Exchange) -> bool:
    """Whether what the upstream reports is what was used: some always report the same."""
    assert x.channel is not None
    vendor = relay.catalogue.find(x.channel.type)
    return vendor is None or vendor.reports_usage


def _is_told(x: Exchange, told: Measured) -> bool:
    """Whether the upstream reported its input, and its output where there is one; or the pieces,
    where the price is by these."""
    usage = told.usage
    if "characters" in usage and _is_priced(x, "characters"):
        return True
    if x.ask.endpoint.has_output:
        return "input" in usage and "output" in usage
    if "input" in usage:
        usage.setdefault("output", 0)
        return True
    return bool(usage) and not _is_priced(x, "input")


def _completed(told: Measured, counted: Measured) -> Measured:
    """Count what the upstream left out."""
    return Measured({**counted.usage, **told.usage}, counted.source, told.frame)


async def measure_interrupted(
    relay: Relay, x: Exchange, meter: StreamMeter | None, outcome: str
) -> Measured:
    """Measure an answer that did not come to its end, by the declared rule."""
    rule = x.policy if outcome in policy.INTERRUPTED else ""
    if meter is not None and rule not in (policy.INPUT, policy.FREE):
        return await measure_stream(relay, x, meter, outcome)
    if rule == policy.FREE:
        measured = Measured({}, "counted")
    else:
        measured = _with_call(x, await _input_only(relay, x, meter))
    if x.spent and meter is not None:
        delivered = await measure_stream(relay, x, meter, outcome)
        measured.delivered = replace(delivered, source="counted")
    return measured


async def _input_only(relay: Relay, x: Exchange, meter: StreamMeter | None) -> Measured:
    """Take the input as reported, where the stream said it before it broke off, or count it."""
    reported = meter.usage() if meter is not None and _believed(relay, x) else None
    known = policy.reduced(reported or {}, policy.INPUT)
    if meter is not None and any(known.values()):
        return Measured(known, "upstream", usages.frame_text(meter.report))
    counted = await counted_input(relay, x)
    return Measured({"input": counted.tokens}, _source(counted))


def judged(relay: Relay, x: Exchange, measured: Measured) -> tuple[Measured, str]:
    """Apply the rule for empty answers to one that came to its end; return it and its outcome."""
    if not measured.empty:
        return measured, COMPLETE
    return by_rule(x, measured, policy.for_empty(relay, x.ask.model)), EMPTY


def by_rule(x: Exchange, measured: Measured, rule: str) -> Measured:
    """Charge what a rule leaves of a usage; what was delivered stays known for the costs."""
    usage = policy.reduced(measured.usage, rule)
    if usage is measured.usage:
        return replace(measured, rule=rule)
    kept = Measured(usage, measured.source, measured.frame, rule=rule, delivered=measured)
    return kept if rule == policy.FREE else _with_call(x, kept)


def _output(usage: Usage) -> int:
    return sum(usage.get(name, 0) for name in OUTPUT_CLASSES)


def _is_empty(x: Exchange, usage: Usage, texts: Iterable[str], size: int) -> bool:
    if _output(usage) or not x.ask.endpoint.has_output or size > LONGEST_EMPTY_BYTES:
        return False
    return not any(texts)


async def _counted(
    relay: Relay, x: Exchange, delivered: Collection[str], beyond_bytes: int
) -> Measured:
    taken = await counted_input(relay, x)
    if not x.ask.endpoint.has_output:
        return Measured({"input": taken.tokens, "output": 0}, _source(taken))
    given = await relay.counter.measure(x.served_model, delivered)
    output = given.tokens + -(-beyond_bytes // BYTES_PER_TOKEN)
    source = "estimated" if beyond_bytes else _source(taken, given)
    return Measured({"input": taken.tokens, "output": output}, source)


def _source(*parts: Counted) -> str:
    return "counted" if all(part.exact for part in parts) else "estimated"


def _with_units(x: Exchange, measured: Measured, tools: Iterable[ToolCall]) -> Measured:
    """Count what has its price by the piece: the call itself, and those of tools."""
    usage = measured.usage
    seen = Counter(name for name, _ in set(tools))
    if x.ask.endpoint is CHAT:
        seen[searches.WEB] = max(seen[searches.WEB], searches.of_model(x.served_model))
    for name, calls in seen.items():
        if calls > usage.get(name, 0):
            usage[name] = calls
    return _with_call(x, measured)


def _is_priced(x: Exchange, name: str) -> bool:
    assert x.quote is not None
    return x.quote.charge_nano({name: 1}) > 0


def _with_call(x: Exchange, measured: Measured) -> Measured:
    """Count the call itself where the price asks for it, and the characters that were sent, where
    it asks for these and nobody told them: of all texts, since it is not known which were read."""
    assert x.quote is not None
    rates = x.quote.factors["rates"]
    if "calls" in rates:
        measured.usage.setdefault("calls", 1)
    if "characters" in rates and "characters" not in measured.usage:
        texts = DIALECTS[x.ask.endpoint.dialect].countable(x.ask.body).texts
        measured.usage["characters"] = sum(map(len, texts))
        measured.source = "estimated"
    return measured
