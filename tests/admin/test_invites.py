"""Rewards of invitations: exact, once, within the inviter's limit, also after a crash."""

import asyncio
import random

import pytest

from gateway.directory.signup import finish_signups, new_user
from ledger.accounts import balance_nano, read
from ledger.errors import BooksUnavailable
from ledger.events import Draft, Receipt
from ledger.store import Store
from tests.admin.harness import Person, Server, data, person
from tests.admin.people import PASSWORD, signed_up

SEED = 20_261_122
WORTH = {"QuotaForNewUser": 100, "QuotaForInvitee": 30, "QuotaForInviter": 7}
NANO = 2_000


async def offer(server: Server, **more: int) -> None:
    for name, value in {**WORTH, **more}.items():
        await server.directory.options.set(name, value)


async def quota_of(server: Server, user_id: int) -> int:
    await server.books.settled()
    return balance_nano(await read(server.books.store, f"user:{user_id}")) // NANO


class Crashing:
    """Books in a process that dies before its event number `at`, or after it."""

    def __init__(self, server: Server, at: int, after: bool) -> None:
        self._books, self._left, self._after = server.books, at, after

    async def record(self, draft: Draft) -> Receipt:
        """Record, or die."""
        self._left -= 1
        if self._left == 0 and self._after:
            await self._books.record(draft)
        if self._left <= 0:
            raise BooksUnavailable("the process died")
        return await self._books.record(draft)


async def test_both_are_rewarded_and_the_events_say_for_what(server: Server, bob: Person) -> None:
    await offer(server, QuotaForNewUserValidDays=3)
    async with server.client(bob.token) as client:
        code = await data(await client.get("/api/user/aff"))
    async with server.client() as client:
        await data(await signed_up(client, "quin", aff_code=code))
        await data(await signed_up(client, "rita", aff_code="nobody's"))
    quin = await server.directory.users.by_username("quin")
    rita = await server.directory.users.by_username("rita")
    assert quin is not None and rita is not None and quin.inviter_id == bob.id
    balances = [await quota_of(server, each) for each in (quin.id, rita.id, bob.id)]
    assert balances == [130, 100, 7]
    events = await server.books.store.find_list("events", {"body.other_user": {"$exists": True}})
    said = {event["type"]: (event["account"], event["body"]["other_user"]) for event in events}
    assert said == {
        "grant.invitee": (f"user:{quin.id}", bob.id),
        "grant.inviter": (f"user:{bob.id}", quin.id),
    }
    assert {"lot" in event["body"] for event in events if event["type"] == "grant.invitee"} == {
        True
    }


async def test_an_inviter_is_rewarded_so_often_a_day(server: Server, bob: Person) -> None:
    await offer(server, InviteRewardsPerDay=2)

    async def join(name: str) -> None:
        await new_user(server.directory, server.books, name, PASSWORD, inviter_id=bob.id)

    await asyncio.gather(*(join(f"new{number}") for number in range(5)))
    assert await quota_of(server, bob.id) == 2 * WORTH["QuotaForInviter"]
    await server.books.store.update_many("invites", {}, {"$set": {"count": 0}})  # another day
    await join("later")
    assert await quota_of(server, bob.id) == 3 * WORTH["QuotaForInviter"]
    await server.directory.options.set("InviteRewardsPerDay", 0)
    await server.directory.users.update(bob.id, {"status": 2})
    await join("last")
    assert await quota_of(server, bob.id) == 3 * WORTH["QuotaForInviter"]


async def test_a_crash_anywhere_neither_loses_nor_doubles_a_reward(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    print("seed", SEED)
    rng = random.Random(SEED)
    await offer(server, InviteRewardsPerDay=1)
    monkeypatch.setattr("gateway.directory.signup._UNFINISHED_AFTER_S", -10)
    for number, at in enumerate((1, 2, 3, 1, 2, 3)):
        inviter = await person(server, f"inviter{number}")
        crashing = Crashing(server, at, after=rng.random() < 0.5 if number < 3 else number % 2 == 0)
        with pytest.raises(BooksUnavailable):
            await new_user(
                server.directory, crashing, f"user{number}", PASSWORD, inviter_id=inviter.id
            )
        twice = (finish_signups(server.directory, server.books) for _ in range(2))
        assert sum(await asyncio.gather(*twice)) >= 1
        assert await finish_signups(server.directory, server.books) == 0
        made = await server.directory.users.by_username(f"user{number}")
        assert made is not None and made.welcomed
        assert await quota_of(server, made.id) == 130
        assert await quota_of(server, inviter.id) == 7
        assert await store.count("keys", {"user_id": made.id}) in (1, 2)
