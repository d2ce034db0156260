"""Rows of the workbook's sheets shop, menu and opening_hours to values. Raises `InputError` for a bad row."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from naviyam.catalog import cells
from naviyam.catalog.categories import kinds, raw_category
from naviyam.catalog.hours import DAY_MIN, Interval, WeekHours, clock_minute, to_json
from naviyam.catalog.hours_text import parse_text
from naviyam.catalog.regions import Region, split_address
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.catalog.workbook_schema import DAYS, FEASTS, HOLIDAY
from naviyam.errors import InputError
from naviyam.ids import check_id
from naviyam.request import CATEGORIES
from naviyam.safety.alcohol import is_bar

MOST_WON = 1_000_000
T = TypeVar("T")


class Each(Protocol):
    """`Book.each`: apply a reader to every row of a sheet."""

    def __call__(self, name: str, take: Callable[[cells.Row], T]) -> list[T]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """What other sheets say of a shop, by id."""

    brands: Mapping[str, str]
    categories: Mapping[str, str]
    districts: Mapping[str, tuple[str, str, str]]
    hours: Mapping[str, WeekHours]
    tags: Sequence[tuple[str, str]]
    info: Mapping[str, str]

    def tags_of(self, shops: Sequence[Shop], menus: Sequence[Menu]) -> list[Shop]:
        """Return the shops with every category that their name, menus and the sheet shop_tag show."""
        served: dict[str, list[str]] = defaultdict(list)
        for menu in menus:
            served[menu.shop_id].append(menu.name)
        stated: dict[str, set[str]] = defaultdict(set)
        for shop_id, tag in self.tags:
            stated[shop_id].add(tag)
        result = []
        for shop in shops:
            inferred = kinds(shop.name, shop.category, served[shop.shop_id]).tags
            found = {shop.category, *inferred, *stated[shop.shop_id]}
            result.append(replace(shop, tags=tuple(c for c in CATEGORIES if c in found)))
        return result


def read_shop(row: cells.Row, lookups: Lookups) -> Shop:
    """Return a shop; its tags come later, when its menus are known."""
    shop_id = check_id(cells.needed(row, "id"), field="id")
    name = cells.needed(row, "shopName")
    written = cells.text(row, "category")
    trade = lookups.categories.get(written, written)
    brand = cells.text(row, "brandId")
    region = _region(row, lookups)
    latitude = cells.number(row, "latitude", least=33.0, most=38.7)
    longitude = cells.number(row, "longitude", least=124.5, most=131.95)
    return Shop(
        shop_id=shop_id,
        name=name,
        brand=lookups.brands.get(brand, brand),
        category=trade if trade in CATEGORIES else raw_category(trade),
        address=cells.text(row, "address"),
        sido=region.sido,
        sigungu=region.sigungu,
        dong=region.dong,
        latitude=latitude if longitude is not None else None,
        longitude=longitude if latitude is not None else None,
        meal_card=_meal_card(row),
        is_good_influence_shop=cells.flag(row, "isGoodInfluenceShop") or False,
        message=cells.text(row, "message"),
        hours=to_json(lookups.hours.get(shop_id) or _written_hours(row)),
        rating=cells.number(row, "rating", least=0, most=5) or None,
        review_count=_count(row, "reviewCount"),
        order_count=_count(row, "orderCount"),
        favorite_count=_count(row, "favoriteCount"),
        view_count=_count(row, "viewCount"),
        serves_alcohol_mainly=is_bar(name, trade),
        source=cells.text(row, "source") or "workbook",
    )


def read_menu(row: cells.Row, shops: Mapping[str, Shop]) -> Menu:
    """Return a menu of a known shop."""
    shop_id = cells.needed(row, "shopId")
    if shop_id not in shops:
        raise InputError("shopId names no shop that was kept", field="shopId")
    price = cells.whole(row, "price", least=100, most=MOST_WON)
    if price is None:
        raise InputError("price is empty", field="price")
    name = cells.needed(row, "name")
    discount = cells.whole(row, "discountValue", least=0, most=price) or 0
    return Menu(
        menu_id=cells.text(row, "id") or f"{shop_id}-{name}",
        shop_id=shop_id,
        name=name,
        price_won=price,
        description=cells.text(row, "description"),
        discount_won=discount,
        is_best=cells.flag(row, "isBest") or False,
        is_sold_out=cells.flag(row, "isSoldOut") or False,
        allergens=cells.words(row, "allergens"),
    )


def read_hours(each: Each) -> dict[str, WeekHours]:
    """Return the hours of the sheet opening_hours by shop; days without a row are unknown."""
    days: dict[str, dict[str, list[Interval]]] = defaultdict(dict)

    def take(row: cells.Row) -> None:
        shop_id, day, intervals = _opening(row)
        together = sorted([*days[shop_id].get(day, []), *intervals])
        WeekHours(days=(tuple(together),) * 7)
        days[shop_id][day] = together

    each("opening_hours", take)
    return {shop_id: _week(found) for shop_id, found in days.items()}


def _week(found: Mapping[str, Sequence[Interval]]) -> WeekHours:
    return WeekHours(
        days=tuple(tuple(found[day]) if day in found else None for day in DAYS),
        holiday=tuple(found[HOLIDAY]) if HOLIDAY in found else None,
        closed_on_feasts=FEASTS in found and not found[FEASTS],
    )


def _opening(row: cells.Row) -> tuple[str, str, list[Interval]]:
    shop_id, day = cells.needed(row, "shopId"), cells.needed(row, "dayOfWeek").removesuffix("요일")
    day = {"공휴": HOLIDAY}.get(day, day)
    if day not in (*DAYS, HOLIDAY, FEASTS):
        raise InputError(f"dayOfWeek is none of {[*DAYS, HOLIDAY, FEASTS]}", field="dayOfWeek")
    if cells.flag(row, "isClosed"):
        return shop_id, day, []
    start, end = (clock_minute(cells.clock(row, c)) for c in ("openTime", "closeTime"))
    end = end if end > start else end + DAY_MIN
    pause = [cells.clock(row, c) for c in ("breakStart", "breakEnd")]
    intervals = [(start, end)]
    if all(pause):
        first, last = (clock_minute(p) for p in pause)
        if not start < first < last < end:
            raise InputError("the break is not within the opening hours", field="breakStart")
        intervals = [(start, first), (last, end)]
    return shop_id, day, intervals


def _region(row: cells.Row, lookups: Lookups) -> Region:
    stated = lookups.districts.get(cells.text(row, "districtId"), ("", "", ""))
    named = tuple(
        cells.text(row, c) or s for c, s in zip(("sido", "sigungu", "dong"), stated, strict=True)
    )
    region = split_address(cells.text(row, "address"), sido=named[0], sigungu=named[1])
    return replace(region, dong=named[2] or region.dong)


def _meal_card(row: cells.Row) -> MealCard:
    accepts = cells.flag(row, "isMealCard")
    return MealCard.UNKNOWN if accepts is None else MealCard.YES if accepts else MealCard.NO


def _written_hours(row: cells.Row) -> WeekHours | None:
    closed = cells.text(row, "closedDays")
    text = cells.text(row, "openHour")
    return parse_text(f"{text} ({closed} 휴무)" if text and closed else text) if text else None


def _count(row: cells.Row, name: str) -> int:
    return cells.whole(row, name, least=0, most=2_000_000_000) or 0
