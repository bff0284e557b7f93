"""Pictures of the console's pages, for looking at: `make shots`; `python -m tests.shots log keys`.

A gateway with a small invented business is started, each page is opened in both languages, wide and
narrow, light and dark, and what went wrong in the browser is printed. Pictures are in shots/, which
is not committed.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import PHONE, WIDE, browsers
from tests.e2e.server import REPOSITORY, ROOT_PASSWORD, Server
from tests.e2e.world import CUSTOMER, PASSWORD, furnish

PATIENCE_MS = 60_000
OUT = REPOSITORY / "shots"
SIZES = {"wide": WIDE, "phone": PHONE}
#: Who looks at a page, by the first part of its address; root where it is not listed.
STRANGERS = ("/signin", "/join", "/reset", "/pricing", "/about", "/api", "/")
USERS = ("/overview", "/playground", "/keys", "/log", "/statement", "/topup", "/invite", "/profile")
OPERATORS = (
    "/dashboard /channels /users /codes /prices /orders /notices /options /setup"
    " /ledger /verify /balances /reconcile /reversals /changes"
).split()


def combinations(quick: bool) -> Iterator[tuple[str, str, str]]:
    """Language, size and colours of the pictures."""
    if quick:
        yield from (("en", "wide", "light"), ("zh-CN", "phone", "dark"))
    else:
        yield from itertools.product(("en", "zh-CN"), SIZES, ("light", "dark"))


def opened(page: Page, url: str, path: str) -> None:
    """Open a path as the person whose page it is."""
    if path in STRANGERS:
        page.goto(f"{url}/#{path}")
        return
    own = path.split("?")[0] in USERS
    name, password = (CUSTOMER, PASSWORD) if own else ("root", ROOT_PASSWORD)
    page.goto(f"{url}/#/signin?{urlencode({'next': path})}")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_selector("#find")
    page.wait_for_url(lambda at: "/#/signin" not in at)


def settled(page: Page) -> None:
    """Wait until a page shows what it has to show."""
    page.wait_for_selector("main h1")
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)


def shoot(browser: Browser, url: str, path: str, look: tuple[str, str, str]) -> list[str]:
    """Take one picture; returns what the browser complained of."""
    locale, size, colours = look
    context = browser.new_context(locale=locale, viewport=SIZES[size], color_scheme=colours)  # type: ignore[arg-type]
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    opened(page, url, path)
    settled(page)
    name = path.strip("/").split("?")[0].replace("/", "_") or "home"
    page.screenshot(path=OUT / f"{name}.{locale}.{size}.{colours}.png", full_page=True)
    context.close()
    return wrong


def main(arguments: list[str]) -> int:
    """Take the pictures that were asked for, or all."""
    reader = argparse.ArgumentParser(prog="python -m tests.shots", description=__doc__)
    reader.add_argument("paths", nargs="*", help="pages (log, users?user=2 …); all if none")
    reader.add_argument("--quick", action="store_true", help="two pictures of each page only")
    given = reader.parse_args(arguments)
    paths = [f"/{path.lstrip('/')}" for path in given.paths] or [*STRANGERS, *USERS, *OPERATORS]
    OUT.mkdir(exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory)).start()
        try:
            furnish(server)
            for browser in browsers():
                for path, look in itertools.product(paths, combinations(given.quick)):
                    for text in shoot(browser, server.url, path, look):
                        failed = True
                        print(f"{path} {look}: {text}", file=sys.stderr)
        finally:
            server.stop()
    print(f"Pictures are in {OUT}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
