"""Step 3, call: send the request upstream, and elsewhere when that is worth a second try.

What is worth one, and after how long, is a table (gateway/channels/retry.py); what an attempt says
about its channel is told to gateway/channels/watch.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gateway.channels.blame import Blame, blame
from gateway.channels.health import Subject
from gateway.channels.retry import Retries
from gateway.channels.upstream_keys import OF_THE_KEY
from gateway.directory.channels import Channel
from gateway.relay import costs, reserve
from gateway.relay.answers import other_keys
from gateway.relay.attempt import Delivery, Refused, Source, attempt
from gateway.relay.context import Exchange, Relay
from gateway.relay.limit import limit_channel
from gateway.relay.media_meter import price_as_made
from gateway.relay.route import another
from gateway.relay.verdict import failed
from ledger.errors import PriceMissing

log = logging.getLogger("tollgate.relay")

T = TypeVar("T")


@dataclass(slots=True)
class Tried:
    """What one request tried. `failures` counts attempts: a channel may be had with several keys,
    and one that is too dear is passed over without any."""

    channels: set[int] = field(default_factory=set)
    keys: set[Subject] = field(default_factory=set)
    failures: int = 0


async def call(relay: Relay, x: Exchange) -> Delivery:
    """Return the first good answer. Raises RelayError with the last failure."""
    delivery = await first_good(relay, x, attempt)
    price_as_made(relay, x, delivery)
    costs.note(x, delivery.answer.status, None, delivered=True)
    return delivery


async def first_good(
    relay: Relay,
    x: Exchange,
    attempt: Callable[[Relay, Exchange, Collection[Subject]], Awaitable[T]],
) -> T:
    """Attempt until one succeeds, where that is worth it. Raises RelayError."""
    tried = Tried(keys=set(other_keys(relay, x)))
    while True:
        try:
            return await attempt(relay, x, tried.keys)
        except Refused as refused:
            _note(x, refused)
            if relay.spans is not None:
                relay.spans.failed(x, refused.failure.status)
            whose = _judge(relay, tried, refused)
            if not await _move_on(relay, x, tried, refused, whose):
                raise refused.error from refused


def _note(x: Exchange, refused: Refused) -> None:
    assert x.channel is not None
    status, detail = refused.failure.status, refused.detail
    x.reported = refused.usage
    costs.note(x, status, detail, worked=refused.worked, usage=refused.usage)
    log.info("request %s: channel %s: %s %s", x.request_id, x.channel.id, status, detail)


def _judge(relay: Relay, tried: Tried, refused: Refused) -> Blame:
    """Tell the channel's health of a failure; return whose fault it was."""
    tried.failures += 1
    source = refused.source
    if source is None:
        return blame(refused.failure)
    tried.keys.add(source.key.subject)
    return failed(relay, source, refused.failure)


async def _move_on(relay: Relay, x: Exchange, tried: Tried, refused: Refused, whose: Blame) -> bool:
    """Turn to what is tried next, after a pause; False when that is nothing."""
    assert x.channel is not None
    retries = _retries(relay, x)
    if retries.most < tried.failures:
        return False
    if refused.source is not None and _has_another_key(relay, tried, refused.source, whose):
        pause_s = _pause_s(relay, x, tried, refused, retries, None)
    else:
        tried.channels.add(x.channel.id)
        pause_s = await _elsewhere(relay, x, tried, refused, retries)
    if pause_s is None:
        return False
    if pause_s:
        await asyncio.sleep(pause_s)
    return True


def _retries(relay: Relay, x: Exchange) -> Retries:
    s = relay.settings
    most = 0 if x.pinned is not None else int(relay.directory.options.get("RetryTimes"))
    return Retries(most, s.retry_status, s.retry_deadline_s)


def _has_another_key(relay: Relay, tried: Tried, source: Source, whose: Blame) -> bool:
    """Whether a failure of one upstream key leaves its channel others that are ready."""
    channel, watch = source.channel, relay.watch
    if whose not in OF_THE_KEY or not watch.another_key(channel, source.secret, tried.keys):
        return False
    return not watch.cooling((channel.id,), relay.clock.monotonic_s())


async def _elsewhere(
    relay: Relay, x: Exchange, tried: Tried, refused: Refused, retries: Retries
) -> float | None:
    """Turn to an untried channel that is affordable and not at its limit; return the pause
    before it, None for none."""
    while True:
        channel = another(relay, x, tried.channels)
        if channel is None:
            return None
        pause_s = _pause_s(relay, x, tried, refused, retries, channel)
        if pause_s is None:
            return None
        quote = x.quote
        if await _affordable(relay, x, channel):
            if await limit_channel(relay, x, channel):
                x.channel = channel
                return pause_s
            x.quote = quote
        tried.channels.add(channel.id)


def _pause_s(
    relay: Relay,
    x: Exchange,
    tried: Tried,
    refused: Refused,
    retries: Retries,
    channel: Channel | None,
) -> float | None:
    """Return how long to wait before the next attempt, on another channel if one is given."""
    now_s = relay.clock.monotonic_s()
    wait_s = 0.0 if channel is None else relay.watch.asked_s(channel, now_s)
    elapsed_s = now_s - x.started_s
    return retries.pause_s(refused.failure, tried.failures, elapsed_s, relay.rng, wait_s)


async def _affordable(relay: Relay, x: Exchange, channel: Any) -> bool:
    """Price the request on another channel, and see to it that the hold covers it."""
    try:
        quote = reserve.price(relay, x, channel)
    except PriceMissing:
        return False
    # Streams end where the credit does, whatever the vendor heeds.
    ends = x.ask.stream or reserve.heeded(relay, channel)
    if quote is x.quote and ends:
        return True
    if x.hold is None:
        if not quote.is_free:
            return False
    else:
        if ends:
            output = x.clamp or reserve.most_output(relay, x)
        else:
            output = reserve.most_output(relay, x, channel)
        amount = reserve.estimate(x, quote, output * x.ask.choices)
        if not await relay.books.credit.extend(x.hold, amount):
            return False
    x.quote = quote
    return True
