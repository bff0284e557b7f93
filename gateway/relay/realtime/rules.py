"""What a realtime client may not ask, since its cost would not be seen."""

import orjson

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import child
from gateway.relay.context import Exchange
from gateway.relay.errors import RelayError

_SETS = frozenset({"session.update", "transcription_session.update"})

_OLDER = "input_audio_transcription"


def refusal(event: Json, x: Exchange) -> RelayError | None:
    """Return the error that answers an event which does not go on, else None."""
    if event.get("type") not in _SETS:
        return None
    session = child(event, "session")
    model = session.get("model")
    if model is not None and model not in (x.ask.model, x.served_model):
        message = f"The model of this session is `{x.ask.model}`; connect again for another one."
        return RelayError("invalid_value", message, param="session.model")
    if session.get("type") == "transcription" or event["type"] != "session.update":
        message = "Sessions that only transcribe are not offered by this gateway."
        return RelayError("invalid_value", message, param="session.type")
    if child(session, "audio", "input", "transcription") or session.get(_OLDER):
        message = "Transcripts of what is said are billed apart, and are not offered here."
        return RelayError("invalid_value", message, param="session.audio.input.transcription")
    return None


def renamed(event: Json, message: str, x: Exchange) -> str:
    """Return an event as the upstream gets it: its bytes, unless the upstream's model is named
    differently."""
    session = child(event, "session")
    if session.get("model") != x.ask.model or x.ask.model == x.served_model:
        return message
    return orjson.dumps({**event, "session": {**session, "model": x.served_model}}).decode()
