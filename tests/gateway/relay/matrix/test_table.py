"""The tables against the product: no route, protocol or way of serving is left out, and the page
is theirs."""

from typing import Any

from gateway.directory.vendor import PROTOCOLS
from gateway.formats.openai import Endpoint
from gateway.relay.absent import NotImplementedHandler, UnknownHandler
from gateway.relay.billing import SubscriptionHandler, UsageHandler
from gateway.relay.models import ModelHandler, ModelsHandler
from gateway.relay.route import wire_of
from gateway.urls import relay_routes
from tests.admin.harness import CATALOGUE
from tests.gateway.relay.matrix.cell import CAME
from tests.gateway.relay.matrix.columns import COLUMNS
from tests.gateway.relay.matrix.page import PAGE, page
from tests.gateway.relay.matrix.rows import GROUPS

ROWS = [row for group in GROUPS for row in group.rows]
# Served by the gateway alone, or not at all (absent.py).
HERE = {ModelsHandler, ModelHandler, SubscriptionHandler, UsageHandler}
HERE |= {NotImplementedHandler, UnknownHandler}


def endpoints() -> list[Endpoint]:
    """Return the endpoints of all routes that ask upstreams."""
    nowhere: Any = None
    routes = [each for each in relay_routes(nowhere) if each.handler_class not in HERE]
    found: list[Endpoint] = []
    for each in routes:
        handler: Any = each.handler_class
        endpoint = (each.kwargs or {}).get("endpoint") or handler.endpoint
        assert isinstance(endpoint, Endpoint)
        found.append(endpoint)
    return found


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_row_is_another_one() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


def test_every_route_has_a_row() -> None:
    assert {each.name for each in endpoints()} == {row.endpoint for row in ROWS}
    unasked = {each.path for each in endpoints()} - {row.path for row in ROWS}
    assert unasked == {"/v1/oneapi/proxy"}  # its row says where the upstream is asked


def test_every_protocol_has_a_column() -> None:
    vendor = CATALOGUE.vendor
    assert {vendor(column.type).protocol for column in COLUMNS} == set(PROTOCOLS)


def test_the_words_are_the_products() -> None:
    vendor = CATALOGUE.vendor
    known = {each.path: each for each in endpoints() if each.name != "proxy"}
    charged = [row for row in ROWS if row.path in known and not row.free]
    for row in charged:
        for column in COLUMNS:
            if row.name in column.but:
                continue
            endpoint, cell = known[row.path], column.cell(row)
            wire = wire_of(vendor(column.type), endpoint)
            assert (wire is not None) is cell.offered, (row.name, column.name)
            # A stream as one array is written anew, also from one of the same dialect.
            same = wire is not None and wire.dialect == endpoint.dialect and row.name != "array"
            assert same is (cell is CAME), (row.name, column.name)
