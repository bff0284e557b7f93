"""Replicate."""

from tests.fakes import replicate
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import ALL_SAMPLING, AUDIO, TWO, Row, Seen

_CALL = {"id": "1", "function": {"name": "f", "arguments": "{}"}}


def of_replicate(body: Json) -> Seen:
    given, seen = body["input"], Seen()
    if "system_prompt" in given:
        seen.said.append(("system", given["system_prompt"]))
    turns = given["prompt"].removesuffix("\n\nAssistant:").split("\n\n")
    if len(turns) == 1:
        seen.said.append(("user", given["prompt"]))
    else:
        pairs = (turn.split(": ", 1) for turn in turns)
        seen.said += [(who.lower(), text) for who, text in pairs]
    seen.sampling = {name: given[name] for name in given if name in ALL_SAMPLING}
    if "stop_sequences" in given:
        seen.sampling["stop"] = given["stop_sequences"].split(",")
    return seen


def replicate_frame(script: Script) -> Json:
    return replicate.metrics_of(script)


ROW = Row(
    type=46,
    fake=replicate.FakeReplicate,
    secret=replicate.KEY,
    seen=of_replicate,
    frame=replicate_frame,
    linked=False,
    refused=(
        TWO,
        AUDIO,
        ({"stop": ["a,b"]}, "stop"),
        ({"messages": [{"role": "assistant", "tool_calls": [_CALL]}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ),
    chat_path="/v1/models/acme/chat/predictions",
    model="acme/chat",
    thinks=False,
    vectors=False,
    lengths=False,
    small="'aspect_ratio': '1:1'",
    pictures="acme/image",
)
