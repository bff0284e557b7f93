"""WeChat, through One API's companion server (wechat-server).

People send a word to an official account and get a code; GET /api/wechat/user?code= with the
server's token as Authorization tells whose it is: {success, message, data}.
"""

from gateway.directory.identities import Identity, IdentityRefused
from gateway.directory.oauth_states import Started
from gateway.identity.asking import Options, away, document, refused, subject_of, with_query
from gateway.web import Web, WebFailed

_NAME = "WeChat"


class WeChat:
    """Asks the companion server. `option` reads options by name."""

    def __init__(self, web: Web, option: Options) -> None:
        self._web = web
        self._option = option

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return bool(self._option("WeChatAuthEnabled"))

    async def address(self, started: Started) -> str:
        """There is none: a code is typed. Raises IdentityRefused."""
        raise IdentityRefused("WeChat gives codes, not addresses")

    async def identity(self, code: str, started: Started | None) -> Identity:
        """Spend a code. Raises IdentityRefused, IdentityAway."""
        url = with_query(f"{self._option('WeChatServerAddress')}/api/wechat/user", {"code": code})
        try:
            headers = {"authorization": self._option("WeChatServerToken")}
            answer = await self._web.get(url, headers)
        except WebFailed as error:
            raise away(_NAME, error) from None
        found = document(_NAME, answer)
        if found.get("success") is not True or not found.get("data"):
            raise refused(_NAME, found.get("message") or "the code is wrong or too old")
        return Identity(subject_of(_NAME, found["data"]))
