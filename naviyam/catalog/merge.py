"""Joining several imported lists into one catalogue: the same shop in two lists becomes one. Pure.

Same shop: the same squashed name, and either points within `SAME_M` metres or the same street number in the same
district. What one list does not know is filled from the other; a known fact is never overwritten by unknown.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from naviyam.catalog.gazetteer import kilometres
from naviyam.catalog.report import Imported, merged_reports
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.request import CATEGORIES
from naviyam.text.clean import squash

SAME_M = 150.0
_NOISE = re.compile(r"\([^)]*\)|주식회사|㈜")
_STREET = re.compile(r"([가-힣0-9]+(?:로|길)(?:\s?\d+번?길)?)\s*(\d+(?:-\d+)?)")


def merge(parts: Sequence[Imported]) -> Imported:
    """Return one import over all parts; of a shop in several, the first part's id stays.

    Behaviour is kept only where there is one part, for its rows would not fit another.
    """
    if len(parts) == 1:
        return parts[0]
    groups: dict[str, list[Shop]] = defaultdict(list)
    place: dict[str, tuple[str, int]] = {}
    order: list[str] = []
    for shop in (s for part in parts for s in part.shops):
        key = squash(_NOISE.sub("", shop.name)) or shop.name
        same = place.get(shop.shop_id) or next(
            ((key, i) for i, other in enumerate(groups[key]) if _same(other, shop)), None
        )
        if same is None:
            same = key, len(groups[key])
            groups[key].append(shop)
            order.append(shop.shop_id)
        else:
            groups[same[0]][same[1]] = _joined(groups[same[0]][same[1]], shop)
        place.setdefault(shop.shop_id, same)
    new_id = {shop_id: groups[key][i].shop_id for shop_id, (key, i) in place.items()}
    return Imported(
        shops=tuple(groups[key][i] for key, i in (place[shop_id] for shop_id in order)),
        menus=tuple(_menus((m for part in parts for m in part.menus), new_id)),
        report=merged_reports([part.report for part in parts]),
    )


def _same(a: Shop, b: Shop) -> bool:
    if a.sigungu != b.sigungu or a.sido != b.sido:
        return False
    if None not in (a.latitude, a.longitude, b.latitude, b.longitude):
        here, there = (
            (a.latitude or 0.0, a.longitude or 0.0),
            (b.latitude or 0.0, b.longitude or 0.0),
        )
        if kilometres(here, there) * 1_000 <= SAME_M:
            return True
    street = street_number(a.address)
    return street is not None and street == street_number(b.address)


def street_number(address: str) -> tuple[str, str] | None:
    """Return road and number of an address, None where it has none.

    >>> street_number("춘천시 우석로67번길 19, 1층 (석사동)")
    ('우석로67번길', '19')
    """
    found = _STREET.search(address)
    return (found[1].replace(" ", ""), found[2]) if found else None


def _joined(first: Shop, second: Shop) -> Shop:
    """Return the first with its unknowns filled from the second; a card known to work is believed."""
    cards = {first.meal_card, second.meal_card}
    card = next((c for c in (MealCard.YES, MealCard.NO) if c in cards), MealCard.UNKNOWN)
    tags = {*first.tags, *second.tags}
    placed = first if first.latitude is not None else second
    return replace(
        first,
        tags=tuple(c for c in CATEGORIES if c in tags),
        dong=first.dong or second.dong,
        latitude=placed.latitude,
        longitude=placed.longitude,
        meal_card=card,
        is_good_influence_shop=first.is_good_influence_shop or second.is_good_influence_shop,
        message=first.message or second.message,
        hours=first.hours or second.hours,
        rating=first.rating if first.rating is not None else second.rating,
        serves_alcohol_mainly=first.serves_alcohol_mainly or second.serves_alcohol_mainly,
        source=first.source if first.source == second.source else f"{first.source}+{second.source}",
    )


def _menus(menus: Iterable[Menu], new_id: dict[str, str]) -> Iterable[Menu]:
    """Yield the menus under the kept shops' ids; a dish that an earlier list has already is not repeated."""
    seen: set[tuple[str, str]] = set()
    for menu in menus:
        shop_id = new_id[menu.shop_id]
        key = (shop_id, squash(menu.name))
        if key in seen and menu.shop_id != shop_id:
            continue
        seen.add(key)
        yield replace(menu, shop_id=shop_id)
