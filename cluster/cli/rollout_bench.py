"""What `naviyam bench rollout` measures: simulated experiments under continuous looking, decided by the code that decides real ones.

The looks at which something could be decided are found on running sums; what is decided there is asked of `analyse_columns`
and `judge`. Beside them stand two methods on the same users: one test at the end, and the same test repeated at every look.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np

from cluster.cli.rollout_trial import (
    BASE_CTR,
    DAY_S,
    F64,
    SCENARIOS,
    Bools,
    Outcome,
    Scenario,
    Trial,
)
from cluster.rollout.analysis import analyse_columns, guardrails
from cluster.rollout.checks import log_ratio_evidence
from cluster.rollout.outcomes import Answers, Periods
from cluster.rollout.sequential import increments, log_evidence, mirrored, power_sums
from cluster.rollout.verdict import Course, judge
from naviyam.settings import Release, Rollout

__all__ = ["BASE_CTR", "METHODS", "SCENARIOS", "Row", "decide", "measure"]

Method = Literal["naviyam", "fixed horizon", "naive t-test"]
METHODS: Final[tuple[Method, ...]] = ("naviyam", "fixed horizon", "naive t-test")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Z: Final = 1.959964
_LEAST_T: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a method decided, how long after the start, and over how many users of both arms."""

    outcome: Outcome
    at_s: float
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A method over all runs of a scenario; times and users are of the right decisions other than none."""

    scenario: str
    method: Method
    expected: tuple[Outcome, ...]
    """What is right."""

    runs: int
    wrong: float
    right: float
    median_days: float | None
    median_users: float | None


def decide(trial: Trial, rollout: Rollout, release: Release) -> Decision:
    """Look on as the controller does, until the verdict ends the experiment."""
    for look in _events(trial, rollout, release):
        now_s = float(trial.looks_s[look])
        step = int(trial.periods.index(np.array([now_s - 1]))[0])
        upto = int(np.searchsorted(trial.answers.at_s, now_s, side="right"))
        analysis = analyse_columns(
            _head(trial.answers, upto),
            Periods(
                start_s=trial.periods.start_s[: step + 1],
                weight=trial.periods.weight[: step + 1],
            ),
            settings=rollout,
            now_s=now_s,
            at=_EPOCH,
        )
        course = Course(
            layer="ranker",
            offline_gain=2 * release.canary_offline_gain,
            step=step,
            in_step_s=now_s - float(trial.periods.start_s[step]),
            age_s=now_s,
        )
        action = judge(analysis, course, rollout=rollout, release=release).action
        if action in ("promote", "roll_back", "pause"):
            return Decision(outcome=action, at_s=now_s, users=int(trial.known[look]))
    return Decision(outcome="none", at_s=trial.end_s, users=int(trial.known[-1]))


def _events(trial: Trial, rollout: Rollout, release: Release) -> Iterator[int]:
    """Yield the looks at which anything but time could decide."""
    threshold = np.log(4 / rollout.alpha)
    better, worse, gain = _evidence(trial, trial.users.clicked)
    _, unhappy, _ = _evidence(trial, trial.users.satisfaction)
    promising = (
        (better >= threshold) & (gain > 0.9 * release.canary_click_gain) & _ready(trial, rollout)
    )
    due = promising | (worse >= threshold) | (unhappy >= threshold)
    due |= _split_evidence(trial) >= np.log(1 / rollout.srm_alpha)
    mine_s = trial.answers.at_s[trial.answers.candidate]
    for guard in guardrails(trial.answers, trial.periods, rollout):
        if guard.breach is not None:
            due[np.searchsorted(trial.looks_s, mine_s[guard.breach.at]) :] = True
    yield from np.flatnonzero(due).tolist()


def _ready(trial: Trial, rollout: Rollout) -> Bools:
    """At which looks the minimums of the step are met."""
    step = trial.periods.index(trial.looks_s - 1)
    mine = np.concatenate(([0], np.cumsum(trial.users.comparable & trial.users.candidate)))
    steps = rollout.steps
    in_step_s = trial.looks_s - trial.periods.start_s[step]
    ready: Bools = (in_step_s >= np.array([s.least_s for s in steps])[step]) & (
        mine[trial.known] >= np.array([s.least_users for s in steps])[step]
    )
    return ready


def _evidence(trial: Trial, outcome: F64) -> tuple[F64, F64, F64]:
    """Return at every look the evidence of better and of worse, and the relative gain by then."""
    counted = trial.users.comparable & ~np.isnan(outcome)
    upto = np.concatenate(([0], np.cumsum(counted)))[trial.known]
    weight = trial.periods.weight[trial.users.period[counted]]
    x, w = increments(trial.users.candidate[counted], outcome[counted], weight)
    sums = np.pad(power_sums(x), ((0, 0), (1, 0)))[:, upto]
    total = np.concatenate(([0.0], np.cumsum(w)))[upto]
    mean = np.concatenate(([0.0], np.cumsum(outcome[counted])))[upto] / np.maximum(upto, 1)
    gain = sums[0] / np.maximum(total, 1e-9) / np.maximum(mean, 1e-9)
    return log_evidence(sums), log_evidence(mirrored(sums)), gain


def _split_evidence(trial: Trial) -> F64:
    upto = np.searchsorted(trial.users.first_s, trial.looks_s, side="right")
    sure = ~trial.users.settling
    counts = [
        np.concatenate(([0], np.cumsum(sure & side & (trial.users.period == p))))[upto]
        for side in (trial.users.candidate, np.ones_like(sure))
        for p in range(len(trial.periods.weight))
    ]
    half = len(trial.periods.weight)
    return log_ratio_evidence(
        np.stack(counts[:half], axis=-1), np.stack(counts[half:], axis=-1), trial.periods.weight
    )


def t_tests(trial: Trial) -> F64:
    """Return the t statistic of the users' click rates at every look; 0 below 30 users in an arm."""
    y, known = trial.users.clicked, trial.known
    parts = []
    for side in (trial.users.candidate, ~trial.users.candidate):
        n, total, squares = (
            np.concatenate(([0.0], np.cumsum(values)))[known]
            for values in (side.astype(np.float64), y * side, y * y * side)
        )
        mean = total / np.maximum(n, 1)
        variance = np.maximum(squares / np.maximum(n, 1) - mean**2, 1e-9)
        parts.append((n, mean, variance / np.maximum(n - 1, 1)))
    (n1, m1, v1), (n0, m0, v0) = parts
    t: F64 = np.where(np.minimum(n1, n0) >= _LEAST_T, (m1 - m0) / np.sqrt(v1 + v0), 0.0)
    return t


def measure(
    scenario: Scenario,
    *,
    runs: int,
    users_a_day: float,
    seed: int,
    rollout: Rollout,
    release: Release,
) -> list[Row]:
    """Simulate a scenario `runs` times and return a row for every method."""
    found: dict[Method, list[Decision]] = {method: [] for method in METHODS}
    for run in range(runs):
        rng = np.random.default_rng([seed, SCENARIOS.index(scenario), run])
        trial = Trial(scenario, rollout, users_a_day, rng)
        ours = decide(trial, rollout, release)
        began_s = trial.burst_s if scenario.burst and ours.outcome == "roll_back" else 0.0
        found["naviyam"].append(
            Decision(outcome=ours.outcome, at_s=ours.at_s - began_s, users=ours.users)
        )
        t = t_tests(trial)
        found["fixed horizon"].append(_by_t(trial, t, len(t) - 1))
        crossed = np.flatnonzero(np.abs(t) > _Z)
        first = int(crossed[0]) if len(crossed) else len(t) - 1
        found["naive t-test"].append(_by_t(trial, t, first))
    return [_row(scenario, method, decisions) for method, decisions in found.items()]


def _by_t(trial: Trial, t: F64, look: int) -> Decision:
    outcome: Outcome = "none"
    if abs(t[look]) > _Z:
        outcome = "promote" if t[look] > 0 else "roll_back"
    return Decision(outcome=outcome, at_s=float(trial.looks_s[look]), users=int(trial.known[look]))


def _row(scenario: Scenario, method: Method, decisions: list[Decision]) -> Row:
    right = [d for d in decisions if d.outcome in scenario.right]
    timed = [d for d in right if d.outcome != "none"]
    return Row(
        scenario=scenario.name,
        method=method,
        expected=scenario.right,
        runs=len(decisions),
        wrong=sum(d.outcome in scenario.wrong for d in decisions) / len(decisions),
        right=len(right) / len(decisions),
        median_days=float(np.median([d.at_s for d in timed])) / DAY_S if timed else None,
        median_users=float(np.median([d.users for d in timed])) if timed else None,
    )


def _head(answers: Answers, size: int) -> Answers:
    return Answers(**{name: getattr(answers, name)[:size] for name in Answers.__slots__})
