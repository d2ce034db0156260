"""When simulated children write: lunch, after school, dinner; weekends differ. A run's plan as visits in order. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np

from naviyam.clock import SEOUL
from naviyam.simulation.users import User, World

BREAKFAST, LUNCH, AFTER_SCHOOL, DINNER, LATE = range(5)
_SATURDAY: Final = 5
_SCHOOL_DAY = {BREAKFAST: 0.02, LUNCH: 0.15, AFTER_SCHOOL: 0.45, DINNER: 0.33, LATE: 0.05}
_FREE_DAY = {BREAKFAST: 0.04, LUNCH: 0.42, AFTER_SCHOOL: 0.16, DINNER: 0.33, LATE: 0.05}
"""Shares of the times of day. On a school day most eat lunch at school."""

_HOURS = {BREAKFAST: (7.2, 8.4), LUNCH: (11.8, 13.2), DINNER: (17.5, 19.4), LATE: (20.0, 21.5)}
_FREE_HOURS = {**_HOURS, BREAKFAST: (8.5, 10.5), LUNCH: (11.5, 14.0), AFTER_SCHOOL: (14.0, 17.0)}
_BELLS = ((12, 14.5), (15, 15.5), (18, 16.5))
"""Up to which age (inclusive) school ends at which hour."""

_AFTER_BELL_H = 1.6
_WEEKEND_VISITS = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One time that a child is hungry. `number` counts the child's visits of that day from 0."""

    day: int
    number: int
    slot: int
    time: datetime
    at_school: bool
    talks: bool
    """In a conversation (POST /chat), not by the list (POST /recommendations)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run drives. The same plan over the same catalogue is the same visits in the same order."""

    seed: int
    start: date
    """The first virtual day."""

    users: int
    first_user: int = 1
    days: int = 2
    visits_per_day: float = 1.0
    chat_share: float = 0.05
    bias: float = 1.0
    """Exponent of examination of the average child."""

    drift: float = 0.0
    """What a virtual day adds to every child's liking of the trending kinds of food."""

    moved: float = 0.0
    """How far every child's liking of them is moved on the first day already: a world that changed after the bootstrap."""

    @property
    def numbers(self) -> range:
        """Return the numbers of the children."""
        return range(self.first_user, self.first_user + self.users)


def schedule(world: World, plan: Plan) -> Iterator[tuple[User, Visit]]:
    """Yield all visits in the order of virtual time, each with the child as it is that day."""
    people = [world.user(n, seed=plan.seed, bias=plan.bias) for n in plan.numbers]
    for day in range(plan.days):
        today = [(user, visit) for user in people for visit in visits_on(user, plan, day)]
        for user, visit in sorted(today, key=lambda pair: (pair[1].time, pair[0].number)):
            yield world.drifted(user, plan.moved + day * plan.drift), visit


def visits_on(user: User, plan: Plan, day: int) -> tuple[Visit, ...]:
    """Return a child's visits on virtual day `day` (from 0), by time. Every day is drawn from a source of its own."""
    rng = np.random.default_rng([plan.seed, user.number, day])
    today = plan.start + timedelta(days=day)
    free = today.weekday() >= _SATURDAY
    often = plan.visits_per_day * user.activity * (_WEEKEND_VISITS if free else 1.0)
    shares = _FREE_DAY if free else _SCHOOL_DAY
    drawn = []
    for _ in range(int(rng.poisson(often))):
        slot = int(rng.choice(list(shares), p=list(shares.values())))
        first, last = _FREE_HOURS[slot] if free else _school_hours(user.age, slot)
        second = round(3_600 * float(rng.uniform(first, last)))
        talks = bool(rng.random() < plan.chat_share)
        drawn.append((second, slot, talks))
    return tuple(
        Visit(
            day=day,
            number=number,
            slot=slot,
            time=datetime.combine(today, time(), SEOUL) + timedelta(seconds=second),
            at_school=not free and slot in (LUNCH, AFTER_SCHOOL),
            talks=talks,
        )
        for number, (second, slot, talks) in enumerate(sorted(drawn))
    )


def _school_hours(age: int, slot: int) -> tuple[float, float]:
    if slot != AFTER_SCHOOL:
        return _HOURS[slot]
    bell = next(hour for last_age, hour in _BELLS if age <= last_age)
    return bell, bell + _AFTER_BELL_H
