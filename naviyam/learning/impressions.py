"""Ranker samples out of what was shown and chosen (spec 3): labels, weights, negatives, the split by time. Pure, over arrays.

- A positive is a shop that its user clicked, favoured, ordered at or rated well, weighed by the strongest of these.
- A negative was shown in the same answer and not chosen. Answers of which nothing was chosen say nothing.
- The part before the cut knows nothing of what came after it, neither answers nor what was chosen.
- What is chosen far down was looked at seldom, so a positive counts 1 / chance of a look, within a limit. Negatives do not: a
  shop that is passed over weighs nearly the same wherever it stood (Saito et al. 2020, small likings).
"""

from collections import Counter
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from naviyam.learning.examination import Examination
from naviyam.settings import Learning

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Impressions:
    """Shown shops [n], answer by answer, best rank first. Times are epoch microseconds.

    `chosen` is the weight of the strongest positive feedback, 0 where there is none, `chosen_at` when the last of them was
    recorded (0: never): what the past knows of a choice must be all of it.
    """

    answer: npt.NDArray[np.object_]
    shop: npt.NDArray[np.object_]
    time: npt.NDArray[np.int64]
    rank: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]
    chosen: npt.NDArray[np.float32]
    chosen_at: npt.NDArray[np.int64]

    def take(self, index: npt.NDArray[Any]) -> Self:
        """Return the rows at `index` (numbers or a mask)."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Samples as rows of the impressions they are from: `row` [m], `label`, `weight`, `examined`, `test` [m]."""

    row: npt.NDArray[np.int64]
    label: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    examined: npt.NDArray[np.float32]
    test: Bools
    cut: int
    clipped_share: float
    """Share of the positives whose correction for position met the limit."""

    dropped: Counter[str]


def choose(
    shown: Impressions,
    looks: Examination,
    options: Learning,
    *,
    seed: int,
    not_before: int = 0,
) -> Chosen:
    """Return the samples. The same impressions and seed give the same, whatever the order of the answers.

    `not_before` is the cut of the set that the model to beat has learned from: late feedback on old answers must not move
    the cut back into what that model has seen.
    """
    dropped: Counter[str] = Counter()
    positive = shown.chosen > 0
    answers, session = np.unique(shown.answer, return_inverse=True)
    told = _any(session, positive, len(answers))
    dropped["answer_without_a_choice"] = int((~told).sum())
    keep = told[session]
    own = cut_of(shown.time[_first_rows(session[keep], keep)], options.train_share)
    cut = max(own, not_before)
    test = shown.time >= cut
    late = positive & ~test & (shown.chosen_at >= cut)
    dropped["positive_chosen_after_the_cut"] = int(late.sum())
    positive &= ~late
    told = _any(session, positive, len(answers))
    dropped["answer_known_only_after_the_cut"] = int(
        (_any(session, late, len(answers)) & ~told).sum()
    )
    # What was chosen late is no negative either: the future knows better.
    candidates = np.flatnonzero(told[session] & ~late)
    picked, over = _balanced(shown, candidates, positive, session, options, seed)
    dropped["negative_over_the_limit"] = over
    lone = ~_any(session[picked], ~positive[picked], len(answers)) & told
    dropped["answer_without_a_negative"] = int(lone.sum())
    row = picked[~lone[session[picked]]]
    examined = looks.chance(shown.rank[row])
    label = positive[row]
    hard = shown.score[row] > options.hard_negative_score
    inverse = np.minimum(1 / examined, options.max_position_weight)
    weight = np.where(
        label, shown.chosen[row] * inverse, np.where(hard, options.hard_negative_weight, 1.0)
    )
    clipped = label & (1 / examined > options.max_position_weight)
    return Chosen(
        row=row,
        label=label.astype(np.float32),
        weight=weight.astype(np.float32),
        examined=examined,
        test=test[row],
        cut=cut,
        clipped_share=float(clipped.sum() / max(label.sum(), 1)),
        dropped=+dropped,
    )


def cut_of(time: npt.NDArray[np.int64], share: float) -> int:
    """Return the time before which `share` of the answers lie; what stands at it is later. 0 without any."""
    if not len(time):
        return 0
    ordered = np.sort(time)
    return int(ordered[min(int(len(ordered) * share), len(ordered) - 1)])


def _first_rows(session: npt.NDArray[np.int64], keep: Bools) -> npt.NDArray[np.int64]:
    """Return one row of each answer among the kept."""
    _, first = np.unique(session, return_index=True)
    rows: npt.NDArray[np.int64] = np.flatnonzero(keep)[first]
    return rows


def _any(session: npt.NDArray[np.int64], marked: Bools, count: int) -> Bools:
    """Return per answer whether any of its rows is marked."""
    found: Bools = np.bincount(session, weights=marked, minlength=count) > 0
    return found


def _balanced(
    shown: Impressions,
    candidates: npt.NDArray[np.int64],
    positive: Bools,
    session: npt.NDArray[np.int64],
    options: Learning,
    seed: int,
) -> tuple[npt.NDArray[np.int64], int]:
    """Return the rows to keep, in order, and how many negatives were left out: per answer, hard ones stay first."""
    negative = candidates[~positive[candidates]]
    limit = np.bincount(session[positive], minlength=int(session.max(initial=-1)) + 1)
    limit = limit * options.negatives_per_positive
    easy = shown.score[negative] <= options.hard_negative_score
    lot = np.array(
        [_lot(seed, shown.answer[i], shown.shop[i]) for i in negative.tolist()], np.uint64
    )
    order = np.lexsort((lot, easy, session[negative]))
    group = session[negative][order]
    place = np.arange(len(group)) - np.searchsorted(group, group)
    kept = negative[order][place < limit[group]]
    rows = np.sort(np.concatenate([candidates[positive[candidates]], kept]))
    return rows, len(negative) - len(kept)


def _lot(seed: int, answer: str, shop: str) -> int:
    return int.from_bytes(blake2b(f"{seed}\0{answer}\0{shop}".encode(), digest_size=8).digest())
