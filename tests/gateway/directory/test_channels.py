"""Channels on a real database, and the index from group and model to channels."""

from dataclasses import replace

import pytest

from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from gateway.directory.errors import Invalid, NotFound
from gateway.directory.routes import Routes
from ledger.store import Store
from tests.gateway.directory.conftest import SANDBOX

OPENAI, COMPATIBLE, UNKNOWN = 1, 50, 999
SECRET = "sk-upstream-secret"


async def test_a_channel_keeps_its_upstream_key_to_itself(
    directory: Directory, store: Store
) -> None:
    channel = await directory.channels.create({"type": OPENAI, "name": "main"}, SECRET)
    assert directory.secret_of(channel) == SECRET
    stored = await store.find_one("channels", {"_id": channel.id})
    assert SECRET not in repr(stored) and SECRET not in repr(channel)
    assert channel.secret_enc not in repr(channel)
    renewed = await directory.channels.update(channel.id, {}, secret="sk-other")
    assert directory.secret_of(renewed) == "sk-other"
    kept = await directory.channels.update(channel.id, {"name": "still"}, secret="")
    assert directory.secret_of(kept) == "sk-other"


async def test_everything_about_a_channel_is_stored(directory: Directory) -> None:
    channel = await directory.channels.create(
        {
            "type": COMPATIBLE,
            "name": "lab",
            "weight": 3,
            "priority": -5,
            "base_url": "http://127.0.0.1:8000/v1/",
            "models": "a.b/c:d, $e",
            "groups": ["default", "vip"],
            "model_mapping": {"a.b/c:d": "$real.name"},
            "config": '{"region": {"x.y": [1, 2.5, null]}}',
            "system_prompt": "Be kind.\nBe brief.",
        },
        SECRET,
    )
    assert await directory.channels.get(channel.id) == channel
    assert channel.base_url == "http://127.0.0.1:8000/v1"
    assert channel.models == ("a.b/c:d", "$e")
    assert channel.upstream_model("a.b/c:d") == "$real.name" and channel.upstream_model("x") == "x"
    assert channel.config == {"region": {"x.y": [1, 2.5, None]}}
    tested = await directory.channels.update(
        channel.id, {"test_s": 5, "response_ms": 120, "balance": "12.340", "balance_s": 6}
    )
    assert (tested.test_s, tested.response_ms, tested.balance) == (5, 120, "12.340")


@pytest.mark.parametrize(
    "changes, secret, field",
    [
        ({"type": UNKNOWN}, SECRET, "type"),
        ({"type": "1"}, SECRET, "type"),
        ({}, SECRET, "type"),
        ({"type": OPENAI}, "", "key"),
        ({"type": OPENAI}, "a\rX-Evil: 1", "key"),
        ({"type": OPENAI}, "a\nschlüssel", "key"),
        ({"type": OPENAI}, '{\n"a": 1}', "key"),
        ({"type": OPENAI}, "a\n" * 2_000, "key"),
        ({"type": OPENAI}, " \n\r\n", "key"),
        ({"type": OPENAI}, "schlüssel", "key"),
        ({"type": COMPATIBLE}, SECRET, "base_url"),
        ({"type": OPENAI, "base_url": "file:///etc/passwd"}, SECRET, "base_url"),
        ({"type": OPENAI, "status": 0}, SECRET, "status"),
        ({"type": OPENAI, "groups": []}, SECRET, "groups"),
        ({"type": OPENAI, "model_mapping": "{"}, SECRET, "model_mapping"),
        ({"type": OPENAI, "model_mapping": {"a": 1}}, SECRET, "model_mapping"),
        ({"type": OPENAI, "config": "[]"}, SECRET, "config"),
        ({"type": OPENAI, "weight": -1}, SECRET, "weight"),
        ({"type": OPENAI, "secret_enc": "x"}, SECRET, "secret_enc"),
    ],
)
async def test_bad_channels_are_refused_and_not_stored(
    directory: Directory, changes: dict, secret: str, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await directory.channels.create(changes, secret)
    assert caught.value.field == field and (not secret or secret not in str(caught.value))
    assert (await directory.channels.list()).total == 0


async def test_a_batch_of_upstream_keys_becomes_a_batch_of_channels(directory: Directory) -> None:
    fields = {"type": OPENAI, "name": "many", "models": ["m"]}
    made = await directory.channels.create_many(fields, ["sk-1", " sk-2 ", "sk-3"])
    assert [directory.secret_of(channel) for channel in made] == ["sk-1", "sk-2", "sk-3"]
    assert directory.channels_for("default", "m") == tuple(made)
    for secrets in (["sk-1", ""], []):
        with pytest.raises(Invalid):
            await directory.channels.create_many(fields, secrets)
    assert (await directory.channels.list()).total == 3


async def test_several_upstream_keys_are_kept_one_a_line(directory: Directory) -> None:
    channel = await directory.channels.create({"type": OPENAI}, " a \r\n\n b\n")
    assert directory.secret_of(channel) == "a\nb"
    channel = await directory.channels.update(channel.id, {}, '{"a": "b c"}')
    assert directory.secret_of(channel) == '{"a": "b c"}'


async def test_a_change_of_type_must_leave_an_address(directory: Directory) -> None:
    channel = await directory.channels.create({"type": OPENAI}, SECRET)
    with pytest.raises(Invalid):
        await directory.channels.update(channel.id, {"type": COMPATIBLE})
    moved = await directory.channels.update(
        channel.id, {"type": COMPATIBLE, "base_url": "http://h"}
    )
    with pytest.raises(Invalid):
        await directory.channels.update(moved.id, {"base_url": ""})


async def test_a_system_prompt_that_could_not_be_sent_is_refused(directory: Directory) -> None:
    library = {"type": 21, "system_prompt": "Be kind.", "config": {"library_id": "1"}}
    with pytest.raises(Invalid, match="only the last question"):
        await directory.channels.create(library, SECRET)
    channel = await directory.channels.create({**library, "system_prompt": ""}, SECRET)
    with pytest.raises(Invalid, match="only the last question"):
        await directory.channels.update(channel.id, {"system_prompt": "Be kind."})
    other = await directory.channels.create({**library, "type": OPENAI}, SECRET)
    with pytest.raises(Invalid, match="only the last question"):
        await directory.channels.update(other.id, {"type": 21})


async def test_routes_follow_every_change_at_once(directory: Directory) -> None:
    async def make(name: str, priority: int) -> Channel:
        fields = {"type": SANDBOX, "name": name, "priority": priority, "models": "m,n"}
        return await directory.channels.create({**fields, "groups": "default,vip"})

    low, high = await make("low", 0), await make("high", 9)
    assert directory.channels_for("vip", "m") == (high, low)
    assert directory.models_for("vip") == ["m", "n"] and directory.models_for("none") == []
    raised = await directory.channels.update(low.id, {"priority": 10})
    assert directory.channels_for("vip", "m") == (raised, high)
    await directory.channels.update(high.id, {"status": 2})
    assert directory.channels_for("vip", "m") == (raised,)
    fewer = await directory.channels.update(low.id, {"models": "m", "groups": "vip"})
    assert directory.models_for("vip") == ["m"] and directory.models_for("default") == []
    disabled = directory.channel(high.id)
    assert disabled is not None and not disabled.is_enabled
    await directory.channels.delete(low.id)
    assert directory.channels_for("vip", "m") == () and directory.channel(low.id) is None
    assert directory.all_channels() == [disabled] and fewer.id == low.id
    with pytest.raises(NotFound):
        await directory.channels.get(low.id)


async def test_a_machine_does_not_undo_what_a_person_did(directory: Directory) -> None:
    channel = await directory.channels.create({"type": SANDBOX})
    off = await directory.channels.set_status(channel.id, 3, expected=1)
    assert off is not None and off.status == 3
    await directory.channels.update(channel.id, {"status": 2})
    assert await directory.channels.set_status(channel.id, 1, expected=3) is None
    assert (await directory.channels.get(channel.id)).status == 2


async def test_channels_that_are_off_are_deleted_together(directory: Directory) -> None:
    made = [await directory.channels.create({"type": SANDBOX}) for _ in range(3)]
    await directory.channels.update(made[0].id, {"status": 2})
    await directory.channels.update(made[1].id, {"status": 3})
    assert await directory.channels.delete_disabled() == 2
    assert [channel.id for channel in directory.all_channels()] == [made[2].id]


def test_an_older_state_of_a_channel_is_ignored() -> None:
    routes = Routes()
    new = Channel(1, SANDBOX, models=("m",), changed_us=20)
    routes.apply([new])
    routes.apply([Channel(1, SANDBOX, models=("old",), changed_us=10)])
    assert routes.find("default", "m") == (new,) and routes.find("default", "old") == ()


def test_a_deleted_channel_stays_away_whatever_was_read_of_it_before() -> None:
    routes = Routes()
    channel = Channel(1, SANDBOX, models=("m",), changed_us=10)
    routes.apply([channel])
    routes.apply([replace(channel, deleted=True, changed_us=20)])
    routes.apply([channel])
    assert routes.channel(1) is None and routes.find("default", "m") == ()


def test_a_thousand_channels_are_indexed_in_one_go() -> None:
    routes = Routes()
    models = tuple(f"m{n}" for n in range(50))
    routes.apply(Channel(n, SANDBOX, models=models, priority=n % 7) for n in range(1, 1001))
    found = routes.find("default", "m7")
    assert len(found) == 1000
    assert list(found) == sorted(found, key=lambda channel: (-channel.priority, channel.id))
