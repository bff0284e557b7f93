"""The turns of a realtime session: a hold before each, a charge after each.

The session's own exchange holds credit for the response that may begin next; when one begins, what
is held goes over to an exchange of its own, which is charged by one event when it ends, and the
session holds anew. So whatever begins a response, an event of the client's or the upstream's own
ear, it is covered.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tornado.httputil import HTTPHeaders

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import (
    AUDIO_DELTAS,
    BASE64_PER_TOKEN,
    TEXT_DELTAS,
    child,
    classes,
)
from gateway.formats.usage import Usage, frame_text
from gateway.limits.limits import Grant
from gateway.relay.admit import identify, refuse_model
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.limit import limit_turn, owe_turn
from gateway.relay.measured import Measured
from gateway.relay.policy import COMPLETE, FREE, INPUT
from gateway.relay.realtime.charge import charge
from gateway.relay.realtime.conversation import Conversation
from gateway.relay.realtime.holds import hold_up_to
from gateway.relay.reserve import most_output, price
from ledger.errors import LedgerError
from ledger.quote import INPUT_CLASSES

# Held beyond what is needed now, so that not every piece of speech asks for more.
_AHEAD_TOKENS = 1_000
_KEPT_CHARACTERS = 1 << 20
_OUTCOMES = {
    "completed": COMPLETE,
    "incomplete": COMPLETE,
    "cancelled": "cancelled",
    "failed": "upstream_failed",
}


@dataclass(slots=True)
class Turn:
    """One response: its exchange, and what it said, for the case that its usage never comes."""

    exchange: Exchange
    read: int
    texts: list[str] = field(default_factory=list)
    characters: int = 0
    audio_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a response that began is cancelled; nobody is told of an `error` that is None, since the
    session will say why it ends."""

    response_id: str
    error: RelayError | None = None


class Turns:
    """All responses of the session whose exchange is `x`."""

    def __init__(self, relay: Relay, x: Exchange, headers: HTTPHeaders, remote_ip: str) -> None:
        self._relay = relay
        self._x = x
        self._headers = headers
        self._remote_ip = remote_ip
        self._lock = asyncio.Lock()
        self._count = 0
        # What responses took of the limits that were asked for and did not begin yet.
        self._admitted: deque[Grant] = deque()
        #: Held while a charge is being made, which must not be interrupted.
        self.charging = asyncio.Lock()
        self.conversation = Conversation()
        self.open: dict[str, Turn] = {}
        self.ended: asyncio.Event = asyncio.Event()

    async def cover(self, wait_s: float) -> None:
        """Hold what the next response may cost, or more of it.

        Raises InsufficientCredit; RelayError where the key may be used no more; PriceMissing,
        BooksUnavailable, StoreError.
        """
        async with self._lock:
            if self._x.place is None:
                await self._prepare()
            x, relay = self._x, self._relay
            assert x.quote is not None
            x.tokens_in = self.conversation.bound
            x.ask.max_output = self.conversation.limit
            if x.quote.is_free:
                return
            output = most_output(relay, x)
            needed = x.quote.estimate_nano(x.tokens_in, output)
            ahead = x.quote.estimate_nano(x.tokens_in + _AHEAD_TOKENS, output)
            await hold_up_to(relay, x, needed, ahead, wait_s)

    async def _prepare(self) -> None:
        """Admit another turn: the key may be disabled since the last one, or prices changed."""
        relay, x = self._relay, self._x
        if self._count:
            await self.identify(x, x.ask.model)
        assert x.channel is not None
        x.prices = relay.books.prices.table()
        x.quote = price(relay, x, x.channel)
        x.place = relay.books.place()

    async def identify(self, x: Exchange, model: str) -> None:
        """See whether the key may still be used, and for a model. Raises RelayError."""
        x.key, x.user, _ = await identify(self._relay, self._headers, self._remote_ip)
        refuse_model(x.key, model)

    async def admit(self, size: int) -> None:
        """Take the limits of a response that is asked for in so many bytes. Raises RelayError."""
        self._admitted.append(await limit_turn(self._relay, self._x, self._most_tokens() + size))

    def denied(self) -> None:
        """Note that the upstream refused something: it may be the newest response asked for."""
        if self._admitted:
            self._admitted.pop().end(0, requests=1)

    async def begin(self, response_id: str) -> Objection | None:
        """Let a response begin, or say why it must not go on; it is charged in any case.

        Raises BooksUnavailable where it could not even be recorded.
        """
        relay, x = self._relay, self._x
        objection, grant = None, self._admitted.popleft() if self._admitted else None
        try:
            await self.cover(0)
        except (LedgerError, RelayError):
            objection = Objection(response_id)
            x.place = x.place or relay.books.place()
        if grant is None:  # the upstream began it by itself
            try:
                grant = await limit_turn(relay, x, self._most_tokens())
            except RelayError as error:
                objection, grant = Objection(response_id, error), owe_turn(relay, x)
        self._count += 1
        turn = replace(
            x,
            request_id=f"{x.request_id}:{self._count}",
            ask=replace(x.ask),
            started_s=relay.clock.monotonic_s(),
            grant=grant,
            channel_grant=None,
            attempts=[],
            spent=[],
            winds_up=None,
        )
        x.hold = x.place = None
        self.open[response_id] = Turn(turn, self.conversation.guess)
        self.conversation.begins(response_id)
        return objection

    def _most_tokens(self) -> int:
        return self.conversation.bound + most_output(self._relay, self._x)

    def note(self, event: Json) -> None:
        """Note a piece of a response."""
        turn = self.open.get(str(event.get("response_id")))
        said = event.get("delta")
        if turn is None or not isinstance(said, str):
            return
        if turn.exchange.first_token_s is None:
            turn.exchange.first_token_s = self._relay.clock.monotonic_s()
        kind = event.get("type")
        if kind in AUDIO_DELTAS:
            turn.audio_bytes += len(said)
        elif kind in TEXT_DELTAS and turn.characters < _KEPT_CHARACTERS:
            turn.characters += len(said)
            turn.texts.append(said)

    async def end(self, response_id: str, response: Json) -> None:
        """Charge a response that ended. Raises LedgerError when that could not be recorded."""
        turn = self.open[response_id]
        report = response.get("usage")
        usage = classes(report)
        if usage is None:
            measured = await self._estimated(turn)
        else:
            measured = Measured(usage, "upstream", frame_text(child(response, "usage")))
        self.conversation.ends(response_id, measured.usage, response)
        by_policy(self._x, measured, INPUT_CLASSES)
        outcome = _OUTCOMES.get(str(response.get("status")), COMPLETE)
        await self._settle(response_id, measured, outcome)

    async def give_up(self, outcome: str) -> None:
        """Charge all that are still open, by what they said or by policy."""
        while self._admitted:
            self.denied()
        for response_id, turn in list(self.open.items()):
            measured = await self._estimated(turn)
            by_policy(self._x, measured, INPUT_CLASSES)
            await self._settle(response_id, measured, outcome)

    async def _settle(self, response_id: str, measured: Measured, outcome: str) -> None:
        async with self.charging:
            try:
                await charge(self._relay, self.open[response_id].exchange, measured, outcome)
            finally:
                del self.open[response_id]
                self.ended.set()

    async def _estimated(self, turn: Turn) -> Measured:
        said = await self._relay.counter.count(self._x.served_model, turn.texts)
        audio = turn.audio_bytes // BASE64_PER_TOKEN
        usage: Usage = {"input": turn.read, "output": said, "audio_output": audio}
        return Measured(usage, "estimated")


def by_policy(x: Exchange, measured: Measured, inputs: Iterable[str]) -> None:
    """Charge less for what a client did not wait for, where that is declared."""
    kept = {FREE: (), INPUT: inputs}.get(x.policy) if x.client_gone else None
    if kept is not None:
        measured.delivered, measured.rule = replace(measured), x.policy
        measured.usage = {n: count for n, count in measured.usage.items() if n in kept}
