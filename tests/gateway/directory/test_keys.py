"""Keys on a real database."""

import time

import pytest

from gateway.directory.directory import Directory
from gateway.directory.errors import Invalid
from gateway.directory.keys import Key
from gateway.directory.vault import Vault
from ledger.store import Store
from tests.gateway.directory.conftest import MakeDirectory


async def test_a_new_key_is_found_by_its_secret_and_can_be_copied(
    directory: Directory, store: Store
) -> None:
    key, secret = await directory.keys.create(7, {"name": "laptop"})
    assert len(secret) == 48 and secret.isalnum() and secret.isascii()
    assert directory.cached_key(secret) == key == await directory.key_by_secret(secret)
    assert directory.keys.secret_of(key) == secret
    stored = await store.find_one("keys", {"_id": key.id})
    for shown in (repr(key), repr(stored), repr(directory.vault)):
        assert secret not in shown
    assert key.hash not in repr(key) and key.secret_enc not in repr(key)
    assert (key.account, key.unlimited, key.expired_s, key.models) == (
        f"key:{key.id}",
        False,
        -1,
        None,
    )


async def test_what_a_key_may_do_is_stored(directory: Directory) -> None:
    key, _ = await directory.keys.create(
        7,
        {
            "name": "n",
            "models": "gpt-4o, o1",
            "subnets": "10.0.0.0/8, 2001:db8::/32",
            "expired_s": 2_000_000_000,
            "rpm": 5,
            "tpm": 6,
            "concurrency": 7,
            "unlimited": True,
        },
    )
    again = await directory.keys.get(key.id)
    assert again == key
    assert key.models == {"gpt-4o", "o1"} and (key.rpm, key.tpm, key.concurrency) == (5, 6, 7)
    assert key.allows_model("o1") and not key.allows_model("o1-mini")
    for address, allowed in {
        "10.9.9.9": True,
        "::ffff:10.9.9.9": True,
        "2001:db8::5": True,
        "2001:db8::5%eth0": True,
        "11.0.0.1": False,
        "::1": False,
        "nonsense": False,
        "": False,
    }.items():
        assert key.allows_address(address) is allowed, address
    freed = await directory.keys.update(key.id, {"models": None, "subnets": ""})
    assert freed.allows_model("anything") and freed.allows_address("11.0.0.1")


@pytest.mark.parametrize(
    "changes, now_s, reason",
    [
        ({}, 0, None),
        ({"status": 2}, 0, "disabled"),
        ({"status": 3}, 0, "expired"),
        ({"status": 4}, 0, "exhausted"),
        ({"expired_s": 100}, 99.9, None),
        ({"expired_s": 100}, 100, "expired"),
        ({"expired_s": 100, "status": 2}, 100, "disabled"),
        ({"deleted": True}, 0, "disabled"),
    ],
)
def test_why_a_key_cannot_be_used(changes: dict, now_s: float, reason: str | None) -> None:
    assert Key(1, 1, **changes).usable(now_s) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 31},
        {"status": 0},
        {"expired_s": -2},
        {"unlimited": "yes"},
        {"models": 5},
        {"subnets": "10.0.0.0/33"},
        {"rpm": -1},
        {"tpm": 2**40},
        {"user_id": 1},
        {"hash": "x"},
    ],
)
async def test_bad_fields_are_refused(directory: Directory, changes: dict) -> None:
    with pytest.raises(Invalid):
        await directory.keys.create(7, changes)
    assert (await directory.keys.list()).total == 0


@pytest.mark.parametrize("secret", ["", "short", "with-hyphen-in-it", "x" * 201, "käse käse käse"])
async def test_chosen_secrets_must_be_usable(directory: Directory, secret: str) -> None:
    with pytest.raises(Invalid):
        await directory.keys.create(7, {}, secret=secret)


async def test_a_deleted_key_works_no_more_and_its_secret_is_not_given_again(
    directory: Directory, store: Store
) -> None:
    key, secret = await directory.keys.create(7, {})
    await directory.keys.delete(key.id)
    assert directory.cached_key(secret) is None
    assert await directory.key_by_secret(secret) is None
    stored = await store.find_one("keys", {"_id": key.id})
    assert stored is not None and stored["hash"] == Vault.digest(secret)


async def test_keys_of_one_user_are_listed_and_searched_alone(directory: Directory) -> None:
    for user_id in (1, 2):
        for name in ("one", "two"):
            await directory.keys.create(user_id, {"name": name})
    assert (await directory.keys.list(filters={"user_id": 1})).total == 2
    found = await directory.keys.search("tw", filters={"user_id": 2})
    assert [(key.user_id, key.name) for key in found.items] == [(2, "two")]


async def test_last_use_is_written_in_batches_and_is_no_change(
    directory: Directory, store: Store
) -> None:
    key, _ = await directory.keys.create(7, {})
    now_s = int(time.time())
    directory.keys.touch(key.id, now_s - 5)
    directory.keys.touch(key.id, now_s)
    assert (await directory.keys.get(key.id)).accessed_s == 0
    await directory.keys.flush_touches()
    written = await directory.keys.get(key.id)
    assert (written.accessed_s, written.changed_us) == (now_s, key.changed_us)
    await directory.keys.flush_touches()


async def test_last_uses_are_written_when_the_process_stops(make_directory) -> None:
    one, two = await make_directory(), await make_directory()
    key, _ = await one.keys.create(7, {})
    one.keys.touch(key.id, 1_700_000_000)
    await one.stop()
    assert (await two.keys.get(key.id)).accessed_s == 1_700_000_000


async def test_a_rotated_key_answers_to_its_new_secret_and_for_a_while_to_the_old_one(
    directory: Directory, store: Store
) -> None:
    key, old = await directory.keys.create(7, {"name": "k", "unlimited": True})
    now_s = int(directory.clock.now_us() / 1_000_000)
    turned, new = await directory.keys.rotate(key.id, now_s + 60)
    assert turned.account == key.account and new != old
    for secret in (old, new):
        assert directory.cached_key(secret) == await directory.key_by_secret(secret) == turned
    renamed = await directory.keys.update(key.id, {"name": "other"})
    assert directory.cached_key(old) == directory.cached_key(new) == renamed
    ended, third = await directory.keys.rotate(key.id, 0)
    for secret in (old, new):
        assert directory.cached_key(secret) is None
        assert await directory.key_by_secret(secret) is None
    assert await directory.key_by_secret(third) == ended
    await directory.keys.delete(key.id)
    assert await directory.key_by_secret(third) is None


async def test_another_process_obeys_a_rotation(
    directory: Directory, make_directory: MakeDirectory
) -> None:
    other_directory = await make_directory()
    key, old = await directory.keys.create(7, {"name": "k", "unlimited": True})
    assert await other_directory.key_by_secret(old) == key
    turned, new = await directory.keys.rotate(key.id, 0)
    await other_directory.refresh()
    assert other_directory.cached_key(old) is None
    assert await other_directory.key_by_secret(old) is None
    assert await other_directory.key_by_secret(new) == turned
