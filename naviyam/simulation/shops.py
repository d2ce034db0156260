"""Invented shops and menus for the sample workbook. Seeded and pure; real districts, no real shop."""

import random
from collections.abc import Iterator
from dataclasses import replace

from naviyam.catalog.categories import kinds
from naviyam.catalog.hours import Day, WeekHours, clock_minute, to_json
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.request import CATEGORIES
from naviyam.simulation.names import DISTRICTS, GOOD_MESSAGES, MESSAGES, TRADES, WORDS, Trade

SHOPS = 400


def sample_shops(rng: random.Random, *, count: int = SHOPS) -> tuple[list[Shop], list[Menu]]:
    """Return `count` shops over all districts and trades, and their menus."""
    shops: list[Shop] = []
    menus: list[Menu] = []
    taken: set[str] = set()
    for number in range(1, count + 1):
        trade = rng.choices(TRADES, weights=[t.weight for t in TRADES])[0]
        shop = _shop(f"shop_{number:04d}", trade, rng, taken)
        own = _menus(shop, trade, rng)
        found = {shop.category, *kinds(shop.name, shop.category, [m.name for m in own]).tags}
        shops.append(replace(shop, tags=tuple(c for c in CATEGORIES if c in found)))
        menus.extend(own)
    return shops, menus


def _shop(shop_id: str, trade: Trade, rng: random.Random, taken: set[str]) -> Shop:
    district = rng.choices(DISTRICTS, weights=[d.weight for d in DISTRICTS])[0]
    dong, latitude, longitude = rng.choice(district.dongs)
    brand = rng.choice(trade.brands) if trade.brands and rng.random() < 0.35 else ""
    name = next(n for n in _names(trade, brand, dong, rng) if n not in taken)
    taken.add(name)
    good = not trade.alcohol and rng.random() < 0.15
    has_message = good or rng.random() < 0.5
    place_known = rng.random() > 0.02
    return Shop(
        shop_id=shop_id,
        name=name,
        brand=brand,
        category=trade.category,
        address=f"{district.sido} {district.sigungu} {_road(dong, rng)} ({dong})",
        sido=district.sido,
        sigungu=district.sigungu,
        dong=dong,
        latitude=round(latitude + rng.gauss(0, 0.004), 6) if place_known else None,
        longitude=round(longitude + rng.gauss(0, 0.005), 6) if place_known else None,
        meal_card=_meal_card(trade, rng),
        is_good_influence_shop=good,
        message=rng.choice(GOOD_MESSAGES if good else MESSAGES) if has_message else "",
        hours=to_json(_hours(trade, rng)),
        serves_alcohol_mainly=trade.alcohol,
        source="sample",
    )


def _names(trade: Trade, brand: str, dong: str, rng: random.Random) -> Iterator[str]:
    stem = dong.removesuffix("동")
    while True:
        suffix = rng.choice(trade.suffixes)
        name = f"{brand} {stem}점" if brand else rng.choice(WORDS) + suffix
        yield name
        yield (
            f"{name} {rng.randint(2, 9)}호점"
            if brand
            else f"{rng.choice(WORDS)}{rng.choice(WORDS)}{suffix}"
        )


def _road(dong: str, rng: random.Random) -> str:
    stem = dong.removesuffix("동")
    return f"{stem}{rng.choice(('로', '길', '대로'))}{rng.randint(1, 40)} {rng.randint(1, 120)}"


def _meal_card(trade: Trade, rng: random.Random) -> MealCard:
    if trade.alcohol:
        return MealCard.NO
    return rng.choices([MealCard.YES, MealCard.NO, MealCard.UNKNOWN], weights=[65, 15, 20])[0]


def _hours(trade: Trade, rng: random.Random) -> WeekHours | None:
    """Return hours with breaks and closed days; one shop in ten tells nobody."""
    if rng.random() < 0.1:
        return None
    start, end = (clock_minute(t) for t in rng.choice(trade.hours).split("~"))
    if end <= start:
        end += 1_440
    day: tuple[tuple[int, int], ...] = ((start, end),)
    if (
        trade.category in ("한식", "중식", "일식", "양식")
        and start < 900 < 1020 < end
        and rng.random() < 0.4
    ):
        day = ((start, 900), (1_020, end))
    days: list[Day] = [day] * 7
    if end - start < 1_440 and rng.random() < 0.6:
        days[rng.choice((0, 6, 6, 6))] = ()
    if rng.random() < 0.15:
        days[5] = ((start, max(end - 60, start + 60)),)
    return WeekHours(days=tuple(days), closed_on_feasts=rng.random() < 0.3)


def _menus(shop: Shop, trade: Trade, rng: random.Random) -> list[Menu]:
    count = min(len(trade.menus), rng.randint(3, 8))
    chosen = sorted(rng.sample(range(len(trade.menus)), count))
    factor = rng.uniform(0.85, 1.2)
    menus = []
    for number, index in enumerate(chosen, start=1):
        name, won, allergens = trade.menus[index]
        price = max(1_000, int(round(won * factor, -2)))
        discounted = shop.is_good_influence_shop and rng.random() < 0.4
        menus.append(
            Menu(
                menu_id=f"{shop.shop_id}-m{number:02d}",
                shop_id=shop.shop_id,
                name=name,
                price_won=price,
                description=f"{shop.name}의 {name}" if rng.random() < 0.3 else "",
                discount_won=int(round(price * 0.3, -2)) if discounted else 0,
                is_sold_out=rng.random() < 0.04,
                allergens=allergens if rng.random() < 0.8 else None,
            )
        )
    best = rng.randrange(len(menus))
    menus[best] = replace(menus[best], is_best=True)
    return menus
