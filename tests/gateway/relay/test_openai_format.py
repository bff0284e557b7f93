"""What a request must say, and where the text is that it sends."""

from typing import Any

import orjson
import pytest

from gateway.formats import openai, text
from gateway.formats.images import Image
from gateway.relay.errors import RelayError

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def read(endpoint: openai.Endpoint, body: object, model: str | None = None) -> openai.Ask:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return openai.read(endpoint, raw, model)


def test_a_good_request_is_understood() -> None:
    ask = read(openai.CHAT, {**CHAT, "stream": True, "max_tokens": 5, "n": 2})
    assert (ask.model, ask.stream, ask.max_output, ask.choices) == ("m", True, 5, 2)
    assert not ask.wants_usage


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_value"),
        ({"model": ""}, "model", "invalid_value"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": "hi"}, "messages", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": ["hi"]}, "messages", "invalid_value"),
        ({"max_tokens": -1}, "max_tokens", "invalid_value"),
        ({"max_tokens": 2**30 + 1}, "max_tokens", "invalid_value"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_value"),
        ({"max_tokens": True}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 129}, "n", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_value"),
        ({"stream": True, "stream_options": []}, "stream_options", "invalid_value"),
    ],
)
def test_a_wrong_parameter_is_named(change: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(RelayError) as caught:
        read(openai.CHAT, {**CHAT, **change})
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        read(openai.CHAT, raw)
    assert caught.value.status == 400


def test_the_newer_output_limit_wins() -> None:
    ask = read(openai.CHAT, {**CHAT, "max_tokens": 5, "max_completion_tokens": 7})
    assert (ask.max_output, ask.limit_field) == (7, "max_completion_tokens")


def test_every_prompt_and_every_try_is_an_output() -> None:
    body = {"model": "m", "prompt": ["a", "b", "c"], "n": 2, "best_of": 4}
    assert read(openai.COMPLETIONS, body).choices == 12
    assert read(openai.COMPLETIONS, {"model": "m", "prompt": [1, 2]}).choices == 1


def test_the_model_may_be_in_the_path() -> None:
    ask = read(openai.EMBEDDINGS, {"input": "hi"}, "from-path")
    assert ask.model == "from-path"
    assert orjson.loads(ask.raw)["model"] == "from-path"


def test_all_text_of_a_request_is_found() -> None:
    found = text.of_request(
        {
            "messages": [
                {"role": "system", "content": "s"},
                {
                    "role": "user",
                    "name": "bob",
                    "content": [
                        {"type": "text", "text": "t"},
                        {"type": "image_url", "image_url": {}},
                    ],
                },
                "junk",
            ],
            "tools": [{"type": "function"}],
        }
    )
    assert found.texts == ["system", "s", "user", "bob", "t", '[{"type":"function"}]']
    assert found.tokens == 3 + 3 + 3 + 1
    assert found.images == [Image(None)]
    assert found.fixed("claude-x") == found.tokens + 1_600


def test_token_ids_are_counted_as_they_are() -> None:
    assert text.of_request({"input": [1, 2, 3]}).tokens == 3
    assert text.of_request({"input": [[1, 2], [3]]}).tokens == 3
    assert text.of_request({"prompt": ["a", "b"]}).texts == ["a", "b"]
