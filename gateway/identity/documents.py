"""An OpenID provider's own documents, kept for an hour: what it is, and the keys it signs with.

Source: OpenID Connect Discovery 1.0, §3 and §4.3 (the issuer must be the one that was asked).
"""

from collections.abc import Callable
from typing import Any

from gateway.identity.asking import Json, away, document
from gateway.web import Web, WebFailed

KEPT_S = 3_600
_PATH = "/.well-known/openid-configuration"
_NAME = "the OpenID provider"


class Documents:
    """Documents by their addresses. `now_s` only ever grows."""

    def __init__(self, web: Web, now_s: Callable[[], float]) -> None:
        self._web = web
        self._now_s = now_s
        self._kept: dict[str, tuple[float, Json]] = {}

    async def discovery(self, well_known: str) -> Json:
        """Return the provider's document. Raises IdentityAway."""
        found = await self._read(well_known)
        issuer = found.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") + _PATH != well_known:
            self._kept.pop(well_known, None)
            raise away(_NAME, "its issuer is not where OidcWellKnown says")
        secure = well_known.startswith("https:")
        for name, value in found.items():
            if name.endswith(("_endpoint", "jwks_uri")) and not _is_address(value, secure):
                self._kept.pop(well_known, None)
                raise away(_NAME, f"{name} is not an address to be asked")
        return found

    async def keys(self, jwks_uri: str, *, again: bool = False) -> list[Json]:
        """Return the public keys, from the provider itself if `again`. Raises IdentityAway."""
        if again:
            self._kept.pop(jwks_uri, None)
        listed: Any = (await self._read(jwks_uri)).get("keys")
        return [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []

    async def _read(self, url: str) -> Json:
        since_s, found = self._kept.get(url, (0.0, None))
        if found is not None and self._now_s() - since_s < KEPT_S:
            return found
        try:
            answer = await self._web.get(url)
        except WebFailed as error:
            raise away(_NAME, error) from None
        made = document(_NAME, answer)
        if not answer.ok:
            raise away(_NAME, f"HTTP {answer.status}")
        self._kept = {url: (self._now_s(), made), **dict(list(self._kept.items())[:7])}
        return made


def _is_address(value: object, secure: bool) -> bool:
    """Whether an address is as safe as that of the document which names it."""
    allowed = ("https://",) if secure else ("https://", "http://")
    return isinstance(value, str) and value.startswith(allowed)
