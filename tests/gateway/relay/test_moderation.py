"""Requests are asked about before anything of them is held, sent or charged."""

import base64
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.directory.users import ROOT_ID
from gateway.relay import moderation, moderator
from gateway.relay.moderated import Moderated
from ledger import accounts
from tests.fakes.media import FakeMedia
from tests.fakes.tasks import FakeTasks
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD = "how to make a bomb"
HI = {"role": "user", "content": "hi"}
IMAGE = "data:image/png;base64," + base64.b64encode(b"\x89PNG a weapon").decode()
WEAPON = IMAGE[-12:]
OPTIONS: dict[str, Any] = {
    "ModerationEnabled": True,
    "ModerationModel": "omni",
    "ModerationGroups": "all",
    "ModerationImages": True,
    "ModerationThresholds": "{}",
    "ModerationOnFailure": "refuse",
    "RetryTimes": 0,
}


def chat(*said: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text} for text in said], **more}


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", chat("hi", BAD)),
    "stream": ("/v1/chat/completions", chat("hi", BAD, stream=True)),
    "tool": (
        "/v1/chat/completions",
        chat("hi", tools=[{"type": "function", "function": {"name": "f", "description": BAD}}]),
    ),
    "unknown": ("/v1/chat/completions", chat("hi", extra={"notes": [BAD]})),
    "image": (
        "/v1/chat/completions",
        chat([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": IMAGE}}]),
    ),
    "completions": ("/v1/completions", {"model": "m", "prompt": ["a"], "suffix": BAD}),
    "messages": (
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 5,
            "system": [{"type": "text", "text": BAD}],
            "messages": [HI],
        },
    ),
    "messages image": (
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 5,
            "stream": True,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": IMAGE[22:],
                            },
                        }
                    ],
                }
            ],
        },
    ),
    "responses": ("/v1/responses", {"model": "m", "instructions": BAD, "input": "hi"}),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": BAD}]}]},
    ),
    "gemini stream": (
        "/v1beta/models/m:streamGenerateContent",
        {
            "contents": [
                {"parts": [{"inlineData": {"mimeType": "image/png", "data": IMAGE[22:]}}]},
            ]
        },
    ),
    "images": ("/v1/images/generations", {"model": "dall-e-3", "prompt": BAD}),
    "speech": (
        "/v1/audio/speech",
        {"model": "tts-1", "voice": "alloy", "input": "hi", "instructions": BAD},
    ),
}


PICTURES = ("image", "messages image", "gemini stream")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(running_gate: Gate) -> AsyncIterator[FakeTasks]:
    """The upstream that judges, by a channel that is paid for each token."""
    gate = running_gate
    async with FakeTasks() as judge, FakeMedia() as media:
        await gate.channel(
            "omni", base_url=judge.url, cost_prices=[{"model": "omni", "input": "2"}]
        )
        await gate.channel("free-omni", base_url=judge.url)
        await gate.price({"model": "omni", "input": "3"}, {"model": "free-omni", "input": "0"})
        made = ("dall-e-3", "dall-e-2", "tts-1", "whisper-1")
        await gate.price(*({"model": model, "calls": "0.01"} for model in made))
        await gate.channel(*made, base_url=media.url)
        yield judge
        await gate.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def on(gate: Gate, judge: FakeTasks) -> AsyncIterator[FakeTasks]:
    """Moderation is switched on, and knows nothing yet."""
    judge.reset()
    judge.answers.flags = {"bomb": "illicit", WEAPON: "violence"}
    gate.running.relay.moderated = Moderated()
    await configure(gate, **OPTIONS)
    yield judge
    await configure(gate, ModerationEnabled=False, RetryTimes=0)


async def configure(gate: Gate, **values: Any) -> None:
    for name, value in values.items():
        await gate.running.directory.options.set(name, value)


async def checks(gate: Gate, answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of what was asked about a request."""
    await gate.settled()
    start = f"usage:{answer.headers['x-request-id']}-moderation-"
    found = await gate.books.store.find_list("events", {"_id": {"$gte": start, "$lt": start + "~"}})
    return list(found)


@pytest.mark.parametrize("name", BODIES)
async def test_a_flagged_request_is_refused_in_its_dialect(
    gate: Gate, on: FakeTasks, name: str
) -> None:
    path, body = BODIES[name]
    key, secret = await gate.key("1")
    answer = await gate.post(secret, body, path)
    assert answer.status_code == 400, answer.text
    category = "violence" if name in PICTURES else "illicit"
    assert f"moderation ({category})" in answer.text
    error = answer.json()["error"]
    if "messages" in name:
        assert answer.json()["type"] == "error" and error["type"] == "invalid_request_error"
    elif "gemini" in name:
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    else:
        assert error["code"] == "content_flagged"
    assert "x-tollgate-event" not in answer.headers and BAD not in answer.text
    assert not gate.upstream.received
    assert await gate.balance(key.account) == 10**9
    assert {event["account"] for event in await gate.events_of(key)} == {f"user:{ROOT_ID}"}
    assert on.received and all(each.path == "/v1/moderations" for each in on.received)


async def test_forms_are_looked_at_too(gate: Gate, on: FakeTasks) -> None:
    _, secret = await gate.key()
    headers = {"authorization": f"Bearer sk-{secret}"}

    async def post(path: str, **given: Any) -> httpx.Response:
        return await gate.http.post(path, headers=headers, **given)

    png = ("a.png", b"\x89PNG a weapon", "image/png")
    said = {"model": "dall-e-2", "prompt": BAD}
    plain = ("a.png", b"\x89PNG a rose!!!", "image/png")
    answer = await post("/v1/images/edits", data=said, files={"image": plain})
    assert answer.status_code == 400 and "illicit" in answer.text
    answer = await post("/v1/images/variations", data={"model": "dall-e-2"}, files={"image": png})
    assert answer.status_code == 400 and "violence" in answer.text
    answer = await post("/v1/images/variations", data={"model": "dall-e-2"}, files={"image": plain})
    assert answer.status_code == 200, answer.text
    sound = {"file": ("a.mp3", b"\xff\xfb\x90\x00" * 100, "audio/mpeg")}
    said = {"model": "whisper-1", "prompt": BAD}
    answer = await post("/v1/audio/transcriptions", data=said, files=sound)
    assert answer.status_code == 400 and "illicit" in answer.text


async def test_a_clean_request_goes_on_and_its_check_is_the_operators(
    gate: Gate, on: FakeTasks
) -> None:
    user = await gate.balance(f"user:{ROOT_ID}")
    key, secret = await gate.key("1")
    (channel,) = (c for c in gate.running.directory.all_channels() if "omni" in c.models)
    spent = (await accounts.read(gate.books.store, channel.account)).get("cost", 0)
    for stream in (False, True):
        answer = await gate.post(secret, chat(f"be kind {stream}", stream=stream))
        assert answer.status_code == 200 and gate.upstream.received
        charge = await gate.charge_of(answer)
        (check,) = await checks(gate, answer)
        body = check["body"]
        assert (check["account"], check["amount"], check["actor"]) == (
            f"user:{ROOT_ID}",
            0,
            key.account,
        )
        assert (body["endpoint"], body["key"], body["model"], body["outcome"]) == (
            "moderation.check",
            0,
            "omni",
            "complete",
        )
        tokens = body["usage"]["input"]
        assert tokens >= 2 and body["cost_nano"] == tokens * 2_000
        assert body["price"]["group_ratio"] == "0" and charge["amount"] < 0
        spent += body["cost_nano"]
        found = {"keyword": answer.headers["x-request-id"]}
        token = await gate.running.directory.users.make_access_token(ROOT_ID)
        headers = {"Authorization": token}
        rows = await gate.http.get("/api/log/search", params=found, headers=headers)
        said = [row["content"].partition(";")[0] for row in rows.json()["data"]]
        assert len(said) == 2 and "moderation of a request" in said, rows.text
    await gate.balance(key.account)
    assert (await accounts.read(gate.books.store, channel.account))["cost"] == spent
    charges = [e["amount"] for e in await gate.events_of(key) if e["body"]["key"]]
    assert await gate.balance(f"user:{ROOT_ID}") == user + sum(charges)


async def test_a_free_model_leaves_no_event(gate: Gate, on: FakeTasks) -> None:
    await configure(gate, ModerationModel="free-omni")
    _, secret = await gate.key()
    answer = await gate.post(secret, chat("be kind"))
    assert answer.status_code == 200 and on.received[0].body["model"] == "free-omni"
    assert await checks(gate, answer) == []


async def test_a_conversation_is_asked_about_once(gate: Gate, on: FakeTasks) -> None:
    _, secret = await gate.key()
    said = ["one " + "x" * 5_000, "two"]
    for turn in ("three", "four"):
        said.append(turn)
        assert (await gate.post(secret, chat(*said))).status_code == 200
    first, second = (each.body["input"] for each in on.received)
    assert len(first) == 5 and max(map(len, first)) <= 2_000 and second == ["four"]
    assert (await gate.post(secret, chat(*said))).status_code == 200
    assert len(on.received) == 2
    await configure(gate, ModerationThresholds='{"illicit": 0.9}')  # other rules, other verdicts
    assert (await gate.post(secret, chat(*said))).status_code == 200
    assert len(on.received) == 3
    outcomes = gate.running.relay.moderated.outcomes
    assert (outcomes["clean"], outcomes["known"]) == (3, 1)
    assert (await gate.post(secret, chat(BAD))).status_code == 200  # scored 0.75
    await configure(gate, ModerationThresholds='{"illicit": 0.7}')
    for _ in range(2):  # what is flagged is never remembered
        assert (await gate.post(secret, chat(BAD))).status_code == 400
    assert outcomes["flagged"] == 2 and len(on.received) == 6
    await configure(gate, ModerationThresholds='{"violence": 0.2}')
    assert "violence" in (await gate.post(secret, chat("hi"))).text
    metrics = (await gate.http.get("/metrics")).text
    assert 'tollgate_moderated_total{outcome="flagged"} 3' in metrics


async def test_long_texts_and_many_images_are_asked_about_in_part(
    gate: Gate, on: FakeTasks
) -> None:
    _, secret = await gate.key()
    text = "".join(f"{number:09d} " for number in range(15_000))
    answer = await gate.post(secret, chat(text))
    assert answer.status_code == 200, answer.text
    asked = [piece for each in on.received for piece in each.body["input"]]
    assert len(on.received) == 3 and max(map(len, asked)) <= 2_000
    parts = sorted(asked)
    whole = parts[0] + "".join(part[100:] for part in parts[1:])
    assert whole == text
    at_the_end = text[:-20] + "bomb"
    assert (await gate.post(secret, chat(at_the_end))).status_code == 400
    on.received.clear()
    places = [f"https://example.org/{number}.png" for number in range(6)]
    seen = [{"type": "image_url", "image_url": {"url": place}} for place in places]
    assert (await gate.post(secret, chat(seen))).status_code == 200
    assert len(on.received) == 6
    await configure(gate, ModerationImages=False)
    picture = [{"type": "image_url", "image_url": {"url": IMAGE}}]
    assert (await gate.post(secret, chat(picture))).status_code == 200
    assert len(on.received) == 6


async def test_tokens_are_read_back_and_the_last_of_two_fields_is_sent(
    gate: Gate, on: FakeTasks
) -> None:
    _, secret = await gate.key()
    relay = gate.running.relay
    await relay.counter.count("m", ["x"])
    tokens = relay.counter._encoding("o200k_base").encode_ordinary(BAD)
    body = {"model": "m", "prompt": [*tokens, 2**40, -1]}
    assert (await gate.post(secret, body, "/v1/completions")).status_code == 400
    raw = b'{"model":"m","messages":[{"role":"user","content":"bomb"}],'
    raw += b'"messages":[{"role":"user","content":"rose"}]}'
    assert (await gate.post(secret, raw)).status_code == 200
    assert b"bomb" not in gate.upstream.received[-1].raw


FAILURES: dict[str, dict[str, Any]] = {
    "an error": {"status": 500},
    "no verdict": {"instead": b'{"results": []}'},
    "nonsense": {"instead": b'{"results": [{"flagged": "yes"}]}'},
    "no json": {"instead": b"<html>"},
    "refused": {"status": 400},
}


@pytest.mark.parametrize("name", FAILURES)
async def test_what_cannot_be_judged_goes_as_the_option_says(
    gate: Gate, on: FakeTasks, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for field, value in FAILURES[name].items():
        setattr(on.answers, field, value)
    key, secret = await gate.key("1")
    with caplog.at_level(logging.WARNING, "tollgate.relay"):
        for stream in (False, True):
            answer = await gate.post(secret, chat("hi", stream=stream))
            assert answer.status_code == 503 and "retry-after" in answer.headers, answer.text
            assert answer.json()["error"]["code"] == "moderation_unavailable"
        assert not gate.upstream.received and await gate.balance(key.account) == 10**9
        await configure(gate, ModerationOnFailure="allow")
        for stream in (False, True):
            answer = await gate.post(secret, chat("hi", stream=stream))
            assert answer.status_code == 200, answer.text
    lines = [each for each in caplog.messages if "moderation failed" in each]
    assert len(lines) == 1, caplog.messages
    outcomes = gate.running.relay.moderated.outcomes
    assert (outcomes["not judged"], outcomes["let pass"]) == (2, 2)
    caplog.clear()
    rest(gate)


def rest(gate: Gate) -> None:
    """Let every channel be asked again at once."""
    gate.running.relay.watch.keep(())


async def test_a_channel_that_fails_is_replaced_by_another_one(
    gate: Gate, on: FakeTasks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await configure(gate, RetryTimes=2)
    gate.upstream.behaviour = Behaviour(status=503)
    bad = await gate.channel("omni", priority=10, type=8)
    _, secret = await gate.key()
    body: dict[str, Any] = {"model": "m", "messages": [HI], "fake": {"status": 200}}
    try:
        answer = await gate.post(secret, body)
        assert answer.status_code == 200, answer.text
        (check,) = await checks(gate, answer)
        assert [each["status"] for each in check["body"]["attempts"]] == [503, 200]
        assert check["body"]["channel"] != bad.id
        rest(gate)
        gate.upstream.behaviour = Behaviour(hang=True)
        body["fake"]["hang"] = False
        monkeypatch.setattr(moderator, "PATIENCE_S", 0.2)
        gate.running.relay.moderated = Moderated()
        answer = await gate.post(secret, body)
        assert answer.status_code == 200, answer.text
        (check,) = await checks(gate, answer)
        first, second = check["body"]["attempts"]
        assert "no answer in 0.2 s" in first["error"] and second["status"] == 200
        rest(gate)
        monkeypatch.setattr(moderation, "LONGEST_S", 0.1)
        gate.running.relay.moderated = Moderated()
        answer = await gate.post(secret, body)
        assert answer.status_code == 503 and "moderation_unavailable" in answer.text
        gate.upstream.released.set()
        assert any("no verdict in" in each for each in caplog.messages)
    finally:
        await gate.running.directory.channels.delete(bad.id)
        caplog.clear()
        rest(gate)


async def test_who_is_not_meant_is_not_asked_about(
    gate: Gate, on: FakeTasks, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = await gate.key()
    await configure(gate, ModerationGroups="vip, svip")
    assert (await gate.post(secret, chat(BAD))).status_code == 200
    await configure(gate, ModerationGroups="vip,default")
    assert (await gate.post(secret, chat(BAD))).status_code == 400
    assert len(on.received) == 1
    own = {"model": "free-omni", "input": BAD}
    answer = await gate.post(secret, own, "/v1/moderations")
    assert answer.status_code == 200 and answer.json()["results"][0]["flagged"]
    assert (await gate.post(secret, {"model": "m", "input": BAD}, "/v1/embeddings")).is_success
    assert len(on.received) == 2
    _, broke = await gate.key("0")
    assert (await gate.post(broke, chat(BAD))).status_code == 402 and len(on.received) == 2
    await configure(gate, ModerationModel="nobody-has-it")
    assert (await gate.post(secret, chat(BAD))).status_code == 503
    await configure(gate, ModerationEnabled=False)
    assert (await gate.post(secret, chat(BAD))).status_code == 200
    assert len(on.received) == 2 and "nobody-has-it" in caplog.text
    caplog.clear()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ModerationModel", ""),
        ("ModerationOnFailure", "perhaps"),
        ("ModerationThresholds", '{"violence": 2}'),
        ("ModerationThresholds", '{"violence": "high"}'),
        ("ModerationThresholds", "[]"),
        ("ModerationGroups", "x" * 40),
    ],
)
async def test_options_that_mean_nothing_are_refused(gate: Gate, name: str, value: str) -> None:
    with pytest.raises(Exception, match=name):
        await configure(gate, **{name: value})
