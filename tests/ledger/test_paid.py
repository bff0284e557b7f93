"""Payments in the books: checked by what was paid, and by their id."""

from typing import Any

import orjson
import pytest

from ledger.check_events import EventCheck
from ledger.report import Report

PAID = orjson.loads(
    b'{"_id":"recharge:epay:tg1","account":"user:1","actor":"payment:epay","amount":10010000000,'
    b'"at":1763784000000000,"body":{"paid":{"amount":"71.5","currency":"CNY","order":"tg1",'
    b'"rate":"0.14","trade":"2026"},"provider":"epay","reference":"tg1","remark":"71.5 CNY paid by'
    b' epay"},"epoch":1,"req_hash":"00","seq":9,"ts":1763784000000009,"type":"recharge.credited",'
    b'"v":3,"writer":0}'
)


def faults(event: dict[str, Any]) -> list[str]:
    report = Report()
    EventCheck(report).check(event)
    return [fault.kind for fault in report.faults]


def paid(**changed: Any) -> dict[str, Any]:
    return {**PAID, "body": {**PAID["body"], "paid": {**PAID["body"]["paid"], **changed}}}


def test_a_payment_is_worth_what_it_says() -> None:
    assert faults(PAID) == []
    assert faults({**PAID, "amount": 10_010_000_001}) == ["amount wrong"]
    assert faults({**PAID, "_id": "recharge:epay:tg2"}) == ["id wrong"]
    assert faults(paid(rate="0.140000000000000001")) == []  # less than a nano-dollar more
    assert faults(paid(amount="71.51")) == ["amount wrong"]
    assert faults({**PAID, "v": 2}) == ["event invalid"]  # the version that brought it is newer
    assert faults(paid(rate="0.14000001")) == ["amount wrong"]


@pytest.mark.parametrize("odd", [{"rate": 0.14}, {"rate": "1e9"}, {"amount": "0"}, {"more": 1}])
def test_damaged_payments_are_faults_not_failures(odd: dict[str, Any]) -> None:
    assert faults(paid(**odd)) == ["event invalid"]
