"""URL templates for notices, such as those of Bark and Telegram bots.

`{title}`, `{text}` and `{url}` are replaced by what a notice says, percent-encoded; the result is
asked for with GET.
"""

from typing import Any
from urllib.parse import quote

from gateway.directory import checks

_NAMES = ("title", "text", "url")
_check = checks.web_address(2_000, query=True)
# Servers and proxies refuse longer addresses.
_MOST_TEXT = 1_000


def template(value: Any) -> str:
    """Check a template; "" is none. Raises ValueError."""
    text: str = checks.text(2_000, spaces=False)(value)
    if not text:
        return ""
    bare = text
    for name in _NAMES:
        bare = bare.replace(f"{{{name}}}", "x")
    if bare == text:
        raise ValueError("must contain {title} or {text}")
    if "{" in bare or "}" in bare:
        raise ValueError("may contain {title}, {text} and {url} only")
    _check(bare)
    if "{" in text.split("://", 1)[1].partition("/")[0]:
        raise ValueError("must name its host")
    return text


def filled(text: str, title: str, body: str, url: str) -> str:
    """Return the address to ask for."""
    values = {"title": title, "text": body[:_MOST_TEXT], "url": url}
    parts = text
    for name in _NAMES:
        parts = parts.replace(f"{{{name}}}", quote(values[name], safe=""))
    return parts
