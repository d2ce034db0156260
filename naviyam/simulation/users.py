"""Seeded children for the running service: tastes, dishes, budgets, places, school, company, patience. Pure.

A user is made from the seed and a number alone, so any range of users can be driven again. Shops' qualities come from
the catalogue's own seed: the children of every run, and of the catalogue's simulated past, live in one world.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.errors import InputError
from naviyam.request import CATEGORIES
from naviyam.simulation.asks import DISHES
from naviyam.simulation.town import (
    CLOSED_LOSS,
    Floats,
    Person,
    Town,
    archetypes_of,
    person_of,
    slot_bonus,
    town_of,
    utility_of,
)

PREFIX: Final = "sim_"
"""User ids of simulated children begin so, before they become pseudonyms."""

DISH_WEIGHT: Final = 0.5
ASKED_BONUS: Final = 1.2
OTHER_LOSS: Final = 1.0
"""What a shop gains that has what was asked for, and loses that has not."""

UNKNOWN_KM: Final = 2.0
TRENDING: Final = 2
"""Categories that tastes drift to."""

_IMPATIENCE = {0.6: 0.25, 1.0: 0.5, 1.6: 0.25}
"""Factor of the exponent of examination, and the share of users with it."""

_COMPANIONS = {"alone": 0.35, "friend": 0.4, "family": 0.2, "group": 0.05}
_SILENT, _NO_CONSENT, _NO_POINT = 0.05, 0.02, 0.1
_KM_PER_DEGREE = (88.0, 111.0)
"""Longitude and latitude around 37 degrees north, as `Town` has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class User:
    """One child. `exponent`: of its examination; `patience`: chance to ask again; `silent`: never clicks."""

    number: int
    user_id: str
    person: Person
    dishes: Floats
    """Liking of `DISHES` in their order [d]."""

    school: tuple[float, float]
    """Kilometres, as `Person.x` and `y`."""

    companion: str
    exponent: float
    patience: float
    activity: float
    """Visits relative to the average child."""

    silent: bool
    gives_point: bool
    """Sends coordinates; others only their district."""

    @property
    def age(self) -> int:
        """Return the age, 8 to 18."""
        return self.person.profile.age or 8

    def profile(self) -> dict[str, Any]:
        """Return the body of PUT /users/{id}."""
        p = self.person.profile
        return {
            "age": p.age,
            "district": p.district,
            "budget_won": p.budget_won,
            "favorite_categories": list(p.favorite_categories),
            "dietary": list(p.dietary),
            "consent": p.consent,
        }

    def place(self, *, at_school: bool) -> tuple[float, float]:
        """Return where the child stands, in kilometres."""
        return self.school if at_school else (self.person.x, self.person.y)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """The shops of a catalogue with what is true of them, and how children there come about."""

    town: Town
    row_of: dict[str, int]
    dishes: npt.NDArray[np.bool_]
    """Which shops have a dish of `DISHES` [n, d]."""

    archetypes: Floats
    trend: Floats
    """What a day of drift of strength 1 adds to every child's likes [c]."""

    @classmethod
    def of(cls, catalog: Catalog, *, seed: int) -> Self:
        """Return the world of a catalogue; `seed` where its card names none.

        Raises:
            InputError: no shop of it has a place where children may eat.
        """
        rng = np.random.default_rng(int(catalog.card.get("seed") or seed))
        shops = [catalog.shop(row) for row in range(catalog.size)]
        menus = [menu for row in range(catalog.size) for menu in catalog.menus(row)]
        town = town_of(shops, menus, rng)
        if not len(town.usable):
            raise InputError(
                f"the catalogue {catalog.version} has no shop with coordinates; "
                "import a list with places: `naviyam data import`",
                field="catalog",
            )
        archetypes = archetypes_of(rng)
        trend = np.zeros(len(CATEGORIES))
        trend[rng.choice(len(CATEGORIES) - 1, size=TRENDING, replace=False)] = 1.0
        return cls(
            town=town,
            row_of=dict(catalog.row_of),
            dishes=np.array(
                [[d in catalog.normalised(row) for d in DISHES] for row in range(catalog.size)]
            ),
            archetypes=archetypes,
            trend=trend,
        )

    def user(self, number: int, *, seed: int, bias: float) -> User:
        """Return child `number`; `bias` is the exponent of examination of the average child."""
        rng = np.random.default_rng([seed, number])
        person = person_of(number, self.town, self.archetypes, rng)
        user_id = f"{PREFIX}{seed}_{number:05d}"
        profile = replace(
            person.profile, user_id=user_id, consent=bool(rng.random() >= _NO_CONSENT)
        )
        return User(
            number=number,
            user_id=user_id,
            person=replace(person, profile=profile),
            dishes=rng.normal(0.0, 0.8, len(DISHES)),
            school=(person.x + float(rng.normal(0.0, 0.5)), person.y + float(rng.normal(0.0, 0.5))),
            companion=str(rng.choice(list(_COMPANIONS), p=list(_COMPANIONS.values()))),
            exponent=bias * float(rng.choice(list(_IMPATIENCE), p=list(_IMPATIENCE.values()))),
            patience=float(rng.beta(2.0, 4.0)),
            activity=float(rng.lognormal(-0.18, 0.6)),
            silent=bool(rng.random() < _SILENT),
            gives_point=bool(rng.random() >= _NO_POINT),
        )

    def drifted(self, user: User, by: float) -> User:
        """Return the child when its liking of the trending kinds has moved by so much."""
        if not by:
            return user
        likes = user.person.likes + by * self.trend
        return replace(user, person=replace(user.person, likes=likes))

    def utility(
        self,
        user: User,
        rows: npt.NDArray[np.int64],
        *,
        place: tuple[float, float],
        slot: int,
        wanted: npt.NDArray[np.bool_] | None,
        closed: npt.NDArray[np.bool_],
    ) -> Floats:
        """Return a child's utility of shops [n] here and now; `wanted`: which have what was asked for, None for anything."""
        town = self.town
        km = np.hypot(town.x[rows] - place[0], town.y[rows] - place[1])
        value = utility_of(user.person, town, rows, np.nan_to_num(km, nan=UNKNOWN_KM))
        value += slot_bonus(town, rows, slot) - CLOSED_LOSS * closed
        dish = np.where(self.dishes[rows], user.dishes, -np.inf).max(axis=1)
        value += DISH_WEIGHT * np.where(np.isfinite(dish), dish, 0.0)
        if wanted is not None:
            value += np.where(wanted, ASKED_BONUS, -OTHER_LOSS)
        return value

    def has(self, rows: npt.NDArray[np.int64], wish: str) -> npt.NDArray[np.bool_]:
        """Return which shops [n] are of a category, or have a dish."""
        if wish in CATEGORIES:
            of_kind: npt.NDArray[np.bool_] = self.town.kinds[rows, CATEGORIES.index(wish)] > 0
            return of_kind
        with_dish: npt.NDArray[np.bool_] = self.dishes[rows, tuple(DISHES).index(wish)]
        return with_dish


def degrees(place: tuple[float, float]) -> tuple[float, float]:
    """Return (latitude, longitude) of kilometres as `Town` has them.

    >>> degrees((88.0 * 127, 111.0 * 37))
    (37.0, 127.0)
    """
    east, north = _KM_PER_DEGREE
    return round(place[1] / north, 6), round(place[0] / east, 6)
