"""Dify."""

import re

from tests.fakes import dify
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, BROKEN, RESULT, TWO, Row, Seen

_TURN = re.compile(r"^(System|User|Assistant):\n", re.MULTILINE)


def of_dify(body: Json) -> Seen:
    seen = Seen(
        images=[each.get("url") or each["upload_file_id"] for each in body.get("files", [])]
    )
    before, *rest = _TURN.split(body["query"])
    if before:
        seen.said.append(("user", before))
    for role, text in zip(rest[::2], rest[1::2], strict=True):
        seen.said.append((role.lower(), text.removesuffix("\n\n")))
    return seen


def dify_frame(script: Script) -> Json:
    return dify.usage(script.tokens_in, script.tokens_out)


ROW = Row(
    vectors=False,
    type=1037,
    fake=dify.FakeDify,
    secret=dify.KEY,
    seen=of_dify,
    frame=dify_frame,
    linked=True,
    refused=(TWO, AUDIO, BROKEN, RESULT),
    chat_path="/v1/chat-messages",
    sampling=frozenset(),
    lengths=False,
    efforts=False,
    thinks=False,
)
