"""The vendors with protocols of their own, a row each: what the conformance suite must know of one.

A new protocol adds its fake to tests/fakes/, a file to rows/ and its line here, and is tested with
all the rest; what its own client says of the fake is a file in oracles/.
"""

from tests.gateway.relay.vendors.rows import (
    bedrock,
    bedrock_claude,
    cohere,
    coze,
    dashscope,
    deepl,
    dify,
    hunyuan,
    library,
    minimax,
    ollama,
    qianfan,
    replicate,
    spark,
    vertex,
)

ROWS = {
    "qianfan": qianfan.ROW,
    "spark": spark.ROW,
    "tencent": hunyuan.ROW,
    "ollama": ollama.ROW,
    "bedrock": bedrock.ROW,
    "bedrock-claude": bedrock_claude.ROW,
    "coze": coze.ROW,
    "cohere": cohere.ROW,
    "dify": dify.ROW,
    "dashscope": dashscope.ROW,
    "replicate": replicate.ROW,
    "vertex-gemini": vertex.GEMINI_ROW,
    "vertex-claude": vertex.CLAUDE_ROW,
}
# Vendors of which most of the suite asks what they have not, or which speak a dialect that all the
# other tests are about; each has a file of tests of its own here.
MODEST = {
    "library": library.ROW,
    "translator": deepl.ROW,
    "mini": minimax.ROW,
}
