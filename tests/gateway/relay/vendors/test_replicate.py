"""What is Replicate's own: models in addresses, streams elsewhere, what is cancelled, codes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import orjson
import pytest

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.providers import replicate_stream
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.natives import NATIVES
from gateway.providers.polling import Pace
from gateway.providers.replicate import _stream_address
from gateway.providers.replicate_request import images_body, place, version
from tests.fakes.native import WORDS
from tests.fakes.replicate import VERSION, FakeReplicate
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import DEADLINE_S, Gate, until
from tests.gateway.relay.vendors.conftest import Case
from tests.gateway.relay.vendors.test_conformance import TEXT, heard

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def case(all_cases: dict[str, Case], gate: Gate) -> Case:
    found = all_cases["replicate"]
    found.fake.reset()
    return found


async def test_a_stream_is_read_where_the_channel_is(case: Case) -> None:
    words = ("one\n", "\n", " two", "\n\nthree ", "🏔")
    case.plays(words=words, tokens_in=5, tokens_out=6, piece=1)
    answer = await case.ask(stream=True)
    assert (await heard(answer))[0] == "".join(words)
    body = await case.body_of(answer)
    assert body["usage"] == {"input": 5, "output": 6}
    verbs = [each.rsplit("/", 1)[0] for each in case.fake.looked]
    assert verbs == ["GET /v1/streams", "GET /v1/predictions"]
    assert "prefer" not in case.fake.received[-1].headers


async def test_a_model_that_does_not_stream_is_waited_for(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = case.fake
    monkeypatch.setattr(NATIVES["replicate"], "pace", Pace(0.01, 1.0, 0.01, 5.0, 3), raising=False)
    assert isinstance(fake, FakeReplicate)
    fake.streams = False
    case.plays(polls=1, tokens_in=5, tokens_out=6)
    answer = await case.ask(stream=True)
    text, _, _, reason, _ = await heard(answer)
    assert (text, reason) == (TEXT, "stop")
    assert (await case.body_of(answer))["usage"] == {"input": 5, "output": 6}
    case.plays(polls=1, fails=True)
    with pytest.raises(openai.InternalServerError, match="the model crashed"):
        await case.ask(stream=True)
    case.plays(polls=1)
    assert (await case.ask()).parse().choices[0].message.content == TEXT


async def test_who_hangs_up_cancels_the_prediction(case: Case) -> None:
    case.gate.settings(disconnect_policy="estimate")
    case.plays(hang_after=2)
    asked = {"model": case.name, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    headers = {"authorization": f"Bearer sk-{case.key}"}
    async with (
        httpx.AsyncClient(base_url=case.gate.url, timeout=DEADLINE_S) as client,
        client.stream("POST", "/v1/chat/completions", json=asked, headers=headers) as answer,
    ):
        async for piece in answer.aiter_text():
            if WORDS[0] in piece:
                break
    await until(lambda: any(each.endswith("/cancel") for each in case.fake.looked))
    await case.gate.settled()
    case.fake.reset()
    case.plays(cut_after=2)
    with pytest.raises(openai.APIError):
        await heard(await case.ask(stream=True))
    await until(lambda: any(each.endswith("/cancel") for each in case.fake.looked))


async def test_a_version_is_asked_for_by_itself(case: Case) -> None:
    channels = case.gate.running.directory.channels
    names = {"versioned": VERSION, "of-a-model": f"acme/chat:{VERSION}", "odd": "no-model"}
    given = {"type": 46, "name": "v", "base_url": case.fake.url, "models": list(names)}
    await case.gate.price(*({"model": name, "input": "1", "output": "1"} for name in names))
    await channels.create({**given, "model_mapping": names}, case.row.secret)
    for name, stream in (("versioned", False), ("of-a-model", True)):
        asked = {"model": name, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        answer = await case.gate.post(case.key, asked)
        assert answer.status_code == 200 and WORDS[2] in answer.text, answer.text
        seen = case.fake.received[-1]
        assert (seen.path, seen.body["version"]) == ("/v1/predictions", VERSION)
    asked = {"model": "odd", "messages": [{"role": "user", "content": "hi"}]}
    assert (await case.gate.post(case.key, asked)).status_code == 502
    with pytest.raises(LookupError):
        place("../x")
    assert (version(VERSION), version("a/b"), version(None)) == (VERSION, "", "")


@pytest.mark.parametrize(
    ("base", "config", "named", "where"),
    [
        (
            "",
            {},
            "https://stream.replicate.com/v1/s/1?a=b",
            "https://stream.replicate.com/v1/s/1?a=b",
        ),
        ("", {}, "https://evil.example/v1/s/1", "https://api.replicate.com/v1/s/1"),
        ("", {}, "https://replicate.com.evil.example/x", "https://api.replicate.com/x"),
        ("", {}, "http://stream.replicate.com/x", "https://api.replicate.com/x"),
        ("", {}, "https://stream.replicate.com:8443/x", "https://api.replicate.com/x"),
        ("http://proxy/", {}, "https://stream.replicate.com/x", "http://proxy/x"),
        ("http://p", {"stream_url": "http://s/"}, "https://stream.replicate.com/x", "http://s/x"),
        ("", {}, "", ""),
    ],
)
async def test_no_stream_is_read_at_another_host(
    case: Case, base: str, config: Any, named: str, where: str
) -> None:
    vendor = case.gate.running.relay.catalogue.vendor(46)
    channel = replace(case.channel, base_url=base)
    call = Call(channel, vendor, "k", None, b"", True, config=config)  # type: ignore[arg-type]
    assert _stream_address(named, call) == where
    for odd in ("mailto:x.evil.example", "//evil.example/x", "/x", "http:x", "\x00", "http://[::"):
        with pytest.raises(CallFailed):
            _stream_address(odd, call)


async def test_sizes_become_shapes() -> None:
    shapes = {"1024x1024": "1:1", "1792x1024": "16:9", "1024x1536": "2:3", "1024x1792": "9:16"}
    for size, shape in shapes.items():
        made = images_body({"model": "a/b", "prompt": "x", "size": size})["input"]
        assert made == {"prompt": "x", "aspect_ratio": shape}
    asked = {"model": "recraft-ai/recraft-v3", "prompt": "x", "size": "1024x1024"}
    assert images_body(asked)["input"] == {"prompt": "x", "size": "1024x1024"}


@pytest.mark.parametrize(
    ("status", "said", "whose"),
    [
        (401, {"title": "Unauthenticated", "detail": "no", "status": 401}, Blame.CREDENTIAL),
        (402, {"title": "Insufficient credit", "detail": "no", "status": 402}, Blame.CREDENTIAL),
        (
            404,
            {"detail": "The requested resource could not be found.", "status": 404},
            Blame.ABSENT,
        ),
        (422, {"title": "Input validation failed", "detail": "no", "status": 422}, Blame.REQUEST),
        (429, {"detail": "Request was throttled.", "status": 429}, Blame.LIMIT),
        (201, {"status": "failed", "error": "flagged as sensitive. (E005)"}, Blame.REQUEST),
        (201, {"status": "failed", "error": "CUDA out of memory"}, Blame.UPSTREAM),
        (200, {"status": "failed", "error": "I say (E005) and more"}, Blame.UPSTREAM),
        (200, {"status": "canceled", "error": None}, Blame.UPSTREAM),
    ],
)
async def test_whose_fault_an_answer_is(status: int, said: Any, whose: Blame) -> None:
    assert blame(of_answer(Vendor(46, "replicate"), status, {}, said, 0.0)) is whose


async def test_a_stream_that_is_done_because_it_failed(case: Case) -> None:
    async def said(*events: bytes) -> list[Any]:
        async def body() -> AsyncIterator[bytes]:
            for event in events:
                yield event + b"\n\n"

        async def none() -> Answer:
            raise CallFailed("upstream_timeout", "no answer")

        stream = replicate_stream.Following(Answer(200, {}, body()), none, none)
        written = b"".join([piece async for piece in stream.answer().body])
        await stream.aclose()
        return [orjson.loads(line[5:]) for line in written.split(b"\n\n") if line]

    failed = {"event": "error", "error": "the prediction failed"}
    assert await said(b'event: done\ndata: {"reason": "error"}') == [failed]
    assert await said(b"event: error\ndata:") == [failed]
    assert await said(b"event: done\ndata: {}") == [{"event": "done", "metrics": {}}]
    told = await said(b'event: error\ndata: {"detail": "too long"}', b"event: done\ndata: {}")
    assert told == [{"event": "error", "error": "too long"}]
    assert await said(b"event: output\ndata: a") == [{"event": "output", "output": "a"}]


async def test_events_are_read_wherever_they_are_parted(case: Case) -> None:
    fake = case.fake
    assert isinstance(fake, FakeReplicate)
    shown = [{"event": "output", "data": "a\n\n b"}, {"event": "done", "data": "{}"}]
    stream = fake.noise() + b"".join(map(fake.frame, shown))

    async def found(*pieces: bytes) -> list[tuple[str, str]]:
        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return [event async for event in replicate_stream.events(body())]

    expected = [("logs", "loading"), ("odd", "x"), ("output", "a\n\n b"), ("done", "{}")]
    for at in range(len(stream)):
        assert await found(stream[:at], stream[at:]) == expected
    with pytest.raises(CallFailed, match="a line of more"):
        await found(*([b"data: " + b"x" * (1 << 19)] * 3))
    assert orjson.loads(expected[-1][1]) == {}
