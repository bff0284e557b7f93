"""Streams: Anthropic's events and OpenAI's chunks, in both directions."""

from gateway.dialects.anthropic.stream_in import ToChat
from gateway.dialects.anthropic.stream_out import FromChat

__all__ = ["FromChat", "ToChat"]
