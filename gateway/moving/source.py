"""The database of a system of the One API family, as rows; it is only ever read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.moving.connect import Connection, SourceError, connected

Row = dict[str, Any]

ONE_API, NEW_API = "One API", "new-api"
TABLES = ("users", "tokens", "channels", "redemptions", "options")
#: Columns that only new-api has, by table. One is enough to know it.
_NEW_API_MARKS = {
    "tokens": {"model_limits_enabled", "model_limits", "allow_ips"},
    "users": {"aff_quota", "linux_do_id"},
    "channels": {"auto_ban", "channel_info"},
}


@dataclass(frozen=True, slots=True)
class Source:
    """What was read. `id` tells this database from others, `name` is how people are told of it.

    `columns` are those that each table has there; a table that is missing has none and no rows.
    """

    id: str
    name: str
    kind: str
    tables: dict[str, list[Row]]
    columns: dict[str, frozenset[str]]


def read_source(location: str) -> Source:
    """Read the tables in one transaction. Raises SourceError."""
    with connected(location) as connection:
        return _read(connection)


def _read(connection: Connection) -> Source:
    tables: dict[str, list[Row]] = {}
    columns: dict[str, frozenset[str]] = {}
    present = connection.tables()
    for table in TABLES:
        if table not in present:
            tables[table], columns[table] = [], frozenset()
            continue
        order = connection.quoted("key" if table == "options" else "id")
        found = connection.rows(f"SELECT * FROM {connection.quoted(table)} ORDER BY {order}")
        names = connection.columns()
        tables[table] = [dict(zip(names, row, strict=True)) for row in found]
        columns[table] = frozenset(names)
    _refuse_foreign(columns, connection.name)
    is_new = any(marks & columns[table] for table, marks in _NEW_API_MARKS.items())
    identity = hashlib.sha256(connection.name.encode()).hexdigest()[:12]
    kind = NEW_API if is_new else ONE_API
    return Source(identity, connection.name, kind, tables, columns)


def _refuse_foreign(columns: dict[str, frozenset[str]], name: str) -> None:
    needed = {"users": {"id", "username", "password", "quota"}, "tokens": {"id", "user_id", "key"}}
    for table, names in needed.items():
        missing = names - columns[table]
        if missing:
            what = ", ".join(sorted(missing))
            raise SourceError(f"{name} is not of One API or new-api: {table} lacks {what}")


def unknown_columns(source: Source, known: dict[str, Sequence[str]]) -> list[str]:
    """Return the columns that are there and that nobody here knows, as table.column."""
    return [
        f"{table}.{column}"
        for table in TABLES
        for column in sorted(source.columns[table] - set(known[table]))
    ]


def missing_columns(source: Source, common: dict[str, Sequence[str]]) -> list[str]:
    """Return what of these is not there: "table x" or "column x.y"."""
    missing = [f"table {table}" for table in TABLES if not source.columns[table]]
    for table in TABLES:
        if source.columns[table]:
            absent = [name for name in common[table] if name not in source.columns[table]]
            missing += [f"column {table}.{name}" for name in absent]
    return missing
