"""The other end of a call between deployments: takes up what `request.carrier` handed over."""

import logging
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
from naviyam.clock import Clock, SystemClock

_calls = logging.getLogger("deployments.calls")
_SYSTEM = SystemClock()


@contextmanager
def received(
    carrier: Carrier | None,
    tracer: Tracer,
    name: str,
    attributes: Mapping[str, Value] | None = None,
    *,
    clock: Clock = _SYSTEM,
) -> Iterator[None]:
    """Work for the caller's request inside, in a span below the caller's; a line at DEBUG says how long."""
    held = carrier or {}
    request = Request(request_id=chosen_id(held.get(REQUEST_ID)), parent=tracer.parent)
    with (
        working_for(request),
        tracer.server(name, held.get(TRACEPARENT, ""), attributes or {}),
    ):
        request.trace_id = tracer.trace_id()
        began_s = clock.monotonic_s()
        try:
            yield
        finally:
            duration_ms = round((clock.monotonic_s() - began_s) * 1_000, 1)
            _calls.debug("%s %.1f ms", name, duration_ms, extra={"duration_ms": duration_ms})
