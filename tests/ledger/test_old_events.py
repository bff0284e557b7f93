"""Events as earlier versions wrote them: real bytes, still valid, with the effects they had."""

import hashlib

import orjson
import pytest

from ledger.accounts import Effect, effects
from ledger.check_events import EventCheck
from ledger.costs import by_channel, fault, without_costs
from ledger.events import GENESIS, Schemas, canonical, chain_hash
from ledger.lot_names import fault as lot_fault
from ledger.report import Report

CHARGED = (
    b'{"_id":"usage:old-1","account":"user:1","actor":"key:7","amount":-5000,"at":1763784000000000,'
    b'"body":{"attempts":[{"channel":3,"error":null,"status":200}],"channel":3,"endpoint":'
    b'"chat.completions","group":"default","hold":{"accounts":["user:1","key:7"],"nano":9000},"key":7,'
    b'"latency_ms":{"first_token":null,"total":5},"model":"test-model","outcome":"complete","policy":'
    b'"drain","price":{"group":"default","group_ratio":"1","model":"test-model","rates":{"input":"1"},'
    b'"version":1},"request_id":"old-1","served_model":"test-model","shortfall_nano":0,"stream":false,'
    b'"usage":{"input":5},"usage_source":"upstream"},"epoch":1,"req_hash":"00","seq":1,'
    b'"ts":1763784000000001,"type":"usage.charged","v":1,"writer":0}'
)
CREDITED = (
    b'{"_id":"recharge:test:a","account":"user:1","actor":"user:9","amount":1000,"at":1763784000000000,'
    b'"body":{"provider":"test","reference":"a","remark":null},"epoch":1,"req_hash":"00","seq":2,'
    b'"ts":1763784000000002,"type":"recharge.credited","v":1,"writer":0}'
)
CREDITED_V2 = (
    b'{"_id":"recharge:admin:b","account":"user:1","actor":"user:9","amount":1000,"at":1763784000000000,'
    b'"body":{"lot":{"expires_us":null,"id":"gift-0-0123456789ab","source":"gift"},"provider":"admin",'
    b'"reference":"b","remark":""},"epoch":1,"req_hash":"00","seq":8,"ts":1763784000000008,'
    b'"type":"recharge.credited","v":2,"writer":0}'
)
REDEEMED = (
    b'{"_id":"redeem:4","account":"user:1","actor":"user:1","amount":1000,"at":1763784000000000,'
    b'"body":{"code":4,"creator":9,"name":"spring"},"epoch":1,"req_hash":"00","seq":3,'
    b'"ts":1763784000000003,"type":"redemption.redeemed","v":1,"writer":0}'
)
GRANTED = (
    b'{"_id":"grant:signup:1","account":"user:1","actor":"system","amount":1000,"at":1763784000000000,'
    b'"body":{"reason":"sign-up"},"epoch":1,"req_hash":"00","seq":4,'
    b'"ts":1763784000000004,"type":"grant.signup","v":1,"writer":0}'
)
TAKEN_BACK = (
    b'{"_id":"reverse:x","account":"user:1","actor":"user:9","amount":-1000,"at":1763784000000000,'
    b'"body":{"provider":"test","reason":"charge back","reference":"a"},"epoch":1,"req_hash":"00",'
    b'"seq":5,"ts":1763784000000005,"type":"recharge.reversed","v":1,"writer":0}'
)
GIVEN_BACK = (
    b'{"_id":"reverse:y","account":"user:1","actor":"user:9","amount":5000,"at":1763784000000000,'
    b'"body":{"channel":3,"charge":"usage:old-1","hold_accounts":["user:1","key:7"],"key":7,'
    b'"reason":"a fault"},"epoch":1,"req_hash":"00","seq":6,"ts":1763784000000006,'
    b'"type":"usage.reversed","v":1,"writer":0}'
)
CHARGED_V2 = (
    b'{"_id":"usage:old-2","account":"user:1","actor":"key:7","amount":-22050,"at":1763784000000000,'
    b'"body":{"attempts":[{"channel":4,"error":"upstream_timeout: too slow","status":null},'
    b'{"channel":3,'
    b'"cost":{"by":"ratio","rates":{"cache_write":"3.75","cached":"0.3","input":"3","output":"15"},'
    b'"ratio":"0.5","tier":null},"cost_nano":11025,"error":null,"status":200}],"channel":3,'
    b'"cost_nano":11025,"endpoint":"messages","group":"default","hold":{"accounts":["user:1","key:7",'
    b'"budget:user:1:month:2025-11-01"],"nano":90000},"key":7,"latency_ms":{"first_token":2,"total":5},'
    b'"lots":[["lot:1:gift-0-0123456789ab",50]],"model":"claude","outcome":"complete","policy":"drain","price":'
    b'{"group":"default","group_ratio":"1","model":"claude","rates":{"cache_write":"3.75","cached":"0.3",'
    b'"input":"3","output":"15"},"tier":null,"version":1},"request_id":"old-2","served_model":"claude",'
    b'"shortfall_nano":0,"stream":true,"upstream_request_id":"req_1","usage":{"cache_write":1,"cached":1,'
    b'"input":1,"output":1},"usage_frame":"{}","usage_source":"upstream"},"epoch":1,"req_hash":"00",'
    b'"seq":7,"ts":1763784000000007,"type":"usage.charged","v":2,"writer":0}'
)
SPENT = {"spent": 5000, "requests": 1}
SPENT_V2 = {"spent": 22050, "requests": 1}
WHAT_THEY_DO = {
    CHARGED: [
        Effect("user:1", SPENT, 5000),
        Effect("key:7", SPENT, 5000),
        Effect("channel:3", SPENT),
    ],
    CHARGED_V2: [
        Effect("user:1", SPENT_V2, 22050),
        Effect("key:7", SPENT_V2, 22050),
        Effect("budget:user:1:month:2025-11-01", SPENT_V2, 22050),
        Effect("lot:1:gift-0-0123456789ab", {"spent": 50}, 50),
        Effect("channel:3", {**SPENT_V2, "cost": 11025}),
    ],
    CREDITED: [Effect("user:1", {"credited": 1000})],
    CREDITED_V2: [
        Effect("user:1", {"credited": 1000, "lots": 1}),
        Effect("lot:1:gift-0-0123456789ab", {"credited": 1000, "opened_us": 1763784000000008}),
    ],
    REDEEMED: [
        Effect("user:1", {"credited": 1000}),
        Effect("code:4", {"spent": 1000, "requests": 1}),
    ],
    GRANTED: [Effect("user:1", {"credited": 1000})],
    TAKEN_BACK: [Effect("user:1", {"clawed_back": 1000})],
    GIVEN_BACK: [
        Effect(account, {"refunded": 5000}) for account in ("user:1", "key:7", "channel:3")
    ],
}


@pytest.mark.parametrize("raw", WHAT_THEY_DO, ids=lambda raw: orjson.loads(raw)["type"])
def test_old_events_mean_what_they_meant(raw):
    event = orjson.loads(raw)
    assert canonical(event) == raw
    assert chain_hash(GENESIS, event) == hashlib.sha256(GENESIS.encode() + raw).hexdigest()
    Schemas().check_stored(event)
    assert effects(event) == WHAT_THEY_DO[raw]


@pytest.mark.parametrize("raw", [CHARGED, CHARGED_V2], ids=["v1", "v2"])
def test_no_old_charge_holds_what_a_later_version_brought(raw):
    event = orjson.loads(raw)
    report = Report()
    EventCheck(report).check(event)
    assert not report.faults
    for name in ("cache_write_1h", "web_searches", "file_searches"):
        body = {**event["body"], "usage": {**event["body"]["usage"], name: 0}}
        report = Report()
        EventCheck(report).check({**event, "body": body})
        assert [fault.kind for fault in report.faults] == ["event invalid"]


def test_old_charges_had_neither_costs_nor_lots():
    event = orjson.loads(CHARGED)
    assert fault(event) is None and lot_fault(event) is None
    assert by_channel(event["body"]) == {}
    assert without_costs(event) == event
