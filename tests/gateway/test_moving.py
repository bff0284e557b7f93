"""`tollgate import one-api`, run as people run it, on databases of One API and new-api."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.passwords import check_password
from gateway.directory.vault import Vault
from ledger.balances import exact_balances
from ledger.store import Store
from tests.forks import Forks, text_of
from tests.old_system import (
    ACCESS_TOKEN,
    CODE,
    KEY,
    PASSWORD,
    ROOT_KEY,
    OldSystem,
    awkward,
)

pytestmark = pytest.mark.database
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Ask = Callable[[Callable[[Store], Awaitable[Any]]], Any]
PER_QUOTA = 2_000


@pytest.fixture
def ask(database_url: str, database_name: str, mongo_driver: str) -> Iterator[Ask]:
    """Asks the database that the commands work on."""

    def run(question: Callable[[Store], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            store = await Store.connect(database_url, database_name, mongo_driver)
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(asked())

    yield run
    run(lambda store: store.drop_database())


@pytest.fixture
def tollgate(
    forks: Forks, tmp_path: Path, database_url: str, database_name: str, mongo_driver: str
) -> Run:
    environ = {
        "MONGO_URL": database_url,
        "MONGO_DB": database_name,
        "MONGO_DRIVER": mongo_driver,
        "TOLLGATE_SECRET_KEY": "k" * 43,
    }

    def run(*args: str) -> "subprocess.CompletedProcess[str]":
        return text_of(forks.run(list(args), tmp_path, environ))

    return run


def one(collection: str, number: int) -> Callable[[Store], Awaitable[Any]]:
    return lambda store: store.find_one(collection, {"_id": number})


async def everything(store: Store) -> dict[str, Any]:
    """All that an import writes, but for times."""
    names = ("users", "keys", "channels", "codes", "options", "events")
    skipped = ("changed_us", "ts", "seq", "writer", "epoch")
    return {
        name: [
            {k: v for k, v in doc.items() if k not in skipped}
            async for doc in store.find(name, {}, sort=[("_id", 1)])
            if doc.get("type") != "epoch.closed"
        ]
        for name in names
    }


def test_a_dry_run_tells_all_and_writes_nothing(tollgate: Run, ask: Ask, tmp_path: Path) -> None:
    awkward(tmp_path / "one-api.db")
    done = tollgate("import", "one-api", "one-api.db", "--dry-run")
    assert done.returncode == 0, (done.stdout, done.stderr)
    for said in (
        "is a database of One API",
        "6  users, 1 of them deleted",
        "channel 3 (nobody knows): type 777 of One API is not known here",
        "channel 5 (bad map): comes disabled, without model_mapping",
        "channel 6 (no group): comes disabled, without groups",
        "key 5: its user is not there",
        "key 7: key: must contain neither spaces nor hyphens",
        "key 6: comes disabled",
        "user:3: had -77 quota; it is opened at 0",
        "user 3: github_id is also that of user 2; it stays with user 2",
        "code 5: it is worth -5 quota",
        "option SomethingElse: there is no such option here",
        "option LogConsumeEnabled: every charge is an event in the books",
        "ModelRatio openrouter/auto",
        "column logs.system_prompt_reset: is not kept here",
        "0  rows of the log, as history",
    ):
        assert said in done.stdout, (said, done.stdout)
    assert "hush-hush" not in done.stdout
    assert not [n for n in ask(lambda s: s.collection_names()) if n in ("users", "imports")]


def test_everything_comes_along_and_the_books_balance(
    tollgate: Run, ask: Ask, tmp_path: Path
) -> None:
    awkward(tmp_path / "one-api.db")
    done = tollgate("import", "one-api", "one-api.db")
    assert done.returncode == 0, (done.stdout, done.stderr)
    quota = {"user:1": 500_000_000_000_000, "user:2": 1_234_567, "user:4": 40, "user:9": 1}
    quota |= {"key:2": 1_000, "key:6": 9}
    total = sum(quota.values()) * PER_QUOTA
    whole, part = divmod(total, 10**9)
    shown = f"{whole}.{part:09d}".rstrip("0")
    assert f"Proved: 6 openings of {shown} USD are what the source had" in done.stdout
    accounts = [*quota, "user:3", "key:4", "key:3"]
    balances = ask(lambda store: exact_balances(store, accounts))
    assert balances == {name: quota.get(name, 0) * PER_QUOTA for name in accounts}

    root, user, gone = (ask(one("users", n)) for n in (1, 2, 4))
    assert asyncio.run(check_password(PASSWORD, root["password_hash"]))
    assert root["access_token_hash"] == Vault.digest(ACCESS_TOKEN) and root["aff_code"] == "Ab1C"
    assert (user["username"], user["email"], user["inviter_id"]) == ("李雷", "li@example.com", 1)
    assert user["github_id"] == "lilei" and ask(one("users", 3))["github_id"] == ""
    assert gone["deleted"] and gone["status"] == 3 and gone["aff_code"] == "Zz9Z"
    key = ask(one("keys", 2))
    assert key["hash"] == Vault.digest(KEY) and sorted(key["models"]) == ["gpt-4o", "sandbox-echo"]
    assert not key["unlimited"] and key["expired_s"] == -1
    assert ask(one("keys", 4))["subnets"] == ["10.0.0.0/8"] and ask(one("keys", 6))["status"] == 2

    azure, palm, bad = (ask(one("channels", n)) for n in (2, 4, 5))
    assert json.loads(azure["config"]) == {"api_version": "2024-03-01-preview"}
    assert azure["base_url"] == "https://a.test" and palm["type"] == 11 and bad["status"] == 2
    code, used = ask(one("codes", 1)), ask(one("codes", 2))
    assert code["hash"] == Vault.digest(CODE) and code["batch"] == ask(one("codes", 3))["batch"]
    issued = ask(lambda s: s.find_one("events", {"_id": f"issue:{code['batch']}"}))
    assert issued["body"]["count"] == 2 and issued["body"]["value_nano"] == 500 * PER_QUOTA
    assert (used["used_s"], used["batch"]) == (1_700_000_000, 0)
    secret = ask(lambda s: s.find_one("options", {"_id": "GitHubClientSecret"}))
    assert secret["value"].startswith("v1.")
    assert ask(lambda s: s.find_one("options", {"_id": "GitHubOAuthEnabled"}))["value"] is True
    prices = tollgate("ledger", "prices", "show").stdout
    rows = {row["model"]: row for row in json.loads(prices)["rows"]}
    assert (rows["house-model"]["input"], rows["house-model"]["output"]) == ("0.15", "0.6")
    assert json.loads(prices)["groups"]["vip"] == "0.85" and json.loads(prices)["version"] == 2
    assert tollgate("ledger", "verify").returncode == 0

    before = ask(everything)
    again = tollgate("import", "one-api", "one-api.db")
    assert again.returncode == 0 and "Proved: 6 openings" in again.stdout, again.stdout
    assert ask(everything) == before


def test_an_import_that_was_killed_goes_on(
    forks: Forks, tollgate: Run, ask: Ask, tmp_path: Path
) -> None:
    old = awkward(tmp_path / "one-api.db")
    assert tollgate("import", "one-api", "one-api.db").returncode == 0
    whole = ask(everything)

    async def undo(store: Store) -> None:
        """As it was at a moment in the middle: some documents, half of a batch, one opening."""
        await store.delete_many("users", {"_id": {"$gt": 4}})
        await store.delete_many("codes", {"_id": {"$gt": 2}})
        await store.delete_many("channels", {"_id": 4})
        await store.update_many("users", {}, {"$unset": {"import_opened": 1}})
        await store.update_many("imports", {}, {"$unset": {"prices": 1, "options": 1, "done": 1}})

    ask(undo)
    again = tollgate("import", "one-api", "one-api.db")
    assert again.returncode == 0, (again.stdout, again.stderr)
    after = ask(everything)
    assert [e["_id"] for e in after["events"] if not e["_id"].startswith("issue:")] == [
        e["_id"] for e in whole["events"] if not e["_id"].startswith("issue:")
    ]
    for name in ("users", "keys", "channels", "codes"):
        assert [d["_id"] for d in after[name]] == [d["_id"] for d in whole[name]]
    assert after["codes"][0]["batch"] == after["codes"][2]["batch"]
    assert tollgate("ledger", "verify").returncode == 0

    old.user(10, "later", 5)
    assert "Proved: 7 openings" in tollgate("import", "one-api", "one-api.db").stdout
    old.add("tokens", id=20, user_id=10, key="z" * 48, remain_quota=0)
    (tmp_path / "copy.db").write_bytes(old.path.read_bytes())
    refused = tollgate("import", "one-api", "copy.db")
    assert refused.returncode == 2 and "--merge" in refused.stderr
    merged = tollgate("import", "one-api", "copy.db", "--merge")
    assert "user 10 (later): a user here has this id" in merged.stdout, merged.stdout
    assert ask(lambda s: exact_balances(s, ["user:10"])) == {"user:10": 5 * PER_QUOTA}


def test_new_api_has_its_own_columns_and_types(tollgate: Run, ask: Ask, tmp_path: Path) -> None:
    old = OldSystem(tmp_path / "new.db", new_api=True)
    old.user(1, "root", 10, role=100, horoscope="leo", aff_quota=30)
    old.user(2, "gone", 5, deleted_at="2025-01-01 00:00:00")
    limits = {"model_limits_enabled": 1, "model_limits": "a,b", "allow_ips": "1.2.3.4\n10.0.0.0/8"}
    old.add("tokens", id=1, user_id=1, key=ROOT_KEY, remain_quota=7, group="auto", **limits)
    old.add(
        "tokens", id=2, user_id=1, key="y" * 48, remain_quota=4, deleted_at="2025-01-01 00:00:00"
    )
    old.add("channels", id=1, type=43, key="k", name="deepseek", models="deepseek-chat")
    old.add("channels", id=2, type=2, key="k", name="midjourney")
    old.add(
        "redemptions",
        id=1,
        key=CODE,
        name="x",
        quota=5,
        status=3,
        used_user_id=2,
        redeemed_time=9,
    )
    old.add("options", key="ModelRatio", value='{"m": 1, "n": 2}')
    old.add("options", key="CacheRatio", value='{"m": 0.1}')
    old.add("options", key="ModelPrice", value='{"picture": 0.04}')
    done = tollgate("import", "one-api", "new.db")
    assert done.returncode == 0, (done.stdout, done.stderr)
    for said in (
        "is a database of new-api",
        "column users.horoscope: is not known here",
        "user 1: 30 quota of invitations",
        "channel 2 (midjourney): type 2 of new-api is not known here",
        "key 1: group auto is no group here",
    ):
        assert said in done.stdout, (said, done.stdout)
    assert ask(one("channels", 1))["type"] == 36 and ask(one("users", 2))["deleted"]
    key = ask(one("keys", 1))
    assert (sorted(key["models"]), key["subnets"]) == (["a", "b"], ["1.2.3.4/32", "10.0.0.0/8"])
    assert ask(one("keys", 2))["deleted"] and ask(one("codes", 1))["used_by"] == 2
    rows = {r["model"]: r for r in json.loads(tollgate("ledger", "prices", "show").stdout)["rows"]}
    assert rows["m"]["cached"] == "0.2" and rows["picture"]["calls"] == "0.04"


def test_what_cannot_be_read_is_said_in_one_line(tollgate: Run, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database")
    for source, said in (
        ("missing.db", "is no file"),
        ("text.db", "cannot be read as a SQLite database"),
        ("oracle://x/y", "is not known; give a SQLite file"),
        ("mysql://root@127.0.0.1:1", "say which database"),
        ("mysql://root:a@b:c@127.0.0.1:x/y", "that is no mysql:// address"),
        ("postgres://root:hush@127.0.0.1:1/x", ""),
    ):
        done = tollgate("import", "one-api", source)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert said in done.stderr and "hush" not in done.stderr


@pytest.mark.parametrize("new_api", [False, True])
def test_rows_that_nobody_meant_are_told_and_stop_nothing(
    tollgate: Run, ask: Ask, tmp_path: Path, new_api: bool
) -> None:
    old = OldSystem(tmp_path / "old.db", new_api=new_api)
    old.user(1, "root", 5 * 10**14, role=100)
    for table, needed in (
        ("users", {"password": ""}),
        ("tokens", {}),
        ("channels", {}),
        ("redemptions", {}),
        ("logs", {}),
    ):
        columns = [name for name in old.columns(table) if name not in ("id", *needed)]
        nothing = dict.fromkeys(columns)
        old.add(table, id=7, **needed, **nothing)
        old.add(table, id=8, **needed, **{**nothing, columns[0]: b"\xff\xfe"})
        old.add(table, id=0, **needed, **nothing)
        old.add(table, id=-3, **needed, **nothing)
    for number, name in ((20, "same"), (21, "same_22"), (22, " same"), (23, "deleted_24_x")):
        old.user(number, name, 3, group="nowhere")
    old.user(24, "x", 1, status=3)
    old.user(25, "rich", 2**62)
    old.user(26, "as rich as can be", 4_611_686_018_427_387)
    old.user(27, "text", 0)
    old.change("users", 27, quota="many")
    key = {"remain_quota": 2, "created_time": 2**62, "expired_time": 2**62}
    old.add("tokens", id=30, user_id=20, key="sk-" + "k" * 48, **key)
    old.add("tokens", id=31, user_id=20, key="k" * 48, status=3, name="到期", **key)
    old.add("tokens", id=32, user_id=20, key="a-sk-b" + "k" * 40, **key)
    old.add("options", key="ModelRatio", value="{")
    old.add("options", key="GroupRatio", value='{"default": 1, "x": {"y": [1]}}')
    old.add("options", key="QuotaForNewUser", value="ten")
    done = tollgate("import", "one-api", "old.db")
    assert done.returncode == 0 and "Traceback" not in done.stderr, (done.stdout, done.stderr)
    for said in (
        "row -3 of users: its id is none",
        "row 0 of redemptions: its id is none",
        "user:25: 4611686018427387904 quota is more than the books can hold",
        "user:26: all balances are more than 4611686018.427387903 USD",
        "user:27: 'many' is no quota; it is opened at 0",
        "key 30: another has the same text",
        "key 32: key: must contain neither spaces nor hyphens",
        "group nowhere (4 users) has no ratio: it is 1, as there",
        "ModelRatio: is no JSON object of numbers",
        "GroupRatio x",
        "option QuotaForNewUser",
        "Proved: 7 openings of 1000000000.00003 USD",
        "The books balance",
    ):
        assert said in done.stdout, (said, done.stdout)
    names = ask(lambda s: s.find_list("users", {}, projection={"username": 1}))
    assert len({doc["username"] for doc in names}) == len(names) == 11
    expired = ask(one("keys", 31))
    assert expired["status"] == 3 and expired["expired_s"] < 2**40


def test_the_way_back_is_a_one_api_again(tollgate: Run, ask: Ask, tmp_path: Path) -> None:
    awkward(tmp_path / "old.db")
    assert tollgate("import", "one-api", "old.db").returncode == 0
    users = ("user:1", "user:2", "user:3", "user:4", "user:9", "key:2", "key:4", "key:6")
    before = ask(lambda store: exact_balances(store, users))
    was = ask(everything)
    done = tollgate("export", "one-api", "back.db")
    assert (
        done.returncode == 0 and "6 users with 500000001234608 quota in all, 5 keys" in done.stdout
    )
    assert (tmp_path / "back.db").stat().st_mode & 0o777 == 0o600
    refused = tollgate("export", "one-api", "back.db")
    assert refused.returncode == 1 and "is there already" in refused.stderr

    ask(lambda store: store.drop_database())
    again = tollgate("import", "one-api", "back.db")
    assert again.returncode == 0, (again.stdout, again.stderr)
    assert ask(lambda store: exact_balances(store, users)) == before
    names = "_id username password_hash role status email group aff_code github_id deleted".split()
    texts = "_id user_id hash name status models subnets unlimited expired_s".split()
    for collection, fields in (("users", names), ("keys", texts)):
        now, then = (
            [{name: doc[name] for name in fields} for doc in found[collection]]
            for found in (ask(everything), was)
        )
        assert now == then
