"""Top-10 figures as the recommenders team defines them, relevance binary. Users without a held-out item do not count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """Means over users. `coverage` is the share of all items that somebody is shown."""

    ndcg: float
    precision: float
    recall: float
    map: float
    coverage: float


def top_k(scores: F32, seen: F32, k: int) -> npt.NDArray[np.int64]:
    """Return each user's best unseen items [users, k], best first; equal scores go by item."""
    open_to = np.where(seen > 0, -np.inf, scores)
    best = np.argpartition(-open_to, k, axis=1)[:, :k]
    best.sort(axis=1)
    order = np.argsort(-np.take_along_axis(open_to, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1)


def measure(scores: F32, *, seen: F32, wanted: F32, k: int = 10) -> TopK:
    """Rank all items a user has not `seen` and compare with the `wanted`; all three [users, items]."""
    best = top_k(scores, seen, k)
    hit = np.take_along_axis(wanted, best, 1) > 0
    total = (wanted > 0).sum(1)
    counted = total > 0
    hit, total = hit[counted], total[counted]
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.cumsum(discount)[np.minimum(total, k) - 1]
    found = np.cumsum(hit, axis=1)
    precision_at = found / (np.arange(k) + 1)
    return TopK(
        ndcg=float(((hit * discount).sum(1) / ideal).mean()),
        precision=float((found[:, -1] / k).mean()),
        recall=float((found[:, -1] / total).mean()),
        map=float(((precision_at * hit).sum(1) / total).mean()),
        coverage=len(np.unique(best[counted])) / scores.shape[1],
    )
