"""What can go wrong in the books.

LedgerError
├── InvalidEvent          the event breaks its schema; nothing was written
├── KeyReused             this event id exists with other content; nothing was written
├── InsufficientCredit    the account cannot cover the amount; nothing was held
│   └── BudgetExceeded    a budget's period can't; it renews by itself
├── PriceMissing          the price book has no price for this model
├── InvalidPrices         a price change is malformed; nothing was published
├── BooksUnavailable      events cannot be recorded right now; try again later
│   ├── BooksBusy         too many events are waiting to be recorded
│   ├── DatabaseAway      the database does not answer, and the credit at hand does not suffice
│   ├── DiskFull          this machine's disk has no room left for events
│   ├── SpillFull         the database is away and the spill file has reached its bound
│   └── Fenced            another process took over this writer; this one must stop
├── EmbeddedError         the embedded database cannot start or stay up
└── StoreError            what the database answered
    ├── Duplicate         a unique index refused the document
    ├── Unavailable       not reached; nothing happened; may be tried again
    ├── OutcomeUnknown    sent, but no answer: it may have happened
    ├── StoreRefused      the database rejected the command; trying again will not help
    └── BatchStopped      an ordered insert landed up to a position and stopped there
"""

from typing import Any


class LedgerError(Exception):
    """Root of the tree. `code` is stable and safe to show to clients."""

    code = "ledger_error"


class InvalidEvent(LedgerError):
    """The event breaks its schema."""

    code = "invalid_event"


class KeyReused(LedgerError):
    """An event with this id exists and says something else."""

    code = "key_reused"

    def __init__(self, event_id: str, existing: dict[str, Any]) -> None:
        super().__init__(f"event {event_id} is already recorded with other content")
        self.existing = existing


class InsufficientCredit(LedgerError):
    """An account cannot cover an amount. Amounts are in nano-dollars."""

    code = "insufficient_quota"

    def __init__(self, account: str, needed_nano: int, available_nano: int) -> None:
        super().__init__(f"{account} has {available_nano} of the {needed_nano} nano-dollars needed")
        self.account = account
        self.needed_nano = needed_nano
        self.available_nano = available_nano


class BudgetExceeded(InsufficientCredit):
    """A budget does not cover an amount before it renews. `renews` is RFC 3339, in its zone."""

    code = "budget_exceeded"

    def __init__(
        self,
        account: str,
        needed_nano: int,
        available_nano: int,
        *,
        period: str,
        limit_nano: int,
        renews: str,
        retry_after_s: int,
    ) -> None:
        super().__init__(account, needed_nano, available_nano)
        self.period = period
        self.limit_nano = limit_nano
        self.renews = renews
        self.retry_after_s = retry_after_s


class PriceMissing(LedgerError):
    """The price book has no price for this model."""

    code = "model_price_missing"

    def __init__(self, model: str) -> None:
        super().__init__(f"model {model} has no price")
        self.model = model


class InvalidPrices(LedgerError):
    """A price change is malformed; the message says which entry and why."""

    code = "invalid_prices"


class BooksUnavailable(LedgerError):
    """Events cannot be recorded right now."""

    code = "books_unavailable"

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BooksBusy(BooksUnavailable):
    """Too many events are waiting to be recorded."""

    code = "books_busy"


class DatabaseAway(BooksUnavailable):
    """The database does not answer."""

    code = "database_away"


class DiskFull(BooksUnavailable):
    """This machine's disk has no room left for events."""

    code = "disk_full"


class SpillFull(BooksUnavailable):
    """The database is away and no more events can be promised."""

    code = "spill_full"


class Fenced(BooksUnavailable):
    """Another process took over this writer's slot; this process must not write any more."""

    code = "writer_fenced"


class EmbeddedError(LedgerError):
    """The embedded database cannot start or stay up; the message names the cause and the fix."""

    code = "embedded_database"


class StoreError(LedgerError):
    """Root of what the database answered."""

    code = "store_error"


class Duplicate(StoreError):
    """A unique index refused the document. `index` is its name, `key` the value refused."""

    code = "duplicate"

    def __init__(self, index: str, key: object) -> None:
        super().__init__(f"duplicate key {key!r} in index {index}")
        self.index = index
        self.key = key


class Unavailable(StoreError):
    """The database was not reached; nothing happened."""

    code = "store_unavailable"


class OutcomeUnknown(StoreError):
    """The command was sent but its answer never came: it may have happened."""

    code = "outcome_unknown"


class StoreRefused(StoreError):
    """The database rejected the command for good."""

    code = "store_refused"


class BatchStopped(StoreError):
    """An ordered insert stopped at `position`: all documents before it landed, none from it on."""

    code = "batch_stopped"

    def __init__(self, position: int, cause: StoreError) -> None:
        super().__init__(f"the batch stopped at document {position}: {cause}")
        self.position = position
        self.cause = cause
