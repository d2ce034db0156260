"""What an experiment's answers say: figures per arm, differences that may be looked at at any time, faults, guardrails. Pure.

Whether that is enough to act is `cluster.rollout.verdict`'s. `rollout.alpha` is the chance of a false decision over the whole
life and is shared out: a quarter to each of the three sides that may decide (the candidate better by clicks or satisfaction,
worse by clicks, worse by satisfaction), a quarter to the guardrails. So every difference has a sequence of alpha/2.

Guardrails judge answers (a user who asks often meets more failures, and that counts), so that three users at least must be
behind a breach, and beside a share above its limit each needs evidence that its rate is above one that would be harmless: a
fifth of the limit, or the stable arm's own rate where that is higher, since what fails in both arms is not the candidate's
doing. So 4 errors of 30 answers wait for more, 8 of 60 do not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cluster.rollout.checks import SampleRatio, Share, sample_ratio, share
from cluster.rollout.differences import METRICS, Difference, Metric, differences
from cluster.rollout.observed import Seen, in_order
from cluster.rollout.outcomes import Answers, Periods, Users, WeightChange, users_of
from naviyam.arms import ArmName
from naviyam.settings import Rollout

F64 = npt.NDArray[np.float64]

_SIDES: Final = 4
_GUARDS: Final = 3
_HARMLESS: Final = 0.2
_LEAST_NULL: Final = 0.001
_SLOW: Final = 0.05
_HOUR_S: Final = 3_600.0
"""Share of answers above a 95th percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm. Means are over users with a known outcome, rates and latencies over all answers; None is of nothing."""

    exposed: int
    """Users whose first answer came of it."""

    users: int
    """Those of them with a known outcome that belongs to this arm alone."""

    raters: int
    answers: int
    ctr: float | None
    order_rate: float | None
    satisfaction: float | None
    """1..5."""

    error_rate: float | None
    unsafe_rate: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_p99_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """An experiment as its answers show it."""

    at: datetime
    weight: float
    """Of the candidate by now."""

    weight_known: bool
    """False where nobody told the weights: the split is taken as it is found and cannot be at fault."""

    arms: Mapping[ArmName, ArmFigures]
    differences: Mapping[Metric, Difference]
    """Those that there are users for, in both arms."""

    sample_ratio: SampleRatio
    both_arms: Share
    guardrails: tuple[Share, ...]
    waiting: int
    """Users whose window is not over."""

    moved: int
    """Users whom a change of weight moved to the other arm; they count with what they did before it."""

    left_out: int
    """Users in both arms without such a reason, or first seen while a weight was changing."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        found = {**asdict(self), "at": self.at.isoformat()}
        for name in ("both_arms", "guardrails"):
            shares = (self.both_arms,) if name == "both_arms" else self.guardrails
            plain = [{**asdict(s), "share": s.share, "breached": s.breached} for s in shares]
            found[name] = plain[0] if name == "both_arms" else plain
        return found


def analyse(
    stream: Iterable[Seen],
    *,
    weights: Sequence[WeightChange] | float | None,
    settings: Rollout,
    now: datetime,
) -> Analysis:
    """Analyse the answers up to `now`.

    Args:
        stream: in any order.
        weights: every weight that the experiment has had, or its only one, or None where it is unknown.
        settings: windows, limits, alpha.
        now: time of the look.

    Raises:
        InputError: the history of weights is empty.
    """
    answers = Answers.of(tuple(s for s in in_order(stream) if s.at <= now))
    known = weights is not None
    changes: Sequence[WeightChange]
    if weights is None:
        changes = (WeightChange(at=now, weight=_observed_weight(answers)),)
    elif isinstance(weights, (int, float)):
        changes = (WeightChange(at=now, weight=float(weights)),)
    else:
        changes = [change for change in weights if change.at <= now] or list(weights)[:1]
    found = analyse_columns(
        answers, Periods.of(changes), settings=settings, now_s=now.timestamp(), at=now
    )
    if known:
        return found
    unknown = replace(found.sample_ratio, judged=False, doubtful=False, breached=False)
    return replace(found, sample_ratio=unknown, weight_known=False)


def analyse_columns(
    answers: Answers, periods: Periods, *, settings: Rollout, now_s: float, at: datetime
) -> Analysis:
    """Analyse columns that hold nothing after `now_s`; what `analyse` and the bench both call."""
    users = users_of(answers, periods, window_s=settings.outcome_window_s, now_s=now_s)
    arms: dict[ArmName, ArmFigures] = {
        "stable": _arm(answers, users, candidate=False),
        "candidate": _arm(answers, users, candidate=True),
    }
    return Analysis(
        at=at,
        weight=float(periods.weight[-1]),
        weight_known=True,
        arms=arms,
        differences=differences(users, periods, alpha=2 * settings.alpha / _SIDES),
        sample_ratio=_sample_ratio(users, periods, settings),
        both_arms=_both_arms(users, settings),
        guardrails=guardrails(answers, periods, settings),
        waiting=int((~users.known).sum()),
        moved=int(users.moved.sum()),
        left_out=int((users.faulty | users.settling).sum()),
    )


def _observed_weight(answers: Answers) -> float:
    first = np.unique(answers.user, return_index=True)[1]
    share_of_users = float(answers.candidate[first].mean()) if len(first) else 0.5
    return min(0.99, max(0.01, share_of_users))


def _arm(answers: Answers, users: Users, *, candidate: bool) -> ArmFigures:
    mine = users.candidate == candidate
    counted = mine & users.comparable
    answered = answers.candidate == candidate
    p50, p95, p99 = _quantiles(answers.latency_s[answered])
    stars = _mean(users.satisfaction[counted])
    low, span = METRICS["satisfaction"]
    return ArmFigures(
        exposed=int(mine.sum()),
        users=int(counted.sum()),
        raters=int((~np.isnan(users.satisfaction[counted])).sum()),
        answers=int(answered.sum()),
        ctr=_mean(users.clicked[counted]),
        order_rate=_mean(users.ordered[counted]),
        satisfaction=None if stars is None else low + span * stars,
        error_rate=_mean(answers.error[answered]),
        unsafe_rate=_mean(answers.unsafe[answered]),
        latency_p50_s=p50,
        latency_p95_s=p95,
        latency_p99_s=p99,
    )


def _mean(values: npt.NDArray[Any]) -> float | None:
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return float(known.mean()) if len(known) else None


def _quantiles(values: F64) -> tuple[float | None, float | None, float | None]:
    if not len(values):
        return None, None, None
    p50, p95, p99 = np.quantile(values, (0.5, 0.95, 0.99))
    return float(p50), float(p95), float(p99)


def _sample_ratio(users: Users, periods: Periods, settings: Rollout) -> SampleRatio:
    sure = ~users.settling
    size = len(periods.weight)
    return sample_ratio(
        np.bincount(users.period[sure & users.candidate], minlength=size),
        np.bincount(users.period[sure], minlength=size),
        periods.weight,
        least=settings.least_answers,
        alpha=settings.srm_alpha,
    )


def _both_arms(users: Users, settings: Rollout) -> Share:
    limit = settings.max_exposed_to_both
    return share(
        "exposed to both arms",
        users.faulty,
        users.first_s,
        np.arange(len(users.faulty)),
        limit=limit,
        null=max(limit / 2, _LEAST_NULL),
        least=settings.least_answers,
        alpha=settings.srm_alpha,
    )


def guardrails(answers: Answers, periods: Periods, settings: Rollout) -> tuple[Share, ...]:
    """Judge the candidate's errors, stopped answers and slow answers, those last once there are stable ones to compare."""
    mine, stable = answers.candidate, ~answers.candidate
    trusted = int(stable.sum()) >= settings.least_answers
    errors = float(answers.error[stable].mean()) if trusted else 0.0
    unsafe = float(answers.unsafe[stable].mean()) if trusted else 0.0
    limits = {
        "errors": (
            answers.error,
            settings.max_error_rate,
            max(_HARMLESS * settings.max_error_rate, errors),
        ),
        "unsafe": (
            answers.unsafe,
            unsafe + settings.max_unsafe_rate,
            unsafe + _HARMLESS * settings.max_unsafe_rate,
        ),
    }
    if trusted:
        slow = answers.latency_s > settings.max_latency_ratio * _usual_s(answers, periods, settings)
        own = float(slow[stable].mean())
        limits["slow answers"] = (slow, max(_SLOW, own), max(_SLOW / 2, own))
    return tuple(
        share(
            name,
            event[mine],
            answers.at_s[mine],
            answers.user[mine],
            limit=limit,
            null=min(max(null, _LEAST_NULL), 0.999),
            least=settings.least_answers,
            alpha=settings.alpha / _SIDES / _GUARDS,
        )
        for name, (event, limit, null) in limits.items()
    )


def _usual_s(answers: Answers, periods: Periods, settings: Rollout) -> F64:
    """Return the 95th percentile of the stable arm [n] around each answer: of its weight period and hour.

    The candidate's share grows with time, so that over a whole life a busy evening would count as the candidate's doing.
    Where the stable arm has too few answers then, its whole life stands for it.
    """
    stable = ~answers.candidate
    usual: F64 = np.full(len(stable), np.quantile(answers.latency_s[stable], 1 - _SLOW))
    begin_s = answers.at_s[0] if len(stable) else 0.0
    hour = ((answers.at_s - begin_s) // _HOUR_S).astype(np.int64)
    when = periods.index(answers.at_s) * (int(hour.max()) + 1) + hour
    for one in np.unique(when[answers.candidate]):
        here = when == one
        theirs = answers.latency_s[here & stable]
        if len(theirs) >= settings.least_answers:
            usual[here] = np.quantile(theirs, 1 - _SLOW)
    return usual
