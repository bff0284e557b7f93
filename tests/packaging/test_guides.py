"""docs/operating.md and docs/upgrading.md: every command, setting, metric, file and schema in them
is there."""

import argparse
import re
from collections.abc import Iterator

import pytest

from gateway.cli import build_parser
from gateway.metrics import PREFIX, ROWS
from gateway.settings import rows
from gateway.settings_oneapi import FOREIGN
from tests.e2e.server import REPOSITORY

DOCS = REPOSITORY / "docs"
GUIDES = {name: (DOCS / name).read_text("utf-8") for name in ("operating.md", "upgrading.md")}
SETTINGS = {name for _, row, _ in rows() for name in row.env} | FOREIGN.keys()
# In capitals, but no settings: what Kubernetes, systemd, shells and HTTP call their own.
OTHERS = {"CHANNEL", "TOKEN"}


def parsers(parser: argparse.ArgumentParser, at: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield every command with its flags."""
    yield at, {flag for action in parser._actions for flag in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, found in action.choices.items():
                yield from parsers(found, f"{at} {name}".strip())


KNOWN = dict(parsers(build_parser()))


def commands(text: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the commands that a text tells to give, each with its flags."""
    for line in re.findall(r"tollgate ([a-z][^`#|\n]*)", text):
        words = line.split()
        name = words[0]
        for word in words[1:3]:
            if f"{name} {word}" in KNOWN:
                name = f"{name} {word}"
        if name in KNOWN or name in ("ledger", "serve"):
            yield name, set(re.findall(r"(?<!\S)--[a-z-]+", line))


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_is_there_and_takes_its_flags(guide: str) -> None:
    found = list(commands(GUIDES[guide]))
    assert len(found) > 2
    for name, flags in found:
        assert name in KNOWN, name
        assert flags <= KNOWN[name], (name, flags - KNOWN[name])
    text = GUIDES[guide]
    named = {" ".join(each) for each in re.findall(r"tollgate (ledger) ([a-z]+)", text)}
    assert named <= KNOWN.keys()


@pytest.mark.parametrize("guide", GUIDES)
def test_every_setting_metric_target_and_link_is_there(guide: str) -> None:
    text = GUIDES[guide]
    written = set(re.findall(r"`([A-Z][A-Z_]{4,})(?:=[^`]*)?`", text))
    assert written - SETTINGS <= OTHERS, written - SETTINGS
    names = {name.removesuffix("_total") for name in re.findall(rf"{PREFIX}([a-z_]+)", text)}
    assert names <= ROWS.keys(), names - ROWS.keys()
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (DOCS / link).exists(), link


def test_every_version_of_an_event_is_in_the_table() -> None:
    rows_of = dict(re.findall(r"^\| `([a-z.]+)` \| ([\d, ]+) \|", GUIDES["upgrading.md"], re.M))
    told = {f"{kind}.v{n}" for kind, said in rows_of.items() for n in said.split(", ")}
    assert told == {path.stem for path in (REPOSITORY / "conf" / "events").glob("*.yaml")}
