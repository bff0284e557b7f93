"""What is made of a source before anything is written: amounts add up, whatever the rows are."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.directory.catalogue import Catalogue
from gateway.directory.vault import Vault
from gateway.moving.plan import make_plan, openings
from gateway.moving.prices import price_changes
from gateway.moving.report import Report
from gateway.moving.source import NEW_API, ONE_API, TABLES, Source, read_source
from ledger.price_table import PriceTable
from tests.old_system import OldSystem

CATALOGUE = Catalogue.load(Path(__file__).parents[2] / "conf" / "providers.yaml")
VAULT = Vault(b"k" * 32)
PER_QUOTA = 2_000

words = st.none() | st.integers(-(2**40), 2**40) | st.text(max_size=60) | st.binary(max_size=9)
quotas = st.integers(-(10**12), 5 * 10**14)
ids = st.integers(1, 2**40)


def rows(*names: str, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of a table with anything in their columns, unique by id."""
    columns = {**dict.fromkeys(names, words), "id": ids, **fixed}
    return st.lists(st.fixed_dictionaries(columns), max_size=6, unique_by=lambda row: row["id"])


users = rows(
    *("username", "password", "role", "status", "email", "group", "aff_code", "github_id"),
    quota=quotas,
)
tokens = rows(
    *("key", "status", "name", "models", "subnet", "expired_time", "deleted_at"),
    user_id=ids,
    remain_quota=quotas,
    unlimited_quota=st.sampled_from([0, 1, True, False, None, b"\x00", b"\x01"]),
)
channels = rows(
    *("type", "key", "name", "base_url", "other", "models", "group", "model_mapping", "priority"),
    *("config", "setting", "balance", "status", "weight", "header_override"),
    type=st.integers(-1, 60),
)
codes = rows("key", "status", "name", "quota", "redeemed_time", "expired_time")
options = st.lists(st.fixed_dictionaries({"key": st.text(max_size=20), "value": words}), max_size=4)


@settings(max_examples=60, deadline=None)
@given(users, tokens, channels, codes, options, st.sampled_from((ONE_API, NEW_API)))
def test_every_amount_is_opened_or_named(
    users: Any, tokens: Any, channels: Any, codes: Any, options: Any, kind: str
) -> None:
    known = {user["id"] for user in users}
    for number, token in enumerate(tokens):  # half of them belong to somebody
        if number % 2 and known:
            token |= {"user_id": min(known), "key": f"{number:048}"}
    tables = dict(zip(TABLES, (users, tokens, channels, codes, options), strict=True))
    source = Source("0" * 12, "x", kind, tables, dict.fromkeys(TABLES, frozenset()))
    plan = make_plan(source, CATALOGUE, VAULT)
    report = plan.report
    drafts = openings(plan, "cli:test", 1)
    assert report.adds_up
    assert sum(draft.amount_nano for draft in drafts) == report.opened_nano
    assert all(draft.amount_nano > 0 for draft in drafts)
    there = sum(user["quota"] for user in users) * PER_QUOTA
    there += sum(
        token["remain_quota"] * PER_QUOTA
        for token in tokens
        if token["unlimited_quota"] in (0, None, b"\x00") and token["deleted_at"] is None
    )
    assert report.source_nano == there
    code_hashes = [c["hash"] for c in plan.used_codes]
    code_hashes += [c["hash"] for batch in plan.batches for c in batch.docs]
    for once in (
        [user["username"] for user in plan.users],
        [user["aff_code"] for user in plan.users if user["aff_code"]],
        [key["hash"] for key in plan.keys],
        code_hashes,
    ):
        assert len(once) == len(set(once))
    accounts = {f"user:{user['id']}" for user in users} | {f"key:{key['_id']}" for key in plan.keys}
    assert {draft.account for draft in drafts} <= accounts
    assert all("\n" not in line[:1] for line in report.lines())


def test_ratios_become_exact_prices_in_one_change() -> None:
    base = PriceTable(
        1,
        {"gpt-4o": {"model": "gpt-4o", "input": "2", "cached": "1", "output": "8"}},
        {"default": "1", "vip": "1"},
    )
    report = Report()
    options = {
        "ModelRatio": '{"gpt-4o": 2.5, "gpt-4o(3)": 3, "claude-3-new": 1.5, "x": 1e-30, "y": -1}',
        "CompletionRatio": '{"gpt-4o": 3, "unknown": 2}',
        "CreateCacheRatio": '{"gpt-4o": 1.25}',
        "GroupRatio": '{"vip": 0.1234567890123456789, "svip": 0.5}',
        "AudioRatio": "[1]",
    }
    changes = price_changes(base, options, report)
    found = {row["model"]: row for row in changes["set_rows"]}
    assert found["gpt-4o"]["input"] == "5" and found["gpt-4o"]["cached"] == "2.5"
    assert found["gpt-4o"]["output"] == "15" and found["gpt-4o"]["cache_write"] == "6.25"
    assert (found["gpt-4o(3)"]["input"], found["gpt-4o(3)"]["output"]) == ("6", "18")
    assert (found["claude-3-new"]["input"], found["claude-3-new"]["output"]) == ("3", "15")
    assert changes["groups"] == [("svip", "0.5")]
    said = "\n".join(report.left_out)
    for name in ("ModelRatio x", "ModelRatio y", "CompletionRatio unknown", "GroupRatio vip"):
        assert name in said, said
    assert "AudioRatio: is no JSON object" in said


def test_a_source_is_read_as_it_is(tmp_path: Path) -> None:
    old = OldSystem(tmp_path / "a.db")
    old.user(3, "李雷", 1)
    before = old.path.read_bytes()
    source = read_source(str(old.path))
    assert source.kind == ONE_API and source.tables["users"][0]["username"] == "李雷"
    assert old.path.read_bytes() == before and [*tmp_path.iterdir()] == [old.path]
    assert read_source(str(old.path)).id == source.id


def test_a_version_with_other_columns_is_read_and_told(tmp_path: Path) -> None:
    old = OldSystem(tmp_path / "a.db")
    old.user(1, "root", 1, role=100)
    old.add("channels", id=1, type=1, key="k", name="c", models="m")
    old.run(
        "ALTER TABLE channels DROP COLUMN models; ALTER TABLE users ADD COLUMN moon text;"
        " DROP TABLE redemptions"
    )
    lines = make_plan(read_source(str(old.path)), CATALOGUE, VAULT).report.lines()
    for said in (
        "  column channels.models is not there: it is taken as empty",
        "  table redemptions is not there: it is taken as empty",
        "  column users.moon: is not known here",
    ):
        assert said in lines, lines
