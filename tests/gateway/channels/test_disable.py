"""Switching channels off and on, on a real database, as several processes see it at once."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.channels.disable import Decision, Switch, decide
from gateway.channels.failure import Failure, of_answer, of_call
from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import BooksUnavailable
from ledger.events import Draft, Receipt
from ledger.store import Store
from tests.gateway.channels.anything import vendor
from tests.gateway.directory.conftest import (  # noqa: F401  (fixtures)
    SANDBOX,
    MakeDirectory,
    catalogue,
    clock,
    directory,
    make_directory,
)

SEED = 20_261_122
SECRET = "sk-upstream-secret"


def answer(status: int, code: str = "") -> Failure:
    error = {"code": code or None, "message": f"credit balance of {SECRET} is too low"}
    return of_answer(vendor(), status, {}, {"error": error}, 0.0)


DEAD = answer(401, "invalid_api_key")


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    opened = await Books.open(store, Clock(), flush_interval_s=0.02)
    yield opened
    await opened.close()


async def audits(store: Store) -> list[dict[str, Any]]:
    return list(await store.find_list("events", {"type": "audit.recorded"}))


@pytest.mark.parametrize(
    ("failure", "automatic", "keys_left", "decision"),
    [
        (DEAD, True, False, Decision.DISABLE),
        (DEAD, True, True, Decision.COOL_DOWN),
        (DEAD, False, False, Decision.COOL_DOWN),
        (answer(429, "insufficient_quota"), True, False, Decision.DISABLE),
        (answer(429), True, False, Decision.COOL_DOWN),
        (answer(403), True, False, Decision.COOL_DOWN),
        (answer(500), True, False, Decision.COOL_DOWN),
        (of_call(vendor(), "upstream_timeout"), True, False, Decision.COOL_DOWN),
        (answer(400), True, False, Decision.NOTHING),
        (answer(403, "content_policy_violation"), True, False, Decision.NOTHING),
        (answer(404, "model_not_found"), True, False, Decision.NOTHING),
    ],
)
def test_what_follows(
    failure: Failure, automatic: bool, keys_left: bool, decision: Decision
) -> None:
    assert decide(failure, automatic=automatic, keys_left=keys_left) is decision


async def test_many_requests_in_several_processes_make_one_notification(
    make_directory: MakeDirectory,  # noqa: F811
    store: Store,
    books: Books,
    caplog: pytest.LogCaptureFixture,
) -> None:
    print("seed", SEED)
    processes = [await make_directory() for _ in range(3)]
    made = await processes[0].channels.create({"type": 1, "models": ["m"]}, SECRET)
    for process in processes:
        await process.refresh()
    seen: list[Channel] = []
    for process in processes:
        found = process.channel(made.id)
        assert found is not None
        seen.append(found)
    switches = [Switch(process.channels, books) for process in processes]
    calls = [(switch, channel) for switch, channel in zip(switches, seen, strict=True)] * 40
    random.Random(SEED).shuffle(calls)
    with caplog.at_level(logging.INFO, "tollgate.channels"):
        done = await asyncio.gather(*(switch.disable(channel, DEAD) for switch, channel in calls))
    assert sum(done) == 1
    (event,) = await audits(store)
    assert event["actor"] == "system" and event["account"] == "directory"
    assert event["body"] == {
        "action": "channel.disable",
        "object": f"channel:{made.id}",
        "before": {"status": 1},
        "after": {"status": 3, "reason": "openai: status 401, code invalid_api_key"},
    }
    (record,) = [each for each in caplog.records if each.name == "tollgate.channels"]
    assert record.levelno == logging.WARNING and "switched off" in record.getMessage()
    assert SECRET not in repr(event) and SECRET not in caplog.text
    for process in processes:
        await process.refresh()
        assert process.channels_for("default", "m") == ()
    now = processes[0].channel(made.id)
    assert now is not None and now.status == 3


async def test_old_news_does_not_undo_what_a_person_did(
    directory: Directory,  # noqa: F811
    store: Store,
    books: Books,
) -> None:
    switch = Switch(directory.channels, books)
    seen = await directory.channels.create({"type": 1}, SECRET)
    mended = await directory.channels.update(seen.id, {}, secret="sk-new")
    assert not await switch.disable(seen, DEAD)
    assert await switch.disable(mended, DEAD)
    off = await directory.channels.get(seen.id)
    again = await directory.channels.update(seen.id, {"status": 1})
    assert not await switch.disable(mended, DEAD), "a person switched it on since"
    assert not await switch.disable(off, DEAD)
    assert (await directory.channels.get(seen.id)).status == 1
    assert await switch.disable(again, DEAD)
    assert len(await audits(store)) == 2


async def test_only_what_a_machine_switched_off_is_revived(
    directory: Directory,  # noqa: F811
    store: Store,
    books: Books,
) -> None:
    switch = Switch(directory.channels, books)
    made = await directory.channels.create({"type": SANDBOX})
    assert not await switch.revive(made, "it works"), "it is on"
    by_hand = await directory.channels.update(made.id, {"status": 2})
    assert not await switch.revive(by_hand, "it works")
    on = await directory.channels.update(made.id, {"status": 1})
    assert await switch.disable(on, DEAD)
    off = await directory.channels.get(made.id)
    await directory.channels.update(made.id, {"status": 2})
    assert not await switch.revive(off, "it works"), "a person switched it off since"
    await directory.channels.update(made.id, {"status": 3})
    off = await directory.channels.get(made.id)
    done = await asyncio.gather(*(switch.revive(off, "the test passed") for _ in range(20)))
    assert sum(done) == 1
    assert (await directory.channels.get(made.id)).is_enabled
    first, second = sorted(await audits(store), key=lambda event: event["seq"])
    assert first["body"]["action"] == "channel.disable"
    assert second["body"]["action"] == "channel.enable"
    assert second["body"]["after"] == {"status": 1, "reason": "the test passed"}


async def test_what_is_gone_or_not_in_the_table_is_left_alone(
    directory: Directory,  # noqa: F811
    store: Store,
    books: Books,
) -> None:
    switch = Switch(directory.channels, books)
    made = await directory.channels.create({"type": SANDBOX})
    with pytest.raises(LookupError):
        await switch.disable(made, answer(500))
    await directory.channels.delete(made.id)
    assert not await switch.disable(made, DEAD)
    assert await audits(store) == []


async def test_a_channel_is_off_also_when_the_books_are_away(
    directory: Directory,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Away:
        async def record(self, draft: Draft) -> Receipt:
            raise BooksUnavailable("away")

    switch = Switch(directory.channels, Away())
    made = await directory.channels.create({"type": SANDBOX})
    assert await switch.disable(made, DEAD)
    assert (await directory.channels.get(made.id)).status == 3
    assert [record.levelname for record in caplog.records][-2:] == ["WARNING", "ERROR"]
