"""Simulated behaviour over any list of shops: users with latent tastes who view, click, order, save and review.

Seeded and pure. Utilities are `town`'s, clicks `clicks`': position-biased by examination 1/position^0.6.
What comes out is always marked simulated. Bars and shops without a place are never visited.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from naviyam.catalog.events import CLICK, FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.hours import CLOSED
from naviyam.catalog.types import Menu, Shop
from naviyam.clock import SEOUL
from naviyam.request import UserProfile
from naviyam.simulation.clicks import (
    click_chance,
    examination,
    favorite_chance,
    order_chance,
    stars,
)
from naviyam.simulation.town import (
    CLOSED_LOSS,
    Floats,
    Person,
    Town,
    people_of,
    slot_bonus,
    town_of,
    utility_of,
)

SHOWN = 8
BIAS = 0.6
"""Exponent of examination in the simulated past."""

REACH_KM = 4.0
POOL = 150
_SLOT_HOURS = ((7.5, 0.03), (12.3, 0.27), (15.8, 0.35), (18.3, 0.33), (20.5, 0.02))
"""Centre hour and share: breakfast, lunch, after school, dinner, later."""


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
    town = town_of(shops, menus, rng)
    if len(town.usable) == 0:
        return (), Events.from_rows([], simulated=True)
    people = people_of(town, users, rng)
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
        self._town = town_of(shops, menus, rng)
        self._people = people_of(self._town, users, rng)

    def utility(self, user: int, rows: npt.NDArray[np.integer]) -> Floats:
        """Return a user's utility of shops [n] (time of day left out); -inf for a shop without a place."""
        person, town = self._people[user], self._town
        km = np.hypot(town.x[rows] - person.x, town.y[rows] - person.y)
        return np.nan_to_num(utility_of(person, town, rows, km), nan=-np.inf)


def _life(
    index: int, person: Person, town: Town, now: datetime, days: int, rng: np.random.Generator
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
    utility = utility_of(person, town, pool, distance[nearest])
    rows: list[tuple[int, int, int, float, int]] = []
    saved: set[int] = set()
    for _ in range(int(rng.poisson(14.0 * days / 90 + 1))):
        slot = int(rng.choice(len(_SLOT_HOURS), p=[share for _, share in _SLOT_HOURS]))
        started = _moment(now, days, slot, rng)
        now_utility = utility + slot_bonus(town, pool, slot)
        closed = town.timed[town.hours.open_now(started) == CLOSED]
        now_utility -= CLOSED_LOSS * np.isin(pool, closed)
        rows.extend(_session(index, pool, now_utility, started, town, saved, rng))
    return rows


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
    town: Town,
    saved: set[int],
    rng: np.random.Generator,
) -> list[tuple[int, int, int, float, int]]:
    """One look at a list of `SHOWN` shops: some are clicked, at most one is ordered from."""
    shown = np.argsort(-(0.5 * utility + rng.gumbel(size=len(pool))))[:SHOWN]
    second = int(started.timestamp())
    rows: list[tuple[int, int, int, float, int]] = []
    ordered = False
    values = utility[shown]
    click = examination(np.arange(1, len(shown) + 1), BIAS) * click_chance(values)
    save, order = favorite_chance(values), order_chance(values)
    for i, place in enumerate(shown):
        shop = int(pool[place])
        second += int(rng.integers(2, 9))
        rows.append((user, shop, VIEW, 1.0, second))
        if rng.random() > click[i]:
            continue
        rows.append((user, shop, CLICK, 1.0, second + 2))
        if shop not in saved and rng.random() < save[i]:
            saved.add(shop)
            rows.append((user, shop, FAVORITE, 1.0, second + 20))
        if ordered or rng.random() > order[i]:
            continue
        ordered = True
        won = float(max(1_000, round(float(town.price[shop]) * rng.uniform(0.85, 1.15), -2)))
        rows.append((user, shop, ORDER, won, second + 60))
        if rng.random() < 0.35:
            given = stars(float(values[i]), float(rng.normal(0.0, 0.6)))
            rows.append((user, shop, REVIEW, given, second + int(rng.integers(3_600, 40_000))))
    return rows
