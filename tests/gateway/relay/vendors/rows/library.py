"""AIProxy's library, which has no turns and reports nothing."""

from tests.fakes import library
from tests.gateway.relay.vendors.rows.row import Row, Seen

ROW = Row(
    type=21,
    fake=library.FakeLibrary,
    secret=library.KEY,
    seen=lambda body: Seen(said=[("user", body["query"])]),
    frame=lambda script: {},
    linked=False,
    refused=(),
    chat_path="/api/library/ask",
    config={"library_id": library.LIBRARY},
)
