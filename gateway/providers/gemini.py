"""The Gemini protocol over HTTP: the model and the form of the answer are in the address."""

from urllib.parse import quote

import httpx

from gateway.providers.base import Call, CallFailed
from gateway.providers.openai import OpenAIProvider

# Google's own default; a channel's config says otherwise with `api_version`.
VERSION = "v1beta"


class GeminiProvider(OpenAIProvider):
    """Calls generateContent, as a stream of server-sent events where one is asked for, countTokens,
    embedContent and batchEmbedContents."""

    def _url(self, call: Call) -> str:
        channel = call.channel
        base = (channel.base_url or call.vendor.base_url).rstrip("/")
        given = channel.config.get("api_version")
        version = quote(given, safe="") if isinstance(given, str) and given else VERSION
        model = quote(call.model.removeprefix("models/"), safe="")
        method = call.endpoint.path.rpartition(":")[2]
        if call.stream:
            method = "streamGenerateContent?alt=sse"
        try:
            return str(httpx.URL(f"{base}/{version}/models/{model}:{method}"))
        except httpx.InvalidURL as error:
            raise CallFailed("upstream_unreachable", str(error)) from None
