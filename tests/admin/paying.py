"""What the tests of payments share: options that are set, notices that are signed, balances."""

import hashlib
import hmac
import time
from typing import Any

import httpx
import orjson

from ledger.accounts import balance_nano, read
from ledger.verify import verify
from tests.admin.harness import Person, Server

SECRET, OLD_SECRET = "whsec-of-the-shop-1", "whsec-of-the-shop-0"
WEBHOOK = "/api/payment/webhook"
ORDERS = "/api/payment/orders"
REFUSED = "/api/payment/refused"


async def options(server: Server, **values: Any) -> None:
    """Set options."""
    for name, value in values.items():
        await server.directory.options.set(name, value)


async def shop(server: Server) -> None:
    """Set up the webhook, with a secret that is being replaced, and two currencies."""
    await options(
        server,
        PaymentWebhookSecret=SECRET,
        PaymentWebhookOldSecret=OLD_SECRET,
        PaymentShopAddress="https://shop.example/pay?from=gate",
        PaymentRates='{"USD": "1", "CNY": "0.14", "JPY": "0.0066"}',
    )


def header(body: bytes, secret: str = SECRET, at: int | None = None) -> str:
    """Sign as docs/payments.md says."""
    when = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{when}.".encode() + body, hashlib.sha256)
    return f"t={when},v1={mac.hexdigest()}"


async def told(client: httpx.AsyncClient, secret: str = SECRET, **said: Any) -> httpx.Response:
    """Send a signed notice to the webhook."""
    body = orjson.dumps(said)
    return await client.post(
        WEBHOOK, content=body, headers={"x-tollgate-signature": header(body, secret)}
    )


async def balance(server: Server, person: Person) -> int:
    """A balance in nano-dollars, as the books have it now."""
    await server.books.settled()
    return balance_nano(await read(server.books.store, f"user:{person.id}"))


async def verified(server: Server) -> None:
    """Check that the books agree with themselves."""
    await server.books.settled()
    report = await verify(server.books.store)
    assert report.ok, report.lines
