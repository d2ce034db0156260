"""What is asked of the event log for each rule, and the reading that comes of it. Reads through the views it is given.

Weeks end at the last full hour that is `rollout.outcome_window_s` ago, so that the newest answers had as long to be chosen
from as those of the week before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cluster.monitoring import degradation, drift
from cluster.monitoring.alerts import Reading, judge_errors
from cluster.monitoring.degradation import Change
from cluster.monitoring.drift import Drift
from cluster.monitoring.source import Population, Sums, clicks_of, errors_of, ratings_of, served_of
from cluster.monitoring.windows import Window, last, week
from naviyam.features.spec import NUMERIC, WIDE
from naviyam.feedback.query import Views
from naviyam.settings import Settings

ERROR_WINDOWS_S = (300.0, 3_600.0)
"""The error rate is of the shortest of these that has `least_answers` requests: soon where many ask, still where few do."""

_FEATURES = ([feature.name for feature in WIDE], [name for name, _ in NUMERIC])


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifts:
    """Columns week against week by the rule that judges them; `answers` of the week before and of this one."""

    columns: dict[str, tuple[Drift, ...]]
    answers: tuple[int, int]


def later_week(settings: Settings, now: datetime) -> Window:
    """Return the week that is compared with the one before it."""
    return week(now, lag_s=settings.rollout.outcome_window_s)


def earliest(rules: set[str], settings: Settings, now: datetime) -> datetime:
    """Return from when on the log must be read to look at `rules`."""
    if rules <= {"error_rate", "log_unreadable"}:
        return last(now, ERROR_WINDOWS_S[-1]).start
    return later_week(settings, now).before.start


def readings_of(
    views: Views, rules: set[str], population: Population, settings: Settings, now: datetime
) -> Iterator[Reading]:
    """Look at those of `rules` that are about the log's content."""
    own = settings.monitoring
    if "error_rate" in rules:
        yield errors_now(views, population, settings, now)
    for rule in ("click_through", "satisfaction"):
        if rule in rules:
            change = change_of(rule, views, population, settings, now)
            yield degradation.judge(rule, change, drop=own.weekly_drop)
    if rules & {"input_drift", "feature_drift"}:
        found = drifts_of(views, population, settings, now)
        for rule in sorted(rules & set(found.columns)):
            yield drift.judge(
                rule,
                found.columns[rule],
                found.answers,
                least=own.least_answers,
                warn=own.psi_warn,
                alarm=own.psi_alarm,
            )


def errors_now(views: Views, population: Population, settings: Settings, now: datetime) -> Reading:
    """Return the reading of the error rate."""
    own = settings.monitoring
    for length_s in ERROR_WINDOWS_S:
        found = errors_of(views, last(now, length_s), population)
        if found.requests >= own.least_answers:
            break
    return judge_errors(
        found.requests, found.failed, most=own.max_error_rate, least=own.least_answers
    )


def change_of(
    rule: str, views: Views, population: Population, settings: Settings, now: datetime
) -> Change:
    """Return how click-through or satisfaction changed from the week before."""
    later = later_week(settings, now)

    def sums(span: Window) -> Sums:
        if rule == "satisfaction":
            return ratings_of(views, span, population)
        return clicks_of(views, span, population, outcome_s=settings.rollout.outcome_window_s)

    return degradation.change_of(
        sums(later.before),
        sums(later),
        least=settings.monitoring.least_answers,
        seed=settings.seed,
    )


def drifts_of(views: Views, population: Population, settings: Settings, now: datetime) -> Drifts:
    """Return how inputs and features moved from the week before."""
    later = later_week(settings, now)
    before, after = (
        served_of(views, span, population, names=_FEATURES) for span in (later.before, later)
    )
    return Drifts(
        columns={
            "input_drift": drift.compare_all(before.inputs, after.inputs),
            "feature_drift": drift.compare_all(before.features, after.features),
        },
        answers=(before.answers, after.answers),
    )
