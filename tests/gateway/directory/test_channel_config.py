"""The config of a channel: checked by the fields of its type, its secrets apart and encrypted."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.catalogue import Catalogue
from gateway.directory.channel_config import HIDDEN
from gateway.directory.directory import Directory
from gateway.directory.errors import Invalid
from gateway.directory.vault import Vault
from ledger.clock import Clock
from ledger.store import Store
from tests.gateway.directory.conftest import VAULT_KEY

SAYS = "label: {en: L, zh-CN: L}, help: {en: like r-1, zh-CN: H}"
CATALOGUE = f"""
vendors:
  - id: 1
    name: Cloud
    base_url: http://h
    config:
      - {{name: region, {SAYS}, required: true, pattern: "[a-z]-[0-9]", was: [zone]}}
      - {{name: token, {SAYS}, secret: true}}
      - {{name: tier, {SAYS}, choices: [low, high]}}
      - {{name: names, {SAYS}, kind: map}}
  - {{id: 2, name: Free, base_url: "http://h"}}
  - id: 3
    name: Signed
    base_url: http://h
    key_optional: true
    config:
      - {{name: account, {SAYS}, kind: json, secret: true, holds: [email, key]}}
"""


@pytest.fixture
async def cloud(store: Store, tmp_path: Path) -> AsyncIterator[Directory]:
    path = tmp_path / "providers.yaml"
    path.write_text(CATALOGUE)
    directory = Directory(store, Vault(VAULT_KEY), Clock(), Catalogue.load(path), bcrypt_rounds=4)
    await directory.start()
    yield directory
    await directory.stop()


@pytest.mark.parametrize(
    "config, field, fix",
    [
        ({}, "region", "must be given: like r-1"),
        ({"region": ""}, "region", "must be given"),
        ({"region": "R1"}, "region", "like r-1"),
        ({"region": 1}, "region", "text"),
        ({"region": ["a-1"]}, "region", "text"),
        ({"region": "a-1\nx"}, "region", "text"),
        ({"region": "a-1", "tier": "LOW"}, "tier", "one of low, high"),
        ({"region": "a-1", "names": "x"}, "names", "object of texts"),
        ({"region": "a-1", "names": {"a": 1}}, "names", "object of texts"),
        ({"region": "a-1", "names": {"a": ""}}, "names", "object of texts"),
        ({"region": "a-1", "token": {"a": "b"}}, "token", "text"),
        ({"region": "a-1", "regoin": "x"}, "regoin", "has region, token, tier, names"),
    ],
)
async def test_a_faulty_config_is_refused_by_name(
    cloud: Directory, config: dict[str, Any], field: str, fix: str
) -> None:
    channels = cloud.channels
    with pytest.raises(Invalid) as caught:
        await channels.create_many({"type": 1, "config": config}, ["a", "b"])
    assert caught.value.field == f"config.{field}" and fix in str(caught.value)
    made = await channels.create({"type": 1, "config": {"region": "a-1"}}, "key")
    with pytest.raises(Invalid) as caught:
        await channels.update(made.id, {"config": config})
    assert caught.value.field == f"config.{field}"
    assert (await channels.get(made.id)).config == {"region": "a-1"}
    assert (await channels.list()).total == 1


async def test_secrets_are_encrypted_kept_and_taken_away(cloud: Directory, store: Store) -> None:
    channels = cloud.channels
    given = {"zone": " a-1 ", "token": "s3cret", "tier": "", "names": {"m": " n "}, "other": None}
    made = await channels.create({"type": 1, "config": given}, "key")
    assert made.config == {"region": "a-1", "token": HIDDEN, "names": {"m": "n"}}
    assert channels.config_of(made) == {"region": "a-1", "token": "s3cret", "names": {"m": "n"}}
    assert "s3cret" not in repr(await store.find_one("channels", {"_id": made.id}))
    kept = await channels.update(made.id, {"config": {**made.config, "region": "b-2"}})
    assert channels.config_of(kept)["token"] == "s3cret" and kept.config["region"] == "b-2"
    moved = await channels.update(made.id, {"base_url": "http://other"})
    assert channels.config_of(moved) == channels.config_of(kept)
    other = await channels.update(made.id, {"config": {**kept.config, "token": "new"}})
    assert channels.config_of(other)["token"] == "new"
    gone = await channels.update(made.id, {"config": {"region": "b-2", "token": ""}})
    assert gone.config == channels.config_of(gone) == {"region": "b-2"} and gone.config_enc == ""


async def test_another_type_never_shows_what_was_secret(cloud: Directory, store: Store) -> None:
    channels = cloud.channels
    config = {"region": "a-1", "token": "s3cret"}
    made = await channels.create({"type": 1, "config": config}, "key")
    free = await channels.update(made.id, {"type": 2})
    assert free.config == channels.config_of(free) == {"region": "a-1"}
    with pytest.raises(Invalid):
        await channels.update(free.id, {"type": 1, "config": {"region": 1}})
    # A mark that nothing stands behind is nothing.
    back = await channels.update(free.id, {"type": 1, "config": made.config})
    assert back.config == channels.config_of(back) == {"region": "a-1"}


async def test_types_without_fields_take_any_object(cloud: Directory) -> None:
    config = {"a": [1, {"b": None}], "sk": "s", "empty": ""}
    made = await cloud.channels.create({"type": 2, "config": config}, "key")
    assert made.config == {**config, "sk": HIDDEN}
    assert cloud.channels.config_of(made) == config


@pytest.mark.parametrize(
    "field",
    [
        "{name: a}",
        "{name: A, label: {en: L, zh-CN: L}, help: {en: H, zh-CN: H}}",
        "{name: a, label: {en: L}, help: {en: H, zh-CN: H}}",
        f"{{name: a, {SAYS}, pattern: '['}}",
        f"{{name: a, {SAYS}, kind: number}}",
    ],
)
def test_faulty_fields_are_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(f"vendors: [{{id: 1, name: A, config: [{field}]}}]")
    with pytest.raises(ValueError, match="config"):
        Catalogue.load(path)


ACCOUNT = {"email": "e@x", "key": "-----BEGIN\nlines\n", "more": [1]}
ONE_LINE = '{"email":"e@x","key":"-----BEGIN\\nlines\\n","more":[1]}'


@pytest.mark.parametrize("given", [ACCOUNT, json.dumps(ACCOUNT, indent=2), ONE_LINE])
async def test_a_document_is_taken_as_an_object_or_as_text(cloud: Directory, given: Any) -> None:
    made = await cloud.channels.create({"type": 3, "config": {"account": given}})
    assert made.config == {"account": HIDDEN}
    assert cloud.channels.config_of(made) == {"account": ONE_LINE}
    if isinstance(given, str):  # or as the key, of which there may be several on lines
        made = await cloud.channels.create({"type": 3}, given)
        assert cloud.channels.secret_of(made) == ONE_LINE
    two = await cloud.channels.create({"type": 3}, f"{ONE_LINE}\n {ONE_LINE}")
    assert cloud.channels.secret_of(two) == f"{ONE_LINE}\n{ONE_LINE}"


@pytest.mark.parametrize(
    "given, fix",
    [
        ("{", "must be a JSON object: like r-1"),
        ("[]", "must be a JSON object"),
        (5, "must be a JSON object"),
        ({"email": "e"}, "lacks key: like r-1"),
        ({"email": "e", "key": 5}, "lacks key"),
        ({"email": "", "key": "k"}, "lacks email"),
        ({"email": "e", "key": "k" * 20_000}, "at most"),
        ("[" * 20_000, "must be a JSON object"),
    ],
)
async def test_a_faulty_document_is_refused_without_being_quoted(
    cloud: Directory, given: Any, fix: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await cloud.channels.create({"type": 3, "config": {"account": given}})
    assert caught.value.field == "config.account" and fix in str(caught.value)
    assert "kkk" not in str(caught.value)
    if isinstance(given, str) and given.startswith("{"):
        with pytest.raises(Invalid, match="must be a JSON object"):
            await cloud.channels.create({"type": 3}, given)
