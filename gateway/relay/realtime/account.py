"""All that a realtime session is charged for: its responses, and the transcripts of its input."""

from tornado.httputil import HTTPHeaders

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import SETS, TRANSCRIBING, child, texts_of
from gateway.relay.context import Exchange, Relay
from gateway.relay.filter import blocked, refusal
from gateway.relay.realtime.rules import refuse
from gateway.relay.realtime.transcripts import Transcripts
from gateway.relay.realtime.turns import Objection, Turns
from gateway.relay.reserve import price
from ledger.errors import LedgerError

_TRANSCRIPTION = "conversation.item.input_audio_transcription."


class Account:
    """One session's, whose exchange is `x`."""

    def __init__(self, relay: Relay, x: Exchange, headers: HTTPHeaders, remote_ip: str) -> None:
        self._relay = relay
        self._x = x
        self.turns = Turns(relay, x, headers, remote_ip)
        self.transcripts = Transcripts(relay, x, self.turns)

    async def open(self, wait_s: float) -> None:
        """Hold what the session may cost at first. Raises as cover does."""
        x = self._x
        if x.ask.endpoint is TRANSCRIBING:
            assert x.channel is not None
            x.quote = price(self._relay, x, x.channel)
            self.transcripts.wants({"input_audio_transcription": {"model": x.ask.model}})
        await self.cover(wait_s)

    def connected(self) -> None:
        """Note that the session has its channel. Raises PriceMissing, RelayError."""
        self.transcripts.moved()

    def close(self) -> None:
        """Hold nothing any more, besides what the exchange itself does."""
        self.transcripts.release()

    @property
    def is_open(self) -> bool:
        """Whether something was begun that is not charged yet."""
        return bool(self.turns.open or self.transcripts.open)

    async def hears(self, event: Json, size: int) -> None:
        """Note an event of the client's, of so many bytes, before it goes on.

        Raises RelayError, and has noted nothing, where it must not.
        """
        refuse(event, self._x)
        if await blocked(self._relay, texts_of(event)):
            raise refusal()
        if event.get("type") == "response.create":
            await self.turns.admit(size)
        if event.get("type") in SETS:
            session = child(event, "session")
            self.transcripts.wants(session)
            self.transcripts.ear.wants(session)
        self.transcripts.ear.heard(event)
        self.turns.conversation.heard(event, size)

    async def cover(self, wait_s: float) -> None:
        """Hold what may follow. Raises as Turns.cover does."""
        if self._x.ask.endpoint is not TRANSCRIBING:
            await self.turns.cover(wait_s)
        await self.transcripts.cover(wait_s)

    def cleared(self) -> None:
        """Note that the upstream's buffer of audio is being cleared."""
        self.transcripts.ear.heard({"type": "input_audio_buffer.clear"})

    async def note(self, event: Json) -> Objection | None:
        """See to what an event of the upstream's means, before the client gets it.

        Returns why a response that began must not go on. Raises LedgerError where something could
        not be recorded.
        """
        kind = str(event.get("type"))
        if kind in ("response.created", "response.done"):
            return await self._note_response(kind, child(event, "response"))
        if kind.startswith(_TRANSCRIPTION):
            await self._note_transcript(kind.removeprefix(_TRANSCRIPTION), event)
        elif kind == "input_audio_buffer.committed":
            await self.transcripts.committed(str(event.get("item_id")))
        elif kind.startswith("input_audio_buffer."):
            self.transcripts.ear.noted(event)
        elif kind == "error":
            self.turns.denied()
        else:
            self.turns.note(event)
        return None

    def is_set(self, session: Json) -> None:
        """Note the settings of the session as the upstream has them.

        Raises RelayError where those could not be charged for.
        """
        self.turns.conversation.is_set(session)
        self.transcripts.is_set(session)

    async def _note_response(self, kind: str, response: Json) -> Objection | None:
        turns, response_id, objection = self.turns, str(response.get("id")), None
        if response_id not in turns.open:
            objection = await turns.begin(response_id)
        if kind == "response.done":
            await turns.end(response_id, response)
        return objection

    async def _note_transcript(self, kind: str, event: Json) -> None:
        if kind == "completed":
            await self.transcripts.end(event)
        elif kind == "failed":
            self.transcripts.failed(str(event.get("item_id")))
        elif kind == "delta":
            self.transcripts.note(event)

    async def give_up(self, outcome: str) -> None:
        """Charge all that is still open. Raises LedgerError when not all of it was recorded."""
        failure: LedgerError | None = None
        for part in (self.turns, self.transcripts):
            try:
                await part.give_up(outcome)
            except LedgerError as error:
                failure = error
        if failure is not None:
            raise failure
