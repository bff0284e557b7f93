"""Channels: written, listed, tested; their upstream keys never read."""

from typing import Any

import httpx

from tests.admin.harness import Server, channel_body, data, refused

CHANNEL = "/api/channel/"


async def test_many_lines_of_keys_make_many_channels(
    server: Server, admin: httpx.AsyncClient
) -> None:
    body = channel_body(key="sk-one\n\n  sk-two\r\n", model_mapping='{"gpt-4o": "gpt-4o-new"}')
    created = await data(await admin.post(CHANNEL, json=body))
    secrets = {server.directory.secret_of(channel) for channel in server.directory.all_channels()}
    assert len(created) == 2 and secrets == {"sk-one", "sk-two"}
    listed = await admin.get(CHANNEL)
    assert listed.json()["total"] == 2
    assert "sk-one" not in listed.text and "key" not in listed.json()["data"][0]
    audits = await server.books.store.find_list("events", {"type": "audit.recorded"})
    assert len(audits) == 2 and "sk-one" not in str(audits)


async def test_partial_edits_leave_the_rest(server: Server, admin: httpx.AsyncClient) -> None:
    (created,) = await data(await admin.post(CHANNEL, json=channel_body()))
    number = created["id"]
    edited = await data(await admin.put(CHANNEL, json={"id": number, "priority": 5}))
    assert edited == {**created, "priority": 5}
    assert edited["has_key"] is True
    assert (edited["test_verdict"], edited["resting_s"], edited["success_rate"]) == ("", 12, 0.75)
    await data(await admin.put(CHANNEL, json={"id": number, "status": 2}))
    shown = await data(await admin.get(f"{CHANNEL}{number}"))
    again = await data(await admin.put(CHANNEL, json={**shown, "key": "", "name": "renamed"}))
    assert again == {**shown, "name": "renamed"}
    channel = server.directory.channel(number)
    assert channel is not None and server.directory.secret_of(channel) == "sk-upstream"
    await data(await admin.put(CHANNEL, json={"id": number, "key": "sk-new"}))
    channel = server.directory.channel(number)
    assert channel is not None and server.directory.secret_of(channel) == "sk-new"


async def test_several_keys_of_one_channel(server: Server, admin: httpx.AsyncClient) -> None:
    body = channel_body(key="sk-one\n\n  sk-two\r\n", multi_key=True)
    (created,) = await data(await admin.post(CHANNEL, json=body))

    def kept() -> str:
        channel = server.directory.channel(created["id"])
        assert channel is not None
        return server.directory.secret_of(channel)

    assert kept() == "sk-one\nsk-two"
    await data(await admin.put(CHANNEL, json={"id": created["id"], "key": " a \r\n\nb\nc"}))
    assert kept() == "a\nb\nc"
    refused(await admin.put(CHANNEL, json={"id": created["id"], "key": "a\nb\tc"}), 400, "key")
    refused(await admin.post(CHANNEL, json=channel_body(multi_key=1)), 400, "multi_key")
    assert kept() == "a\nb\nc"


async def test_secrets_in_the_config_are_hidden_and_kept(
    server: Server, admin: httpx.AsyncClient
) -> None:
    config = '{"region": "eu-west-1", "sk": "very-secret"}'
    (created,) = await data(await admin.post(CHANNEL, json=channel_body(config=config)))
    assert "very-secret" not in created["config"] and "eu-west-1" in created["config"]
    moved = created["config"].replace("eu-west-1", "eu-north-1")
    await data(await admin.put(CHANNEL, json={"id": created["id"], "config": moved}))
    channel = server.directory.channel(created["id"])
    assert channel is not None
    opened = server.directory.channels.config_of(channel)
    assert opened == {"region": "eu-north-1", "sk": "very-secret"}
    events = await server.directory.store.find_list("events", {"type": "audit.recorded"})
    assert len(events) == 2 and "very-secret" not in str((channel, channel.config, events))


async def test_channel_types_say_what_a_channel_of_them_needs(
    admin: httpx.AsyncClient, user: httpx.AsyncClient
) -> None:
    listed = await data(await admin.get(f"{CHANNEL}types"))
    types = {each["type"]: each for each in listed}
    assert types[1]["name"] == "OpenAI" and types[1]["needs_key"] and not types[1]["needs_base_url"]
    assert types[1]["test_model"] == "gpt-3.5-turbo" and "chat" in types[1]["tasks"]
    (version,) = types[24]["config"]
    assert version["name"] == "api_version" and version["default"] == "v1beta"
    assert set(version["label"]) == set(version["help"]) == {"en", "zh-CN"}
    refused(await user.get(f"{CHANNEL}types"), 403)
    gemini = channel_body(type=24, config={"api_version": "1/../2"})
    refused(await admin.post(CHANNEL, json=gemini), 400, "config.api_version")
    (made,) = await data(await admin.post(CHANNEL, json=channel_body()))
    wrong = {"id": made["id"], "type": 24, "config": {"version": "v1"}}
    refused(await admin.put(CHANNEL, json=wrong), 400, "api_version")


async def test_delete_one_and_all_disabled(admin: httpx.AsyncClient) -> None:
    created = await data(await admin.post(CHANNEL, json=channel_body(key="a\nb\nc")))
    numbers = [row["id"] for row in created]
    await data(await admin.put(CHANNEL, json={"id": numbers[0], "status": 2}))
    assert await data(await admin.delete(f"{CHANNEL}disabled")) == 1
    await data(await admin.delete(f"{CHANNEL}{numbers[1]}"))
    refused(await admin.get(f"{CHANNEL}{numbers[1]}"), 404)
    assert (await admin.get(CHANNEL)).json()["total"] == 1


async def test_testing_answers_as_one_api_does(server: Server, admin: httpx.AsyncClient) -> None:
    (good,) = await data(await admin.post(CHANNEL, json=channel_body()))
    (bad,) = await data(await admin.post(CHANNEL, json=channel_body(name="broken", status=2)))
    answer = (await admin.get(f"{CHANNEL}test/{good['id']}?model=gpt-4o-mini")).json()
    expected = {"success": True, "message": "hello", "time": 0.25, "modelName": "gpt-4o-mini"}
    assert answer == expected
    assert server.tested == [(good["id"], "gpt-4o-mini")]
    answer = (await admin.get(f"{CHANNEL}test/{bad['id']}")).json()
    assert answer["success"] is False and answer["message"] == "no answer"
    assert await data(await admin.get(f"{CHANNEL}test?scope=disabled")) == {"channels": 2}
    refused(await admin.get(f"{CHANNEL}test"), 409, "round of tests is running")
    refused(await admin.get(f"{CHANNEL}test?scope=some"), 400, "scope")


async def test_models_by_type_and_for_the_group(
    admin: httpx.AsyncClient, user: httpx.AsyncClient
) -> None:
    await data(await admin.post(CHANNEL, json=channel_body()))
    assert "gpt-4o" in (await data(await user.get("/api/models")))["1"]
    models = await data(await user.get("/api/user/available_models"))
    assert models == ["gpt-4o", "gpt-4o-mini"]
    listed = (await admin.get(f"{CHANNEL}models")).json()
    assert listed["object"] == "list" and listed["data"][0]["object"] == "model"


async def test_what_is_left_at_a_vendor(admin: httpx.AsyncClient) -> None:
    (good,) = await data(await admin.post(CHANNEL, json=channel_body()))
    (bad,) = await data(await admin.post(CHANNEL, json=channel_body(name="broken")))
    answer = (await admin.get(f"{CHANNEL}update_balance/{good['id']}")).json()
    assert answer["success"] and (answer["balance"], answer["balance_currency"]) == (12.5, "CNY")
    answer = (await admin.get(f"{CHANNEL}update_balance/{bad['id']}")).json()
    assert (answer["success"], answer["message"]) == (False, "it is not told")
    refused(await admin.get(f"{CHANNEL}update_balance/999"), 404)
    assert await data(await admin.get(f"{CHANNEL}update_balance")) == {"channels": 1}


async def test_proxies_timeouts_and_overrides(server: Server, admin: httpx.AsyncClient) -> None:
    proxy = "socks5://me:s3cret@proxy.example:1080"
    fields = {
        "proxy": proxy,
        "timeouts": {"idle": 20, "total": 0},
        "param_override": '{"temperature": 0.2, "user": null}',
        "header_override": {"X-Team": "a", "Authorization": "Token {key}"},
    }
    (made,) = await data(await admin.post(CHANNEL, json=channel_body(**fields)))
    assert made["proxy"] == "socks5://***@proxy.example:1080"
    assert made["timeouts"] == '{"idle":20,"total":0}'
    assert "authorization" in made["header_override"] and "0.2" in made["param_override"]
    channel = await server.directory.channels.get(made["id"])
    assert server.directory.channels.proxy_of(channel) == proxy
    back = {**made, "name": "renamed"}  # as the console sends it: with what it was shown
    assert (await data(await admin.put(CHANNEL, json=back)))["name"] == "renamed"
    channel = await server.directory.channels.get(made["id"])
    assert server.directory.channels.proxy_of(channel) == proxy
    stored = await server.directory.store.find_one("channels", {"_id": made["id"]})
    events = await server.directory.store.find_list("events", {"type": "audit.recorded"})
    assert "s3cret" not in str((stored, events)), "it is encrypted"
    cleared = {"id": made["id"], "proxy": "", "timeouts": "", "param_override": None}
    now = await data(await admin.put(CHANNEL, json=cleared))
    assert (now["proxy"], now["timeouts"], now["param_override"]) == ("", "", "")
    refused(await admin.put(CHANNEL, json={"id": made["id"], "type": 14}), 400, "header_override")


BAD_CHANNELS: list[tuple[Any, ...]] = [
    ({"type": 9999}, "type"),
    ({"type": "1"}, "type"),
    ({"type": 8}, "base_url"),
    ({"base_url": "ftp://example.com"}, "base_url"),
    ({"base_url": "https://"}, "base_url"),
    ({"base_url": "https://exa mple.com"}, "base_url"),
    ({"models": ""}, "models"),
    ({"proxy": "ftp://proxy"}, "proxy"),
    ({"proxy": "socks5://proxy"}, "proxy", "port"),
    ({"proxy": "http://proxy:1/path"}, "proxy"),
    ({"proxy": 5}, "proxy"),
    ({"timeouts": {"idle": 0}}, "timeouts", "idle"),
    ({"timeouts": {"sleep": 5}}, "timeouts", "sleep"),
    ({"timeouts": {"idle": "5"}}, "timeouts"),
    ({"timeouts": [5]}, "timeouts"),
    ({"param_override": {"model": "x"}}, "param_override", "model"),
    ({"param_override": {"max_tokens": None}}, "param_override", "max_tokens"),
    ({"param_override": {"generationConfig": {"candidateCount": 2}}}, "candidateCount"),
    ({"param_override": {"generationConfig": None}}, "generationConfig"),
    ({"param_override": "[1]"}, "param_override"),
    ({"header_override": {"x-a": 5}}, "header_override"),
    ({"header_override": {"x a": "b"}}, "header_override"),
    ({"header_override": {"Transfer-Encoding": "chunked"}}, "header_override"),
    ({"header_override": {"x-a": "b\r\nx-b: c"}}, "header_override"),
    ({"header_override": {"Authorization": "Bearer x"}}, "header_override", "{key}"),
    ({"header_override": {"x-api-key": "{key}"}}, "header_override"),
    ({"test_kind": "video"}, "test_kind"),
    ({"test_stream": 1}, "test_stream"),
    ({"models": 5}, "models"),
    ({"models": " , "}, "models"),
    ({"group": ""}, "group"),
    ({"key": ""}, "key"),
    ({"key": "schlüssel"}, "key"),
    ({"model_mapping": "{"}, "model_mapping"),
    ({"model_mapping": "[]"}, "model_mapping"),
    ({"model_mapping": '{"a": 1}'}, "model_mapping"),
    ({"config": "nonsense"}, "config"),
    ({"status": 7}, "status"),
    ({"priority": "1"}, "priority"),
    ({"weight": -1}, "weight"),
    ({"colour": "red"}, "colour"),
]


async def test_bad_channels_are_named_and_write_nothing(admin: httpx.AsyncClient) -> None:
    for fields, *named in BAD_CHANNELS:
        refused(await admin.post(CHANNEL, json=channel_body(**fields)), 400, *named)
        assert (await admin.get(CHANNEL)).json()["total"] == 0
