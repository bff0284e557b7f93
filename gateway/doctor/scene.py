"""What the checks look at: the settings, the variables they came from, and the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.directory.catalogue import Catalogue
from gateway.settings import Settings
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.store import Store


class NotReached(LedgerError):
    """A check needs the database, and there is none."""


@dataclass(eq=False)
class Scene:
    """`found` are the variables of the environment and of `env_file`; `problems` and `notices`
    what was said of them. `store` is None where no books were reached, `trouble` says why then,
    and `empty` that it is because there are none yet. `slots` are the writers' documents.
    """

    settings: Settings
    found: Mapping[str, str]
    env_file: Path
    catalogue: Catalogue
    clock: Clock
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    store: Store | None = None
    trouble: str = ""
    empty: bool = False
    slots: tuple[Document, ...] = ()
    server_now_us: int = 0

    @property
    def books(self) -> Store:
        """The database. Raises NotReached."""
        if self.store is None:
            raise NotReached(self.trouble)
        return self.store

    @property
    def serving(self) -> list[Document]:
        """The slots of processes that keep books right now."""
        return [
            slot
            for slot in self.slots
            if not slot["released"] and int(slot["expires_us"]) > self.server_now_us
        ]
