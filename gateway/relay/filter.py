"""Step 1, still: refuse requests with words that the operator does not want sent anywhere.

Off unless the option CheckSensitiveEnabled is set. All texts of a request are looked at, in any
dialect; case does not matter. Nothing is held, sent or charged before.
"""

import asyncio

from gateway.dialects.table import DIALECTS
from gateway.directory import words
from gateway.formats.openai import Ask
from gateway.relay.context import Relay
from gateway.relay.errors import RelayError

# Between two pieces of a long text, others have their turn.
PIECE = 64 << 10


async def refuse_words(relay: Relay, ask: Ask) -> None:
    """Raise RelayError 400 where a request holds one of the operator's words."""
    options = relay.directory.options
    if not options.get("CheckSensitiveEnabled"):
        return
    pattern = words.pattern_of(options.get("SensitiveWords"))
    if pattern is None:
        return
    texts = DIALECTS[ask.endpoint.dialect].countable(ask.body).texts
    for number, piece in enumerate(words.pieces(texts, PIECE)):
        if number and len(piece) >= PIECE:
            await asyncio.sleep(0)
        if pattern.search(piece.casefold()):
            raise RelayError(
                "content_blocked",
                "This request holds a word or phrase that the operator of this gateway does not"
                " allow. Nothing was sent or charged.",
            )
