"""How answers end: the client hangs up, the upstream breaks off, the books are away, we stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.relay.context import Relay
from ledger.errors import BooksBusy, BooksUnavailable
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import DEADLINE_S, Gate
from tests.gateway.relay.test_answers import ASK, COST
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = ("one", " two", " three", " four", " five", " six")


@asynccontextmanager
async def open_stream(gate: Gate, secret: str) -> AsyncIterator[httpx.Response]:
    headers = {"authorization": f"Bearer sk-{secret}"}
    async with httpx.AsyncClient(base_url=gate.url, timeout=DEADLINE_S) as client:
        body = {**ASK, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as r:
            yield r


async def hang_up_after(gate: Gate, secret: str, text: str) -> str:
    """Read a stream until a text was seen, then close the connection."""
    seen = ""
    async with open_stream(gate, secret) as answer:
        async for piece in answer.aiter_text():
            seen += piece
            if text in seen:
                break
        request_id = answer.headers["x-request-id"]
    return str(request_id)


@pytest.mark.parametrize(
    ("policy", "usage", "source"),
    [
        ("drain", {"input": 10, "output": 20}, "upstream"),
        ("estimate", {"input": 8, "output": 3}, "counted"),
        ("input", {"input": 8}, "counted"),
        ("free", {}, "counted"),
    ],
)
async def test_hanging_up_is_charged_by_the_declared_policy(
    gate: Gate, policy: str, usage: dict[str, int], source: str
) -> None:
    gate.settings(disconnect_policy=policy)
    gate.upstream.behaviour = Behaviour(words=WORDS, hang_after=3)
    key, secret = await gate.key("1")
    request_id = await hang_up_after(gate, secret, "three")
    if policy == "drain":
        await until(lambda: any(x.client_gone for x in gate.running.relay.exchanges))
        gate.upstream.released.set()
    else:
        await asyncio.wait_for(gate.upstream.gone.wait(), DEADLINE_S)
    event = await gate.event(request_id)
    body = event["body"]
    assert (body["outcome"], body["policy"]) == ("client_closed", policy)
    assert (body["usage"], body["usage_source"]) == (usage, source)
    cost = usage.get("input", 0) * 1_000 + usage.get("output", 0) * 4_000
    assert event["amount"] == -cost
    await gate.settled()
    assert await gate.balance(key.account) == 10**9 - cost


async def hang_up_unanswered(gate: Gate, secret: str, *, drained: bool) -> None:
    """Ask an upstream that hangs and leave; it goes on then if its answer is drained."""
    asking = asyncio.create_task(gate.post(secret, ASK))
    await until(lambda: gate.upstream.received)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    if drained:
        await until(lambda: any(x.client_gone for x in gate.running.relay.exchanges))
        gate.upstream.released.set()


@pytest.mark.parametrize("policy", ["drain", "estimate"])
async def test_hanging_up_before_the_answer_begins(gate: Gate, policy: str) -> None:
    gate.settings(disconnect_policy=policy)
    gate.upstream.behaviour = Behaviour(hang=True)
    key, secret = await gate.key("1")
    await hang_up_unanswered(gate, secret, drained=policy == "drain")
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "client_closed"
    assert event["amount"] == -(COST if policy == "drain" else 8_000)


async def test_an_upstream_that_breaks_off_is_charged_for_what_it_said(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(words=WORDS, cut_after=4)
    key, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "stream": True})
    assert '"code":"upstream_cut"' in answer.text and "[DONE]" not in answer.text
    (event,) = await gate.events_of(key)
    body = event["body"]
    assert (body["outcome"], body["usage_source"]) == ("upstream_cut", "counted")
    assert body["usage"] == {"input": 8, "output": 4}


async def test_an_upstream_that_forgets_its_last_line_is_forgiven(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(no_done=True)
    key, secret = await gate.key()
    answer = await gate.post(secret, {**ASK, "stream": True})
    assert answer.text.endswith("data: [DONE]\n\n")
    (event,) = await gate.events_of(key)
    assert (event["body"]["outcome"], event["amount"]) == ("complete", -COST)


async def test_an_upstream_that_takes_too_long_is_given_up(gate: Gate) -> None:
    ways = gate.running.care.pages.ways
    usual, ways.usual = ways.usual, replace(ways.usual, total_s=0.2)
    try:
        key, secret = await gate.key("1")
        gate.upstream.behaviour = Behaviour(hang=True)
        answer = await gate.post(secret, ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
        assert not await gate.events_of(key)
        gate.upstream.behaviour = Behaviour(words=WORDS, hang_after=2)
        answer = await gate.post(secret, {**ASK, "stream": True})
        assert '"code":"upstream_timeout"' in answer.text
        (event,) = await gate.events_of(key)
        assert event["body"]["outcome"] == "upstream_timeout"
        assert event["body"]["usage"] == {"input": 8, "output": 2}
    finally:
        ways.usual = usual


class _Away:
    """Books that take requests and then cannot record them."""

    def __init__(self, books: Any, error: Exception, at: str) -> None:
        self._books, self._error, self._at = books, error, at

    def __getattr__(self, name: str) -> Any:
        if name != self._at:
            return getattr(self._books, name)

        def refuse(*_: Any) -> Any:
            raise self._error

        return refuse


@pytest.fixture
def with_books(gate: Gate) -> Any:
    relay = gate.running.relay
    real = relay.books

    def change(error: Exception, at: str) -> None:
        relay.books = _Away(real, error, at)  # type: ignore[assignment]

    yield change
    relay.books = real


async def test_no_answer_without_a_receipt(gate: Gate, with_books: Any) -> None:
    with_books(BooksUnavailable("gone", 7), "charge")
    key, secret = await gate.key("1")
    whole = await gate.post(secret, ASK)
    assert whole.status_code == 503
    assert whole.headers["retry-after"] == "7"
    assert "Hello" not in whole.text
    stream = await gate.post(secret, {**ASK, "stream": True})
    assert '"code":"books_unavailable"' in stream.text and "[DONE]" not in stream.text
    assert await gate.balance(key.account) == 10**9
    assert not await gate.events_of(key)


async def test_busy_books_are_503_before_anything_is_sent(gate: Gate, with_books: Any) -> None:
    with_books(BooksBusy("full", 3), "place")
    _, secret = await gate.key()
    answer = await gate.post(secret, ASK)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json()["error"]["code"] == "books_busy"
    assert not gate.upstream.received


async def test_stopping_lets_open_answers_end_and_takes_no_new_ones(gate: Gate) -> None:
    relay: Relay = gate.running.relay
    gate.upstream.behaviour = Behaviour(words=WORDS, hang_after=2)
    key, secret = await gate.key("1")
    try:
        async with open_stream(gate, secret) as answer:
            lines = answer.aiter_lines()
            async for line in lines:
                if "two" in line:
                    break
            draining = asyncio.create_task(relay.drain(0.1))
            await until(lambda: not relay.accepting)
            refused = await gate.post(secret, ASK)
            assert refused.status_code == 503
            assert (await gate.http.get("/health/ready")).status_code == 503
            rest = "".join([line async for line in lines])
        await draining
    finally:
        relay.accepting = True
    assert '"code":"shutting_down"' in rest and "[DONE]" not in rest
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "server_stopped"
    assert event["body"]["usage"] == {"input": 8, "output": 2}


async def test_health(gate: Gate) -> None:
    assert (await gate.http.get("/health/live")).json() == {"status": "live"}
    assert (await gate.http.get("/health/ready")).json() == {"status": "ready"}
