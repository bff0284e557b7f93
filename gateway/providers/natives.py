"""The one table of protocols with a file of their own: a line for each.

Of the first kind are those that only upstreams speak, of the second those that host models in a
dialect that clients speak too.
"""

from collections.abc import Mapping

from gateway.formats.openai import Endpoint
from gateway.providers.asking import Asking, Codes, Hosted
from gateway.providers.bedrock import Bedrock
from gateway.providers.bedrock_claude import BedrockClaude
from gateway.providers.cohere import Cohere
from gateway.providers.coze import Coze
from gateway.providers.dashscope import DashScope
from gateway.providers.deepl import DeepL
from gateway.providers.dify import Dify
from gateway.providers.hunyuan import Hunyuan
from gateway.providers.library import Library
from gateway.providers.minimax import MiniMax, MiniMaxVectors
from gateway.providers.native import Native
from gateway.providers.ollama import Ollama
from gateway.providers.qianfan import Qianfan
from gateway.providers.replicate import Replicate
from gateway.providers.spark import Spark
from gateway.providers.vertex import VertexClaude, VertexGemini
from gateway.providers.vertex_embeddings import VertexEmbeddings

_ALL: tuple[Native, ...] = (
    Qianfan(),
    Spark(),
    Library(),
    Hunyuan(),
    MiniMaxVectors(),
    Ollama(),
    Bedrock(),
    Coze(),
    Cohere(),
    Dify(),
    VertexEmbeddings(),
    DeepL(),
    DashScope(),
    Replicate(),
)
_HOSTED: tuple[Hosted, ...] = (
    MiniMax(),
    BedrockClaude(),
    VertexGemini(),
    VertexClaude(),
)

NATIVES: Mapping[str, Native] = {native.name: native for native in _ALL}
HOSTED: Mapping[str, Hosted] = {hosted.name: hosted for hosted in _HOSTED}
OWN: Mapping[str, Asking] = {**NATIVES, **HOSTED}
_NONE = Codes()


def asked(task: str) -> dict[str, Endpoint]:
    """Return how each protocol that has a task is asked for it."""
    return {native.name: native.endpoint(task) for native in _ALL if task in native.tasks}


def codes_of(protocol: str) -> Codes:
    """Return what the labels of a protocol mean; nothing of its own for others than these."""
    own = OWN.get(protocol)
    return own.codes if own is not None else _NONE
