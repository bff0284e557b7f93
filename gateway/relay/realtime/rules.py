"""What a realtime client may not ask, since its cost would not be seen."""

import orjson

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import INTENT, SETS, TRANSCRIBING, child
from gateway.relay.context import Exchange
from gateway.relay.errors import RelayError


def refuse(event: Json, x: Exchange) -> None:
    """Raise the RelayError that answers an event which must not go on."""
    transcribes = x.ask.endpoint is TRANSCRIBING
    if event.get("type") == "response.create" and transcribes:
        raise RelayError("invalid_value", "Sessions that only transcribe have no responses.")
    if event.get("type") not in SETS:
        return
    session = child(event, "session")
    model = session.get("model")
    if model is not None and model not in (x.ask.model, x.served_model):
        message = f"The model of this session is `{x.ask.model}`; connect again for another one."
        raise RelayError("invalid_value", message, param="session.model")
    older = event["type"] != "session.update"
    if (older or session.get("type") == INTENT) and not transcribes:
        message = f"To only transcribe, connect with `?intent={INTENT}&model=` and the model."
        raise RelayError("invalid_value", message, param="session.type")
    if transcribes and session.get("type", INTENT) != INTENT:
        message = f"The type of this session is `{INTENT}`; connect again for another one."
        raise RelayError("invalid_value", message, param="session.type")


def renamed(event: Json, message: str, x: Exchange) -> str:
    """Return an event as the upstream gets it: its bytes, unless the upstream's model is named
    differently."""
    session = child(event, "session")
    if session.get("model") != x.ask.model or x.ask.model == x.served_model:
        return message
    return orjson.dumps({**event, "session": {**session, "model": x.served_model}}).decode()
