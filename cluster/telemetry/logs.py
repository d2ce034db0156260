"""Log lines as JSON or text, with the ids of the request that they belong to and nothing of what was said in it.

What a formatter here writes has passed `without_hidden`; an exception is written by its types and the lines of code it
came through, never by its words, which may quote anything.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from cluster.telemetry.request import current, without_hidden
from naviyam.settings import Telemetry

OWN: Final = ("naviyam", "cluster", "deployments", "training")
"""Loggers of this project."""

EXTRA: Final = ("route", "method", "status", "duration_ms", "deployment", "replica")
"""Attributes of a record that are written where it has them; `request_id` and `trace_id` too."""

_SERVE = "ray.serve"
_FRAMES = 12


class JsonFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`, the request's ids, `EXTRA`, and `error` where there is one.

    Args:
        fixed: values that every line of this process has, such as its deployment and replica.
    """

    def __init__(self, fixed: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._fixed = dict(fixed or {})

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.values(record), ensure_ascii=False, default=str)

    def values(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what a line holds."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": without_hidden(record.getMessage()),
            **_ids(record),
        }
        for name in EXTRA:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        line |= self._fixed
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = error_of(record.exc_info[1])
        return line


class TextFormatter(logging.Formatter):
    """The same for people: time, level, logger, message, request id, then an error's types and lines."""

    def format(self, record: logging.LogRecord) -> str:
        ids = _ids(record).get("request_id")
        end = f" [{ids}]" if ids else ""
        line = f"{_time(record)} {record.levelname} {record.name}: "
        line += without_hidden(record.getMessage()) + end
        if record.exc_info and record.exc_info[1] is not None:
            error = error_of(record.exc_info[1])
            line += "".join(f"\n  {at}" for at in (*error["at"], error["type"]))
        return line


def error_of(error: BaseException) -> dict[str, Any]:
    """Return the types of an error and its causes, and the innermost lines of code it came through."""
    types: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(types) < _FRAMES:
        types.append(type(seen).__name__)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return {"type": " from ".join(types), "at": _lines(error.__traceback__)}


def formatter_of(settings: Telemetry, fixed: Mapping[str, str] | None = None) -> logging.Formatter:
    """Return the formatter that the settings choose."""
    return JsonFormatter(fixed) if settings.logs == "json" else TextFormatter()


def set_up(
    settings: Telemetry,
    *,
    handlers: Sequence[logging.Handler] = (),
    fixed: Mapping[str, str] | None = None,
) -> None:
    """Write the lines of this process as the settings say. Idempotent.

    Args:
        settings: form and level.
        handlers: where lines go, such as a replica's own file; without one, standard error.
        fixed: see `JsonFormatter`.
    """
    formatter = formatter_of(settings, fixed)
    held = list(handlers) or [logging.StreamHandler(sys.stderr)]
    for handler in held:
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = held
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(settings.log_level)


def _ids(record: logging.LogRecord) -> dict[str, str]:
    if record.name.startswith(_SERVE):  # written later than made, maybe in another request
        held = getattr(record, "request_id", "")
        return {"request_id": held} if held else {}
    request = current()
    if request is None:
        return {}
    ids = {"request_id": request.request_id}
    return {**ids, "trace_id": request.trace_id} if request.trace_id else ids


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _lines(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
