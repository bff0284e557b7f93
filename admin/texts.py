"""Texts that the operator writes, as pages may show them: Markdown or HTML, made harmless.

An operator's account may be taken over, and what one pastes may hold more than one sees, so nothing
in these texts may run, load or send anything by itself: what is not on the list of the sanitiser
(nh3, which is Ammonia) goes. A text that is nothing but an https address is a page to be framed.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_UNWANTED = {"map", "area", "figure", "figcaption"}
# Links may not reach back into the page that they open from, nor tell where they were.
_REL = "noopener noreferrer nofollow"
_SCHEMES = {"https", "http", "mailto"}


@cache
def _markdown() -> "MarkdownIt":
    """Return the parser; loaded with the first text."""
    from markdown_it import MarkdownIt

    options = {"html": True, "linkify": False}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


@lru_cache(maxsize=64)
def safe_html(text: str) -> str:
    """Return Markdown or HTML as HTML in which nothing can run."""
    import nh3  # loaded with the first text, too

    html, tags = _markdown().render(text) if text else "", nh3.ALLOWED_TAGS - _UNWANTED
    return nh3.clean(html, tags=tags, url_schemes=_SCHEMES, link_rel=_REL)


def framed_url(text: str) -> str:
    """Return the address that a text is, if it is nothing else; else ""."""
    url = text.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    plain = url.isprintable() and not any(each in url for each in " \"'<>\\`")
    return url if plain and parts.scheme == "https" and parts.hostname else ""


def framed_origins(texts: Iterable[str]) -> list[str]:
    """Return the origins of those texts that are addresses, as a content policy wants them."""
    urls = (urlsplit(framed_url(text)) for text in texts)
    return sorted({f"https://{url.netloc}" for url in urls if url.hostname})
