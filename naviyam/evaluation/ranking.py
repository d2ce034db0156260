"""Ranking metrics, vectorised and per user: no model, no data loading.

Rows are (group, item) pairs; a group is one ranking that one user would see. Only groups with something relevant count
towards precision, recall and NDCG, each group equally. Equal scores are ordered by a seeded permutation: neither the
order of the input nor a constant score earns anything. Formulas: Manning, Raghavan, Schuetze, Introduction to
Information Retrieval, ch. 8; AUC as the Mann-Whitney statistic with ties at one half; ECE after Guo et al. 2017.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingReport:
    """The figures of one ranker over the same groups. `ece` is None where scores are no probabilities."""

    groups: int
    precision_at_5: float
    recall_at_10: float
    ndcg_at_5: float
    auc: float
    ece: float | None
    coverage_at_5: float
    diversity_at_5: float

    def to_dict(self) -> dict[str, float | int | None]:
        """Return plain values, rounded to four places."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankedLists:
    """All groups put in order: rows best first within each group, `position` 0-based, all [n]."""

    row: Ints
    group: Ints
    position: Ints
    relevant: Bools
    """In the new order, as `group` and `position` are."""

    total_relevant: Ints
    """Relevant items per group [groups]."""


def put_in_order(scores: Floats, relevant: Bools, groups: Ints, *, seed: int = 0) -> RankedLists:
    """Order every group by score, best first.

    Raises:
        InputError: the arrays differ in length or a score is not finite.
    """
    if not len(scores) == len(relevant) == len(groups):
        raise InputError(
            f"{len(scores)} scores, {len(relevant)} labels, {len(groups)} groups: lengths must agree"
        )
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite; the model that gave it is broken", field="scores")
    tie = np.random.default_rng(seed).permutation(len(scores))
    dense = np.unique(groups, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((tie, -scores, dense))
    group = dense[order]
    start = np.searchsorted(group, np.arange(group.max() + 1)) if len(group) else np.array([], int)
    hit = relevant[order].astype(bool)
    return RankedLists(
        row=order,
        group=group,
        position=np.arange(len(group)) - start[group],
        relevant=hit,
        total_relevant=np.bincount(group[hit], minlength=len(start)),
    )


def precision_at_k(lists: RankedLists, k: int) -> float:
    """Return the mean over groups of relevant among the first k, divided by k even in a shorter list."""
    return _group_mean(hits(lists, k) / k, lists)


def recall_at_k(lists: RankedLists, k: int) -> float:
    """Return the mean over groups of the share of the relevant that is among the first k."""
    return _group_mean(hits(lists, k) / np.maximum(lists.total_relevant, 1), lists)


def ndcg_at_k(lists: RankedLists, k: int) -> float:
    """Return the mean normalised discounted cumulative gain, binary gains, discount log2(position + 2)."""
    return _group_mean(ndcg_values(lists, k), lists)


def ndcg_values(lists: RankedLists, k: int) -> Floats:
    """Return the gain of every group [groups] in the order of `np.unique(groups)`; nothing relevant gives 0."""
    discount = 1 / np.log2(np.arange(k) + 2)
    best = np.concatenate([[0.0], np.cumsum(discount)])
    counted = lists.relevant & (lists.position < k)
    gain = np.bincount(
        lists.group[counted],
        weights=discount[lists.position[counted]],
        minlength=len(lists.total_relevant),
    )
    ideal = best[np.minimum(lists.total_relevant, k)]
    values: Floats = gain / np.maximum(ideal, 1e-12)
    return values


def weighted_ndcg_values(lists: RankedLists, ideal: RankedLists, gains: Floats, k: int) -> Floats:
    """Return NDCG@k of every group where a relevant row is worth its gain and not 1.

    With gains of one over the chance that somebody looked, this estimates the NDCG of choices made by somebody who looks
    everywhere (Joachims, Swaminathan and Schnabel 2017): else the order that served wins by having served.

    Args:
        lists: the order that is judged.
        ideal: the same rows, the greatest gain first.
        gains: per row [n] in input order; what is not relevant counts 0.
        k: places that count.
    """
    values: Floats = _dcg(lists, gains, k) / np.maximum(_dcg(ideal, gains, k), 1e-12)
    return values


def _dcg(lists: RankedLists, gains: Floats, k: int) -> Floats:
    counted = lists.relevant & (lists.position < k)
    worth = gains[lists.row[counted]] / np.log2(lists.position[counted] + 2)
    groups = len(lists.total_relevant)
    return np.asarray(np.bincount(lists.group[counted], worth, groups), np.float64)


def coverage_at_k(lists: RankedLists, items: Ints, k: int, *, catalog_size: int) -> float:
    """Return the share of the catalogue that appears in some group's first k. `items` [n] in input order."""
    return len(np.unique(items[lists.row[lists.position < k]])) / max(catalog_size, 1)


def diversity_at_k(lists: RankedLists, kinds: Ints, k: int) -> float:
    """Return the mean over lists of the share of pairs among the first k that differ in kind (such as category)."""
    values, counted = diversity_values(lists, kinds, k)
    return float(values[counted].mean()) if counted.any() else 0.0


def diversity_values(lists: RankedLists, kinds: Ints, k: int) -> tuple[Floats, Bools]:
    """Return the share of differing pairs of every list [groups], and which lists have a pair at all."""
    top = lists.position < k
    group, kind = lists.group[top], kinds[lists.row[top]].astype(np.int64)
    size = np.bincount(group, minlength=len(lists.total_relevant))
    _, first, count = np.unique(
        np.stack([group, kind]), axis=1, return_index=True, return_counts=True
    )
    same = np.bincount(group[first], weights=count * (count - 1), minlength=len(size))
    pairs = size * (size - 1)
    return 1 - same / np.maximum(pairs, 1), pairs > 0


def auc(scores: Floats, relevant: Bools) -> float:
    """Return the chance that a relevant row outscores another one; nan where one kind is missing."""
    _, inverse, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse.reshape(-1)]
    positive, negative = int(relevant.sum()), int((~relevant).sum())
    if not positive or not negative:
        return float("nan")
    above = rank[relevant].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def expected_calibration_error(probability: Floats, relevant: Bools, *, bins: int = 10) -> float:
    """Return the mean gap between predicted and observed share over equal-width bins, weighted by rows."""
    if not len(probability):
        return 0.0
    which = np.minimum((probability * bins).astype(int), bins - 1)
    gap = np.bincount(which, weights=probability - relevant, minlength=bins)
    return float(np.abs(gap).sum() / len(probability))


def calibration_curve(
    probability: Floats, relevant: Bools, *, bins: int = 10
) -> tuple[tuple[float, float, int], ...]:
    """Return predicted mean, observed share and rows of every equal-width bin that holds rows."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    return tuple(
        (float(probability[rows].mean()), float(relevant[rows].mean()), int(rows.sum()))
        for b in range(bins)
        if (rows := which == b).any()
    )


def report(
    scores: Floats,
    *,
    relevant: Bools,
    groups: Ints,
    items: Ints,
    kinds: Ints,
    catalog_size: int,
    probabilities: bool = False,
) -> RankingReport:
    """Return every figure of one ranker. Baselines go through the same call with the same rows."""
    lists = put_in_order(scores, relevant, groups)
    return RankingReport(
        groups=int((lists.total_relevant > 0).sum()),
        precision_at_5=precision_at_k(lists, 5),
        recall_at_10=recall_at_k(lists, 10),
        ndcg_at_5=ndcg_at_k(lists, 5),
        auc=auc(scores, relevant),
        ece=expected_calibration_error(scores, relevant) if probabilities else None,
        coverage_at_5=coverage_at_k(lists, items, 5, catalog_size=catalog_size),
        diversity_at_5=diversity_at_k(lists, kinds, 5),
    )


def table(reports: Mapping[str, RankingReport]) -> str:
    """Return the reports side by side as lines of text, one ranker a line."""
    if not reports:
        return ""
    names = list(next(iter(reports.values())).to_dict())
    lines = [" ".join([f"{'':12}", *(f"{name:>14}" for name in names)])]
    for ranker, figures in reports.items():
        cells = ("-" if v is None else f"{v:.4g}" for v in figures.to_dict().values())
        lines.append(" ".join([f"{ranker:12}", *(f"{cell:>14}" for cell in cells)]))
    return "\n".join(lines)


def hits(lists: RankedLists, k: int) -> Floats:
    """Return how many relevant rows are among the first k of every group [groups]."""
    counted = lists.relevant & (lists.position < k)
    return np.bincount(lists.group[counted], minlength=len(lists.total_relevant)).astype(float)


def _group_mean(values: Floats, lists: RankedLists) -> float:
    counted = lists.total_relevant > 0
    return float(values[counted].mean()) if counted.any() else 0.0
