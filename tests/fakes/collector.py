"""A collector of OpenTelemetry's protocol on a real socket: it keeps the spans that it is sent."""

from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


def said(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class Collector:
    """Use as an asynchronous context manager. `spans` are protobuf messages, in their order;
    `resources` the attributes of who sent them; `status` is what it answers."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.raw = b""
        self.status = 200

    async def __aenter__(self) -> Self:
        collector = self

        class Traces(RequestHandler):
            def post(self) -> None:
                if collector.status != 200:
                    self.set_status(collector.status)
                    return
                collector.take(self.request.body, self.request.headers)
                self.set_header("Content-Type", "application/x-protobuf")
                self.finish(ExportTraceServiceResponse().SerializeToString())

        sockets = bind_sockets(0, "127.0.0.1")
        self._server = HTTPServer(
            Application([("/v1/traces", Traces)], log_function=lambda handler: None)
        )
        self._server.add_sockets(sockets)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def take(self, body: bytes, headers: Any) -> None:
        """Read what was sent."""
        self.raw += body
        self.headers.append(headers)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(said(of_resource.resource.attributes))
            for of_scope in of_resource.scope_spans:
                self.spans.extend(of_scope.spans)
