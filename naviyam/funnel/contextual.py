"""The contextual funnel: what suits the hour, is near and is open. No weather: nobody hands it in."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import KINDS, Behavior
from naviyam.catalog.store import Catalog
from naviyam.clock import SEOUL
from naviyam.request import CATEGORIES, TIMES_OF_DAY
from naviyam.retrieval.scope import Scope

_SLOT_WEIGHT, _NEAR_WEIGHT, _OPEN_WEIGHT = 0.4, 0.4, 0.2
_NEAR_M = 1_000.0
"""Distance at which nearness has fallen to 1/e."""

_UNKNOWN_OPEN = 0.5
_PRIOR_ORDERS = 200.0
"""How many orders of a time of day the table below is worth against those observed."""

_STARTS = (
    (5, "breakfast"),
    (11, "lunch"),
    (14, "after_school"),
    (17, "dinner"),
    (21, "late_night"),
)

_SUITS: Mapping[str, Mapping[str, float]] = {
    "breakfast": {"편의점": 1.0, "베이커리": 0.9, "한식": 0.8, "분식": 0.7, "카페": 0.6, "건강식": 0.6, "패스트푸드": 0.5},
    "lunch": {"한식": 1.0, "분식": 0.9, "중식": 0.9, "일식": 0.8, "양식": 0.7, "패스트푸드": 0.7, "건강식": 0.7},
    "after_school": {"분식": 1.0, "편의점": 0.8, "베이커리": 0.8, "패스트푸드": 0.8, "카페": 0.7, "치킨": 0.6, "피자": 0.6},
    "dinner": {"한식": 1.0, "치킨": 0.9, "고기": 0.9, "중식": 0.8, "피자": 0.8, "일식": 0.8, "양식": 0.8, "분식": 0.7},
    "late_night": {"편의점": 1.0, "치킨": 0.8, "패스트푸드": 0.7, "피자": 0.6, "한식": 0.5, "분식": 0.5},
}  # fmt: skip
"""How well a category suits a time of day, before any order was seen; others 0.4."""

_OTHERS = 0.4


def time_of_day(when: datetime) -> str:
    """Return the slot of `request.TIMES_OF_DAY` that an aware time falls in, by the clock in Seoul."""
    hour = when.astimezone(SEOUL).hour
    return next((name for start, name in reversed(_STARTS) if hour >= start), "late_night")


def slot_fit(catalog: Catalog, behavior: Behavior | None) -> npt.NDArray[np.float32]:
    """Return how well each category suits each time of day [5, 14] in 0..1: the table, moved by observed orders."""
    table = np.array(
        [[_SUITS[slot].get(kind, _OTHERS) for kind in CATEGORIES] for slot in TIMES_OF_DAY]
    )
    counts = np.zeros_like(table)
    if behavior is not None:
        orders = behavior.kind == KINDS.index("order")
        hour = (behavior.time[orders] // 3_600 + 9) % 24
        starts = np.array([start for start, _ in _STARTS])
        slot = (np.searchsorted(starts, hour, side="right") - 1) % len(_STARTS)
        np.add.at(counts, (slot, catalog.category[behavior.shop[orders]]), 1.0)
    # Per slot, the observed share of each category against its share overall: 1 is as usual.
    overall = counts.sum(axis=0) + 1.0
    expected = counts.sum(axis=1, keepdims=True) * overall / overall.sum()
    lift = np.clip(counts / np.maximum(expected, 1.0), 0.0, 2.0) / 2.0
    seen = counts.sum(axis=1, keepdims=True)
    fit: npt.NDArray[np.float32] = (
        (table * _PRIOR_ORDERS + lift * seen) / (_PRIOR_ORDERS + seen)
    ).astype(np.float32)
    return fit


def contextual(
    catalog: Catalog, scope: Scope, when: datetime, fit: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return a score per row of `scope.rows` in 0..1; 0 for what is known to be closed now.

    A time of day that was asked for counts instead of the clock's, and then nothing is closed.
    """
    rows = scope.rows
    asked = scope.filters.time_of_day
    slot = TIMES_OF_DAY.index(asked or time_of_day(when))
    near = np.ones(len(rows), np.float32)
    if scope.distance_m is not None:
        near = np.exp(-scope.distance_m[rows] / _NEAR_M)
    state = np.full(len(rows), -1) if asked else scope.open_state[rows]
    is_open = np.where(state < 0, _UNKNOWN_OPEN, state)
    score = (
        _SLOT_WEIGHT * fit[slot, catalog.category[rows]]
        + _NEAR_WEIGHT * near
        + _OPEN_WEIGHT * is_open
    )
    return np.where(state == 0, 0.0, score).astype(np.float32)
