"""Whether a weekly mean fell: this week against the week before, with what chance alone may do. No I/O.

A fall of `weekly_drop` (5 %) or more is always told, but not always as certain. Groups of users are drawn with replacement,
the same ones in both weeks (`naviyam.intervals`), which gives the relative change its 95 % interval:

- WARN: the mean is that much lower, and the interval still holds no change; it may be chance.
- ALARM: the mean is that much lower, and the whole interval is below no change.
- no level: one of the weeks has under `least` answers (or ratings), or under `LEAST_UNITS` groups of users.

Looked at hourly, the weeks overlap, so that chance makes an ALARM of no change more often than in the 2.5 % of one look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cluster.monitoring.alerts import Level, Reading
from cluster.monitoring.source import Sums
from naviyam.intervals import Estimate, Resample, estimate_of

LEAST_UNITS = 20
"""A bootstrap of fewer groups says more than it knows."""

_DRAWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A mean in two weeks. `relative` is the change by the mean before, None where it cannot be told."""

    before: float | None
    now: float | None
    sample_before: int
    sample_now: int
    users: int
    relative: Estimate | None

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain values."""
        return {
            "before": self.before,
            "now": self.now,
            "sample_before": self.sample_before,
            "sample_now": self.sample_now,
            "relative": None if self.relative is None else self.relative.to_dict(),
        }


def change_of(before: Sums, now: Sums, *, least: int, seed: int) -> Change:
    """Return how a mean changed; `least` is the sample that each week must have."""
    samples = int(before.weight.sum()), int(now.weight.sum())
    units = min(len(before.unit), len(now.unit))
    able = min(samples) >= least and units >= LEAST_UNITS and before.total.sum() > 0
    return Change(
        before=before.mean,
        now=now.mean,
        sample_before=samples[0],
        sample_now=samples[1],
        users=units,
        relative=_relative(before, now, seed) if able else None,
    )


def judge(rule: str, change: Change, *, drop: float) -> Reading:
    """Return the reading of a change; `drop` is the relative fall that is told."""
    if change.relative is None or change.before is None or change.now is None:
        return Reading(
            rule=rule,
            level=None,
            value=None,
            statement=f"not judged: {change.sample_before} and {change.sample_now} samples of "
            f"{change.users} groups of users are too few",
        )
    relative = change.relative
    words = (
        f"{change.before:.4g} -> {change.now:.4g}, {relative.mean:+.1%} "
        f"(95 % interval {relative.low:+.1%} to {relative.high:+.1%}; "
        f"{change.sample_before:,} and {change.sample_now:,} samples)"
    )
    if relative.mean > -drop:
        return Reading(rule=rule, level=Level.OK, value=relative.mean, statement=words)
    if relative.high < 0:
        return Reading(rule=rule, level=Level.ALARM, value=relative.mean, statement=words)
    return Reading(
        rule=rule, level=Level.WARN, value=relative.mean, statement=words + "; may be chance"
    )


def _relative(before: Sums, now: Sums, seed: int) -> Estimate:
    drawn = Resample.of(np.concatenate([before.unit, now.unit]), draws=_DRAWS, seed=seed)
    first = np.arange(len(drawn.index)) < len(before.unit)

    def mean(sums: Sums, own: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        total, weight = np.zeros(len(own)), np.zeros(len(own))
        total[own], weight[own] = sums.total, sums.weight
        size = drawn.totals(weight)
        made: npt.NDArray[np.float64] = np.divide(
            drawn.totals(total), size, out=np.full_like(size, np.nan), where=size > 0
        )
        return made

    earlier, later = mean(before, first), mean(now, ~first)
    return estimate_of(
        np.divide(later, earlier, out=np.full_like(later, np.nan), where=earlier > 0) - 1
    )
