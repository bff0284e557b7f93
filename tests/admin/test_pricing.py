"""GET /api/pricing: what anybody may know of prices."""

from typing import Any

import httpx

from tests.admin.harness import OPENAI, Person, Server, data

CHANNEL = {"type": OPENAI, "name": "a", "key": "k", "group": "default"}
AZURE = 3


async def pricing(client: httpx.AsyncClient) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    answer = await client.get("/api/pricing")
    kept = "private" if "Authorization" in client.headers else "public"
    assert answer.headers["Cache-Control"] == f"{kept}, max-age=60"
    return answer.json(), await data(answer)


async def test_offered_models_have_the_prices_in_force_and_ratios_of_usable_groups(
    root: httpx.AsyncClient, stranger: httpx.AsyncClient, server: Server, bob: Person
) -> None:
    rows = [
        {"model": "known", "input": "1.50", "cached": "0.1", "output": "6"},
        {"model": f"known({AZURE})", "input": "2", "output": "6"},
        {"model": "fast-only", "calls": "0.5"},
        {"model": "not-offered", "input": "1"},
        {
            "model": "long",
            "input": "1",
            "tiers": [{"above_input_tokens": 1000, "input": "2"}],
            "variants": [{"size": "big", "images": "1"}],
        },
    ]
    groups = {"fast": "2.5", "secret": "9"}
    await data(await root.post("/api/ledger/prices", json={"set": rows, "groups": groups}))
    assert (await pricing(stranger))[1] == []
    for fields in (
        {"models": "known,long,no-price"},
        {"models": "known", "type": AZURE, "base_url": "https://x.example", "name": "b"},
        {"models": "fast-only", "group": "fast"},
        {"models": "secret-only", "group": "secret"},
        {"models": "not-offered", "status": 2},
    ):
        await data(await root.post("/api/channel/", json={**CHANNEL, **fields}))
    option = {"key": "UserUsableGroups", "value": '{"fast": "Twice as quick"}'}
    await data(await root.put("/api/option/", json=option))

    said, models = await pricing(stranger)
    assert [each["model"] for each in models] == ["fast-only", "known", "known", "long"]
    assert said["groups"] == [
        {"name": "default", "ratio": "1", "desc": ""},
        {"name": "fast", "ratio": "2.5", "desc": "Twice as quick"},
    ]
    fast, plain, dear, long = models
    assert fast["groups"] == ["fast"] and fast["rates"] == {"calls": "0.5"}
    assert plain["rates"] == {"input": "1.5", "cached": "0.1", "output": "6"}
    assert dear["rates"]["input"] == "2" and dear["groups"] == ["default"]
    assert long["tiers"] == [{"above_input_tokens": 1000, "rates": {"input": "2"}}]
    assert long["variants"] == [{"size": "big", "quality": None, "rates": {"images": "1"}}]

    async with server.client(bob.token) as client:
        mine, _ = await pricing(client)
        assert mine["group"] == "default" and mine["version"] == said["version"]
        await data(await root.put("/api/user/", json={"id": bob.id, "group": "secret"}))
        mine, models = await pricing(client)
    assert mine["group"] == "secret" and mine["groups"][0]["ratio"] == "9"
    assert [each["model"] for each in models] == ["fast-only"]
