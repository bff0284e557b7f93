"""What iFlytek's Spark is asked over its WebSocket: where, signed how, with what body (spark.py).

A model is a version, which is a place in the address, and a `domain`, which has to fit it
(iFlytek, "Spark WebSocket API", 1.2; One API's names).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

import httpx

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import a_number, a_whole, refuse, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, SYSTEM, TOOL, USER, Turn


@dataclass(frozen=True, slots=True)
class Place:
    """A version: its path, its domain, whether it takes system turns and functions."""

    path: str
    domain: str
    system: bool = False
    tools: bool = False


_PLACES = {
    "v1.1": Place("/v1.1/chat", "lite"),
    "v2.1": Place("/v2.1/chat", "generalv2"),
    "v3.1": Place("/v3.1/chat", "generalv3", tools=True),
    "v3.1-128k": Place("/chat/pro-128k", "pro-128k"),
    "v3.5": Place("/v3.5/chat", "generalv3.5", system=True, tools=True),
    "v3.5-32k": Place("/chat/max-32k", "max-32k", system=True),
    "v4.0": Place("/v4.0/chat", "4.0Ultra", system=True, tools=True),
    "x1": Place("/v1/x1", "x1", system=True),
}
_MODELS = {
    "spark-lite": "v1.1",
    "spark-v2.0": "v2.1",
    "spark-pro": "v3.1",
    "spark-pro-128k": "v3.1-128k",
    "spark-max": "v3.5",
    "spark-max-32k": "v3.5-32k",
    "spark-4.0-ultra": "v4.0",
    "spark-x1": "x1",
    **{place.domain.lower(): version for version, place in _PLACES.items()},
}
_DESK = "sparkdesk"
_OLDEST = "v1.1"
# What the vendor allows: the temperature is above 0 and at most 1.
_COLDEST, _HOTTEST = 0.01, 1.0
_MOST_K = 6


def place_of(model: str, config: Config) -> Place | None:
    """Return where a model is: by its name, or the version behind it ("SparkDesk-v3.5"), else the
    channel's `api_version`; None for one that is not known."""
    name = model.lower()
    said = str(config.get("api_version") or "").lower()
    version = _MODELS.get(name) or name.partition("-")[2]
    if version not in _PLACES:
        version = said or (_OLDEST if name == _DESK else "")
    return _PLACES.get(version)


def signed(url: httpx.URL, key: str, secret: str, now_s: float) -> httpx.URL:
    """Return an address with its signature (iFlytek, "WebSocket authentication": HMAC-SHA256 over
    host, date and request line). It is good for five minutes."""
    date = formatdate(now_s, usegmt=True)
    host = url.netloc.decode("ascii")
    path = url.raw_path.partition(b"?")[0].decode("ascii")
    text = f"host: {host}\ndate: {date}\nGET {path} HTTP/1.1"
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    said = {
        "api_key": key,
        "algorithm": "hmac-sha256",
        "headers": "host date request-line",
        "signature": base64.b64encode(digest).decode(),
    }
    listed = ", ".join(f'{name}="{value}"' for name, value in said.items())
    authorization = base64.b64encode(listed.encode()).decode()
    query = urlencode({"authorization": authorization, "date": date, "host": host})
    return url.copy_with(query=query.encode("ascii"))


def chat_body(chat: Json, config: Config) -> Json:
    """Return a body, but for the application's id. Raises RelayError 400."""
    model = chat.get("model")
    place = place_of(model, config) if isinstance(model, str) else None
    if place is None:
        refuse("model", "one of Spark's, such as Spark-Max, or a version such as SparkDesk-v3.5")
    asked: Json = {"domain": place.domain}
    if chat.get("temperature") is not None:
        temperature = a_number(chat["temperature"], "temperature")
        asked["temperature"] = min(max(temperature, _COLDEST), _HOTTEST)
    if chat.get("top_k") is not None:
        asked["top_k"] = min(max(a_whole(chat["top_k"], "top_k"), 1), _MOST_K)
    if (most := turns.limit(chat)) is not None:
        asked["max_tokens"] = most
    payload: Json = {"message": {"text": _messages(chat, place)}}
    if functions := _functions(chat, place):
        payload["functions"] = {"text": functions}
    return {"header": {}, "parameter": {"chat": asked}, "payload": payload}


def _messages(chat: Json, place: Place) -> list[Json]:
    given = turns.turns(chat, images=False)
    return [_message(turn, place.system and at == 0) for at, turn in enumerate(given)]


def _message(turn: Turn, system: bool) -> Json:
    """Return a message. System turns are a user's where there can be none, as in iFlytek's SDK."""
    if turn.calls:
        unsupported(f"{turn.param}.tool_calls")
    if turn.role == TOOL:
        unsupported(f"{turn.param}.role")
    if not turn.text:
        refuse(f"{turn.param}.content", "a non-empty string")
    said = {SYSTEM: SYSTEM if system else USER, ASSISTANT: ASSISTANT}
    return {"role": said.get(turn.role, USER), "content": turn.text}


def _functions(chat: Json, place: Place) -> list[Json]:
    functions, choice = turns.functions(chat), turns.chosen(chat)
    if not functions or choice == "none":
        return []
    if not place.tools:
        unsupported("tools")
    if choice != "auto":
        unsupported("tool_choice")
    return [_function(each) for each in functions]


def _function(given: Mapping[str, Any]) -> Json:
    parameters = given.get("parameters") or {"type": "object", "properties": {}}
    about = given.get("description") or given["name"]
    return {"name": given["name"], "description": about, "parameters": parameters}
