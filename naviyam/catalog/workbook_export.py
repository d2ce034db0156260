"""Exporting a catalogue and its behaviour as the app's workbook; `import_sheets` of the result gives the same shops."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from naviyam.catalog.events import CLICK, FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.hours import DAY_MIN, clock_text, parse_json
from naviyam.catalog.sheets import Sheet
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.catalog.workbook_schema import DAYS, FEASTS, HOLIDAY
from naviyam.clock import SEOUL
from naviyam.request import CATEGORIES, UserProfile

_CARD = {MealCard.YES: "Y", MealCard.NO: "N", MealCard.UNKNOWN: None}


def export_sheets(
    shops: Sequence[Shop], menus: Sequence[Menu], users: Sequence[UserProfile], events: Events
) -> dict[str, Sheet]:
    """Return the sheets that `import_sheets` reads. Ids are written as given: pass pseudonyms to share a file."""
    brands = {
        name: f"brand_{i:03d}"
        for i, name in enumerate(sorted({s.brand for s in shops if s.brand}), 1)
    }
    sheets = {
        "shop": _shops(shops, brands),
        "menu": _menus(menus),
        "brand": _sheet("id brandName", [(i, name) for name, i in brands.items()]),
        "category": _sheet(
            "id categoryName", [(f"cat_{i:02d}", c) for i, c in enumerate(CATEGORIES, 1)]
        ),
        "district": _districts(shops),
        "shop_tag": _sheet("shopId tag", [(s.shop_id, t) for s in shops for t in s.tags]),
        "opening_hours": _hours(shops),
        "user": _users(users),
        "dataset_info": _sheet("key value", [("simulated", _flag(events.simulated))]),
    }
    return sheets | _behavior(shops, users, events)


def _sheet(columns: str, rows: Sequence[tuple[Any, ...]]) -> Sheet:
    return Sheet(columns=tuple(columns.split()), rows=tuple(rows))


def _flag(value: bool) -> str:
    return "Y" if value else "N"


def _shops(shops: Sequence[Shop], brands: dict[str, str]) -> Sheet:
    columns = (
        "id shopName brandId category address sido sigungu dong latitude longitude isMealCard isGoodInfluenceShop "
        "message openHour rating reviewCount orderCount favoriteCount viewCount source"
    )
    return _sheet(
        columns,
        [
            (
                s.shop_id, s.name, brands.get(s.brand), s.category, s.address, s.sido, s.sigungu, s.dong,
                s.latitude, s.longitude, _CARD[s.meal_card], _flag(s.is_good_influence_shop), s.message or None,
                _open_hour(s.hours), s.rating, s.review_count, s.order_count, s.favorite_count, s.view_count, s.source,
            )
            for s in shops
        ],
    )  # fmt: skip


def _open_hour(text: str) -> str | None:
    """Return the first known opening as the app shows it."""
    hours = parse_json(text)
    first = next((d for d in hours.days if d), None) if hours else None
    return f"{clock_text(first[0][0])}~{clock_text(first[-1][1])}" if first else None


def _menus(menus: Sequence[Menu]) -> Sheet:
    return _sheet(
        "id shopId name price description isBest discountValue isSoldOut allergens",
        [
            (
                m.menu_id, m.shop_id, m.name, m.price_won, m.description or None, _flag(m.is_best), m.discount_won,
                _flag(m.is_sold_out), None if m.allergens is None else ",".join(m.allergens) or "-",
            )
            for m in menus
        ],
    )  # fmt: skip


def _districts(shops: Sequence[Shop]) -> Sheet:
    regions = sorted({(s.sido, s.sigungu, s.dong) for s in shops if s.sigungu})
    return _sheet(
        "id sido sigungu dong", [(f"district_{i:03d}", *r) for i, r in enumerate(regions, 1)]
    )


def _hours(shops: Sequence[Shop]) -> Sheet:
    rows: list[tuple[Any, ...]] = []
    for shop in shops:
        hours = parse_json(shop.hours)
        if hours is None:
            continue
        for name, day in zip((*DAYS, HOLIDAY), (*hours.days, hours.holiday), strict=True):
            if day == ():
                rows.append((shop.shop_id, name, None, None, None, None, "Y"))
            elif day is not None and len(day) == 2 and day[0][1] <= DAY_MIN:
                (start, rest), (back, end) = day
                times = (clock_text(start), clock_text(end), clock_text(rest), clock_text(back))
                rows.append((shop.shop_id, name, *times, "N"))
            else:
                rows.extend(
                    (shop.shop_id, name, clock_text(a), clock_text(b), None, None, "N")
                    for a, b in day or ()
                )
        if hours.closed_on_feasts:
            rows.append((shop.shop_id, FEASTS, None, None, None, None, "Y"))
    return _sheet("shopId dayOfWeek openTime closeTime breakStart breakEnd isClosed", rows)


def _users(users: Sequence[UserProfile]) -> Sheet:
    return _sheet(
        "id age district budget favoriteCategories dietary consent",
        [
            (
                u.user_id, u.age, u.district, u.budget_won, ",".join(u.favorite_categories) or None,
                ",".join(u.dietary) or None, _flag(u.consent),
            )
            for u in users
        ],
    )  # fmt: skip


def _behavior(
    shops: Sequence[Shop], users: Sequence[UserProfile], events: Events
) -> dict[str, Sheet]:
    columns = {
        "shop_view": "userId shopId createdAt",
        "shop_click": "userId shopId createdAt",
        "product_order": "userId shopId totalPrice createdAt status",
        "userfavorite": "userId shopId createdAt",
        "review": "userId shopId rating createdAt",
    }
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in columns}
    name_of = {
        VIEW: "shop_view",
        CLICK: "shop_click",
        ORDER: "product_order",
        FAVORITE: "userfavorite",
        REVIEW: "review",
    }
    columns_of = (events.user, events.shop, events.kind, events.value, events.time)
    for user, shop, kind, value, second in zip(*(c.tolist() for c in columns_of), strict=True):
        when = datetime.fromtimestamp(second, SEOUL).replace(tzinfo=None)
        ids = (users[user].user_id, shops[shop].shop_id)
        if kind == ORDER:
            rows["product_order"].append((*ids, int(value), when, "DONE"))
        elif kind == REVIEW:
            rows["review"].append((*ids, int(value), when))
        else:
            rows[name_of[kind]].append((*ids, when.isoformat(sep=" ")))
    return {name: _sheet(columns[name], rows[name]) for name in columns}
