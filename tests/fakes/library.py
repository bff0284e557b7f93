"""An honest fake of AIProxy's library, POST /api/library/ask, as One API asks it.

AIProxy publishes neither a reference nor a client of it, so there is nothing to check this fake
against but One API's own reading of the protocol.
"""

from __future__ import annotations

from typing import Any

import orjson

from tests.fakes.native import Json, NativeFake, Wrong, check

KEY, LIBRARY = "library-secret", "4711"
DOCUMENTS = [{"title": "Grüezi", "url": "https://a/1"}, {"title": "Two", "url": "https://a/2"}]
_ASK = {"model": str, "query": str, "libraryId": str, "stream": bool}


class FakeLibrary(NativeFake):
    """The library; `documents` are what its answers come from."""

    paths = {"/api/library/ask": "ask"}
    stream_type = "text/event-stream"
    documents: list[Json] = DOCUMENTS

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the bearer's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "unauthorized")

    def error(self, status: int, message: str) -> Json:
        """Errors have a number and a message."""
        return {"success": False, "errCode": 1, "message": message}

    def late_error(self) -> Json:
        """The same in a stream."""
        return {"success": False, "errCode": 500, "message": "the model crashed"}

    def frame(self, event: Json) -> bytes:
        """An event."""
        return b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Comments, events that nobody knows, data that is no JSON."""
        return b": ping\n\n" + self.frame({"progress": 3}) + b"data: {broken\n\n"

    def ask(self, body: Json) -> Any:
        """Answer a question."""
        check(body, _ASK)
        if body["libraryId"] != LIBRARY:
            raise Wrong(400, "there is no such library")
        if not body["stream"]:
            if self.script.fails:
                return self.late_error()
            answer = "".join(self.script.words)
            return {"success": True, "answer": answer, "documents": self.documents}
        if self.script.fails:
            return [self.late_error()]
        head = {"model": body["model"], "finish": False, "documents": []}
        said = [{**head, "content": each} for each in self.script.words]
        return [*said, {**head, "content": "", "finish": True, "documents": self.documents}]
