"""Pictures of the console, for looking at: `make shots`; `python -m tests.shots log key_new`.

A gateway with a small invented business is started. Each page, and each dialog, drawer and menu
that tests.shot_states knows, is opened in both languages, wide and narrow, light and dark, and what
went wrong in the browser is printed. Pictures are in shots/, which is not committed.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, StorageState, expect

from tests.e2e.browser import PHONE, WIDE, browsers, sign_in
from tests.e2e.server import REPOSITORY, ROOT_PASSWORD, Server
from tests.e2e.world import CUSTOMER, PASSWORD, furnish
from tests.shot_states import STATES, State, reach, state

PATIENCE_MS = 60_000
OUT = REPOSITORY / "shots"
SIZES = {"wide": WIDE, "phone": PHONE}
#: Whose page it is, by its address; root's where it is not listed.
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


def sessions(browser: Browser, url: str) -> dict[str, StorageState | None]:
    """Sign everybody in once: what browsers keep of it, by who looks."""
    kept: dict[str, StorageState | None] = {"stranger": None}
    for who, name, password in (("user", CUSTOMER, PASSWORD), ("root", "root", ROOT_PASSWORD)):
        page = browser.new_page()
        page.goto(f"{url}/#/signin")
        sign_in(page, name, password)
        page.wait_for_selector("#find")
        kept[who] = page.context.storage_state()
        page.context.close()
    return kept


def looker(path: str) -> str:
    """Who looks at a page."""
    page = path.split("?")[0]
    return "stranger" if page in STRANGERS else "user" if page in USERS else "root"


def settled(page: Page) -> None:
    """Wait until a page shows what it has to show."""
    page.wait_for_selector("main h1")
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)


def shoot(page: Page, url: str, name: str, wanted: State) -> list[str]:
    """Take one picture; returns what the browser complained of."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(f"{url}/#{wanted.path}")
    settled(page)
    reach(page, wanted)
    has_layer = page.locator("dialog[open]").count() > 0
    page.screenshot(path=OUT / f"{name}.png", full_page=not has_layer)
    return [text for text in wrong if not (wanted.refused and "status of 4" in text)]


def chosen(names: list[str]) -> dict[str, State]:
    """Pages and states by the names of their pictures; all if none is named."""
    paths = [f"/{name.lstrip('/')}" for name in names if name not in STATES]
    paths = paths if names else [*STRANGERS, *USERS, *OPERATORS]
    pages = {path.strip("/").split("?")[0].replace("/", "_") or "home": path for path in paths}
    states = {name: wanted for name, wanted in STATES.items() if not names or name in names}
    return {name: state(path) for name, path in pages.items()} | states


def take(browser: Browser, url: str, names: list[str], quick: bool) -> Iterator[str]:
    """Take all pictures; yields what went wrong."""
    kept = sessions(browser, url)
    for (name, wanted), look in itertools.product(chosen(names).items(), combinations(quick)):
        locale, size, colours = look
        if wanted.phone and size != "phone":
            continue
        context = browser.new_context(
            locale=locale,
            viewport=SIZES[size],  # type: ignore[arg-type]
            color_scheme=colours,  # type: ignore[arg-type]
            storage_state=kept[looker(wanted.path)],
        )
        picture = ".".join((name, *look))
        try:
            for text in shoot(context.new_page(), url, picture, wanted):
                yield f"{picture}: {text}"
        except (AssertionError, Error) as error:
            yield f"{picture}: {error}"
        finally:
            context.close()


def main(arguments: list[str]) -> int:
    """Take the pictures that were asked for, or all."""
    reader = argparse.ArgumentParser(prog="python -m tests.shots", description=__doc__)
    reader.add_argument(
        "names", nargs="*", help="pages (log, users?user=2 …) and states (key_new …); all if none"
    )
    reader.add_argument("--quick", action="store_true", help="two pictures of each only")
    given = reader.parse_args(arguments)
    OUT.mkdir(exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory)).start()
        try:
            furnish(server)
            for browser in browsers():
                for text in take(browser, server.url, given.names, given.quick):
                    failed = True
                    print(text, file=sys.stderr)
        finally:
            server.stop()
    print(f"Pictures are in {OUT}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
