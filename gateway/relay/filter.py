"""Step 1, still: refuse requests with words that the operator does not want sent anywhere.

Off unless the option CheckSensitiveEnabled is set. All texts of a request are looked at, in any
dialect; case does not matter. Nothing is held, sent or charged before.
"""

import asyncio
import re
from collections.abc import Iterable

from gateway.dialects.table import DIALECTS
from gateway.directory import words
from gateway.formats.openai import Ask
from gateway.relay.context import Relay
from gateway.relay.errors import RelayError

# Between two pieces of a long text, others have their turn.
PIECE = 64 << 10


async def refuse_words(relay: Relay, ask: Ask) -> None:
    """Raise RelayError 400 where a request holds one of the operator's words."""
    if _pattern(relay) is None:
        return
    if await blocked(relay, DIALECTS[ask.endpoint.dialect].countable(ask.body).texts):
        raise refusal()


async def blocked(relay: Relay, texts: Iterable[str]) -> bool:
    """Whether any of these texts holds one of the operator's words; False while that is off."""
    pattern = _pattern(relay)
    if pattern is None:
        return False
    for number, piece in enumerate(words.pieces(texts, PIECE)):
        if number and len(piece) >= PIECE:
            await asyncio.sleep(0)
        if pattern.search(piece.casefold()):
            return True
    return False


def refusal() -> RelayError:
    """Return what to say to who sent such a word; the word itself is not named."""
    return RelayError(
        "content_blocked",
        "This request holds a word or phrase that the operator of this gateway does not"
        " allow. Nothing was sent or charged.",
    )


def _pattern(relay: Relay) -> re.Pattern[str] | None:
    options = relay.directory.options
    if not options.get("CheckSensitiveEnabled"):
        return None
    return words.pattern_of(options.get("SensitiveWords"))
