"""Redemption codes on a real database."""

import asyncio

import pytest

from gateway.directory.directory import Directory
from gateway.directory.errors import Invalid, NotFound
from ledger.errors import BatchStopped
from ledger.money import MAX_NANO
from ledger.store import Store


async def test_a_batch_of_a_thousand_is_made_in_one_call(
    directory: Directory, store: Store
) -> None:
    batch = await directory.codes.create_batch(1, "spring", 5_000, 1_000)
    assert batch.count == len(set(batch.secrets)) == 1_000
    codes = await directory.codes.of_batch(batch.id)
    assert [code.id for code in codes] == list(range(batch.first_id, batch.last_id + 1))
    assert [directory.codes.secret_of(code) for code in codes] == batch.secrets
    assert {(c.name, c.value_nano, c.creator_id, c.status, c.is_usable) for c in codes} == {
        ("spring", 5_000, 1, 1, True)
    }
    assert all(len(secret) == 32 for secret in batch.secrets)
    stored = repr(await store.find_list("codes", {}))
    assert not any(secret in stored for secret in batch.secrets)
    assert batch.secrets[0] not in repr(batch) + repr(codes[0])


async def test_a_code_is_found_by_its_text(directory: Directory) -> None:
    batch = await directory.codes.create_batch(1, "one", 1, 1)
    code = await directory.codes.by_secret(f"  {batch.secrets[0]}\n")
    assert code is not None and code.id == batch.first_id
    for text in ("", "x", batch.secrets[0].upper(), "\ud800"):
        assert await directory.codes.by_secret(text) is None
    disabled = await directory.codes.update(code.id, {"status": 2, "name": "off"})
    assert not disabled.is_usable
    await directory.codes.delete(code.id)
    assert await directory.codes.by_secret(batch.secrets[0]) is None
    with pytest.raises(NotFound):
        await directory.codes.get(code.id)


async def test_batches_made_at_once_do_not_share_ids(directory: Directory) -> None:
    batches = await asyncio.gather(
        *(directory.codes.create_batch(1, f"b{n}", 1, 20) for n in range(5))
    )
    ids = [i for batch in batches for i in range(batch.first_id, batch.last_id + 1)]
    assert len(set(ids)) == 100 and len({batch.id for batch in batches}) == 5


@pytest.mark.parametrize(
    "name, value_nano, count",
    [
        ("", 1, 1),
        ("x" * 21, 1, 1),
        ("n", 0, 1),
        ("n", -1, 1),
        ("n", MAX_NANO + 1, 1),
        ("n", 1.5, 1),
        ("n", 1, 0),
        ("n", 1, 10_001),
        ("n", 1, True),
    ],
)
async def test_bad_batches_are_refused_whole(directory: Directory, name, value_nano, count) -> None:
    with pytest.raises(Invalid):
        await directory.codes.create_batch(1, name, value_nano, count)
    assert (await directory.codes.list()).total == 0


async def test_a_batch_that_fails_half_way_leaves_nothing(
    directory: Directory, store: Store
) -> None:
    await store.insert_one("codes", {"_id": 3, "hash": "in the way"})
    with pytest.raises(BatchStopped):
        await directory.codes.create_batch(1, "n", 1, 5)
    assert await store.count("codes", {}) == 1
