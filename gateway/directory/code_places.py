"""How many codes of a batch one user redeems, where that is limited: places, taken before the
ledger is asked.

A place is a document whose id names batch, user and number, so that no two codes have the same one,
whatever runs at the same time. It is given back when its code was not redeemed; what a crash left
behind is taken over once it is certain that nothing is under way with it any more.
"""

from gateway.directory.codes import Code
from ledger.clock import Clock
from ledger.errors import Duplicate
from ledger.store import Store

COLLECTION = "code_places"
# Longer than any attempt to record a redemption goes on.
_UNDER_WAY_US = 600_000_000


class CodePlaces:
    """The places of all users in all batches with a limit."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, code: Code, user_id: int) -> str | None:
        """Return the id of a place for a code, None where the user has had so many."""
        now_us = self._clock.now_us()
        for number in range(code.per_user):
            place = f"{code.batch}:{user_id}:{number}"
            try:
                doc = {"_id": place, "code": code.id, "at_us": now_us}
                await self._store.insert_one(COLLECTION, doc)
                return place
            except Duplicate:
                if await self._take_over(place, code, now_us):
                    return place
        return None

    async def give_back(self, place: str, code: Code) -> None:
        """Let go of a place whose code was not redeemed with it."""
        await self._store.delete_one(COLLECTION, {"_id": place, "code": code.id})

    async def _take_over(self, place: str, code: Code, now_us: int) -> bool:
        """Take a place if its code was not redeemed and nothing is under way with it."""
        known = await self._store.find_one(COLLECTION, {"_id": place})
        if known is not None and known["code"] == code.id:
            return True  # the same code of the same user: one redemption, one place
        if known is None or known["at_us"] > now_us - _UNDER_WAY_US:
            return False
        event = await self._store.find_one("events", {"_id": f"redeem:{known['code']}"})
        if event is not None and event["account"] == f"user:{place.split(':')[1]}":
            return False
        same = {"_id": place, "code": known["code"], "at_us": known["at_us"]}
        changes = {"$set": {"code": code.id, "at_us": now_us}}
        return bool(await self._store.update_one(COLLECTION, same, changes))
