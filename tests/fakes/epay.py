"""A payment site of EPay's protocol (易支付): strict about what it is sent.

Its signature is computed here on its own, not with the product's code.
"""

import hashlib
from typing import Any

import httpx
from tornado.web import RequestHandler

from tests.fakes.serving import Served

WANTED = {"pid", "type", "out_trade_no", "notify_url", "return_url", "name", "money"}


class EpaySite(Served):
    """Takes orders at submit.php; `pay` and `close` send notices as such sites do."""

    def __init__(self, pid: str, key: str) -> None:
        super().__init__(_Submit, r"/submit\.php")
        self.pid, self.key = pid, key
        self.orders: dict[str, dict[str, str]] = {}

    def sign(self, fields: dict[str, str]) -> str:
        """Sign as the protocol's page says: sorted, joined, the key behind."""
        kept = {k: v for k, v in fields.items() if k not in ("sign", "sign_type") and v != ""}
        joined = "&".join(f"{k}={kept[k]}" for k in sorted(kept))
        return hashlib.md5((joined + self.key).encode()).hexdigest()

    def notice(self, order: str, status: str = "TRADE_SUCCESS", **changed: str) -> dict[str, str]:
        """Write a signed notice of an order."""
        taken = self.orders[order]
        fields = {
            "pid": self.pid,
            "trade_no": f"2026{order[-12:]}",
            "out_trade_no": order,
            "type": taken["type"],
            "name": taken["name"],
            "money": taken["money"],
            "trade_status": status,
            "param": "",
            **changed,
        }
        return {**fields, "sign": self.sign(fields), "sign_type": "MD5"}

    async def tell(self, url: str, fields: dict[str, str], method: str = "GET") -> str:
        """Send a notice and return the answer's text."""
        named: dict[str, Any] = {"params": fields} if method == "GET" else {"data": fields}
        async with httpx.AsyncClient(timeout=60, verify=False) as client:
            answer = await client.request(method, url, **named)
        assert answer.headers["content-type"].startswith("text/plain"), answer.text
        return answer.text


class _Submit(RequestHandler):
    def initialize(self, fake: EpaySite) -> None:
        self.fake = fake

    def get(self) -> None:
        """Take an order whose parameters are complete and signed."""
        fields = {name: values[0].decode() for name, values in self.request.arguments.items()}
        named = fields.keys() - {"sign", "sign_type"}
        wrong = named != WANTED or fields["pid"] != self.fake.pid
        if wrong or fields["sign_type"] != "MD5" or fields["sign"] != self.fake.sign(fields):
            self.set_status(403)
            self.finish("签名校验失败")
            return
        self.fake.orders.setdefault(fields["out_trade_no"], fields)
        self.finish("please pay")
