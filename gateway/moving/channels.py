"""Channels, as the directory stores them, under the ids that they had."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.directory import channel_config, checks, overrides
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import (
    STATUS_AUTO_DISABLED,
    STATUS_DISABLED,
    STATUS_ENABLED,
    Channels,
)
from gateway.directory.documents import Document
from gateway.directory.errors import Invalid
from gateway.directory.proxies import shown_proxy
from gateway.directory.upstream_secrets import checked_secret
from gateway.directory.vault import Vault
from gateway.directory.vendor import Vendor
from gateway.moving.report import Report
from gateway.moving.source import NEW_API, Row
from gateway.moving.values import text, whole

BEDROCK = 33
#: new-api numbers vendors in its own way where One API had not come yet; -1: there is none here.
_TYPES_OF_NEW_API: Mapping[int, int] = {
    2: -1,  # Midjourney
    4: 30,
    5: -1,  # Midjourney
    26: 16,
    27: 1002,
    34: 35,
    35: 27,
    36: -1,  # Suno
    37: 1037,
    38: 1001,
    39: 37,
    40: 44,
    41: 42,
    42: 28,
    43: 36,
    44: -1,  # MokaAI
    45: 40,
    46: 47,
    47: 1005,
    48: 45,
    49: 34,
    **dict.fromkeys(range(50, 56), -1),  # videos
    56: 46,
}
_LAST_TYPE_OF_NEW_API = 56
#: Where new-api's address is not ours.
_BASES_OF_NEW_API: Mapping[int, str] = {49: "https://api.coze.cn"}
#: What the column `other` means, by our type.
_OTHER: Mapping[int, str] = {
    3: "api_version",
    17: "plugin",
    18: "api_version",
    21: "library_id",
    24: "api_version",
    37: "account_id",
    42: "region",
}
#: Our fields, and the columns that they come from.
_TEXTS = {
    "name": "name",
    "base_url": "base_url",
    "models": "models",
    "groups": "group",
    "model_mapping": "model_mapping",
    "system_prompt": "system_prompt",
    "tag": "tag",
    "test_model": "test_model",
    "param_override": "param_override",
    "header_override": "header_override",
}
_NUMBERS = {
    "weight": "weight",
    "priority": "priority",
    "test_s": "test_time",
    "response_ms": "response_time",
    "balance_s": "balance_updated_time",
}
_NOT_KNOWN_HERE = ("openai_organization", "status_code_mapping", "settings")


class ChannelReader:
    """Reads channels. What is not accepted here is left away, and the channel comes disabled."""

    def __init__(self, kind: str, catalogue: Catalogue, vault: Vault, report: Report) -> None:
        self._kind = kind
        self._catalogue = catalogue
        self._vault = vault
        self._report = report

    def read(self, row: Row) -> Document | None:
        """Turn a row into a channel; None, and a line, for a type that is not known here."""
        what = f"channel {whole(row['id'])} ({text(row.get('name'))[:60]})"
        vendor = self._catalogue.find(self._type(whole(row.get("type"))))
        if vendor is None:
            self._report.leave(what, f"type {row.get('type')} of {self._kind} is not known here")
            return None
        if vendor.retired:
            self._report.note(f"{what}: {vendor.retired['en']}")
        wrong: list[str] = []
        doc = self._fields(row, wrong)
        doc |= self._config(row, vendor, doc, wrong)
        doc["secret_enc"] = self._secret(row, vendor, wrong)
        doc["type"] = vendor.id
        if not doc["base_url"] and self._kind == NEW_API:
            doc["base_url"] = _BASES_OF_NEW_API.get(whole(row.get("type")), "")
        if not doc["base_url"] and vendor.needs_base_url:
            wrong.append("base_url: must be given")
        doc["status"] = self._status(row, what, wrong)
        for name in _NOT_KNOWN_HERE:
            if text(row.get(name)).strip() not in ("", "{}"):
                self._report.leave(f"{what}, {name}", "is not known here")
        return doc

    def _type(self, number: int) -> int:
        if self._kind != NEW_API:
            return number
        return _TYPES_OF_NEW_API.get(number, number) if number <= _LAST_TYPE_OF_NEW_API else -1

    def _fields(self, row: Row, wrong: list[str]) -> Document:
        sent = {name: text(row.get(column)) for name, column in _TEXTS.items()}
        numbers = {name: whole(row.get(column)) for name, column in _NUMBERS.items()}
        doc: Document = {
            **_EMPTY,
            "_id": whole(row["id"]),
            "created_s": whole(row.get("created_time")),
            "deleted": False,
            "other": text(row.get("other"))[:2_000],
            "balance": _balance(row.get("balance")),
        }
        proxy = _proxy_of(text(row.get("setting")))
        given = {name: value for name, value in sent.items() if value or name == "groups"}
        for name, value in {**given, **numbers, **({"proxy": proxy} if proxy else {})}.items():
            try:
                doc |= checks.clean(Channels.checks, {name: value})
            except Invalid as error:
                wrong.append(str(error))
        if doc.get("proxy"):
            doc |= {
                "proxy": shown_proxy(doc["proxy"]),
                "proxy_enc": self._vault.encrypt(doc["proxy"]),
            }
        return doc

    def _config(
        self, row: Row, vendor: Vendor, doc: Document, wrong: list[str]
    ) -> Mapping[str, str]:
        try:
            sent = checks.parsed(checks.json_object(65_536)(text(row.get("config"))))
            sent = {name: value for name, value in sent.items() if value not in ("", None)}
            other = text(row.get("other")).strip()
            if not sent and other and not other.startswith("{") and vendor.id in _OTHER:
                sent = {_OTHER[vendor.id]: other}
            parts = text(row.get("key")).strip().split("|")
            if vendor.id == BEDROCK and "ak" not in sent and len(parts) == 3:
                sent |= dict(zip(("ak", "sk", "region"), parts, strict=True))
            overrides.refuse_foreign_auth(vendor, doc.get("header_override", ""))
            return channel_config.sealed(vendor, doc["base_url"], sent, {}, self._vault)
        except (Invalid, ValueError) as error:
            wrong.append(str(error))
            return {}

    def _secret(self, row: Row, vendor: Vendor, wrong: list[str]) -> str:
        try:
            secret = checked_secret(text(row.get("key")), vendor)
        except Invalid as error:
            wrong.append(str(error))
            return ""
        return self._vault.encrypt(secret) if secret else ""

    def _status(self, row: Row, what: str, wrong: list[str]) -> int:
        if wrong:
            self._report.note(f"{what}: comes disabled, without {'; '.join(wrong)}")
            return STATUS_DISABLED
        status = whole(row.get("status"))
        known = (STATUS_ENABLED, STATUS_DISABLED, STATUS_AUTO_DISABLED)
        return status if status in known else STATUS_DISABLED


_EMPTY: Mapping[str, Any] = {
    "name": "",
    "base_url": "",
    "models": [],
    "groups": ["default"],
    "model_mapping": "{}",
    "config": "{}",
    "tag": "",
    "system_prompt": "",
    "cost_ratio": "",
    "cost_prices": "[]",
    "balance_currency": "",
}


def _balance(value: Any) -> str:
    try:
        checked: str = checks.decimal_text(text(value) or "0")
        return checked
    except ValueError:
        return "0"


def _proxy_of(setting: str) -> str:
    """new-api keeps a channel's proxy in a JSON object of settings."""
    try:
        found = json.loads(setting) if setting.strip() else {}
    except ValueError:
        return ""
    return text(found.get("proxy")) if isinstance(found, dict) else ""
