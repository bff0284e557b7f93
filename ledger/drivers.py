"""The two drivers, and the few places where they differ.

Owns how a client is made. Promises one set of options for both: majority and journaled writes,
reads from the primary, bounded waits. Refuses a driver that it does not know.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from bson.json_util import RELAXED_JSON_OPTIONS, dumps, object_hook
from pymongo import IndexModel

from ledger.errors import StoreRefused
from ledger.indexes import Index

# A socket may stay silent this many times longer than it may take to find a server: long enough
# for a heavy aggregation, short enough to notice a network that swallows packets.
_SOCKET_PATIENCE = 6


def _motor(url: str, options: Mapping[str, Any]) -> Any:
    from motor.motor_asyncio import AsyncIOMotorClient

    return AsyncIOMotorClient(url, **options)


def _pymongo(url: str, options: Mapping[str, Any]) -> Any:
    from pymongo import AsyncMongoClient

    return AsyncMongoClient(url, **options)


_CLIENTS: Mapping[str, Callable[[str, Mapping[str, Any]], Any]] = {
    "motor": _motor,
    "pymongo": _pymongo,
}


def make_client(driver: str, url: str, timeout_s: float) -> Any:
    """Make a client bound to the running loop. Raises StoreRefused for an unknown driver."""
    make = _CLIENTS.get(driver)
    if make is None:
        raise StoreRefused(f"unknown driver {driver!r}; choose {' or '.join(_CLIENTS)}")
    timeout_ms = max(1, round(timeout_s * 1000))
    options = {
        "appname": "tollgate",
        "w": "majority",
        "journal": True,
        "wTimeoutMS": timeout_ms * _SOCKET_PATIENCE // 2,
        "retryWrites": True,
        "readPreference": "primary",
        "tz_aware": True,
        "serverSelectionTimeoutMS": timeout_ms,
        "connectTimeoutMS": timeout_ms,
        "socketTimeoutMS": timeout_ms * _SOCKET_PATIENCE,
    }
    return make(url, options)


async def close_client(client: Any) -> None:
    """Close a client's connections; it says goodbye to the server first.

    Motor would wait for the server's answer on the event loop, so that call goes to a thread.
    """
    if inspect.iscoroutinefunction(client.close):
        await client.close()
    else:
        await asyncio.to_thread(client.delegate.close)


async def settled(value: Any) -> Any:
    """Return what `value` leads to: one driver returns cursors at once, the other to be awaited."""
    return await value if inspect.isawaitable(value) else value


def index_model(index: Index) -> IndexModel:
    """Say an index in the driver's words."""
    options: dict[str, Any] = {"name": index.name, "unique": index.unique}
    if index.partial is not None:
        options["partialFilterExpression"] = dict(index.partial)
    if index.ttl_s is not None:
        options["expireAfterSeconds"] = index.ttl_s
    return IndexModel(list(index.keys), **options)


def as_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """Say a stored document in JSON: what that has no word for becomes an object with a `$`."""
    said: dict[str, Any] = orjson.loads(dumps(document, json_options=RELAXED_JSON_OPTIONS))
    return said


def from_json(value: Any) -> Any:
    """Undo `as_json`."""
    if isinstance(value, list):
        return [from_json(each) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: from_json(each) for key, each in value.items()}
    if any(key.startswith("$") for key in inner):
        return object_hook(inner, RELAXED_JSON_OPTIONS)
    return inner
