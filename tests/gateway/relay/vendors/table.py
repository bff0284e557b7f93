"""The vendors with protocols of their own, a row each: what the conformance suite must know of one.

A new protocol adds its fake to tests/fakes/, a file to rows/ and its line here, and is tested with
all the rest; what its own client says of the fake is a file in oracles/.
"""

from tests.gateway.relay.vendors.rows import cohere, coze, dify, ollama

ROWS = {
    "ollama": ollama.ROW,
    "coze": coze.ROW,
    "cohere": cohere.ROW,
    "dify": dify.ROW,
}
