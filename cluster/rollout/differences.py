"""Candidate minus stable, metric by metric: an estimate within weight periods and a confidence sequence. Arrays in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cluster.rollout.outcomes import Periods, Users
from cluster.rollout.sequential import Interval, difference, increments

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Metric = Literal["ctr", "order_rate", "satisfaction"]
METRICS: Final[Mapping[Metric, tuple[float, float]]] = {
    "ctr": (0.0, 1.0),
    "order_rate": (0.0, 1.0),
    "satisfaction": (1.0, 4.0),
}
"""By metric its lowest value and its span: satisfaction is told in stars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Candidate minus stable, among users whom chance put into either arm.

    `absolute` is in the metric's unit, `relative` to the stable arm's mean, which counts as known: its sign is as sure as
    the absolute one's, its width is not of the same rigour.
    """

    metric: Metric
    users: int
    absolute: Interval
    relative: Interval | None

    @property
    def better(self) -> bool:
        """Whether the candidate is better beyond chance."""
        return self.absolute.low > 0

    @property
    def worse(self) -> bool:
        """Whether the candidate is worse beyond chance."""
        return self.absolute.high < 0


def differences(users: Users, periods: Periods, *, alpha: float) -> dict[Metric, Difference]:
    """Return the difference of every metric that users of both arms have, with a sequence of coverage 1 - alpha."""
    weight = periods.weight[users.period]
    by_chance = users.comparable & (weight > 0) & (weight < 1)
    values: dict[Metric, F64] = {
        "ctr": users.clicked,
        "order_rate": users.ordered,
        "satisfaction": users.satisfaction,
    }
    found: dict[Metric, Difference] = {}
    for metric, outcome in values.items():
        counted = by_chance & ~np.isnan(outcome)
        candidate, y = users.candidate[counted], outcome[counted]
        if candidate.all() or not candidate.any():
            continue
        interval = difference(*increments(candidate, y, weight[counted]), alpha=alpha)
        if interval is None:
            continue
        estimate = _stratified(candidate, y, users.period[counted])
        estimate = min(interval.high, max(interval.low, estimate))
        low, span = METRICS[metric]
        stable = low + span * float(y[~candidate].mean())
        absolute = replace(interval, estimate=estimate).scaled(span)
        found[metric] = Difference(
            metric=metric,
            users=len(y),
            absolute=absolute,
            relative=absolute.scaled(1 / stable) if stable > 0 else None,
        )
    return found


def _stratified(candidate: Bools, outcome: F64, period: npt.NDArray[np.int64]) -> float:
    """Return the difference of means within weight periods, each counting as much as it can tell.

    The mean over all would mistake a change from day to day for one from arm to arm, since the arms' shares change too.
    """
    n = [np.bincount(period[side], minlength=period.max() + 1) for side in (~candidate, candidate)]
    total = [
        np.bincount(period[side], weights=outcome[side], minlength=period.max() + 1)
        for side in (~candidate, candidate)
    ]
    both = (n[0] > 0) & (n[1] > 0)
    if not both.any():
        return float(outcome[candidate].mean() - outcome[~candidate].mean())
    gap = total[1][both] / n[1][both] - total[0][both] / n[0][both]
    return float(np.average(gap, weights=(n[0] * n[1] / (n[0] + n[1] + 0.0).clip(1))[both]))
