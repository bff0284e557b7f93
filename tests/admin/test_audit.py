"""The audit over HTTP: for admins, the latest result and one at once."""

import httpx

from tests.admin.harness import Server, data, refused
from tests.ledger.drafts import recharge

PATH = "/api/ledger/audit"


async def test_the_latest_result_and_its_history(server: Server, admin: httpx.AsyncClient) -> None:
    await server.books.record(recharge("a", "user:1", 10**9))
    nothing = await admin.get(PATH)
    assert await data(nothing) is None and nothing.json()["history"] == []
    first = await data(await admin.post(PATH))
    assert first["ok"] is True and first["findings"] == [] and first["compared"] is True
    await server.books.store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"credited": 7}})
    second = await data(await admin.post(PATH))
    assert second["ok"] is False and second["findings"][0]["kind"] == "sums differ"
    answer = await admin.get(PATH)
    assert await data(answer) == second
    assert [earlier["at"] for earlier in answer.json()["history"]] == [first["at"]]


async def test_it_is_for_admins(server: Server, user: httpx.AsyncClient) -> None:
    refused(await user.get(PATH), 403, "admins")
    refused(await user.post(PATH), 403, "admins")
