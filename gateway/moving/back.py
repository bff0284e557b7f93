"""The way back: users and keys with their balances, in tables that One API takes as its own."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.directory.documents import Document
from gateway.directory.keys import STATUS_DISABLED
from gateway.directory.vault import Vault
from ledger.balances import exact_balances
from ledger.money import NANO_PER_QUOTA, quota_floor
from ledger.store import Store

_AT_ONCE = 500
_TABLES = """
CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`username` text UNIQUE,`password` text
 NOT NULL,`display_name` text,`role` int DEFAULT 1,`status` int DEFAULT 1,`email` text,`github_id`
 text,`wechat_id` text,`lark_id` text,`oidc_id` text,`access_token` char(32),`quota` bigint DEFAULT
 0,`used_quota` bigint DEFAULT 0,`request_count` int DEFAULT 0,`group` varchar(32) DEFAULT
 "default",`aff_code` varchar(32),`inviter_id` int);
CREATE TABLE `tokens` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(48)
 UNIQUE,`status` integer DEFAULT 1,`name` text,`created_time` bigint,`accessed_time` bigint,
 `expired_time` bigint DEFAULT -1,`remain_quota` bigint DEFAULT 0,`unlimited_quota` numeric DEFAULT
 false,`used_quota` bigint DEFAULT 0,`models` text,`subnet` text DEFAULT "");
"""
#: What keys have here and One API's have not.
_NOT_THERE = ("rpm", "tpm", "concurrency", "budgets", "group")


@dataclass(slots=True)
class Back:
    """What was written. `rest_nano` are the parts of a quota, in nano-dollars: One API has none."""

    users: int = 0
    keys: int = 0
    quota: int = 0
    rest_nano: int = 0
    limited: int = 0

    def taken(self, balance_nano: int) -> int:
        """Turn a balance into quota, rounded down, and note what was lost."""
        quota = quota_floor(balance_nano)
        self.rest_nano += balance_nano - quota * NANO_PER_QUOTA
        return quota


async def write_back(store: Store, vault: Vault, path: Path) -> Back:
    """Write a new SQLite file, which only its owner may read: it holds the keys' texts. Raises
    FileExistsError, SecretsLocked."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(_TABLES)
            return await _written(store, vault, connection)
    except BaseException:
        await asyncio.to_thread(path.unlink)
        raise


async def _written(store: Store, vault: Vault, connection: sqlite3.Connection) -> Back:
    back = Back()
    async with aclosing(_with_balances(store, "users")) as users:
        async for user, nano in users:
            quota = back.taken(nano)
            back.users, back.quota = back.users + 1, back.quota + quota
            _insert(connection, "users", _user(user, quota))
    async with aclosing(_with_balances(store, "keys")) as keys:
        async for key, nano in keys:
            if key.get("deleted"):  # One API deletes the row
                continue
            back.keys += 1
            back.limited += any(key.get(name) for name in _NOT_THERE)
            quota = 0 if key.get("unlimited") else back.taken(nano)
            _insert(connection, "tokens", _key(key, vault, quota))
    return back


async def _with_balances(
    store: Store, collection: str
) -> AsyncGenerator[tuple[Document, int], None]:
    some: list[Document] = []
    found = store.find(collection, {}, sort=[("_id", 1)], batch_size=_AT_ONCE)
    async with aclosing(found):
        async for document in found:
            some.append(document)
            if len(some) == _AT_ONCE:
                for each in await _balances(store, collection, some):
                    yield each
                some = []
    for each in await _balances(store, collection, some):
        yield each


async def _balances(
    store: Store, collection: str, documents: Sequence[Document]
) -> list[tuple[Document, int]]:
    kind = collection.removesuffix("s")
    names = [f"{kind}:{document['_id']}" for document in documents]
    balances = await exact_balances(store, names)
    return [(document, balances[name]) for document, name in zip(documents, names, strict=True)]


def _user(user: Document, quota: int) -> Mapping[str, Any]:
    """A row of users. Access tokens are kept here as hashes only: people make new ones."""
    same = ("username", "display_name", "role", "status", "email", "group", "inviter_id")
    row = {name: user.get(name) for name in same}
    row |= {name: user.get(name) or "" for name in ("github_id", "wechat_id", "lark_id", "oidc_id")}
    return {
        **row,
        "id": user["_id"],
        "password": user.get("password_hash") or "",
        "aff_code": user.get("aff_code") or None,
        "quota": quota,
    }


def _key(key: Document, vault: Vault, quota: int) -> Mapping[str, Any]:
    models = key.get("models")
    none = models is not None and not models  # there, no models are all models
    return {
        "id": key["_id"],
        "user_id": key["user_id"],
        "key": vault.decrypt(key["secret_enc"]),
        "status": STATUS_DISABLED if none else key["status"],
        "name": key["name"],
        "created_time": key["created_s"],
        "accessed_time": key["accessed_s"],
        "expired_time": key["expired_s"],
        "remain_quota": quota,
        "unlimited_quota": bool(key.get("unlimited")),
        "models": ",".join(sorted(models)) if models is not None else "",
        "subnet": ",".join(key.get("subnets") or ()),
    }


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    names = ", ".join(f"`{name}`" for name in row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])
