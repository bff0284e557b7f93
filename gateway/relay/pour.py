"""Steps 3 to 6 for an answer that is neither JSON nor events: audio, in bounded memory.

Bytes go to the client as they come, but the last piece waits until the charge is durable. An answer
that breaks off ends in a broken connection, so that no client takes a part for the whole.
"""

import asyncio
import logging
from typing import Protocol

from gateway.media.answers import Made
from gateway.providers.base import CallFailed
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.media_meter import measure_interrupted
from gateway.relay.policy import CLIENT_CLOSED, COMPLETE, UPSTREAM_CUT, UPSTREAM_TIMEOUT
from gateway.relay.settle import settle
from gateway.relay.stream import broke
from ledger.errors import LedgerError

log = logging.getLogger("tollgate.relay")


class Client(Protocol):
    """Where the bytes go. `send` notices by itself when the client has gone."""

    async def send(self, data: bytes) -> None: ...

    def break_off(self) -> None: ...


async def pour(relay: Relay, x: Exchange, delivery: Delivery, client: Client) -> None:
    """Pass an answer on and charge it. The caller closes the client's side afterwards."""
    x.first_token_s = relay.clock.monotonic_s()
    held = _Held(delivery.content)
    outcome = await _until_the_end(relay, x, delivery, client, held)
    try:
        measured = await measure_interrupted(relay, x, Made(delivered=True), outcome)
        await settle(relay, x, measured, outcome)
    except LedgerError as error:
        log.error("request %s: the charge was not recorded: %s", x.request_id, error)
        client.break_off()
        return
    if outcome == COMPLETE:
        await client.send(held.piece)
    else:
        client.break_off()


class _Held:
    """The piece that came last."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece


async def _until_the_end(
    relay: Relay, x: Exchange, delivery: Delivery, client: Client, held: _Held
) -> str:
    """Pass on all but the last piece; return the outcome."""
    x.reading = True
    try:
        if x.stopped is None:
            async for piece in delivery.answer.body:
                if piece:
                    await client.send(held.piece)
                    held.piece = piece
                if x.client_gone or x.stopped is not None:
                    break  # its price does not depend on the rest
    except CallFailed as error:
        log.info("request %s: audio: %s: %s", x.request_id, error.code, error)
        outcome = UPSTREAM_TIMEOUT if error.code == UPSTREAM_TIMEOUT else UPSTREAM_CUT
        broke(relay, delivery, outcome)
        return CLIENT_CLOSED if x.client_gone else outcome
    except asyncio.CancelledError:
        if x.stopped is None:
            raise
        x.task.uncancel()
    finally:
        x.reading = False
    if x.client_gone:
        x.stopped = CLIENT_CLOSED
    return x.stopped or COMPLETE
