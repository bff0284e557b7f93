"""Small calls to services that operators name: one request, a short JSON answer, no redirects.

They travel over the gateway's own pool of connections, as requests without a channel do.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import orjson

LONGEST_S = 15.0
MAX_BYTES = 1 << 20


class WebFailed(Exception):
    """There was no answer; the message says why, without the address, which may hold a key."""


class Answer(NamedTuple):
    """An answer. `parsed` is its JSON, or None where it is none."""

    status: int
    parsed: Any

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


class Web:
    """Asks. `transport` is closed by whoever opened it."""

    def __init__(self, transport: httpx.AsyncBaseTransport, user_agent: str) -> None:
        self._transport = transport
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": user_agent,
        }

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET. Raises WebFailed."""
        sent = {**self._headers, **(headers or {})}
        return await self._ask(lambda: httpx.Request("GET", url, headers=sent))

    async def post(
        self, url: str, content: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST a body. Raises WebFailed."""
        sent = {**self._headers, "content-type": content_type, **(headers or {})}
        return await self._ask(lambda: httpx.Request("POST", url, headers=sent, content=content))

    async def post_json(self, url: str, document: Mapping[str, Any]) -> Answer:
        """POST a JSON object. Raises WebFailed."""
        return await self.post(url, orjson.dumps(document), "application/json")

    async def _ask(self, make: Any) -> Answer:
        try:
            async with asyncio.timeout(LONGEST_S):
                return await self._read(make())
        except TimeoutError:
            raise WebFailed(f"no answer in {LONGEST_S:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise WebFailed(f"no answer ({type(error).__name__})") from None
        except ValueError:  # what yarl says of an address
            raise WebFailed("the address cannot be asked") from None

    async def _read(self, request: httpx.Request) -> Answer:
        response = await self._transport.handle_async_request(request)
        try:
            content = b""
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > MAX_BYTES:
                    raise WebFailed("the answer is too long")
        finally:
            await response.aclose()
        try:
            return Answer(response.status_code, orjson.loads(content))
        except orjson.JSONDecodeError:
            return Answer(response.status_code, None)
