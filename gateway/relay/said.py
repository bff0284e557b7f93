"""What a request says, read once for whoever must see it before it is sent."""

import asyncio

import orjson

from gateway.formats import contents
from gateway.formats.contents import Contents
from gateway.formats.openai import Ask
from gateway.relay.context import Relay


async def said_by(relay: Relay, ask: Ask) -> Contents:
    """Return the texts and images of a request; texts that came as tokens are read back.

    From here on, what was read is what is sent: of two fields of one name, upstreams could take the
    other one.
    """
    if ask.raw:
        ask.raw = orjson.dumps(ask.body)
    found = contents.of_body(ask.body)
    if found.tokens:
        texts = await asyncio.to_thread(relay.counter.read_back, ask.model, found.tokens)
        found.texts.append(texts)
    return found
