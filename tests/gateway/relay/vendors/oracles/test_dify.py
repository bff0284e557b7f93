"""The fake of Dify against the examples of Dify's own pages ("API Access" of an app).

Dify keeps no client for Python that reads streams: dify-client on PyPI ended in 2023 and hands over
the bytes. So the fake is asked as the pages do, and answers with the fields of their examples.
"""

from typing import Any

import httpx
import orjson
import pytest

from tests.fakes.dify import KEY, FakeDify
from tests.fakes.native import WORDS, Script

pytestmark = pytest.mark.asyncio(loop_scope="module")
_EVENT = {"event", "message_id", "conversation_id", "answer", "created_at", "task_id"}
_USAGE = {
    "prompt_tokens",
    "prompt_unit_price",
    "prompt_price_unit",
    "prompt_price",
    "completion_tokens",
    "completion_unit_price",
    "completion_price_unit",
    "completion_price",
    "total_tokens",
    "total_price",
    "currency",
    "latency",
}


async def test_dify() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    asked: dict[str, Any] = {
        "inputs": {},
        "query": "What are the specs of the iPhone 13 Pro Max?",
        "response_mode": "streaming",
        "conversation_id": "",
        "user": "abc-123",
        "files": [
            {"type": "image", "transfer_method": "remote_url", "url": "https://host/logo.png"}
        ],
    }
    async with FakeDify() as fake, httpx.AsyncClient(base_url=fake.url, headers=headers) as client:
        fake.script = Script(tokens_in=1_033, tokens_out=135, piece=5)
        answer = await client.post("/v1/chat-messages", json=asked)
        events = [orjson.loads(line[5:]) for line in answer.text.split("\n\n") if line]
        assert all(set(event) == _EVENT for event in events[:-1])
        assert "".join(event["answer"] for event in events[:-1]) == "".join(WORDS)
        assert events[-1]["event"] == "message_end"
        usage = events[-1]["metadata"]["usage"]
        assert set(usage) == _USAGE and usage["total_tokens"] == 1_168
        blocking = {**asked, "response_mode": "blocking"}
        whole = (await client.post("/v1/chat-messages", json=blocking)).json()
        assert whole["answer"] == "".join(WORDS) and whole["mode"] == "chat"
        text = {"inputs": {"query": "hi"}, "response_mode": "streaming", "user": "abc-123"}
        assert (await client.post("/v1/completion-messages", json=text)).status_code == 200
        for wrong in ({**asked, "model": "m"}, {**asked, "files": [{"type": "image"}]}):
            refused = await client.post("/v1/chat-messages", json=wrong)
            said = refused.json()
            assert (refused.status_code, said["code"]) == (400, "invalid_param")
            assert said["status"] == 400
