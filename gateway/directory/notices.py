"""The post box: notices that wait to be sent, were sent, or could not be.

Whoever has something to say puts it here and goes on; the leader sends it (gateway/notices/). A
notice goes one way to its receivers. Its text is encrypted, because it may hold a code, and is
dropped once sent when it does. Times ending in _us are microseconds of the database's clock.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.directory.documents import Document, Page
from gateway.directory.errors import NotFound, NotNow, SecretsLocked
from gateway.directory.vault import Vault
from ledger.errors import Duplicate
from ledger.store import Store

NOTICES = "notices"
WAITING, SENT, DEAD = "waiting", "sent", "dead"
STATES = (WAITING, SENT, DEAD)
MAIL, PUSHER, WEBHOOK, URL = WAYS = ("mail", "message_pusher", "webhook", "url")

KEPT_S = 30 * 86_400
MOST_WAITING = 10_000
# How long one attempt may take before another process may try: longer than any timeout of ours.
LEASE_S = 120
# Seconds before the next attempt, by how many failed; after the last one the notice is dead.
BACKOFF_S = (5, 30, 120, 600, 3_600, 3 * 3_600, 12 * 3_600)
_US = 1_000_000

log = logging.getLogger("tollgate.notices")


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says. `link` may be "". `secret` texts hold a code or a token."""

    title: str
    text: str
    link: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that this process is to send now."""

    id: str
    way: str
    to: str
    words: Words
    attempts: int


class Notices:
    """Reads and writes of the post box. Raises StoreError."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def put(
        self, way: str, to: str, words: Words, *, notice_id: str = "", valid_s: int = KEPT_S
    ) -> bool:
        """Take a notice; False when it is here already (by its id) or too many wait.

        It is not sent any more after `valid_s` seconds.
        """
        now_us = await self._store.server_now_us()
        if await self._store.count(NOTICES, {"state": WAITING}) >= MOST_WAITING:
            log.error("%d notices wait to be sent; one more was dropped", MOST_WAITING)
            return False
        doc = {
            "_id": notice_id or uuid.uuid4().hex,
            "way": way,
            "to": to,
            "title": words.title,
            "secret": words.secret,
            "words_enc": self._sealed(words),
            "state": WAITING,
            "attempts": 0,
            "error": "",
            "created_us": now_us,
            "next_us": now_us,
            "until_us": now_us + valid_s * _US,
            "ended_us": 0,
        }
        try:
            await self._store.insert_one(NOTICES, doc)
        except Duplicate:
            return False
        return True

    def _sealed(self, words: Words) -> str:
        return self._vault.encrypt(f"{words.link}\n{words.text}")

    # -- for who sends ---------------------------------------------------------------------------

    async def claim(self, most: int) -> list[Claimed]:
        """Take up to so many notices that are due; nobody else gets them for LEASE_S seconds."""
        now_us = await self._store.server_now_us()
        due = await self._store.find_list(
            NOTICES,
            {"state": WAITING, "next_us": {"$lte": now_us}},
            sort=[("next_us", 1)],
            limit=most,
        )
        claimed = []
        for doc in due:
            if now_us >= doc["until_us"]:
                await self._end(doc["_id"], DEAD, "its time was over before it could be sent")
                continue
            mine = {"_id": doc["_id"], "state": WAITING, "next_us": doc["next_us"]}
            change = {"$set": {"next_us": now_us + LEASE_S * _US}, "$inc": {"attempts": 1}}
            if await self._store.update_one(NOTICES, mine, change):
                notice = await self._opened(doc)
                claimed += [notice] if notice else []
        return claimed

    async def _opened(self, doc: Document) -> Claimed | None:
        try:
            link, _, text = self._vault.decrypt(doc["words_enc"]).partition("\n")
        except SecretsLocked as error:
            await self._end(doc["_id"], DEAD, str(error))
            return None
        words = Words(doc["title"], text, link, doc["secret"])
        return Claimed(doc["_id"], doc["way"], doc["to"], words, doc["attempts"] + 1)

    async def sent(self, notice: Claimed, note: str = "") -> None:
        """It has arrived; a secret text is forgotten."""
        await self._end(notice.id, SENT, note, forget=notice.words.secret)

    async def failed(self, notice: Claimed, why: str, *, for_ever: bool = False) -> bool:
        """It did not arrive: try again later, or never; tells whether it is dead now."""
        if for_ever or notice.attempts > len(BACKOFF_S):
            await self._end(notice.id, DEAD, why)
            return True
        now_us = await self._store.server_now_us()
        wait_s = BACKOFF_S[notice.attempts - 1]
        change = {"error": why[:500], "next_us": now_us + wait_s * _US}
        mine = {"_id": notice.id, "state": WAITING}
        await self._store.update_one(NOTICES, mine, {"$set": change})
        return False

    async def _end(self, notice_id: str, state: str, note: str, *, forget: bool = False) -> None:
        now_us = await self._store.server_now_us()
        change: Document = {"state": state, "error": note[:500], "ended_us": now_us}
        if forget:
            change["words_enc"] = ""
        mine = {"_id": notice_id, "state": WAITING}
        await self._store.update_one(NOTICES, mine, {"$set": change})

    async def sweep(self) -> int:
        """Delete what ended KEPT_S ago; return how many there were."""
        before_us = await self._store.server_now_us() - KEPT_S * _US
        return await self._store.delete_many(NOTICES, {"ended_us": {"$gt": 0, "$lt": before_us}})

    # -- for administrators ----------------------------------------------------------------------

    async def page(self, state: str, number: int, size: int) -> Page[Mapping[str, Any]]:
        """Return a page of the notices in a state ("" is any), newest first, without texts."""
        query = {"state": state} if state else {}
        docs = await self._store.find_list(
            NOTICES,
            query,
            sort=[("created_us", -1)],
            skip=number * size,
            limit=size,
            projection={"words_enc": 0},
        )
        return Page(list(docs), await self._store.count(NOTICES, query))

    async def resend(self, notice_id: str) -> Mapping[str, Any]:
        """Let a dead notice be tried again from the beginning. Raises NotFound, NotNow."""
        now_us = await self._store.server_now_us()
        doc = await self._store.find_one(NOTICES, {"_id": notice_id})
        if doc is None:
            raise NotFound("notice", notice_id)
        if doc["state"] != DEAD:
            raise NotNow(f"this notice is {doc['state']}: only dead ones can be sent again")
        if doc["secret"]:
            raise NotNow("it held a code that is void by now: let the person ask for a new one")
        change = {
            "state": WAITING,
            "attempts": 0,
            "next_us": now_us,
            "until_us": now_us + KEPT_S * _US,
            "ended_us": 0,
        }
        dead = {"_id": notice_id, "state": DEAD}
        await self._store.update_one(NOTICES, dead, {"$set": change})
        return {**doc, **change}
