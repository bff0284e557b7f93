"""The one table of protocols that only upstreams speak: a line for each file."""

from collections.abc import Mapping

from gateway.formats.openai import Endpoint
from gateway.providers.cohere import Cohere
from gateway.providers.native import Codes, Native
from gateway.providers.ollama import Ollama

_ALL: tuple[Native, ...] = (
    Ollama(),
    Cohere(),
)

NATIVES: Mapping[str, Native] = {native.name: native for native in _ALL}
_NONE = Codes()


def asked(task: str) -> dict[str, Endpoint]:
    """Return how each protocol that has a task is asked for it."""
    return {native.name: native.endpoint(task) for native in _ALL if task in native.tasks}


def codes_of(protocol: str) -> Codes:
    """Return what the labels of a protocol mean; nothing of its own for others than these."""
    native = NATIVES.get(protocol)
    return native.codes if native is not None else _NONE
