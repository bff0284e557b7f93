"""Channels: one upstream account each.

The upstream key is encrypted and can be written but never read from outside; several of them are
kept one on each line. Free-form objects (model mapping, config) are stored as JSON text: their
names may contain dots and dollars.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from gateway.directory import channel_config, checks, limit_tables, overrides
from gateway.directory.catalogue import Catalogue
from gateway.directory.checks import Check
from gateway.directory.documents import Document, Documents
from gateway.directory.errors import Invalid, NotFound, NotNow
from gateway.directory.proxies import checked_proxy, shown_proxy
from gateway.directory.upstream_secrets import MOST_KEYS, checked_secret
from gateway.directory.vault import Vault
from gateway.directory.vendor import Vendor
from ledger.costs import CostSheet, checked_ratio
from ledger.store import Store

STATUS_ENABLED, STATUS_DISABLED, STATUS_AUTO_DISABLED = 1, 2, 3

KIND_AUTO = "auto"
#: What a test of a channel may ask for; "auto" goes by the model's name.
TEST_KINDS = (
    KIND_AUTO,
    "chat",
    "embeddings",
    "images",
    "speech",
    "transcription",
    "rerank",
    "moderation",
)

MOST_AT_ONCE = MOST_KEYS


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as stored. Times ending in _s are unix seconds, response_ms milliseconds.

    `weight` is its share among the channels of one priority, and 0 counts as 1; `balance` is a
    decimal text in `balance_currency` ("" where the vendor names none), as of `balance_s`. A test
    asks `test_model` ("" for the usual one) for what `test_kind` says. `proxy` is shown without its
    password, `timeouts` (seconds) and the overrides are as in overrides.py; `patch_bytes` is the
    size of what is patched into bodies. `cost_ratio` (decimal
    text, or "") and `cost_prices` (rows as in the price book) say what its upstream costs us;
    `costs` is both, ready for use, or None when nothing is known. `rpm`, `tpm` and `concurrency`
    are limits (see limit_tables.py); a channel that is at one is passed over. `tag` is what the
    operator calls a set of channels by, "" for none. `config` has marks
    in the place of secrets (see channel_config.py).
    """

    id: int
    type: int
    name: str = ""
    secret_enc: str = field(repr=False, default="")
    status: int = STATUS_ENABLED
    weight: int = 0
    priority: int = 0
    base_url: str = ""
    models: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("default",)
    model_mapping: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(repr=False, default_factory=dict)
    config_enc: str = field(repr=False, default="")
    other: str = ""
    tag: str = ""
    system_prompt: str = field(repr=False, default="")
    created_s: int = 0
    test_s: int = 0
    response_ms: int = 0
    balance: str = "0"
    balance_s: int = 0
    balance_currency: str = ""
    test_model: str = ""
    test_kind: str = KIND_AUTO
    test_stream: bool = False
    proxy: str = ""
    proxy_enc: str = field(repr=False, default="")
    timeouts: Mapping[str, int] = field(default_factory=dict)
    param_override: Mapping[str, Any] = field(default_factory=dict)
    header_override: Mapping[str, str] = field(default_factory=dict)
    patch_bytes: int = 0
    cost_ratio: str = ""
    cost_prices: tuple[Mapping[str, Any], ...] = ()
    costs: CostSheet | None = field(repr=False, compare=False, default=None)
    rpm: int = 0
    tpm: int = 0
    concurrency: int = 0
    deleted: bool = False
    changed_us: int = 0

    @property
    def account(self) -> str:
        """The channel's account in the books."""
        return f"channel:{self.id}"

    @property
    def is_enabled(self) -> bool:
        """Whether requests may be sent through it."""
        return self.status == STATUS_ENABLED and not self.deleted

    def upstream_model(self, model: str) -> str:
        """Return the name by which the upstream knows a model."""
        return self.model_mapping.get(model, model)


_OBJECTS = ("model_mapping", "config", "timeouts", "param_override", "header_override")
_PARSED = ("models", "groups", *_OBJECTS, "patch_bytes", "cost_prices", "costs")
_OF_THE_VENDOR = {"type", "base_url", "header_override", "config", "system_prompt"}
_FIELDS = [f.name for f in fields(Channel) if f.name != "id" and f.name not in _PARSED]


class Channels(Documents[Channel]):
    """The channels."""

    kind = "channel"
    collection = "channels"
    orders: ClassVar[Mapping[str, str]] = {
        "id": "_id",
        "priority": "priority",
        "response_time": "response_ms",
    }
    searched = ("name",)
    filtered = ("status", "type", "groups", "models", "tag")
    checks: ClassVar[Mapping[str, Check]] = {
        "type": checks.integer(1, checks.INT32_MAX),
        "name": checks.text(100),
        "status": checks.one_of((STATUS_ENABLED, STATUS_DISABLED, STATUS_AUTO_DISABLED)),
        "weight": checks.integer(0, 1_000_000),
        "priority": checks.integer(-checks.INT32_MAX, checks.INT32_MAX),
        "base_url": checks.web_address(500),
        "models": checks.names(200, most=2_000),
        "groups": checks.names(32, most=100, shortest=1),
        "model_mapping": checks.string_map(65_536),
        "config": checks.json_object(65_536),
        "other": checks.text(2_000),
        "tag": checks.text(60),
        "system_prompt": checks.text(65_536, lines=True),
        "test_s": checks.integer(0, checks.INT63_MAX),
        "response_ms": checks.integer(0, checks.INT32_MAX),
        "cost_ratio": checks.or_invalid(checked_ratio),
        "cost_prices": checks.price_rows(65_536),
        "balance": checks.decimal_text,
        "balance_s": checks.integer(0, checks.INT63_MAX),
        **limit_tables.CHECKS,
        "balance_currency": checks.text(20, spaces=False),
        "test_model": checks.text(200),
        "test_kind": checks.one_of(TEST_KINDS),
        "test_stream": checks.boolean,
        "proxy": checked_proxy,
        "timeouts": overrides.timeouts,
        "param_override": overrides.params,
        "header_override": overrides.headers,
    }

    def __init__(
        self,
        store: Store,
        applied: Callable[[Channel], None],
        vault: Vault,
        catalogue: Catalogue,
    ) -> None:
        super().__init__(store, applied)
        self._vault = vault
        self._catalogue = catalogue

    @staticmethod
    def read(doc: Document) -> Channel:
        """Turn a stored document into a channel."""
        ratio, rows = doc.get("cost_ratio") or "", json.loads(doc.get("cost_prices") or "[]")
        return Channel(
            id=doc["_id"],
            models=tuple(doc.get("models") or ()),
            groups=tuple(doc.get("groups") or ()),
            cost_prices=tuple(rows),
            costs=CostSheet(ratio, rows) if ratio or rows else None,
            **{name: doc[name] for name in _FIELDS if name in doc},
            patch_bytes=len((doc.get("param_override") or "").encode()),
            **_objects(doc),
        )

    async def create(self, changes: Mapping[str, Any], secret: str = "") -> Channel:
        """Store one new channel with its upstream key or keys. Raises Invalid, Conflict."""
        return (await self.create_many(changes, [secret]))[0]

    async def create_many(
        self, changes: Mapping[str, Any], secrets: Sequence[str]
    ) -> list[Channel]:
        """Store one channel for each upstream key, alike in everything else.

        All keys are checked before anything is written. Raises Invalid.
        """
        if not 1 <= len(secrets) <= MOST_AT_ONCE:
            raise Invalid("key", f"must be 1 to {MOST_AT_ONCE} keys")
        if "type" not in changes:
            raise Invalid("type", "must not be missing")
        cleaned = checks.clean(self.checks, changes)
        vendor = self._vendor(cleaned["type"])
        _check_base_url(vendor, cleaned.get("base_url", ""))
        _check_system_prompt(vendor, cleaned.get("system_prompt", ""))
        overrides.refuse_foreign_auth(vendor, cleaned.get("header_override", ""))
        config = checks.parsed(cleaned.get("config", ""))
        base_url = cleaned.get("base_url", "")
        cleaned |= channel_config.sealed(vendor, base_url, config, {}, self._vault)
        cleaned |= self._sealed(cleaned)
        kept = [checked_secret(secret, vendor) for secret in secrets]
        return [await self._insert(self._stored(cleaned, secret)) for secret in kept]

    def _stored(self, cleaned: Document, secret: str) -> Document:
        return {
            "name": "",
            "status": STATUS_ENABLED,
            "weight": 0,
            "priority": 0,
            "base_url": "",
            "models": [],
            "groups": ["default"],
            "model_mapping": "{}",
            "config": "{}",
            "other": "",
            "tag": "",
            "system_prompt": "",
            "cost_ratio": "",
            "cost_prices": "[]",
            **cleaned,
            "secret_enc": self._vault.encrypt(secret) if secret else "",
            "test_s": 0,
            "response_ms": 0,
            "balance": "0",
            "balance_s": 0,
            "balance_currency": "",
        }

    async def update(
        self, object_id: int, changes: Mapping[str, Any], secret: str | None = None
    ) -> Channel:
        """Change the given fields, and the upstream key (or keys) unless None or "".

        Raises Invalid (nothing was changed), NotFound.
        """
        cleaned = checks.clean(self.checks, changes)
        cleaned |= self._sealed(cleaned)
        if secret or not _OF_THE_VENDOR.isdisjoint(cleaned):
            now = await self.get(object_id)
            vendor = self._vendor(cleaned.get("type", now.type))
            base_url = cleaned.get("base_url", now.base_url)
            _check_base_url(vendor, base_url)
            _check_system_prompt(vendor, cleaned.get("system_prompt", now.system_prompt))
            if not {"type", "base_url", "config"}.isdisjoint(cleaned):
                # Another type may not know which fields were secret: they are to be given anew.
                same = vendor.id == now.type
                before = self.config_of(now) if same else channel_config.without_secrets(now.config)
                sent = checks.parsed(cleaned["config"]) if "config" in cleaned else before
                cleaned |= channel_config.sealed(vendor, base_url, sent, before, self._vault)
            overrides.refuse_foreign_auth(
                vendor, cleaned.get("header_override", json.dumps(dict(now.header_override)))
            )
            if secret:
                cleaned["secret_enc"] = self._vault.encrypt(checked_secret(secret, vendor))
        return await self._change(object_id, cleaned)

    async def set_status(
        self, channel_id: int, status: int, *, expected: int, as_of: Channel | None = None
    ) -> Channel | None:
        """Change the status if it still is as expected; None when it is not, or it is gone.

        With `as_of`, only while nothing else about the channel changed since it was read either:
        so that what a machine decides never undoes what a person did meanwhile.
        """
        cleaned = checks.clean(self.checks, {"status": status})
        changed_us = await self._store.server_now_us()
        since = {} if as_of is None else {"changed_us": as_of.changed_us}
        doc = await self._store.find_one_and_update(
            self.collection,
            {"_id": channel_id, "deleted": False, "status": expected, **since},
            {"$set": cleaned, "$max": {"changed_us": changed_us}},
        )
        return self._tell(doc) if doc else None

    async def set_models(self, as_of: Channel, models: Sequence[str]) -> Channel:
        """Change the models of a channel that nobody changed since it was read.

        Raises Invalid, NotNow.
        """
        cleaned = checks.clean(self.checks, {"models": models})
        try:
            return await self._change(as_of.id, cleaned, changed_us=as_of.changed_us)
        except NotFound:
            raise NotNow(f"channel {as_of.id} was changed meanwhile; look again") from None

    async def note(self, channel_id: int, found: Mapping[str, Any], newer_than: str) -> bool:
        """Keep what a look at a channel found, unless a later look did so first.

        `newer_than` names the field of `found` with the time of the look. What is kept so is no
        change to the channel: `changed_us` stays, nothing is told to other processes, and what was
        decided as of the channel before holds. Raises Invalid, StoreError.
        """
        cleaned = checks.clean(self.checks, found)
        older = {newer_than: {"$lte": cleaned[newer_than]}}
        query = {"_id": channel_id, "deleted": False, **older}
        return bool(await self._store.update_one(self.collection, query, {"$set": cleaned}))

    async def delete_disabled(self) -> int:
        """Delete all channels that are not enabled; returns how many."""
        docs = await self._store.find_list(
            self.collection, {"deleted": False, "status": {"$ne": STATUS_ENABLED}}
        )
        for doc in docs:
            await self.delete(doc["_id"])
        return len(docs)

    async def all(self) -> list[Channel]:
        """Return every channel that is not deleted."""
        docs = await self._store.find_list(self.collection, {"deleted": False})
        return [self.read(doc) for doc in docs]

    def secret_of(self, channel: Channel) -> str:
        """Return the upstream key, or several, one on each line. Never for answers to anyone.

        Raises SecretsLocked.
        """
        return self._vault.decrypt(channel.secret_enc) if channel.secret_enc else ""

    def proxy_of(self, channel: Channel) -> str:
        """Return the address of the channel's proxy, "" for none. Never for answers to anyone.

        Raises SecretsLocked.
        """
        return self._vault.decrypt(channel.proxy_enc) if channel.proxy_enc else ""

    def config_of(self, channel: Channel) -> dict[str, Any]:
        """Return the config with its secrets. Never for answers to anyone. Raises SecretsLocked."""
        return channel_config.opened(channel.config, channel.config_enc, self._vault)

    def shown_config(self, type_id: int, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a config of a channel of a type as it may be shown: marks for secrets."""
        return channel_config.hidden(config, self._catalogue.find(type_id))

    def _sealed(self, cleaned: Document) -> Document:
        """Return what is stored of a proxy: the address, encrypted, and how it is shown."""
        if "proxy" not in cleaned:
            return {}
        address = cleaned["proxy"]
        sealed = self._vault.encrypt(address) if address else ""
        return {"proxy": shown_proxy(address), "proxy_enc": sealed}

    def _vendor(self, type_id: int) -> Vendor:
        vendor = self._catalogue.find(type_id)
        if vendor is None:
            raise Invalid("type", f"channel type {type_id} is not supported by this version")
        if vendor.retired:
            raise Invalid("type", vendor.retired["en"])
        return vendor


def _objects(doc: Document) -> dict[str, Any]:
    return {name: checks.parsed(doc.get(name) or "") for name in _OBJECTS}


def _check_system_prompt(vendor: Vendor, system_prompt: str) -> None:
    """Refuse one where it could not be sent: it would be lost without a word."""
    if system_prompt and not vendor.heeds_system:
        raise Invalid("system_prompt", f"must be empty: {vendor.name} takes only the last question")


def _check_base_url(vendor: Vendor, base_url: str) -> None:
    if not base_url and vendor.needs_base_url:
        raise Invalid("base_url", f"must be given for a channel of type {vendor.name}")
