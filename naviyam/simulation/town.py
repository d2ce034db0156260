"""A town of shops and the people in it: latent tastes and the utility a person has of a shop. Seeded and pure.

A person's utility is taste for the shop's kinds, closeness, price against the budget, the shop's quality, and a low-rank
affinity that only co-behaviour shows; hour and opening come on top. Shared by the simulated past of a catalogue
(`behavior`), the users who drive the running service (`users`) and the judges of evaluations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naviyam.catalog.hours import HoursTable
from naviyam.catalog.types import Menu, Shop
from naviyam.request import CATEGORIES, UserProfile

Floats = npt.NDArray[np.float64]

FAR_PER_KM = 1.6
"""What a kilometre takes from the utility: a child walks; as much as a favourite kind of food adds."""

CLOSED_LOSS = 3.0
"""What a shop known to be closed loses: few walk to a locked door."""

RANK_DIM = 4
_SLOT_TASTE = {
    0: {"베이커리": 0.8, "편의점": 0.6, "한식": 0.2},
    1: {"한식": 0.5, "중식": 0.4, "분식": 0.3, "일식": 0.3},
    2: {"분식": 0.9, "패스트푸드": 0.7, "카페": 0.5, "베이커리": 0.5, "편의점": 0.4},
    3: {"한식": 0.4, "치킨": 0.7, "고기": 0.6, "피자": 0.5, "중식": 0.3},
    4: {"편의점": 0.8, "치킨": 0.4},
}
_POPULAR = {"분식": 0.5, "치킨": 0.6, "패스트푸드": 0.5, "피자": 0.4, "고기": 0.2, "편의점": 0.1}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Town:
    """The shops as arrays: `kinds` [n, c] 0/1, `taste` [n, RANK_DIM], kilometres `x`, `y` [n]."""

    kinds: Floats
    x: Floats
    y: Floats
    price: Floats
    quality: Floats
    taste: Floats
    good: npt.NDArray[np.bool_]
    usable: npt.NDArray[np.int64]
    districts: tuple[str, ...]
    timed: npt.NDArray[np.int64]
    """Rows of shops whose hours are known; `hours` are theirs, in this order."""

    hours: HoursTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """`likes` per category [c], `taste` [RANK_DIM], home in kilometres as `Town` has them."""

    profile: UserProfile
    likes: Floats
    taste: Floats
    x: float
    y: float


def archetypes_of(rng: np.random.Generator) -> Floats:
    """Return the eight ways of tasting that people vary [8, RANK_DIM]."""
    return rng.normal(size=(8, RANK_DIM))


def people_of(town: Town, users: int, rng: np.random.Generator) -> list[Person]:
    """Return `users` people, numbered from 1."""
    archetypes = archetypes_of(rng)
    return [person_of(number, town, archetypes, rng) for number in range(1, users + 1)]


def town_of(shops: Sequence[Shop], menus: Sequence[Menu], rng: np.random.Generator) -> Town:
    """Return the shops with qualities and latent tastes drawn for them."""
    n = len(shops)
    row_of = {s.shop_id: row for row, s in enumerate(shops)}
    total, count = np.zeros(n), np.zeros(n)
    for menu in menus:
        row = row_of[menu.shop_id]
        total[row] += menu.price_won
        count[row] += 1
    kinds = np.zeros((n, len(CATEGORIES)))
    for row, shop in enumerate(shops):
        kinds[row, CATEGORIES.index(shop.category)] = 1.0
        for tag in shop.tags:
            kinds[row, CATEGORIES.index(tag)] = 1.0
    lat = np.array([s.latitude if s.latitude is not None else np.nan for s in shops], float)
    lon = np.array([s.longitude if s.longitude is not None else np.nan for s in shops], float)
    usable = (
        ~np.isnan(lat) & ~np.isnan(lon) & ~np.array([s.serves_alcohol_mainly for s in shops], bool)
    )
    return Town(
        kinds=kinds,
        x=lon * 88.0,
        y=lat * 111.0,
        price=np.where(count > 0, total / np.maximum(count, 1), 8_500.0),
        quality=rng.normal(0.0, 0.7, n),
        taste=rng.normal(size=(n, RANK_DIM)),
        good=np.array([s.is_good_influence_shop for s in shops], bool),
        usable=np.flatnonzero(usable),
        districts=tuple(s.sigungu for s in shops),
        timed=np.array([row for row, s in enumerate(shops) if s.hours], np.int64),
        hours=HoursTable([s.hours for s in shops if s.hours]),
    )


def person_of(number: int, town: Town, archetypes: Floats, rng: np.random.Generator) -> Person:
    """Return a child of 8 to 18 years who lives near some shop."""
    home = int(rng.choice(town.usable))
    likes = rng.normal(0.0, 0.6, len(CATEGORIES))
    likes += np.array([_POPULAR.get(c, 0.0) for c in CATEGORIES])
    favorites = rng.choice(len(CATEGORIES) - 1, size=int(rng.integers(1, 4)), replace=False)
    likes[favorites] += 1.6
    dietary = ("healthy",) if rng.random() < 0.08 else ("not_spicy",) if rng.random() < 0.15 else ()
    profile = UserProfile(
        user_id=f"user_{number:04d}",
        age=int(rng.integers(8, 19)),
        district=town.districts[home] or None,
        budget_won=int(rng.choice([5_000, 6_000, 7_000, 8_000, 9_000, 9_500, 10_000, 12_000])),
        favorite_categories=tuple(CATEGORIES[i] for i in sorted(favorites.tolist())),
        dietary=dietary,
        consent=bool(rng.random() > 0.03),
    )
    return Person(
        profile=profile,
        likes=likes,
        taste=archetypes[rng.integers(len(archetypes))] + rng.normal(0.0, 0.3, RANK_DIM),
        x=float(town.x[home] + rng.normal(0.0, 0.4)),
        y=float(town.y[home] + rng.normal(0.0, 0.4)),
    )


def utility_of(person: Person, town: Town, pool: npt.NDArray[np.integer], km: Floats) -> Floats:
    """Return a person's utility of the shops `pool` [n] at `km` [n]; hour and opening left out."""
    kinds = town.kinds[pool]
    taste = np.where(kinds > 0, person.likes, -np.inf).max(axis=1)
    over = np.maximum(town.price[pool] - float(person.profile.budget_won or 9_500), 0.0) / 3_000.0
    affinity = town.taste[pool] @ person.taste / np.sqrt(RANK_DIM)
    utility: Floats = (
        taste + 0.7 * affinity + town.quality[pool] + 0.4 * town.good[pool] - over - FAR_PER_KM * km
    )
    return utility


def slot_bonus(town: Town, pool: npt.NDArray[np.int64], slot: int) -> Floats:
    """Return what a time of day (0 breakfast to 4 late) adds for its kinds of food [n]."""
    bonus = np.array([_SLOT_TASTE[slot].get(c, 0.0) for c in CATEGORIES])
    result: Floats = (town.kinds[pool] * bonus).max(axis=1)
    return result
