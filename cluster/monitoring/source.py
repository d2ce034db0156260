"""Questions to the event log that figures, degradation and drift are made of. Reads only; nothing is decided here.

Simulated and real are never mixed: every question is about one population. What a user chose counts for an answer where
it was recorded in the time `outcome_s` after it, by the same user, of a shop that was shown: so a week that has just
ended and one long past had the same time to be chosen from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cluster.monitoring.windows import SEOUL_OFFSET_S, Window
from naviyam.feedback.query import Views

Population = Literal["real", "simulated"]
POPULATIONS: tuple[Population, ...] = ("real", "simulated")
BUCKETS = 2_000
"""Users are drawn in groups, so that a bootstrap costs the same for any number of them; below so many, a group is a user."""

SAMPLE_ANSWERS = 20_000
"""Answers of a week that drift is looked for in, chosen by a hash of their id."""

_ANSWERS = """
CREATE OR REPLACE TEMP TABLE answers AS
SELECT interaction_id, user_id, session_id, recorded_at, route, written_by,
       coalesce(degraded, false) AS degraded, error, coalesce(len(unsafe), 0) > 0 AS unsafe,
       response_time_s, understanding.intent AS intent, understanding.confidence AS confidence,
       understanding.decided_by AS decided_by,
       CASE WHEN error IS NULL THEN coalesce([s.shop_id FOR s IN shown], []) ELSE [] END AS shops,
       list_avg([s.score FOR s IN shown]) AS score
FROM interactions
WHERE coalesce(simulated, false) = $simulated AND recorded_at >= $start AND recorded_at < $end
"""
_CHOSEN = """
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT f.interaction_id, f.shop_id, bool_or(f.feedback_type = 'clicked') AS clicked,
       bool_or(f.feedback_type = 'ordered') AS ordered,
       bool_or(f.feedback_type <> 'rated' OR f.satisfaction_score >= 4) AS liked
FROM feedback AS f JOIN answers AS a USING (interaction_id)
WHERE f.user_id = a.user_id AND list_contains(a.shops, f.shop_id)
  AND f.recorded_at >= a.recorded_at AND f.recorded_at < a.recorded_at + to_seconds($outcome_s)
GROUP BY ALL
"""
_CLICKS = f"""
SELECT md5_number_lower(user_id) % {BUCKETS} AS unit, sum(shown) AS weight, sum(clicks) AS total
FROM (
    SELECT a.user_id, len(a.shops) AS shown,
           (SELECT count(*) FROM chosen AS c WHERE c.interaction_id = a.interaction_id AND c.clicked) AS clicks
    FROM answers AS a WHERE len(a.shops) > 0
) GROUP BY ALL ORDER BY unit
"""
_RATINGS = f"""
SELECT md5_number_lower(user_id) % {BUCKETS} AS unit, count(*) AS weight, sum(satisfaction_score) AS total
FROM feedback
WHERE coalesce(simulated, false) = $simulated AND recorded_at >= $start AND recorded_at < $end
  AND satisfaction_score IS NOT NULL
GROUP BY ALL ORDER BY unit
"""
_SAMPLED = f"""
SELECT md5_number_lower(user_id) % {BUCKETS} AS unit, understanding.intent AS intent,
       understanding.decided_by AS decided_by, json_keys(understanding.filters) AS filters,
       length(input) AS letters, epoch(recorded_at) AS second,
       [s.wide FOR s IN shown IF s.wide IS NOT NULL] AS wide,
       [s.numeric FOR s IN shown IF s.numeric IS NOT NULL] AS numeric
FROM interactions
WHERE coalesce(simulated, false) = $simulated AND recorded_at >= $start AND recorded_at < $end
  AND error IS NULL
ORDER BY md5_number_lower(interaction_id), interaction_id LIMIT {SAMPLE_ANSWERS}
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """A ratio by group of users: `total` [groups] of what is counted, out of `weight` [groups]; `unit` names the groups."""

    unit: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]

    @property
    def mean(self) -> float | None:
        """The ratio, None of nothing."""
        whole = float(self.weight.sum())
        return float(self.total.sum()) / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """Values [n] of one input or feature with the group of users that each comes from."""

    unit: npt.NDArray[np.int64]
    values: npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """What came in and what features went to the ranker, by name, of a sample of a window's answers."""

    answers: int
    inputs: dict[str, Column]
    features: dict[str, Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Requests of a window that were fit to be answered, and those of them that were not."""

    requests: int
    failed: int


def prepare(views: Views, window: Window, population: Population, *, outcome_s: float) -> None:
    """Make the tables `answers` and `chosen` of a window in the views' connection."""
    views.execute(_ANSWERS, _span(window, population))
    views.execute(_CHOSEN, {"outcome_s": outcome_s})


def errors_of(views: Views, window: Window, population: Population) -> Errors:
    """Count the requests of a window."""
    found = views.execute(
        "SELECT count(*), count(error) FROM interactions WHERE coalesce(simulated, false) = $simulated "
        "AND recorded_at >= $start AND recorded_at < $end",
        _span(window, population),
    )
    (row,) = found.fetchall()
    return Errors(requests=row[0], failed=row[1])


def clicks_of(views: Views, window: Window, population: Population, *, outcome_s: float) -> Sums:
    """Return clicked shops out of shown ones."""
    prepare(views, window, population, outcome_s=outcome_s)
    return _sums(views, _CLICKS, None)


def ratings_of(views: Views, window: Window, population: Population) -> Sums:
    """Return the stars 1..5 given in a window, with or without an answer."""
    return _sums(views, _RATINGS, _span(window, population))


def served_of(
    views: Views,
    window: Window,
    population: Population,
    *,
    names: tuple[Sequence[str], Sequence[str]],
) -> Served:
    """Return a sample of what came in and was served; `names` are those of the wide and of the numeric features."""
    found = views.sql(_SAMPLED, params=_span(window, population)).to_arrow_table()
    unit = found.column("unit").to_numpy().astype(np.int64)
    seconds = found.column("second").to_numpy().astype(np.float64)
    letters = found.column("letters").to_numpy(zero_copy_only=False).astype(np.float64)
    said = np.isfinite(letters)
    inputs = {
        "intent": _words(unit, found.column("intent").to_pylist()),
        "decided_by": _words(unit, found.column("decided_by").to_pylist()),
        "filters": _filters(unit, found.column("filters").to_pylist()),
        "hour_of_day": Column(
            unit=unit,
            values=((seconds + SEOUL_OFFSET_S) // 3_600 % 24).astype(np.int64).astype(str),
        ),
        "message_letters": Column(unit=unit[said], values=letters[said]),
    }
    features: dict[str, Column] = {}
    for column, own in zip(("wide", "numeric"), names, strict=True):
        features |= _features(unit, found.column(column).to_pylist(), own)
    return Served(answers=len(unit), inputs=inputs, features=features)


def populations(views: Views, window: Window) -> tuple[Population, ...]:
    """Return which populations asked anything in a window."""
    found = views.execute(
        "SELECT DISTINCT coalesce(simulated, false) FROM interactions WHERE recorded_at >= $start AND recorded_at < $end",
        {"start": window.start, "end": window.end},
    ).fetchall()
    present = {row[0] for row in found}
    return tuple(p for p in POPULATIONS if (p == "simulated") in present)


def _span(window: Window, population: Population) -> dict[str, Any]:
    return {"simulated": population == "simulated", "start": window.start, "end": window.end}


def _sums(views: Views, sql: str, parameters: dict[str, Any] | None) -> Sums:
    rows = np.array(views.execute(sql, parameters or {}).fetchall(), np.float64).reshape(-1, 3)
    return Sums(unit=rows[:, 0].astype(np.int64), weight=rows[:, 1], total=rows[:, 2])


def _words(unit: npt.NDArray[np.int64], found: Sequence[str | None]) -> Column:
    return Column(unit=unit, values=np.array([word or "none" for word in found], dtype=str))


def _filters(unit: npt.NDArray[np.int64], found: Sequence[Sequence[str] | None]) -> Column:
    """An answer counts once under each wish that it has, under `none` where it has none."""
    pairs = [(u, key) for u, keys in zip(unit, found, strict=True) for key in keys or ("none",)]
    return Column(
        unit=np.array([u for u, _ in pairs], np.int64),
        values=np.array([key for _, key in pairs], dtype=str),
    )


def _features(
    unit: npt.NDArray[np.int64],
    found: Sequence[Sequence[Sequence[float]] | None],
    names: Sequence[str],
) -> dict[str, Column]:
    """Rows of another length are left out: they are of another schema."""
    rows = [(u, row) for u, shops in zip(unit, found, strict=True) for row in shops or ()]
    rows = [(u, row) for u, row in rows if len(row) == len(names)]
    units = np.array([u for u, _ in rows], np.int64)
    matrix = np.array([row for _, row in rows], np.float64).reshape(len(rows), len(names))
    return {name: Column(unit=units, values=matrix[:, i]) for i, name in enumerate(names)}
