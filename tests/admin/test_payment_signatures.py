"""The signature of webhooks, and the arithmetic of amounts, as properties."""

from decimal import ROUND_FLOOR, Context
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.payments import epay
from admin.payments.amounts import amount_for, canonical, from_units, to_units
from admin.payments.signatures import TOLERANCE_S, BadSignature, check, signature
from ledger.paid import credit_nano

SECRET = "a-secret-of-sixteen"
CURRENCIES = st.sampled_from(["USD", "CNY", "JPY", "KWD", "ISK", "UGX", "USDT"])
RATES = st.sampled_from(["1", "0.14", "0.0066", "3.26", "0.0000001", "1.000000000000000001"])
AMOUNTS = st.integers(1, 10**15).map(lambda n: f"{n // 10**6}.{n % 10**6:06d}")


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200), at=st.integers(1, 4 * 10**9), data=st.data())
def test_any_changed_byte_is_refused(body: bytes, at: int, data: st.DataObject) -> None:
    header = f"t={at},v1={signature(SECRET, str(at), body)}"
    check(header, body, ["", "another-secret-of-16", SECRET], at)
    message = header.encode() + b"\n" + body
    place = data.draw(st.integers(0, len(message) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != message[place]))
    changed = message[:place] + bytes([byte]) + message[place + 1 :]
    first, rest = changed[: len(header)], changed[len(header) + 1 :]
    if place == len(header):  # the line between them is of this test only
        return
    with pytest.raises(BadSignature):
        check(first.decode("latin-1"), rest, [SECRET], at)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120) | st.none(), st.binary(max_size=20))
def test_no_header_that_was_not_made_with_the_secret_passes(
    header: str | None, body: bytes
) -> None:
    with pytest.raises(BadSignature):
        check(header, body, [SECRET], 1_700_000_000)


@pytest.mark.parametrize("seconds", [TOLERANCE_S + 1, -TOLERANCE_S - 1, 10**9])
def test_old_and_future_notices_are_refused(seconds: int) -> None:
    at = 1_700_000_000
    header = f"t={at},v1={signature(SECRET, str(at), b'{}')}"
    check(header, b"{}", [SECRET], at + TOLERANCE_S)
    check(f"{header},v1={'0' * 64}", b"{}", [SECRET], at - TOLERANCE_S)
    with pytest.raises(BadSignature, match="300 s"):
        check(header, b"{}", [SECRET], at + seconds)
    for secrets in ([], [""]):
        with pytest.raises(BadSignature):
            check(f"t={at},v1={signature('', str(at), b'{}')}", b"{}", secrets, at)
    for twice in (f"{header},t={at}", f"{header},v1=", header.upper(), f"v1={'0' * 64}"):
        with pytest.raises(BadSignature):
            check(twice, b"{}", [SECRET], at)


@given(AMOUNTS, RATES)
def test_credit_is_the_exact_product_rounded_down(amount: str, rate: str) -> None:
    exact = Context(prec=60, rounding=ROUND_FLOOR)
    product = exact.multiply(exact.create_decimal(amount), exact.create_decimal(rate))
    nano = int(exact.scaleb(product, 9).to_integral_value(ROUND_FLOOR))
    if nano:
        assert credit_nano(canonical(amount), rate) == nano
    else:
        with pytest.raises(ValueError, match="worth nothing"):
            credit_nano(canonical(amount), rate)


@given(st.integers(10**6, 10**13), RATES.filter(lambda rate: rate > "0.001"), CURRENCIES)
def test_what_is_asked_for_costs_the_least_that_covers_it(
    nano: int, rate: str, currency: str
) -> None:
    amount = amount_for(nano, rate, currency)
    assert canonical(amount) == amount and credit_nano(amount, rate) >= nano
    units = to_units(amount, currency)
    assert from_units(units, currency) == amount
    step = {"ISK": 100, "UGX": 100, "KWD": 10}.get(currency, 1)
    assert units % step == 0
    if units > step:
        less = from_units(units - step, currency)
        assert Fraction(less) * Fraction(rate) * 10**9 < nano


ACCOUNT = epay.Account("https://pay.example", "1001", "epay-key-0123456789")


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.data())
def test_a_changed_notice_of_epay_is_refused(more: dict[str, str], data: st.DataObject) -> None:
    fields = {
        **more,
        "pid": "1001",
        "money": "1.50",
        "out_trade_no": "tg1",
        "trade_no": "2",
        "trade_status": "TRADE_SUCCESS",
    }
    fields = {k: v for k, v in fields.items() if k not in ("sign", "sign_type") and k.isalnum()}
    signed = {**fields, "sign": epay.sign(fields, ACCOUNT.key), "sign_type": "MD5"}
    assert epay.read(ACCOUNT, signed).amount == "1.5"
    name = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(st.text(max_size=8).filter(lambda text: text != fields[name]))
    with pytest.raises(ValueError):
        epay.read(ACCOUNT, {**signed, name: value})
