"""One API on MySQL and PostgreSQL: servers of their own, and tables as GORM makes them there.

The rows come from a SQLite file, so that one set of rows shows what all three databases make of it.
"""

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.old_system import OldSystem
from tests.waiting import until_sync

_TYPES = {
    # GORM's types, by what its models say; SQLite knows fewer.
    "mysql": {
        "integer": "bigint",
        "int": "bigint",
        "bigint": "bigint",
        "text": "longtext",
        "real": "double",
        "numeric": "tinyint(1)",
        "datetime": "datetime(3)",
    },
    "postgres": {
        "integer": "bigint",
        "int": "bigint",
        "bigint": "bigint",
        "text": "text",
        "real": "numeric",
        "numeric": "boolean",
        "datetime": "timestamptz",
    },
}


def need(program: str, driver: str) -> tuple[str, Any]:
    """Return the program and the driver, or skip the test saying what is not here."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return str(Path(found).resolve()), pytest.importorskip(driver)


@contextmanager
def mysql(port: int) -> Iterator[str]:
    """Run MariaDB, and yield the address of its database `one_api`."""
    program, driver = need("mariadbd", "pymysql")
    with tempfile.TemporaryDirectory() as directory:
        yield from _mysql(program, driver, directory, port)


def _mysql(program: str, driver: Any, directory: str, port: int) -> Iterator[str]:
    me = pwd.getpwuid(os.getuid()).pw_name
    common = ["--no-defaults", f"--datadir={directory}", f"--user={me}"]
    install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"]
    _run([*install, "--skip-test-db"])
    serve = [program, *common, f"--port={port}", f"--socket={directory}/s", "--skip-log-bin"]
    serve += ["--bind-address=127.0.0.1", "--skip-name-resolve", "--character-set-server=utf8mb4"]
    login = {"host": "127.0.0.1", "port": port, "user": "root"}
    with _served(serve, lambda: driver.connect(**login)) as connection, closing(connection):
        cursor = connection.cursor()
        cursor.execute("CREATE DATABASE one_api")
        cursor.execute("CREATE USER 'one'@'%' IDENTIFIED BY 'p@ss'")
        cursor.execute("GRANT SELECT ON one_api.* TO 'one'@'%'")
        yield f"mysql://one:p%40ss@127.0.0.1:{port}/one_api"


@contextmanager
def postgres(port: int) -> Iterator[str]:
    """Run PostgreSQL, and yield the address of its database `one_api`."""
    program, driver = need("postgres", "pg8000.dbapi")
    user = _not_root()
    with tempfile.TemporaryDirectory() as directory:
        if user is not None:
            shutil.chown(directory, user)
        yield from _postgres(program, driver, directory, port, user)


def _postgres(
    program: str, driver: Any, directory: str, port: int, user: str | None
) -> Iterator[str]:
    data = f"{directory}/data"
    initdb = [str(Path(program).with_name("initdb")), "-D", data, "-U", "one", "--auth=trust"]
    _run([*initdb, "--no-locale", "--encoding=UTF8"], user)
    serve = [program, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", directory]
    login = {"host": "127.0.0.1", "port": port, "user": "one"}

    def connect() -> Any:
        return driver.connect(**login, database="postgres")

    with _served([*serve, "-c", "fsync=off"], connect, user) as connection, closing(connection):
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE one_api")
        yield f"postgres://one@127.0.0.1:{port}/one_api"


def fill(kind: str, port: int, old: OldSystem) -> None:
    """Make the tables of an old system in a server's database, with the same rows."""
    name = {"mysql": "pymysql", "postgres": "pg8000.dbapi"}[kind]
    user = {"mysql": "root", "postgres": "one"}[kind]
    connect = import_module(name).connect
    login = {"host": "127.0.0.1", "port": port, "user": user, "database": "one_api"}
    with closing(connect(**login)) as there, closing(sqlite3.connect(old.path)) as here:
        cursor = there.cursor()
        for (table,) in here.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%`id`%'"):
            _copy(kind, cursor, here, table)
        _copy(kind, cursor, here, "options")
        there.commit()


def _copy(kind: str, cursor: Any, here: sqlite3.Connection, table: str) -> None:
    mark = "`" if kind == "mysql" else '"'
    columns, switches = [], set()
    for at, (_, name, kind_there, *_) in enumerate(here.execute(f"PRAGMA table_info({table})")):
        made = _TYPES[kind].get(kind_there.lower(), kind_there)
        if (table, name) in (("options", "key"), ("users", "username")):
            made = "varchar(191)"
        if kind_there.lower() == "numeric":
            switches.add(at)
        key = " PRIMARY KEY" if name == "id" or (table, name) == ("options", "key") else ""
        columns.append(f"{mark}{name}{mark} {made}{key}")
    cursor.execute(f"CREATE TABLE {mark}{table}{mark} ({', '.join(columns)})")
    rows = [
        tuple(_switch(value) if at in switches else value for at, value in enumerate(row))
        for row in here.execute(f"SELECT * FROM {table}")
    ]
    if rows:
        places = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {mark}{table}{mark} VALUES ({places})", rows)


def _switch(value: Any) -> bool | None:
    """SQLite keeps the default of a switch as a word."""
    return None if value is None else value not in (0, "false")


@contextmanager
def _served(command: list[str], connect: Any, user: str | None = None) -> Iterator[Any]:
    with subprocess.Popen(
        command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:

        def connected() -> Any:
            assert process.poll() is None, f"{command[0]} ended"
            try:
                return connect()
            except Exception:  # each driver has its own for a server that is not there yet
                return None

        try:
            yield until_sync(connected)
        finally:
            process.terminate()
            process.wait()


def _run(command: list[str], user: str | None = None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def _not_root() -> str | None:
    """PostgreSQL refuses to run as root: then as the user whom its package makes."""
    if os.getuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    if "postgres" not in names:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return "postgres"
