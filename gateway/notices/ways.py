"""How a notice travels: what every way promises, and the ways over HTTP."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from gateway.directory.notice_urls import filled
from gateway.directory.notices import Claimed
from gateway.web import Answer, Web, WebFailed

Option = Callable[[str], Any]

_TIMESTAMP, _SIGNATURE, _ID = "X-Tollgate-Timestamp", "X-Tollgate-Signature", "X-Tollgate-Notice"


class NotSent(Exception):
    """A notice did not arrive; the message says why. `for_ever`: trying again is of no use."""

    def __init__(self, message: str, *, for_ever: bool = False) -> None:
        super().__init__(message)
        self.for_ever = for_ever


class NoticeWay(Protocol):
    """One way. Options are read each time, so that what is changed counts at once."""

    async def send(self, notice: Claimed) -> str:
        """Send; return what is worth noting, mostly "". Raises NotSent."""
        ...


class MessagePusher:
    """One API's: POST {title, description, content, url, channel, token}; {success, message}."""

    def __init__(self, web: Web, option: Option) -> None:
        self._web = web
        self._option = option

    async def send(self, notice: Claimed) -> str:
        """Send. Raises NotSent."""
        words = notice.words
        document = {
            "title": words.title,
            "description": words.text.partition("\n")[0],
            "content": words.text,
            "url": words.link,
            "channel": "",
            "token": self._option("MessagePusherToken"),
        }
        url = _set("MessagePusherAddress", self._option)
        answer = await _asked(self._web.post_json(url, document))
        said = answer.parsed if isinstance(answer.parsed, dict) else {}
        if said.get("success") is not True:
            raise NotSent(f"the message pusher refused it: {str(said.get('message'))[:200]}")
        return ""


class Webhook:
    """POST of JSON, signed with the option NoticeWebhookSecret where that is set.

    The signature is the hex HMAC-SHA256 of `timestamp.body`. The id is the same in every attempt.
    """

    def __init__(self, web: Web, option: Option, now_s: Callable[[], float]) -> None:
        self._web = web
        self._option = option
        self._now_s = now_s

    async def send(self, notice: Claimed) -> str:
        """Send. Raises NotSent."""
        words, stamp = notice.words, str(int(self._now_s()))
        body = orjson.dumps(
            {"id": notice.id, "title": words.title, "text": words.text, "url": words.link}
        )
        headers = {_TIMESTAMP: stamp, _ID: notice.id}
        secret = self._option("NoticeWebhookSecret")
        if secret:
            signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
            headers[_SIGNATURE] = f"sha256={signed.hexdigest()}"
        url = _set("NoticeWebhookUrl", self._option)
        await _asked(self._web.post(url, body, "application/json", headers))
        return ""


class UrlTemplate:
    """GET of an address made from a template, such as Bark's and Telegram bots'."""

    def __init__(self, web: Web, option: Option) -> None:
        self._web = web
        self._option = option

    async def send(self, notice: Claimed) -> str:
        """Send. Raises NotSent."""
        words = notice.words
        template = _set("NoticeUrlTemplate", self._option)
        await _asked(self._web.get(filled(template, words.title, words.text, words.link)))
        return ""


def _set(name: str, option: Option) -> str:
    value: str = option(name)
    if not value:
        raise NotSent(f"{name} is not set any more", for_ever=True)
    return value


async def _asked(asking: Any) -> Answer:
    """Return an answer of success. Raises NotSent."""
    try:
        answer: Answer = await asking
    except WebFailed as error:
        raise NotSent(str(error)) from None
    if not answer.ok:
        raise NotSent(f"it was answered with HTTP {answer.status}")
    return answer
