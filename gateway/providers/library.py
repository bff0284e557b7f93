"""AIProxy's library: questions to documents that were uploaded there, POST /api/library/ask.

AIProxy publishes no reference of it; this is the protocol as One API speaks it (its relay,
`aiproxylibrary`). The last message of the user is the question, what stands before it is not sent.
The documents that an answer comes from are appended to it as a list. No usage is ever reported, so
the tokens are counted here: those of the request, and those of the answer without that list.

`success: false`, with `errCode` and `message`, is an error inside a 200. A channel's config has the
`library_id`.
"""

from collections.abc import Iterator
from typing import Any

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import children, refuse, said
from gateway.formats.usage import Usage
from gateway.providers import turns
from gateway.providers.asking import Codes
from gateway.providers.native import Native, NativeReader, completion
from gateway.providers.turns import USER

_HEADING = "参考文档："


class Library(Native):
    """A library at AIProxy."""

    name = "aiproxy_library"
    delivers = ("answer", "content", "finish")
    offers = frozenset()
    codes = Codes(dead=((401, "none", ""),))

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for /api/library/ask."""
        asked = [turn for turn in turns.turns(chat, images=False) if turn.role == USER]
        question = asked[-1].text if asked else ""
        if not question:
            refuse("messages", "a list that ends with a question of a user")
        return {
            "model": chat.get("model"),
            "query": question,
            "libraryId": str(config.get("library_id") or ""),
            "stream": turns.streams(chat),
        }

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return an answer with its documents as a chat.completion."""
        text = said(answer, "answer") + _listed(answer)
        head = {"id": "chatcmpl-library", "model": said(answer, "model")}
        return completion(head, {"role": "assistant", "content": text}, "stop", None, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last."""
        return event.get("finish") is True and not self.failed(event)

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what the model says, without the list of documents."""
        if isinstance(event, dict):
            yield from filter(None, (said(event, "answer"), said(event, "content")))

    def find(self, event: Any) -> Json | None:
        """Return None: there is never a report."""
        return None

    def usage(self, frame: Json) -> Usage | None:
        """Return None, likewise."""
        return None

    def failed(self, parsed: Any) -> bool:
        """Whether an answer or event says that it failed."""
        if not isinstance(parsed, dict):
            return False
        return parsed.get("success") is False or parsed.get("errCode") not in (None, 0, "")

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return the number and the message."""
        if not isinstance(parsed, dict):
            return None, ""
        code = parsed.get("errCode")
        shown = str(code)[:200] if isinstance(code, int | str) and code else None
        message = parsed.get("message")
        return shown, message[:2_000] if isinstance(message, str) else ""


class _Reader(NativeReader):
    """The events of a stream; the documents are told when all is said."""

    _documents = ""

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the end."""
        self.head["model"] = said(event, "model") or self.head["model"]
        self._documents = _listed(event) or self._documents
        if text := said(event, "content"):
            yield {"content": text}, None
        if event.get("finish") is True:
            if self._documents:
                yield {"content": self._documents}, None
            yield {}, "stop"


def _listed(answer: Json) -> str:
    """Write the documents as a list of links, "" for none."""
    lines = [
        f"{number}. [{said(each, 'title')}]({said(each, 'url')})"
        for number, each in enumerate(children(answer, "documents"), 1)
    ]
    return "\n\n" + "\n".join((_HEADING, "", *lines)) if lines else ""
