"""What the data at hand holds: coverage of every field, distributions, what is missing (spec 5's report). Figures only."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import KINDS, Behavior
from naviyam.catalog.store import MEAL_CARD_CODES, Catalog
from naviyam.request import CATEGORIES

TIERS: tuple[tuple[str, ...], ...] = (
    ("name", "category", "menus", "price", "good_influence"),
    ("message", "best_menu", "hours", "menu_description"),
    ("discount", "sold_out", "reviews", "favorites"),
)
"""Spec 5's order of usefulness for learning."""


def data_report(catalog: Catalog, behavior: Behavior) -> dict[str, Any]:
    """Return the figures as plain JSON: counts, coverage 0..1 per field, distributions, and what is missing."""
    coverage = _coverage(catalog)
    return {
        "version": catalog.version,
        "simulated": catalog.simulated,
        "counts": {
            "shops": catalog.size,
            "menus": int(catalog.menu_count.sum()),
            "users": len(behavior.user_ids),
            "districts": len(catalog.districts),
            "brands": len(catalog.brands),
        },
        "coverage": coverage,
        "usefulness": [{name: coverage.get(name, 0.0) for name in tier} for tier in TIERS],
        "missing": sorted(name for name, share in coverage.items() if share == 0.0),
        "distributions": _distributions(catalog),
        "events": {
            "simulated": behavior.simulated,
            **{kind: int((behavior.kind == code).sum()) for code, kind in enumerate(KINDS)},
            "orders_per_user": _quantiles(
                np.bincount(behavior.user[behavior.kind == 2], minlength=1)
            ),
        },
        "set_aside": catalog.card.get("import", {}).get("set_aside", {}),
    }


def _coverage(catalog: Catalog) -> dict[str, float]:
    n = max(catalog.size, 1)
    shops = [catalog.shop(row) for row in range(catalog.size)]
    menus = [m for row in range(catalog.size) for m in catalog.menus(row)]
    with_menus = {m.shop_id for m in menus}
    per_menu = {
        "price": sum(m.price_won > 0 for m in menus),
        "menu_description": sum(bool(m.description) for m in menus),
        "discount": sum(m.discount_won > 0 for m in menus),
        "sold_out": sum(m.is_sold_out for m in menus),
        "allergens": sum(m.allergens is not None for m in menus),
    }
    per_shop = {
        "name": sum(bool(s.name) for s in shops),
        "category": sum(s.category != CATEGORIES[-1] for s in shops),
        "address": sum(bool(s.address) for s in shops),
        "dong": sum(bool(s.dong) for s in shops),
        "coordinates": sum(s.latitude is not None for s in shops),
        "brand": sum(bool(s.brand) for s in shops),
        "menus": len(with_menus),
        "best_menu": len({m.shop_id for m in menus if m.is_best}),
        "meal_card": sum(s.meal_card is not MEAL_CARD_CODES[0] for s in shops),
        "good_influence": sum(s.is_good_influence_shop for s in shops),
        "message": sum(bool(s.message) for s in shops),
        "hours": sum(bool(s.hours) for s in shops),
        "rating": sum(s.rating is not None for s in shops),
        "reviews": sum(s.review_count > 0 for s in shops),
        "favorites": sum(s.favorite_count > 0 for s in shops),
    }
    shares = {k: v / n for k, v in per_shop.items()}
    return {
        k: round(v, 4)
        for k, v in (shares | {k: v / max(len(menus), 1) for k, v in per_menu.items()}).items()
    }


def _distributions(catalog: Catalog) -> dict[str, Any]:
    districts = Counter(catalog.districts[d] if d >= 0 else "" for d in catalog.district.tolist())
    cards = Counter(MEAL_CARD_CODES[c].value for c in catalog.meal_card.tolist())
    categories = Counter(CATEGORIES[c] for c in catalog.category.tolist())
    return {
        "category": dict(categories.most_common()),
        "district": dict(districts.most_common(20)),
        "meal_card": dict(cards.most_common()),
        "min_price_won": _quantiles(catalog.min_price[catalog.min_price > 0]),
        "menus_per_shop": _quantiles(catalog.menu_count),
        "rating": _quantiles(catalog.rating[~np.isnan(catalog.rating)]),
        "hours_per_day": _quantiles(catalog.hours_per_day[~np.isnan(catalog.hours_per_day)]),
    }


def _quantiles(values: npt.NDArray[Any]) -> dict[str, float]:
    if len(values) == 0:
        return {}
    points = np.percentile(values, [0, 25, 50, 75, 100]).tolist()
    return {
        name: round(p, 2)
        for name, p in zip(("min", "p25", "p50", "p75", "max"), points, strict=True)
    }
