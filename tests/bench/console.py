"""How fast the console opens: `python -m tests.bench.console --events 1000000`.

A real Chromium that has nothing cached loads the sign-in page, and, signed in as root, the log of
everybody with a month of so many events behind it. Timed from the navigation until the page shows
what it has; medians of the rounds. The books are made first, which takes minutes for a million.
"""

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, expect

from ledger.embedded import EmbeddedDatabase
from ledger.indexes import INDEXES
from ledger.store import Store
from tests.bench.ledger import Table, say
from tests.bench.ledger_data import Month, load
from tests.e2e.browser import browsers, sign_in
from tests.e2e.server import ROOT_PASSWORD, Server
from tests.waiting import until_sync

SIGN_IN_S, LOG_S = 1.0, 1.5
UNSEALED, SEALED_S = 1_000, 600.0
_SENT = """['resource', 'navigation'].flatMap((kind) => performance.getEntriesByType(kind))
  .reduce((sum, e) => sum + e.transferSize, 0)"""


async def fill(data_dir: Path, events: int) -> None:
    """Make books with a month of events where the server will look for them."""
    database = EmbeddedDatabase(data_dir)
    store = await Store.connect(await database.start(), "tollgate", "pymongo")
    await store.ensure_indexes(INDEXES)
    await load(store, Month(events, time.time_ns() // 1_000), say)
    await store.close()
    await database.stop()


def visit(browser: Browser, url: str, state: Path | None, shown: str) -> tuple[float, int]:
    """Open a page with an empty cache; returns seconds until `shown` is there, and bytes."""
    context = browser.new_context(storage_state=state)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(shown)
    took = time.perf_counter() - began
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    sent = int(page.evaluate(_SENT))
    context.close()
    return took, sent


def signed_in_state(page: Page, server: Server, path: Path) -> Path:
    """Sign root in and keep what the browser then knows."""
    page.goto(f"{server.url}/#/signin")
    sign_in(page, "root", ROOT_PASSWORD)
    page.wait_for_selector("#find")
    page.context.storage_state(path=path)
    return path


def settle(server: Server) -> None:
    """Wait until the server has sealed what was made, as it has in a month that went by."""

    def sealed() -> bool:
        with urlopen(f"{server.url}/metrics", timeout=30) as answer:
            found = re.search(rb"^tollgate_unsealed_events (\S+)", answer.read(), re.M)
        return found is not None and float(found[1]) < UNSEALED

    until_sync(sealed, SEALED_S, "the events are sealed")


def measure(server: Server, browser: Browser, rounds: int, directory: Path, table: Table) -> None:
    """Time both pages and report them."""
    state = signed_in_state(browser.new_page(), server, directory / "state.json")
    pages = (
        ("sign-in page", "/#/signin", None, "input[name=username]", SIGN_IN_S),
        ("log of everybody, 30 days", "/#/log?range=30d", state, "tbody tr[data-key]", LOG_S),
        ("log of everybody, all", "/#/log?range=all", state, "tbody tr[data-key]", LOG_S),
    )
    for name, path, who, shown, limit_s in pages:
        visit(browser, server.url + path, who, shown)
        taken = [visit(browser, server.url + path, who, shown) for _ in range(rounds)]
        middle = statistics.median(seconds for seconds, _ in taken)
        table.add(
            f"{name}, cold", f"{middle * 1_000:,.0f} ms", f"<= {limit_s} s", middle <= limit_s
        )
        table.add("  over the wire", f"{taken[-1][1] / 1_000:,.0f} kB")


def main(arguments: list[str]) -> int:
    """Make the books, serve them, and time."""
    reader = argparse.ArgumentParser(prog="python -m tests.bench.console", description=__doc__)
    reader.add_argument("--events", type=int, default=1_000_000)
    reader.add_argument("--rounds", type=int, default=7)
    given = reader.parse_args(arguments)
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        asyncio.run(fill(directory / "data", given.events))
        server = Server(directory).start()
        try:
            settle(server)
            for browser in browsers():
                measure(server, browser, given.rounds, directory, table)
        finally:
            server.stop()
    return int(table.failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
