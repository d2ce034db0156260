"""How well a search orders the shops for labelled queries: graded metrics, and comparisons over the same queries.

Recall is of what 20 places can hold: relevant among the first 20 by min(20, relevant), because hundreds of shops
sell 칼국수. NDCG has gains 2^grade - 1 (Burges et al. 2005); MRR is of the first shop of the best grade there is.
Intervals are 95 % percentile bootstraps over queries; a difference resamples both systems' queries together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RECALL_AT, NDCG_AT = 20, 10
_RESAMPLES, _SEED = 2_000, 7

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One ranking's figures for one query; `found` is how many of the first 20 places hold a shop."""

    recall_at_20: float
    ndcg_at_10: float
    mrr: float
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and its 95 % bounds."""

    mean: float
    low: float
    high: float

    def to_list(self) -> list[float]:
        """Return mean, lower and upper bound, rounded to four places."""
        return [round(x, 4) for x in (self.mean, self.low, self.high)]


def quality(rows: Rows, grades: npt.NDArray[np.int8]) -> Quality:
    """Return the figures of `rows`, best first, under each shop's grade [n], of which one must be above 0."""
    first = grades[rows[:RECALL_AT]]
    relevant = int((grades > 0).sum())
    gains = np.exp2(np.sort(grades)[::-1][:NDCG_AT].astype(np.float64)) - 1
    discounts = 1 / np.log2(np.arange(2, NDCG_AT + 2))
    ideal = float((gains * discounts[: len(gains)]).sum())
    gained = np.exp2(first[:NDCG_AT].astype(np.float64)) - 1
    best = np.flatnonzero(first == grades.max())
    return Quality(
        recall_at_20=float((first > 0).sum()) / min(RECALL_AT, relevant),
        ndcg_at_10=float((gained * discounts[: len(gained)]).sum()) / ideal,
        mrr=1 / (int(best[0]) + 1) if len(best) else 0.0,
        found=len(first),
    )


def values(found: Sequence[Quality], metric: str) -> Scores:
    """Return one figure of every query [q]."""
    return np.array([getattr(q, metric) for q in found], np.float64)


def interval(per_query: Scores) -> Interval:
    """Return the mean and its bootstrap interval; give a difference per query for a paired one."""
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(0, len(per_query), (_RESAMPLES, len(per_query)))
    low, high = np.percentile(per_query[drawn].mean(axis=1), (2.5, 97.5))
    return Interval(mean=float(per_query.mean()), low=float(low), high=float(high))


def means(found: Sequence[Quality]) -> dict[str, float]:
    """Return the mean of every figure."""
    metrics = ("recall_at_20", "ndcg_at_10", "mrr", "found")
    return {metric: round(float(values(found, metric).mean()), 4) for metric in metrics}


def compared(
    systems: Mapping[str, Sequence[Quality]], *, against: str, metric: str
) -> dict[str, list[float]]:
    """Return for every other system how much better it is than `against`: mean, low, high of the paired difference."""
    base = values(systems[against], metric)
    return {
        name: interval(values(found, metric) - base).to_list()
        for name, found in systems.items()
        if name != against
    }


def by_kind(
    systems: Mapping[str, Sequence[Quality]], kinds: Sequence[str], metric: str
) -> list[tuple[Any, ...]]:
    """Return rows (kind, queries, one mean per system) in the order in which kinds first come."""
    out: list[tuple[Any, ...]] = []
    for kind in dict.fromkeys(kinds):
        of_kind = np.array([k == kind for k in kinds])
        each = [
            round(float(values(found, metric)[of_kind].mean()), 4) for found in systems.values()
        ]
        out.append((kind, int(of_kind.sum()), *each))
    return out
