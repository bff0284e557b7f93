"""The form of an event in a Responses stream: its type is said twice, as in OpenAI's own."""

import orjson

from gateway.dialects.responses.loose import Json


def event(payload: Json) -> bytes:
    """Write one event. There is no [DONE] in this dialect: the last event ends the stream."""
    kind = str(payload["type"]).encode()
    return b"event: " + kind + b"\ndata: " + orjson.dumps(payload) + b"\n\n"
