"""The database of a system of the One API family, as rows; it is only ever read.

SQLite is read by Python itself; MySQL and PostgreSQL by the drivers of the extra `import`.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

Row = dict[str, Any]

ONE_API, NEW_API = "One API", "new-api"
TABLES = ("users", "tokens", "channels", "redemptions", "options")
#: Columns that only new-api has, by table. One is enough to know it.
_NEW_API_MARKS = {
    "tokens": {"model_limits_enabled", "model_limits", "allow_ips"},
    "users": {"aff_quota", "linux_do_id"},
    "channels": {"auto_ban", "channel_info"},
}
_SCHEMES = {"mysql": "mysql", "postgres": "postgres", "postgresql": "postgres"}


class SourceError(Exception):
    """The source cannot be read; the message is for the operator and holds no password."""


class Cursor(Protocol):
    """What is used of a driver."""

    @property
    def description(self) -> Any: ...
    def execute(self, statement: str, /) -> Any: ...
    def fetchall(self) -> Any: ...


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
    scheme = location.partition("://")[0].lower() if "://" in location else ""
    if scheme and scheme not in _SCHEMES:
        raise SourceError(f"{scheme}:// is not known; give a SQLite file, mysql:// or postgres://")
    if not scheme:
        return _read_file(Path(location))
    try:
        parts = urlsplit(location)
        where = f"{parts.hostname or 'localhost'}:{_port(parts, scheme)}"
    except ValueError:
        raise SourceError(f"that is no {scheme}:// address; characters are as in a URL") from None
    database = parts.path.lstrip("/")
    if not database:
        raise SourceError(f"say which database: {scheme}://USER:PASSWORD@HOST/DATABASE")
    name = f"{_SCHEMES[scheme]}://{where}/{database}"
    connect = _mysql if _SCHEMES[scheme] == "mysql" else _postgres
    connection, quote = connect(parts, database)
    try:
        with closing(connection):
            cursor = connection.cursor()
            for statement in _ONE_TRANSACTION[_SCHEMES[scheme]]:
                cursor.execute(statement)
            return _read(cursor, quote, name)
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{name} cannot be read: {str(error)[:300]}") from None


# Both databases show one moment throughout, and refuse writes.
_ONE_TRANSACTION = {
    "mysql": (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    "postgres": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",),
}


def _read_file(path: Path) -> Source:
    if not path.is_file():
        raise SourceError(f"{path} is no file; give a SQLite file, mysql:// or postgres://")
    whole = path.resolve()
    try:
        with closing(sqlite3.connect(f"{whole.as_uri()}?mode=ro", uri=True)) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            return _read(cursor, '"', str(whole))
    except sqlite3.Error as error:
        raise SourceError(f"{path} cannot be read as a SQLite database: {error}") from None


def _read(cursor: Cursor, quote: str, name: str) -> Source:
    tables: dict[str, list[Row]] = {}
    columns: dict[str, frozenset[str]] = {}
    present = _present(cursor, name)
    for table in TABLES:
        if table not in present:
            tables[table], columns[table] = [], frozenset()
            continue
        order = "key" if table == "options" else "id"
        cursor.execute(f"SELECT * FROM {quote}{table}{quote} ORDER BY {quote}{order}{quote}")
        names = [column[0] for column in cursor.description]
        tables[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        columns[table] = frozenset(names)
    _refuse_foreign(columns, name)
    is_new = any(marks & columns[table] for table, marks in _NEW_API_MARKS.items())
    identity = hashlib.sha256(name.encode()).hexdigest()[:12]
    return Source(identity, name, NEW_API if is_new else ONE_API, tables, columns)


def _present(cursor: Cursor, name: str) -> set[str]:
    if name.startswith("mysql://"):
        cursor.execute("SHOW TABLES")
    elif name.startswith("postgres://"):
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        )
    else:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(row[0]) for row in cursor.fetchall()}


def _refuse_foreign(columns: dict[str, frozenset[str]], name: str) -> None:
    needed = {"users": {"id", "username", "password", "quota"}, "tokens": {"id", "user_id", "key"}}
    for table, names in needed.items():
        missing = names - columns[table]
        if missing:
            what = ", ".join(sorted(missing))
            raise SourceError(f"{name} is not of One API or new-api: {table} lacks {what}")


def _port(parts: SplitResult, scheme: str) -> int:
    return parts.port or (3306 if _SCHEMES[scheme] == "mysql" else 5432)


def _mysql(parts: SplitResult, database: str) -> tuple[Any, str]:
    try:
        pymysql = import_module("pymysql")
    except ImportError:
        raise SourceError(_missing("MySQL", "PyMySQL")) from None
    login = _login(parts, 3306)
    return _connected(
        pymysql.connect, **login, database=database, charset="utf8mb4", connect_timeout=10
    ), "`"


def _postgres(parts: SplitResult, database: str) -> tuple[Any, str]:
    try:
        pg8000 = import_module("pg8000.dbapi")
    except ImportError:
        raise SourceError(_missing("PostgreSQL", "pg8000")) from None
    login = _login(parts, 5432)
    return _connected(pg8000.connect, **login, database=database, timeout=30), '"'


def _login(parts: SplitResult, port: int) -> dict[str, Any]:
    return {
        "host": parts.hostname or "localhost",
        "port": parts.port or port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }


def _connected(connect: Callable[..., Any], **given: Any) -> Any:
    try:
        return connect(**given)
    except Exception as error:
        where = f"{given['host']}:{given['port']}/{given['database']}"
        raise SourceError(f"cannot connect to {where}: {str(error)[:300]}") from None


def _missing(what: str, package: str) -> str:
    return f"{what} needs {package}: pip install 'tollgate[import]'"


def unknown_columns(source: Source, known: dict[str, Sequence[str]]) -> list[str]:
    """Return the columns that are there and that nobody here knows, as table.column."""
    return [
        f"{table}.{column}"
        for table in TABLES
        for column in sorted(source.columns[table] - set(known[table]))
    ]
