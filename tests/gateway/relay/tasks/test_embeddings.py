"""Embeddings in all their forms, between clients and upstreams of both kinds."""

from typing import Any

import pytest

from ledger.money import usd
from tests.fakes.tasks import FakeTasks, vector
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import google_client, post

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]

FORMS: list[Any] = ["one", ["one", "two"], [1, 2, 3], [[1, 2], [3]]]


def named(model: str, *texts: str) -> list[dict[str, Any]]:
    return [{"model": f"models/{model}", "content": {"parts": [{"text": t}]}} for t in texts]


@pytest.mark.parametrize("given", FORMS, ids=str)
@pytest.mark.parametrize("how", [None, "float", "base64"])
async def test_every_form_passes_and_is_charged(
    gate: Gate, tasks: FakeTasks, given: Any, how: Any
) -> None:
    key, secret = await gate.key()
    more = {} if how is None else {"encoding_format": how}
    found = await gate.client(secret).embeddings.create(model="vec", input=given, **more)
    listed = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    assert [each.index for each in found.data] == list(range(len(listed)))
    assert tasks.received[0].body["encoding_format"] == (how or "base64")
    if how != "base64":  # the client unpacks only what it asked for by itself
        assert [each.embedding for each in found.data] == [vector(each) for each in listed]
    (event,) = await gate.events_of(key)
    assert event["amount"] == -7 * 1_000
    assert event["body"]["endpoint"] == "embeddings"
    assert event["body"]["usage"] == {"input": 7, "output": 0}


async def test_the_older_address_and_both_prefixes(gate: Gate, tasks: FakeTasks) -> None:
    _, secret = await gate.key()
    for path in ("/v1/engines/vec/embeddings", "/openai/v1/engines/vec/embeddings"):
        answer = await gate.post(secret, {"input": "hi"}, path)
        assert answer.status_code == 200 and answer.content == tasks.sent
        assert answer.headers["x-tollgate-cost"] == usd(7_000)
        assert tasks.received[-1].path == "/v1/embeddings"


@pytest.mark.parametrize(("given", "tokens"), [("one two", 2), ([1] * 9, 9), ([[1, 2], [3]], 3)])
@pytest.mark.parametrize("report", [None, {}, {"prompt_tokens": 0, "total_tokens": 0}], ids=str)
async def test_what_is_not_reported_is_counted(
    gate: Gate, tasks: FakeTasks, given: Any, tokens: int, report: Any
) -> None:
    tasks.answers.usage = report
    _, secret = await gate.key()
    answer = await gate.post(secret, {"model": "vec", "input": given}, "/v1/embeddings")
    body = (await gate.charge_of(answer))["body"]
    assert (body["usage"]["input"], body["usage_source"]) == (tokens, "counted")
    assert answer.headers["x-tollgate-cost"] == usd(tokens * 1_000)


async def test_a_total_is_all_that_was_read(gate: Gate, tasks: FakeTasks) -> None:
    tasks.answers.usage = {"total_tokens": 41}  # as Jina and others report
    _, secret = await gate.key()
    answer = await gate.post(secret, {"model": "vec", "input": "hi"}, "/v1/embeddings")
    body = (await gate.charge_of(answer))["body"]
    assert (body["usage"]["input"], body["usage_source"]) == (41, "upstream")
    assert answer.headers["x-tollgate-cost"] == usd(41_000)


@pytest.mark.parametrize("metadata", [None, {"promptTokenCount": 5, "totalTokenCount": 5}], ids=str)
@pytest.mark.parametrize("given", ["one", ["one", "two"]], ids=str)
async def test_an_openai_client_has_vectors_of_google(
    gate: Gate, tasks: FakeTasks, given: Any, metadata: Any
) -> None:
    tasks.answers.metadata = metadata
    key, secret = await gate.key()
    found = await gate.client(secret).embeddings.create(
        model="vec-google", input=given, dimensions=3
    )
    texts = given if isinstance(given, list) else [given]
    assert [each.embedding for each in found.data] == [vector(text) for text in texts]
    (sent,) = tasks.received
    assert sent.path == "/v1beta/models/vec-google:batchEmbedContents"
    sized = {"outputDimensionality": 3}
    assert sent.body == {"requests": [{**one, **sized} for one in named("vec-google", *texts)]}
    tokens = 5 if metadata else len(texts)
    assert found.usage.prompt_tokens == found.usage.total_tokens == tokens
    (event,) = await gate.events_of(key)
    assert event["amount"] == -tokens * 1_000
    assert event["body"]["usage_source"] == ("upstream" if metadata else "counted")


async def test_google_takes_no_token_numbers(gate: Gate, tasks: FakeTasks) -> None:
    key, secret = await gate.key()
    for given in ([1, 2], [[1], [2]]):
        answer = await gate.post(secret, {"model": "vec-google", "input": given}, "/v1/embeddings")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")
    assert not tasks.received and not await gate.events_of(key)


@pytest.mark.parametrize("model", ["vec", "vec-google"])
@pytest.mark.parametrize("contents", ["one", ["one", "two"]], ids=str)
async def test_a_google_client(gate: Gate, tasks: FakeTasks, model: str, contents: Any) -> None:
    key, secret = await gate.key()
    async with google_client(gate, secret) as client:
        found = await client.models.embed_content(model=model, contents=contents)
    texts = contents if isinstance(contents, list) else [contents]
    assert [each.values for each in found.embeddings] == [vector(text) for text in texts]
    (event,) = await gate.events_of(key)
    tokens = 7 if model == "vec" else len(texts)
    assert event["amount"] == -tokens * 1_000
    assert event["body"]["endpoint"] == "embeddings"
    if model == "vec":
        assert tasks.received[0].body == {"model": "vec", "input": texts}


async def test_googles_own_form_passes_and_names_the_mapped_model(
    gate: Gate, tasks: FakeTasks
) -> None:
    mapping = {"vec-alias": "vec-google"}
    await gate.channel("vec-alias", type=24, base_url=tasks.url, model_mapping=mapping)
    tasks.answers.metadata = {"promptTokenCount": 5}
    _, secret = await gate.key()
    (one,) = named("vec-google", "x")
    single = await post(gate, secret, "/v1beta/models/vec-google:embedContent", {**one, "x": [1.5]})
    assert single.content == tasks.sent
    assert tasks.received[-1].body == {**one, "x": [1.5]}
    batch = {"requests": named("vec-alias", "x", "y")}
    answer = await post(gate, secret, "/v1/models/vec-alias:batchEmbedContents", batch)
    assert answer.content == tasks.sent
    assert tasks.received[-1].path == "/v1beta/models/vec-google:batchEmbedContents"
    assert tasks.received[-1].body == {"requests": named("vec-google", "x", "y")}
    event = await gate.charge_of(answer)
    assert (event["amount"], event["body"]["served_model"]) == (-5_000, "vec-google")
    alone = await post(gate, secret, "/v1beta/models/vec:embedContent", one)
    assert alone.json()["embedding"]["values"] == vector("x")
    assert alone.json()["usageMetadata"]["promptTokenCount"] == 7


async def test_fewer_vectors_than_texts_are_no_answer(gate: Gate, tasks: FakeTasks) -> None:
    key, secret = await gate.key()
    body = {"model": "vec-google", "input": ["a", "b"]}
    for said in (b'{"embeddings": [{"values": [1]}]}', b"[]", b"{}", b'{"embeddings": 3}'):
        tasks.answers.instead = said
        answer = await gate.post(secret, body, "/v1/embeddings")
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_bad_answer")
    assert not await gate.events_of(key)


@pytest.mark.parametrize("given", [None, "", [], 3, {}, [{}], [None], [[[]]], [["a", 1]]], ids=str)
@pytest.mark.parametrize("model", ["vec", "vec-google", "sandbox-embedding"])
async def test_hostile_inputs(gate: Gate, tasks: FakeTasks, model: str, given: Any) -> None:
    tasks.answers.instead = b'{"data": [], "model": 1, "usage": []}'
    _, secret = await gate.key()
    for more in ({}, {"dimensions": "x"}, {"dimensions": [1.5]}, {"encoding_format": {}}):
        body = {"model": model, "input": given, **more}
        answer = await gate.post(secret, body, "/v1/embeddings")
        assert answer.status_code in (200, 400, 502), answer.text
    for method, name in (("embedContent", "content"), ("batchEmbedContents", "requests")):
        answer = await post(gate, secret, f"/v1beta/models/{model}:{method}", {name: given})
        assert answer.status_code in (200, 400, 502), answer.text
