"""Write docs/matrix.md."""

from tests.gateway.relay.matrix.page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
