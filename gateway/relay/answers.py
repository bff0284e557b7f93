"""Answers that an upstream keeps (Responses API, `store`): whose they are, and where.

An upstream keeps them for the operator's one account, so that whoever knows an id could read
another user's answer, or go on from it. Here each is bound to the user who asked for it, and to
the channel and upstream key that answered; for anyone else it does not exist. A binding is a small
document that is written before the end of the answer is sent, and forgotten when OpenAI forgets the
answer (after 30 days). It holds no text and no money.
"""

import asyncio
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gateway.channels.health import Subject
from gateway.channels.upstream_keys import UpstreamKey, read_keys
from gateway.dialects import asks
from gateway.directory.channels import Channel
from gateway.directory.errors import SecretsLocked
from gateway.formats import sse
from gateway.relay import errors
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.measured import Measured
from gateway.relay.route import able, serving
from ledger.errors import LedgerError
from ledger.store import Store

COLLECTION = "answers"
KEPT_S = 31 * 86_400
# How long a binding may take to be written or found.
WAIT_S = 5.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)

log = logging.getLogger("tollgate.relay")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that an upstream keeps. `tokens` is what going on from it makes it read again."""

    id: str
    channel: Channel
    key: UpstreamKey
    tokens: int


async def keep(relay: Relay, x: Exchange, delivery: Delivery, measured: Measured) -> None:
    """Bind an answer that its upstream keeps. A failure is logged: the answer is good anyway."""
    if delivery.wire is not asks.RESPONSES or x.ask.body.get("store") is False:
        return
    answer_id = _id_of(delivery)
    if answer_id is None:
        return
    source = delivery.source
    binding = {
        "_id": answer_id,
        "user": x.user.id,
        "channel": source.channel.id,
        "upstream_key": source.key.fingerprint,
        "tokens": sum((measured.delivered or measured).usage.values()),
        "at_s": relay.clock.now_us() // 1_000_000,
    }
    try:
        relay.books.check_reachable()
        async with asyncio.timeout(WAIT_S):
            update = {"$setOnInsert": {n: v for n, v in binding.items() if n != "_id"}}
            await relay.books.store.update_one(COLLECTION, {"_id": answer_id}, update, upsert=True)
    except (LedgerError, TimeoutError) as error:
        log.warning("request %s: its answer can't be asked for again: %s", x.request_id, error)


def _id_of(delivery: Delivery) -> str | None:
    """Return the id of a whole answer, or of one whose first event is there."""
    found = delivery.parsed
    if delivery.answer.is_stream:
        first = errors.parse(sse.first_data(delivery.content))
        found = first.get("response") if isinstance(first, dict) else None
    answer_id = found.get("id") if isinstance(found, dict) else None
    return answer_id if isinstance(answer_id, str) and _ID.fullmatch(answer_id) else None


async def find(relay: Relay, user_id: int, answer_id: Any) -> Kept | None:
    """Find an answer of a user's that can still be asked for. Raises DatabaseAway, StoreError."""
    if not isinstance(answer_id, str) or not _ID.fullmatch(answer_id):
        return None
    relay.books.check_reachable()
    found = await relay.books.store.find_one(COLLECTION, {"_id": answer_id, "user": user_id})
    channel = None if found is None else relay.directory.channel(found["channel"])
    if found is None or channel is None or not channel.is_enabled:
        return None
    try:
        keys = read_keys(channel.id, relay.directory.secret_of(channel))
    except SecretsLocked:
        return None
    # A channel's only key may be a new one for the same account.
    named = [key for key in keys if key.fingerprint == found["upstream_key"]]
    key = next(iter(named or (keys if len(keys) == 1 else ())), None)
    return None if key is None else Kept(answer_id, channel, key, int(found["tokens"]))


async def forget(relay: Relay, answer_id: str) -> None:
    """Remove the binding of an answer that is deleted. Raises StoreError."""
    await relay.books.store.delete_one(COLLECTION, {"_id": answer_id})


async def forget_old(store: Store, now_s: float) -> None:
    """Remove the bindings of answers that no upstream keeps any more. Raises StoreError."""
    await store.delete_many(COLLECTION, {"at_s": {"$lt": int(now_s) - KEPT_S}})


async def follow(relay: Relay, x: Exchange) -> None:
    """See to it that a request which goes on from an answer goes to where that is kept.

    Raises RelayError 404 where there is no such answer of this user's, 503 where its channel can't
    be asked.
    """
    named = x.ask.body.get("previous_response_id")
    if x.ask.endpoint is not asks.RESPONSES or not named:
        return
    kept = await find(relay, x.user.id, named)
    if kept is None or x.pinned not in (None, kept.channel.id):
        said = f"Previous response with id '{str(named)[:200]}' not found."
        raise RelayError("previous_response_not_found", said, param="previous_response_id")
    able_ids = {
        channel.id
        for group in serving(relay, x.user.group)
        for channel in able(relay, group, x.ask.model, asks.RESPONSES)
    }
    if x.pinned is None and kept.channel.id not in able_ids:
        message = f"What keeps this response does not serve `{x.ask.model}` right now."
        raise RelayError("no_available_channel", message)
    x.pinned, x.only_key = kept.channel.id, kept.key.subject
    x.ask.kept_tokens = kept.tokens


def other_keys(relay: Relay, x: Exchange) -> Collection[Subject]:
    """Return the keys of a request's channel that it may not be sent with."""
    if x.only_key is None or x.channel is None:
        return ()
    try:
        keys = read_keys(x.channel.id, relay.directory.secret_of(x.channel))
    except SecretsLocked:
        return ()
    return {key.subject for key in keys} - {x.only_key}
