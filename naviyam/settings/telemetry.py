"""What the service says of itself: logs, traces, and the limits of the alert rules that are made from the settings."""

from typing import Literal

from pydantic import Field, field_validator

from naviyam.settings.section import Section


class Telemetry(Section):
    """Logs, traces and alert rules (spec 4)."""

    logs: Literal["json", "text"] = "text"
    """`json`: one object a line, with request id, trace id, route, status and duration."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Of this project's own loggers; others are heard from WARNING on."""

    endpoint: str = ""
    """OTLP/HTTP collector such as `http://127.0.0.1:4318`; "" makes no traces and imports nothing for them."""

    sample_ratio: float = Field(0.1, ge=0, le=1)
    """Share of the requests that are traced, by the trace id: also of those that come with a `traceparent`, so that no
    caller decides how much is traced."""

    service_name: str = "naviyam"
    """`service.name` of every span."""

    engine_metrics: bool = False
    """True exports vLLM's own metrics too (`ray_vllm_*`: cache use and hits, queue, prefill), from the engine's process."""

    answer_p50_s: float = Field(1.2, gt=0)
    """Median of a chat answer above which an alert warns (spec 1)."""

    answer_p95_s: float = Field(3.0, gt=0)
    """95th percentile of a chat answer above which an alert warns: slower ones are no good examples either (spec 3)."""

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(
                f"{value!r} is no http:// or https:// address (such as http://127.0.0.1:4318)"
            )
        return value.rstrip("/")
