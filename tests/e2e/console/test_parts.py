"""What all pages share: money, words, colours, copying, the language and the theme."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import IN_BROWSER, Open, ask, clipboard, customer_of, signed_in
from tests.e2e.server import REPOSITORY, Server

pytestmark = IN_BROWSER

MONEY = [
    ("0", "$0.00"),
    ("-0.000012345", "−$0.00001235"),
    ("-0.000000001", "−$0.000000001"),
    ("0.0099996", "+$0.01"),
    ("0.0123456", "+$0.0123"),
    ("0.5", "+$0.50"),
    ("1.005", "+$1.01"),
    ("9223372036.854775807", "+$9,223,372,036.85"),
]


def test_money_is_trimmed_for_the_eye_and_exact_underneath(open_page: Open) -> None:
    page = open_page(path="/#/signin")
    script = """async (amounts) => {
        const main = document.querySelector("script[src*='/js/main.js']").src;
        const { parseUsd, shortUsd, exactUsd } = await import(main.replace("main", "core/money"));
        const shown = amounts.map(parseUsd).map((n) => [exactUsd(n), shortUsd(n, {signed: true})]);
        return [shown, shortUsd(parseUsd("24.699"), { down: true })];
    }"""
    shown, cut = page.evaluate(script, [amount for amount, _ in MONEY])
    assert shown == [list(row) for row in MONEY]
    assert cut == "$24.69"


LINE = re.compile(r'^  "([^"]+)": "((?:[^"\\]|\\.)*)",$')


def words(language: str) -> dict[str, dict[str, str]]:
    """The words of each file of a language; every line in it must be one."""
    files = {}
    for path in sorted((REPOSITORY / "static/js/locales" / language).glob("*.js")):
        if path.name == "index.js":
            continue
        inside = path.read_text().split("export default {\n")[1].rsplit("};", 1)[0]
        lines = [
            line for line in inside.splitlines() if line and not line.lstrip().startswith("//")
        ]
        found = [LINE.match(line) for line in lines]
        assert all(found), (path, [line for line in lines if not LINE.match(line)])
        pairs = [(match[1], match[2]) for match in found if match]
        assert len({key for key, _ in pairs}) == len(pairs), f"{path}: a key is there twice"
        files[path.name] = dict(pairs)
    return files


def test_both_languages_say_everything() -> None:
    english, chinese = words("en"), words("zh-CN")
    assert english.keys() == chinese.keys()
    for name, said in english.items():
        assert said.keys() == chinese[name].keys(), name
        for key, text in said.items():
            named = set(re.findall(r"\{(\w+)\}", text))
            assert set(re.findall(r"\{(\w+)\}", chinese[name][key])) <= named, key


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = [
    *(
        (ink, ground, 4.5)
        for ink in ("ink", "ink-2", "accent")
        for ground in ("page", "hover", "selected")
    ),
    ("warning", "warning-ground", 4.5),
    ("danger", "danger-ground", 4.5),
    ("danger", "page", 4.5),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-hover", 4.5),
    ("edge", "page", 3.0),
    ("accent-bar", "page", 3.0),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_told_apart(theme: str) -> None:
    tokens = (REPOSITORY / "static/theme/default/tokens.css").read_text()
    light, dark = tokens.split(':root[data-theme="dark"]')
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if theme == "light" else dark))
    for ink, ground, least in PAIRS:
        low, high = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (high + 0.05) / (low + 0.05) >= least, (ink, ground)


def test_copying_is_exact_and_language_and_theme_are_remembered(
    sandbox: Server, open_page: Open
) -> None:
    customer = customer_of(sandbox, "copier")
    ask(sandbox, customer)
    page = signed_in(open_page("en", path="/#/log", color_scheme="dark"), customer.name)
    amount = page.locator(f'tr[data-key="{customer.event}"] data.money')
    amount.evaluate("node => getSelection().selectAllChildren(node)")
    page.keyboard.press("Control+c")
    assert clipboard(page) == f"-{customer.cost}"

    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.click("#language")
    expect(root).to_have_attribute("lang", "zh-CN")
    expect(page.locator("thead")).to_contain_text("金额")
    page.click("#colours")
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("lang", "zh-CN")
    expect(root).to_have_attribute("data-theme", "light")


def test_amounts_have_their_points_in_a_line_and_end_below_their_head(
    sandbox: Server, open_page: Open
) -> None:
    customer = customer_of(sandbox, "aligner")
    ask(sandbox, customer)
    page = signed_in(open_page("en", path="/#/log"), customer.name)
    expect(page.locator("tbody .amount .point")).to_have_count(2)  # the first credit and the charge
    head, starts, ends = page.evaluate("""() => {
        const box = (node) => {
            const text = document.createRange();
            text.selectNodeContents(node);
            return text.getBoundingClientRect();
        };
        const points = [...document.querySelectorAll("tbody .amount .point")].map(box);
        const head = box(document.querySelector("thead .amount")).right;
        return [head, points.map(({ left }) => left), points.map(({ right }) => right)];
    }""")
    assert max(starts) - min(starts) < 1
    assert max(ends) == pytest.approx(head, abs=1)
    assert max(ends) - min(ends) > 1, "amounts of different length"
