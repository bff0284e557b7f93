"""Stripe's API, as much of it as a top-up needs: beginning a Checkout session.

Requests are forms with the secret key as a bearer token ("Create a Checkout Session" in Stripe's
API reference). The order's id is the idempotency key, so that asking again after a lost answer
finds the session that was made.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import orjson

from admin.errors import ApiError
from admin.payments.amounts import to_units
from admin.payments.orders import US_PER_S, Order

TIMEOUT_S = 20.0
TRIES = 2
#: How calls break that got no whole answer.
BROKEN = (httpx.HTTPError, httpx.InvalidURL, OSError)
#: Under this name of the metadata our payments are known among others of the same account.
MARK = "tollgate_order"


class Sender(Protocol):
    """What sends requests to payment providers, such as httpx.AsyncClient."""

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Send a body and return the whole answer. Raises one of BROKEN."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout session: its id, and where to pay."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Stripe:
    """Stripe's API with a key. `base` is its address, or that of a mirror."""

    sender: Sender
    base: str
    key: str

    async def begin(self, order: Order, name: str, back: str) -> Session:
        """Make the session of an order; `back` is where the payer returns to.

        Raises ApiError: 400 for what Stripe refuses, 503 when it does not answer.
        """
        fields = httpx.QueryParams(_fields(order, name, back))
        answer = await self._post("/v1/checkout/sessions", str(fields).encode(), order["_id"])
        session, url = answer.get("id"), answer.get("url")
        if not isinstance(session, str) or not isinstance(url, str) or not session or not url:
            raise ApiError(503, "Stripe's answer names no session; try again shortly")
        return Session(session, url)

    async def _post(self, path: str, content: bytes, idempotency: str) -> dict[str, Any]:
        headers = {
            "authorization": f"Bearer {self.key}",
            "content-type": "application/x-www-form-urlencoded",
            "accept-encoding": "identity",
            "idempotency-key": f"order-{idempotency}",
        }
        response = None
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    response = await self.sender.post(
                        f"{self.base}{path}", content=content, headers=headers
                    )
            except BROKEN:
                continue
            if response.status_code < 500:
                return _read(response)
        raise ApiError(503, "Stripe does not answer; try again shortly")


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ApiError(503, "Stripe's answer can't be read; try again shortly")
    if response.status_code == 200:
        return answer
    if response.status_code in (401, 403):
        raise ApiError(503, "Stripe refused this server's key; the operator must set another")
    error = answer.get("error")
    said = error.get("code") or error.get("type") if isinstance(error, dict) else None
    # Its code only: its sentences are for the operator, and may name parts of keys.
    raise ApiError(400, f"Stripe refused this payment ({said or response.status_code})")


def _fields(order: Order, name: str, back: str) -> dict[str, str]:
    item = "line_items[0]"
    return {
        "mode": "payment",
        "client_reference_id": order["_id"],
        f"metadata[{MARK}]": order["_id"],
        f"payment_intent_data[metadata][{MARK}]": order["_id"],
        f"{item}[quantity]": "1",
        f"{item}[price_data][currency]": order["currency"].lower(),
        f"{item}[price_data][unit_amount]": str(to_units(order["amount"], order["currency"])),
        f"{item}[price_data][product_data][name]": name,
        "success_url": back,
        "cancel_url": back,
        "expires_at": str(order["expires_us"] // US_PER_S),
    }
