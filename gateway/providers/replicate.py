"""Replicate (HTTP API reference; streaming): predictions of models that others published there.

A model is asked at its address, `owner/name`; one that stands for a version (`owner/name:version`)
at /v1/predictions. What is not ready when the request was answered is asked for again, always at
the channel's own address, whatever address the answer names; who is not waited for is cancelled.

Models have inputs of their own. Language models share `prompt`, `system_prompt` and the names of
sampling, not those for tools, images or schemas, so that these are refused. Conversations of
several turns are written out as one text. Thoughts come inside the text.

Streams are elsewhere: at Replicate's own hosts where the channel has Replicate's own address, else
at the channel's address or its `stream_url`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import child, said
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import polling, replicate_request
from gateway.providers.asking import Codes, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import CHAT, PICTURES, Native, NativeReader, completion
from gateway.providers.replicate_stream import ENDED, Following, ended, whole

# Of a short prediction the answer holds all; a longer one is asked for, and so can be cancelled.
_PREFER = "wait=5"
_ID = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_OWN_HOSTS = (".replicate.com", ".replicate.net")
_CODE = re.compile(r"\((E[0-9]{3,4})\)\s*$", re.ASCII)
_FILES = ("https://", "http://", "data:")


class Replicate(Native):
    """Replicate."""

    name = "replicate"
    tasks = (CHAT, PICTURES)
    offers = frozenset()
    delivers = ("output",)
    # Its errors are a title and a text; a prediction's may end in a code (Prediction error codes).
    codes = Codes(
        in_band={"E005": 400, "E6716": 504},
        dead=((401, "none", ""), (402, "any", "")),
        users=frozenset({"E005"}),
    )
    pace = polling.Pace()

    # Asking.

    async def address(self, call: Call, means: Means) -> str:
        """Return where the model is asked, which is in the address unless a version is meant."""
        url = await super().address(call, means)
        if replicate_request.version(call.model):
            return url
        base, _, end = url.rpartition("/")
        return f"{base}{replicate_request.place(call.model)}/{end}"

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return the key, and for how long the answer may wait for the prediction."""
        made = dict(await super().headers(call, means))
        return made if call.stream else {**made, "prefer": _PREFER}

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Return a prediction that ended, or its stream. Raises CallFailed."""
        answer = await means.send(request, call.channel)
        if not 200 <= answer.status < 300:
            return answer
        begun = await polling.read(answer)
        prediction = begun.parsed if isinstance(begun.parsed, dict) else {}
        name = said(prediction, "id")
        if _ID.fullmatch(name) is None or (ended(prediction) and not call.stream):
            return begun.again()
        url = f"{await super().address(call, means)}/{name}"

        async def look() -> Answer:
            return await means.send(polling.asked_again(request, "GET", url), call.channel)

        async def cancel() -> Answer:
            away = polling.asked_again(request, "POST", f"{url}/cancel")
            return await means.send(away, call.channel)

        where = _stream_address(said(child(prediction, "urls"), "stream"), call)
        if call.stream and where:

            async def stream() -> Answer:
                more = {"accept": "text/event-stream", "cache-control": "no-store"}
                asked = polling.asked_again(request, "GET", where, **more)
                return await means.send(asked, call.channel)

            return await polling.kept(self._followed(stream, look, cancel), cancel)
        found = begun
        if not ended(prediction):
            found = await polling.wanted(look, ended, cancel, self.pace)
        if not call.stream or not found.good:
            return found.again()
        return _as_stream(found.parsed)

    async def _followed(self, stream: Any, look: Any, cancel: Any) -> Answer:
        answer: Answer = await stream()
        if not 200 <= answer.status < 300:
            await polling.let_go(cancel)
            return answer
        return Following(answer, look, cancel).answer()

    def request(self, chat: Json, config: Config) -> Json:
        """Return the body of a conversation."""
        return replicate_request.chat_body(chat)

    def images_request(self, body: Json, config: Config) -> Json:
        """Return the body for images."""
        return replicate_request.images_body(body)

    # Reading.

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion. Why it ended is not told."""
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": said(answer, "id") or "chatcmpl-replicate", "model": ""}
        message = {"role": "assistant", "content": "".join(_outputs(answer))}
        return completion(head, message, "stop", counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event says that all is said."""
        return event.get("event") == "done" and not self.failed(event)

    def failed(self, parsed: Any) -> bool:
        """Whether an answer is a prediction that failed, or an event an error."""
        if not isinstance(parsed, dict):
            return False
        return bool(parsed.get("error")) or parsed.get("status") in ENDED[1:]

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return what is said of an error, and the code at its end."""
        if not isinstance(parsed, dict):
            return None, ""
        message = said(parsed, "error", "detail", "title") or said(parsed, "status")
        code = _CODE.search(message)
        return code[1] if code else None, message[:2_000]

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said."""
        yield from filter(None, _outputs(event))

    def find(self, event: Any) -> Json | None:
        """Return the figures of a prediction, where tokens are among them."""
        found = child(event, "metrics")
        return found if self.usage(found) else None

    def usage(self, frame: Json) -> Usage | None:
        """Return the tokens."""
        names = {"input": "input_token_count", "output": "output_token_count"}
        counts = {ours: usages.count(frame.get(its)) for ours, its in names.items()}
        return {name: count for name, count in counts.items() if count is not None} or None

    def images_answer(self, answer: Json, body: Json) -> Json:
        """Return the files that came."""
        return {"data": [{"url": url} for url in _outputs(answer) if url.startswith(_FILES)]}


class _Reader(NativeReader):
    """The events of a stream, as replicate_stream.py writes them."""

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and with the last one that it ended."""
        if text := "".join(_outputs(event)):
            yield {"content": text}, None
        if event.get("event") == "done":
            yield {}, "stop"


def _outputs(source: Any) -> list[str]:
    """Return what a prediction put out: a text, or pieces of one, or addresses of files."""
    found = source.get("output") if isinstance(source, dict) else None
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, str)]


def _as_stream(prediction: Json) -> Answer:
    """Return a prediction whose model does not stream, as a stream."""
    head = {"content-type": "text/event-stream"}
    made = whole(prediction, "".join(_outputs(prediction)))
    return Answer(200, head, polling.events_of(made))


def _stream_address(named: str, call: Call) -> str:
    """Return where a stream is; "" where there is none. Raises CallFailed."""
    if not named:
        return ""
    try:
        url = httpx.URL(named)
    except httpx.InvalidURL:
        url = httpx.URL("")
    path = url.raw_path.decode("ascii", "replace")
    if url.scheme not in ("http", "https") or not url.host or not path.startswith("/"):
        raise CallFailed("upstream_bad_answer", "a stream without an address")
    if given := call.config.get("stream_url"):
        return str(given).rstrip("/") + path
    own = polling.root(call) == call.vendor.base_url
    if own and url.scheme == "https" and url.port is None and url.host.endswith(_OWN_HOSTS):
        return f"https://{url.host}{path}"
    return polling.root(call) + path
