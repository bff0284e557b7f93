"""One API on MySQL and PostgreSQL: the same rows become the same as from SQLite."""

import re
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.catalogue import Catalogue
from gateway.directory.vault import Vault
from gateway.moving.connect import SourceError
from gateway.moving.logs import Logs
from gateway.moving.plan import Plan, make_plan
from gateway.moving.source import read_source
from tests import old_servers
from tests.e2e.server import free_port
from tests.old_system import awkward

CATALOGUE = Catalogue.load(Path(__file__).parents[2] / "conf" / "providers.yaml")


def known(plan: Plan) -> dict[str, Any]:
    """All that a plan says, but for encrypted texts, which differ each time, and the source."""
    found = {name: getattr(plan, name) for name in ("users", "keys", "channels", "used_codes")}
    found |= {"batches": [asdict(batch) for batch in plan.batches], "options": plan.options}
    found |= {"balances": plan.balances, "prices": plan.prices, "owners": plan.owners()}
    lines = [line.replace(plan.source.name, "it") for line in plan.report.lines()]
    return _plain({**found, "report": sorted(lines)})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if not name.endswith("_enc")}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return re.sub(r"v1\.[\w=-]+", "sealed", value) if isinstance(value, str) else value


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_another_database_makes_no_difference(kind: str, tmp_path: Path) -> None:
    old = awkward(tmp_path / "one-api.db")
    old.user(12, "NULL", 0, **dict.fromkeys(("email", "role", "status", "group", "aff_code")))
    rows = [
        (n, 2, 1_700_000_000 + n, 2, "李雷", "默认", "gpt-4o", n, True) for n in range(1, 2_100)
    ]
    names = ("user_id", "created_at", "type", "username", "token_name", "model_name", "quota")
    old.add_many("logs", ("id", *names, "is_stream"), rows)
    port = free_port()
    server: AbstractContextManager[str] = getattr(old_servers, kind)(port)
    with server as address:
        old_servers.fill(kind, port, old)
        there, here = (
            make_plan(read_source(location), CATALOGUE, Vault(b"k" * 32))
            for location in (address, str(old.path))
        )
        assert known(there) == known(here)
        assert there.report.adds_up and there.report.source_nano == here.report.source_nano
        for since_s in (0, 1_700_001_000):
            logs, same = Logs(address, since_s), Logs(str(old.path), since_s)
            assert logs.found() == same.found()
            assert [*logs.pages(0)] == [*same.pages(0)]
        for wrong, said in (
            (address.replace("one@", "nobody@").replace("p%40ss", "no"), "cannot connect to"),
            (address.replace("/one_api", "/other"), "cannot connect to"),
            (address.replace(str(port), str(free_port())), "cannot connect to"),
        ):
            with pytest.raises(SourceError, match=said) as error:
                read_source(wrong)
            assert "\n" not in str(error.value)


def test_an_empty_database_is_none_of_one_api(tmp_path: Path) -> None:
    (tmp_path / "empty.db").write_bytes(b"")
    with pytest.raises(SourceError, match="is not of One API or new-api: users lacks"):
        read_source(str(tmp_path / "empty.db"))
