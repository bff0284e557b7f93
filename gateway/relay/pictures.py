"""Images made in a vendor's own way, as clients of OpenAI's images endpoint read them.

Vendors answer with addresses; who wants `b64_json` gets the bytes, fetched here with the checks of
every fetch. An image that could not be had is left out and not charged.
"""

import asyncio
import base64
import logging

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import children, said
from gateway.dialects.table import SOURCES
from gateway.formats.openai import Endpoint
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import of_call
from gateway.relay.fetch import FetchFailed

AT_ONCE = 4
_DATA = "data:"
_BYTES, _ADDRESS = "b64_json", "url"

log = logging.getLogger("tollgate.relay")


async def answer(relay: Relay, x: Exchange, wire: Endpoint, parsed: Json) -> Json:
    """Return an upstream's images as OpenAI answers with them.

    Raises RelayError 502 where there is none, or none could be fetched.
    """
    drawn = SOURCES[wire.dialect].pictures
    assert drawn is not None
    made = drawn.answer(parsed, x.ask.body)
    images = [_inside(image) for image in children(made, "data")]
    if x.ask.body.get("response_format") == _BYTES:
        turns = asyncio.Semaphore(AT_ONCE)
        fetched = await asyncio.gather(*(_fetched(relay, x, each, turns) for each in images))
        images = [image for image in fetched if image is not None]
    if not images:
        raise of_call("upstream_bad_answer")
    return {"created": relay.clock.now_us() // 1_000_000, **made, "data": images}


def _inside(image: Json) -> Json:
    """Return an image that came in a data: URL with its bytes where clients look for them."""
    head, comma, data = said(image, _ADDRESS).partition(",")
    if not comma or not head.startswith(_DATA) or not head.endswith(";base64"):
        return image
    rest = {name: value for name, value in image.items() if name != _ADDRESS}
    return {**rest, _BYTES: data}


async def _fetched(relay: Relay, x: Exchange, image: Json, turns: asyncio.Semaphore) -> Json | None:
    """Return an image with its bytes, None where they could not be had."""
    if said(image, _BYTES):
        return image
    async with turns:
        try:
            found = await relay.fetcher.image(said(image, _ADDRESS))
        except FetchFailed as error:
            log.info("request %s: an image made for it was not fetched: %s", x.request_id, error)
            return None
    rest = {name: value for name, value in image.items() if name != _ADDRESS}
    return {**rest, _BYTES: base64.b64encode(found.content).decode()}
