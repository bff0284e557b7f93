"""Refuses what another site makes a signed-in browser send.

A cookie travels with requests that other pages start; an access token doesn't. So a request that
carries no access token must come from our own pages when it changes something. Programs that send
neither Origin nor Sec-Fetch-Site are no browsers, and pass.
"""

from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})


def is_foreign(request: HTTPServerRequest) -> bool:
    """Tell whether a browser says that another origin started this request."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site.lower() not in _OWN
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc.lower() != request.host.lower()
