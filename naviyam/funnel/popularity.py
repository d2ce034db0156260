"""The popularity funnel: 0.4 x views + 0.6 x orders, decayed by age, damped. Computed once per catalogue.

Ages count from the newest event, so that the same data give the same scores on any day.
"""

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import KINDS, Behavior
from naviyam.catalog.store import Catalog
from naviyam.settings import Funnel

_DAY_S = 86_400.0


def popularity(
    catalog: Catalog, behavior: Behavior | None, settings: Funnel
) -> npt.NDArray[np.float32]:
    """Return a score per shop [n] in 0..1, 0 where nobody came.

    x = view_weight * views + order_weight * orders, each event weighted 0.5 ** (age / half_life); the score is
    x / (x + smoothing), so that a handful of events is no hit and a giant does not flatten the rest. Without
    events the shops' own counts stand in, undecayed.
    """
    if behavior is None or not len(behavior.time):
        views = catalog.view_count.astype(np.float64)
        orders = catalog.order_count.astype(np.float64)
    else:
        age_days = (behavior.time[-1] - behavior.time) / _DAY_S
        weight = 0.5 ** (age_days / settings.half_life_days)
        views = _sums(behavior, "view", weight, catalog.size)
        orders = _sums(behavior, "order", weight, catalog.size)
    used = settings.view_weight * views + settings.order_weight * orders
    scores: npt.NDArray[np.float32] = (used / (used + settings.smoothing)).astype(np.float32)
    return scores


def _sums(
    behavior: Behavior, kind: str, weight: npt.NDArray[np.float64], n: int
) -> npt.NDArray[np.float64]:
    chosen = behavior.kind == KINDS.index(kind)
    sums = np.bincount(behavior.shop[chosen], weights=weight[chosen], minlength=n)
    return sums.astype(np.float64)
