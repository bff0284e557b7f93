"""Every page of the console: it opens without an error, for everybody, in both languages, wide and
on a phone, light and dark; says no key instead of a word; can be used by all; and is not heavy."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import IN_BROWSER, PHONE, WIDE, Open, pages
from tests.e2e.console.pages import AXE, enter, faults, go, table, visible_to
from tests.e2e.server import REPOSITORY, Server
from tests.e2e.world import furnish
from tests.shot_states import STATES, reach
from tests.shots import looker

pytestmark = IN_BROWSER
WHO = ("stranger", "user", "root")
LOOKS = [("en", WIDE, "light"), ("zh-CN", PHONE, "dark")]
#: Dialogs, drawers and menus that are opened and looked at as pages are.
LAYERS = (
    "palette account key_faults key_apps charge_raw second_factor model_prices channel_faults"
    " channel_bulk user user_menu user_credit codes_new price_version price_publish"
    " reversal_numbers change"
).split()
LOCALES = REPOSITORY / "static/js/locales"
# A key that has no words is shown as itself.
_KEY = re.compile(r"(?<![\w./:@-])[a-z]+(?:\.[a-zA-Z]+)+(?![\w./-])")
_WORD = re.compile(r'^\s*"([^"]+)":\s*\n?\s*(["`].*["`]),?$', re.M)
# Types of events and actions begin like this, and are shown as they are where there is no word.
_DATA = set(
    "audit balance channel code epoch grant key ledger lot option price recharge redemption usage"
    " user".split()
)
#: Bytes over the wire (compressed) that a first visit to a page may take, with all it is made of:
#: those with charts or with what chooses from long lists, and the others.
LARGE = set("overview dashboard channels changes keys playground reconcile".split())
LARGE_BYTES, SMALL_BYTES = 640_000, 240_000
_SUM = """['resource', 'navigation'].flatMap((kind) => performance.getEntriesByType(kind))
  .filter((e) => !new URL(e.name).pathname.startsWith('/api/'))
  .reduce((sum, e) => sum + e.transferSize, 0)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server")).start()
    furnish(server, requests=12)
    yield server
    server.stop()


@pytest.fixture
def open_page(server: Server, chromium: Browser) -> Iterator[Open]:
    yield from pages(server, chromium)


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (npm ci)")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("locale", "size", "scheme"), LOOKS)
def test_every_page_opens_and_can_be_used(
    server: Server, open_page: Open, who: str, locale: str, size: dict[str, int], scheme: str
) -> None:
    page = open_page(locale, viewport=size, color_scheme=scheme)
    enter(page, server, who)
    wrong = []
    for row in visible_to(table(page), who):
        go(page, server, row["path"])
        text = page.locator("body").inner_text()
        keys = [key for key in _KEY.findall(text) if is_word(key)]
        wrong += [f"{row['name']}: words missing: {keys}"] if keys else []
        wrong += [f"{row['name']}: {fault}" for fault in faults(page)]
        if overflow(page) > 0:
            wrong.append(f"{row['name']}: wider than the window by {overflow(page)} px")
    assert not wrong, "\n".join(wrong)


# What a layer should not do: leave the window, scroll sideways, hide the button it is there for.
_MISFITS = """() => {
  const layer = [...document.querySelectorAll('dialog[open]')].at(-1);
  if (!layer) return [];
  const box = layer.getBoundingClientRect();
  const go = layer.querySelector('button[type=submit]')?.getBoundingClientRect();
  const beyond = box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight;
  const sideways = [layer, ...layer.children].some(
    (one) => one.scrollWidth > one.clientWidth && getComputedStyle(one).overflowX !== 'visible');
  const hidden = go && go.bottom > innerHeight;
  return Object.entries({beyond, sideways, hidden}).filter(([, is]) => is).map(([name]) => name);
}"""


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (npm ci)")
@pytest.mark.parametrize(("locale", "size", "scheme"), LOOKS)
def test_dialogs_drawers_and_menus_fit_and_can_be_used(
    server: Server, open_page: Open, locale: str, size: dict[str, int], scheme: str
) -> None:
    wrong = []
    for who in ("user", "root"):
        home = open_page(locale, viewport=size, color_scheme=scheme)
        enter(home, server, who)
        for name in LAYERS:
            if looker(STATES[name].path).replace("stranger", "user") != who:
                continue
            page = home.context.new_page()
            go(page, server, STATES[name].path)
            reach(page, STATES[name])
            found = [*faults(page), *page.evaluate(_MISFITS)]
            found += ["the page is too wide"] if overflow(page) > 0 else []
            wrong += [f"{name}: {fault}" for fault in found]
            page.close()
    assert not wrong, "\n".join(wrong)


_SMALLEST = """(link) => {
  link.lastElementChild.textContent = "–";
  const { width, height } = link.getBoundingClientRect();
  return Math.min(width, height);
}"""


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_a_balance_that_is_not_known_yet_can_be_hit(
    server: Server, open_page: Open, size: dict[str, int]
) -> None:
    page = open_page("zh-CN", viewport=size)
    enter(page, server, "user")
    assert page.locator("a.balance").evaluate(_SMALLEST) >= 24


def words(locale: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((LOCALES / locale).glob("*.js")):
        for key, text in _WORD.findall(path.read_text()):
            assert key not in found, f"{key} is twice in {locale}"
            found[key] = text[1:-1]
    return found


KEYS = words("en")
AREAS = {key.split(".")[0] for key in KEYS} - _DATA


def is_word(key: str) -> bool:
    """Whether a dotted text looks like a key of the locale files."""
    is_file = key.rsplit(".", 1)[-1] in ("yaml", "json", "tar", "csv", "toml")
    return key in KEYS or (key.split(".")[0] in AREAS and not is_file)


def used() -> set[str]:
    return {
        key
        for path in Path(REPOSITORY / "static/js").rglob("*.js")
        if "locales" not in path.parts
        for key in re.findall(r"""\bt\(\s*["']([\w.-]+)["']""", path.read_text())
    }


def test_both_languages_have_all_words_with_the_same_places() -> None:
    chinese = words("zh-CN")
    assert set(KEYS) == set(chinese)
    places = re.compile(r"\{(\w+)\}")
    for key, text in KEYS.items():
        assert set(places.findall(text)) >= set(places.findall(chinese[key])), key
    assert used() - set(KEYS) == set(), "words that nobody wrote"


@pytest.mark.parametrize("who", ["stranger", "root"])  # who may see all that users see
def test_a_first_visit_is_not_heavy(
    server: Server, chromium: Browser, open_page: Open, who: str
) -> None:
    page = open_page()
    enter(page, server, who)
    state, heavy = page.context.storage_state(), []
    for row in visible_to(table(page), who):
        visit = chromium.new_context(storage_state=state)
        fresh, name = visit.new_page(), row["name"]
        go(fresh, server, row["path"])
        size = int(fresh.evaluate(_SUM))
        visit.close()
        budget = LARGE_BYTES if name in LARGE else SMALL_BYTES
        print(f"{name}: {size:,} bytes of {budget:,}")
        if not 0 < size <= budget:
            heavy.append(f"{name}: {size:,} bytes")
    assert not heavy, heavy


def test_pages_are_for_those_who_may_see_them(server: Server, open_page: Open) -> None:
    page = open_page()
    rows = table(page)
    page.goto(f"{server.url}/#/users")  # at once: the first page may not be there yet
    expect(page.locator("input[name=username]")).to_be_visible()
    assert "next=/users" in page.url or "next=%2Fusers" in page.url
    enter(page, server, "user")
    for row in visible_to(rows, "root"):
        page.goto(f"{server.url}/#{row['path']}")
        expect(page.locator("main h1")).to_have_text("Not found")


def test_the_palette_leads_anywhere_by_keyboard(server: Server, open_page: Open) -> None:
    page = open_page()
    enter(page, server, "root")
    page.keyboard.press("Control+k")
    page.keyboard.type("wanderer")
    expect(page.get_by_role("option").filter(has_text="wanderer")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#/users\?user=\d+"))
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("verif")
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text("Verify")


def test_the_rail_folds_and_is_a_sheet_on_phones(server: Server, open_page: Open) -> None:
    page = open_page()
    enter(page, server, "user")
    page.locator(".rail .fold").click()
    page.reload()
    expect(page.locator(".frame.folded")).to_be_visible()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect(page.locator(".rail")).to_be_hidden()
    page.locator(".menu-button").click()
    page.locator(".rail").get_by_text("Keys").click()
    expect(page.locator("main h1")).to_have_text("Keys")
    expect(page.locator(".rail")).to_be_hidden()
