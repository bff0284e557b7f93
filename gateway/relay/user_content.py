"""Images that a request links to, for upstreams that fetch nothing themselves.

They are fetched once per request, however often it is tried, and put into the body in place of
their addresses.
"""

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.media import is_open
from gateway.dialects.table import DIALECTS, SOURCES
from gateway.directory.vendor import Vendor
from gateway.formats.openai import Endpoint
from gateway.providers.natives import HOSTED
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.fetch import FetchFailed

MOST_IMAGES = 16
AT_ONCE = 4
MAX_BYTES = 40 << 20

log = logging.getLogger("tollgate.relay")


async def fetch(relay: Relay, x: Exchange, wire: Endpoint, vendor: Vendor) -> None:
    """Fetch what the vendor behind `wire` could not. Raises RelayError 400."""
    ask, hosted = x.ask, HOSTED.get(vendor.protocol)
    fetches = SOURCES[wire.dialect].fetches if hosted is None else hosted.fetches
    # Within one dialect, addresses are the affair of its client and its upstream.
    same = wire.dialect == ask.endpoint.dialect
    if same or fetches or b"http" not in ask.raw:
        return
    chat = DIALECTS[ask.endpoint.dialect].request_to_chat({**ask.body, "model": ask.model})
    wanted = [url for url in dict.fromkeys(_urls(chat)) if url not in x.images]
    if len(wanted) + len(x.images) > MOST_IMAGES:
        raise RelayError("invalid_value", f"At most {MOST_IMAGES} images can be given by address.")
    turns, failed = asyncio.Semaphore(AT_ONCE), None
    try:
        async with asyncio.TaskGroup() as group:
            for url in wanted:
                group.create_task(_one(relay, x, url, turns))
    except* RelayError as group_of_them:
        failed = group_of_them
    if failed is not None:  # not raised above: some versions of Python would wrap it in a group
        raise _first(failed)


def _first(group: BaseExceptionGroup[RelayError]) -> RelayError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _one(relay: Relay, x: Exchange, url: str, turns: asyncio.Semaphore) -> None:
    async with turns:
        x.images[url] = await _fetched(relay, x, url)
        if sum(map(len, x.images.values())) > MAX_BYTES * 4 // 3:  # they are in base64
            raise RelayError("request_too_large", "The images that were linked to are too large.")


async def _fetched(relay: Relay, x: Exchange, url: str) -> str:
    try:
        image = await relay.fetcher.image(url)
    except FetchFailed as error:
        log.info("request %s: an image was not fetched: %s", x.request_id, error)
        message = f"The image at {url[:200]} could not be fetched; send its bytes in a data: URL."
        raise RelayError("invalid_value", message, param="image_url") from None
    return f"data:{image.content_type};base64,{base64.b64encode(image.content).decode()}"


def _urls(chat: Json) -> list[str]:
    return [url for part in _parts(chat) if (url := _url_of(part)) is not None]


def _parts(chat: Json) -> list[Json]:
    messages: Any = chat.get("messages")
    found: list[Json] = []
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        found += [p for p in content if isinstance(p, dict)] if isinstance(content, list) else []
    return found


def _url_of(part: Json) -> str | None:
    """Return the address of an image that is elsewhere on the open web."""
    given = part.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    if part.get("type") != "image_url" or not isinstance(url, str):
        return None
    return url if is_open(url) else None


def put_in(chat: Json, images: Mapping[str, str]) -> Json:
    """Return a chat body in which the images that were fetched stand themselves."""
    if not images:
        return chat
    messages = [_with_images(message, images) for message in chat["messages"]]
    return {**chat, "messages": messages}


def _with_images(message: Json, images: Mapping[str, str]) -> Json:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_with_image(part, images) for part in content]}


def _with_image(part: Any, images: Mapping[str, str]) -> Any:
    data = images.get(_url_of(part) or "") if isinstance(part, dict) else None
    return part if data is None else {**part, "image_url": {"url": data}}
