"""The figures of a day, or of any window, from the event log. Reads through the views it is given; writes nothing.

How well a message was understood needs the truth, which a log does not hold. It offers which layer decided, how sure it
was, and how many answers were followed by a complaint or by another wish within the same session: `complained_next` and
`refined_next`. Neither is an accuracy: a child also refines what was understood well, and may leave without a word.

What was chosen counts as in `source`. Requests that got no answer count in `requests`, `failed` and `error_rate` alone.
A figure of nothing is None.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from cluster.monitoring.source import Population, prepare
from cluster.monitoring.windows import Window
from naviyam.feedback.query import Views

_SERVICE = """
SELECT count(*) AS requests, count(error) AS failed, count(*) - count(error) AS answers,
       count(DISTINCT user_id) AS active_users,
       count(error) / nullif(count(*), 0) AS error_rate,
       avg(degraded::INT) FILTER (error IS NULL) AS degraded_rate,
       avg(unsafe::INT) FILTER (error IS NULL) AS unsafe_rate,
       avg((written_by = 'template')::INT) FILTER (route = 'chat' AND len(shops) > 0) AS template_share,
       avg(response_time_s) FILTER (route = 'chat' AND error IS NULL) AS response_mean_s,
       quantile_cont(response_time_s, 0.50) FILTER (route = 'chat' AND error IS NULL) AS response_p50_s,
       quantile_cont(response_time_s, 0.95) FILTER (route = 'chat' AND error IS NULL) AS response_p95_s,
       quantile_cont(response_time_s, 0.99) FILTER (route = 'chat' AND error IS NULL) AS response_p99_s
FROM answers
"""
_UNDERSTANDING = """
WITH said AS (
    SELECT *, lead(intent) OVER (PARTITION BY user_id, session_id ORDER BY recorded_at) AS next
    FROM answers WHERE route = 'chat' AND error IS NULL
)
SELECT avg(confidence) AS mean_confidence,
       avg((intent = 'OUT_OF_SCOPE')::INT) AS out_of_scope_share,
       avg(coalesce(next = 'REFINE', false)::INT) AS refined_next,
       avg(coalesce(next = 'COMPLAINT', false)::INT) AS complained_next
FROM said
"""
_USE = """
WITH per_answer AS (
    SELECT any_value(len(a.shops)) AS shown, any_value(a.score) AS score,
           count(*) FILTER (c.clicked) AS clicks, count(*) FILTER (c.ordered) AS orders,
           coalesce(bool_or(c.liked), false) AS chosen
    FROM answers AS a LEFT JOIN chosen AS c USING (interaction_id)
    WHERE a.error IS NULL GROUP BY interaction_id
)
SELECT count(*) FILTER (shown > 0) AS with_shops,
       avg(chosen::INT) FILTER (shown > 0) AS success_rate,
       sum(clicks) / nullif(sum(shown), 0) AS click_through,
       sum(orders) / nullif(count(*), 0) AS conversion,
       avg(score) FILTER (shown > 0) AS mean_score
FROM per_answer
"""
_SHOWN = """
SELECT count(DISTINCT shop) AS shops_shown, exp(ln(2) * entropy(shop)) AS effective_shops
FROM (SELECT unnest(shops) AS shop FROM answers)
"""
_OF_CATALOG = """
WITH kept AS (
    SELECT interaction_id, shop_id, category
    FROM (SELECT interaction_id, unnest(shops) AS shop_id FROM answers) JOIN _catalog USING (shop_id)
), kinds AS (SELECT interaction_id, category, count(*) AS n FROM kept GROUP BY ALL
), lists AS (SELECT sum(n) AS shown, sum(n * (n - 1)) AS alike FROM kinds GROUP BY interaction_id)
SELECT (SELECT count(DISTINCT shop_id) FROM kept) / (SELECT count(*) FROM _catalog) AS coverage,
       avg(1 - alike / (shown * (shown - 1))) FILTER (shown > 1) AS diversity
FROM lists
"""
_STARS = """
SELECT avg(satisfaction_score), count(satisfaction_score) FROM feedback
WHERE coalesce(simulated, false) = $simulated AND recorded_at >= $start AND recorded_at < $end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """How messages were read. Shares are of chat answers."""

    decided_by: Mapping[str, float]
    mean_confidence: float | None
    out_of_scope_share: float | None
    refined_next: float | None
    complained_next: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What children made of the answers.

    `success_rate`: answers with shops of which at least one was clicked, ordered, kept as a favourite or rated 4 or more.
    `click_through`: clicked shops out of shown ones. `conversion`: ordered shops by answers.
    `effective_shops`: how many shops shown equally often would be as diverse (the exponential of Shannon's entropy).
    `coverage` and `diversity` (share of pairs of an answer with different main categories) need the catalogue.
    """

    with_shops: int
    success_rate: float | None
    click_through: float | None
    conversion: float | None
    mean_score: float | None
    satisfaction: float | None
    ratings: int
    shops_shown: int
    effective_shops: float | None
    coverage: float | None
    diversity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How the service did. Rates are of answers, `error_rate` of requests, response times of chat answers.

    `help_calls`: messages answered with where to find help; of users who agreed to nothing being kept they count as real.
    """

    requests: int
    failed: int
    answers: int
    active_users: int
    error_rate: float | None
    degraded_rate: float | None
    unsafe_rate: float | None
    template_share: float | None
    response_mean_s: float | None
    response_p50_s: float | None
    response_p95_s: float | None
    response_p99_s: float | None
    help_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One window of one population."""

    window: Window
    population: Population
    service: Service
    understanding: Understood
    use: Used

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON; figures are rounded to five places."""
        return {
            "window": self.window.label,
            **self.window.to_dict(),
            "population": self.population,
            **{
                part: {name: _rounded(value) for name, value in asdict(getattr(self, part)).items()}
                for part in ("service", "understanding", "use")
            },
        }


def figures_of(
    views: Views,
    window: Window,
    population: Population,
    *,
    outcome_s: float,
    help_calls: Iterable[Mapping[str, Any]] = (),
    categories: Mapping[str, str] | None = None,
) -> Figures:
    """Return the figures of a window.

    Args:
        views: as `naviyam.feedback.query.reading` hands them out.
        window: any span of time.
        population: whose.
        outcome_s: seconds after an answer in which a choice counts for it.
        help_calls: the operator's records, of any time.
        categories: main category by shop of the catalogue that served; None leaves coverage and diversity out.
    """
    prepare(views, window, population, outcome_s=outcome_s)
    span = {"simulated": population == "simulated", "start": window.start, "end": window.end}
    stars, ratings = _row(views, _STARS, span).values()
    shown = _row(views, _SHOWN)
    return Figures(
        window=window,
        population=population,
        service=Service(
            **_row(views, _SERVICE), help_calls=_help_calls(views, window, population, help_calls)
        ),
        understanding=Understood(decided_by=_layers(views), **_row(views, _UNDERSTANDING)),
        use=Used(
            **_row(views, _USE),
            satisfaction=stars,
            ratings=ratings,
            shops_shown=shown["shops_shown"],
            effective_shops=shown["effective_shops"] if shown["shops_shown"] else None,
            **_of_catalog(views, categories),
        ),
    )


def _row(views: Views, sql: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found = views.execute(sql, dict(parameters or {}))
    names = [column[0] for column in found.description or ()]
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


def _layers(views: Views) -> dict[str, float]:
    rows = views.execute(
        "SELECT coalesce(decided_by, 'none') AS layer, count(*) FROM answers "
        "WHERE route = 'chat' AND error IS NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    total = sum(n for _, n in rows)
    return {name: n / total for name, n in rows}


def _of_catalog(views: Views, categories: Mapping[str, str] | None) -> dict[str, Any]:
    if not categories:
        return {"coverage": None, "diversity": None}
    table = pa.table({"shop_id": list(categories), "category": list(categories.values())})
    views.register("_catalog", table)
    return _row(views, _OF_CATALOG)


def _help_calls(
    views: Views, window: Window, population: Population, records: Iterable[Mapping[str, Any]]
) -> int:
    """A call names its answer and no user; whether it was simulated stands in the answer's record, where there is one."""
    calls = [
        str(record["interaction_id"])
        for record in records
        if window.start <= datetime.fromisoformat(record["recorded_at"]) < window.end
    ]
    if not calls:
        return 0
    views.register("_calls", pa.table({"interaction_id": calls}))
    (simulated,) = _row(
        views,
        "SELECT count(*) FROM _calls JOIN interactions USING (interaction_id) WHERE coalesce(simulated, false)",
    ).values()
    return int(simulated) if population == "simulated" else len(calls) - int(simulated)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return round(float(value), 5) if isinstance(value, float) else value
