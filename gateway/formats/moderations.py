"""OpenAI's moderations: what to ask, and what an answer means.

Facts from OpenAI's API reference and guide: `input` takes a list of texts, each with a result of
its own, or a list of parts with one result in all; at most one image can be asked about at a time;
texts are judged best in pieces of less than 2,000 characters. Mistral's answers are alike, without
`flagged`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.formats.openai import MODERATIONS, Ask, Endpoint

# Characters of a piece, and how far one reaches into the next, so that no phrase is cut in two.
PIECE, OVERLAP = 1_900, 100
MOST_PIECES = 32
_MOST_NAMED, _LONGEST_NAME = 12, 60


class NoVerdict(ValueError):
    """An answer that does not say whether what was asked about is flagged."""


def pieces(texts: Sequence[str]) -> list[str]:
    """Return texts that belong together in pieces that are small enough to be judged well."""
    whole = "\n".join(texts)
    starts = range(0, max(len(whole) - OVERLAP, 1), PIECE)
    return [whole[start : start + PIECE + OVERLAP] for start in starts]


def ask_about(endpoint: Endpoint, model: str, given: Sequence[str] | str) -> Ask:
    """Return the question about some pieces of text, or about the image at an address."""
    parts: Any = given
    if isinstance(given, str):
        parts = [{"type": "image_url", "image_url": {"url": given}}]
    body = {"model": model, "input": parts}
    return Ask(
        endpoint=endpoint,
        raw=orjson.dumps(body),
        body=body,
        model=model,
        stream=False,
        wants_usage=False,
        choices=1,
        max_output=None,
        limit_field=MODERATIONS.field,
    )


def verdicts(
    answer: Any, count: int, thresholds: Mapping[str, float]
) -> list[tuple[str, ...] | None]:
    """Return for each of `count` inputs the categories that it is flagged for; None for none.

    A category with a threshold is judged by its score, others as the vendor judged them. Raises
    NoVerdict for an answer that is incomplete in any way.
    """
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != count:
        raise NoVerdict("the answer has not a result for each input")
    return [_verdict(result, thresholds) for result in results]


def _verdict(result: Any, thresholds: Mapping[str, float]) -> tuple[str, ...] | None:
    if not isinstance(result, dict):
        raise NoVerdict("a result is no object")
    flagged, said = result.get("flagged"), result.get("categories")
    categories = said if isinstance(said, dict) else {}
    if not isinstance(flagged, bool) and not categories:
        raise NoVerdict("a result does not say whether it is flagged")
    theirs = [name for name, hit in categories.items() if hit is True]
    hit = [name for name in theirs if name not in thresholds]
    hit += _above(result.get("category_scores"), thresholds)
    if hit or (flagged is True and not theirs):
        return tuple(_shown(hit))
    return None


def _above(scores: Any, thresholds: Mapping[str, float]) -> list[str]:
    """Return the categories that are at their threshold; one without a score is no verdict."""
    if not thresholds:
        return []
    if not isinstance(scores, dict):
        raise NoVerdict("a result has no scores")
    above = []
    for name, threshold in thresholds.items():
        score = scores.get(name, 0)
        if not isinstance(score, int | float):
            raise NoVerdict("a score is no number")
        if score >= threshold:
            above.append(name)
    return above


def _shown(names: Sequence[str]) -> list[str]:
    """Return names of categories as they may be shown to anybody."""
    shown = sorted({name[:_LONGEST_NAME] for name in names if name.isprintable()})
    return shown[:_MOST_NAMED]
