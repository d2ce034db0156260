"""A simulated experiment over its whole life, for `naviyam bench rollout`: its users, what they do, the weights that its steps lead to.

Users come evenly over the day, once each, click by a rate of their own that the arm changes by a factor, and rate a few
answers. The steps follow as soon as their minimums are met, and nothing ends the experiment.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cluster.rollout.outcomes import Answers, Periods, users_of
from naviyam.settings import Rollout

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Outcome = Literal["promote", "roll_back", "pause", "none"]

BASE_CTR: Final = 0.30
DAY_S: Final = 86_400.0
_ERROR_RATE: Final = 0.005
_UNSAFE_RATE: Final = 0.0005
_SPREAD: Final = 6.0
"""Concentration of the users' own click rates (a Beta distribution around the base)."""

_ORDERED: Final = 0.1
_RATED: Final = 0.15
_STARS: Final = (0.05, 0.05, 0.10, 0.35, 0.45)
_LOOK_S: Final = 600.0
_BURST_S: Final = 2 * 3600.0
_BURST_RATE: Final = 0.4
_LOST: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of experiment and what ought to come of it."""

    name: str
    lift: float = 0.0
    """Of the candidate's click rate, relative."""

    right: tuple[Outcome, ...]
    wrong: tuple[Outcome, ...]
    traffic: float = 1.0
    """Share of the usual users."""

    burst: bool = False
    """For two hours the candidate fails on 40 % of the answers."""

    lost: bool = False
    """Half of the candidate's users who did not click are never logged."""

    swapped: bool = False
    """Every answer is booked under the other arm."""


SCENARIOS: Final = (
    Scenario(name="A/A", right=("none",), wrong=("promote", "roll_back", "pause")),
    Scenario(name="-5 % CTR", lift=-0.05, right=("roll_back",), wrong=("promote", "pause")),
    Scenario(name="-20 % CTR", lift=-0.20, right=("roll_back",), wrong=("promote", "pause")),
    Scenario(name="+3 % CTR", lift=0.03, right=("promote",), wrong=("roll_back", "pause")),
    Scenario(name="+10 % CTR", lift=0.10, right=("promote",), wrong=("roll_back", "pause")),
    Scenario(name="error burst", burst=True, right=("roll_back",), wrong=("promote", "pause")),
    Scenario(
        name="low traffic", traffic=0.03, right=("none",), wrong=("promote", "roll_back", "pause")
    ),
    Scenario(name="SRM", lost=True, right=("pause",), wrong=("promote", "roll_back")),
    Scenario(
        name="swapped arms",
        lift=0.10,
        swapped=True,
        right=("pause",),
        wrong=("promote", "roll_back"),
    ),
)


class Trial:
    """One simulated experiment over its whole life, as if nothing ended it.

    Args:
        scenario: what is simulated.
        rollout: steps, window, alpha.
        users_a_day: who come for the first time on a usual day.
        rng: of this trial alone.
    """

    def __init__(
        self, scenario: Scenario, rollout: Rollout, users_a_day: float, rng: np.random.Generator
    ) -> None:
        self._rollout = rollout
        self.end_s = rollout.max_days * DAY_S
        expected = users_a_day * scenario.traffic * rollout.max_days
        first_s = np.sort(rng.uniform(0, self.end_s, rng.poisson(expected)))
        self.looks_s = np.arange(_LOOK_S, self.end_s + 1, _LOOK_S)
        bucket = rng.random(len(first_s))
        self.periods = self._ramp(first_s, bucket)
        candidate = bucket < self.periods.weight[self.periods.index(first_s)]
        self.burst_s = float(rng.uniform(1, 7)) * DAY_S if scenario.burst else np.inf
        self.answers = self._answers(scenario, first_s, candidate, rng)
        self.users = users_of(
            self.answers, self.periods, window_s=rollout.outcome_window_s, now_s=np.inf
        )

    def _ramp(self, first_s: F64, bucket: F64) -> Periods:
        """Return the weights that the steps' minimums lead to; the step to 1 is not taken without proof."""
        steps = [step for step in self._rollout.steps if step.weight < 1]
        starts, users = [0.0], 0
        for step in steps[:-1]:
            mine = first_s[(bucket < step.weight) & (first_s >= starts[-1])]
            missing = step.least_users - users
            if missing > len(mine):
                break
            known_s = mine[missing - 1] + self._rollout.outcome_window_s if missing > 0 else 0.0
            ready_s = max(starts[-1] + step.least_s, known_s)
            look = int(np.searchsorted(self.looks_s, ready_s))
            if look >= len(self.looks_s):
                break
            starts.append(float(self.looks_s[look]))
            users += int(np.searchsorted(mine, starts[-1]))
        return Periods(
            start_s=np.array(starts), weight=np.array([s.weight for s in steps[: len(starts)]])
        )

    def _answers(
        self, scenario: Scenario, first_s: F64, candidate: Bools, rng: np.random.Generator
    ) -> Answers:
        n = len(first_s)
        rate = rng.beta(BASE_CTR * _SPREAD, (1 - BASE_CTR) * _SPREAD, n)
        rate = np.minimum(1.0, rate * np.where(candidate, 1 + scenario.lift, 1.0))
        count = 1 + rng.poisson(1.0, n)
        user = np.repeat(np.arange(n), count)
        clicked = rng.random(len(user)) < rate[user]
        if scenario.lost:
            clicks = np.bincount(user[clicked], minlength=n)
            kept = ~(candidate & (clicks == 0) & (rng.random(n) < _LOST))
            chosen = kept[user]
            user, clicked = (np.cumsum(kept) - 1)[user[chosen]], clicked[chosen]
            first_s, candidate = first_s[kept], candidate[kept]
        size = len(user)
        at_s, arm = first_s[user], candidate[user]
        fails = np.full(size, _ERROR_RATE)
        fails[arm & (at_s >= self.burst_s) & (at_s < self.burst_s + _BURST_S)] = _BURST_RATE
        rated = rng.random(size) < _RATED
        stars = np.full(size, np.nan)
        stars[rated] = rng.choice(np.linspace(0, 1, len(_STARS)), int(rated.sum()), p=_STARS)
        mishap = rng.random(size)
        return Answers(
            user=user,
            candidate=~arm if scenario.swapped else arm,
            at_s=at_s,
            latency_s=np.exp(0.4 * rng.standard_normal(size)),
            clicked=clicked.astype(np.float64),
            ordered=(clicked & (abs(mishap - 0.7) < _ORDERED / 2)).astype(np.float64),
            satisfaction=stars,
            error=mishap < fails,
            unsafe=mishap > 1 - _UNSAFE_RATE,
        )

    @cached_property
    def known(self) -> Ints:
        """How many users' outcomes are known at every look."""
        over_s = self.users.first_s + self._rollout.outcome_window_s
        return np.searchsorted(over_s, self.looks_s, side="right")
