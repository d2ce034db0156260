"""From answers to users: a user counts once, with what they did in a window after their first answer. Arrays, no I/O.

A weight that grows moves users from stable to the candidate's arm, rightly. So a user's window ends at the next change of
weight, in both arms alike: what is compared is what users did while nobody could move, nobody is left out for having moved,
and whether somebody came back after the change decides nothing. A user in both arms is a fault only where one place on the
unit interval cannot explain it: stable at a weight at or above one at which they were candidate.

Where weights change, replicas follow within seconds: answers of that time say nothing of who was in both arms, and users
first seen in it are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from cluster.rollout.observed import Seen
from naviyam.errors import InputError

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SETTLING_S: Final = 5.0
"""A change of weight reaches every replica in 2 s (spec 4); an answer that was begun before may end after it."""

_STARS: Final = (1.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """From when on the candidate's share was `weight`."""

    at: datetime
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise InputError(
                f"weight {self.weight} is not between 0 and 1 (0.1 is a tenth of the users)",
                field="weight",
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Answers [n] in order of time, as columns."""

    user: Ints
    """Numbered in order of their first answer: 0 comes first."""

    candidate: Bools
    at_s: F64
    latency_s: F64
    clicked: F64
    ordered: F64
    satisfaction: F64
    """0..1, nan where nobody said."""

    error: Bools
    unsafe: Bools

    @classmethod
    def of(cls, stream: Sequence[Seen]) -> Self:
        """Return the columns of a stream that is in order of time."""
        codes: dict[str, int] = {}
        low, high = _STARS
        stars = np.array([np.nan if s.satisfaction is None else s.satisfaction for s in stream])
        return cls(
            user=np.array([codes.setdefault(s.user_id, len(codes)) for s in stream], np.int64),
            candidate=np.array([s.arm == "candidate" for s in stream], np.bool_),
            at_s=np.array([s.at.timestamp() for s in stream], np.float64),
            latency_s=np.array([s.latency_s for s in stream], np.float64),
            clicked=np.array([s.clicked for s in stream], np.float64),
            ordered=np.array([s.ordered for s in stream], np.float64),
            satisfaction=np.clip((stars.astype(np.float64) - low) / (high - low), 0, 1),
            error=np.array([s.error for s in stream], np.bool_),
            unsafe=np.array([s.unsafe for s in stream], np.bool_),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """Times [p] from which a weight held, rising, with the weights [p]."""

    start_s: F64
    weight: F64

    @classmethod
    def of(cls, changes: Sequence[WeightChange]) -> Self:
        """Return the periods of a history; one that changes nothing begins no period.

        Raises:
            InputError: there is no weight at all.
        """
        if not changes:
            raise InputError("an experiment has at least one weight", field="weights")
        kept: list[WeightChange] = []
        for change in sorted(changes, key=lambda change: change.at):
            if not kept or change.weight != kept[-1].weight:
                kept.append(change)
        return cls(
            start_s=np.array([c.at.timestamp() for c in kept]),
            weight=np.array([c.weight for c in kept]),
        )

    def index(self, at_s: F64) -> Ints:
        """Return the period [n] of times [n]; what is before the first one counts to it."""
        return np.maximum(np.searchsorted(self.start_s, at_s, side="right") - 1, 0)

    def settling(self, at_s: F64) -> Bools:
        """Return which times [n] are too close after a change to be sure of the weight."""
        since = at_s - self.start_s[self.index(at_s)]
        moved: Bools = (self.index(at_s) > 0) & (since < SETTLING_S)
        return moved

    def next_change_s(self, at_s: F64) -> F64:
        """Return when [n] the weight changes next, inf where it does not."""
        ends: F64 = np.append(self.start_s[1:], np.inf)[self.index(at_s)]
        return ends


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Users:
    """Users [u] in order of first exposure, each with their first arm and the mean of what they did in their window."""

    candidate: Bools
    first_s: F64
    period: Ints
    known: Bools
    """Whether the window is over."""

    faulty: Bools
    """Seen in both arms where no weight explains it."""

    moved: Bools
    """Seen in both arms because the weight changed."""

    settling: Bools
    """First seen right after a change of weight."""

    clicked: F64
    ordered: F64
    satisfaction: F64
    """nan where nobody said."""

    @property
    def comparable(self) -> Bools:
        """Whose outcome is known and belongs to one arm."""
        return self.known & ~self.faulty & ~self.settling


def users_of(answers: Answers, periods: Periods, *, window_s: float, now_s: float) -> Users:
    """Return every user's outcome from answers in order of time; those after `now_s` must have been left out."""
    count = int(answers.user.max()) + 1 if len(answers.user) else 0
    first = np.searchsorted(np.maximum.accumulate(answers.user), np.arange(count))
    first_s = answers.at_s[first]
    until_s, before_s = first_s + window_s, periods.next_change_s(first_s)
    chosen = (answers.at_s <= until_s[answers.user]) & (answers.at_s < before_s[answers.user])
    faulty, moved = _both_arms(answers, periods, count)

    def mean(values: F64) -> F64:
        counted = chosen & ~np.isnan(values)
        who = answers.user[counted]
        total = np.bincount(who, weights=values[counted], minlength=count)
        size = np.bincount(who, minlength=count).astype(np.float64)
        found: F64 = np.divide(total, size, out=np.full(count, np.nan), where=size > 0)
        return found

    return Users(
        candidate=answers.candidate[first],
        first_s=first_s,
        period=periods.index(first_s),
        known=until_s <= now_s,
        faulty=faulty,
        moved=moved,
        settling=periods.settling(first_s),
        clicked=mean(answers.clicked),
        ordered=mean(answers.ordered),
        satisfaction=mean(answers.satisfaction),
    )


def _both_arms(answers: Answers, periods: Periods, count: int) -> tuple[Bools, Bools]:
    """Return who [u] was in both arms: without and with a change of weight that explains it."""
    sure = ~periods.settling(answers.at_s)
    weight = periods.weight[periods.index(answers.at_s)]
    lowest_candidate, highest_stable = np.full(count, np.inf), np.full(count, -np.inf)
    for_candidate = sure & answers.candidate
    np.minimum.at(lowest_candidate, answers.user[for_candidate], weight[for_candidate])
    for_stable = sure & ~answers.candidate
    np.maximum.at(highest_stable, answers.user[for_stable], weight[for_stable])
    faulty = highest_stable >= lowest_candidate
    both = np.isfinite(highest_stable) & np.isfinite(lowest_candidate)
    return faulty, both & ~faulty
