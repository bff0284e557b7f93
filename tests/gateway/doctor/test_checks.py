"""Each check of `tollgate doctor`, made to find something for real."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from redis import Redis

from gateway.directory.catalogue import Catalogue
from gateway.directory.passwords import hash_password
from gateway.directory.vault import Vault, key_from
from gateway.doctor import of_books, of_database, of_machine, of_settings
from gateway.doctor.finding import FAULT, OK, WARNING, Finding, worst
from gateway.doctor.scene import Scene
from gateway.doctor.table import CHECKS
from gateway.settings import Settings
from ledger.books import Books
from ledger.clock import Clock
from ledger.drivers import close_client
from ledger.errors import LedgerError
from ledger.half import mark_half_restored
from ledger.spill import Spilled, SpillFile, file_of
from ledger.store import Store
from tests.fakes.redis import RedisServer
from tests.ledger.drafts import charge, recharge

CATALOGUE = Catalogue.load(Path(__file__).parents[3] / "conf" / "providers.yaml")
KEY = "a key that is long enough"


async def scene_of(store: Store, tmp_path: Path, **settings: object) -> Scene:
    """The books in a database as the command sees them."""
    given = Settings(**{"data_dir": tmp_path / "data", **settings})  # type: ignore[arg-type]
    scene = Scene(given, {}, tmp_path / ".env", CATALOGUE, Clock(), store=store)
    scene.slots = tuple(await store.find_list("writers", {}))
    scene.server_now_us = await store.server_now_us()
    return scene


def bare(tmp_path: Path, found: dict[str, str] | None = None, **settings: object) -> Scene:
    given = Settings(**{"data_dir": tmp_path / "data", **settings})  # type: ignore[arg-type]
    return Scene(given, found or {}, tmp_path / ".env", CATALOGUE, Clock())


def said(findings: list[Finding]) -> str:
    return " ".join(f"{each.level}: {each.says} → {each.mend}" for each in findings)


def test_every_check_has_a_name_and_says_what_it_asks() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all((check.run.__doc__ or "").startswith("Whether ") for check in CHECKS)


async def test_settings(tmp_path: Path) -> None:
    scene = bare(tmp_path)
    assert worst(await of_settings.values(scene)) == OK
    scene.problems, scene.notices = ("PORT=x: wrong",), ("GIN_MODE has no effect",)
    found = await of_settings.values(scene)
    assert [each.level for each in found] == [FAULT, WARNING]


async def test_names(tmp_path: Path) -> None:
    fine = {"PATH": "/bin", "HOSTNAME": "a", "TOLLGATE_PORT": "tcp://10.0.0.1:3000", "TERM": "x"}
    fine |= {"TOLLGATE_SERVICE_HOST": "10.0.0.1", "TOLLGATE_PORT_3000_TCP": "tcp://10.0.0.1:3000"}
    assert worst(await of_settings.names(bare(tmp_path, fine))) == OK
    wrong = {
        "TOLLGATE_DATADIR": "x",
        "RETRY_STAUS": "500",
        "TOLLGATE_COLOUR": "red",
        "WORKRES": "2",
    }
    found = await of_settings.names(bare(tmp_path, wrong))
    mends = {each.says.split()[0]: each.mend for each in found}
    assert mends["TOLLGATE_DATADIR"] == "write TOLLGATE_DATA_DIR"
    assert mends["RETRY_STAUS"] == "write RETRY_STATUS" and mends["WORKRES"] == "write WORKERS"
    assert "settings.md" in mends["TOLLGATE_COLOUR"] and len(found) == 4


async def test_secrets_are_weighed_and_never_repeated(tmp_path: Path) -> None:
    assert worst(await of_settings.secrets(bare(tmp_path, metrics_token="f3" * 3 + KEY))) == OK
    weak = "abababababababababab"
    given = {"metrics_token": weak, "initial_root_password": "12345678", "secret_key": weak}
    (tmp_path / ".env").write_text("X=1")
    (tmp_path / ".env").chmod(0o644)
    found = await of_settings.secrets(bare(tmp_path, **given))
    assert len(found) == 4 and worst(found) == WARNING
    assert weak not in said(found) and "12345678" not in said(found)


async def test_secret_key_root_and_address(store: Store, tmp_path: Path) -> None:
    noted = {"_id": "vault", "fingerprint": Vault(key_from(KEY)).fingerprint()}
    await store.insert_one("directory", noted)
    assert worst(await of_settings.secret_key(await scene_of(store, tmp_path))) == FAULT
    right = await scene_of(store, tmp_path, secret_key=KEY)
    assert worst(await of_settings.secret_key(right)) == OK
    other = await of_settings.secret_key(await scene_of(store, tmp_path, secret_key=KEY + "!"))
    assert worst(other) == FAULT and KEY not in said(other)
    hashed = await hash_password("12345678", rounds=4)
    await store.insert_one("users", {"_id": 1, "username": "root", "password_hash": hashed})
    assert worst(await of_settings.root_password(right)) == FAULT
    assert worst(await of_settings.address(right)) == OK
    assert worst(await of_settings.address(await scene_of(store, tmp_path, host=""))) == WARNING
    await store.insert_one("options", {"_id": "ServerAddress", "value": "https://llm.example"})
    assert worst(await of_settings.address(await scene_of(store, tmp_path, host=""))) == OK


async def test_database(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = await scene_of(store, tmp_path)
    for check in (of_database.reached, of_database.version, of_database.indexes, of_database.clock):
        assert worst(await check(scene)) == OK, check
    assert worst(await of_database.replica_set(scene)) == OK
    served = await scene_of(store, tmp_path, mongo_url="mongodb://somewhere/")
    assert worst(await of_database.replica_set(served)) == WARNING
    monkeypatch.setattr(of_database, "OLDEST", (99, 0))
    assert worst(await of_database.version(scene)) == FAULT
    scene.clock = Clock()
    now_us = scene.clock.now_us
    for ahead_s, level in ((5, WARNING), (-60, FAULT)):
        scene.clock.now_us = lambda ahead_s=ahead_s: now_us() + ahead_s * 10**6  # type: ignore
        assert worst(await of_database.clock(scene)) == level
    await mark_half_restored(store, 1)
    with pytest.raises(LedgerError, match="restore again"):
        await of_database.reached(scene)
    empty = replace(scene, store=None, trouble="no books", empty=True)
    assert worst(await of_database.reached(empty)) == WARNING


async def test_writes_and_indexes(database_url: str, database_name: str, tmp_path: Path) -> None:
    client = AsyncMongoClient(database_url, w=1)
    careless = Store(client, database_name, "pymongo")
    try:
        scene = await scene_of(careless, tmp_path)
        assert worst(await of_database.write_concern(scene)) == FAULT
        found = await of_database.indexes(scene)
        assert worst(found) == FAULT and "access_tokens.hash" in said(found)
    finally:
        await close_client(client)


async def test_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        scene = bare(tmp_path, redis_url=server.url)
        assert worst(await of_machine.redis(scene)) == OK
        with Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        assert worst(await of_machine.redis(scene)) == WARNING
        monkeypatch.setattr(of_machine, "OLDEST_REDIS", (99, 0))
        assert worst(await of_machine.redis(scene)) == FAULT
    found = await of_machine.redis(bare(tmp_path, redis_url="redis://:hunter22@127.0.0.1:1/0"))
    assert worst(found) == FAULT and "hunter" not in said(found)


async def test_disk(tmp_path: Path) -> None:
    assert worst(await of_machine.directories(bare(tmp_path, min_free_disk_bytes=0))) == OK
    assert not (tmp_path / "data").exists(), "nothing is made"
    for given, level in (
        ({"min_free_disk_bytes": 1 << 60}, FAULT),
        ({"log_dir": Path("/proc/nowhere"), "min_free_disk_bytes": 0}, FAULT),
        ({"archive_dir": tmp_path / "file" / "x", "min_free_disk_bytes": 0}, FAULT),
    ):
        (tmp_path / "file").write_text("no directory")
        assert worst(await of_machine.directories(bare(tmp_path, **given))) == level, given
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)


async def test_prices(store: Store, tmp_path: Path) -> None:
    scene = await scene_of(store, tmp_path)
    assert worst(await of_books.prices(scene)) == OK
    channel = {"_id": 1, "name": "a", "type": 1, "status": 1, "models": ["new-model"]}
    await store.insert_one("channels", channel)
    found = await of_books.prices(scene)
    assert worst(found) == WARNING and "new-model" in said(found)
    free = await of_books.prices(await scene_of(store, tmp_path, allow_unpriced_models=True))
    assert "they are free" in said(free)


async def test_books_at_rest_and_books_that_a_crash_left(store: Store, tmp_path: Path) -> None:
    books = await Books.open(store, Clock(), spill_dir=tmp_path / "data" / "spill")
    await books.record(recharge("a", "user:1", 10**9))
    await books.close()
    rest = await scene_of(store, tmp_path)
    checks = (of_books.audit, of_books.seals, of_books.projections, of_books.writers)
    for check in (*checks, of_books.spill, of_books.leader):
        assert worst(await check(rest)) == OK, check

    # A process that runs, and leads nothing.
    now_us = await store.server_now_us()
    alive = {"$set": {"released": False, "expires_us": now_us + 10**9}}
    await store.update_one("writers", {}, alive)
    assert worst(await of_books.leader(await scene_of(store, tmp_path))) == WARNING
    # It died: its slot, its spill and its projection are left.
    await store.update_one("writers", {}, {"$set": {"expires_us": now_us - 10**9}})
    file = SpillFile(file_of(tmp_path / "data" / "spill", 1, 1))
    await file.write([Spilled(charge("late", 5, held=()), now_us)])
    file.close()
    crashed = await scene_of(store, tmp_path)
    assert worst(await of_books.writers(crashed)) == WARNING
    assert worst(await of_books.spill(crashed)) == WARNING


async def test_what_lags(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = await Books.open(store, Clock())
    await books.record(recharge("a", "user:1", 10**9))
    await books.close()
    await store.delete_many("positions", {})
    monkeypatch.setattr(of_books, "LAG_EVENTS", 0)
    monkeypatch.setattr(of_books, "TAIL_EVENTS", 0)
    scene = await scene_of(store, tmp_path)
    assert worst(await of_books.projections(scene)) == WARNING
    assert worst(await of_books.seals(scene)) == WARNING
    bad = {"_id": scene.server_now_us, "ok": False, "headline": "The audit found a fault: x"}
    await store.insert_one("audits", bad)
    assert worst(await of_books.audit(scene)) == FAULT
    old = {"_id": scene.server_now_us + 1 - 3600 * 10**6, "ok": True, "headline": "fine"}
    await store.delete_many("audits", {})
    await store.insert_one("audits", old)
    alive = {"$set": {"released": False, "expires_us": scene.server_now_us + 10**9}}
    await store.update_one("writers", {}, alive)
    assert worst(await of_books.audit(await scene_of(store, tmp_path))) == WARNING
