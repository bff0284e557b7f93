"""Reading what a vendor shows about an account: balances, lists of models. Small GETs, as JSON.

They travel like everything else of their channel, and never follow a redirect: the key goes to the
host that the channel names and to no other.
"""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import httpx

from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.providers.base import CallFailed
from gateway.providers.openai import (
    BROKEN,
    authentication,
    failure_of,
    overridden,
    way_of,
)
from gateway.providers.ways import EXTENSION, Ways

LONGEST_S = 30.0
MAX_BYTES = 16 << 20


class Page(NamedTuple):
    """An answer. `parsed` is its JSON, numbers with a fraction as decimals; None for no JSON."""

    status: int
    parsed: Any


class VendorPages:
    """Asks for them. `ways` is how each channel's requests travel."""

    def __init__(self, transport: httpx.AsyncBaseTransport, user_agent: str, ways: Ways) -> None:
        self.ways = ways
        self._transport = transport
        self._user_agent = user_agent

    async def get(
        self,
        channel: Channel,
        vendor: Vendor,
        secret: str,
        url: str,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Ask for a page with one of the channel's keys; `headers` take the place of usual ones.

        Raises CallFailed.
        """
        sent = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": self._user_agent,
            **dict(authentication(vendor, secret)),
            **(headers or {}),
            **overridden(channel.header_override, secret),
        }
        try:
            extensions = {EXTENSION: way_of(self.ways, channel)}
            request = httpx.Request("GET", url, headers=sent, extensions=extensions)
            async with asyncio.timeout(LONGEST_S):
                return await self._read(request)
        except httpx.InvalidURL as error:
            raise CallFailed("upstream_unreachable", str(error)) from None
        except TimeoutError:
            raise CallFailed("upstream_timeout", f"no answer in {LONGEST_S:.0f} s") from None
        except BROKEN as error:
            raise failure_of(error) from error

    async def _read(self, request: httpx.Request) -> Page:
        response = await self._transport.handle_async_request(request)
        try:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > MAX_BYTES:
                    raise CallFailed("upstream_bad_answer", "the answer is too long")
        finally:
            await response.aclose()
        return Page(response.status_code, exact_json(b"".join(pieces)))


def exact_json(content: bytes) -> Any:
    """Return JSON without floats: numbers with a fraction are decimals. None where it is none."""
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None
