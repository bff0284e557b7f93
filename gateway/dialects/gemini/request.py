"""Requests: GenerateContentRequest to a chat body and back (Gemini API: models.generateContent).

Dropped, being harmless elsewhere: safetySettings (thresholds of Google's own filter), labels, the
response schemas of functions, and, of a chat body, what steers no answer: user, metadata, store,
service_tier, prediction, verbosity, parallel_tool_calls.
"""

from gateway.dialects.gemini import config, tools
from gateway.dialects.gemini.contents import to_messages
from gateway.dialects.gemini.fields import Json, an_object, get, unsupported
from gateway.dialects.gemini.messages import to_contents


def to_chat(body: Json) -> Json:
    """Return what a Gemini client asks as a chat body.

    The model and whether to stream are in Gemini's address, not in its body: the caller adds
    `model` and `stream`. Raises RelayError 400, naming the field that is wrong or that chat cannot
    say (cachedContent, Google's own tools, videos, …).
    """
    if get(body, "cachedContent") is not None:
        unsupported("cachedContent")
    return {"messages": to_messages(body), **config.to_chat(body), **tools.to_chat(body)}


def from_chat(body: Json) -> Json:
    """Return a chat body as a GenerateContentRequest; the caller puts the model in the address.

    The model's name decides how thinking is asked for. Google's own extension for OpenAI clients
    is honoured: `extra_body.google` with thinking_config and safety_settings. Its cached_content is
    not, since caches belong to the operator's account. Raises RelayError 400, naming the field that
    is wrong or that Gemini cannot do.
    """
    extra = an_object(body.get("extra_body"), "extra_body")
    google = an_object(extra.get("google"), "extra_body.google")
    if body.get("audio") is not None:
        unsupported("audio")
    if get(google, "cachedContent") is not None:
        unsupported("extra_body.google.cached_content")
    made = {**to_contents(body), **tools.from_chat(body), **config.safety(body, google)}
    generation = config.from_chat(body, google)
    return {**made, "generationConfig": generation} if generation else made
