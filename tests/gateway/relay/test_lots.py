"""Lots on the wire: a charge says what it took from which lot."""

import uuid
from typing import Any

import pytest

from ledger import accounts
from ledger.events import Draft
from ledger.lot_names import body_of
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK, COST

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def credit(gate: Gate, account: str, nano: int, source: str | None = None) -> str | None:
    reference = uuid.uuid4().hex
    event_id = f"recharge:test:{reference}"
    body: dict[str, Any] = {"provider": "test", "reference": reference}
    if source is not None:
        body["lot"] = body_of(event_id, source, None)
    draft = Draft(event_id, "recharge.credited", account, nano, "user:1", body)
    await gate.books.record(draft)
    return f"lot:{account[5:]}:{body['lot']['id']}" if source else None


@pytest.mark.parametrize("stream", [False, True])
async def test_gifts_go_first(gate: Gate, stream: bool) -> None:
    directory = gate.running.directory
    user = await directory.users.create(f"u{uuid.uuid4().hex[:8]}", "password-1")
    _, secret = await directory.keys.create(user.id, {"unlimited": True})
    await credit(gate, user.account, 10**9)
    gift = await credit(gate, user.account, COST + 10_000, "gift")
    assert gift is not None
    ask = {**ASK, "stream": stream, "max_tokens": 20}
    first = await gate.charge_of(await gate.post(secret, ask))
    second = await gate.charge_of(await gate.post(secret, ask))
    third = await gate.charge_of(await gate.post(secret, ask))
    assert first["body"]["lots"] == [[gift, COST]]
    assert second["body"]["lots"] == [[gift, 10_000]]
    assert "lots" not in third["body"]
    await gate.books.settled()
    lot = await accounts.read(gate.books.store, gift)
    assert accounts.balance_nano(lot) == 0 and lot["consumed"] == COST + 10_000
    assert await gate.balance(user.account) == 10**9 + 10_000 - 2 * COST
