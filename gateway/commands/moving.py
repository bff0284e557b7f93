"""`tollgate import one-api SOURCE`: move in from One API or new-api."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.commands.arguments import time_us
from gateway.commands.books import holds_database
from gateway.commands.bundle import tell
from gateway.commands.people import actor
from gateway.directory.bootstrap import ROOT_NAME
from gateway.directory.catalogue import Catalogue
from gateway.directory.directory import check_vault
from gateway.directory.users import ROLE_ROOT
from gateway.directory.vault import Vault
from gateway.moving.connect import SourceError
from gateway.moving.here import Refused, leave_conflicts_out, refuse_unless_new, state_of
from gateway.moving.logs import LogMover, Logs
from gateway.moving.plan import Plan, make_plan
from gateway.moving.prices import price_changes
from gateway.moving.source import read_source
from gateway.moving.write import Mover, Proof
from gateway.secret_key import secret_key
from gateway.settings import Settings
from ledger.books import Books
from ledger.clock import Clock
from ledger.embedded import EmbeddedDatabase, running_url
from ledger.errors import InvalidPrices
from ledger.indexes import INDEXES
from ledger.money import usd
from ledger.price_first import DEFAULT_GROUPS, seed
from ledger.price_seed import seed_rows
from ledger.price_table import PriceTable
from ledger.prices import Changes, PriceBook
from ledger.store import Store
from ledger.verify import verify

CONF = Path(__file__).parents[2] / "conf"
DONE, WRONG, USAGE = 0, 1, 2
_ROWS = "rows of the log, as history: no amount is made from it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes beside --data-dir."""
    parser.add_argument(
        "system",
        choices=("one-api", "new-api"),
        help="Which of them it is, is seen from its columns",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="its SQLite file, or mysql://USER:PASSWORD@HOST/DATABASE, or postgres://…",
    )
    parser.add_argument("--dry-run", action="store_true", help="Only report; write nothing")
    parser.add_argument(
        "--merge",
        action="store_true",
        help="Also into an instance that is in use: what is here stays, ids that are taken are"
        " left out",
    )
    parser.add_argument(
        "--without-logs", action="store_true", help="Leave its log, the history of requests, there"
    )
    parser.add_argument(
        "--logs-since",
        metavar="DATE",
        type=_since,
        default=0,
        help="Only what its log has from then on: 2026-01-31, RFC 3339 or unix seconds",
    )
    parser.add_argument(
        "--logs-from",
        metavar="SOURCE",
        help="Where its log is, if in a database of its own (LOG_SQL_DSN)",
    )


def _since(text: str) -> int:
    return time_us(text) // 1_000_000


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Import, or report what would be; returns the exit status."""
    try:
        source = await asyncio.to_thread(read_source, args.source)
        catalogue = Catalogue.load(CONF / "providers.yaml")
        vault = Vault(os.urandom(32) if args.dry_run else secret_key(settings))
        plan = make_plan(source, catalogue, vault)
        logs = await asyncio.to_thread(_logs, args, plan)
        print(f"{source.name} is a database of {source.kind}.")
        async with _store(settings, args) as store:
            merge = await _may(store, plan, args.merge) if store is not None else args.merge
            if args.dry_run or store is None:
                return _report(plan, _changes(await _table(store), plan))
            return await _move(store, vault, plan, logs, merge=merge)
    except (SourceError, Refused, ValueError) as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return USAGE if isinstance(error, Refused) else WRONG


async def _may(store: Store, plan: Plan, merge: bool) -> bool:
    state = await state_of(store, plan.source.id)
    if state is not None:
        merge = bool(state["merge"])
        plan.report.note("this source was imported before; what came then stays as it is here")
    elif not merge:
        await refuse_unless_new(store)
    await leave_conflicts_out(store, plan, merge=merge)
    return merge


def _logs(args: argparse.Namespace, plan: Plan) -> Logs | None:
    """The log that comes along, if one does; the report says what of it."""
    if args.without_logs:
        plan.report.leave("log", "it stays there (--without-logs)")
        return None
    logs = Logs(args.logs_from or args.source, args.logs_since)
    try:
        found = logs.found()
    except SourceError as error:
        if args.logs_from:
            raise
        plan.report.leave("log", str(error))
        return None
    for column in found.not_kept:
        plan.report.leave(f"column {column}", "is not kept here")
    plan.report.counts[_ROWS] = found.rows
    return logs


async def _move(store: Store, vault: Vault, plan: Plan, logs: Logs | None, *, merge: bool) -> int:
    await store.ensure_indexes(INDEXES)
    await check_vault(store, vault)
    books = await Books.open(store, Clock())
    try:
        await seed(books.prices, books, CONF / "prices.yaml", Clock().now_us())
        changes = _changes(books.prices.table(), plan)
        status = _report(plan, changes)
        if status != DONE:
            return status
        proof = await Mover(books, vault, plan, actor(), _say, merge=merge).run(changes)
    finally:
        await books.close()
    if logs is not None:
        there = plan.report.counts[_ROWS]
        mover = LogMover(store, plan.source.id, plan.source.kind, plan.owners(), _say)
        _say(await mover.run(logs, there))
    report = await verify(store)
    return max(_show(proof, plan), tell(report, trusted=True))


def _changes(table: PriceTable, plan: Plan) -> Changes:
    changes = price_changes(table, plan.prices, plan.report)
    plan.report.counts["prices of models"] = len(changes.get("set_rows", ()))
    plan.report.counts["ratios of groups"] = len(changes.get("groups") or ())
    if not plan.prices.get("ModelRatio"):
        plan.report.note("ModelRatio was never changed there: prices are those of this version")
    known = {*table.groups, *(name for name, _ in changes.get("groups") or ())}
    groups = Counter(user["group"] for user in plan.users if not user["deleted"])
    for group, count in sorted(groups.items()):
        if group not in known:
            plan.report.note(f"group {group[:40]} ({count} users) has no ratio: it is 1, as there")
    return changes


async def _table(store: Store | None) -> PriceTable:
    if store is not None:
        book = PriceBook(Clock())
        await book.load(store)
        with contextlib.suppress(InvalidPrices, LookupError):
            return book.table()
    rows, _ = seed_rows(CONF / "prices.yaml", Clock().now_us())
    return PriceTable(0, {row["model"]: row for row in rows}, dict(DEFAULT_GROUPS))


def _report(plan: Plan, changes: Changes) -> int:
    roots = [u for u in plan.source.tables["users"] if u.get("role") == ROLE_ROOT]
    if not roots:
        plan.report.note(f"there is no root: the first start makes one, {ROOT_NAME}")
    for line in plan.report.lines():
        print(line)
    if plan.report.adds_up:
        return DONE
    print("tollgate: the amounts do not add up; nothing was written", file=sys.stderr)
    return WRONG


def _show(proof: Proof, plan: Plan) -> int:
    for line in proof.wrong[:20]:
        print(line)
    if proof.wrong:
        print(
            f"tollgate: {len(proof.wrong)} accounts differ from the source. It has changed since,"
            " or they were changed",
            file=sys.stderr,
        )
        return WRONG
    if proof.opened_nano != plan.report.opened_nano:
        print("tollgate: the openings are not the sum of the source", file=sys.stderr)
        return WRONG
    print(
        f"Proved: {proof.accounts} openings of {usd(proof.opened_nano)} USD are what the source had"
    )
    return DONE


def _say(line: str) -> None:
    print(line, flush=True)


@contextlib.asynccontextmanager
async def _store(settings: Settings, args: argparse.Namespace) -> AsyncIterator[Store | None]:
    """Connect to the database, which is made unless this is a dry run: then there may be none."""
    async with contextlib.AsyncExitStack() as stack:
        url = settings.mongo_url
        if url is None or (args.data_dir is not None and holds_database(settings.data_dir)):
            url = running_url(settings.data_dir)
            if url is None and args.dry_run and not holds_database(settings.data_dir):
                yield None
                return
            if url is None:
                database = EmbeddedDatabase(settings.data_dir)
                url = await database.start()
                stack.push_async_callback(database.stop)
        store = await Store.connect(url, settings.mongo_db, settings.driver)
        stack.push_async_callback(store.close)
        yield store
