"""Asking a moderation model, through one of the operator's own channels.

The question is a request like any other, of root's: routed among the channels of root's group,
retried, timed and judged by the relay's own rules. It is priced at nothing. What it used and cost
is in the books as a `usage.charged` of root's, by key 0 and with the ratio 0, under the id of the
request that it is about; a model that is free and costs nothing leaves no event.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from gateway.directory.keys import Key
from gateway.directory.users import ROOT_ID, User
from gateway.formats import openai
from gateway.formats.openai import Ask
from gateway.relay import errors
from gateway.relay.call import call
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.limit import limit_channel
from gateway.relay.measuring import measure_whole
from gateway.relay.policy import COMPLETE
from gateway.relay.reserve import listed, price
from gateway.relay.route import another, none_serves
from gateway.relay.settle import settle, settle_failure
from ledger.errors import LedgerError

CHECK = replace(openai.MODERATIONS, name="moderation.check", default_model="")
POLICY = "moderation"
# How long one attempt may take: somebody waits, and has not even begun.
PATIENCE_S = 10.0
_NO_KEY = Key(id=0, user_id=ROOT_ID, unlimited=True)

log = logging.getLogger("tollgate.relay")


@dataclass(frozen=True, slots=True)
class Moderator:
    """Asks about one request, and numbers its questions."""

    relay: Relay
    about: Exchange
    root: User

    async def ask(self, question: Ask, number: int) -> Any:
        """Return the answer's JSON, None for none. Raises RelayError."""
        relay, x = self.relay, self._exchange(question, number)
        relay.moderated.asks += 1
        try:
            await _route(relay, x)
            x.place = relay.books.place()
            return await _answer(relay, x)
        except LedgerError as error:
            raise errors.of_ledger(error) from error
        finally:
            x.release()

    def _exchange(self, question: Ask, number: int) -> Exchange:
        task, about = asyncio.current_task(), self.about
        assert task is not None
        return Exchange(
            request_id=f"{about.request_id}-moderation-{number}",
            ask=question,
            key=_NO_KEY,
            user=self.root,
            started_s=self.relay.clock.monotonic_s(),
            pinned=None,
            task=task,
            policy=POLICY,
            prices=about.prices,
            asked_by=about.key.account,
            patience_s=PATIENCE_S,
        )


async def _route(relay: Relay, x: Exchange) -> None:
    """Choose the first channel that is not at its limit. Raises RelayError."""
    full: set[int] = set()
    while True:
        channel = another(relay, x, full)
        if channel is None:
            raise none_serves(relay, x.user.group, x.ask.model, x.ask.endpoint)
        if await limit_channel(relay, x, channel):
            x.channel = channel
            return
        full.add(channel.id)


async def _answer(relay: Relay, x: Exchange) -> Any:
    assert x.channel is not None
    x.quote = price(relay, x, x.channel)
    try:
        delivery = await call(relay, x)
    except RelayError:
        await settle_failure(relay, x)
        raise
    try:
        if x.spent or not listed(x, x.channel).is_free:
            await settle(relay, x, await measure_whole(relay, x, delivery), COMPLETE)
        elif x.channel_grant is not None:  # nobody counts its tokens, so it had what it might have
            x.channel_grant.end(None)
    except LedgerError as error:
        log.error("request %s: the cost of moderation is not recorded: %s", x.request_id, error)
    finally:
        await delivery.answer.aclose()
    parsed = delivery.parsed
    return parsed if parsed is not None else errors.parse(delivery.content)
