"""The one feature function of training and serving: arrays in, arrays out, row by row the same as in a batch.

No I/O, no look-up by id. What is unknown becomes a fixed neutral number (`spec.NEUTRAL`), never nan.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.features.batch import F32, F64, I32, Asks, FeatureBatch
from naviyam.features.spec import (
    AGE_GROUP_STARTS,
    FAR_M,
    FOUND_BY,
    FUNNEL_SCORES,
    GOOD_RATING,
    NEUTRAL,
    NUMERIC,
    NUMERIC_NEUTRAL,
    WIDE_INDEX,
    WIDE_SIZE,
)
from naviyam.features.tables import Cells, FeatureTables
from naviyam.request import TIMES_OF_DAY

Put = Callable[[str, npt.NDArray[Any]], None]

_LATE = TIMES_OF_DAY.index("late_night")
_DIETARY_FIT = np.array(
    [
        # 한식 분식 중식 일식 양식 치킨 피자 패스트푸드 카페 베이커리 건강식 고기 편의점 기타
        [0.7, 0.3, 0.4, 0.7, 0.4, 0.1, 0.1, 0.0, 0.3, 0.2, 1.0, 0.5, 0.2, 0.5],
        [0.4, 0.2, 0.3, 0.9, 0.8, 0.6, 0.8, 0.7, 1.0, 1.0, 0.9, 0.6, 0.6, 0.5],
        [0.5, 0.5, 0.3, 0.3, 0.4, 0.0, 0.3, 0.1, 0.9, 0.9, 0.9, 0.0, 0.5, 0.5],
    ]
)
"""How likely a kind of shop suits `DIETARY` (healthy, not spicy, vegetarian): common sense, not data."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """`wide` float32 [n, 50], `numeric` float32 [n, 10], embedding rows int32 [n], `query` float32 [n or 1, d]."""

    wide: F32
    numeric: F32
    user: I32
    shop: I32
    category: I32
    brand: I32
    query: F32


def build_features(batch: FeatureBatch, tables: FeatureTables) -> Features:
    """Return the features of every row of `batch`; finite for any input."""
    n = len(batch.category)
    return Features(
        wide=_wide(batch, tables),
        numeric=_numeric(batch),
        user=np.broadcast_to(batch.asks.user_embedding, (n,)).astype(np.int32),
        shop=batch.shop_embedding,
        category=batch.category_embedding,
        brand=batch.brand_embedding,
        query=np.ascontiguousarray(batch.query, np.float32),
    )


def cells_of(batch: FeatureBatch) -> Cells:
    """Return the cross-rate cells of every row, int [n]."""
    n, asks = len(batch.category), batch.asks

    def full(values: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        return np.broadcast_to(values, (n,))

    return Cells(
        age_group=full(np.searchsorted(AGE_GROUP_STARTS, asks.age, side="right")),
        slot=full(asks.slot),
        weekend=full(_weekend(asks)),
        user_district=full(batch.rate_user_district),
        shop_district=batch.rate_shop_district,
        category=batch.category,
    )


def _wide(b: FeatureBatch, tables: FeatureTables) -> F32:
    out = np.zeros((len(b.category), WIDE_SIZE), np.float32)

    def put(name: str, values: npt.NDArray[Any]) -> None:
        out[:, WIDE_INDEX[name]] = values

    _put_crosses(b, tables, put)
    a = b.asks
    fit, near = _budget_fit(b), _closeness(b.distance_m)
    rated = np.isfinite(b.rating)
    put("user_x_shop_affinity", b.shop_affinity)
    put("budget_fit", fit)
    put("distance", near)
    put("dietary_match", _dietary_match(b))
    put("good_influence", b.good_influence * tables.good_influence_weight)
    put("rating_above_3_5", np.where(rated, np.nan_to_num(b.rating) > GOOD_RATING, NEUTRAL))
    found = b.funnel_scores > 0
    out[:, FOUND_BY] = found
    out[:, FUNNEL_SCORES] = np.clip(b.funnel_scores, 0, 1)
    put("found_by_retrieval", b.rag_scores > 0)
    put("retrieval_score", np.clip(b.rag_scores, 0, 1))
    put("found_by_share", found.mean(axis=1))
    asked, bit = a.category >= 0, np.left_shift(1, np.maximum(a.category, 0))
    put("asked_category_x_main", asked & (b.category == a.category))
    put("asked_category_x_tags", asked & (b.tags & bit > 0))
    put("favorite_category_x_main", a.favorite_tags >> b.category & 1)
    put("favorite_category_x_tags", a.favorite_tags & b.tags > 0)
    put("user_x_category_affinity", b.category_affinity)
    put("user_x_brand_affinity", b.brand_affinity)
    put("same_district", (a.district >= 0) & (b.shop_district == a.district))
    put("meal_card_yes", b.meal_card == 1)
    put("meal_card_no", b.meal_card == 2)
    put("asked_card_x_card_yes", a.card_asked & (b.meal_card == 1))
    put("asked_good_x_good_influence", a.good_asked & b.good_influence)
    put("open_known_open", b.open_now == 1)
    put("open_known_closed", b.open_now == 0)
    put("asked_open_x_open", a.open_asked & (b.open_now == 1))
    put("asked_near_x_distance", a.near_asked * near)
    put("asked_budget_x_fit", a.budget_asked * fit)
    put("price_known", b.min_price_won > 0)
    put("price_low", np.where(b.min_price_won > 0, 1 / (1 + b.min_price_won / 8_000), NEUTRAL))
    put("rating_known", rated)
    put("review_volume", _volume(b.shop_reviews))
    put("order_volume", _volume(b.shop_orders))
    put("favorite_volume", _volume(b.shop_favorites))
    put("new_user", b.user_liking == 0)
    put("late_night_x_open", (a.slot == _LATE) & (b.open_now == 1))
    return out


def _put_crosses(b: FeatureBatch, tables: FeatureTables, put: Put) -> None:
    cells, rates = cells_of(b), tables.rates
    put("age_group_x_category", rates.age_category[cells.age_group, cells.category])
    put("time_of_day_x_category", rates.slot_category[cells.slot, cells.category])
    put("weekend_x_category", rates.weekend_category[cells.weekend, cells.category])
    if len(rates.districts):
        known = (cells.user_district >= 0) & (cells.shop_district >= 0)
        pair = rates.district_pair[cells.user_district, cells.shop_district]
        put("user_district_x_shop_district", np.where(known, pair, 0.0))


def _numeric(b: FeatureBatch) -> F32:
    rating = np.where(np.isfinite(b.rating), b.rating, np.nan)
    values: dict[str, npt.NDArray[Any]] = {
        "age": b.asks.age,
        "user_favorites": b.user_favorites,
        "user_orders": b.user_orders,
        "user_reviews": b.user_reviews,
        "mean_menu_price_won": np.where(b.mean_price_won > 0, b.mean_price_won, np.nan),
        "menu_count": b.menu_count,
        "rating": rating,
        "shop_reviews": b.shop_reviews,
        "shop_orders": b.shop_orders,
        "opening_hours": b.hours_per_day,
    }
    out = np.empty((len(b.category), len(NUMERIC)), np.float32)
    for i, (name, divisor) in enumerate(NUMERIC):
        out[:, i] = np.clip(
            np.nan_to_num(values[name] / divisor, nan=NUMERIC_NEUTRAL.get(name, 0.0)), 0, 1
        )
    return out


def _budget_fit(b: FeatureBatch) -> F64:
    """1 where the cheapest menu is within the budget, less the further above it, neutral where unknown."""
    budget, price = b.asks.budget_won, b.min_price_won
    known = (budget > 0) & (price > 0)
    return np.where(known, np.minimum(budget / np.maximum(price, 1), 1.0), NEUTRAL)


def _closeness(distance_m: F64) -> F64:
    """1 at the door, falling evenly to 0 at `FAR_M`; neutral where unknown.

    Evenly, because every hundred metres costs a walker the same and the wide part can only weigh what it is given.
    """
    known = np.isfinite(distance_m)
    return np.where(known, np.clip(1 - np.where(known, distance_m, 0.0) / FAR_M, 0, 1), NEUTRAL)


def _dietary_match(b: FeatureBatch) -> F64:
    """Mean fit of the asked diets to the kind of shop; 0 where nothing was asked."""
    bits = b.asks.dietary[:, None] >> np.arange(len(_DIETARY_FIT)) & 1
    total: F64 = (bits * _DIETARY_FIT.T[b.category]).sum(axis=1)
    match: F64 = total / np.maximum(bits.sum(axis=1), 1)
    return match


def _volume(count: F64) -> F64:
    """A count on a logarithmic scale: 0 to 1 for 0 to 1,000."""
    volume: F64 = np.clip(np.log1p(np.maximum(count, 0)) / np.log(1_001), 0, 1)
    return volume


def _weekend(asks: Asks) -> npt.NDArray[np.integer]:
    """1 on Saturday and Sunday in Korea; the epoch began on a Thursday."""
    day = (asks.time + 9 * 3_600) // 86_400 % 7
    return np.isin(day, (2, 3)).astype(np.int32)
