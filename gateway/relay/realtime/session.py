"""One realtime session between a client and an upstream, from the first event to the last.

Events pass as they came. Before one of the client's goes on, what it may cost is held; before a
`response.done` reaches the client, it is charged. A session ends when either side closes it, when
the credit is used up, when the key may be used no more, or when the server stops; what was begun
is charged in any case.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import orjson
from tornado.websocket import WebSocketClosedError

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import child, error_event
from gateway.relay import errors
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.policy import CLIENT_CLOSED
from gateway.relay.realtime.account import Account
from gateway.relay.realtime.ending import (
    BROKEN,
    GOING_AWAY,
    NORMAL,
    NOT_TEXT,
    End,
    cut,
    sendable,
    unaffordable,
    unusable,
)
from gateway.relay.realtime.rules import renamed
from gateway.relay.realtime.upstream import Upstream
from gateway.tasks import end_all
from ledger.errors import InsufficientCredit, LedgerError

# How long an upstream is waited for when it was told to stop, and when the client left and it was
# not, since the policy is to let it finish.
CANCEL_S = 5.0
LONGEST_DRAIN_S = 300.0
# What these do cannot cost anything, so they pass even while nothing is held.
_HARMLESS = frozenset(
    {
        "response.cancel",
        "output_audio_buffer.clear",
        "input_audio_buffer.clear",
        "conversation.item.truncate",
        "conversation.item.delete",
        "conversation.item.retrieve",
    }
)
# What tells the settings of a session; those of older ones that only transcribe, too.
_SETTINGS = frozenset(
    f"{kind}.{what}"
    for kind in ("session", "transcription_session")
    for what in ("created", "updated")
)
# After these there may be less credit, or more to hold.
_BEGINS_AND_ENDS = frozenset(
    {
        "response.created",
        "response.done",
        "input_audio_buffer.committed",
        "conversation.item.input_audio_transcription.completed",
    }
)
_CLEAR = '{"type":"input_audio_buffer.clear"}'

log = logging.getLogger("tollgate.relay")


class Client(Protocol):
    """The client's socket. Writing to one that is closed raises WebSocketClosedError."""

    def write_message(self, message: str | bytes, binary: bool = False) -> Awaitable[None]: ...

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...


class Session:
    """A session that is open on both sides. `run` returns when all is charged and closed."""

    def __init__(
        self, relay: Relay, x: Exchange, account: Account, client: Client, upstream: Upstream
    ) -> None:
        self._relay = relay
        self._x = x
        self._account = account
        self._turns = account.turns
        self._client = client
        self._upstream = upstream.socket
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._client_gone = False
        x.winds_up = self.wind_up

    async def run(self) -> None:
        """Relay until an end, then end properly."""
        pump = asyncio.create_task(self._pump())
        try:
            end = await self._end
            if end.error is not None:
                await self._say(error_event(end.error, self._x.request_id))
            await self._last_words(end, pump)
        finally:
            async with self._turns.charging:
                self._upstream.close(NORMAL)
                await end_all({pump}, 0)
        try:
            await self._account.give_up(end.outcome)
        except LedgerError as error:
            log.error("request %s: what was open was not charged: %s", self._x.request_id, error)
        self._client.close(end.code, cut(end.reason))

    def finish(self, end: End) -> None:
        """End the session; the first reason counts."""
        if not self._end.done():
            self._end.set_result(end)

    def client_left(self) -> None:
        """Note that the client closed its side, or lost its connection."""
        self._client_gone = self._x.client_gone = True
        self.finish(End(NORMAL, CLIENT_CLOSED, CLIENT_CLOSED))

    def wind_up(self) -> None:
        """The server stops: end between two responses, or now if it waits no longer."""
        if self._x.stopped is not None or not self._account.is_open:
            says = "This server is stopping; please connect again."
            error = RelayError("shutting_down", says)
            self.finish(End(GOING_AWAY, "the server is stopping", "server_stopped", error))
        self._turns.ended.set()

    # -- from the client --------------------------------------------------------------------------

    async def from_client(self, message: str | bytes) -> None:
        """Pass an event on, once it is covered."""
        if self._end.done():
            return
        if isinstance(message, bytes):
            self.finish(End(NOT_TEXT, "events are text", "events are text"))
            return
        raw = message.encode()
        event = errors.parse(raw)
        if not isinstance(event, dict):
            error = RelayError("invalid_json", "An event must be a JSON object.")
            await self._say(error_event(error, self._x.request_id))
            return
        try:
            if not isinstance(event.get("type"), str):
                raise RelayError("invalid_value", "`type` must be a string.", param="type")
            await self._account.hears(event, len(raw))
        except RelayError as refused:
            await self._say(error_event(refused, self._x.request_id, event.get("event_id")))
            return
        if event.get("type") in _HARMLESS or await self._covered():
            await self._tell(renamed(event, message, self._x))

    async def _covered(self) -> bool:
        """Hold what may follow; while other responses hold the credit, wait for them."""
        account = self._account
        while not self._end.done():
            patience_s = 0 if account.is_open else self._relay.settings.hold_wait_s
            try:
                await account.cover(patience_s)
                return True
            except InsufficientCredit as error:
                if not account.is_open:
                    self.finish(unaffordable(error))
                    return False
                await self._something_ended({self._end})
            except (LedgerError, RelayError) as error:
                self.finish(unusable(error))
        return False

    # -- from the upstream ------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Pass on what the upstream says, until it closes."""
        try:
            while (message := await self._upstream.read_message()) is not None:
                await self._from_upstream(message)
        except (LedgerError, RelayError) as error:
            self.finish(unusable(error))
            return
        except Exception:
            log.exception("request %s failed", self._x.request_id)
            self.finish(End(BROKEN, "internal error", "internal_error"))
            return
        code = self._upstream.close_code
        if code is None:
            broken = errors.of_call("upstream_cut")
            self.finish(End(BROKEN, "the upstream broke off", "upstream_cut", broken))
        else:
            reason = self._upstream.close_reason or ""
            self.finish(End(sendable(code), reason, "upstream_closed"))

    async def _from_upstream(self, message: str | bytes) -> None:
        event = errors.parse(message.encode()) if isinstance(message, str) else None
        if isinstance(event, dict) and isinstance(event.get("type"), str):
            await self._note(event)
        await self._say(message)
        if not self._relay.accepting:
            self.wind_up()

    async def _note(self, event: Json) -> None:
        """See to what an event means, before the client gets it."""
        kind = event.get("type")
        if kind in _SETTINGS:
            try:
                self._account.is_set(child(event, "session"))
            except RelayError as error:
                self.finish(unusable(error))
            return
        objection = await self._account.note(event)
        if objection is not None:
            await self._tell(_cancel(objection.response_id))
            if objection.error is not None:
                await self._say(error_event(objection.error, self._x.request_id))
        if kind in _BEGINS_AND_ENDS:
            await self._cover_the_next()

    async def _cover_the_next(self) -> None:
        """Hold for what the upstream may begin by itself; else take its reasons away."""
        try:
            await self._account.cover(0)
        except InsufficientCredit:
            self._account.cleared()
            await self._tell(_CLEAR)
        except (LedgerError, RelayError) as error:
            self.finish(unusable(error))

    # -- to both ----------------------------------------------------------------------------------

    async def _say(self, message: str | bytes) -> None:
        if self._client_gone:
            return
        try:
            await self._client.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            self.client_left()

    async def _tell(self, message: str) -> None:
        try:
            await self._upstream.write_message(message)
        except WebSocketClosedError:
            return  # the pump sees it, too

    async def _last_words(self, end: End, pump: asyncio.Task[None]) -> None:
        """Let the upstream say what the open responses cost, after telling it to stop them."""
        if end.outcome == CLIENT_CLOSED and self._x.policy == "drain":
            await self._until_all_ended(pump, LONGEST_DRAIN_S, while_serving=True)
        if pump.done():
            return
        for response_id in list(self._turns.open):
            await self._tell(_cancel(response_id))
        await self._until_all_ended(pump, CANCEL_S)

    async def _until_all_ended(
        self, pump: asyncio.Task[None], patience_s: float, *, while_serving: bool = False
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self._account.is_open and not pump.done():
                    if while_serving and self._x.stopped is not None:
                        return
                    await self._something_ended({pump})

    async def _something_ended(self, besides: Iterable[asyncio.Future[Any]]) -> None:
        """Wait until a response or a transcript ended, or something else did."""
        self._turns.ended.clear()
        ended = asyncio.create_task(self._turns.ended.wait())
        try:
            await asyncio.wait({ended, *besides}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()


def _cancel(response_id: str) -> str:
    return orjson.dumps({"type": "response.cancel", "response_id": response_id}).decode()
