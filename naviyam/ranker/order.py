"""The order of an answer: an explicit wish first, the model's score second, brands mixed. Pure functions.

1. Asked for open shops: known open, then unknown, then known closed.
2. Asked for a sort: that key decides; candidates whose key is unknown come last; equal keys go by score.
3. Else by score, and no brand more than `SAME_BRAND` times before every other candidate (of the same opening state)
   has had its turn. With a sort nothing is mixed: the child asked for that very order.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.features.batch import FeatureBatch
from naviyam.search import FUNNELS, RankRequest

SAME_BRAND: Final = 2
DISTANCE_STEP_M: Final = 10.0
"""Distances closer than this count as equal: coordinates are not better."""

F64 = npt.NDArray[np.float64]
_POPULARITY = FUNNELS.index("popularity")


def order_of(
    request: RankRequest, catalog: Catalog, batch: FeatureBatch, scores: npt.NDArray[np.float32]
) -> npt.NDArray[np.int32]:
    """Return all candidates best first, int32 [n]. Equal in everything, the lower catalogue row comes first."""
    opening = _opening(request, batch)
    wish = _wish(request.filters.sort, request, catalog, batch)
    order: npt.NDArray[np.int32] = np.lexsort((request.rows, -scores, wish, opening)).astype(
        np.int32
    )
    if request.filters.sort is not None:
        return order
    return _mixed(order, catalog.brand[request.rows], opening)


def _opening(request: RankRequest, batch: FeatureBatch) -> npt.NDArray[np.int64]:
    if not request.filters.open_now:
        return np.zeros(len(request.rows), np.int64)
    return np.select([batch.open_now == 1, batch.open_now == -1], [0, 1], 2)


def _wish(sort: str | None, request: RankRequest, catalog: Catalog, batch: FeatureBatch) -> F64:
    """Return the asked key, smaller is better, inf where it is unknown."""
    if sort == "cheapest":
        return np.where(batch.min_price_won > 0, batch.min_price_won, np.inf)
    if sort == "nearest":
        known = np.isfinite(batch.distance_m)
        steps = np.round(np.where(known, batch.distance_m, 0) / DISTANCE_STEP_M)
        return np.where(known, steps, np.inf)
    if sort == "highest_rated":
        known = np.isfinite(batch.rating)
        return np.where(known, -np.round(np.where(known, batch.rating, 0), 2), np.inf)
    if sort == "popular":
        counts = 0.6 * batch.shop_orders + 0.4 * catalog.view_count[request.rows]
        funnel = request.funnel_scores[:, _POPULARITY]
        popularity: F64 = counts + funnel if counts.any() else np.asarray(funnel, np.float64)
        return -popularity
    return np.zeros(len(request.rows))


def _mixed(
    order: npt.NDArray[np.int32], brand: npt.NDArray[np.int32], opening: npt.NDArray[np.int64]
) -> npt.NDArray[np.int32]:
    out: list[int] = []
    for state in np.unique(opening):
        seen: dict[int, int] = {}
        late: list[int] = []
        for i in order[opening[order] == state].tolist():
            name = int(brand[i])
            seen[name] = seen.get(name, 0) + 1
            (late if name >= 0 and seen[name] > SAME_BRAND else out).append(i)
        out.extend(late)
    return np.array(out, np.int32)
