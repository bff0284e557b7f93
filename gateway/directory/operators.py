"""Notices to operators: put into the post box, once for each way that is set up.

What they are about has happened already, and is in the log and the books; so a notice that cannot
be kept is only said in the log, and stops nothing.
"""

import logging
import re
from collections.abc import Iterator

from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from gateway.directory.notices import MAIL, PUSHER, URL, WEBHOOK, Words
from gateway.directory.users import ROOT_ID
from ledger.audit import FAULT, Audit
from ledger.errors import StoreError

log = logging.getLogger("tollgate.notices")

_DAY_US = 86_400_000_000
# What the ids of notices do not have, since they are part of paths.
_ODD = re.compile(r"[^0-9A-Za-z:._-]")
_WAYS = (
    (PUSHER, "MessagePusherAddress"),
    (WEBHOOK, "NoticeWebhookUrl"),
    (URL, "NoticeUrlTemplate"),
)


class Operators:
    """Whoever runs the gateway."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def switched(self, event_id: str, channel: Channel, off: bool, why: str) -> None:
        """Say that a machine switched a channel off, or on again."""
        state = "off" if off else "on"
        title = f"channel {channel.id} was switched {state}"
        await self.tell(event_id, title, f"{channel.name}: {why}")

    async def ways(self) -> list[tuple[str, str]]:
        """Return the ways that are set up, and to whom each leads ("" where the way says it)."""
        return [*self._by_web(), *await self._by_mail()]

    async def tell(self, notice_id: str, title: str, text: str, *, only: str = "") -> int:
        """Say something once: the same id again, also by another process, says nothing.

        `only` names the one way that is meant, "" all. Returns by how many ways it goes. Never
        raises.
        """
        put = 0
        get = self._directory.options.get
        words = Words(f"{get('SystemName')}: {title}", text, get("ServerAddress"))
        try:
            for way, to in await self.ways():
                if only and way != only:
                    continue
                name = f"{notice_id}:{way}"
                put += await self._directory.notices.put(way, to, words, notice_id=name)
        except StoreError as error:
            log.error("the notice %s was not kept: %s", notice_id, error)
        return put

    def _by_web(self) -> Iterator[tuple[str, str]]:
        return ((way, "") for way, name in _WAYS if self._directory.options.get(name))

    async def _by_mail(self) -> list[tuple[str, str]]:
        """The option NoticeReceivers says who is written to, else root is."""
        get = self._directory.options.get
        if not get("SMTPServer"):
            return []
        receivers = get("NoticeReceivers")
        if not receivers:
            root = await self._directory.user(ROOT_ID)
            receivers = root.email if root is not None else ""
        return [(MAIL, receivers)] if receivers else []


async def tell_faults(directory: Directory, found: Audit) -> None:
    """Tell operators what the audit found: each first fault once a day, while it is there."""
    fault = next((each for each in found.findings if each.level == FAULT), None)
    if fault is None:
        return
    day = found.at_us // _DAY_US
    notice_id = _ODD.sub("-", f"books:{fault.kind}:{fault.subject}")[:120]
    text = "\n".join([found.headline, *found.lines])
    await Operators(directory).tell(f"{notice_id}:{day}", "the books do not verify", text)
