"""The other end of a call between deployments: takes up what `request.carrier` handed over."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cluster.telemetry.request import (
    REQUEST_ID,
    TRACEPARENT,
    Carrier,
    Request,
    chosen_id,
    working_for,
)
from cluster.telemetry.tracer import Tracer, Value


@contextmanager
def received(
    carrier: Carrier | None,
    tracer: Tracer,
    name: str,
    attributes: Mapping[str, Value] | None = None,
) -> Iterator[None]:
    """Work for the caller's request inside, in a span below the caller's."""
    held = carrier or {}
    request = Request(request_id=chosen_id(held.get(REQUEST_ID)), parent=tracer.parent)
    with (
        working_for(request),
        tracer.server(name, held.get(TRACEPARENT, ""), attributes or {}),
    ):
        request.trace_id = tracer.trace_id()
        yield
