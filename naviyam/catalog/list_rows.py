"""The columns of each public list, and how one of its rows is read. Text in, text out; judging is `public_lists`."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from naviyam.catalog.hours import WeekHours, clock_minute
from naviyam.errors import InputError

Row = Mapping[str, str]
_BAD_PLACES = frozenset(("mismatch", "mismatch_phone_area", "off_map"))
_CARD_WORDS = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawShop:
    """A row's values, stripped and not yet judged. `menus` are (name, price) as written."""

    shop_id: str
    name: str
    category: str
    sido: str = ""
    sigungu: str = ""
    dong: str = ""
    address: str = ""
    latitude: str = ""
    longitude: str = ""
    menus: tuple[tuple[str, str], ...] = ()
    hours: str = ""
    week: WeekHours | None = None
    meal_card: str = "unknown"
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKind:
    """One public list: the columns it is known by, those read, those known and not read, and the reader.

    `read` returns the row, or the reason it cannot be used.
    """

    name: str
    required: frozenset[str]
    used: frozenset[str]
    unused: frozenset[str]
    read: Callable[[Row], RawShop | str]


def _menus(text: str) -> tuple[tuple[str, str], ...] | str:
    try:
        items = json.loads(text or "[]")
        return tuple((str(i["name"]).strip(), str(i["price"])) for i in items)
    except (ValueError, TypeError, KeyError):
        return "menus are broken JSON"


def _joined(row: Row) -> RawShop | str:
    menus = _menus(row["menus"])
    if isinstance(menus, str):
        return menus
    return RawShop(
        shop_id=row["shop_id"].strip(),
        name=_name(row["name"]),
        category=row["category"],
        sido=row["sido"],
        sigungu=row["sigungu"],
        address=row["address"],
        latitude=row["lat"],
        longitude=row["lng"],
        menus=menus,
        hours=row["hours"],
        meal_card=_CARD_WORDS.get(row["meal_card"].strip().lower(), "unknown"),
        source=row["source"],
    )


def _goodprice_2024(row: Row) -> RawShop | str:
    if row["geo_check"] in _BAD_PLACES:
        return f"the list's own check of the place: {row['geo_check']}"
    price = "" if row["price_check"] == "suspect" else row["menu_price"]
    evidence = row["meal_card_evidence"]
    return RawShop(
        shop_id=row["shop_id"].strip(),
        name=_name(row["name"]),
        category=row["category_raw"] or row["category_main"],
        sido=row["sido"],
        sigungu=row["sigungu"],
        address=row["address"],
        latitude=row["lat"],
        longitude=row["lng"],
        menus=((row["menu_name"].strip(), price),),
        hours=row["hours_2020"],
        meal_card="yes"
        if evidence.startswith("yes")
        else "no"
        if evidence.startswith("not_in_list")
        else "unknown",
    )


def _goodprice_2020(row: Row) -> RawShop | str:
    return RawShop(
        shop_id=row["shop_id"].strip(),
        name=_name(row["name"]),
        category=row["category_raw"] or row["category_main"],
        sido=row["sido"],
        sigungu=row["sigungu"],
        address=row["address"],
        menus=((row["menu_name"].strip(), row["menu_price"]),),
        hours=row["hours"],
    )


def _jeju(row: Row) -> RawShop | str:
    menus = _menus(row["menus"])
    if isinstance(menus, str):
        return menus
    return RawShop(
        shop_id=row["shop_id"].strip(),
        name=_name(row["name"]),
        category="",
        sido="제주특별자치도",
        sigungu=row["region"],
        address=row["address"],
        menus=menus,
        hours=row["hours_raw"],
    )


def _merchants(row: Row) -> RawShop | str:
    return RawShop(
        shop_id=row["shop_id"].strip(),
        name=_name(row["name"]),
        category=row["category_main"] if row["category_main"] != "기타" else row["category_raw"],
        sido=row["sido"],
        sigungu=row["sigungu"],
        dong=row["dong"].strip(),
        address=row["address"],
        latitude=row["lat"],
        longitude=row["lng"],
        week=_week(row),
        meal_card=_CARD_WORDS.get(row["meal_card"].strip().lower(), "unknown"),
        source=f"mealcard:{row['list']}",
    )


def _week(row: Row) -> WeekHours | None:
    """Return the hours of the columns weekday, sat, holiday; Sunday is not stated."""
    spans = {}
    for part in ("weekday", "sat", "holiday"):
        try:
            start, end = clock_minute(row[f"{part}_open"]), clock_minute(row[f"{part}_close"])
            spans[part] = ((start, end if end > start else end + 1_440),)
        except InputError:
            continue
    if not spans:
        return None
    try:
        return WeekHours(
            days=(*(spans.get("weekday"),) * 5, spans.get("sat"), None),
            holiday=spans.get("holiday"),
        )
    except InputError:
        return None


def _name(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _kind(name: str, read: Callable[[Row], RawShop | str], used: str, unused: str) -> ListKind:
    columns = frozenset(used.split())
    return ListKind(
        name=name, required=columns, used=columns, unused=frozenset(unused.split()), read=read
    )


LISTS = (
    _kind(
        "joined",
        _joined,
        "shop_id name category sido sigungu address lat lng menus hours meal_card source",
        "coord_source",
    ),
    _kind(
        "goodprice_2024",
        _goodprice_2024,
        "shop_id name category_main category_raw sido sigungu address lat lng menu_name menu_price geo_check "
        "price_check hours_2020 meal_card_evidence",
        "delivery_2020 parking_2020 price_2020",
    ),
    _kind(
        "goodprice_jeju",
        _jeju,
        "shop_id name region address hours_raw menus",
        "menu_raw n_menus data_date",
    ),
    _kind(
        "mealcard_merchants",
        _merchants,
        "shop_id name category_main category_raw sido sigungu dong address lat lng weekday_open weekday_close "
        "sat_open sat_close holiday_open holiday_close meal_card list",
        "merchant_type data_date coord_source",
    ),
    _kind(
        "goodprice_2020",
        _goodprice_2020,
        "shop_id name category_main category_raw sido sigungu address menu_name menu_price hours",
        "price_note delivery parking",
    ),
)
"""In the order they are tried."""
