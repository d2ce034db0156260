"""Gathers the arrays of a batch: who asks what when (`Asks`), and the candidates' columns beside it.

Training and serving both come through here: a request is one `Asks` of length 1 over n candidates, a training set is
one of length n. Nothing is computed from text; unknown stays nan, 0 or -1 and is made neutral in `build`.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.clock import SEOUL
from naviyam.features.history import History
from naviyam.features.tables import FeatureTables
from naviyam.request import (
    CATEGORIES,
    DIETARY,
    RELATIVE_PLACES,
    TIMES_OF_DAY,
    Filters,
    Place,
    RequestContext,
    UserProfile,
)

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_SLOT_OF_HOUR = np.array([4] * 5 + [0] * 6 + [1] * 3 + [2] * 3 + [3] * 4 + [4] * 3, np.int8)
"""Korean hour to `TIMES_OF_DAY`: breakfast 5-10, lunch 11-13, after school 14-16, dinner 17-20, late
21-4, as the contextual funnel has it."""

_KST_S = 9 * 3_600
_EARTH_M = 6_371_008.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asks:
    """The asking side, every array [1] or [n]. Unknown: row, district, category -1; age, budget 0; place nan."""

    time: I64
    """Epoch seconds."""
    user: I32
    """Row in `Behavior`."""
    user_embedding: I32
    age: I32
    district: I32
    """Index into `Catalog.districts`."""
    budget_won: I32
    slot: I32
    """Index into `TIMES_OF_DAY`."""
    latitude: F64
    longitude: F64
    favorite_tags: I32
    dietary: I32
    """Bit i = `DIETARY[i]`."""
    category: I32
    budget_asked: Bools
    near_asked: Bools
    open_asked: Bools
    card_asked: Bools
    good_asked: Bools

    def take(self, index: I64) -> Self:
        """Return the asks at `index`, in that order."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureBatch:
    """Everything `build_features` reads, arrays only: `asks` [1] or [n], all else [n] (funnel scores [n, 4])."""

    asks: Asks
    shop_embedding: I32
    category_embedding: I32
    brand_embedding: I32
    category: I32
    tags: I32
    rate_user_district: I32
    rate_shop_district: I32
    """Indices into `CrossRates.districts`, -1 unknown; the user's is [1] or [n]."""
    shop_district: I32
    meal_card: I32
    good_influence: Bools
    min_price_won: I32
    mean_price_won: F64
    menu_count: I32
    hours_per_day: F64
    open_now: I32
    distance_m: F64
    rating: F64
    shop_reviews: F64
    shop_orders: F64
    shop_favorites: F64
    user_favorites: F64
    user_orders: F64
    user_reviews: F64
    user_liking: F64
    shop_affinity: F64
    category_affinity: F64
    brand_affinity: F64
    funnel_scores: F32
    rag_scores: F32
    query: F32
    """[1, d] or [n, d]; zeros where no query is known."""


def slots_of(time: I64) -> I32:
    """Return the time of day of epoch seconds in Korea, as indices into `TIMES_OF_DAY`."""
    return _SLOT_OF_HOUR[(time + _KST_S) // 3_600 % 24].astype(np.int32)


def tag_bits(categories: tuple[str, ...]) -> int:
    """Return the bits of category names; unknown names count for nothing."""
    return sum(1 << CATEGORIES.index(c) for c in set(categories) if c in CATEGORIES)


def dietary_bits(dietary: tuple[str, ...]) -> int:
    """Return the bits of dietary wishes; allergies are a filter's matter, not a feature's."""
    return sum(1 << DIETARY.index(d) for d in set(dietary) if d in DIETARY)


def budget_won(filters: Filters, profile: UserProfile) -> int | None:
    """Return what may be spent: what was said, else what the profile says, else None."""
    return filters.budget_max if filters.budget_max is not None else profile.budget_won


def origin(place: Place | None, context: RequestContext) -> tuple[float, float]:
    """Return the point distances are measured from, (nan, nan) where there is none."""
    if place is not None:
        return place.latitude, place.longitude
    if context.latitude is not None and context.longitude is not None:
        return context.latitude, context.longitude
    return float("nan"), float("nan")


class Gatherer:
    """Joins asks and catalogue rows to batches. One per catalogue, history and tables; read-only."""

    def __init__(self, catalog: Catalog, history: History, tables: FeatureTables) -> None:
        vocabulary = tables.vocabulary
        self._catalog, self._history = catalog, history
        self._user_rows = {u: i + 1 for i, u in enumerate(vocabulary.users)}
        self._shop_rows = vocabulary.rows("shops", catalog.shop_ids)
        self._category_rows = vocabulary.rows("categories", CATEGORIES)
        self._brand_rows = np.append(vocabulary.rows("brands", catalog.brands), np.int32(0))
        at = {name: i for i, name in enumerate(tables.rates.districts)}
        self._rate_district = np.array([*(at.get(d, -1) for d in catalog.districts), -1], np.int32)
        self._district_of = {name: i for i, name in enumerate(catalog.districts)}

    def ask(
        self,
        *,
        filters: Filters,
        context: RequestContext,
        profile: UserProfile,
        place: Place | None,
        user_row: int,
    ) -> Asks:
        """Return the ask of one request, arrays [1]. Without consent it is nobody's."""
        known = profile.consent
        latitude, longitude = origin(place, context)
        time = np.array([int(_epoch_s(context.time))], np.int64)
        said = filters.time_of_day
        slot = slots_of(time) if said is None else _one(TIMES_OF_DAY.index(said))
        category = CATEGORIES.index(filters.category) if filters.category else -1
        near = filters.sort == "nearest" or filters.location in RELATIVE_PLACES
        district = profile.district or context.district or ""
        dietary = filters.dietary + profile.dietary
        return Asks(
            time=time,
            user=_one(user_row if known else -1),
            user_embedding=_one(self._user_rows.get(profile.user_id, 0) if known else 0),
            age=_one(profile.age or 0),
            district=_one(self._district_of.get(district, -1)),
            budget_won=_one(budget_won(filters, profile) or 0),
            slot=slot,
            latitude=np.array([latitude]),
            longitude=np.array([longitude]),
            favorite_tags=_one(tag_bits(profile.favorite_categories)),
            dietary=_one(dietary_bits(dietary)),
            category=_one(category),
            budget_asked=np.array([filters.budget_max is not None]),
            near_asked=np.array([near]),
            open_asked=np.array([bool(filters.open_now)]),
            card_asked=np.array([filters.payment_method == "meal_card"]),
            good_asked=np.array([bool(filters.is_good_influence_shop)]),
        )

    def batch(
        self,
        asks: Asks,
        rows: I32,
        *,
        funnel_scores: F32,
        rag_scores: F32,
        open_now: I32,
        query: F32,
    ) -> FeatureBatch:
        """Return the batch of candidates `rows` [n]; `open_now` is 1, 0 or -1 per candidate [n]."""
        c, h = self._catalog, self._history
        user, time = np.broadcast_to(asks.user, rows.shape), np.broadcast_to(asks.time, rows.shape)
        own = h.user_past(asks.user, asks.time)
        shop = h.shop_past(rows, time)
        category = c.category[rows].astype(np.int32)
        return FeatureBatch(
            asks=asks,
            shop_embedding=self._shop_rows[rows],
            category_embedding=self._category_rows[category],
            brand_embedding=self._brand_rows[c.brand[rows]],
            category=category,
            tags=c.tags[rows].astype(np.int32),
            rate_user_district=self._rate_district[asks.district],
            rate_shop_district=self._rate_district[c.district[rows]],
            shop_district=c.district[rows],
            meal_card=c.meal_card[rows].astype(np.int32),
            good_influence=c.good_influence[rows],
            min_price_won=c.min_price[rows],
            mean_price_won=c.mean_price[rows].astype(np.float64),
            menu_count=c.menu_count[rows].astype(np.int32),
            hours_per_day=c.hours_per_day[rows].astype(np.float64),
            open_now=open_now,
            distance_m=self.distance_m(asks, rows),
            rating=shop.rating,
            shop_reviews=shop.reviews,
            shop_orders=shop.orders,
            shop_favorites=shop.favorites,
            user_favorites=own.favorites,
            user_orders=own.orders,
            user_reviews=own.reviews,
            user_liking=own.liking,
            shop_affinity=h.shop_affinity(user, rows, time),
            category_affinity=h.category_share(user, category, time),
            brand_affinity=h.brand_affinity(user, rows, time),
            funnel_scores=funnel_scores,
            rag_scores=rag_scores,
            query=query,
        )

    def distance_m(self, asks: Asks, rows: I32) -> F64:
        """Return the great-circle distance from each ask to its candidate, nan where a place is unknown."""
        at = self._catalog
        lat, lon = (np.radians(x[rows].astype(np.float64)) for x in (at.latitude, at.longitude))
        lat0, lon0 = np.radians(asks.latitude), np.radians(asks.longitude)
        h = np.sin((lat - lat0) / 2) ** 2
        h = h + np.cos(lat) * np.cos(lat0) * np.sin((lon - lon0) / 2) ** 2
        distance: F64 = 2 * _EARTH_M * np.arcsin(np.sqrt(np.clip(h, 0, 1)))
        return distance


def _one(value: int) -> I32:
    return np.array([value], np.int32)


def _epoch_s(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=SEOUL)).timestamp()
