"""Where the text is in OpenAI's JSON: what a request sends in, and what an answer delivers.

Used only when an upstream reports no usage, and by the sandbox: both count the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.formats import images
from gateway.formats.images import Image

PER_MESSAGE = 3
PER_NAME = 1
PER_ANSWER = 3


@dataclass(slots=True)
class Countable:
    """Texts to count, lists of token ids that are counted already and a fixed overhead, images.
    `repeated` are texts that are read several times, and how often."""

    texts: list[str] = field(default_factory=list)
    tokens: int = 0
    images: list[Image] = field(default_factory=list)
    repeated: list[tuple[str, int]] = field(default_factory=list)

    def fixed(self, model: str) -> int:
        """Return the tokens that need no counting, with those of the images for a model."""
        return self.tokens + sum(image.tokens(model) for image in self.images)


def of_request(body: dict[str, Any]) -> Countable:
    """Collect what a chat, completion, embedding, moderation or edit sends in."""
    found = Countable()
    messages = body.get("messages")
    if isinstance(messages, list):
        found.tokens += PER_ANSWER
        for message in messages:
            _message(found, message)
    for name in ("prompt", "input", "instruction"):
        _prompt(found, body.get(name))
    for name in ("tools", "functions"):
        if body.get(name):
            found.texts.append(orjson.dumps(body[name]).decode())
    return found


def _message(found: Countable, message: Any) -> None:
    if not isinstance(message, dict):
        return
    found.tokens += PER_MESSAGE
    for name in ("role", "name"):
        if isinstance(message.get(name), str):
            found.texts.append(message[name])
            found.tokens += PER_NAME if name == "name" else 0
    _content(found, message.get("content"))
    found.texts.extend(_said(message, ("reasoning_content",)))


def _content(found: Countable, content: Any) -> None:
    if isinstance(content, str):
        found.texts.append(content)
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                if isinstance(part.get("text"), str):
                    found.texts.append(part["text"])
                elif "image_url" in part:
                    found.images.append(_image(part["image_url"]))


def _image(given: Any) -> Image:
    nested = given if isinstance(given, dict) else {"url": given}
    return images.of_url(nested.get("url"), nested.get("detail"))


def _prompt(found: Countable, value: Any) -> None:
    if isinstance(value, str):
        found.texts.append(value)
    elif isinstance(value, list):
        if value and isinstance(value[0], int):
            found.tokens += len(value)
        else:
            for item in value:
                _prompt(found, item)
    elif isinstance(value, dict):
        _content(found, [value])


def of_answer(answer: Any) -> Iterator[str]:
    """Yield every text that an answer, or one chunk of a stream, delivers in any choice."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            if isinstance(choice.get("text"), str):
                yield choice["text"]
            for name in ("delta", "message"):
                if isinstance(choice.get(name), dict):
                    yield from _said(choice[name], _SPOKEN)


_SPOKEN = ("content", "reasoning_content", "reasoning", "refusal")


def _said(message: dict[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = message.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            parts = (part.get("text") for part in value if isinstance(part, dict))
            yield from (text for text in parts if isinstance(text, str))
    calls = message.get("tool_calls")
    listed = calls if isinstance(calls, list) else ()
    functions = [c.get("function") for c in listed if isinstance(c, dict)]
    for function in [*functions, message.get("function_call")]:
        if isinstance(function, dict):
            for name in ("name", "arguments"):
                if isinstance(function.get(name), str):
                    yield function[name]
