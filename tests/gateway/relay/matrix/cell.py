"""What a cell of the matrix is, and the row and the column that it follows from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ledger.quote import INPUT_CLASSES

if TYPE_CHECKING:
    from tests.gateway.relay.matrix.conftest import Hall
    from tests.gateway.relay.matrix.heard import Asking, Heard


OUTPUT_CLASSES = ("output", "reasoning", "audio_output", "image_output")


@dataclass(frozen=True)
class Cell:
    """How an endpoint is served by a protocol: in a word, or by a refusal's status and code."""

    word: str
    status: int = 200
    code: str = ""

    @property
    def offered(self) -> bool:
        """Whether there is an answer."""
        return self.status == 200


CAME = Cell("as it came")
CONVERTED = Cell("converted")
COUNTED = Cell("counted here")
ABSENT = Cell("not offered", 404, "endpoint_not_offered")


def refused(status: int, code: str) -> Cell:
    """Return a cell that is refused in another way than most."""
    return Cell(f"**{status}** `{code}`", status, code)


@dataclass(frozen=True)
class Says:
    """What an upstream says, and its usage as events should have it. `told` are the tokens in and
    out that it tells of, where those are not what is sold."""

    said: Any
    usage: Mapping[str, int]
    source: str = "upstream"
    told: tuple[int, int] | None = None

    @property
    def shown(self) -> tuple[int, int]:
        """Return the tokens in and out that a client is told."""
        if self.told is not None:
            return self.told
        out = sum(self.usage.get(name, 0) for name in OUTPUT_CLASSES)
        return sum(self.usage.get(name, 0) for name in INPUT_CLASSES), out

    def due(self, price: Mapping[str, Any]) -> int:
        """Return the charge in nano-dollars: what is sold by the piece is sold by that alone."""
        rates = {name: Decimal(price[name]) for name in price if name != "max_output_tokens"}
        rates.setdefault("reasoning", rates.get("output", Decimal(0)))
        rates.setdefault("cache_write_1h", rates.get("cache_write", Decimal(0)))
        unit = {name: 10**9 if name in ("images", "seconds", "calls") else 1_000 for name in rates}
        due = sum(rates.get(name, 0) * unit.get(name, 0) * n for name, n in self.usage.items())
        assert due == int(due)
        return int(due)


@dataclass(frozen=True)
class Row:
    """An endpoint, as a client of one dialect asks it.

    `what` is asked for, and sold at PRICES[what]; `task` is the catalogue's word for it, `family`
    what can be converted into one another. `endpoint` is what events call it. `forms` are those
    that there are: whole, stream. `usage` says when a stream tells its client what it used: "as
    asked", "always", or "–" for never. `path` is where an upstream of the same dialect is asked.
    `expect` makes of what an upstream says what its client should hear; `prepare` returns what
    stands in the address instead of the model. `free` rows are never charged.
    """

    name: str
    title: str
    what: str
    task: str
    endpoint: str
    path: str
    ask: Callable[[Asking], Awaitable[Heard]]
    family: str = ""
    dialect: str = "openai"
    forms: tuple[str, ...] = ("whole", "stream")
    usage: str = "–"
    absent: Cell = ABSENT
    expect: Callable[[Any], Any] = lambda said: said
    prepare: Callable[[Hall, Column, str], Awaitable[str]] | None = None
    free: bool = False


@dataclass(frozen=True)
class Column:
    """A protocol, as one type of channel speaks it; see the package for what to say in it."""

    name: str
    title: str
    type: int
    fakes: Mapping[str, str]
    came: frozenset[str] = frozenset()
    converted: frozenset[str] = frozenset()
    but: Mapping[str, Cell] = field(default_factory=dict)
    says: Mapping[str, Says] = field(default_factory=dict)

    def cell(self, row: Row) -> Cell:
        """Return how this protocol serves a row."""
        if row.name in self.but:
            return self.but[row.name]
        if row.task in self.came:
            return CAME
        return CONVERTED if row.family in self.converted else row.absent

    def answer(self, row: Row, form: str) -> Says:
        """Return what the upstream says to a row."""
        names = (f"{row.what} {form}", row.name, row.what)
        return next(self.says[name] for name in names if name in self.says)

    def model(self, row: Row) -> str:
        """Return the name of the model that is asked."""
        return model_of(row.what, self)


def model_of(what: str, column: Column) -> str:
    """Return a name that says nothing to clients, some of which act on the names of models."""
    return f"{what}-{column.type}"


@dataclass(frozen=True)
class Group:
    """Rows that belong together: one table of the page."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
