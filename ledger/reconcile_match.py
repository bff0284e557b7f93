"""Both sides of a reconciliation, and what meets what.

Owns the temporary database (SQLite's own, on disk, without a name, gone when closed) and the order
in which rows meet. Promises that nothing meets twice. All of it blocks, so it belongs in a thread.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.money import usd
from ledger.usage_export import Row

MATCHED, DIFFERING = "matched", "differing"
MISSING_HERE, MISSING_THERE = "missing_here", "missing_there"
# A cost that a vendor rounds elsewhere is no difference.
TOLERANCE_NANO = 1
CANDIDATES = 200
BATCH = 1_000

_SCHEMA = """
CREATE TABLE theirs (line INTEGER PRIMARY KEY, rid TEXT, model TEXT, t INTEGER, input INTEGER,
    output INTEGER, cost INTEGER, met INTEGER);
CREATE TABLE ours (n INTEGER PRIMARY KEY, event TEXT, rid TEXT, model TEXT, t INTEGER,
    input INTEGER, output INTEGER, cost INTEGER, charged INTEGER, inside INTEGER, met INTEGER);
CREATE TABLE pairs (line INTEGER PRIMARY KEY, n INTEGER UNIQUE, how TEXT, differences TEXT);
"""
_INDEXES = """
CREATE INDEX theirs_rid ON theirs (rid) WHERE rid IS NOT NULL;
CREATE INDEX ours_rid ON ours (rid) WHERE rid IS NOT NULL;
CREATE INDEX ours_tokens ON ours (input, output, t) WHERE met IS NULL;
CREATE INDEX ours_t ON ours (t) WHERE met IS NULL;
"""
_BY_ID = """
INSERT INTO pairs SELECT min(theirs.line), min(ours.n), 'id', '' FROM theirs
    JOIN ours ON ours.rid = theirs.rid GROUP BY theirs.rid
"""
_MARK = (
    "UPDATE theirs SET met = (SELECT n FROM pairs WHERE pairs.line = theirs.line)"
    " WHERE line IN (SELECT line FROM pairs)",
    "UPDATE ours SET met = (SELECT line FROM pairs WHERE pairs.n = ours.n)"
    " WHERE n IN (SELECT n FROM pairs)",
)
_BOTH = (
    "SELECT how, pairs.line, event, theirs.rid, ours.rid, theirs.model, ours.model, theirs.t,"
    " ours.t, theirs.input, ours.input, theirs.output, ours.output, theirs.cost, ours.cost,"
    " theirs.cost - ours.cost, charged, differences FROM pairs JOIN theirs USING (line)"
    " JOIN ours USING (n) WHERE differences {} '' ORDER BY pairs.line"
)
_SELECT = {
    MATCHED: _BOTH.format("="),
    DIFFERING: _BOTH.format("<>"),
    MISSING_HERE: (
        "SELECT NULL, line, NULL, rid, NULL, model, NULL, t, NULL, input, NULL, output, NULL, cost,"
        " NULL, NULL, NULL, CASE WHEN rid IN (SELECT rid FROM theirs AS twin WHERE twin.met IS NOT"
        " NULL AND twin.rid = theirs.rid) THEN 'this request id is there twice' ELSE '' END"
        " FROM theirs WHERE met IS NULL ORDER BY line"
    ),
    MISSING_THERE: (
        "SELECT NULL, NULL, event, NULL, rid, NULL, model, NULL, t, NULL, input, NULL, output,"
        " NULL, cost, NULL, charged, '' FROM ours WHERE met IS NULL AND inside ORDER BY n"
    ),
}
_SUMS = {
    "cost_there": 13,
    "cost_here": 14,
    "charged": 16,
}
_TOKENS = {"input_there": 9, "input_here": 10, "output_there": 11, "output_here": 12}


class Matching:
    """Rows of both sides, and the pairs among them."""

    def __init__(self) -> None:
        import sqlite3  # few processes ever match anything

        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)

    def close(self) -> None:
        """Close and thereby remove the database."""
        self._db.close()

    def add_theirs(self, rows: Sequence[Row]) -> None:
        """Add rows of the export."""
        self._add(
            "INSERT INTO theirs VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                (r.line, r.request_id, r.model, r.time_us, r.input, r.output, r.cost_nano)
                for r in rows
            ],
        )

    def add_ours(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add charges: event, request id, model, time, input, output, cost, charge, inside."""
        self._add("INSERT INTO ours VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", rows)

    def _add(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    def span(self) -> tuple[int | None, int | None]:
        """Return the first and the last time in the export."""
        first, last = self._db.execute("SELECT min(t), max(t) FROM theirs").fetchone()
        return first, last

    def match(self, compared: Sequence[str], by_id: bool, bucket_us: int) -> None:
        """Let rows meet, by id and then by time, and note how those that met differ."""
        self._db.executescript(_INDEXES)
        self._db.execute("BEGIN")
        if by_id:
            self._db.execute(_BY_ID)
            for statement in _MARK:
                self._db.execute(statement)
        for exact in (True, False):
            self._meet(compared, by_id, bucket_us, exact)
        self._note_differences(compared)
        self._db.execute("COMMIT")

    def _meet(self, compared: Sequence[str], by_id: bool, bucket_us: int, exact: bool) -> None:
        """Let what is left meet by time: with the same numbers if `exact`, else the nearest."""
        same = [f for f in ("input", "output") if f in compared]
        same = same or [f for f in ("cost",) if f in compared]
        line = 0
        while True:
            batch = self._db.execute(
                "SELECT line, rid, model, t, input, output, cost FROM theirs"
                " WHERE met IS NULL AND t IS NOT NULL AND line > ? ORDER BY line LIMIT ?",
                (line, BATCH),
            ).fetchall()
            if not batch:
                return
            for row in batch:
                found = self._nearest(row, same if exact else [], by_id, bucket_us)
                if found is not None:
                    self._pair(row[0], found)
            line = batch[-1][0]

    def _nearest(
        self, row: tuple[Any, ...], same: Sequence[str], by_id: bool, bucket_us: int
    ) -> int | None:
        rid, model, t = row[1:4]
        values = dict(zip(("input", "output", "cost"), row[4:], strict=True))
        where, given = ["met IS NULL", "t BETWEEN ? AND ?"], [t - bucket_us, t + bucket_us]
        for field in same:
            if values[field] is not None:
                where.append(f"{field} = ?")
                given.append(values[field])
        if by_id and rid is not None:
            where.append("rid IS NULL")
        candidates = self._db.execute(
            f"SELECT n, model FROM ours WHERE {' AND '.join(where)} ORDER BY abs(t - ?), n LIMIT ?",
            (*given, t, CANDIDATES),
        )
        for n, our_model in candidates:
            if model is None or same_model(model, our_model):
                return int(n)
        return None

    def _pair(self, line: int, n: int) -> None:
        self._db.execute("INSERT INTO pairs VALUES (?, ?, 'time', '')", (line, n))
        self._db.execute("UPDATE theirs SET met = ? WHERE line = ?", (n, line))
        self._db.execute("UPDATE ours SET met = ? WHERE n = ?", (line, n))

    def _note_differences(self, compared: Sequence[str]) -> None:
        line = -1
        while True:
            batch = self._db.execute(
                "SELECT pairs.line, theirs.model, ours.model, theirs.input, ours.input,"
                " theirs.output, ours.output, theirs.cost, ours.cost"
                " FROM pairs JOIN theirs USING (line)"
                " JOIN ours USING (n) WHERE pairs.line > ? ORDER BY pairs.line LIMIT ?",
                (line, BATCH),
            ).fetchall()
            if not batch:
                return
            notes = [(_differences(row[1:], compared), row[0]) for row in batch]
            self._db.executemany("UPDATE pairs SET differences = ? WHERE line = ?", notes)
            line = batch[-1][0]

    def rows(self, name: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a class in the columns of a report."""
        for row in self._db.execute(_SELECT[name]):
            yield (name, *row)

    def totals(self) -> dict[str, dict[str, Any]]:
        """Return counts and sums by class."""
        found = {}
        for name, select in _SELECT.items():
            sums: dict[str, int] = dict.fromkeys((*_TOKENS, *_SUMS), 0)
            count = 0
            for row in self._db.execute(select):
                count += 1
                for field, at in (*_TOKENS.items(), *_SUMS.items()):
                    sums[field] += row[at] or 0
            money = {field: usd(sums[field]) for field in _SUMS}
            nano = {f"{field}_nano": sums[field] for field in _SUMS}
            tokens = {field: sums[field] for field in _TOKENS}
            found[name] = {"count": count, **tokens, **money, **nano}
        return found


def same_model(theirs: str, ours: str) -> bool:
    """Tell whether two names mean one model: vendors add dates and leave out prefixes."""
    one, other = (name.casefold().rpartition("/")[2] for name in (theirs, ours))
    return one == other or one.startswith(f"{other}-") or other.startswith(f"{one}-")


def _differences(pair: Sequence[Any], compared: Sequence[str]) -> str:
    """Say in which fields two rows differ and by how much: theirs less ours."""
    told = []
    fields = zip(("model", "input", "output", "cost"), pair[::2], pair[1::2], strict=True)
    for field, theirs, ours in fields:
        if field not in compared or theirs is None or ours is None:
            continue
        if field == "model":
            if not same_model(theirs, ours):
                told.append(f"model {theirs} for {ours}")
        elif field == "cost":
            if abs(theirs - ours) > TOLERANCE_NANO:
                told.append(f"cost {_signed(usd(theirs - ours))} USD")
        elif theirs != ours:
            told.append(f"{field} {_signed(str(theirs - ours))}")
    return ", ".join(told)


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"
