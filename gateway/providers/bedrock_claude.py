"""Claude on Amazon Bedrock: InvokeModel, whose bodies and events are those of Anthropic's Messages
(Amazon Bedrock user guide, "Anthropic Claude Messages API").

The model stands in the address, and so does whether a stream is wanted. What a client asks for in
its anthropic-beta header goes into the body.
"""

import orjson

from gateway.providers.asking import Hosted
from gateway.providers.aws import OnBedrock
from gateway.providers.base import Call

VERSION = "bedrock-2023-05-31"
_BETA = "anthropic-beta"
# One API's names for what is asked for by its own id alone.
_NAMES = {
    "claude-instant-1.2": "anthropic.claude-instant-v1",
    "claude-2.0": "anthropic.claude-v2",
    "claude-2.1": "anthropic.claude-v2:1",
    "claude-3-haiku-20240307": "anthropic.claude-3-haiku-20240307-v1:0",
    "claude-3-sonnet-20240229": "anthropic.claude-3-sonnet-20240229-v1:0",
    "claude-3-opus-20240229": "anthropic.claude-3-opus-20240229-v1:0",
    "claude-3-5-sonnet-20240620": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "claude-3-5-sonnet-20241022": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-3-5-sonnet-latest": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-3-5-haiku-20241022": "anthropic.claude-3-5-haiku-20241022-v1:0",
}


class BedrockClaude(OnBedrock, Hosted):
    """Claude, asked in Anthropic's dialect."""

    name = "bedrock-claude"
    dialect = "anthropic"
    fetches = False
    streamed = "-with-response-stream"
    names = _NAMES

    def sent(self, call: Call) -> bytes:
        """Return a body of Messages as Bedrock takes it."""
        body = orjson.loads(super().sent(call))
        for name in ("model", "stream"):
            body.pop(name, None)
        body["anthropic_version"] = VERSION
        asked = [each.strip() for each in call.headers.get(_BETA, "").split(",")]
        if wanted := [each for each in asked if each]:
            known = body.get("anthropic_beta")
            body["anthropic_beta"] = [*(known if isinstance(known, list) else ()), *wanted]
        return orjson.dumps(body)
