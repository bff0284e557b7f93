"""iFlytek's Spark, by its WebSocket."""

from tests.fakes import spark
from tests.fakes.native import CALLS, Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, TOOL, TWO, Row, Seen


def of_spark(body: Json) -> Seen:
    seen = Seen()
    seen.said = [(each["role"], each["content"]) for each in body["payload"]["message"]["text"]]
    functions = body["payload"].get("functions", {"text": []})
    seen.tools = [each["name"] for each in functions["text"]]
    asked = body["parameter"]["chat"]
    seen.sampling = {name: value for name, value in asked.items() if name != "domain"}
    return seen


def spark_frame(script: Script) -> Json:
    return spark.counts(script.tokens_in, script.tokens_out)


ROW = Row(
    type=18,
    fake=spark.FakeSpark,
    secret=spark.KEY,
    seen=of_spark,
    frame=spark_frame,
    linked=False,
    refused=(
        TWO,
        AUDIO,
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
    ),
    chat_path="/v3.5/chat",
    model="Spark-Max",
    sampling=frozenset(("temperature", "top_k", "max_tokens")),
    calls=CALLS[:1],
    results=False,
    thinks=False,
    lengths=False,
    vectors=False,
)
