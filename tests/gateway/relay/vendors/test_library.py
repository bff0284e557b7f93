"""AIProxy's library: questions, documents, and answers that are counted here."""

from typing import Any

import openai
import pytest

from gateway.channels.health import Rules
from gateway.channels.probe import Probe, Wanted
from gateway.channels.watch import Watch
from gateway.directory.errors import Invalid
from tests.fakes.library import DOCUMENTS, LIBRARY
from tests.fakes.native import WORDS
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")
LISTED = "\n\n参考文档：\n\n1. [Grüezi](https://a/1)\n2. [Two](https://a/2)"
TEXT = "".join(WORDS)


@pytest.fixture
def library(all_cases: dict[str, Case], gate: Gate) -> Case:
    case = all_cases["library"]
    case.fake.reset()
    case.fake.documents = DOCUMENTS  # type: ignore[attr-defined]
    gate.running.relay.watch = Watch(Rules())
    return case


async def read(answer: Any) -> tuple[str, str]:
    text = reason = ""
    async for chunk in answer.parse():
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
    return text, reason


async def test_a_question_is_answered_and_charged(library: Case) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": [{"type": "text", "text": "two three"}]},
    ]
    charged = []
    for stream in (False, True):
        answer = await library.ask(turns, stream=stream)
        if stream:
            assert await read(answer) == (TEXT + LISTED, "stop")
        else:
            assert answer.parse().choices[0].message.content == TEXT + LISTED
        sent = {"query": "two three", "libraryId": LIBRARY, "stream": stream}
        assert library.fake.received[-1].body == {"model": "library", **sent}
        body = await library.body_of(answer)
        assert body["usage_source"] in ("counted", "estimated") and body["usage_frame"] is None
        assert body["usage"]["input"] > 8 and 5 < body["usage"]["output"] < 30
        assert body["nano"] == body["usage"]["input"] * 1_000 + body["usage"]["output"] * 4_000
        charged.append(body["usage"])
    assert charged[0] == charged[1]  # the list of documents costs nothing
    library.fake.documents = []  # type: ignore[attr-defined]
    assert (await library.ask()).parse().choices[0].message.content == TEXT


@pytest.mark.parametrize("piece", [1, 7, None])
async def test_a_stream_cut_anywhere_with_noise_in_it(library: Case, piece: int | None) -> None:
    library.plays(piece=piece, noise=True, stay_open=True)
    answer = await library.ask(stream=True)
    assert await read(answer) == (TEXT + LISTED, "stop")
    assert (await library.body_of(answer))["outcome"] == "complete"


@pytest.mark.parametrize(
    ("status", "becomes"), [(400, 400), (401, 502), (429, 429), (500, 502), (503, 503)]
)
async def test_errors(library: Case, status: int, becomes: int) -> None:
    library.plays(status=status)
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            await library.ask(stream=stream)
        assert caught.value.status_code == becomes
    library.plays(fails=True)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="crashed"):
            await library.ask(stream=stream)


async def test_an_answer_that_breaks_off(library: Case) -> None:
    for how in ("fail_at", "cut_after"):
        library.plays(**{how: 3})
        answer = await library.ask(stream=True)
        with pytest.raises(openai.APIError):
            await read(answer)
        body = await library.body_of(answer)
        assert body["outcome"] == "upstream_cut" and body["nano"] > 0


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "messages"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"n": 2}, "n"),
    ],
)
async def test_what_is_refused(library: Case, fields: Any, param: str) -> None:
    answer = await library.post(**fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert not library.fake.received


async def test_a_channel_needs_its_library(library: Case) -> None:
    running, relay = library.gate.running, library.gate.running.relay
    probe = Probe(running.directory, relay.catalogue, relay.providers, relay.clock, "Say hi.")
    for stream in (False, True):
        assert (await probe.test(library.channel, Wanted("library", stream))).ok
    given: Any = {"type": 21, "name": "l", "models": ["library"]}
    with pytest.raises(Invalid, match="library"):
        await running.directory.channels.create(given, "key")
