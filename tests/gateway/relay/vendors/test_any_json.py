"""Whatever an upstream says is read or passed over, wherever its bytes are parted; and what codes
mean is data of each protocol."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.channels import dead
from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.channels.retry import Again, again
from gateway.providers import natives
from gateway.providers.asking import Codes
from gateway.providers.base import Answer, CallFailed
from gateway.providers.native import CHAT, Native
from gateway.providers.native_http import MAX_LINE, _as_events
from gateway.providers.natives import NATIVES
from gateway.relay.errors import RelayError
from tests.fakes.native import Script
from tests.fakes.ollama import FakeOllama
from tests.gateway.channels.anything import Vendor

NAMES = (
    "type delta message content text thinking tool_calls function name arguments index id usage "
    "billed_units input_tokens output_tokens finish_reason done done_reason prompt_eval_count "
    "eval_count error embeddings float results meta created_at model tool_plan predictions values "
    "statistics token_count Response Choices "
    "Delta Message Content ToolCalls Function Arguments Usage PromptTokens FinishReason ErrorMsg "
    "Error Code Data Embedding Index Id base_resp status_code total_tokens vectors "
    "translations billed_characters answer documents title url success errCode finish "
    "output choices code metrics event status detail image request_id "
    "result is_end function_call data error_code header payload sid"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**66) | st.floats() | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4)
    ),
    max_leaves=14,
)
KINDS = ("message-start", "content-delta", "tool-call-start", "tool-call-delta", "message-end")


@pytest.mark.parametrize("name", list(NATIVES))
@given(said=st.dictionaries(st.sampled_from(NAMES), JSON), kind=st.sampled_from((*KINDS, None)))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_is_read_or_passed_over(name: str, said: Any, kind: Any) -> None:
    source = NATIVES[name].source()
    said = {**said, "type": kind} if kind else said
    if CHAT in NATIVES[name].tasks:
        reader = source.reader(1)
        chunks = [*reader.feed(said), *reader.feed(said), *reader.end()]
        assert all(isinstance(chunk, dict) for chunk in chunks)
        assert source.answer_to_chat(said, 1)["choices"]
    assert all(isinstance(text, str) for text in source.texts(said))
    report = source.find(said)
    usage = source.classes(report) if report is not None else None
    assert usage is None or all(0 <= count <= 10**12 for count in usage.values())
    code, message = source.parse_error(said)
    assert isinstance(message, str) and (code is None or isinstance(code, str))
    assert source.refuses(said) in (True, False)
    if source.vectors is not None:
        source.vectors.read(said)
    if source.ranks is not None:
        source.ranks.answer(said, {"documents": ["a"], "return_documents": True})
    if source.pictures is not None:
        assert isinstance(source.pictures.answer(said, {})["data"], list)


FIELDS = (
    "model messages role content type text image_url url tools tool_calls function name parameters "
    "tool_choice response_format json_schema schema stop stream max_tokens top_p reasoning_effort "
    "input dimensions input_type query documents top_n prompt size n seed stream_options user "
    "assistant tool system 1024x1024 json_object"
).split()
BODY = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**66) | st.floats() | st.sampled_from(FIELDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS), inner, min_size=1, max_size=5)
    ),
    max_leaves=14,
)


@pytest.mark.parametrize("name", list(NATIVES))
@given(body=st.dictionaries(st.sampled_from(FIELDS), BODY), roles=st.lists(BODY, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_body_is_said_or_refused(name: str, body: Any, roles: Any) -> None:
    source = NATIVES[name].source()
    said = [{"role": "user", "content": each} for each in roles]
    chats = [body, {**body, "model": "m", "messages": said}] if CHAT in NATIVES[name].tasks else []
    asked = [(source.request_from_chat, chat) for chat in chats]
    asked += [(source.vectors.request, body)] if source.vectors is not None else []
    asked += [(source.ranks.request, body)] if source.ranks is not None else []
    asked += [(source.pictures.request, body)] if source.pictures is not None else []
    for say, given_body in asked:
        try:
            assert isinstance(say(given_body, {}), dict)
        except RelayError as error:
            assert error.status == 400 and error.param


async def framed(pieces: list[bytes]) -> tuple[bytes, bool]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    answer = Answer(200, {"content-type": "application/x-ndjson"}, body())
    await _as_events(answer)
    return b"".join([piece async for piece in answer.body]), answer.is_stream


@pytest.mark.asyncio
async def test_lines_become_events_wherever_they_are_parted() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    async with FakeOllama() as fake:
        fake.script = Script(words=("a\u2028b", "🏔", "\\n"))
        events = fake.chat(asked)
    stream = b" \n" + b"\r\n".join(map(orjson.dumps, events))  # without an end of the last line
    whole, is_stream = await framed([stream])
    found = [orjson.loads(line[5:]) for line in whole.split(b"\n\n") if line]
    assert is_stream and found == events
    for at in range(len(stream)):
        assert await framed([stream[:at], stream[at:]]) == (whole, True)
    page = b"<html>busy</html>"
    assert await framed([page[:3], page[3:]]) == (page, False)
    assert await framed([]) == (b"", False)
    with pytest.raises(CallFailed, match="a line of more than"):
        await framed([b"{", b"x" * MAX_LINE, b"x"])


class Toy(Native):
    """A vendor that says everything inside a 200, as numbers."""

    name = "toy"
    delivers = ("answer",)
    codes = Codes(
        in_band={"110": 401, "18": 429, "336003": 400},
        dead=((200, "code", "110"),),
        users=frozenset({"336003"}),
        absent=frozenset({"6"}),
    )

    offers = frozenset()

    def request(self, chat: Any, config: Any) -> Any:
        return {"asked": True}

    def error(self, parsed: Any) -> tuple[str | None, str]:
        return str(parsed.get("error_code", "")), str(parsed.get("error_msg", ""))


@pytest.mark.parametrize(
    ("code", "means", "whose", "next_"),
    [
        (110, 401, Blame.CREDENTIAL, Again.AT_ONCE),
        (18, 429, Blame.LIMIT, Again.AFTER_A_PAUSE),
        (336003, 400, Blame.REQUEST, Again.NEVER),
        (6, 502, Blame.ABSENT, Again.AT_ONCE),
        (7, 502, Blame.UPSTREAM, Again.AFTER_A_PAUSE),
    ],
)
def test_a_vendors_codes_say_whose_fault_it_is(
    monkeypatch: pytest.MonkeyPatch, code: int, means: int, whose: Blame, next_: Again
) -> None:
    toy = Toy()
    for table in (natives.NATIVES, natives.OWN):
        monkeypatch.setitem(table, "toy", toy)  # type: ignore[arg-type]
    rows = frozenset({*dead.TABLE, *((toy.name, *row) for row in toy.codes.dead)})
    monkeypatch.setattr(dead, "TABLE", rows)
    said = {"error_code": code, "error_msg": "quotes 110 and invalid_api_key"}
    failure = of_answer(Vendor(99, "toy"), 200, {}, said, 0.0)
    assert (failure.means, blame(failure), again(failure)) == (means, whose, next_)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"n": 3}, "n"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages[0].content[0].image_url",
        ),
    ],
)
def test_what_a_vendor_lacks_is_refused_by_name(asked: Any, param: str) -> None:
    said = {"messages": [{"role": "user", "content": "hi"}], "n": 1, "tools": []}
    say = Toy().source().request_from_chat
    assert say(said, {}) == {"asked": True}
    with pytest.raises(RelayError) as caught:
        say({**said, **asked}, {})
    assert (caught.value.status, caught.value.param) == (400, param)
