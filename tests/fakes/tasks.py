"""An honest fake of upstreams for what is not a conversation: embeddings (OpenAI's and Google's),
moderations, edits and reranking. Real HTTP on a real socket; it keeps what it was sent.

Its vectors follow from the text alone, so that they can be compared whichever way they came.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from typing import Any

import orjson
from tornado.web import RequestHandler

from tests.fakes.serving import Served
from tests.fakes.upstream import Received

Json = dict[str, Any]


@dataclass
class Answers:
    """What is reported, and what replaces a whole answer. `flags` says which words in a text, or
    in the address of an image, moderation flags, and as what."""

    usage: Json | None = field(default_factory=lambda: {"prompt_tokens": 7, "total_tokens": 7})
    meta: Json | None = None
    metadata: Json | None = None
    instead: bytes | None = None
    status: int = 200
    flags: dict[str, str] = field(default_factory=dict)


class Wrong(Exception):
    """What a request asks is refused, with a code of the vendor's."""


class FakeTasks(Served):
    """The server. Use as `async with FakeTasks() as upstream`; `sent` is its last answer."""

    def __init__(self) -> None:
        super().__init__(_Handler, r"(.*)")
        self.answers = Answers()
        self.received: list[Received] = []
        self.sent = b""

    def reset(self) -> None:
        """Answer as usual again."""
        self.answers = Answers()
        self.received.clear()


class _Handler(RequestHandler):
    def initialize(self, fake: FakeTasks) -> None:
        self.fake = fake

    def post(self, path: str) -> None:
        fake = self.fake
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        fake.received.append(Received(path, headers, self.request.body))
        self.set_header("Content-Type", "application/json")
        self.set_header("x-request-id", "req_fake")
        key = "x-goog-api-key" if ":" in path else "authorization"
        answer = ANSWERS.get(path.rpartition(":" if ":" in path else "/")[2])
        if answer is None or not headers.get(key):
            self.set_status(404 if answer is None else 401)
            self.finish({"error": {"message": "no such route or key"}})
            return
        self.set_status(fake.answers.status)
        try:
            made = answer(fake.answers, orjson.loads(self.request.body))
        except Wrong as wrong:
            self.set_status(400)
            made = {"error": {"message": str(wrong), "type": "x", "code": str(wrong)}}
        fake.sent = fake.answers.instead or orjson.dumps(made, option=orjson.OPT_INDENT_2)
        self.finish(fake.sent)


def vector(said: Any) -> list[float]:
    """Return what every upstream makes of a text, or of token numbers."""
    text = str(said)
    return [len(text) / 8, sum(map(ord, text)) / 1024, -0.5]


def _embeddings(how: Answers, body: Json) -> Json:
    given = body["input"]
    many = isinstance(given, list) and not isinstance(given[0], int)
    made = [vector(each) for each in (given if many else [given])]
    packed = [base64.b64encode(struct.pack("<3f", *each)).decode() for each in made]
    written: list[Any] = packed if body.get("encoding_format") == "base64" else made
    data = [{"object": "embedding", "index": at, "embedding": v} for at, v in enumerate(written)]
    return _told(how, {"object": "list", "data": data, "model": body["model"]})


def _embed_content(how: Answers, body: Json) -> Json:
    return _told_google(how, {"embedding": {"values": _google_vector(body)}})


def _batch_embed(how: Answers, body: Json) -> Json:
    made = [{"values": _google_vector(each)} for each in body["requests"]]
    return _told_google(how, {"embeddings": made})


def _google_vector(request: Json) -> list[float]:
    return vector("".join(part["text"] for part in request["content"]["parts"]))


def _moderations(how: Answers, body: Json) -> Json:
    given = body["input"]
    parts = isinstance(given, list) and not isinstance(given[0], str)
    if parts and sum(isinstance(part, dict) and "image_url" in part for part in given) > 1:
        raise Wrong("too_many_images")
    results = [_verdict(how, str(one)) for one in ([given] if parts else _listed(given))]
    return {"id": "modr-1", "model": body["model"], "results": results}


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _verdict(how: Answers, said: str) -> Json:
    hit = {"violence": False} | {c: word in said for word, c in how.flags.items()}
    scores = {category: 0.75 if found else 0.25 for category, found in hit.items()}
    return {"flagged": any(hit.values()), "categories": hit, "category_scores": scores}


def _edits(how: Answers, body: Json) -> Json:
    return _told(how, {"object": "edit", "created": 1, "choices": [{"text": "ok", "index": 0}]})


def _rerank(how: Answers, body: Json) -> Json:
    results = [
        {"index": at, "relevance_score": 1 / (at + 1)} for at in range(len(body["documents"]))
    ]
    answer = {"id": "r", "model": body["model"], "results": results[: body.get("top_n")]}
    return _told(how, answer if how.meta is None else {**answer, "meta": how.meta})


def _told(how: Answers, answer: Json) -> Json:
    return answer if how.usage is None else {**answer, "usage": how.usage}


def _told_google(how: Answers, answer: Json) -> Json:
    return answer if how.metadata is None else {**answer, "usageMetadata": how.metadata}


ANSWERS = {
    "embeddings": _embeddings,
    "embedContent": _embed_content,
    "batchEmbedContents": _batch_embed,
    "moderations": _moderations,
    "edits": _edits,
    "rerank": _rerank,
}
