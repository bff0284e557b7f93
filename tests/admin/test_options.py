"""Options, prices among them, and what anybody may read."""

from typing import Any

import httpx
import orjson

from tests.admin.harness import Person, Server, data, refused

OPTION = "/api/option/"
RATIO = {"gpt-4o": 1.25, "tiny": 0.0000005}


async def listed(root: httpx.AsyncClient) -> dict[str, str]:
    return {row["key"]: row["value"] for row in await data(await root.get(OPTION))}


async def put(root: httpx.AsyncClient, key: str, value: Any) -> httpx.Response:
    return await root.put(OPTION, json={"key": key, "value": value})


async def test_status_and_texts_follow_the_options(
    root: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    for key, value in {"SystemName": "Our gate", "Notice": "Hello\n*you*"}.items():
        await data(await put(root, key, value))
    status = await data(await stranger.get("/api/status"))
    assert status["system_name"] == "Our gate" and status["version"] == "1.2.3"
    assert status["start_time"] == 1_700_000_000 and status["quota_per_unit"] == 500_000
    assert await data(await stranger.get("/api/notice")) == "Hello\n*you*"
    assert await data(await stranger.get("/api/about")) == ""
    assert await data(await stranger.get("/api/home_page_content")) == ""


async def test_ratios_are_versions_of_the_price_book(
    server: Server, root: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    text = orjson.dumps(RATIO).decode()
    await data(await put(root, "ModelRatio", text))
    await data(await put(root, "GroupRatio", '{"default": 1, "vip": 0.8}'))
    shown = await listed(root)
    assert '"gpt-4o":1.25' in shown["ModelRatio"] and '"tiny":0.0000005' in shown["ModelRatio"]
    assert await data(await admin.get("/api/group/")) == ["default", "vip"]
    quote = server.books.prices.quote("gpt-4o", "vip")
    assert quote.charge_nano({"input": 1000}) == 2_000_000
    version = server.books.prices.version
    await data(await put(root, "ModelRatio", shown["ModelRatio"]))
    assert server.books.prices.version == version
    published = await server.books.store.find_one("events", {"_id": f"price:{version}"})
    assert published is not None and published["actor"] == "user:1"


async def test_changes_are_audited_without_secrets(server: Server, root: httpx.AsyncClient) -> None:
    await data(await put(root, "RetryTimes", "3"))
    await data(await put(root, "RetryTimes", 3))
    audits = await server.books.store.find_list("events", {"type": "audit.recorded"})
    (body,) = [event["body"] for event in audits]
    assert body["object"] == "option:RetryTimes" and body["before"] == {"value": 0}
    assert body["after"] == {"value": 3}
    assert not [key for key in await listed(root) if key.endswith(("Token", "Secret"))]


BAD_OPTIONS: list[tuple[Any, ...]] = [
    ("ModelRatio", "{", "ModelRatio"),
    ("ModelRatio", '{"gpt-4o": "x", "a": 1}', "gpt-4o"),
    ("ModelRatio", '{"a": 1, "gpt-4o": -1}', "gpt-4o"),
    ("ModelRatio", '{"gpt-4o": NaN}', "ModelRatio"),
    ("ModelRatio", "[]", "ModelRatio"),
    ("ModelRatio", {"gpt-4o": 1}, "ModelRatio"),
    ("CompletionRatio", '{"unheard-of": 2}', "unheard-of"),
    ("GroupRatio", '{"vip": -0.1}', "vip"),
    ("RetryTimes", "many", "RetryTimes"),
    ("RetryTimes", -1, "RetryTimes"),
    ("RetryTimes", None, "value"),
    ("RegisterEnabled", "perhaps", "RegisterEnabled"),
    ("ServerAddress", "ftp://x", "ServerAddress"),
    ("QuotaPerUnit", "1", "QuotaPerUnit"),
    ("Nonsense", "1", "Nonsense"),
    ("", "1", "key"),
    (5, "1", "key"),
]


async def test_bad_options_are_refused_whole(server: Server, root: httpx.AsyncClient) -> None:
    for key, value, named in BAD_OPTIONS:
        await data(await put(root, "ModelRatio", '{"gpt-4o": 1.25}'))
        before, events = await listed(root), await server.books.store.count("events", {})
        refused(await root.put(OPTION, json={"key": key, "value": value}), 400, named)
        assert await listed(root) == before
        assert await server.books.store.count("events", {}) == events


async def test_forms_are_told_what_options_are_and_secrets_only_whether_they_are_set(
    root: httpx.AsyncClient,
) -> None:
    await data(await put(root, "SMTPToken", "hush-hush"))
    answer = await root.get(OPTION)
    told = answer.json()
    assert told["secrets"]["SMTPToken"] is True and told["secrets"]["EpayKey"] is False
    assert told["kinds"]["RetryTimes"] == "integer" and told["defaults"]["RetryTimes"] == "0"
    assert "QuotaPerUnit" in told["fixed"] and "hush" not in answer.text
    listed_names = {row["key"] for row in told["data"]}
    assert not listed_names & set(told["secrets"])
    assert set(told["kinds"]) <= listed_names | set(told["secrets"])


async def test_texts_can_be_looked_at_before_they_are_kept(
    root: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    preview = f"{OPTION}preview"
    shown = await data(await root.post(preview, json={"text": "**a** <script>x</script>"}))
    assert "<strong>a</strong>" in shown["html"] and "script" not in shown["html"]
    framed = await data(await root.post(preview, json={"text": "https://home.example/"}))
    assert framed == {"html": "", "url": "https://home.example/"}
    refused(await admin.post(preview, json={"text": "a"}), 403)
    assert (await listed(root))["Notice"] == ""


async def test_groups_say_what_uses_them(
    root: httpx.AsyncClient, admin: httpx.AsyncClient, bob: Person
) -> None:
    await data(await put(root, "GroupRatio", '{"default": 1, "idle": 0.5}'))
    await data(await put(root, "UserUsableGroups", '{"fast": "Twice the price"}'))
    async with httpx.AsyncClient(
        base_url=root.base_url, headers={"Authorization": bob.token}
    ) as his:
        await data(await his.post("/api/token/", json={"name": "k", "group": "fast"}))
    fields = {"type": 1, "name": "c", "key": "k", "models": "m", "group": "default,fast"}
    await data(await root.post("/api/channel/", json=fields))
    rows = {row["group"]: row for row in await data(await admin.get("/api/group/uses"))}
    assert (rows["fast"]["ratio"], rows["fast"]["keys"], rows["fast"]["channels"]) == (None, 1, 1)
    assert rows["idle"] == {
        "group": "idle", "ratio": "0.5", "users": 0, "keys": 0, "channels": 0,
    }  # fmt: skip
    assert rows["default"]["users"] >= 2 and rows["default"]["channels"] == 1
