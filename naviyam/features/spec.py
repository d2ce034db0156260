"""The ranker's inputs by name: 50 wide, 10 numeric, embeddings. The one source of truth, no computation.

A model carries `schema_hash()`; a model of another schema is refused, never reinterpreted. Whoever changes what a
feature means, not only its name, raises `MEANING`.
"""

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from naviyam.search import FUNNELS

MEANING: Final = 2
WIDE_SIZE: Final = 50
USER_EMBEDDING: Final = 64
SHOP_EMBEDDING: Final = 64
CATEGORY_EMBEDDING: Final = 16
BRAND_EMBEDDING: Final = 16
QUERY_PROJECTION: Final = 128
HIDDEN: Final = (128, 64, 32)

AGE_GROUP_STARTS: Final = (1, 10, 13, 16, 19)
"""Lower bounds: group 0 is unknown, then to 9, 10-12, 13-15, 16-18, 19 and over."""

NEUTRAL: Final = 0.5
"""What stands for an unknown price, distance or rating: neither good nor bad."""

FAR_M: Final = 3_000.0
"""Straight metres from which a shop is simply far: an hour's walk."""

HISTORY_LAG_S: Final = 3_600
"""An event becomes history after this time, so the clicks of the session itself never count (training and serving)."""

POSITIVE_WEIGHTS: Final = {"order": 2.0, "favorite": 1.5, "review": 1.0}
"""What counts as liking a shop, and how much (spec 3); a review only from `GOOD_STARS` on."""

GOOD_STARS: Final = 4.0
GOOD_RATING: Final = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WideFeature:
    """One wide place. `start` is the weight it has before any training.

    Features that the initial data never shows (a wish said in words, the retriever's score) are 0 in every initial
    sample, so their weight stays at `start` until logged answers teach it.
    """

    name: str
    start: float = 0.0


def _named(name: str, start: float = 0.0) -> WideFeature:
    return WideFeature(name=name, start=start)


_NAMED: Final = (
    _named("age_group_x_category"),
    _named("user_district_x_shop_district"),
    _named("time_of_day_x_category"),
    _named("user_x_shop_affinity"),
    _named("budget_fit"),
    _named("distance"),
    _named("dietary_match", 1.0),
    _named("good_influence"),
    _named("rating_above_3_5"),
    *(_named(f"found_by_{funnel}") for funnel in FUNNELS),
    *(_named(f"score_{funnel}") for funnel in FUNNELS),
    _named("found_by_retrieval"),
    _named("retrieval_score", 1.5),
    _named("found_by_share"),
    _named("asked_category_x_main", 0.5),
    _named("asked_category_x_tags", 0.5),
    _named("favorite_category_x_main"),
    _named("favorite_category_x_tags"),
    _named("user_x_category_affinity"),
    _named("user_x_brand_affinity"),
    _named("weekend_x_category"),
    _named("same_district"),
    _named("meal_card_yes"),
    _named("meal_card_no"),
    _named("asked_card_x_card_yes", 1.0),
    _named("asked_good_x_good_influence", 1.0),
    _named("open_known_open"),
    _named("open_known_closed", -1.0),
    _named("asked_open_x_open", 1.0),
    _named("asked_near_x_distance", 2.0),
    _named("asked_budget_x_fit", 1.0),
    _named("price_known"),
    _named("price_low"),
    _named("rating_known"),
    _named("review_volume"),
    _named("order_volume"),
    _named("favorite_volume"),
    _named("new_user"),
    _named("late_night_x_open"),
)

WIDE: Final = _NAMED + tuple(_named(f"unused_{i}") for i in range(len(_NAMED), WIDE_SIZE))
WIDE_INDEX: Final = {feature.name: i for i, feature in enumerate(WIDE)}
FOUND_BY: Final = slice(9, 13)
FUNNEL_SCORES: Final = slice(13, 17)

NUMERIC: Final = (
    ("age", 100.0),
    ("user_favorites", 50.0),
    ("user_orders", 100.0),
    ("user_reviews", 50.0),
    ("mean_menu_price_won", 50_000.0),
    ("menu_count", 30.0),
    ("rating", 5.0),
    ("shop_reviews", 1_000.0),
    ("shop_orders", 1_000.0),
    ("opening_hours", 24.0),
)
"""Names and divisors; every value is clipped to 0..1."""

NUMERIC_NEUTRAL: Final = {"mean_menu_price_won": 0.16, "rating": 0.7, "opening_hours": 0.45}
"""What stands for an unknown value, already divided: about 8,000 won, 3.5 stars, 11 hours."""


def schema_hash() -> str:
    """Return the 16-digit hash of names, order, divisors, sizes and meaning."""
    content = {
        "meaning": MEANING,
        "wide": [f.name for f in WIDE],
        "numeric": NUMERIC,
        "neutral": [NEUTRAL, NUMERIC_NEUTRAL],
        "age_groups": AGE_GROUP_STARTS,
        "far_m": FAR_M,
        "lag_s": HISTORY_LAG_S,
        "sizes": [USER_EMBEDDING, SHOP_EMBEDDING, CATEGORY_EMBEDDING, BRAND_EMBEDDING],
        "deep": [QUERY_PROJECTION, HIDDEN],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()
