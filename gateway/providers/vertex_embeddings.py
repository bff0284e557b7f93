"""Text embeddings on Vertex AI: `:predict` (Vertex AI, "Text embeddings API").

What was used is the sum of `statistics.token_count`, one for each text. A text that is too long is
refused by Google instead of being cut, unless the request says `auto_truncate`. Models named
gemini-embedding take one text to a request.
"""

from collections.abc import Iterator
from typing import Any

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import (
    a_boolean,
    a_name,
    a_text,
    a_whole,
    child,
    children,
    count,
    refuse,
    said,
)
from gateway.formats.usage import Usage
from gateway.providers import turns
from gateway.providers.native import EMBEDDINGS, Native
from gateway.providers.vertex import OnVertex

ONE_AT_A_TIME = "gemini-embedding"


class VertexEmbeddings(OnVertex, Native):
    """Vectors of texts on Vertex."""

    name = "vertex-embeddings"
    tasks = (EMBEDDINGS,)
    delivers = ("predictions",)
    offers = frozenset()

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for :predict; `task_type` and `title` are Google's own."""
        texts = turns.inputs(body)
        if len(texts) > 1 and a_name(body.get("model"), "model").startswith(ONE_AT_A_TIME):
            refuse("input", "one text; this model takes no more to a request")
        more = {name: a_text(body.get(name), name) for name in ("task_type", "title")}
        more = {name: text for name, text in more.items() if text}
        cut = a_boolean(body.get("auto_truncate", False), "auto_truncate")
        parameters: Json = {"autoTruncate": cut}
        if body.get("dimensions") is not None:
            parameters["outputDimensionality"] = a_whole(body["dimensions"], "dimensions")
        instances = [{"content": text, **more} for text in texts]
        return {"instances": instances, "parameters": parameters}

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors, in order."""
        found = (child(each, "embeddings") for each in children(answer, "predictions"))
        return [embeddings.numbers(each.get("values")) for each in found]

    def find(self, event: Any) -> Json | None:
        """Return the statistics of every text."""
        if not isinstance(event, dict):
            return None
        made = (child(each, "embeddings") for each in children(event, "predictions"))
        found = [child(each, "statistics") for each in made]
        return {"statistics": found} if any(found) else None

    def usage(self, frame: Json) -> Usage | None:
        """Return the tokens of all texts; None where one was not counted."""
        counts = [count(each.get("token_count")) for each in children(frame, "statistics")]
        known = [each for each in counts if each is not None]
        total = count(sum(known))
        return {"input": total} if total is not None and 0 < len(known) == len(counts) else None

    def texts(self, event: Any) -> Iterator[str]:
        """Vectors hold no text."""
        yield from ()

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return Google's reason, else its name of the status, and the message."""
        inner = child(parsed, "error") if isinstance(parsed, dict) else {}
        reasons = (said(detail, "reason") for detail in children(inner, "details"))
        code = next(filter(None, reasons), "") or said(inner, "status")
        return code or None, said(inner, "message")
