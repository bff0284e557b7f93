"""Searches that upstreams run themselves and bill by the call, beside the tokens.

Which an answer tells of, where its usage does not count them; and how many a request may cause.
Sources: OpenAI, Web search and File search (only the action "search" is billed; search models of
chat search before every answer); Gemini API, Grounding with Google Search (Gemini 3 and later are
billed by the query, earlier ones by the prompt that was grounded); Anthropic, Web search tool
(`max_uses`; its usage counts them).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.dialects.anthropic.fields import obj, objects
from gateway.dialects.gemini.fields import child, children, events, get

WEB, FILE = "web_searches", "file_searches"
# A call of a tool: its class, and what tells it from others of the same answer.
ToolCall = tuple[str, str]
# How many searches are expected of a request that allows them and names no limit.
USUAL_SEARCHES = 5
MOST_SEARCHES = 10_000

_ITEMS = {"web_search_call": WEB, "file_search_call": FILE}
_ITEM_ENDS = "response.output_item.done"
_BY_QUERY = re.compile(r"(?:^|/)gemini-(?:[3-9]|\d\d)")
_SEARCH_MODEL = re.compile(r"-search-(?:preview|api)(?:-|$)")
_GOOGLES = ("googleSearch", "googleSearchRetrieval")


def none(answer_or_event: Any) -> Iterable[ToolCall]:
    """Tell of no call: what the dialect's usage does not count, it does not have."""
    return ()


def in_responses(answer_or_event: Any) -> Iterator[ToolCall]:
    """Yield the calls in an answer of the Responses API, or in an event: the same call again in
    the event that repeats the whole answer."""
    said = obj(answer_or_event)
    if said.get("type") == _ITEM_ENDS:
        yield from _item(said.get("item"), said.get("output_index"))
        return
    whole = obj(said.get("response")) or said
    output = whole.get("output")
    for index, item in enumerate(output if isinstance(output, list) else ()):
        yield from _item(item, index)


def _item(value: Any, index: Any) -> Iterator[ToolCall]:
    item = obj(value)
    name = _ITEMS.get(str(item.get("type")))
    action = obj(item.get("action")).get("type", "search")
    if name is not None and action == "search" and item.get("status") != "failed":
        yield name, str(index)[:20]


def in_gemini(answer_or_event: Any) -> Iterator[ToolCall]:
    """Yield the searches that an answer of Gemini's, or an event, was grounded in."""
    for event in events(answer_or_event):
        by_query = _BY_QUERY.search(str(get(event, "modelVersion")))
        for candidate in children(event, "candidates"):
            queries = get(child(candidate, "groundingMetadata"), "webSearchQueries")
            for query in queries if isinstance(queries, list) else ():
                yield WEB, str(query)[:200] if by_query else "prompt"


def of_model(model: str) -> int:
    """Return how often a chat model searches before each answer, whatever it is asked."""
    return 1 if _SEARCH_MODEL.search(model) else 0


def most_in_chat(body: dict[str, Any]) -> dict[str, int]:
    """Return how many searches a chat request may cause."""
    asks = of_model(str(body.get("model"))) or bool(body.get("web_search_options"))
    return {WEB: 1} if asks else {}


def most_in_messages(body: dict[str, Any]) -> dict[str, int]:
    """Return how many searches a request of Anthropic's may cause."""
    tools = [t for t in objects(body.get("tools")) if str(t.get("type")).startswith("web_search")]
    return {WEB: sum(_limit(tool.get("max_uses")) for tool in tools)} if tools else {}


def most_in_responses(body: dict[str, Any]) -> dict[str, int]:
    """Return how many searches a request of the Responses API may cause."""
    kinds = [str(tool.get("type")) for tool in objects(body.get("tools"))]
    limit = _limit(body.get("max_tool_calls"))
    most = {WEB: ("web_search",), FILE: ("file_search",)}
    return {
        name: limit for name, starts in most.items() if any(k.startswith(starts) for k in kinds)
    }


def most_in_gemini(body: dict[str, Any]) -> dict[str, int]:
    """Return how many searches a request of Gemini's may cause."""
    tools = children(body, "tools")
    asks = any(get(tool, name) is not None for tool in tools for name in _GOOGLES)
    return {WEB: USUAL_SEARCHES} if asks else {}


def _limit(value: Any) -> int:
    if type(value) is not int or value < 0:
        return USUAL_SEARCHES
    return min(value, MOST_SEARCHES)
