"""Vectors on Amazon Bedrock: InvokeModel, with bodies as the makers have them (Amazon Bedrock user
guide, "Amazon Titan Text Embeddings" and "Cohere Embed").

Titan takes one text at a time and says how many tokens it had. Cohere's models do not: of these
Bedrock tells the count in a header, which is put into the answer as its usage.
"""

import re
from collections.abc import AsyncIterator

from gateway.dialects.dialect import Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import a_name, a_whole, child, refuse
from gateway.providers import turns
from gateway.providers.base import Answer

COUNTED = "inputTextTokenCount"
_TITAN = re.compile(r"amazon\.titan-embed")
_HEADER = "x-amzn-bedrock-input-token-count"


def request(body: Json) -> Json:
    """Return a body for /model/{id}/invoke. Raises RelayError 400."""
    given, wanted = turns.inputs(body), body.get("dimensions")
    size = None if wanted is None else a_whole(wanted, "dimensions")
    model = body.get("model")
    if isinstance(model, str) and _TITAN.search(model):
        if len(given) > 1:
            refuse("input", "one text: this model takes no more at a time")
        return {"inputText": given[0], **({} if size is None else {"dimensions": size})}
    kind = body.get("input_type")
    return {
        "texts": given,
        "input_type": "search_document" if kind is None else a_name(kind, "input_type"),
        "embedding_types": ["float"],
        **({} if size is None else {"output_dimension": size}),
    }


def vectors(answer: Json) -> list[list[float]]:
    """Return the vectors of an answer; older models of Cohere's do not say of what type."""
    if "embedding" in answer:
        return [embeddings.numbers(answer["embedding"])]
    listed = child(answer, "embeddings").get("float", answer.get("embeddings"))
    return [embeddings.numbers(each) for each in (listed if isinstance(listed, list) else ())]


def counted(answer: Answer) -> Answer:
    """Return an answer with the count of its header in it."""
    count = answer.headers.get(_HEADER, "")
    if 200 <= answer.status < 300 and count.isascii() and count.isdigit() and len(count) < 13:
        answer.body = _with(b'{"usage":{"inputTokens":%d},' % int(count), answer.body)
    return answer


async def _with(beginning: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass an object on that begins otherwise."""
    begun = False
    async for piece in body:
        if piece.startswith(b"{") and not begun:
            piece = beginning + piece[1:]
        begun = begun or bool(piece)
        yield piece
