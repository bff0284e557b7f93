"""Alibaba's DashScope in its own protocol (Model Studio API reference, DashScope).

Conversations with texts alone go to text-generation, those with models that see or hear, or with
images, to multimodal-generation, where contents are lists of parts. Streams carry what is new
(`incremental_output`) with the whole usage so far in every event. A model named …-internet
searches, as with One API; searches that the usage counts are charged as such.

Images of the older models are tasks (`X-DashScope-Async`) that are asked for their result;
DashScope lets go of those that did not begin yet. Newer models answer at once.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import child, children, said
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import dashscope_answer as said_by
from gateway.providers import dashscope_request, polling
from gateway.providers.asking import Codes, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import (
    CHAT,
    EMBEDDINGS,
    PICTURES,
    RERANK,
    Native,
    NativeReader,
    completion,
)

_SERVICES = "/services/aigc/"
_MULTIMODAL = "/services/aigc/multimodal-generation/generation"
_TASKS = "/api/v1/tasks/"
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN")

# Model Studio, "Error codes": what an error in a stream or of a task would have been as a status.
_IN_BAND = {
    "InvalidParameter": 400,
    "InvalidParameter.DataInspection": 400,
    "InvalidURL": 400,
    "DataInspectionFailed": 400,
    "IPInfringementSuspect": 400,
    "Arrearage": 400,
    "InvalidApiKey": 401,
    "AccessDenied": 403,
    "AccessDenied.Unpurchased": 403,
    "Model.AccessDenied": 403,
    "ModelNotFound": 404,
    "RequestTimeOut": 504,
    "Throttling": 429,
    "Throttling.RateQuota": 429,
    "Throttling.BurstRate": 429,
    "Throttling.AllocationQuota": 429,
    "InternalError": 500,
    "InternalError.Algo": 500,
    "InternalError.Timeout": 504,
    "SystemError": 500,
    "ModelServingError": 503,
    "ModelUnavailable": 503,
}


class DashScope(Native):
    """DashScope, in any of its regions: a channel's address says in which."""

    name = "dashscope"
    tasks = (CHAT, EMBEDDINGS, RERANK, PICTURES)
    delivers = ("output",)
    fetches = True
    codes = Codes(
        in_band=_IN_BAND,
        dead=((401, "code", "InvalidApiKey"), (400, "code", "Arrearage")),
        users=frozenset({"DataInspectionFailed", "IPInfringementSuspect"}),
        absent=frozenset({"ModelNotFound", "Model.AccessDenied", "AccessDenied.Unpurchased"}),
    )
    pace = polling.Pace(first_s=1.0)

    # Asking.

    async def address(self, call: Call, means: Means) -> str:
        """Return the task's address, or that of models that see and hear."""
        url = await super().address(call, means)
        if _of_parts(call):
            return url.rpartition(_SERVICES)[0] + _MULTIMODAL
        return url

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return the key, and what DashScope wants to know in headers."""
        made = dict(await super().headers(call, means))
        if call.stream:
            made["x-dashscope-sse"] = "enable"
        if _is_submitted(call):
            made["x-dashscope-async"] = "enable"
        plugin = call.config.get("plugin")
        if plugin and call.endpoint.task == CHAT:
            made["x-dashscope-plugin"] = str(plugin)
        return made

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send a request; of images that are a task, return the task's end. Raises CallFailed."""
        answer = await means.send(request, call.channel)
        if not _is_submitted(call):
            return answer
        begun = await polling.read(answer)
        task = child(begun.parsed, "output")
        if not begun.good or self.failed(begun.parsed) or said(task, "task_status") in _ENDED:
            return begun.again()
        name = said(task, "task_id")
        if _TASK_ID.fullmatch(name) is None:
            raise CallFailed("upstream_bad_answer", "a task without an id")
        url = polling.root(call) + _TASKS + name

        async def look() -> Answer:
            return await means.send(polling.asked_again(request, "GET", url), call.channel)

        async def cancel() -> Answer:
            away = polling.asked_again(request, "POST", url + "/cancel")
            return await means.send(away, call.channel)

        return (await polling.wanted(look, _ended, cancel, self.pace)).again()

    def request(self, chat: Json, config: Config) -> Json:
        """Return the body of a conversation."""
        return dashscope_request.chat_body(chat)

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return the body for vectors."""
        return dashscope_request.embed_body(body)

    def rerank_request(self, body: Json, config: Config) -> Json:
        """Return the body for ranks."""
        return dashscope_request.rerank_body(body)

    def images_request(self, body: Json, config: Config) -> Json:
        """Return the body for images."""
        return dashscope_request.images_body(body)

    # Reading.

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        choice = said_by.choice(answer)
        message = child(choice, "message")
        calls = [said_by.call(each, at) for at, each in enumerate(children(message, "tool_calls"))]
        content = said_by.text(message) or said(child(answer, "output"), "text")
        made: Json = {"role": "assistant", "content": content or (None if calls else "")}
        if thoughts := said(message, "reasoning_content"):
            made["reasoning_content"] = thoughts
        if calls:
            made["tool_calls"] = calls
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": said(answer, "request_id") or "chatcmpl-dashscope", "model": ""}
        return completion(head, made, said_by.reason(choice) or "stop", counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event says why the answer ended."""
        return bool(said_by.reason(said_by.choice(event))) and not self.failed(event)

    def failed(self, parsed: Any) -> bool:
        """Whether an answer or an event has a code, or is a task that failed."""
        if not isinstance(parsed, dict):
            return False
        status = said(child(parsed, "output"), "task_status")
        return bool(said(parsed, "code")) or status in _ENDED[1:]

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return code and message, of the answer or of the task in it."""
        if not isinstance(parsed, dict):
            return None, ""
        task = child(parsed, "output")
        code = said(parsed, "code") or said(task, "code") or said(task, "task_status")
        message = said(parsed, "message") or said(task, "message")
        return code or None, (message or code)[:2_000]

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought and called."""
        message = child(said_by.choice(event), "message")
        calls = [child(call, "function") for call in children(message, "tool_calls")]
        called = (said(call, name) for call in calls for name in ("name", "arguments"))
        plain = said(child(event, "output"), "text")
        yield from filter(None, (said(message, "reasoning_content"), said_by.text(message), plain))
        yield from filter(None, called)

    def find(self, event: Any) -> Json | None:
        """Return the usage of an answer or an event."""
        return child(event, "usage") or None

    def usage(self, frame: Json) -> Usage | None:
        """Return what is used: images are part of the input, searches are counted by a plugin."""
        details = child(frame, "prompt_tokens_details")
        written = details.get("cache_creation_input_tokens")
        if written is not None:
            renamed = {**details, "cache_creation_tokens": written}
            frame = {**frame, "prompt_tokens_details": renamed}
        made = usages.classes(frame)
        searches = usages.count(child(child(frame, "plugins"), "search").get("count"))
        if made is not None and searches:
            made["web_searches"] = searches
        return made

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors in the order of the texts."""
        found = children(child(answer, "output"), "embeddings")
        found.sort(key=lambda each: usages.count(each.get("text_index")) or 0)
        return [embeddings.numbers(each.get("embedding")) for each in found]

    def rerank_answer(self, answer: Json, body: Json) -> Json:
        """Return the scores, and what was read."""
        made: Json = {"id": said(answer, "request_id")}
        made["results"] = children(child(answer, "output"), "results")
        frame = self.find(answer)
        return {**made, "usage": frame} if frame else made

    def images_answer(self, answer: Json, body: Json) -> Json:
        """Return the images: a task's results, or the parts of a message."""
        output = child(answer, "output")
        made = [said_by.drawn(each) for each in children(output, "results")]
        for choice in children(output, "choices"):
            made += [said_by.drawn(part) for part in children(child(choice, "message"), "content")]
        return {"data": [each for each in made if each]}


class _Reader(NativeReader):
    """The events of a stream, each with what is new."""

    def __init__(self, native: Native, created_s: int) -> None:
        super().__init__(native, created_s)
        self._calls: set[int] = set()

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end with the last one."""
        self.head["id"] = said(event, "request_id") or self.head["id"]
        choice = said_by.choice(event)
        message = child(choice, "message")
        if thoughts := said(message, "reasoning_content"):
            yield {"reasoning_content": thoughts}, None
        if text := said_by.text(message):
            yield {"content": text}, None
        for at, call in enumerate(children(message, "tool_calls")):
            yield {"tool_calls": [self._call(call, at)]}, None
        if reason := said_by.reason(choice):
            yield {}, reason

    def _call(self, call: Json, at: int) -> Json:
        index = usages.count(call.get("index"))
        index = at if index is None else index
        if index in self._calls:
            arguments = said(child(call, "function"), "arguments")
            return {"index": index, "function": {"arguments": arguments}}
        self._calls.add(index)
        return {"index": index, **said_by.call(call, index)}


def _of_parts(call: Call) -> bool:
    asked = call.endpoint.task in (CHAT, PICTURES) and isinstance(call.body, bytes)
    return asked and dashscope_request.in_parts(bytes(call.body))  # type: ignore[arg-type]


def _is_submitted(call: Call) -> bool:
    return call.endpoint.task == PICTURES and not _of_parts(call)


def _ended(parsed: Json) -> bool:
    return said(child(parsed, "output"), "task_status") in _ENDED
