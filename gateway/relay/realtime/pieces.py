"""A piece of audio that is transcribed: what it may cost, and what its transcript took."""

import math
from dataclasses import dataclass, field
from typing import Any

from gateway.dialects.realtime import child, transcribed
from gateway.formats.usage import Usage, frame_text
from gateway.media.asks import TOKENS_PER_SECOND
from gateway.relay.context import Exchange, Relay
from gateway.relay.measured import Measured
from gateway.relay.realtime.ear import SECOND_US
from ledger.quote import Quote

_KEPT_CHARACTERS = 1 << 20


@dataclass(slots=True)
class Piece:
    """Committed audio whose transcript has not come yet, and what came of it so far."""

    exchange: Exchange
    heard_us: int
    texts: list[str] = field(default_factory=list)
    characters: int = 0

    def note(self, said: str, now_s: float) -> None:
        """Note a part of the transcript."""
        if self.exchange.first_token_s is None:
            self.exchange.first_token_s = now_s
        if self.characters < _KEPT_CHARACTERS:
            self.characters += len(said)
            self.texts.append(said)


def most_of(quote: Quote, heard_us: int, prompt_bytes: int) -> int:
    """Bound what a transcript of so much audio costs, in nano-dollars."""
    seconds, rates = heard_us // SECOND_US + 1, quote.factors["rates"]
    if "seconds" in rates:
        return quote.charge_nano({"seconds": seconds, **({"calls": 1} if "calls" in rates else {})})
    tokens = seconds * TOKENS_PER_SECOND
    return quote.estimate_nano(tokens + prompt_bytes, tokens)


async def measured(relay: Relay, piece: Piece, report: Any) -> Measured:
    """Return the usage of a transcript: by the second where the price is, else by the token."""
    own = piece.exchange
    assert own.quote is not None
    tokens, seconds = transcribed(report)
    frame = frame_text(child({"usage": report}, "usage")) if report else None
    about = math.ceil(piece.heard_us / SECOND_US) if seconds is None else seconds
    if "seconds" in own.quote.factors["rates"]:
        return Measured({"seconds": about}, "estimated" if seconds is None else "upstream", frame)
    if tokens is not None:
        return Measured(tokens, "upstream", frame)
    written = await relay.counter.count(own.ask.model, piece.texts)
    usage: Usage = {"audio_input": about * TOKENS_PER_SECOND, "output": written}
    return Measured({**usage, "seconds": about}, "estimated", frame)
