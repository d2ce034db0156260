"""The last quarter of an hour out of the event log, for charts that begin before anybody watched. Reads only.

The log lacks who did not agree to records and what was refused at the gate; it is exact in times.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from naviyam.feedback.query import Views, reading
from naviyam.feedback.store import EventStore

Past = Callable[[datetime, datetime], list[dict[str, Any]]]
"""Points of the charts between two times, oldest first."""

_STEP_S: Final = 15
_SQL: Final = """
SELECT
    floor(epoch(recorded_at) / $step) * $step AS t,
    count(*) FILTER (error IS NULL AND NOT coalesce(degraded, false)) AS ok,
    count(*) FILTER (error IS NULL AND coalesce(degraded, false)) AS degraded,
    count(*) FILTER (error IS NOT NULL) AS error,
    quantile_cont(response_time_s, 0.5) FILTER (route = 'chat' AND error IS NULL) AS p50,
    quantile_cont(response_time_s, 0.95) FILTER (route = 'chat' AND error IS NULL) AS p95
FROM interactions
WHERE recorded_at >= $since AND recorded_at < $until
GROUP BY 1 ORDER BY 1
"""


def past_of(store: EventStore) -> Past:
    """Return a reader of the log; steps without any answer are points of 0."""

    def read(since: datetime, until: datetime) -> list[dict[str, Any]]:
        asked = {"step": _STEP_S, "since": since, "until": until}

        def rows(views: Views) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = views.sql(_SQL, params=asked).to_arrow_table().to_pylist()
            return found

        found = {int(row["t"]): row for row in reading(store, rows, since=since)}
        first = int(since.timestamp()) // _STEP_S + 1
        last = int(until.timestamp()) // _STEP_S
        return [_point(t * _STEP_S, found.get(t * _STEP_S)) for t in range(first, last)]

    return read


def _point(at_s: int, row: dict[str, Any] | None) -> dict[str, Any]:
    counts = {k: round((row[k] if row else 0) / _STEP_S, 4) for k in ("ok", "degraded", "error")}
    times = {k: row[k] if row else None for k in ("p50", "p95")}
    return {"t": at_s + _STEP_S, **counts, "refused": 0.0, **times}
