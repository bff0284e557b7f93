"""Gemini's answers as they pass untouched: what to watch, how to end early."""

import re

from gateway.dialects.anthropic.passing import words
from gateway.dialects.gemini import embeddings, request, usage
from gateway.dialects.gemini.fields import Json, children, get
from gateway.formats import sse, text
from gateway.formats.text import Countable
from gateway.relay.errors import RelayError

TELLING = re.compile(
    rb"\"(?:(?:usage|grounding)_?[mM]etadata|finish_?[rR]eason|block_?[rR]eason|error)\""
)
OPENING = re.compile(rb"(?!)")  # events have no names
ERROR_FIRST = re.compile(rb'\s*(?:\[\s*)?\{\s*"error"\s*:')


class Follower:
    """One stream: every event is a whole response, and the last one has the reason of its end."""

    def __init__(self) -> None:
        self.finished = False
        self.failed = False

    def feed(self, said: Json) -> bool:
        """Note an event; one with a reason to finish may be the last."""
        ends = any(get(one, "finishReason") for one in children(said, "candidates"))
        feedback = get(said, "promptFeedback")
        ends = ends or (isinstance(feedback, dict) and bool(get(feedback, "blockReason")))
        self.finished = self.finished or ends
        self.failed = self.failed or said.get("error") is not None
        return ends

    def cut_short(self, report: Json, events: int) -> bytes:
        """End as when maxOutputTokens is reached."""
        content = {"role": "model", "parts": [{"text": ""}]}
        last = {"content": content, "finishReason": "MAX_TOKENS", "index": 0}
        return sse.frame({"candidates": [last], "usageMetadata": usage.from_openai(report)})


def limited(body: Json, most: int) -> Json:
    """Return a request whose answer has at most so many tokens, for each candidate."""
    config = get(body, "generationConfig") or {}
    asked = get(config, "maxOutputTokens")
    snake = ("max_output_tokens", "maxOutputTokens")
    rest = {name: value for name, value in config.items() if name not in snake}
    limit = most if asked is None else min(most, int(asked))
    body = {name: value for name, value in body.items() if name != "generation_config"}
    return {**body, "generationConfig": {**rest, "maxOutputTokens": limit}}


def with_system(body: Json, prompt: str) -> Json:
    """Return a request with another system instruction."""
    body = {name: value for name, value in body.items() if name != "system_instruction"}
    return {**body, "systemInstruction": {"parts": [{"text": prompt}]}}


def countable(body: Json) -> Countable:
    """Collect what a request sends in; of one that chat could not be asked, all its words."""
    if "contents" not in body and not {"content", "requests"}.isdisjoint(body):
        return embeddings.countable(body)
    try:
        return text.of_request(request.to_chat(body))
    except RelayError:
        return Countable(list(words(body)), text.PER_ANSWER)
