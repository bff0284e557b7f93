"""What the sandbox says where nothing is written: verdicts of moderation, and rankings."""

import hashlib
from typing import Any

from gateway.dialects import rerank
from gateway.formats import text
from gateway.tokens import TokenCounter

_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
# Whoever wants to see a flagged text writes this word.
FLAGGED = "sandbox-flagged"

Body = dict[str, Any]


def moderation(body: Body, answer_id: str) -> Body:
    """Judge every input; only those that hold the word FLAGGED are flagged, as violence."""
    given = body["input"]
    parts = isinstance(given, list) and isinstance(given[0], dict)
    inputs = given if isinstance(given, list) and not parts else [given]
    return {"id": answer_id, "model": body["model"], "results": [_verdict(one) for one in inputs]}


def _verdict(given: Any) -> Body:
    is_flagged = FLAGGED in str(given)
    hit = {name: is_flagged and name == "violence" for name in _CATEGORIES}
    scores = {name: 0.99 if found else 0.01 for name, found in hit.items()}
    return {"flagged": is_flagged, "categories": hit, "category_scores": scores}


async def ranking(counter: TokenCounter, body: Body, answer_id: str) -> Body:
    """Score documents by the words that they share with the query, deterministically."""
    query, documents = body["query"], body["documents"]
    scores = [_score(str(query), str(document)) for document in documents]
    order = sorted(range(len(documents)), key=lambda at: (-scores[at], at))
    results: list[Body] = []
    for at in order[: body.get("top_n")]:
        result: Body = {"index": at, "relevance_score": scores[at]}
        if body.get("return_documents"):
            said = documents[at]
            result["document"] = {"text": said} if isinstance(said, str) else said
        results.append(result)
    return {
        "id": answer_id,
        "model": body["model"],
        "results": results,
        "usage": {"total_tokens": await _tokens(counter, rerank.countable(body), body["model"])},
    }


def _score(query: str, document: str) -> float:
    asked, said = set(query.lower().split()), set(document.lower().split())
    shared = len(asked & said) / max(1, len(asked))
    tail = hashlib.sha256(f"{query}\0{document}".encode()).digest()[0] / 256
    return round(0.9 * shared + 0.1 * tail, 6)


async def _tokens(counter: TokenCounter, found: text.Countable, model: str) -> int:
    tokens = found.tokens + await counter.count(model, found.texts)
    for said, times in found.repeated:
        tokens += times * await counter.count(model, [said])
    return tokens
