"""Words that the operator does not want sent: refused in every dialect, and nothing is charged."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory import words
from gateway.relay.filter import PIECE, blocked
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK

pytestmark = pytest.mark.asyncio(loop_scope="module")

HI = {"role": "user", "content": "hi"}


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {**ASK, "messages": [HI, said("so TopSecret!")]}),
    "system": (
        "/v1/chat/completions",
        {**ASK, "messages": [{**said("topsecret"), "role": "system"}]},
    ),
    "parts": (
        "/v1/chat/completions",
        {**ASK, "messages": [said([{"type": "text", "text": "a TOPSECRET"}])]},  # type: ignore[arg-type]
    ),
    "phrase": ("/v1/chat/completions", {**ASK, "messages": [said("a Red \n button")]}),
    "long": ("/v1/chat/completions", {**ASK, "messages": [said("x" * (PIECE - 3) + "topsecret")]}),
    "completions": ("/v1/completions", {"model": "m", "prompt": ["a", "topsecret"]}),
    "suffix": ("/v1/completions", {"model": "m", "prompt": "a", "suffix": "topsecret"}),
    "names": (
        "/v1/chat/completions",
        {**ASK, "tools": [{"function": {"parameters": {"properties": {"topsecret": {}}}}}]},
    ),
    "unknown": ("/v1/chat/completions", {**ASK, "documents": [{"body": "topsecret"}]}),
    "role": ("/v1/chat/completions", {**ASK, "messages": [{**HI, "role": "topsecret"}]}),
    "rerank": ("/v1/rerank", {"model": "m", "query": "a", "documents": [{"t": "topsecret"}]}),
    "speech": (
        "/v1/audio/speech",
        {"model": "m", "voice": "v", "input": "a", "instructions": "topsecret"},
    ),
    "picture": ("/v1/images/generations", {"model": "m", "prompt": "topsecret"}),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": "topsecret"}),
    "messages": (
        "/v1/messages",
        {"model": "m", "max_tokens": 5, "system": "topsecret", "messages": [HI]},
    ),
    "document": (
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 5,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {
                                "type": "text",
                                "media_type": "text/plain",
                                "data": "topsecret",
                            },
                        }
                    ],
                }
            ],
        },
    ),
    "counted": ("/v1/messages/count_tokens", {"model": "m", "messages": [said("topsecret")]}),
    "responses": ("/v1/responses", {"model": "m", "instructions": "topsecret", "input": "hi"}),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "STRASSE"}]}]},
    ),
}


@pytest_asyncio.fixture(loop_scope="module")
async def filtering(gate: Gate) -> AsyncIterator[Gate]:
    options = gate.running.directory.options
    await options.set("SensitiveWords", "topsecret\n\n  red   button \nstraße\nne.er")
    await options.set("CheckSensitiveEnabled", True)
    yield gate
    await options.set("CheckSensitiveEnabled", False)
    await options.set("SensitiveWords", "")


@pytest.mark.parametrize("name", BODIES)
async def test_a_request_with_such_a_word_is_refused(filtering: Gate, name: str) -> None:
    path, body = BODIES[name]
    key, secret = await filtering.key("1")
    answer = await filtering.post(secret, body, path)
    assert answer.status_code == 400 and "does not allow" in answer.text
    if name not in ("messages", "document", "counted", "gemini"):
        assert answer.json()["error"]["code"] == "content_blocked"
    assert "topsecret" not in answer.text.lower() and "x-tollgate-event" not in answer.headers
    await filtering.settled()
    assert not filtering.upstream.received and not await filtering.events_of(key)
    assert await filtering.balance(key.account) == 10**9
    metrics = (await filtering.http.get("/metrics")).text
    assert re.search(r'tollgate_refused_total\{reason="content_blocked"\} [1-9]', metrics)


async def test_forms_and_pieces_of_text_are_looked_at_too(filtering: Gate) -> None:
    _, secret = await filtering.key()
    headers = {"authorization": f"Bearer sk-{secret}"}
    for path, name in (("images/edits", "image"), ("audio/transcriptions", "file")):
        given = {"model": "m", "prompt": "a TopSecret"}
        files = {name: ("a", b"content", "image/png")}
        answer = await filtering.http.post(f"/v1/{path}", headers=headers, data=given, files=files)
        assert (answer.status_code, "does not allow" in answer.text) == (400, True), answer.text
    assert not filtering.upstream.received
    relay = filtering.running.relay
    assert await blocked(relay, ["a", "TopSecret"]) and not await blocked(relay, ["a"])
    await relay.directory.options.set("CheckSensitiveEnabled", False)
    assert not await blocked(relay, ["TopSecret"])


@pytest.mark.parametrize("text", ["top secret", "red", "never", "nothing of the kind"])
async def test_others_pass(filtering: Gate, text: str) -> None:
    _, secret = await filtering.key()
    answer = await filtering.post(secret, {**ASK, "messages": [said(text)]})
    assert answer.status_code == 200


async def test_the_filter_is_off_until_it_is_switched_on(filtering: Gate) -> None:
    await filtering.running.directory.options.set("CheckSensitiveEnabled", False)
    path, body = BODIES["chat"]
    _, secret = await filtering.key()
    assert (await filtering.post(secret, body, path)).status_code == 200


@pytest.mark.parametrize(
    "value", [7, "x" * (words.MAX_LENGTH + 1), "\n".join(map(str, range(words.MOST_WORDS + 1)))]
)
async def test_what_is_no_list_of_words_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"must|too long"):
        words.check(value)


async def test_long_words_that_begin_alike_are_compiled() -> None:
    alike = ["a" * many + "b" for many in range(words.MAX_LENGTH)]
    pattern = words.pattern_of(words.check("\n".join(alike)))
    assert pattern is not None and pattern.fullmatch(alike[-1])


letters = st.text("abß.*\\ ", min_size=1, max_size=5)


@given(st.lists(letters, max_size=6), st.text("abßsS.*\\ ", max_size=30))
async def test_the_tree_finds_what_a_plain_search_finds(listed: list[str], text: str) -> None:
    kept = words.check("\n".join(listed))
    pattern = words.pattern_of(kept)
    flat = re.sub(r" +", " ", text.casefold())
    plain = any(word.casefold() in flat for word in kept.splitlines())
    found = pattern is not None and pattern.search(text.casefold()) is not None
    assert found == plain
