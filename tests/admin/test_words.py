"""The words of other languages: complete, not stale, and never in the way."""

import ast
import re
from functools import cache
from time import perf_counter
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from marshmallow import Schema, fields, validate

from admin.errors import TABLE
from admin.words import FOLDER, MOST_CHARS, Template, Words, asked_for
from ledger import yaml_text
from tests.admin.harness import CATALOGUE
from tests.admin.sentences import ROOT, Module

#: Beside all of admin/ and gateway/directory/: whose errors admin/errors.py hands on.
OTHERS = (
    "gateway/channels/model_diffs.py",
    "gateway/limits/door.py",
    "gateway/web.py",
    *(f"gateway/identity/{name}.py" for name in ("asking", "documents", "github", "id_token")),
    *(f"gateway/identity/{name}.py" for name in ("lark", "oidc", "wechat")),
)
#: Modules of which nobody at the console hears a word, and why.
NOT_HEARD = {
    "admin/handlers/payment_notices.py": "answered to payment providers and shops",
    "admin/payments/crediting.py": "answered to payment providers and shops",
    "admin/payments/epay.py": "answered to payment providers",
    "admin/payments/signatures.py": "answered to shops",
    "admin/payments/stripe_events.py": "answered to payment providers",
    "admin/payments/taking_back.py": "answered to payment providers and shops",
    "gateway/directory/catalogue.py": "read when the gateway starts",
    "ledger/backup.py": "on the command line",
    "ledger/price_check.py": "on the command line",
    "ledger/price_seed.py": "read when the gateway starts",
    "ledger/rebuild.py": "on the command line",
    "ledger/credit.py": "faults of ours, not refusals",
    "ledger/merkle.py": "faults of ours, not refusals",
}
#: Single sentences that nobody there hears, and why.
NOT_SAID = {
    "{} has {} of the {} nano-dollars needed": "said in USD instead",
    "duplicate key {} in index {}": "said in other words, without the key",
    "the batch stopped at document {}: {}": "a fault of ours",
    "must be said in {}": "of the catalogue, read when the gateway starts",
    "is no regular expression": "of the catalogue, read when the gateway starts",
    "the key must be {} bytes": "of SECRET_KEY, read when the gateway starts",
    "unknown version": "a fault of ours",
    "must be 64 hex digits or 32 bytes in base64 (try: openssl rand -hex 32)": "of SECRET_KEY",
    "{} does not hold a key; restore it from a backup": "read when the gateway starts",
    "HTTP {}": "the same in every language",
    "{}: needs fields such as set: or groups:": "of a file on the command line",
    "{} is finer than a billionth": "of a payment provider's notice",
    "{} takes the whole, and is not the only one": "a fault of ours",
    **dict.fromkeys(
        (
            "longer than {} characters",
            "{} is not a usable number",
            "{} is not a count of tokens",
            "{} USD is more than the books can hold",
            "{} is not a time",
            "{} is not a time such as 2026-01-31T12:00:00Z",
            "{} is not a time between 1970 and 9999",
        ),
        "of a line of a vendor's file, in the result",
    ),
}
#: Where a gap of several words stands beside another one: the source, and what it comes to.
MADE = {
    ("gateway/directory/errors.py", 'f"there is no {kind} {key}"'): (
        "there is no redemption code {}",
        "there is no access token {}",
        "there is no begun second factor of user {}",
    ),
    ("gateway/directory/limit_tables.py", 'f"{path}: {name} {error}"'): (
        "{} must be a whole number",
        "{} must be between {} and {}",
    ),
}
LANGUAGES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


@cache
def table(language: str) -> dict[str, str]:
    """All sentences of a language; each is there once."""
    merged: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.yaml")):
        text = path.read_text("utf-8")
        read = yaml_text.parsed(text)
        assert len(read) == len(re.findall(r'^"', text, re.M)), f"{path.name}: one is there twice"
        assert not merged.keys() & read.keys(), merged.keys() & read.keys()
        merged |= read
    return merged


def shape(template: str) -> str:
    """A template as it is collected: with {} for each gap."""
    return "{}".join(Template.of(template).literals)


@cache
def heard() -> frozenset[str]:
    """All that a reader of the console may be told, as templates."""
    trees = (
        path
        for folder in ("admin", "gateway/directory", "ledger")
        for path in (ROOT / folder).rglob("*.py")
    )
    paths = {str(path.relative_to(ROOT)) for path in trees} | set(OTHERS)
    found = {sentence for path in paths - NOT_HEARD.keys() for sentence in Module(path).sentences()}
    found |= {said for *_, said in TABLE if said} | {
        said for made in MADE.values() for said in made
    }
    return frozenset(found | of_marshmallow())


def of_marshmallow() -> set[str]:
    """What marshmallow itself says of the fields and checks that the schemas use."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "admin").rglob("*.py"))
    said = {str(text) for text in Schema._default_error_messages.values()}
    for name in set(re.findall(r"\bfields\.([A-Z]\w+)", source)):
        for kind in getattr(fields, name).__mro__:
            said |= set(vars(kind).get("default_error_messages", {}).values())
    for name in set(re.findall(r"\bvalidate\.([A-Z]\w+)", source)):
        kind = getattr(validate, name)
        if kind is validate.Range:
            least, most = f"{kind.message_gte} {{}}", f"{kind.message_lte} {{}}"
            said |= {f"Must be {text}." for text in (least, most, f"{least} and {most}")}
        else:
            texts = (text for key, text in vars(kind).items() if "message" in key)
            said |= {text for text in texts if isinstance(text, str)}
    return {shape(text) for text in said}


def entry_of(sentence: str, known: dict[str, str]) -> str | None:
    """The entry that says a sentence: all of it, or what stands after the names of fields."""
    while sentence:
        if sentence in known:
            return sentence
        sentence = sentence.partition(": ")[2]
    return None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_can_be_said_and_no_entry_is_stale(language: str) -> None:
    known = {shape(entry): entry for entry in table(language)}
    words = yaml_text.parsed((FOLDER / language / "words.yaml").read_text("utf-8"))
    found = {sentence: entry_of(sentence, known) for sentence in heard() - NOT_SAID.keys()}
    assert sorted(sentence for sentence, entry in found.items() if entry is None) == []
    stale = known.keys() - set(found.values()) - {shape(word) for word in words}
    assert sorted(stale) == []


def test_what_is_left_out_is_still_there() -> None:
    assert {path for path in NOT_HEARD if not list(Module(path).sentences())} == set()
    assert NOT_SAID.keys() - heard() == set()
    assert all(source in (ROOT / path).read_text("utf-8") for path, source in MADE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_fill_gaps_are_in_the_source(language: str) -> None:
    said = {
        part
        for folder in ("admin", "gateway", "ledger")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for part in (node.value, node.value.replace("_", " "))
    }
    words = yaml_text.parsed((FOLDER / language / "words.yaml").read_text("utf-8"))
    assert sorted({word for word in words if not {word, word.removesuffix("d")} & said}) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_sides_have_the_same_gaps(language: str) -> None:
    for theirs, ours in table(language).items():
        names = Template.of(theirs).names
        assert len(set(names)) == len(names), theirs
        assert set(names) == set(Template.of(ours).names), theirs
        assert [n for n in names if n.isdecimal()] == [
            str(i) for i in range(sum(map(str.isdecimal, names)))
        ], theirs


#: What stands in gaps: no letters of the sentences, but much that could be taken amiss.
ODD = (*"0189 .*+?()[]{}|^$\\\n\t:;,'\"“界", "{0}", "{why}", "; ", ": ")
VALUES = st.lists(st.sampled_from(ODD), max_size=12).map("".join)


@pytest.mark.parametrize("language", LANGUAGES)
@given(data=st.data())
def test_a_filled_sentence_is_said_with_the_same_values(language: str, data: Any) -> None:
    theirs, ours = data.draw(st.sampled_from(sorted(table(language).items())))
    template = Template.of(theirs)
    values = {name: data.draw(VALUES) for name in template.names}
    for name, after in zip(template.names[:-1], template.literals[1:], strict=False):
        assume(after not in values[name])  # else nobody could tell where the value ends
    assert words_of(language).say(template.filled(values)) == Template.of(ours).filled(values)


@pytest.mark.parametrize("language", LANGUAGES)
@given(message=st.text(max_size=200) | st.text("abe: ;{}0\n", max_size=60))
def test_what_is_not_known_is_said_as_it_is(language: str, message: str) -> None:
    entries = [Template.of(entry) for entry in table(language)]
    ends = [message[at:] for at in range(len(message) + 1)]
    assume(not any(entry.fit(end) is not None for entry in entries for end in ends))
    assert words_of(language).say(message) == message


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_of_any_length_and_shape_is_looked_up_at_once(language: str) -> None:
    words = words_of(language)
    for part in ("a: ", " is none of ", "must be between ", "; ", " and "):
        message = part * (MOST_CHARS // len(part))
        began_s = perf_counter()
        assert isinstance(words.say(message), str)
        assert perf_counter() - began_s < 0.5
        assert words.say(message + part * 99) == message + part * 99


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", None),
        ("en", None),
        ("zh-CN", "zh-CN"),
        ("zh", "zh-CN"),
        ("ZH-Hans-CN, en;q=0.8", "zh-CN"),
        ("fr-FR, zh;q=0.8, en;q=0.3", "zh-CN"),
        ("en-GB,zh;q=0.9", None),
        ("zh;q=0.2,en;q=0.9", None),
        ("en;q=0.5 , zh;q=0.5", None),
        ("zh;q=0", None),
        ("*", None),
        ("de", None),
        ("zh;q=nan, ;;;,=", None),
        ("\x00" * 9_000, None),
    ],
)
def test_the_language_that_is_liked_best_is_spoken(header: str, language: str | None) -> None:
    words = asked_for(header)
    assert (words and words.language) == language


def test_what_a_vendor_wants_is_said_as_the_catalogue_says_it() -> None:
    help_of = {
        theirs: ours
        for vendor in CATALOGUE.vendors()
        for text in (*(f.help for f in vendor.config), *filter(None, [vendor.retired]))
        for theirs, ours in [(text["en"], text["zh-CN"])]
    }
    assert len(help_of) > 10
    for theirs, ours in help_of.items():
        assert words_of("zh").say(f"config.a: must be given: {theirs}") == f"config.a: 必填：{ours}"
        assert words_of("zh").say(f"type: {theirs}") == f"type: {ours}"


def words_of(language: str) -> Words:
    found = asked_for(language)
    assert found is not None
    return found
