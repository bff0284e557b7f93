"""The protocols that only upstreams speak: what the code of one has to say.

Each vendor with a protocol of its own is one file beside this one, a Native: how a chat body is
said, how an answer and the events of a stream are read, what its usage report means, where its
errors are. natives.py lists them, native_http.py carries them, and docs/adding-a-vendor.md tells
how to write one, from the example of ollama.py.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from gateway.dialects import searches
from gateway.dialects.dialect import Config, Json, Pictures, Ranks, Source, Vectors
from gateway.dialects.gemini.fields import unsupported
from gateway.formats import openai
from gateway.formats import usage as usages
from gateway.formats.openai import Endpoint
from gateway.formats.usage import Usage
from gateway.media.asks import GENERATIONS
from gateway.providers import turns
from gateway.providers.asking import Asking
from gateway.relay.errors import normalise

# The tasks of the catalogue that are asked for in a vendor's own way (conf/providers.yaml, paths).
CHAT, EMBEDDINGS, RERANK = "native_chat", "native_embeddings", "native_rerank"
PICTURES = "native_images"
_ASKED = {CHAT: openai.CHAT, EMBEDDINGS: openai.EMBEDDINGS, PICTURES: GENERATIONS}
# What a vendor may lack: a request that asks for it is refused, or goes to another channel.
TOOLS, IMAGES, JSON, SEVERAL = "tools", "images", "json", "several"

_NEVER = re.compile(rb"(?!)")


class NativeReader:
    """A stream's events as chat chunks; `deltas` is overridden.

    `finished` once an event was the last by the vendor's rule (Native.ends).
    """

    def __init__(self, native: "Native", created_s: int) -> None:
        self.finished = False
        self._native = native
        self._begun = False
        self._report: Json | None = None
        self.head: Json = {
            "id": f"chatcmpl-{native.name}",
            "object": "chat.completion.chunk",
            "created": created_s,
            "model": "",
        }

    def feed(self, event: Json) -> list[Json]:
        """Return the chunks for one event."""
        native = self._native
        if native.failed(event):
            code, message = native.error(event)
            error = {"message": message, "type": "upstream_error", "code": code}
            return [{"error": error}]
        report = native.find(event)
        if report is not None:
            self._report = usages.merge(self._report, report)
        chunks = [self._chunk(delta, reason) for delta, reason in self.deltas(event)]
        self.finished = self.finished or native.ends(event)
        return chunks

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds: deltas, each with the reason of the end or None."""
        raise NotImplementedError

    def end(self) -> list[Json]:
        """Return the chunk with the usage, if the upstream reported any."""
        counted = self._native.usage(self._report) if self._report else None
        self._report = None
        if not counted:
            return []
        return [{**self.head, "choices": [], "usage": usages.report_of(counted)}]

    def _chunk(self, delta: Json, reason: str | None) -> Json:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": "", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self.head, "choices": [choice]}


class _Ending:
    def __init__(self, ends: Callable[[Json], bool]) -> None:
        self._ends = ends

    def feed(self, event: Json) -> bool:
        return self._ends(event)


class Native(Asking):
    """One protocol. What is not overridden is as with most vendors.

    `tasks` are what it is asked for, `delivers` the fields of which any of its answers has at least
    one, `offers` what it has of TOOLS, IMAGES, JSON and SEVERAL (answers to one request), `fetches`
    whether it fetches images by their addresses.
    """

    tasks: tuple[str, ...] = (CHAT,)
    delivers: tuple[str, ...]
    offers: frozenset[str] = frozenset((TOOLS, IMAGES, JSON))
    fetches: bool = False

    # Asking, beside what Asking has.

    def request(self, chat: Json, config: Config) -> Json:
        """Return the vendor's body for a chat body. Raises RelayError 400 for what it cannot say.

        The client's body is checked for little: every type is to be looked at (turns.py helps).
        """
        raise NotImplementedError

    # Reading.

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion; of what is odd in it, what fits."""
        raise NotImplementedError

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads one stream."""
        raise NotImplementedError

    def ends(self, event: Json) -> bool:
        """Whether an event is the last of an answer that came to its own end."""
        raise NotImplementedError

    def texts(self, event: Any) -> Iterator[str]:
        """Yield every text that an answer or event delivers, to be counted without a report."""
        raise NotImplementedError

    # What was used, and what went wrong.

    def find(self, event: Any) -> Json | None:
        """Return the usage report of an answer or event as the vendor wrote it, None without."""
        return usages.find(event)

    def usage(self, frame: Json) -> Usage | None:
        """Turn a report into disjoint classes (gateway/formats/usage.py), by the vendor's rule."""
        return usages.classes(frame)

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return the code and the message of an error, whole or in a stream."""
        said = normalise(parsed)
        return said["code"] or said["type"], said["message"]

    def failed(self, parsed: Any) -> bool:
        """Whether JSON that came with a good status, or an event, is an error."""
        return isinstance(parsed, dict) and bool(parsed.get("error"))

    # Vectors, ranks and images, for those that list the tasks.

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return the vendor's body for OpenAI's embeddings body. Raises RelayError 400."""
        raise NotImplementedError

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return an answer's vectors, in order."""
        raise NotImplementedError

    def rerank_request(self, body: Json, config: Config) -> Json:
        """Return the vendor's body for a rerank body. Raises RelayError 400."""
        raise NotImplementedError

    def rerank_answer(self, answer: Json, body: Json) -> Json:
        """Return an answer to a rerank body as clients read it (gateway/dialects/rerank.py)."""
        raise NotImplementedError

    def images_request(self, body: Json, config: Config) -> Json:
        """Return the vendor's body for OpenAI's images body. Raises RelayError 400.

        `prompt`, `n` and `size` are checked; a stream is never wanted here. Where a task has to be
        asked for its result, `exchange` does that (polling.py).
        """
        raise NotImplementedError

    def images_answer(self, answer: Json, body: Json) -> Json:
        """Return `data`, an object with `url` or `b64_json` for each image that was made, and
        `size` and `quality` where the vendor says them; what failed is left out."""
        raise NotImplementedError

    # What is made of it.

    def _drawn(self, body: Json, config: Config) -> Json:
        for name in ("stream", "partial_images"):
            if body.get(name):
                unsupported(name)
        return self.images_request(body, config)

    def _offered(self, chat: Json, config: Config) -> Json:
        for feature in (TOOLS, IMAGES, JSON, SEVERAL):
            if feature not in self.offers and (param := turns.wanted(chat, feature)):
                unsupported(param)
        return self.request(chat, config)

    def endpoint(self, task: str) -> Endpoint:
        """Return how the relay asks for a task. The path is the catalogue's."""
        asked = _ASKED.get(task)
        return Endpoint(
            name=f"{self.name}.{task}",
            task=task,
            path="",
            field=asked.field if asked else "documents",
            kinds=asked.kinds if asked else (list,),
            has_output=asked.has_output if asked else False,
            dialect=self.name,
        )

    def source(self) -> Source:
        """Return the protocol as the relay knows it."""
        vectors = Vectors(self.embed_request, self.embed_answer)
        ranks = Ranks(self.rerank_request, self.rerank_answer)
        pictures = Pictures(self._drawn, self.images_answer)
        return Source(
            name=self.name,
            request_from_chat=self._offered,
            answer_to_chat=self.answer,
            reader=self.reader,
            follower=lambda: _Ending(self.ends),
            classes=self.usage,
            find=self.find,
            merge=usages.merge,
            texts=self.texts,
            searches=searches.none,
            parse_error=self.error,
            error_first=_NEVER,  # `failed` knows
            closes=True,
            delivers=self.delivers,
            fails=self.failed,
            fetches=self.fetches,
            vectors=vectors if EMBEDDINGS in self.tasks else None,
            ranks=ranks if RERANK in self.tasks else None,
            pictures=pictures if PICTURES in self.tasks else None,
        )


def completion(
    head: Json, message: Json, reason: str, usage: Usage | None, created_s: int = 0
) -> Json:
    """Return a chat.completion of one choice; `head` has its id and model."""
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    made: Json = {"object": "chat.completion", "created": created_s, **head, "choices": [choice]}
    return {**made, "usage": usages.report_of(usage)} if usage else made
