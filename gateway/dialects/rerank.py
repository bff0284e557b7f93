"""Reranking, as Cohere and Jina have it and vLLM, SiliconFlow and others copied it.

A query and documents go in, relevance scores come out. Jina reports `usage.total_tokens`; Cohere
reports `meta.billed_units.search_units`, each of which is one query with up to a hundred documents,
where every 500 tokens of a document with the query count as one (Cohere API: rerank; pricing).
"""

from typing import Any

from gateway.dialects.anthropic.passing import words
from gateway.dialects.dialect import Json
from gateway.formats import openai
from gateway.formats import usage as usages
from gateway.formats.openai import Ask, Body, Endpoint
from gateway.formats.text import Countable
from gateway.formats.usage import Usage

RERANK = Endpoint(
    name="rerank",
    task="rerank",
    path="/v1/rerank",
    field="documents",
    kinds=(list,),
    has_output=False,
    dialect="rerank",
)
MAX_TOP = 10**9
_PIECE_TOKENS = 500
_PIECES_PER_UNIT = 100
# What models put around a query and a document.
_AROUND = 8
_REPORTS = ("usage", "meta", "tokens")


def read(raw: bytes, body: Body) -> Ask:
    """Check a request. Raises RelayError 400, naming what is wrong."""
    model, query, documents = body.get("model"), body.get("query"), body.get("documents")
    if not isinstance(model, str) or not model:
        openai.refuse_field(body, "model", "a non-empty string")
    if not isinstance(query, str | dict) or not query:
        openai.refuse_field(body, "query", "a non-empty string")
    wanted = "a non-empty list of strings or objects"
    if not isinstance(documents, list) or not documents:
        openai.refuse_field(body, "documents", wanted)
    if not all(isinstance(document, str | dict) for document in documents):
        openai.refuse_field(body, "documents", wanted)
    openai.whole(body, "top_n", 1, MAX_TOP)
    openai.boolean(body, "return_documents")
    asked = sum(len(said.encode()) for said in _texts(query)) + _AROUND
    return Ask(
        endpoint=RERANK,
        raw=raw,
        body=body,
        model=model,
        stream=False,
        wants_usage=False,
        choices=1,
        max_output=None,
        limit_field="",
        said_again=asked * len(documents),
        units={"calls": _most_units(asked, documents) - 1},
    )


def _most_units(asked: int, documents: list[Any]) -> int:
    """Bound the units of search: no token is shorter than a byte."""
    sizes = (sum(len(said.encode()) for said in _texts(each)) for each in documents)
    pieces = sum(-(-(asked + size) // _PIECE_TOKENS) for size in sizes)
    return max(1, -(-pieces // _PIECES_PER_UNIT))


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(words(value))


def countable(body: Json) -> Countable:
    """Collect what a request sends in: each document is read together with the query."""
    documents = body["documents"]
    found = Countable([said for each in documents for said in _texts(each)])
    found.repeated = [(said, len(documents)) for said in _texts(body["query"])]
    return found


def find(answer: Any) -> Json | None:
    """Return whatever an answer reports of its usage; None when it reports nothing."""
    if not isinstance(answer, dict):
        return None
    found = {name: answer[name] for name in _REPORTS if isinstance(answer.get(name), dict)}
    return found or None


def classes(report: Json) -> Usage | None:
    """Turn a report into tokens and units of search; None when it holds no counts above zero."""
    meta = _child(report, "meta")
    billed = _child(meta, "billed_units")
    places = (_child(report, "usage"), billed, _child(meta, "tokens"), _child(report, "tokens"))
    tokens = next(filter(None, map(_tokens, places)), 0)
    units = usages.count(billed.get("search_units")) or 0
    found = {"input": tokens, "calls": units}
    return {name: number for name, number in found.items() if number} or None


def _tokens(place: Json) -> int:
    usage = usages.classes(place) or {}
    return usage.get("input", 0) + usage.get("cached", 0)


def _child(value: Json, name: str) -> Json:
    found = value.get(name)
    return found if isinstance(found, dict) else {}
