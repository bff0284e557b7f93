"""The fake of Hunyuan, asked by Tencent Cloud's own SDK: its signatures, its fields, its events."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.fakes.hunyuan import SECRET_ID, SECRET_KEY, FakeHunyuan
from tests.fakes.native import CALLS, WORDS, Script

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
TOOL = {"Type": "function", "Function": {"Name": "weather", "Parameters": "{}"}}
ASKED: Any = {
    "Model": "m",
    "Messages": [{"Role": "user", "Content": "hi Zürich 🏔"}],
    "Tools": [TOOL],
    "ToolChoice": "custom",
    "CustomTool": TOOL,
    "Temperature": 0.5,
    "Seed": 7,
    "Stop": ["END"],
    "EnableThinking": True,
}


async def test_hunyuan() -> None:
    pytest.importorskip("tencentcloud.hunyuan.v20230901")
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    async with FakeHunyuan() as fake:
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, cached=5)
        whole = await asyncio.to_thread(_whole, fake, SECRET_KEY)
        choice = whole.Choices[0]
        assert (choice.Message.Content, choice.Message.ReasoningContent) == (TEXT, "Hm.")
        assert [call.Function.Name for call in choice.Message.ToolCalls] == ["weather"] * 2
        assert choice.FinishReason == "tool_calls" and whole.Usage.TotalTokens == 18
        assert whole.Usage.PromptTokensDetails.CachedTokens == "5"
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, piece=3)
        events = await asyncio.to_thread(_events, fake)
        deltas = [event["Choices"][0]["Delta"] for event in events]
        assert "".join(delta["Content"] for delta in deltas) == TEXT
        pieces = [call["Function"] for delta in deltas for call in delta.get("ToolCalls", ())]
        said = "".join(piece["Arguments"] for piece in pieces)
        assert said == '{"city":"Oslo"}{"city":"Bergen"}'
        assert events[-1]["Choices"][0]["FinishReason"] == "tool_calls"
        assert events[-1]["Usage"]["CompletionTokens"] == 7
        vectors = await asyncio.to_thread(_vectors, fake)
        assert [each.Embedding for each in vectors.Data] == [[3.0, 0.5], [5.0, 0.5]]
        assert (vectors.Usage.PromptTokens, vectors.Usage.TotalTokens) == (11, 11)
        with pytest.raises(TencentCloudSDKException) as caught:
            await asyncio.to_thread(_whole, fake, "another key")
        assert caught.value.code == "AuthFailure.SignatureFailure"
        fake.script = Script(status=429)
        with pytest.raises(TencentCloudSDKException, match="failed with 429"):
            await asyncio.to_thread(_whole, fake, SECRET_KEY)


def _client(fake: FakeHunyuan, secret_key: str) -> Any:
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.hunyuan.v20230901.hunyuan_client import HunyuanClient

    http = HttpProfile(protocol="http", endpoint=f"127.0.0.1:{fake.port}")
    return HunyuanClient(Credential(SECRET_ID, secret_key), "", ClientProfile(httpProfile=http))


def _request(kind: str, **fields: Any) -> Any:
    from tencentcloud.hunyuan.v20230901 import models

    made = getattr(models, kind)()
    made._deserialize(fields)
    return made


def _whole(fake: FakeHunyuan, secret_key: str) -> Any:
    request = _request("ChatCompletionsRequest", **ASKED)
    return _client(fake, secret_key).ChatCompletions(request)


def _events(fake: FakeHunyuan) -> list[Any]:
    request = _request("ChatCompletionsRequest", **ASKED, Stream=True)
    stream = _client(fake, SECRET_KEY).ChatCompletions(request)
    return [orjson.loads(event["data"]) for event in stream if event.get("data")]


def _vectors(fake: FakeHunyuan) -> Any:
    request = _request("GetEmbeddingRequest", InputList=["one", "three"])
    return _client(fake, SECRET_KEY).GetEmbedding(request)
