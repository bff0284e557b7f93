"""Events: schemas, canonical bytes and hashes."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import yaml_text
from ledger.accounts import EFFECTS
from ledger.errors import InvalidEvent
from ledger.events import (
    GENESIS,
    SCHEMA_DIR,
    Schemas,
    canonical,
    chain_hash,
    compiled,
    request_hash,
    rfc3339,
    to_json,
)
from ledger.writers import Writer
from tests.ledger.drafts import charge, recharge

SCHEMAS = Schemas()


def changed(draft, **body):
    return dataclasses.replace(draft, body={**draft.body, **body})


def test_every_schema_has_an_effect_and_every_effect_a_schema():
    assert {type for type, _ in SCHEMAS.all} == set(EFFECTS)


def test_every_schema_is_what_its_file_is_named_after():
    for (event_type, version), path in SCHEMAS.all.items():
        said = yaml_text.parsed(Path(path).read_text(encoding="utf-8"))
        assert (said["type"], said["version"]) == (event_type, version)
        assert callable(compiled(path).check_body)


def test_valid_drafts_pass():
    assert SCHEMAS.check(charge("a", 5)) == 3
    assert SCHEMAS.check(recharge("a")) == 3


BAD = [
    dataclasses.replace(recharge("a"), type="no.such"),
    dataclasses.replace(recharge("a"), account="channel:1"),
    dataclasses.replace(recharge("a"), account="user:1\n"),
    dataclasses.replace(recharge("a"), amount_nano=0),
    dataclasses.replace(recharge("a"), amount_nano=-1),
    dataclasses.replace(recharge("a"), amount_nano=2**63),
    dataclasses.replace(recharge("a"), amount_nano=1.5),
    dataclasses.replace(recharge("a"), amount_nano=True),
    dataclasses.replace(recharge("a"), id=""),
    dataclasses.replace(recharge("a"), id="x" * 201),
    dataclasses.replace(charge("a", 5), amount_nano=1),
    changed(recharge("a"), surprise=1),
    changed(recharge("a"), provider=7),
    changed(charge("a", 5), usage={"input": -1}),
    changed(charge("a", 5), usage={"input": 1.0}),
    changed(charge("a", 5), latency_ms={"total": 0.5}),
    changed(charge("a", 5), hold={"nano": 5, "accounts": ["root"]}),
    changed(charge("a", 5), usage_source="guessed"),
]


@pytest.mark.parametrize("draft", BAD, ids=range(len(BAD)))
def test_what_breaks_the_schema_is_refused(draft):
    with pytest.raises(InvalidEvent):
        SCHEMAS.check(draft)


def test_no_body_may_hold_prompts_or_unknown_fields():
    for path in SCHEMA_DIR.glob("*.yaml"):
        assert "additionalProperties: false" in path.read_text(encoding="utf-8"), path.name


def stored():
    return Writer(1, 1, 1, GENESIS, 0).number(charge("a", 5), 1, "r", 1_700_000_000_000_000)


def test_the_hash_covers_every_field():
    event = stored()
    assert chain_hash(event["prev"], event) == event["hash"]
    for field in set(event) - {"hash", "prev"}:
        tampered = {**event, field: "other"}
        assert chain_hash(event["prev"], tampered) != event["hash"], field
    assert chain_hash("f" * 64, event) != event["hash"]


def test_canonical_bytes_are_plain_sorted_json_that_any_language_can_make():
    event = stored()
    bare = {k: v for k, v in event.items() if k not in ("prev", "hash")}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(event) == text.encode()


@given(st.text(max_size=40).filter(lambda s: s.isprintable() or s == ""), st.integers(1, 10**15))
def test_equal_requests_have_equal_hashes_and_others_do_not(remark, amount):
    one = changed(recharge("a", amount_nano=amount), remark=remark)
    assert request_hash(one) == request_hash(dataclasses.replace(one))
    assert request_hash(one) != request_hash(dataclasses.replace(one, amount_nano=amount + 1))
    assert request_hash(one) != request_hash(changed(one, remark=remark + "x"))


def test_the_outside_form_is_exact():
    outside = to_json(stored())
    assert outside["amount"] == "-0.000005"
    assert outside["amount_nano"] == -5_000
    assert outside["ts"] == "2023-11-14T22:13:20.000000Z"
    assert "_id" not in outside and outside["id"] == "usage:a"


def test_times_before_a_second_keep_their_microseconds():
    assert rfc3339(1) == "1970-01-01T00:00:00.000001Z"
