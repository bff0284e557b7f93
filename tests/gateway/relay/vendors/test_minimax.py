"""MiniMax: errors inside a 200, the last event of a stream, older reports; and its vectors."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from gateway.providers import minimax
from tests.fakes.minimax import KEY
from tests.fakes.native import WORDS
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = "base_resp status_code usage total_tokens choices message delta object status_msg".split()
LEAVES = st.none() | st.integers(-3, 2**60) | st.sampled_from((*NAMES, "chat.completion", "0", ""))
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
TEXT = "".join(WORDS)


@pytest.fixture
def mini(all_cases: dict[str, Case], gate: Gate) -> Case:
    case = all_cases["mini"]
    case.fake.reset()
    case.fake.old = False  # type: ignore[attr-defined]
    gate.running.relay.watch = Watch(Rules())
    return case


async def read(answer: Any) -> tuple[str, str, Any]:
    """Read a stream as OpenAI's client does: text, thoughts, and the reason of its end."""
    text = thoughts = reason = ""
    async for chunk in answer.parse():
        for choice in chunk.choices:
            text += choice.delta.content or ""
            thoughts += getattr(choice.delta, "reasoning_content", None) or ""
            reason = choice.finish_reason or reason
    return text, thoughts, reason


@pytest.mark.parametrize("piece", [1, 7, None])
async def test_a_message_is_read_once(mini: Case, piece: int | None) -> None:
    mini.plays(tokens_in=99, tokens_out=8, piece=piece, thoughts=("Hm.",), noise=True)
    answer = await mini.ask(stream=True)
    assert await read(answer) == (TEXT, "Hm.", "stop")
    body = await mini.body_of(answer)
    assert (body["nano"], body["outcome"]) == (99_000 + 32_000, "complete")
    whole = await mini.ask()
    assert whole.parse().choices[0].message.content == TEXT
    assert whole.parse().model_extra["base_resp"] == {"status_code": 0, "status_msg": ""}
    assert (await mini.body_of(whole))["nano"] == 99_000 + 32_000
    assert mini.fake.received[-1].path == mini.row.chat_path


async def test_a_total_is_no_report(mini: Case) -> None:
    mini.fake.old = True  # type: ignore[attr-defined]
    mini.plays(tokens_in=9_000, tokens_out=9_000)
    for stream in (False, True):
        answer = await mini.ask("Count these words.", stream=stream)
        if stream:
            assert (await read(answer))[0] == TEXT
        body = await mini.body_of(answer)
        assert body["usage_source"] in ("counted", "estimated")
        assert 3 < body["usage"]["input"] < 50 and 5 < body["usage"]["output"] < 50


@pytest.mark.parametrize(
    ("status", "becomes"), [(400, 400), (401, 502), (402, 502), (429, 429), (500, 502)]
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_inside_a_200(mini: Case, status: int, becomes: int, stream: bool) -> None:
    mini.plays(status=status)
    with pytest.raises(openai.APIStatusError) as caught:
        await mini.ask(stream=stream)
    assert caught.value.status_code == becomes
    assert (f"failed with {status}" in str(caught.value)) == (status not in (401, 402))
    mini.plays(fails=True)
    with pytest.raises(openai.APIStatusError, match="crashed"):
        await mini.ask(stream=stream)


async def test_an_error_in_mid_stream(mini: Case) -> None:
    for how in ("fail_at", "cut_after"):
        mini.plays(**{how: 2})
        answer = await mini.ask(stream=True)
        with pytest.raises(openai.APIError):
            await read(answer)
        body = await mini.body_of(answer)
        assert body["outcome"] == "upstream_cut" and body["nano"] > 0


async def test_vectors(mini: Case) -> None:
    gate, channels = mini.gate, mini.gate.running.directory.channels
    await gate.price({"model": "embo-01", "input": "1"})
    given: Any = {"name": "vectors", "base_url": mini.fake.url, "models": ["embo-01"]}
    made = await channels.create({**given, "type": 1007}, KEY)
    create = mini.client().embeddings.with_raw_response.create
    mini.plays(tokens_in=321)
    answer = await create(model="embo-01", input=["one", "three"])
    assert [each.embedding for each in answer.parse().data] == [[3.0, 0.5], [5.0, 0.5]]
    assert answer.parse().usage.prompt_tokens == 321
    body = await mini.body_of(answer)
    assert (body["nano"], body["usage_source"]) == (321_000, "upstream")
    asked = mini.fake.received[-1]
    assert (asked.body["type"], asked.query) == ("db", "")
    mini.plays(no_usage=True)
    answer = await create(model="embo-01", input="one two three")
    assert (await mini.body_of(answer))["usage"]["input"] == 3
    for fields, param in (({"dimensions": 2}, "dimensions"), ({"input_type": 1}, "input_type")):
        refused = await gate.post(
            mini.key, {"model": "embo-01", "input": "a", **fields}, "/v1/embeddings"
        )
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    mini.plays(fails=True)
    with pytest.raises(openai.InternalServerError, match="crashed"):
        await create(model="embo-01", input="one")
    await channels.delete(made.id)
    mini.plays()
    await channels.create({**given, "type": 27, "config": {"group_id": "g1"}}, KEY)
    await create(model="embo-01", input="one", extra_body={"input_type": "query"})
    asked = mini.fake.received[-1]
    assert (asked.body["type"], asked.query) == ("query", "GroupId=g1")


@given(event=JSON, at=st.integers(0, 200))
@settings(max_examples=80, deadline=None)
async def test_any_event_passes_or_is_put_in_form(event: Any, at: int) -> None:
    written = orjson.dumps(event)
    stream = b"event: x\ndata: " + written + b"\n\ndata: [DONE]"

    async def pieces() -> AsyncIterator[bytes]:
        yield stream[:at]
        yield stream[at:]

    found = b"".join([piece async for piece in minimax._events(pieces())])
    assert found.startswith(b"event: x\ndata: ") and found.endswith(b"\n\ndata: [DONE]")
    if not isinstance(event, dict) or not {"base_resp", "usage", "object"} & event.keys():
        assert found == stream


@pytest.mark.parametrize("protocol", ["minimax", "minimax_vectors"])
@pytest.mark.parametrize(
    ("code", "means", "whose"),
    [
        (1002, 429, Blame.LIMIT),
        (1004, 401, Blame.CREDENTIAL),
        (1008, 402, Blame.CREDENTIAL),
        (1026, 400, Blame.REQUEST),
        (1027, 400, Blame.REQUEST),
        (1039, 429, Blame.LIMIT),
        (2013, 400, Blame.REQUEST),
        (2049, 401, Blame.CREDENTIAL),
        (1033, 502, Blame.UPSTREAM),
    ],
)
async def test_codes(protocol: str, code: int, means: int, whose: Blame) -> None:
    said = {"base_resp": {"status_code": code, "status_msg": "invalid_api_key 1004"}}
    failure = of_answer(Vendor(27, protocol), 200, {}, said, 0.0)
    assert (failure.means, blame(failure)) == (means, whose)
