"""An honest fake of an OpenAI-compatible vendor beside its chat: images, sounds, embeddings,
scores, and whatever it shows about an account (balances, lists of models), by address.

It keeps what it was sent. An address that it does not know is a 404, as with a real vendor.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import orjson
from tornado.web import RequestHandler

from tests.fakes.serving import Served

JSON, SOUND = "application/json", "audio/mpeg"


@dataclass
class Seen:
    """A request as it came."""

    method: str
    uri: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The bearer's key."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class WholeVendor(Served):
    """The server. Use as `async with WholeVendor() as vendor`.

    `pages` are answers to GET by address: JSON or its text, or a dict of these by key under "by";
    `status` by address makes it fail.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.pages: dict[str, Any] = {}
        self.status: dict[str, int] = {}
        self.seen: list[Seen] = []
        self.latency_s = 0.0
        self.open = self.most_open = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __aexit__(self, *exc: object) -> None:
        self.may_answer.set()
        await super().__aexit__(*exc)


class _Handler(RequestHandler):
    def initialize(self, fake: WholeVendor) -> None:
        self.vendor = fake

    def log_exception(self, *_: Any) -> None:
        return

    async def _enter(self) -> Seen:
        vendor, request = self.vendor, self.request
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        seen = Seen(request.method or "", request.uri or "", headers, request.body)
        vendor.seen.append(seen)
        vendor.open += 1
        vendor.most_open = max(vendor.most_open, vendor.open)
        await asyncio.sleep(vendor.latency_s)
        await vendor.may_answer.wait()
        self.set_header("Content-Type", JSON)
        self.set_status(vendor.status.get(request.path, 200))
        return seen

    def on_finish(self) -> None:
        self.vendor.open -= 1

    async def get(self) -> None:
        seen = await self._enter()
        page = self.vendor.pages.get(seen.uri, self.vendor.pages.get(self.request.path))
        if isinstance(page, dict) and "by" in page:
            page = page["by"].get(seen.key)
        if page is None:
            self.set_status(404)
            page = {"error": {"message": "no such page"}}
        self.finish(page if isinstance(page, str) else orjson.dumps(page))

    async def post(self) -> None:
        seen = await self._enter()
        answers = {
            "/v1/chat/completions": _chat,
            "/v1/embeddings": _embedding,
            "/v1/images/generations": _image,
            "/v1/audio/speech": _speech,
            "/v1/audio/transcriptions": _transcript,
            "/v1/rerank": _scores,
            "/v1/moderations": _verdict,
        }
        answer = answers.get(self.request.path)
        if answer is None or self.get_status() != 200:
            if answer is None:
                self.set_status(404)
            self.finish({"error": {"message": "it failed", "type": "x", "code": "fake"}})
            return
        content_type, content = answer(seen.body)
        self.set_header("Content-Type", content_type)
        self.finish(content)


def _chat(body: bytes) -> tuple[str, bytes]:
    asked = orjson.loads(body)
    said = {"role": "assistant", "content": f"I am {asked['model']}."}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
    return JSON, orjson.dumps({"id": "c", "model": "m", "choices": choices, "usage": usage})


def _embedding(body: bytes) -> tuple[str, bytes]:
    assert orjson.loads(body)["input"]
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25, 0.125]}]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return JSON, orjson.dumps({"object": "list", "data": data, "usage": usage})


def _image(body: bytes) -> tuple[str, bytes]:
    assert orjson.loads(body)["n"] == 1
    return JSON, orjson.dumps({"created": 1, "data": [{"url": "http://image/1.png"}]})


def _speech(body: bytes) -> tuple[str, bytes]:
    asked = orjson.loads(body)
    assert asked["input"] and asked["voice"]
    return SOUND, b"\xff\xfb\x90\x00" * 100


def _transcript(body: bytes) -> tuple[str, bytes]:
    assert re.search(rb'name="model"\r\n\r\n\S+\r\n', body) and b"RIFF" in body
    return JSON, b'{"text": "Nothing was said."}'


def _scores(body: bytes) -> tuple[str, bytes]:
    asked = orjson.loads(body)
    results = [
        {"index": index, "relevance_score": 0.9 - index / 10}
        for index, _ in enumerate(asked["documents"])
    ]
    return JSON, orjson.dumps({"results": results, "usage": {"total_tokens": 12}})


def _verdict(body: bytes) -> tuple[str, bytes]:
    one = {"flagged": False, "categories": {"violence": False}}
    return JSON, orjson.dumps({"id": "modr-1", "results": [one]})
