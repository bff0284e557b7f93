"""The directory as a whole: two of them on one database see each other's changes."""

import asyncio
import logging

import pytest

from gateway.directory.directory import CACHED_UNKNOWN, Directory
from gateway.directory.errors import SecretsLocked
from gateway.directory.vault import Vault
from ledger.errors import Unavailable
from ledger.store import Store
from tests.gateway.directory.conftest import SANDBOX, MakeDirectory, MovableClock
from tests.waiting import until

FRESH_S = 2.0


@pytest.fixture(scope="module")
def change_streams() -> bool:
    """These tests watch a database for changes."""
    return True


@pytest.fixture
async def pair(make_directory: MakeDirectory) -> tuple[Directory, Directory]:
    return await make_directory(), await make_directory()


async def test_channels_and_options_reach_other_processes(
    pair: tuple[Directory, Directory],
) -> None:
    here, there = pair
    channel = await here.channels.create({"type": SANDBOX, "models": "m"})
    await until(lambda: there.channels_for("default", "m") == (channel,), FRESH_S)
    await here.channels.update(channel.id, {"status": 2})
    await until(lambda: there.channels_for("default", "m") == (), FRESH_S)
    await here.channels.delete(channel.id)
    await until(lambda: there.channel(channel.id) is None, FRESH_S)
    await here.options.set("SystemName", "Gate")
    await until(lambda: there.options.get("SystemName") == "Gate", FRESH_S)


async def test_keys_and_users_reach_other_processes(pair: tuple[Directory, Directory]) -> None:
    here, there = pair
    user = await here.users.create("alice", "password1")
    key, secret = await here.keys.create(user.id, {})
    assert await there.key_by_secret(secret) == key and await there.user(user.id) == user
    disabled = await here.keys.update(key.id, {"status": 2})
    await until(lambda: there.cached_key(secret) == disabled, FRESH_S)
    moved = await here.users.update(user.id, {"group": "vip"})
    await until(lambda: there.cached_user(user.id) == moved, FRESH_S)
    await here.keys.delete(key.id)
    await here.users.delete(user.id)
    await until(lambda: there.cached_key(secret) is None, FRESH_S)
    await until(lambda: there.cached_user(user.id) is None, FRESH_S)
    assert await there.key_by_secret(secret) is None and await there.user(user.id) is None


async def test_polling_alone_is_fast_enough(
    pair: tuple[Directory, Directory], store: Store
) -> None:
    here, there = pair
    there._follower._tasks[1].cancel()  # no change stream
    channel = await here.channels.create({"type": SANDBOX, "models": "m"})
    await until(lambda: there.channels_for("default", "m") == (channel,), FRESH_S)


async def test_a_late_write_within_the_overlap_is_seen(directory: Directory, store: Store) -> None:
    channel = await directory.channels.create({"type": SANDBOX, "models": "m"})
    await directory.refresh()
    late_us = channel.changed_us - 5_000_000
    await store.insert_one(
        "channels",
        {"_id": 99, "type": SANDBOX, "models": ["late"], "groups": ["default"], "status": 1}
        | {"deleted": False, "changed_us": late_us},
    )
    await directory.refresh()
    assert [found.id for found in directory.channels_for("default", "late")] == [99]


async def test_one_unreadable_document_does_not_hide_the_others(
    directory: Directory, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    now_us = await store.server_now_us()
    await store.insert_one("channels", {"_id": 98, "type": 1, "changed_us": now_us, "config": "{"})
    channel = await directory.channels.create({"type": SANDBOX, "models": "m"})
    directory._routes.__init__()
    await directory.refresh()
    assert directory.channels_for("default", "m") == (channel,)
    assert "98" in caplog.text
    await store.delete_one("channels", {"_id": 98})


async def test_changes_are_picked_up_after_the_database_was_away(
    pair: tuple[Directory, Directory], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = pair
    caplog.set_level(logging.INFO)
    channel = await here.channels.create({"type": SANDBOX, "models": "m"})
    await until(lambda: there.channels_for("default", "m") == (channel,), FRESH_S)
    real, refused = there._follower._store, 0

    class Away:
        async def server_now_us(self) -> int:
            nonlocal refused
            refused += 1
            raise Unavailable("the database is away")

        def watch(self, collections):
            return real.watch(collections)

    there._follower._store = Away()
    await here.channels.update(channel.id, {"models": "m,n"})
    await until(lambda: refused >= 3, 5)
    assert there.channels_for("default", "m") == (channel,)
    there._follower._store = real
    await until(lambda: there.models_for("default") == ["m", "n"], FRESH_S)
    await until(lambda: "read again" in caplog.text, FRESH_S)
    assert caplog.text.count("cannot be read, trying on") == 1


async def test_unknown_keys_are_asked_once_a_second_and_remembered_within_bounds(
    directory: Directory, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = directory.keys.by_hash

    async def counted(digest: str):
        asked.append(digest)
        return await real(digest)

    monkeypatch.setattr(directory.keys, "by_hash", counted)
    await asyncio.gather(*(directory.key_by_secret("guess") for _ in range(50)))
    assert await directory.key_by_secret("guess") is None and len(asked) == 1
    clock.ahead_s += 1.1
    assert await directory.key_by_secret("guess") is None and len(asked) == 2
    for n in range(CACHED_UNKNOWN + 10):
        directory._unknown.add(str(n), clock.monotonic_s())
    assert len(directory._unknown._until) == CACHED_UNKNOWN


async def test_a_key_made_after_a_wrong_guess_works_at_once(directory: Directory) -> None:
    assert await directory.key_by_secret("chosensecret") is None
    key, _ = await directory.keys.create(1, {}, secret="chosensecret")
    assert await directory.key_by_secret("chosensecret") == key


async def test_last_uses_are_flushed_every_half_minute(
    directory: Directory, clock: MovableClock
) -> None:
    key, _ = await directory.keys.create(1, {})
    directory.keys.touch(key.id, 1_700_000_000)
    clock.ahead_s += 31

    async def is_written() -> bool:
        return (await directory.keys.get(key.id)).accessed_s == 1_700_000_000

    await until(is_written, 5)


async def test_another_secret_key_is_refused_at_start(make_directory: MakeDirectory) -> None:
    await asyncio.gather(make_directory(), make_directory())
    with pytest.raises(SecretsLocked, match="fingerprint"):
        await make_directory(vault=Vault(bytes(32)))


async def test_nothing_runs_after_stop(make_directory: MakeDirectory) -> None:
    before = asyncio.all_tasks()
    directory = await make_directory()
    assert asyncio.all_tasks() - before
    await directory.stop()
    assert not asyncio.all_tasks() - before
