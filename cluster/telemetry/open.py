"""The choice between no traces and OpenTelemetry, of which nothing is imported without `telemetry.endpoint`."""

from cluster.telemetry.tracer import NO_TRACER, Role, Tracer
from naviyam.settings import Telemetry


def open_tracer(settings: Telemetry, *, part: str, role: Role) -> Tracer:
    """Return the tracer of one process; `part` is the deployment's name."""
    if not settings.endpoint:
        return NO_TRACER
    from cluster.telemetry.otel import OtelTracer  # noqa: PLC0415

    return OtelTracer.of(settings, part=part, role=role)
