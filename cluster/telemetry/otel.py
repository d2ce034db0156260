"""`Tracer` over OpenTelemetry, sent by OTLP over HTTP from a thread of its own: a collector that is away costs spans, no answer.

Errors are marked by their type: their words may quote what somebody said. The provider is this object's own, not the
process's, so that no library's spans (whose attributes nobody here has looked at) are sent with ours.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind as OtelKind
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cluster.telemetry.request import TRACEPARENT
from cluster.telemetry.tracer import Role, Value
from naviyam.settings import Telemetry
from naviyam.spans import SpanKind

_EXPORT_TIMEOUT_S = 5
_SEND_EVERY_MS = 1_000
_CANCELLED = "cancelled"
_GONE = (asyncio.CancelledError, GeneratorExit)
_carried = TraceContextTextMapPropagator()


class OtelTracer:
    """One process's spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("naviyam")

    @classmethod
    def of(cls, settings: Telemetry, *, part: str, role: Role) -> Self:
        """Return one that sends to the settings' collector."""
        exporter = OTLPSpanExporter(
            endpoint=f"{settings.endpoint}/v1/traces", timeout=_EXPORT_TIMEOUT_S
        )
        return cls.over(exporter, settings, part=part, role=role)

    @classmethod
    def over(cls, exporter: SpanExporter, settings: Telemetry, *, part: str, role: Role) -> Self:
        """Return one that hands its spans to an exporter."""
        resource = Resource.create(
            {
                "service.name": settings.service_name,
                "service.namespace": "naviyam",
                "naviyam.deployment": part,
            }
        )
        provider = TracerProvider(
            sampler=sampler(role, settings.sample_ratio),
            resource=resource,
            shutdown_on_exit=False,
        )
        provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=_SEND_EVERY_MS)
        )
        return cls(provider)

    @contextmanager
    def server(
        self, name: str, traceparent: str, attributes: Mapping[str, Value]
    ) -> Iterator[None]:
        caller = _carried.extract({TRACEPARENT: traceparent}) if traceparent else contexts.Context()
        with self._opened(name, OtelKind.SERVER, attributes, caller):
            yield

    @contextmanager
    def client(self, name: str, attributes: Mapping[str, Value]) -> Iterator[str]:
        if not _drawn():
            yield ""
            return
        span = self._tracer.start_span(name, kind=OtelKind.CLIENT, attributes=attributes)
        held: dict[str, str] = {}
        _carried.inject(held, context=trace.set_span_in_context(span))
        try:
            yield held.get(TRACEPARENT, "")
        except BaseException as e:
            _mark(span, e)
            raise
        finally:
            span.end()

    @contextmanager
    def span(self, kind: SpanKind, name: str) -> Iterator[None]:
        if not _drawn():
            yield
            return
        with self._opened(f"{kind}/{name}", OtelKind.INTERNAL, {f"naviyam.{kind}": name}, None):
            yield

    def past(self, kind: SpanKind, name: str, seconds: float) -> None:
        if not _drawn():
            return
        began_ns = time.time_ns() - round(seconds * 1e9)
        attributes = {f"naviyam.{kind}": name}
        self._tracer.start_span(f"{kind}/{name}", attributes=attributes, start_time=began_ns).end()

    def error(self, error: BaseException) -> None:
        _mark(trace.get_current_span(), error)

    def note(self, name: str, attributes: Mapping[str, Value]) -> None:
        span = trace.get_current_span()
        span.set_attributes(attributes)
        if name:
            span.update_name(name)

    def parent(self) -> str:
        held: dict[str, str] = {}
        _carried.inject(held)
        return held.get(TRACEPARENT, "")

    def trace_id(self) -> str:
        found = trace.get_current_span().get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else ""

    def close(self) -> None:
        self._provider.shutdown()

    @contextmanager
    def _opened(
        self,
        name: str,
        kind: OtelKind,
        attributes: Mapping[str, Value],
        caller: contexts.Context | None,
    ) -> Iterator[None]:
        span = self._tracer.start_span(name, context=caller, kind=kind, attributes=attributes)
        token = contexts.attach(trace.set_span_in_context(span))
        try:
            yield
        except BaseException as e:
            _mark(span, e)
            raise
        finally:
            contexts.detach(token)
            span.end()


def sampler(role: Role, ratio: float) -> Sampler:
    """Return who is traced: at the ingress a share by trace id, whoever asks for it; behind it what the ingress decided."""
    if role == "inner":
        return ParentBased(ALWAYS_OFF)
    share = TraceIdRatioBased(ratio)
    return ParentBased(share, remote_parent_sampled=share)


def _drawn() -> bool:
    """Return whether the request of this task is one that is traced: of the others nothing below the root is begun."""
    return trace.get_current_span().is_recording()


def _mark(span: trace.Span, error: BaseException) -> None:
    if isinstance(error, _GONE):
        span.set_attribute("error.type", _CANCELLED)
        return
    name = type(error).__name__
    span.set_attribute("error.type", name)
    span.set_status(Status(StatusCode.ERROR, name))
