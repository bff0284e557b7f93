"""Gemini's addresses: the model, the method, the form of a stream and the key are all in there."""

from gateway.relay.answer import RelayHandler
from gateway.relay.context import Exchange
from gateway.relay.handler import CompletionHandler


def take_key(handler: RelayHandler) -> None:
    """Take the key from the address, where clients of Gemini may have it; a header goes first."""
    key = handler.get_query_argument("key", "")
    if key:
        handler.request.headers.setdefault("X-Goog-Api-Key", key)


class GenerateHandler(CompletionHandler):
    """generateContent and streamGenerateContent."""

    def prepare(self) -> None:
        """Take the key."""
        super().prepare()
        take_key(self)

    def _admitted(self, x: Exchange) -> None:
        """Without `alt=sse` a stream comes as one JSON array, piece by piece."""
        x.ask.array = x.ask.stream and self.get_query_argument("alt", "") != "sse"
