"""`tollgate ledger prices check`: models that are offered without a price, and odd prices."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from gateway.directory.catalogue import Catalogue
from ledger.price_check import Offer, odd, read_notes, unpriced
from ledger.price_rows import Row
from ledger.price_seed import packaged_rows

CONF = Path(__file__).parents[2] / "conf"


def offers(catalogue: Catalogue) -> list[Offer]:
    """Return every model that the catalogue offers."""
    return [Offer(v.id, v.name, model) for v in catalogue.vendors() for model in v.models]


def check(rows: Mapping[str, Row], factor: Decimal, now: datetime | None = None) -> int:
    """Print what is wrong with a table of prices; return 1 when there is something, else 0.

    What conf/price_notes.yaml gives a reason for is only counted. Raises InvalidPrices.
    """
    notes = read_notes(CONF / "price_notes.yaml")
    lacking = unpriced(offers(Catalogue.load(CONF / "providers.yaml")), rows)
    strange = odd(rows, packaged_rows(now or datetime.now(UTC)), factor)
    without = [each for each in lacking if each.model not in notes.unpriced]
    unlike = [each for each in strange if each.model not in notes.odd]
    for offer in without:
        print(f"no price: {offer.model} ({offer.vendor}, type {offer.type})")
    for one in unlike:
        print(f"odd: {one.model} {one.name} {one.ours:f}, {one.theirs:f} in {one.source}")
    print(
        f"{len(without)} of the models offered have no price and {len(unlike)} prices are odd;"
        f" for {len(lacking) - len(without)} and {len(strange) - len(unlike)} more there are"
        " reasons in price_notes.yaml."
    )
    return 1 if without or unlike else 0
