"""Transcripts of what a session hears: each is charged by its own model's price.

They are made by a second model of the same upstream, whenever audio is committed. So what the
audio in the buffer may cost to transcribe is held before it goes on; when a piece of it is
committed, that part of the hold is the piece's own, until its transcript comes and is charged, or
fails and is free. The model has the upstream's name: channels' mappings are not for it.
"""

import asyncio
from dataclasses import replace
from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import OFF, UNSAID, transcription_of
from gateway.directory.channels import Channel
from gateway.formats.openai import MAX_MODEL_LENGTH
from gateway.relay import errors
from gateway.relay.admit import refuse_model
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.limit import owe_turn
from gateway.relay.measured import Measured
from gateway.relay.policy import COMPLETE
from gateway.relay.realtime.charge import charge
from gateway.relay.realtime.ear import SECOND_US, Ear
from gateway.relay.realtime.holds import hold_up_to
from gateway.relay.realtime.pieces import Piece, measured, most_of
from gateway.relay.realtime.turns import Turns, by_policy
from gateway.relay.reserve import price
from ledger.errors import LedgerError, PriceMissing
from ledger.quote import INPUT_CLASSES, Quote

PARAM = "session.audio.input.transcription"
# Held beyond what is needed now, so that not every piece of audio asks for more.
_AHEAD_US = 30 * SECOND_US
_INPUTS = (*INPUT_CLASSES, "seconds")
_MOST_REMEMBERED = 10_000


class Transcripts:
    """All transcripts of one session. `open` are the pieces that wait for theirs, by item."""

    def __init__(self, relay: Relay, x: Exchange, turns: Turns) -> None:
        self._relay = relay
        self._x = x
        self._turns = turns
        self._lock = asyncio.Lock()
        # What holds for the audio in the buffer; None while no transcripts are wanted.
        self._next: Exchange | None = None
        self._quotes: dict[str, Quote] = {}
        self._asked: str | None = None
        self._confirmed: str | None = None
        self._prompt_bytes = 0
        self._count = 0
        self._done: dict[tuple[str, str], None] = {}
        self.ear = Ear()
        self.open: dict[str, Piece] = {}

    def wants(self, session: Json) -> None:
        """Admit what a client asks for in the settings of the session. Raises RelayError."""
        said = transcription_of(session)
        if said == UNSAID:
            return
        self._asked = None if said == OFF else self._admitted(said)
        self._forget_unused()

    def is_set(self, session: Json) -> None:
        """Note what the upstream confirms. Raises RelayError where it can't be charged."""
        self.ear.is_set(session)
        said = transcription_of(session)
        if said == UNSAID:
            return
        self._confirmed = None if said == OFF else self._admitted(said)
        self._forget_unused()

    def moved(self) -> None:
        """Note that another channel may serve the session than when it was first priced."""
        if self._next is not None:
            self._next.channel = self._unmapped()
            self._quotes = {model: self._priced(model) for model in self._quotes}

    def _unmapped(self) -> Channel:
        assert self._x.channel is not None
        return replace(self._x.channel, model_mapping={})

    def _admitted(self, said: Any) -> str:
        """Return the model of what was said about transcripts, which the key may use."""
        if not isinstance(said, dict):
            raise RelayError("invalid_value", f"`{PARAM}` must be an object.", param=PARAM)
        model = said.get("model", self._asked or self._confirmed)
        if not isinstance(model, str) or not 0 < len(model) <= MAX_MODEL_LENGTH:
            wanted = f"`{PARAM}.model` must name the model that writes the transcripts."
            raise RelayError("invalid_value", wanted, param=f"{PARAM}.model")
        if model not in self._quotes:
            self._quotes[model] = self._priced(model)
        self._prompt_bytes = max(self._prompt_bytes, len(errors.text_of(said)))
        return model

    def _priced(self, model: str) -> Quote:
        x = self._x if self._next is None else self._next
        channel = self._unmapped()
        alike = replace(
            self._x,
            ask=replace(self._x.ask, model=model),
            key=x.key,
            user=x.user,
            channel=channel,
            prices=self._relay.books.prices.table(),
            place=None,
            hold=None,
            grant=None,
            channel_grant=None,
        )
        try:
            refuse_model(alike.key, model)
            quote = price(self._relay, alike, channel)
        except RelayError as error:
            error.param = f"{PARAM}.model"
            raise
        except PriceMissing as missing:
            unpriced = errors.of_ledger(missing)
            unpriced.param = f"{PARAM}.model"
            raise unpriced from missing
        self._next = self._next or alike
        return quote

    def _forget_unused(self) -> None:
        """Let go of the prices of models that are not wanted any more, and of their credit."""
        wanted = {self._asked, self._confirmed}
        self._quotes = {name: quote for name, quote in self._quotes.items() if name in wanted}
        if not self._quotes and self._next is not None:
            self._next.release()
            self._next = None

    async def cover(self, wait_s: float) -> None:
        """Hold what the audio in the buffer may cost to transcribe. Raises as Turns.cover does."""
        async with self._lock:
            x = self._next
            if x is None:
                return
            if x.place is None:
                await self._prepare(x)
            if all(quote.is_free for quote in self._quotes.values()):
                return
            waiting_us = self.ear.waiting_us
            needed, ahead = self._most(waiting_us), self._most(waiting_us + _AHEAD_US)
            await hold_up_to(self._relay, x, needed, ahead, wait_s)

    async def _prepare(self, x: Exchange) -> None:
        relay = self._relay
        for model in list(self._quotes):
            if self._count:
                await self._turns.identify(x, model)
                self._quotes[model] = self._priced(model)
        x.prices = relay.books.prices.table()
        x.place = relay.books.place()

    def _most(self, heard_us: int) -> int:
        """Bound what so much audio costs by the dearest of the models that may write it down."""
        return max(
            (most_of(quote, heard_us, self._prompt_bytes) for quote in self._quotes.values()),
            default=0,
        )

    async def committed(self, item_id: str) -> None:
        """Note that audio became an item. Raises BooksUnavailable where its transcript could not
        be recorded."""
        heard_us = self.ear.takes(item_id)
        if self._confirmed is not None and item_id not in self.open:
            await self._begin(item_id, heard_us, self._confirmed)

    async def _begin(self, item_id: str, heard_us: int, model: str) -> None:
        relay, x = self._relay, self._next
        assert x is not None
        try:
            await self.cover(0)
        except (LedgerError, RelayError):
            x.place = x.place or relay.books.place()
        self._count += 1
        quote = self._quotes[model]
        own = replace(
            x,
            request_id=f"{self._x.request_id}:t{self._count}",
            ask=replace(x.ask, model=model),
            started_s=relay.clock.monotonic_s(),
            quote=quote,
            attempts=[],
            spent=[],
            hold=None,
            winds_up=None,
        )
        own.grant = owe_turn(relay, own)
        if x.hold is not None:
            most = most_of(quote, heard_us, self._prompt_bytes)
            own.hold = x.hold.split(min(most, x.hold.amount_nano))
        x.place = None
        self.open[item_id] = Piece(own, heard_us)

    def note(self, event: Json) -> None:
        """Note a part of a transcript, for the case that its usage never comes."""
        piece, said = self.open.get(str(event.get("item_id"))), event.get("delta")
        if piece is not None and isinstance(said, str):
            piece.note(said, self._relay.clock.monotonic_s())

    async def end(self, event: Json) -> None:
        """Charge a transcript that is there. Raises LedgerError when that was not recorded."""
        item_id, model = str(event.get("item_id")), self._confirmed or self._asked
        name = (item_id, str(event.get("content_index")))
        if name in self._done or item_id not in self.open and model is None:
            return
        if item_id not in self.open:
            assert model is not None
            await self._begin(item_id, 0, model)
        piece, text = self.open[item_id], event.get("transcript")
        if isinstance(text, str):
            piece.texts = [text]
        await self._settle(
            item_id, await measured(self._relay, piece, event.get("usage")), COMPLETE
        )
        self._done[name] = None
        if len(self._done) > _MOST_REMEMBERED:
            del self._done[next(iter(self._done))]

    def failed(self, item_id: str) -> None:
        """Note that a piece has no transcript: it costs nothing."""
        piece = self.open.pop(item_id, None)
        if piece is not None:
            piece.exchange.release()
            self._turns.ended.set()

    async def give_up(self, outcome: str) -> None:
        """Charge all that still wait, by what was heard or by policy; hold nothing any more."""
        try:
            for item_id, piece in list(self.open.items()):
                await self._settle(item_id, await measured(self._relay, piece, None), outcome)
        finally:
            self.release()

    def release(self) -> None:
        """Give back what is held for audio that was not committed."""
        if self._next is not None:
            self._next.release()

    async def _settle(self, item_id: str, usage: Measured, outcome: str) -> None:
        by_policy(self._x, usage, _INPUTS)
        async with self._turns.charging:
            try:
                await charge(self._relay, self.open[item_id].exchange, usage, outcome)
            finally:
                del self.open[item_id]
                self._turns.ended.set()
