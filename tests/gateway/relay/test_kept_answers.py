"""Answers that an upstream keeps: for the user whose they are, where they are, and nobody else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from gateway.channels.upstream_keys import read_keys
from gateway.dialects.table import DIALECTS
from gateway.providers.base import Answer
from gateway.relay import answers
from gateway.relay.errors import RelayError
from gateway.relay.kept_stream import KeptStream
from ledger.errors import DatabaseAway
from ledger.money import usd
from tests.fakes.kept import TURN_IN, TURN_OUT, FakeKept
from tests.gateway.relay.conftest import DEADLINE_S, Gate, until
from tests.gateway.relay.dialects.conftest import with_books
from tests.gateway.relay.test_reported_failures import customer

__all__ = ["with_books"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

IN, OUT = 1_000, 4_000
TURN = TURN_IN * IN + TURN_OUT * OUT


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_kept(running_gate: Gate) -> AsyncIterator[FakeKept]:
    async with FakeKept() as upstream:
        price = {"input": "1", "output": "4", "max_output_tokens": 50}
        await running_gate.price({"model": "kept", **price}, {"model": "kept-2", **price})
        # Three accounts upstream, which do not see each other's answers.
        secret = "account-a\naccount-b"
        channels = running_gate.running.directory.channels
        given = {"type": 1, "base_url": upstream.url, "models": ["kept", "kept-2"]}
        await channels.create(given, secret)
        await channels.create({**given, "models": ["kept"]}, "account-c")
        yield upstream
        await running_gate.settled()


@pytest.fixture
def kept(gate: Gate, running_kept: FakeKept) -> FakeKept:
    running_kept.usual()
    return running_kept


async def status_of(awaitable: Any) -> int:
    with pytest.raises(openai.APIStatusError) as refused:
        await awaitable
    return refused.value.status_code


@pytest.mark.parametrize("stream", [False, True])
async def test_the_official_client_goes_on_and_comes_back(
    gate: Gate, kept: FakeKept, stream: bool
) -> None:
    key, secret = await gate.key("1")
    responses: Any = gate.client(secret).responses
    ids: list[str] = []
    for _ in range(6):  # channels and keys take turns, but not within a conversation
        more = {"previous_response_id": ids[-1]} if ids else {}
        found = await responses.create(model="kept", input="hi", stream=stream, **more)
        if stream:
            found = [event async for event in found][-1].response
        ids.append(found.id)
    accounts = {account for _, _, account, _ in kept.received}
    assert len(accounts) == 1
    again = await responses.retrieve(ids[3])
    assert again.output_text == "Hello." and again.id == ids[3]
    assert (await responses.input_items.list(ids[3])).data[0].id == "msg_in"
    assert await status_of(responses.cancel(ids[3])) == 400
    await responses.delete(ids[3])
    assert await status_of(responses.retrieve(ids[3])) == 404
    assert await status_of(responses.delete(ids[3])) == 404
    events = sorted(await gate.events_of(key), key=lambda event: event["seq"])
    # Each turn reads all that was said before, and is charged for it.
    dues = [TURN + n * (TURN_IN + TURN_OUT) * IN for n in range(6)]
    assert [-event["amount"] for event in events] == dues
    assert all(event["body"]["endpoint"] == "responses" for event in events)


async def test_bytes_pass_as_they_came(gate: Gate, kept: FakeKept) -> None:
    _, secret = await gate.key()
    made = await gate.post(secret, {"model": "kept", "input": "hi"}, "/v1/responses")
    answer_id = made.json()["id"]
    headers = {"authorization": f"Bearer sk-{secret}"}
    path = f"/openai/v1/responses/{answer_id}?include=a&key=mine&include=b"
    again = await gate.http.get(path, headers=headers)
    assert again.content == made.content
    assert kept.received[-1][1] == f"/v1/responses/{answer_id}?include=a&include=b"
    items = f"/v1/responses/{answer_id}/input_items?order=asc&limit=5&x=1&include[]=a"
    assert (await gate.http.get(items, headers=headers)).status_code == 200
    assert kept.received[-1][1] == items.replace("&x=1", "")
    assert (await gate.http.delete(f"{path}&stream=true", headers=headers)).status_code == 200
    assert kept.received[-1][1] == f"/v1/responses/{answer_id}"


async def test_a_kept_answer_as_a_stream_and_from_where_one_was(gate: Gate, kept: FakeKept) -> None:
    key, secret = await gate.key("1")
    responses: Any = gate.client(secret).responses
    made = await responses.create(model="kept", input="hi")
    count = len(await gate.events_of(key))
    streamed = await responses.retrieve(made.id, stream=True, include=["reasoning"])
    events = [event async for event in streamed]
    assert [event.sequence_number for event in events] == [0, 1, 2, 3]
    assert events[-1].response.output_text == "Hello."
    path, account = kept.received[-1][1:3]
    assert path.startswith(f"/v1/responses/{made.id}?") and "stream=true" in path
    assert "include[]=reasoning" in path and account == kept.received[0][2]
    rest = await responses.retrieve(made.id, stream=True, starting_after=1)
    assert [event.sequence_number async for event in rest] == [2, 3]
    # For nobody else, and where the upstream refuses, in the usual form.
    _, stranger = await customer(gate, 10**9)
    asked = len(kept.received)
    assert await status_of(gate.client(stranger).responses.retrieve(made.id, stream=True)) == 404
    assert len(kept.received) == asked
    kept.refuse = (400, {"error": {"message": f"no, {account}"}})
    with pytest.raises(openai.BadRequestError) as refused:
        await responses.retrieve(made.id, stream=True)
    assert account not in str(refused.value.body)
    assert len(await gate.events_of(key)) == count, "it is free"


async def test_a_stream_that_breaks_has_no_end_and_one_that_nobody_reads_is_left(
    gate: Gate, kept: FakeKept
) -> None:
    _, secret = await gate.key(concurrency=1)
    made = await gate.client(secret).responses.create(model="kept", input="hi")
    path = f"/v1/responses/{made.id}?stream=true"
    headers = {"authorization": f"Bearer sk-{secret}"}
    kept.cuts, seen = True, b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with gate.http.stream("GET", path, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for piece in answer.aiter_bytes():
                seen += piece
    assert seen.count(b"data:") == 3 and b"failed" not in seen
    kept.cuts, kept.hangs = False, True
    async with (
        httpx.AsyncClient(base_url=gate.url) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        assert (await anext(answer.aiter_bytes())).startswith(b"event: response.created")
        assert (await gate.http.get(path, headers=headers)).status_code == 429
        assert (await gate.http.get(path[:-12], headers=headers)).status_code == 200
    await asyncio.wait_for(kept.gone.wait(), DEADLINE_S)
    # One that does not read is waited for, not read for.
    _, other = await gate.key()
    kept.hangs, kept.events = False, [b"x" * 100_000] * 300
    async with (
        httpx.AsyncClient(base_url=gate.url, timeout=DEADLINE_S) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        pieces = answer.aiter_raw()
        size = len(await anext(pieces))
        await until(lambda: kept.written)
        made_meanwhile = await gate.client(other).responses.create(model="kept", input="hi")
        assert made_meanwhile.id and kept.written < 16 << 20
        async for piece in pieces:
            size += len(piece)
    assert size > 30_000_000


class Taker:
    """A client of a stream."""

    request_id = "r"

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def begin(self) -> None:
        self.got.append(b"begun")

    async def send(self, data: bytes) -> None:
        self.got.append(data)

    def break_off(self) -> None:
        self.got.append(b"broken")


ERROR = b'data: {"type":"error","error":{"message":"not with account-z"}}\n\n'


@pytest.mark.parametrize(
    ("pieces", "got"),
    [
        ([b"event: e", b"rror\n", ERROR[:9], ERROR[9:]], 502),
        ([], 502),
        ([b": ping\n\n", ERROR], [b"begun", b": ping\n\n", ERROR]),
        ([b"event: a", b"\ndata: 1", b"\n\n", b"x"], [b"begun", b"event: a\ndata: 1\n\n", b"x"]),
        ([b"data: 1"], [b"begun", b"data: 1"]),
    ],
)
async def test_how_a_kept_stream_begins(pieces: list[bytes], got: Any) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    client, (key, *_) = Taker(), read_keys(1, "account-z")
    stream = KeptStream(DIALECTS["responses"], key)
    run = stream.run(Answer(200, {}, body()), client)
    if isinstance(got, list):
        assert await run and client.got == got
        return
    with pytest.raises(RelayError) as refused:
        await run
    assert refused.value.status == got and "account-z" not in refused.value.message
    assert not client.got


async def test_another_user_finds_nothing(gate: Gate, kept: FakeKept) -> None:
    _, secret = await gate.key()
    _, stranger = await customer(gate, 10**9)
    _, sibling = await gate.key()
    answer_id = (await gate.client(secret).responses.create(model="kept", input="hi")).id
    count = len(kept.received)
    theirs = gate.client(stranger).responses
    assert await status_of(theirs.retrieve(answer_id)) == 404
    assert await status_of(theirs.delete(answer_id)) == 404
    assert await status_of(theirs.cancel(answer_id)) == 404
    assert await status_of(theirs.input_items.list(answer_id)) == 404
    body = {"model": "kept", "input": "hi", "previous_response_id": answer_id}
    refused = await gate.post(stranger, body, "/v1/responses")
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (404, "previous_response_id")
    assert f"Previous response with id '{answer_id}' not found." in error["message"]
    assert len(kept.received) == count  # nothing was asked
    assert (await gate.client(sibling).responses.retrieve(answer_id)).id == answer_id


async def test_what_is_not_kept(gate: Gate, kept: FakeKept) -> None:
    _, secret = await gate.key()
    responses = gate.client(secret).responses
    unkept = await responses.create(model="kept", input="hi", store=False)
    assert await status_of(responses.retrieve(unkept.id)) == 404
    await gate.price({"model": "chatty", "input": "1"})
    await gate.channel("chatty", type=50, base_url=gate.upstream.url)
    converted = await responses.create(model="chatty", input="hi")
    assert await status_of(responses.retrieve(converted.id)) == 404
    for odd in ("resp_nothing", "a b", "x" * 300, "..x", "%00", "é"):
        headers = {"authorization": f"Bearer sk-{secret}"}
        answer = await gate.http.get(f"/v1/responses/{odd}", headers=headers)
        assert answer.status_code == 404, odd
    for value in (3, ["x"], {"id": "x"}, True, "x" * 10_000):
        body = {"model": "kept", "input": "hi", "previous_response_id": value}
        assert (await gate.post(secret, body, "/v1/responses")).status_code == 404
    for reference in ({"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}):
        body = {"model": "kept", "input": [{"role": "user", "content": "hi"}, reference]}
        answer = await gate.post(secret, body, "/v1/responses")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input[1]")
    assert len(kept.received) == 1


async def test_the_hold_covers_what_is_read_again(gate: Gate, kept: FakeKept) -> None:
    _, rich = await gate.key()
    made = await gate.client(rich).responses.create(model="kept", input="hi")
    store = gate.books.store
    await store.update_one(answers.COLLECTION, {"_id": made.id}, {"$set": {"tokens": 100_000}})
    body = {"model": "kept", "input": "hi", "previous_response_id": made.id}
    _, poor = await gate.key(usd(100_000 * IN))
    refused = await gate.post(poor, body, "/v1/responses")
    assert refused.status_code == 402
    assert (await gate.post(rich, body, "/v1/responses")).status_code == 200


async def test_where_it_is_kept_must_serve_the_model(gate: Gate, kept: FakeKept) -> None:
    _, secret = await gate.key()
    responses: Any = gate.client(secret).responses
    seen: dict[str, str] = {}
    while len(seen) < 3:
        made = await responses.create(model="kept", input="hi")
        seen[kept.received[-1][2]] = made.id
    for account, answer_id in seen.items():
        call = responses.create(model="kept-2", input="hi", previous_response_id=answer_id)
        if account == "account-c":
            assert await status_of(call) == 503
        else:
            await call
            assert kept.received[-1][2] == account


async def test_upstreams_that_fail(gate: Gate, kept: FakeKept) -> None:
    _, secret = await gate.key()
    responses = gate.client(secret).responses
    made = await responses.create(model="kept", input="hi")
    account = kept.received[-1][2]
    for status, seen in ((401, 502), (429, 429), (500, 502), (404, 404)):
        kept.refuse = (status, {"error": {"message": f"no, {account}"}})
        with pytest.raises(openai.APIStatusError) as refused:
            await responses.retrieve(made.id)
        assert refused.value.status_code == seen
        assert account not in str(refused.value.body)
    for said in (b"[]", b"nonsense"):
        kept.refuse = (400, said)
        assert await status_of(responses.retrieve(made.id)) == 400


async def test_old_bindings_are_forgotten(gate: Gate, kept: FakeKept) -> None:
    _, secret = await gate.key()
    responses = gate.client(secret).responses
    made = await responses.create(model="kept", input="hi")
    now_s = gate.running.relay.clock.now_us() / 1_000_000
    await answers.forget_old(gate.books.store, now_s + answers.KEPT_S - 60)
    await responses.retrieve(made.id)
    await answers.forget_old(gate.books.store, now_s + answers.KEPT_S + 60)
    assert await status_of(responses.retrieve(made.id)) == 404


async def test_an_answer_that_could_not_be_bound_is_good(
    gate: Gate, kept: FakeKept, with_books: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = await gate.key()
    responses = gate.client(secret).responses
    with_books(DatabaseAway("away", retry_after_s=2), "check_reachable")
    made = await responses.create(model="kept", input="hi")
    assert made.output_text == "Hello."
    assert "can't be asked for again" in caplog.text
    caplog.clear()
    assert await status_of(responses.retrieve(made.id)) == 503
