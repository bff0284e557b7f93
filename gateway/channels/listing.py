"""Which models an upstream says it has, in the forms of those who list them."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from gateway.channels.upstream_keys import UpstreamKey
from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.providers.base import CallFailed
from gateway.providers.gemini import VERSION
from gateway.providers.natives import HOSTED
from gateway.providers.pages import VendorPages
from gateway.relay.errors import normalise

MOST_PAGES = 20
MOST_MODELS = 10_000
LONGEST_NAME = 200
_PAGE = 1_000


class ListUnknown(Exception):
    """An upstream did not list its models; the message is for the operator."""


class Upstream(NamedTuple):
    """One channel with one of its keys."""

    pages: VendorPages
    channel: Channel
    vendor: Vendor
    key: UpstreamKey

    @property
    def base(self) -> str:
        """Where it is."""
        return (self.channel.base_url or self.vendor.base_url).rstrip("/")

    async def page(self, url: str) -> dict[str, Any]:
        """Read a page that must be a good object. Raises ListUnknown."""
        try:
            status, parsed = await self.pages.get(self.channel, self.vendor, self.key.secret, url)
        except CallFailed as error:
            raise ListUnknown(self.key.hidden_in(str(error))) from None
        said = self.key.hidden_in(normalise(parsed)["message"])[:300]
        if not 200 <= status < 300:
            raise ListUnknown(f"status {status}{f': {said}' if said else ''}")
        if not isinstance(parsed, dict):
            raise ListUnknown("the answer is no JSON object")
        return parsed


async def _openai(upstream: Upstream) -> list[str]:
    """OpenAI and Anthropic, "List models": the latter in pages, with `has_more` and `last_id`."""
    url, found = upstream.vendor.models_url(upstream.channel.base_url), list[str]()
    paged = upstream.vendor.protocol == "anthropic"
    rest = f"?limit={_PAGE}" if paged else ""
    for _ in range(MOST_PAGES):
        page = await upstream.page(url + rest)
        found += _names(page, "data", "id")
        last = page.get("last_id")
        if not (paged and page.get("has_more") is True and isinstance(last, str)):
            break
        rest = f"?limit={_PAGE}&after_id={quote(last, safe='')}"
    return found


async def _gemini(upstream: Upstream) -> list[str]:
    """Gemini API, "models.list": pages by `nextPageToken`; names begin with "models/"."""
    given = upstream.channel.config.get("api_version")
    version = quote(given, safe="") if isinstance(given, str) and given else VERSION
    found, rest = list[str](), ""
    for _ in range(MOST_PAGES):
        page = await upstream.page(f"{upstream.base}/{version}/models?pageSize={_PAGE}{rest}")
        found += [name.removeprefix("models/") for name in _names(page, "models", "name")]
        token = page.get("nextPageToken")
        if not isinstance(token, str) or not token:
            break
        rest = f"&pageToken={quote(token, safe='')}"
    return found


async def _ollama(upstream: Upstream) -> list[str]:
    """Ollama, "List local models": all at once."""
    return _names(await upstream.page(f"{upstream.base}/api/tags"), "models", "name")


async def _cohere(upstream: Upstream) -> list[str]:
    """Cohere, "List models": pages by `next_page_token`."""
    found, rest = list[str](), ""
    for _ in range(MOST_PAGES):
        page = await upstream.page(f"{upstream.base}/v1/models?page_size={_PAGE}{rest}")
        found += _names(page, "models", "name")
        token = page.get("next_page_token")
        if not isinstance(token, str) or not token:
            break
        rest = f"&page_token={quote(token, safe='')}"
    return found


FORMS: dict[str, Callable[[Upstream], Awaitable[list[str]]]] = {
    "openai": _openai,
    "anthropic": _openai,
    "gemini": _gemini,
    "ollama": _ollama,
    "cohere": _cohere,
}


async def read_list(upstream: Upstream) -> list[str]:
    """Return the names of an upstream's models, sorted. Raises ListUnknown."""
    protocol = upstream.vendor.protocol
    hosted = HOSTED.get(protocol)
    form = FORMS.get(hosted.dialect if hosted else protocol)
    if form is None or not upstream.vendor.lists_models:
        raise ListUnknown(f"{upstream.vendor.name} lists no models")
    found = sorted(set(await form(upstream)))
    if not found:
        raise ListUnknown("the list is empty")
    if len(found) > MOST_MODELS:
        raise ListUnknown(f"the list has {len(found)} models, more than {MOST_MODELS}")
    return found


def _names(page: dict[str, Any], field: str, name: str) -> list[str]:
    """Return the names on a page; entries without a usable one are passed over."""
    entries = page.get(field)
    if not isinstance(entries, list):
        raise ListUnknown(f"the answer has no list {field!r}")
    found = [each.get(name) for each in entries if isinstance(each, dict)]
    return [
        each
        for each in found
        if isinstance(each, str) and 0 < len(each) <= LONGEST_NAME and each.isprintable()
    ]
