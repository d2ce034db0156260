"""Simulated behaviour over any list of shops: users with latent tastes who view, click, order, save and review.

Seeded and pure. A user's utility of a shop is taste for its kinds, closeness, price against the budget, the shop's
quality, whether it is open, and a low-rank affinity that only co-behaviour shows; clicks are position-biased (examination 1/position^0.6).
What comes out is always marked simulated. Bars and shops without a place are never visited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from naviyam.catalog.events import CLICK, FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.hours import CLOSED, HoursTable
from naviyam.catalog.types import Menu, Shop
from naviyam.clock import SEOUL
from naviyam.request import CATEGORIES, UserProfile

Floats = npt.NDArray[np.float64]

SHOWN = 8
REACH_KM = 4.0
FAR_PER_KM = 1.6
"""What a kilometre takes from the utility: a child walks; as much as a favourite kind of food adds."""

CLOSED_LOSS = 3.0
"""What a shop known to be closed loses: few walk to a locked door."""

POOL = 150
RANK_DIM = 4
_SLOT_HOURS = ((7.5, 0.03), (12.3, 0.27), (15.8, 0.35), (18.3, 0.33), (20.5, 0.02))
"""Centre hour and share: breakfast, lunch, after school, dinner, later."""

_SLOT_TASTE = {
    0: {"베이커리": 0.8, "편의점": 0.6, "한식": 0.2},
    1: {"한식": 0.5, "중식": 0.4, "분식": 0.3, "일식": 0.3},
    2: {"분식": 0.9, "패스트푸드": 0.7, "카페": 0.5, "베이커리": 0.5, "편의점": 0.4},
    3: {"한식": 0.4, "치킨": 0.7, "고기": 0.6, "피자": 0.5, "중식": 0.3},
    4: {"편의점": 0.8, "치킨": 0.4},
}
_POPULAR = {"분식": 0.5, "치킨": 0.6, "패스트푸드": 0.5, "피자": 0.4, "고기": 0.2, "편의점": 0.1}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Town:
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
class _Person:
    profile: UserProfile
    likes: Floats
    taste: Floats
    x: float
    y: float


def simulate_behavior(
    shops: Sequence[Shop],
    menus: Sequence[Menu],
    *,
    now: datetime,
    seed: int,
    users: int = 300,
    days: int = 90,
) -> tuple[tuple[UserProfile, ...], Events]:
    """Return users of 8 to 18 years and their events in the `days` before `now`.

    User ids are `user_0001` and so on; whoever writes them makes pseudonyms of them.
    """
    rng = np.random.default_rng(seed)
    town = _town(shops, menus, rng)
    if len(town.usable) == 0:
        return (), Events.from_rows([], simulated=True)
    people = _people(town, users, rng)
    rows: list[tuple[int, int, int, float, int]] = []
    limit = int(now.timestamp())
    for index, person in enumerate(people):
        rows.extend(row for row in _life(index, person, town, now, days, rng) if row[4] < limit)
    return tuple(p.profile for p in people), Events.from_rows(rows, simulated=True)


class Tastes:
    """What the users of `simulate_behavior` with the same shops, seed and number truly like: the judge of an evaluation."""

    def __init__(
        self, shops: Sequence[Shop], menus: Sequence[Menu], *, seed: int, users: int
    ) -> None:
        rng = np.random.default_rng(seed)
        self._town = _town(shops, menus, rng)
        self._people = _people(self._town, users, rng)

    def utility(self, user: int, rows: npt.NDArray[np.integer]) -> Floats:
        """Return a user's utility of shops [n] (time of day left out); -inf for a shop without a place."""
        person, town = self._people[user], self._town
        km = np.hypot(town.x[rows] - person.x, town.y[rows] - person.y)
        return np.nan_to_num(_utility(person, town, rows, km), nan=-np.inf)


def click_chance(utility: Floats) -> Floats:
    """Return the chance that a shop which is looked at is clicked: sigmoid(1.2 utility - 2)."""
    chance: Floats = 0.5 * (1 + np.tanh(0.5 * (1.2 * utility - 2.0)))
    return chance


def _people(town: _Town, users: int, rng: np.random.Generator) -> list[_Person]:
    archetypes = rng.normal(size=(8, RANK_DIM))
    return [_person(number, town, archetypes, rng) for number in range(1, users + 1)]


def _town(shops: Sequence[Shop], menus: Sequence[Menu], rng: np.random.Generator) -> _Town:
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
    return _Town(
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


def _person(number: int, town: _Town, archetypes: Floats, rng: np.random.Generator) -> _Person:
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
    return _Person(
        profile=profile,
        likes=likes,
        taste=archetypes[rng.integers(len(archetypes))] + rng.normal(0.0, 0.3, RANK_DIM),
        x=float(town.x[home] + rng.normal(0.0, 0.4)),
        y=float(town.y[home] + rng.normal(0.0, 0.4)),
    )


def _life(
    index: int, person: _Person, town: _Town, now: datetime, days: int, rng: np.random.Generator
) -> list[tuple[int, int, int, float, int]]:
    """Return one user's events. Without consent there are none."""
    if not person.profile.consent:
        return []
    distance = np.hypot(town.x[town.usable] - person.x, town.y[town.usable] - person.y)
    nearest = np.argsort(distance)[:POOL]
    nearest = nearest[
        distance[nearest] < max(REACH_KM, float(distance[nearest[:SHOWN]].max()) + 0.1)
    ]
    pool = town.usable[nearest]
    utility = _utility(person, town, pool, distance[nearest])
    rows: list[tuple[int, int, int, float, int]] = []
    saved: set[int] = set()
    for _ in range(int(rng.poisson(14.0 * days / 90 + 1))):
        slot = int(rng.choice(len(_SLOT_HOURS), p=[share for _, share in _SLOT_HOURS]))
        started = _moment(now, days, slot, rng)
        now_utility = utility + _slot_bonus(town, pool, slot)
        closed = town.timed[town.hours.open_now(started) == CLOSED]
        now_utility -= CLOSED_LOSS * np.isin(pool, closed)
        rows.extend(_session(index, pool, now_utility, started, town, saved, rng))
    return rows


def _utility(person: _Person, town: _Town, pool: npt.NDArray[np.integer], km: Floats) -> Floats:
    kinds = town.kinds[pool]
    taste = np.where(kinds > 0, person.likes, -np.inf).max(axis=1)
    over = np.maximum(town.price[pool] - float(person.profile.budget_won or 9_500), 0.0) / 3_000.0
    affinity = town.taste[pool] @ person.taste / np.sqrt(RANK_DIM)
    utility: Floats = (
        taste + 0.7 * affinity + town.quality[pool] + 0.4 * town.good[pool] - over - FAR_PER_KM * km
    )
    return utility


def _slot_bonus(town: _Town, pool: npt.NDArray[np.int64], slot: int) -> Floats:
    bonus = np.array([_SLOT_TASTE[slot].get(c, 0.0) for c in CATEGORIES])
    result: Floats = (town.kinds[pool] * bonus).max(axis=1)
    return result


def _moment(now: datetime, days: int, slot: int, rng: np.random.Generator) -> datetime:
    """Return a time within the `days` before `now`, in the slot's hours of Seoul."""
    hour = _SLOT_HOURS[slot][0] + float(rng.normal(0.0, 0.5))
    local = (now.astimezone(SEOUL) - timedelta(days=int(rng.integers(1, days + 1)))).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return local + timedelta(seconds=round(hour * 3_600))


def _session(
    user: int,
    pool: npt.NDArray[np.int64],
    utility: Floats,
    started: datetime,
    town: _Town,
    saved: set[int],
    rng: np.random.Generator,
) -> list[tuple[int, int, int, float, int]]:
    """One look at a list of `SHOWN` shops: some are clicked, at most one is ordered from."""
    shown = np.argsort(-(0.5 * utility + rng.gumbel(size=len(pool))))[:SHOWN]
    second = int(started.timestamp())
    rows: list[tuple[int, int, int, float, int]] = []
    ordered = False
    for position, place in enumerate(shown, start=1):
        shop, value = int(pool[place]), float(utility[place])
        second += int(rng.integers(2, 9))
        rows.append((user, shop, VIEW, 1.0, second))
        if rng.random() > position**-0.6 * _sigmoid(1.2 * value - 2.0):
            continue
        rows.append((user, shop, CLICK, 1.0, second + 2))
        if shop not in saved and rng.random() < 0.5 * _sigmoid(value - 2.5):
            saved.add(shop)
            rows.append((user, shop, FAVORITE, 1.0, second + 20))
        if ordered or rng.random() > _sigmoid(1.2 * value - 1.5):
            continue
        ordered = True
        won = float(max(1_000, round(float(town.price[shop]) * rng.uniform(0.85, 1.15), -2)))
        rows.append((user, shop, ORDER, won, second + 60))
        if rng.random() < 0.35:
            stars = float(np.clip(round(3.6 + 0.55 * (value - 1.0) + rng.normal(0.0, 0.6)), 1, 5))
            rows.append((user, shop, REVIEW, stars, second + int(rng.integers(3_600, 40_000))))
    return rows


def _sigmoid(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-x)))
