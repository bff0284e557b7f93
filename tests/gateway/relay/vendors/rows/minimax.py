"""MiniMax, which is asked in OpenAI's dialect."""

from tests.fakes import minimax
from tests.gateway.relay.vendors.rows.row import Row, Seen

ROW = Row(
    type=27,
    fake=minimax.FakeMiniMax,
    secret=minimax.KEY,
    seen=lambda body: Seen(),
    frame=lambda script: {},
    linked=True,
    refused=(),
    chat_path="/v1/text/chatcompletion_v2",
)
