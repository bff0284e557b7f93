"""Images by their addresses, for an upstream that fetches nothing itself."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.addresses import networks
from gateway.relay.fetch import ImageFetcher
from tests.fakes.vendors import FakeVendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_fetch import PNG, Web, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
INLINE = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[Web]:
    async with serving() as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def fetching(gate: Gate) -> AsyncIterator[Gate]:
    """The gateway, which may fetch from this machine."""
    relay = gate.running.relay
    real = relay.fetcher
    relay.fetcher = ImageFetcher(timeout_s=5, allowed=networks("127.0.0.1"))
    yield gate
    await relay.fetcher.aclose()
    relay.fetcher = real


def asking(dialect: str, url: str) -> tuple[str, dict[str, Any]]:
    """Return path and body of a request with the image twice."""
    if dialect == "chat":
        part: Any = {"type": "image_url", "image_url": {"url": url}}
    elif dialect == "messages":
        part = {"type": "image", "source": {"type": "url", "url": url}}
    else:
        part = {"type": "input_image", "image_url": url, "detail": "auto"}
    message = {"role": "user", "content": [part, part]}
    name = "input" if dialect == "responses" else "messages"
    path = {"chat": "chat/completions"}.get(dialect, dialect)
    return f"/v1/{path}", {"model": "gemini-fake", "max_tokens": 20, name: [message]}


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
async def test_a_linked_image_is_fetched_once_and_sent_itself(
    fetching: Gate, vendor: FakeVendor, web: Web, dialect: str
) -> None:
    _, secret = await fetching.key("1")
    path, body = asking(dialect, web.url("cat.png"))
    answer = await fetching.post(secret, body, path)
    assert answer.status_code == 200, answer.text
    assert vendor.received[-1].body["contents"][0]["parts"] == [INLINE, INLINE]
    assert web.paths == ["cat.png"]


async def test_several_images_of_which_one_is_none(
    fetching: Gate, vendor: FakeVendor, web: Web
) -> None:
    _, secret = await fetching.key("1")
    names = ["a.png", "b.png", "html", "c.png", "d.png", "e.png"]
    parts = [{"type": "image_url", "image_url": {"url": web.url(name)}} for name in names]
    body = {"model": "gemini-fake", "messages": [{"role": "user", "content": parts}]}
    answer = await fetching.post(secret, body)
    assert answer.status_code == 400 and "/html could not be fetched" in answer.text
    assert not vendor.received
    body["messages"] = [{"role": "user", "content": parts[:2] + parts[3:]}]
    assert (await fetching.post(secret, body)).status_code == 200
    assert vendor.received[-1].body["contents"][0]["parts"] == [INLINE] * 5
    many = [{"type": "image_url", "image_url": {"url": web.url(f"{n}.png")}} for n in range(17)]
    body["messages"] = [{"role": "user", "content": many}]
    answer = await fetching.post(secret, body)
    assert answer.status_code == 400 and "At most 16 images" in answer.text


async def test_what_may_not_be_fetched_is_a_bad_request_and_costs_nothing(
    gate: Gate, vendor: FakeVendor, web: Web
) -> None:
    key, secret = await gate.key("1")
    path, body = asking("chat", web.url("cat.png"))
    answer = await gate.post(secret, body, path)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "image_url")
    assert "could not be fetched" in error["message"]
    assert not web.paths and not vendor.received
    await gate.settled()
    assert not await gate.events_of(key)
    assert await gate.balance(key.account) == 10**9
