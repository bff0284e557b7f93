"""Every vendor of OpenAI's protocol is asked at the address, and with the key, that it documents.

The table is written by hand, from the vendors' own references and One API's; nothing in it comes
from the catalogue that it checks.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from gateway.providers.natives import HOSTED
from tests.fakes.strict import StrictVendor
from tests.gateway.relay.conftest import SECRET, Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Preset(NamedTuple):
    """A row: type, the vendor's own address, where below that its tasks are."""

    type: int
    origin: str
    chat: str | None = "/v1/chat/completions"
    embeddings: str | None = "/v1/embeddings"
    rerank: str | None = "/v1/rerank"
    below: str = ""
    config: dict[str, str] = {}
    key: str = SECRET


def only(type_id: int, origin: str, chat: str | None, **others: Any) -> Preset:
    """A vendor without routes but those that are named."""
    return Preset(type_id, origin, chat, **{"embeddings": None, "rerank": None, **others})


ARK, DASHSCOPE, BIGMODEL = "/api/v3", "/compatible-mode/v1", "/api/paas/v4"
WORKERS = "/client/v4/accounts/0a1b/ai/v1"
PRESETS = [
    Preset(1, "https://api.openai.com"),
    Preset(2, "https://oa.api2d.net"),
    Preset(4, "https://api.closeai-proxy.xyz"),
    Preset(5, "https://api.openai-sb.com"),
    Preset(6, "https://api.openaimax.com"),
    Preset(7, "https://api.ohmygpt.com"),
    Preset(8, ""),
    Preset(9, "https://api.caipacity.com"),
    Preset(10, "https://api.aiproxy.io"),
    Preset(12, "https://api.api2gpt.com"),
    Preset(13, "https://api.aigc2d.com"),
    only(
        16,
        "https://open.bigmodel.cn",
        f"{BIGMODEL}/chat/completions",
        embeddings=f"{BIGMODEL}/embeddings",
    ),
    Preset(19, "https://ai.360.cn"),
    Preset(
        20,
        "https://openrouter.ai",
        "/api/v1/chat/completions",
        "/api/v1/embeddings",
        "/api/v1/rerank",
        below="/api",
    ),
    only(22, "https://api.fastgpt.in", "/api/v1/chat/completions", below="/api"),
    Preset(25, "https://api.moonshot.cn"),
    Preset(26, "https://api.baichuan-ai.com"),
    only(27, "https://api.minimax.chat", "/v1/text/chatcompletion_v2"),
    Preset(28, "https://api.mistral.ai"),
    Preset(
        29,
        "https://api.groq.com",
        "/openai/v1/chat/completions",
        "/openai/v1/embeddings",
        "/openai/v1/rerank",
        below="/openai",
    ),
    Preset(31, "https://api.lingyiwanwu.com"),
    Preset(32, "https://api.stepfun.com"),
    Preset(36, "https://api.deepseek.com"),
    only(
        37,
        "https://api.cloudflare.com",
        f"{WORKERS}/chat/completions",
        embeddings=f"{WORKERS}/embeddings",
        config={"account_id": "0a1b"},
    ),
    Preset(39, "https://api.together.xyz"),
    only(
        40,
        "https://ark.cn-beijing.volces.com",
        f"{ARK}/chat/completions",
        embeddings=f"{ARK}/embeddings",
    ),
    only(41, "https://api.novita.ai", "/v3/openai/chat/completions", below="/v3/openai"),
    Preset(44, "https://api.siliconflow.cn"),
    Preset(45, "https://api.x.ai"),
    only(47, "https://qianfan.baidubce.com", "/v2/chat/completions", embeddings="/v2/embeddings"),
    only(48, "https://spark-api-open.xf-yun.com", "/v1/chat/completions"),
    only(
        49,
        "https://dashscope.aliyuncs.com",
        f"{DASHSCOPE}/chat/completions",
        embeddings=f"{DASHSCOPE}/embeddings",
    ),
    # What is below the address has the version already.
    Preset(50, "", "/v1/chat/completions", below="/v1"),
    Preset(
        51,
        "https://generativelanguage.googleapis.com",
        "/v1beta/openai/chat/completions",
        "/v1beta/openai/embeddings",
        "/v1beta/openai/rerank",
        below="/v1beta/openai/",
    ),
    only(1001, "https://api.jina.ai", None, embeddings="/v1/embeddings", rerank="/v1/rerank"),
    only(1002, "https://api.perplexity.ai", "/chat/completions"),
    Preset(1003, "http://localhost:8000"),
    Preset(1004, "http://localhost:1234", key=""),
    Preset(1005, "http://localhost:9997", key=""),
    only(
        1006,
        "https://api.hunyuan.cloud.tencent.com",
        "/v1/chat/completions",
        embeddings="/v1/embeddings",
    ),
    only(1007, "https://api.minimax.io", "/v1/chat/completions"),
    Preset(1008, "", key=""),
]
#: The raw proxy is for no model; Azure has tests of its own.
ELSEWHERE = {3, 43}
HI = [{"role": "user", "content": "hi"}]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": HI}),
    "stream": ("/v1/chat/completions", {"messages": HI, "stream": True}),
    "embeddings": ("/v1/embeddings", {"input": "hi"}),
    "rerank": ("/v1/rerank", {"query": "hi", "documents": ["a", "b"]}),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def vendor() -> AsyncIterator[StrictVendor]:
    async with StrictVendor() as strict:
        yield strict


async def test_the_table_is_complete(gate: Gate) -> None:
    vendors = gate.running.directory.catalogue.vendors()
    spoken = {"openai", *(name for name, host in HOSTED.items() if host.dialect == "openai")}
    known = {v.id for v in vendors if v.protocol in spoken and not v.retired}
    assert known - ELSEWHERE == {preset.type for preset in PRESETS}
    assert len(PRESETS) == len({preset.type for preset in PRESETS})


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: str(preset.type))
async def test_it_is_asked_where_it_is(gate: Gate, vendor: StrictVendor, preset: Preset) -> None:
    address = gate.running.directory.catalogue.vendor(preset.type).base_url
    assert address == (preset.origin + preset.below if preset.origin else "")
    where = {"chat": preset.chat, "stream": preset.chat}
    where |= {"embeddings": preset.embeddings, "rerank": preset.rerank}
    routes = {path: "chat" if task == "stream" else task for task, path in where.items() if path}
    vendor.serve(routes, ("authorization", f"Bearer {preset.key}") if preset.key else None)
    model = f"preset-{preset.type}"
    await gate.price({"model": model, "input": "1", "output": "4"})
    given = {"base_url": vendor.url + preset.below, "config": preset.config}
    made = {"type": preset.type, "name": "t", "models": [model], **given}
    await gate.running.directory.channels.create(made, preset.key)
    _, secret = await gate.key()
    for task, path in where.items():
        asked, body = BODIES[task]
        answer = await gate.post(secret, {"model": model, **body}, asked)
        if path is None:
            assert answer.json()["error"]["code"] == "endpoint_not_offered", task
            continue
        assert answer.status_code == 200, (task, vendor.refused)
        assert vendor.taken[-1][1] == path and (task != "stream" or "[DONE]" in answer.text)
    offered = {task for task, path in where.items() if path}
    assert len(vendor.taken) == len(offered)
