"""Two rankers on the same held-out choices: every metric of `ranking`, and of each difference a paired interval by user.

One list is one user's: all that was shown to the user in the held-out time, in the order of the scores; relevant is what
the user chose. In precision, recall and NDCG a choice counts one over the chance that its place was looked at, and so does
who made it (Joachims, Swaminathan and Schnabel 2017). Answers hold three shops, so that within one answer precision@5 and
recall@10 could not differ.
numpy only; scores come in, no model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError
from naviyam.evaluation import ranking
from naviyam.intervals import Estimate, Resample, paired

F64 = npt.NDArray[np.float64]

METRICS: Final = ("precision_at_5", "recall_at_10", "ndcg_at_5", "auc", "calibration_error", "diversity_at_5")  # fmt: skip
"""Those with an interval; `coverage_at_5` is of a whole set and has none."""

_BINS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """Rows [n]: which user was shown which item of which kind, and whether it was chosen. Codes are any integers."""

    relevant: npt.NDArray[np.bool_]
    user: npt.NDArray[np.integer[Any]]
    item: npt.NDArray[np.integer[Any]]
    kind: npt.NDArray[np.integer[Any]]
    catalog_size: int
    gain: F64 | None = None
    """What a choice is worth: one over the chance that it was looked at; None: 1."""

    @property
    def gains(self) -> F64:
        """What each row is worth if it was chosen."""
        return np.ones(len(self.relevant)) if self.gain is None else self.gain

    def __post_init__(self) -> None:
        if not self.relevant.any() or self.relevant.all():
            raise InputError(
                f"{int(self.relevant.sum())} of {len(self.relevant)} held-out rows are relevant; both kinds are needed "
                "to compare rankers: wait for more feedback"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Figures of both, and of every metric with an interval the difference candidate minus champion."""

    candidate: Mapping[str, float]
    champion: Mapping[str, float]
    difference: Mapping[str, Estimate]


def figures(scores: F64, choices: Choices) -> dict[str, float]:
    """Return every metric of one ranker; calibration only means something where scores are probabilities."""
    found = _replicates(scores, choices, Resample.of(choices.user, draws=0, seed=0))
    lists = ranking.put_in_order(scores, choices.relevant, choices.user)
    coverage = ranking.coverage_at_k(lists, choices.item, 5, catalog_size=choices.catalog_size)
    return {name: float(values[0]) for name, values in found.items()} | {"coverage_at_5": coverage}


def compare(
    candidate: F64, champion: F64, choices: Choices, *, draws: int = 1_000, seed: int = 7
) -> Comparison:
    """Return both rankers' figures and the paired bootstrap of their differences."""
    drawn = Resample.of(choices.user, draws=draws, seed=seed)
    one, other = (_replicates(s, choices, drawn) for s in (candidate, champion))
    return Comparison(
        candidate=figures(candidate, choices),
        champion=figures(champion, choices),
        difference={name: paired(one[name], other[name]) for name in METRICS},
    )


def ndcg_by_user(scores: F64, choices: Choices) -> tuple[F64, F64]:
    """Return NDCG@5 of every user in the order of `np.unique(user)`, and what each counts: 0 where nothing is relevant."""
    lists = ranking.put_in_order(scores, choices.relevant, choices.user)
    return _ndcg(lists, choices), _worth(lists, choices)


def _ndcg(lists: ranking.RankedLists, choices: Choices) -> F64:
    gains = choices.gains
    ideal = ranking.put_in_order(gains * choices.relevant, choices.relevant, choices.user)
    return np.asarray(ranking.weighted_ndcg_values(lists, ideal, gains, 5), np.float64)


def _worth(lists: ranking.RankedLists, choices: Choices) -> F64:
    """Return what every user counts: the mean worth of their choices.

    Somebody whose one choice stood where one in five looks stands for five: four others would have chosen the same had
    they looked. Counting users alike would let the order that served win by having served.
    """
    total = _gained(lists, choices, len(choices.relevant))
    return total / np.maximum(lists.total_relevant, 1)


def _gained(lists: ranking.RankedLists, choices: Choices, k: int) -> F64:
    """Return the worth of what was chosen among the first `k` of every user."""
    counted = lists.relevant & (lists.position < k)
    worth = choices.gains[lists.row[counted]]
    return np.asarray(
        np.bincount(lists.group[counted], worth, len(lists.total_relevant)), np.float64
    )


def _replicates(scores: F64, choices: Choices, drawn: Resample) -> dict[str, F64]:
    """Return each metric on each drawn sample."""
    lists = ranking.put_in_order(scores, choices.relevant, choices.user)
    by_user = Resample(counts=drawn.counts, index=np.arange(drawn.counts.shape[1]))
    worth = _worth(lists, choices)
    total = np.maximum(lists.total_relevant, 1)
    diversity, has_pair = ranking.diversity_values(lists, choices.kind, 5)
    return {
        "precision_at_5": by_user.ratio(_gained(lists, choices, 5) / 5, worth),
        "recall_at_10": by_user.ratio(_gained(lists, choices, 10) / total, worth),
        "ndcg_at_5": by_user.ratio(_ndcg(lists, choices) * worth, worth),
        "auc": _auc(scores, choices.relevant, drawn),
        "calibration_error": _calibration(scores, choices.relevant, drawn),
        "diversity_at_5": by_user.means(_floats(diversity), has_pair),
    }


def _auc(scores: F64, relevant: npt.NDArray[np.bool_], drawn: Resample) -> F64:
    """Return the area under the curve of every drawn sample (ties at one half), nan where one kind is missing."""
    tie = np.unique(scores, return_inverse=True)[1].reshape(-1)
    order = np.argsort(tie, kind="stable")
    start = np.flatnonzero(np.diff(tie[order], prepend=-1))
    liked, unit = relevant[order], drawn.index[order]
    found = np.full(len(drawn.counts), np.nan)
    for i, counts in enumerate(drawn.counts):
        weight = counts[unit]
        positive = np.add.reduceat(np.where(liked, weight, 0.0), start)
        negative = np.add.reduceat(np.where(liked, 0.0, weight), start)
        pairs = positive.sum() * negative.sum()
        if pairs > 0:
            found[i] = float(positive @ (np.cumsum(negative) - negative / 2)) / pairs
    return found


def _calibration(scores: F64, relevant: npt.NDArray[np.bool_], drawn: Resample) -> F64:
    """Return the expected calibration error of every drawn sample (Guo et al. 2017, ten equal bins)."""
    which = np.clip((scores * _BINS).astype(int), 0, _BINS - 1)
    gap = sum(
        np.abs(drawn.totals(np.where(which == b, scores - relevant, 0.0))) for b in range(_BINS)
    )
    error: F64 = gap / drawn.totals(np.ones(len(scores)))
    return error


def _floats(values: npt.NDArray[np.floating[Any]]) -> F64:
    return values.astype(np.float64)
