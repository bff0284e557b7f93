"""DeepL, which has no turns, no streams and no tokens."""

from tests.fakes import deepl
from tests.gateway.relay.vendors.rows.row import Row, Seen

ROW = Row(
    type=38,
    fake=deepl.FakeDeepL,
    secret=deepl.KEY,
    seen=lambda body: Seen(said=[("user", text) for text in body["text"]]),
    frame=lambda script: {},
    linked=False,
    refused=(),
    chat_path="/v2/translate",
    model="deepl-pt-br",
)
