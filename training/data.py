"""The ranker's first samples, from the catalogue's behaviour (spec 3, "Initial set"). No torch, no files.

A positive is a visit: orders, favourites and good reviews of one user at one shop less than a day apart are one, at the
time of the first, with the greatest weight (a review of what was just ordered is no second choice).
`wide_deep.sessions` sets other layer-1 candidates of that moment beside it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.events import FAVORITE, ORDER, REVIEW, VIEW
from naviyam.catalog.store import Catalog
from naviyam.features.spec import GOOD_STARS, POSITIVE_WEIGHTS
from naviyam.request import Place

VISIT_GAP_S: Final = 86_400
MIN_EARLIER: Final = 2
"""Earlier visits that say where a user usually is."""

WIDEST_DISTRICT_M: Final = 40_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Candidates [n]. `session` numbers what was shown together; rows are of the catalogue and the behaviour."""

    user: npt.NDArray[np.int32]
    shop: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    label: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    session: npt.NDArray[np.int32]
    query: npt.NDArray[np.int32]
    latitude: npt.NDArray[np.float64]
    """Where the user asked from, nan where that is not said; so `longitude`."""

    longitude: npt.NDArray[np.float64]
    open_now: npt.NDArray[np.int32]
    funnel_scores: npt.NDArray[np.float32]

    def take(self, index: npt.NDArray[Any]) -> Self:
        """Return the rows at `index` (numbers or a mask)."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """Return all rows of `parts`, in order."""
        names = [f.name for f in fields(cls)]
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visits:
    """Positives [p] by time: `user`, `shop`, `time` of the first event, `weight`, `point` [p, 2] (`usual_points`)."""

    user: npt.NDArray[np.int32]
    shop: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    point: npt.NDArray[np.float64]

    def take(self, index: npt.NDArray[Any]) -> Self:
        """Return the visits at `index`."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankerData:
    """Samples before and after `cut` (epoch s), one candidate pool per later user, and what was left out."""

    train: Samples
    test: Samples
    pools: Samples
    cut: int
    candidate_recall: float
    """Share of the later visits whose shop was in its user's pool."""
    counts: Mapping[str, int]


def visits_of(catalog: Catalog, behavior: Behavior) -> tuple[Visits, Counter[str]]:
    """Return the positives of all consenting users, and how many events were dropped and why."""
    by_kind = {
        ORDER: POSITIVE_WEIGHTS["order"],
        FAVORITE: POSITIVE_WEIGHTS["favorite"],
        REVIEW: POSITIVE_WEIGHTS["review"],
    }
    weight = np.zeros(len(behavior.time), np.float32)
    for kind, value in by_kind.items():
        weight[behavior.kind == kind] = value
    poor = (behavior.kind == REVIEW) & (behavior.value < GOOD_STARS)
    silent = ~behavior.consent[behavior.user]
    keep = (weight > 0) & ~poor & ~silent
    dropped = Counter(
        view_or_click=int((weight == 0).sum()),
        review_below_4=int(poor.sum()),
        no_consent=int(((weight > 0) & ~poor & silent).sum()),
    )
    user, shop, time = behavior.user[keep], behavior.shop[keep], behavior.time[keep]
    weight = weight[keep]
    order = np.lexsort((time, shop, user))
    user, shop, time, weight = user[order], shop[order], time[order], weight[order]
    new = np.ones(len(user), bool)
    new[1:] = (np.diff(user) != 0) | (np.diff(shop) != 0) | (np.diff(time) > VISIT_GAP_S)
    start = np.flatnonzero(new)
    dropped["same_visit"] = len(user) - len(start)
    if len(start):
        weight = np.maximum.reduceat(weight, start)
    visits = Visits(
        user=user[start],
        shop=shop[start],
        time=time[start],
        weight=weight,
        point=usual_points(catalog, user[start], shop[start], time[start]),
    )
    return visits.take(np.argsort(visits.time, kind="stable")), dropped


def usual_points(
    catalog: Catalog,
    user: npt.NDArray[np.int32],
    shop: npt.NDArray[np.int32],
    time: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return latitude and longitude [p, 2] of where each visit's user usually was until a day before it.

    No table says where a child asked from, and the middle of a district says nothing of the way to a shop: the median
    of the shops visited before is the nearest that is known. nan with fewer than two of them.
    """
    where = np.stack([catalog.latitude[shop], catalog.longitude[shop]], axis=1).astype(np.float64)
    known = np.isfinite(catalog.latitude[shop]) & np.isfinite(catalog.longitude[shop])
    points = np.full((len(user), 2), np.nan)
    for one in np.unique(user):
        mine = np.flatnonzero(user == one)
        for i in mine:
            before = mine[(time[mine] < time[i] - VISIT_GAP_S) & known[mine]]
            if len(before) >= MIN_EARLIER:
                points[i] = np.median(where[before], axis=0)
    return points


def as_of(catalog: Catalog, behavior: Behavior, moment: int) -> tuple[Catalog, Behavior]:
    """Return both as they stood at `moment` (epoch s): events before it, counts without those since."""
    past = behavior.time < moment
    later = ~past

    def without(count: npt.NDArray[np.int32], kind: int) -> npt.NDArray[np.int32]:
        since = np.bincount(behavior.shop[later & (behavior.kind == kind)], minlength=catalog.size)
        left: npt.NDArray[np.int32] = np.maximum(count - since, 0).astype(np.int32)
        return left

    older = replace(
        catalog,
        view_count=without(catalog.view_count, VIEW),
        order_count=without(catalog.order_count, ORDER),
        favorite_count=without(catalog.favorite_count, FAVORITE),
        review_count=without(catalog.review_count, REVIEW),
    )
    names = ("user", "shop", "kind", "value", "time")
    return older, replace(behavior, **{name: getattr(behavior, name)[past] for name in names})


def district_places(catalog: Catalog) -> dict[str, Place]:
    """Return each district as a place: the median of its shops, a radius that holds 95 % of them.

    A name that several cities share (북구) is no place and is left out.
    """
    places = {}
    known = np.isfinite(catalog.latitude) & np.isfinite(catalog.longitude)
    for i, name in enumerate(catalog.districts):
        rows = np.flatnonzero(known & (catalog.district == i))
        if not len(rows):
            continue
        lat, lon = (
            float(np.median(catalog.latitude[rows])),
            float(np.median(catalog.longitude[rows])),
        )
        radius = float(np.quantile(catalog.distance_m(lat, lon)[rows], 0.95))
        if radius > WIDEST_DISTRICT_M:
            continue
        places[name] = Place(
            name=name, latitude=lat, longitude=lon, radius_m=max(radius, 1_000.0), level="sigungu"
        )
    return places
