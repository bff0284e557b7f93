"""The fakes of Amazon Bedrock, read and signed for by Amazon's own client and by Anthropic's."""

import asyncio
from typing import Any

import pytest

from tests.fakes import aws, bedrock, bedrock_claude
from tests.fakes.native import CALLS, WORDS, Script

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": [{"text": "hi"}]}]
SPEC = {"name": "weather", "inputSchema": {"json": {"type": "object"}}}


def amazon(url: str, token: str | None = None) -> Any:
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1})
    return boto3.Session().client(
        "bedrock-runtime",
        region_name=aws.REGION,
        endpoint_url=url,
        aws_access_key_id=aws.ACCESS,
        aws_secret_access_key=aws.SECRET,
        aws_session_token=token,
        config=config,
    )


def listed(asked: Any, key: str) -> list[Any]:
    return list(asked()[key])


async def test_converse() -> None:
    async with bedrock.FakeBedrock() as fake:
        client = amazon(fake.url)
        fake.script = Script(thoughts=("Hm.",), calls=CALLS)
        image = {"format": "png", "source": {"bytes": b"\x89PNG"}}
        asked = {
            "modelId": bedrock.MODEL,
            "messages": [{"role": "user", "content": [{"text": "hi"}, {"image": image}]}],
            "inferenceConfig": {"maxTokens": 9, "topP": 0.5, "stopSequences": ["END"]},
            "toolConfig": {"tools": [{"toolSpec": SPEC}], "toolChoice": {"any": {}}},
            "system": [{"text": "Be brief."}],
        }
        whole = await asyncio.to_thread(client.converse, **asked)
        blocks = whole["output"]["message"]["content"]
        assert blocks[0]["reasoningContent"]["reasoningText"]["text"] == "Hm."
        assert blocks[1]["text"] == TEXT and blocks[2]["toolUse"]["input"] == CALLS[0][1]
        assert (whole["stopReason"], whole["usage"]["totalTokens"]) == ("tool_use", 18)
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, piece=3, noise=False)
        events = await asyncio.to_thread(
            lambda: listed(lambda: client.converse_stream(**asked), "stream")
        )
        deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
        assert "".join(delta.get("text", "") for delta in deltas) == TEXT
        given = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
        assert given == '{"city":"Oslo"}{"city":"Bergen"}'
        assert events[-1]["metadata"]["usage"]["inputTokens"] == 11
        fake.script = Script(status=429)
        with pytest.raises(client.exceptions.ThrottlingException, match="failed with 429"):
            await asyncio.to_thread(client.converse, modelId=bedrock.MODEL, messages=HI)
        fake.script = Script(fail_at=2)
        with pytest.raises(Exception, match="the model crashed"):
            await asyncio.to_thread(
                lambda: listed(lambda: client.converse_stream(**asked), "stream")
            )
        fake.keys[aws.ACCESS] = "another secret"
        with pytest.raises(Exception, match="signature we calculated does not match"):
            await asyncio.to_thread(client.converse, modelId=bedrock.MODEL, messages=HI)
        client.close()


async def test_invoke_as_anthropics_client_does() -> None:
    anthropic = pytest.importorskip("anthropic")
    pytest.importorskip("boto3")
    async with bedrock_claude.FakeBedrockClaude() as fake:
        fake.token = "a/token=="
        client = anthropic.AsyncAnthropicBedrock(
            aws_access_key=aws.ACCESS,
            aws_secret_key=aws.SECRET,
            aws_session_token=fake.token,
            aws_region=aws.REGION,
            base_url=fake.url,
            max_retries=0,
        )
        asked = {
            "model": bedrock_claude.MODEL,
            "max_tokens": 50,
            "messages": [{"role": "user", "content": "hi"}],
            # The newer version that this client sends by itself is refused for these models.
            "extra_body": {"anthropic_version": "bedrock-2023-05-31"},
        }
        fake.script = Script(calls=CALLS, cached=4)
        whole = await client.messages.create(**asked)
        assert whole.content[0].text == TEXT and whole.content[1].input == CALLS[0][1]
        assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (7, 4)
        fake.script = Script(calls=CALLS, piece=3)
        async with client.messages.stream(**asked) as stream:
            assert "".join([text async for text in stream.text_stream]) == TEXT
            last = await stream.get_final_message()
        assert [block.input for block in last.content[1:]] == [given for _, given in CALLS]
        assert (last.stop_reason, last.usage.output_tokens) == ("tool_use", 7)
        fake.script = Script(status=403)
        with pytest.raises(anthropic.PermissionDeniedError, match="failed with 403"):
            await client.messages.create(**asked)
        await client.close()


async def test_invoke_as_amazons_client_does() -> None:
    async with bedrock_claude.FakeBedrockClaude() as fake:
        client = amazon(fake.url)
        body = (
            b'{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,'
            b'"messages":[{"role":"user","content":"hi"}]}'
        )
        asked = {"modelId": bedrock_claude.MODEL, "body": body}
        asked |= {"contentType": "application/json", "accept": "application/json"}
        whole = await asyncio.to_thread(lambda: client.invoke_model(**asked)["body"].read())
        assert b'"end_turn"' in whole
        fake.script = Script(piece=3)
        events = await asyncio.to_thread(
            lambda: listed(lambda: client.invoke_model_with_response_stream(**asked), "body")
        )
        assert b'"message_start"' in events[0]["chunk"]["bytes"]
        assert b"invocationMetrics" in events[-1]["chunk"]["bytes"]
        client.close()
