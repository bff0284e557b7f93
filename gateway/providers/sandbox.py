"""The sandbox provider: answers locally, without network or key, in OpenAI's wire format.

Its text is a deterministic function of the request and its usage is exact, by the same counting
that serves for upstreams that report none. A channel's config sets its behaviour:

    latency_ms, chunk_ms   wait before the answer, and before each chunk
    chunks                 pieces of a stream (0: one a word)
    fail_status            answer every request with this status
    drop_after_chunks      break a stream off after so many chunks
    no_usage               report no usage
    usage                  fields that replace those of the reported usage
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson

from gateway.dialects.asks import MEDIA
from gateway.dialects.rerank import RERANK
from gateway.formats import openai, sse, text
from gateway.media.duration import duration
from gateway.media.form import OutgoingForm
from gateway.providers import sandbox_media, sandbox_more, sandbox_text
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.sandbox_media import Media
from gateway.tokens import TokenCounter
from ledger.clock import Clock

MAX_WAIT_MS = 600_000
# A recording is not heard: as much of it as this decides which words are its transcript.
_HEARD_BYTES = 1 << 20
_STREAM = {"content-type": "text/event-stream"}
_JSON = {"content-type": "application/json"}

Body = dict[str, Any]


class SandboxProvider:
    """Answers what a model would answer, ranks, and makes images and sounds."""

    def __init__(self, counter: TokenCounter, clock: Clock) -> None:
        self._counter = counter
        self._clock = clock

    async def call(self, call: Call) -> Answer:
        """Answer a request as its channel's config says."""
        config, body = call.channel.config, _asked(call)
        headers = {"x-request-id": _id("sandbox-", orjson.dumps(body))}
        await _pause(config, "latency_ms")
        fail_status = _number(config, "fail_status", 599)
        if fail_status >= 400:
            return Answer(fail_status, {**headers, **_JSON}, _whole(_failure(fail_status)))
        if call.endpoint.dialect in MEDIA:
            made = await self._media(call, body)
            drop_after = _number(config, "drop_after_chunks", 1 << 31)
            pieces = _dropped(made.body(), drop_after) if drop_after else made.body()
            return Answer(200, {**headers, "content-type": made.content_type}, pieces)
        document = await self._document(call, body)
        if document is not None:
            return Answer(200, {**headers, **_JSON}, _whole(document))
        reply = await self._reply(call.endpoint is openai.CHAT, config, body)
        if call.stream:
            return Answer(200, {**headers, **_STREAM}, reply.stream())
        if _number(config, "drop_after_chunks", 1):
            raise CallFailed("upstream_cut", "the sandbox was told to break off")
        return Answer(200, {**headers, **_JSON}, _whole(reply.document()))

    async def _document(self, call: Call, body: Body) -> Body | None:
        """Answer what is not answered in words; None for what is."""
        config = call.channel.config
        if call.endpoint is openai.EMBEDDINGS:
            return await self._embeddings(config, body)
        if call.endpoint.task == openai.MODERATIONS.task:
            return sandbox_more.moderation(body, _id("modr-", orjson.dumps(body)))
        if call.endpoint is RERANK:
            name = _id("rank-", orjson.dumps(body))
            document = await sandbox_more.ranking(self._counter, body, name)
            return _reported(config, document)
        return None

    async def _media(self, call: Call, body: Body) -> Media:
        if call.endpoint.dialect == "images":
            return sandbox_media.images(call.endpoint, body, self._clock.now_us() // 1_000_000)
        if call.endpoint.dialect == "speech":
            return sandbox_media.speech(body)
        assert isinstance(call.body, OutgoingForm)
        file, spool = call.body.form.files[0], call.body.form.spool
        seconds, _ = await duration(spool, file)
        beginning = await asyncio.to_thread(spool.read, file.offset, min(file.size, _HEARD_BYTES))
        return sandbox_media.transcript(body, beginning, seconds)

    async def _reply(self, is_chat: bool, config: Mapping[str, Any], body: Body) -> "_Reply":
        model = str(body.get("model"))
        prompt = text.of_request(body)
        tokens_in = prompt.fixed(model) + await self._counter.count(model, prompt.texts)
        limit = body.get("max_completion_tokens")
        limit = body.get("max_tokens") if limit is None else limit
        question, choices, tokens_out = sandbox_text.question_of(body), [], 0
        for index in range(body.get("n") or 1):
            said = _stopped(sandbox_text.answer(question, index), body.get("stop"))
            kept = said if limit is None else self._counter.cut(model, said, limit)
            tokens_out += await self._counter.count(model, [kept])
            choices.append((kept, "stop" if kept == said else "length"))
        usage = _usage(config, tokens_in, tokens_out)
        return _Reply(is_chat, config, body, choices, usage, self._clock.now_us() // 1_000_000)

    async def _embeddings(self, config: Mapping[str, Any], body: Body) -> Body:
        model, given = str(body.get("model")), body["input"]
        listed = isinstance(given, list) and not isinstance(given[0], int)
        inputs = given if listed else [given]
        asked = _number(body, "dimensions", sandbox_text.MAX_DIMENSIONS)
        dimensions = asked or sandbox_text.DIMENSIONS
        write: Callable[[list[float]], Any] = list
        if body.get("encoding_format") == "base64":
            write = sandbox_text.packed
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": write(sandbox_text.vector(str(each), dimensions)),
            }
            for index, each in enumerate(inputs)
        ]
        counted = text.of_request(body)
        tokens = counted.fixed(model) + await self._counter.count(model, counted.texts)
        document: Body = {"object": "list", "data": data, "model": model}
        usage = _usage(config, tokens, None)
        return document if usage is None else {**document, "usage": usage}


class _Reply:
    """A chat or text completion, to be written whole or as a stream."""

    def __init__(
        self,
        is_chat: bool,
        config: Mapping[str, Any],
        body: Body,
        choices: list[tuple[str, str]],
        usage: Body | None,
        created_s: int,
    ) -> None:
        self._is_chat = is_chat
        self._config = config
        self._body = body
        self._choices = choices
        self._usage = usage
        prefix, kind = ("chatcmpl-", "chat.completion") if is_chat else ("cmpl-", "text_completion")
        self._head: Body = {
            "id": _id(prefix, orjson.dumps(body)),
            "object": kind,
            "created": created_s,
            "model": body.get("model"),
            "system_fingerprint": "sandbox",
        }

    def document(self) -> Body:
        """Return the whole completion."""
        choices = []
        for index, (said, why) in enumerate(self._choices):
            spoken: Body = {"text": said}
            if self._is_chat:
                spoken = {"message": {"role": "assistant", "content": said, "refusal": None}}
            choices.append({"index": index, **spoken, "logprobs": None, "finish_reason": why})
        usage = {} if self._usage is None else {"usage": self._usage}
        return {**self._head, "choices": choices, **usage}

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the completion as events. Raises CallFailed where it is told to break off."""
        drop_after = _number(self._config, "drop_after_chunks", 1 << 31)
        for count, chunk in enumerate(self._chunks()):
            if drop_after and count >= drop_after:
                raise CallFailed("upstream_cut", "the sandbox was told to break off")
            await _pause(self._config, "chunk_ms")
            yield sse.frame({**self._head, **chunk})
        yield sse.DONE

    def _chunks(self) -> list[Body]:
        head, options = self._head, self._body.get("stream_options") or {}
        if self._is_chat:
            head["object"] = "chat.completion.chunk"
        chunks: list[Body] = []
        for index, (said, why) in enumerate(self._choices):
            count = _number(self._config, "chunks", 100_000)
            deltas: list[Body] = [self._spoken(piece) for piece in sandbox_text.pieces(said, count)]
            if self._is_chat:
                deltas.insert(0, {"delta": {"role": "assistant", "content": ""}})
            for delta in deltas:
                chunks.append({"choices": [{"index": index, **delta, "finish_reason": None}]})
            last: Body = {"delta": {}} if self._is_chat else {"text": ""}
            chunks.append({"choices": [{"index": index, **last, "finish_reason": why}]})
        if self._usage is not None and options.get("include_usage"):
            chunks.append({"choices": [], "usage": self._usage})
        return chunks

    def _spoken(self, piece: str) -> Body:
        return {"delta": {"content": piece}} if self._is_chat else {"text": piece}


def _usage(config: Mapping[str, Any], tokens_in: int, tokens_out: int | None) -> Body | None:
    if config.get("no_usage"):
        return None
    usage: Body = {"prompt_tokens": tokens_in, "total_tokens": tokens_in + (tokens_out or 0)}
    if tokens_out is not None:
        usage["completion_tokens"] = tokens_out
    override = config.get("usage")
    return {**usage, **override} if isinstance(override, dict) else usage


def _reported(config: Mapping[str, Any], document: Body) -> Body:
    """Report the usage of a ranking as the channel's config says."""
    tokens = document.pop("usage")["total_tokens"]
    usage = _usage(config, tokens, None)
    return document if usage is None else {**document, "usage": usage}


def _number(config: Mapping[str, Any], name: str, most: int) -> int:
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(min(max(value, 0), most))


async def _pause(config: Mapping[str, Any], name: str) -> None:
    wait_ms = _number(config, name, MAX_WAIT_MS)
    if wait_ms:
        await asyncio.sleep(wait_ms / 1000)


def _failure(status: int) -> Body:
    message = f"The sandbox was told to answer with status {status}."
    return {"error": {"message": message, "type": "sandbox_error", "param": None, "code": None}}


def _stopped(said: str, stop: Any) -> str:
    """End a text before the first of the stop words."""
    words = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    found = [said.find(word) for word in words if isinstance(word, str) and word]
    return said[: min((at for at in found if at >= 0), default=len(said))]


def _id(prefix: str, body: bytes) -> str:
    return prefix + hashlib.sha256(body).hexdigest()[:24]


def _asked(call: Call) -> Body:
    """Return the fields of a request, of a body or of a form."""
    if isinstance(call.body, OutgoingForm):
        return {**call.body.form.values(), **dict(call.body.fields[:1])}
    assert isinstance(call.body, bytes)
    body: Body = orjson.loads(call.body)
    return body


async def _dropped(pieces: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    async for piece in pieces:
        if not count:
            raise CallFailed("upstream_cut", "the sandbox was told to break off")
        count -= 1
        yield piece


async def _whole(document: Body) -> AsyncIterator[bytes]:
    yield orjson.dumps(document)
