"""A trace collector on a port of its own: OTLP over HTTP, as OpenTelemetry sends it."""

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Span:
    """One span as it came."""

    def __init__(self, span, resource):
        self.name = span.name
        self.kind = span.kind
        self.trace, self.id, self.parent = (
            value.hex() for value in (span.trace_id, span.span_id, span.parent_span_id)
        )
        self.seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        self.attributes = {a.key: _value(a.value) for a in span.attributes}
        self.events = [e.name for e in span.events]
        self.status = (span.status.code, span.status.message)
        self.resource = {a.key: _value(a.value) for a in resource.attributes}


class Collector:
    """Keeps what is sent to `endpoint`."""

    def __init__(self):
        self.spans, self.bodies = [], []
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                own.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, body):
        request = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(body)
        self.spans += [
            Span(span, of.resource)
            for of in request.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]

    def wait_for(self, name, seconds=15.0):
        """Return the first span of a name; the sender may keep it for a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for span in list(self.spans):
                if span.name == name:
                    return span
            time.sleep(0.02)
        raise AssertionError(f"no span {name} in {sorted({s.name for s in self.spans})}")

    def of_trace(self, trace):
        return [s for s in self.spans if s.trace == trace]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def _value(value):
    return getattr(value, value.WhichOneof("value"))
