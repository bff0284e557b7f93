"""The types of all channels that ever were, for prices that differ by type."""

from ledger.store import Store


async def channel_types(store: Store) -> dict[int, int]:
    """Return the type of every channel by its id, deleted ones included."""
    found = store.find("channels", {}, projection={"type": 1})
    return {int(doc["_id"]): int(doc["type"]) async for doc in found}
