"""Sends what waits in the post box: the leader's job, every few seconds.

At least once: a process that dies between sending and writing so down leaves a notice that another
sends again. Several go at a time, so that one slow server does not keep the rest.
"""

import asyncio
import logging
from collections.abc import Mapping

from gateway.directory.notices import Claimed, Notices
from gateway.notices.ways import NoticeWay, NotSent

AT_ONCE = 8
MOST_A_TURN = 200

log = logging.getLogger("tollgate.notices")


class Sender:
    """Sends by the ways that there are, by name."""

    def __init__(self, notices: Notices, ways: Mapping[str, NoticeWay]) -> None:
        self._notices = notices
        self._ways = ways

    async def run(self, stopping: asyncio.Event) -> int:
        """Send what is due; return how many arrived. Raises StoreError."""
        arrived = tried = 0
        while not stopping.is_set() and tried < MOST_A_TURN:
            claimed = await self._notices.claim(AT_ONCE)
            if not claimed:
                break
            tried += len(claimed)
            arrived += sum(await asyncio.gather(*map(self._one, claimed)))
        return arrived

    async def _one(self, notice: Claimed) -> bool:
        way = self._ways.get(notice.way)
        try:
            if way is None:
                raise NotSent(f"there is no way called {notice.way}", for_ever=True)
            note = await way.send(notice)
        except NotSent as error:
            if await self._notices.failed(notice, str(error), for_ever=error.for_ever):
                log.error("notice %s was given up: %s", notice.id, error)
            return False
        await self._notices.sent(notice, note)
        return True
