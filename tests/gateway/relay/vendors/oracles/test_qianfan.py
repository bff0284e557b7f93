"""The fake of Baidu Qianfan, read by Baidu's own client.

That client (qianfan 0.4.12) wants tenacity below 9, which other clients of the extra `dev` do not,
so it is no part of it: where it is not installed beside them, this is skipped.
"""

import asyncio
from typing import Any

import pytest

from tests.fakes.native import CALLS, WORDS, Script
from tests.fakes.qianfan import API_KEY, SECRET_KEY, FakeQianfan

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": "hi"}]
FUNCTION = {"name": "weather", "description": "w", "parameters": {"type": "object"}}


@pytest.mark.filterwarnings("ignore")
async def test_qianfan(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeQianfan() as fake:
        for name in ("QIANFAN_BASE_URL", "QIANFAN_CONSOLE_API_BASE_URL"):
            monkeypatch.setenv(name, fake.url)
        monkeypatch.setenv("QIANFAN_DISABLE_CACHE", "true")
        qianfan = pytest.importorskip("qianfan")
        await asyncio.to_thread(_asked, qianfan, fake)


def _asked(qianfan: Any, fake: FakeQianfan) -> None:
    keys = {"ak": API_KEY, "sk": SECRET_KEY}
    client = qianfan.ChatCompletion(version="1", **keys)
    fake.script = Script(calls=CALLS)
    asked = {"model": "ERNIE-4.0-8K", "messages": HI, "functions": [FUNCTION], "retry_count": 1}
    whole = client.do(**asked, system="Be brief.", temperature=0.5).body
    assert whole["result"] == TEXT and whole["usage"]["total_tokens"] == 18
    assert whole["function_call"]["arguments"] == '{"city":"Oslo"}'
    assert fake.received[-1].path.endswith("/chat/completions_pro") and fake.given == 1
    fake.script = Script(piece=3)
    events = [event.body for event in client.do(**asked, stream=True)]
    assert "".join(event["result"] for event in events) == TEXT
    assert [event["is_end"] for event in events] == [False] * len(WORDS) + [True]
    vectors = qianfan.Embedding(version="1", **keys)
    made = vectors.do(model="Embedding-V1", texts=["one", "three"]).body
    assert [each["embedding"] for each in made["data"]] == [[3.0, 0.5], [5.0, 0.5]]
    fake.script = Script(status=400)
    with pytest.raises(qianfan.errors.APIError, match="336003"):
        client.do(**asked)
