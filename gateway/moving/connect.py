"""Connections to the other system's database: one moment of it, and nothing is ever written.

SQLite is read by Python itself; MySQL and PostgreSQL by the drivers of the extra `import`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

_SCHEMES = {"mysql": "mysql", "postgres": "postgres", "postgresql": "postgres"}
_HOW = "give a SQLite file, mysql://USER:PASSWORD@HOST:3306/DATABASE or postgres://…"


class SourceError(Exception):
    """The source cannot be read; the message is for the operator and holds no password."""


class Cursor(Protocol):
    """What is used of a driver."""

    @property
    def description(self) -> Any: ...
    def execute(self, statement: str, /) -> Any: ...
    def fetchall(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Connection:
    """One transaction. `name` tells people which database it is, without a password."""

    cursor: Cursor
    quote: str
    name: str

    def quoted(self, name: str) -> str:
        """Quote the name of a table or column."""
        return f"{self.quote}{name}{self.quote}"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a question and return its rows. Raises SourceError."""
        try:
            self.cursor.execute(statement)
            return [tuple(row) for row in self.cursor.fetchall()]
        except Exception as error:
            raise SourceError(f"{self.name} cannot be read: {_said(error)}") from None

    def columns(self) -> list[str]:
        """Return the names of what the last question answered."""
        return [str(column[0]) for column in self.cursor.description]

    def tables(self) -> set[str]:
        """Return the names of the tables."""
        kind = self.name.partition("://")[0] if "://" in self.name else "sqlite"
        return {str(row[0]) for row in self.rows(_TABLES[kind])}


_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "mysql": "SHOW TABLES",
    "postgres": "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = current_schema()",
}
# Both databases show one moment throughout, and refuse writes.
_ONE_TRANSACTION = {
    "mysql": (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    "postgres": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",),
}


@contextmanager
def connected(location: str) -> Iterator[Connection]:
    """Open a SQLite file or a database's address. Raises SourceError."""
    scheme = location.partition("://")[0].lower() if "://" in location else ""
    if scheme and scheme not in _SCHEMES:
        raise SourceError(f"{scheme}:// is not known; {_HOW}")
    if not scheme and "@tcp(" in location:
        raise SourceError(f"that is how SQL_DSN is written; {_HOW}")
    found = _server(location, _SCHEMES[scheme]) if scheme else _file(Path(location))
    with found as connection:
        yield connection


@contextmanager
def _server(location: str, kind: str) -> Iterator[Connection]:
    try:
        parts = urlsplit(location)
        port = parts.port or (3306 if kind == "mysql" else 5432)
    except ValueError:
        raise SourceError(f"that is no {kind}:// address; characters are as in a URL") from None
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise SourceError(f"say which database: {kind}://USER:PASSWORD@HOST/DATABASE")
    name = f"{kind}://{parts.hostname or 'localhost'}:{port}/{database}"
    connect, quote = (_mysql, "`") if kind == "mysql" else (_postgres, '"')
    with closing(connect(_login(parts, port, database))) as opened:
        connection = Connection(opened.cursor(), quote, name)
        for statement in _ONE_TRANSACTION[kind]:
            _begin(connection, statement)
        yield connection


def _begin(connection: Connection, statement: str) -> None:
    try:
        connection.cursor.execute(statement)
    except Exception as error:
        raise SourceError(f"{connection.name} cannot be read: {_said(error)}") from None


@contextmanager
def _file(path: Path) -> Iterator[Connection]:
    if not path.is_file():
        raise SourceError(f"{path} is no file; {_HOW}")
    whole = path.resolve()
    try:
        # Threads take turns with it.
        opened = sqlite3.connect(f"{whole.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    except sqlite3.Error as error:
        raise SourceError(f"{path} cannot be read as a SQLite database: {error}") from None
    with closing(opened):
        # A row with bytes that are no UTF-8 must not stop the others.
        opened.text_factory = lambda found: found.decode("utf-8", "replace")
        connection = Connection(opened.cursor(), '"', str(whole))
        try:
            opened.execute("BEGIN")
            opened.execute("SELECT 1 FROM sqlite_master").fetchall()
        except sqlite3.Error as error:
            raise SourceError(f"{path} cannot be read as a SQLite database: {error}") from None
        yield connection


def _mysql(login: dict[str, Any]) -> Any:
    try:
        pymysql = import_module("pymysql")
    except ImportError:
        raise SourceError(_missing("MySQL", "PyMySQL")) from None
    return _opened(pymysql.connect, **login, charset="utf8mb4", connect_timeout=10)


def _postgres(login: dict[str, Any]) -> Any:
    try:
        pg8000 = import_module("pg8000.dbapi")
    except ImportError:
        raise SourceError(_missing("PostgreSQL", "pg8000")) from None
    return _opened(pg8000.connect, **login, timeout=30)


def _login(parts: SplitResult, port: int, database: str) -> dict[str, Any]:
    return {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": database,
    }


def _opened(connect: Callable[..., Any], **given: Any) -> Any:
    try:
        return connect(**given)
    except Exception as error:
        where = f"{given['host']}:{given['port']}/{given['database']}"
        raise SourceError(f"cannot connect to {where}: {_said(error)}") from None


def _said(error: Exception) -> str:
    """What a driver says, on one line: MySQL's as (number, words), PostgreSQL's as a mapping."""
    last = error.args[-1] if error.args else error
    words = last.get("M", last) if isinstance(last, dict) else last
    return " ".join(str(words).split())[:300]


def _missing(what: str, package: str) -> str:
    return f"{what} needs {package}: pip install 'tollgate[import]'"
