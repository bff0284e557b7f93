"""Reranking: by tokens or by calls, as the price says, and whoever reports what."""

from typing import Any

import pytest

from ledger.money import usd
from tests.fakes.tasks import FakeTasks
from tests.gateway.relay.conftest import Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTS = ["red fish", {"text": "blue fish", "title": "two"}]
ASK: dict[str, Any] = {"model": "rank", "query": "which fish", "documents": DOCUMENTS}
# Two words of the query for each document, two of one document, three of the other.
COUNTED = 2 * 2 + 2 + 3
CALL, TOKEN = 5_000_000, 1_000
JINA = {"total_tokens": 40, "prompt_tokens": 40}
COHERE = {"billed_units": {"search_units": 3}}
FLOW = {"billed_units": {"input_tokens": 20, "output_tokens": 0, "search_units": 0}}


async def rerank(gate: Gate, secret: str, **changes: Any) -> Any:
    return await gate.post(secret, {**ASK, **changes}, "/v1/rerank")


@pytest.mark.parametrize(
    ("usage", "meta", "by_token", "by_call"),
    [
        (JINA, None, 40 * TOKEN, CALL),
        (None, COHERE, COUNTED * TOKEN, 3 * CALL),
        (None, FLOW, 20 * TOKEN, CALL),
        (None, {"tokens": {"input_tokens": 21}}, 21 * TOKEN, CALL),
        (JINA, COHERE, 40 * TOKEN, 3 * CALL),
        (None, None, COUNTED * TOKEN, CALL),
        ({"total_tokens": 0}, {"billed_units": [3]}, COUNTED * TOKEN, CALL),
    ],
    ids=str,
)
async def test_what_is_charged(
    gate: Gate, tasks: FakeTasks, usage: Any, meta: Any, by_token: int, by_call: int
) -> None:
    tasks.answers.usage, tasks.answers.meta = usage, meta
    _, secret = await gate.key()
    for model, due in (("rank", by_token), ("rank-calls", by_call)):
        answer = await rerank(gate, secret, model=model)
        assert answer.status_code == 200 and answer.content == tasks.sent
        assert answer.headers["x-tollgate-cost"] == usd(due)
        body = (await gate.charge_of(answer))["body"]
        assert body["endpoint"] == "rerank"
        reported = (usage is JINA) or meta in (FLOW, {"tokens": {"input_tokens": 21}})
        if meta is COHERE and model == "rank-calls":
            reported = True
        assert body["usage_source"] == ("upstream" if reported else "counted")


async def test_the_body_passes_as_it_came(gate: Gate, tasks: FakeTasks) -> None:
    _, secret = await gate.key()
    body = {"top_n": 1, "return_documents": True, "rank_fields": ["title"], "x": 1.50}
    answer = await rerank(gate, secret, **body)
    assert len(answer.json()["results"]) == 1
    assert tasks.received[0].body == {**ASK, **body} and tasks.received[0].path == "/v1/rerank"


async def test_the_sandbox_ranks_by_shared_words(gate: Gate, tasks: FakeTasks) -> None:
    _, secret = await gate.key()
    documents = ["a bird", "which fish", "no fish"]
    changes = {"model": "sandbox-rerank", "documents": documents, "return_documents": True}
    answer = await rerank(gate, secret, **changes, top_n=2)
    results = answer.json()["results"]
    assert [each["index"] for each in results] == [1, 2]
    assert results[0]["document"] == {"text": "which fish"}
    tokens = answer.json()["usage"]["total_tokens"]
    assert answer.headers["x-tollgate-cost"] == usd(tokens * TOKEN)


async def test_the_hold_covers_a_query_that_is_read_with_every_document(
    gate: Gate, tasks: FakeTasks
) -> None:
    words = 50
    body = {"query": "word " * words, "documents": ["d"] * 40}
    key, secret = await gate.key(usd(1_000_000))
    refused = await rerank(gate, secret, **body)  # about 40 x (50 + 1) tokens
    assert refused.status_code == 402 and not tasks.received
    other, secret = await gate.key(usd(3_000_000))
    tasks.answers.usage = None
    assert (await rerank(gate, secret, **body)).status_code == 200
    (event,) = await gate.events_of(other)
    assert 2_000_000 <= -event["amount"] <= 2_200_000 and event["body"]["shortfall_nano"] == 0


async def test_the_hold_covers_many_units_of_search(gate: Gate, tasks: FakeTasks) -> None:
    tasks.answers.usage, tasks.answers.meta = None, COHERE
    documents = ["d"] * 250
    _, secret = await gate.key(usd(2 * CALL))
    refused = await rerank(gate, secret, model="rank-calls", documents=documents)
    assert refused.status_code == 402 and not tasks.received
    other, secret = await gate.key(usd(3 * CALL))
    answer = await rerank(gate, secret, model="rank-calls", documents=documents)
    assert answer.status_code == 200, answer.text
    (event,) = await gate.events_of(other)
    assert -event["amount"] == 3 * CALL and event["body"]["shortfall_nano"] == 0


ODD: tuple[Any, ...] = (None, "", [], 3, {}, [{}], [None], [[["a"]]], "x", True)


@pytest.mark.parametrize("field", ["query", "documents", "top_n", "return_documents", "model"])
async def test_hostile_bodies(gate: Gate, tasks: FakeTasks, field: str) -> None:
    _, secret = await gate.key()
    for odd in ODD:
        for model in ("rank", "sandbox-rerank"):
            answer = await rerank(gate, secret, **{"model": model, field: odd})
            assert answer.status_code in (200, 400, 404), answer.text
            if answer.status_code == 400:
                assert answer.json()["error"]["param"] == field
    for said in (b"[]", b"null", b"no json", b'{"results": 3, "meta": {"billed_units": {}}}'):
        tasks.answers.instead = said
        answer = await rerank(gate, secret)
        assert answer.status_code == 200 and answer.content == said
