"""Coze."""

import orjson

from tests.fakes import coze
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, BROKEN, RESULT, TWO, Row, Seen


def of_coze(body: Json) -> Seen:
    seen = Seen()
    for message in body["additional_messages"]:
        assert message["type"] == ("question" if message["role"] == "user" else "answer")
        content = message["content"]
        if message["content_type"] == "text":
            seen.said.append((message["role"], content))
            continue
        parts = orjson.loads(content)
        seen.images += [
            part.get("file_url") or part["file_id"] for part in parts if part["type"] == "image"
        ]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        seen.said.append((message["role"], "\n".join(texts)))
    return seen


def coze_frame(script: Script) -> Json:
    counts = {"output_count": script.tokens_out, "input_count": script.tokens_in}
    return {"token_count": sum(counts.values()), **counts}


ROW = Row(
    vectors=False,
    type=34,
    fake=coze.FakeCoze,
    secret=coze.KEY,
    seen=of_coze,
    frame=coze_frame,
    linked=True,
    refused=(TWO, AUDIO, BROKEN, RESULT),
    chat_path="/v3/chat",
    model=f"bot-{coze.BOT}",
    config={"user_id": "somebody"},
    sampling=frozenset(),
    system="user",
    lengths=False,
    efforts=False,
)
