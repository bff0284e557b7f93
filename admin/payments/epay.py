"""EPay (易支付): a page to pay at, and notices of what was paid.

The protocol is that of the many sites of this kind: a page `submit.php` that takes signed
parameters, and a notice that repeats them with `trade_no` and `trade_status`. Its signature is MD5
over the parameters, sorted by name, with the key behind them. That is weak by today's measure and
can't be chosen otherwise: it is why whatever a notice says is compared with an order made here
before. Amounts are in yuan.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from admin.payments.amounts import canonical

CURRENCY = "CNY"
PAID, CLOSED = "TRADE_SUCCESS", "TRADE_CLOSED"
_UNSIGNED = ("sign", "sign_type")
MAX_FIELDS = 30
_SIGN = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MONEY = re.compile(r"\d{1,10}(?:\.\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """An account at an EPay site: its address, the merchant's id (`pid`) and key."""

    address: str
    pid: str
    key: str

    @property
    def usable(self) -> bool:
        """Whether all of it is set; an empty key would sign for anyone."""
        return bool(self.address and self.pid and self.key)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says."""

    order: str
    trade: str
    amount: str
    status: str


def sign(fields: Mapping[str, str], key: str) -> str:
    """Return the signature of parameters: those that are empty are left out."""
    signed = [
        f"{name}={value}"
        for name, value in sorted(fields.items())
        if value != "" and name not in _UNSIGNED
    ]
    text = "&".join(signed) + key
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def pay_url(account: Account, fields: Mapping[str, str]) -> str:
    """Return where an order is paid."""
    named = {"pid": account.pid, **fields}
    signed = {**named, "sign": sign(named, account.key), "sign_type": "MD5"}
    page = account.address.removesuffix("/submit.php")
    return f"{page}/submit.php?{urlencode(signed)}"


def read(account: Account, fields: Mapping[str, str]) -> Notice:
    """Read a notice whose signature is good. Raises ValueError saying what is wrong with it."""
    given = fields.get("sign", "")
    if fields.get("sign_type", "MD5").upper() != "MD5" or len(fields) > MAX_FIELDS:
        raise ValueError("it is not signed with MD5, or has too many fields")
    if _SIGN.fullmatch(given) is None or not hmac.compare_digest(sign(fields, account.key), given):
        raise ValueError("its signature is not that of this merchant's key")
    if fields.get("pid") != account.pid:
        raise ValueError("it is for another merchant (pid)")
    money = fields.get("money", "")
    if _MONEY.fullmatch(money) is None:
        raise ValueError("money is not an amount in yuan")
    return Notice(
        order=fields.get("out_trade_no", "")[:60],
        trade=fields.get("trade_no", "")[:100],
        amount=canonical(money),
        status=fields.get("trade_status", "")[:40],
    )
