"""All checks, in the order in which they are made and told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.doctor import of_books, of_database, of_machine, of_settings
from gateway.doctor.finding import Finding
from gateway.doctor.scene import Scene


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table. With `books` it is passed over where no books were reached."""

    name: str
    run: Callable[[Scene], Awaitable[list[Finding]]]
    books: bool = True


CHECKS: tuple[Check, ...] = (
    Check("settings", of_settings.values, books=False),
    Check("names", of_settings.names, books=False),
    Check("secrets", of_settings.secrets, books=False),
    Check("disk", of_machine.directories, books=False),
    Check("redis", of_machine.redis, books=False),
    Check("database", of_database.reached, books=False),
    Check("version", of_database.version),
    Check("replica set", of_database.replica_set),
    Check("writes", of_database.write_concern),
    Check("indexes", of_database.indexes),
    Check("clock", of_database.clock),
    Check("secret key", of_settings.secret_key),
    Check("root", of_settings.root_password),
    Check("address", of_settings.address),
    Check("prices", of_books.prices),
    Check("audit", of_books.audit),
    Check("seals", of_books.seals),
    Check("projections", of_books.projections),
    Check("writers", of_books.writers),
    Check("spill", of_books.spill, books=False),
    Check("leader", of_books.leader),
)
