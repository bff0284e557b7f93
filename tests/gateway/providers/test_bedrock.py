"""How Bedrock is asked and read, without a server: what of requests depends on the model, which
models are asked in which protocol, and answers of any shape."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.directory.catalogue import Catalogue
from gateway.providers import aws_errors
from gateway.providers.natives import NATIVES
from gateway.relay.errors import RelayError
from tests.fakes.native import Json
from tests.gateway.directory.conftest import PROVIDERS

HI: Any = [{"role": "user", "content": "hi"}]


def say_of(model: str, **more: Any) -> Json:
    chat = {"model": model, "messages": HI, **more}
    return NATIVES["bedrock"].source().request_from_chat(chat, {})


def test_how_much_to_think_is_said_to_those_who_understand() -> None:
    field = "additionalModelRequestFields"
    oss = say_of("openai.gpt-oss-120b-1:0", reasoning_effort="medium")
    assert oss[field] == {"reasoning_effort": "medium"}
    nova = say_of("us.amazon.nova-2-lite-v1:0", reasoning_effort="xhigh")
    assert nova[field] == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}
    assert field not in say_of("meta.llama3-8b-instruct-v1:0", reasoning_effort="high")
    tiff = {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,aGk="}}
    with pytest.raises(RelayError) as caught:
        say_of("m", messages=[{"role": "user", "content": [tiff]}])
    assert caught.value.param == "messages[0].content[0].image_url"


def test_families() -> None:
    vendor = Catalogue.load(PROVIDERS).vendor(33)
    for model in (
        "claude-2.1",
        "anthropic.claude-v2",
        "us-gov.anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-5",
    ):
        assert vendor.of(model).protocol == "bedrock-claude", model
    for model in ("amazon.nova-pro-v1:0", "not-claude", "arn:aws:bedrock:x:1:provisioned-model/c"):
        assert vendor.of(model).protocol == "bedrock", model


def test_names_of_errors() -> None:
    wrong = "The signature does not match.\n\nThe canonical string is x-amz-security-token:secret"
    said = aws_errors.body("InvalidSignatureException:http://x/", wrong, 403)["error"]
    assert said["message"] == "The signature does not match."
    assert (said["code"], said["type"]) == ("InvalidSignatureException", "permission_error")
    odd = aws_errors.body("com.amazon#modelTimeoutException", "Late.")["error"]
    assert (odd["code"], odd["type"]) == ("ModelTimeoutException", "timeout_error")
    assert aws_errors.body("", "Why", 503)["error"] == {
        "type": "overloaded_error",
        "message": "Why",
    }


NAMES = (
    "output message content text toolUse toolUseId name input reasoningContent reasoningText "
    "stopReason usage metadata messageStart contentBlockStart contentBlockDelta contentBlockStop "
    "messageStop contentBlockIndex start delta inputTokens outputTokens cacheReadInputTokens "
    "cacheWriteInputTokens cacheDetails ttl 1h error embedding embeddings float inputTextTokenCount"
).split()
VALUES = st.none() | st.booleans() | st.integers(-3, 2**66) | st.floats() | st.sampled_from(NAMES)
ODD = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4)
    ),
    max_leaves=14,
)


@given(events=st.lists(st.dictionaries(st.sampled_from(NAMES), ODD), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_json_of_converse_is_read_or_passed_over(events: list[Any]) -> None:
    source = NATIVES["bedrock"].source()
    reader, vectors = source.reader(1), source.vectors
    assert vectors is not None
    for said in events:
        assert all(isinstance(chunk, dict) for chunk in reader.feed(said))
        assert source.answer_to_chat(said, 1)["choices"]
        assert all(isinstance(text, str) for text in source.texts(said))
        report = source.find(said)
        usage = source.classes(report) if report is not None else None
        assert usage is None or all(0 <= count <= 10**12 for count in usage.values())
        assert all(isinstance(vector, list) for vector in vectors.read(said))
    reader.end()
