"""Write docs/faults.md."""

from tests.gateway.relay.faults.page import page
from tests.gateway.relay.faults.table import FAULTS
from tests.gateway.relay.faults.test_faults import PAGE

PAGE.write_text(page(FAULTS), encoding="utf-8")
