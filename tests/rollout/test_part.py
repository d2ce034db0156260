"""The rollouts' part of the controller over ports in memory: canaries begin, step, end; and a death anywhere changes nothing."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from cluster.monitoring.alerts import AlertEvent, Level, Watch
from cluster.monitoring.store import MemoryAlertStore
from cluster.rollout.experiment import State
from cluster.rollout.observed import Seen
from cluster.rollout.part import MemoryFleet, RolloutPart
from cluster.rollout.traffic import bucket
from naviyam.errors import NaviyamError
from naviyam.settings import Release, Rollout, RolloutStep, Settings

STEPS = (
    RolloutStep(weight=0.1, least_s=600, least_users=20),
    RolloutStep(weight=0.5, least_s=600, least_users=100),
    RolloutStep(weight=1.0, least_s=600, least_users=100),
)
SETTINGS = Settings(
    rollout=Rollout(steps=STEPS, outcome_window_s=60, every_s=1),
    release=Release(canary_offline_gain=0.02, canary_click_gain=0.03),
)


class Town:
    """Users who come one after the other and are answered by whatever table the replicas hold."""

    def __init__(self, fleet, *, ctr, errors=0.0, users_a_minute=40, seed=7):
        self.fleet, self.ctr, self.errors, self.a_minute = fleet, ctr, errors, users_a_minute
        self.rng = np.random.default_rng(seed)
        self.answers = []
        self.users = 0

    def minute(self, now):
        for _ in range(self.a_minute):
            self.users += 1
            user = f"u_{self.users}"
            at = now + timedelta(seconds=float(self.rng.uniform(0, 60)))
            clicked, failed = self.rng.random(), self.rng.random()
            for split in self.fleet.held.splits:
                candidate = bucket(split.salt, user) < split.weight
                self.answers.append(
                    (
                        split.experiment,
                        Seen(
                            user_id=user,
                            arm="candidate" if candidate else "stable",
                            at=at,
                            latency_s=0.5,
                            clicked=bool(clicked < self.ctr[candidate]),
                            error=bool(candidate and failed < self.errors),
                        ),
                    )
                )

    def seen(self, experiment):
        return tuple(seen for identity, seen in self.answers if identity == experiment.id)


@pytest.fixture
def part_over(rollouts, clock):
    def make(**town):
        fleet = MemoryFleet()
        people = Town(fleet, **town)
        own = replace(rollouts, settings=SETTINGS)
        part = RolloutPart(rollouts=own, fleet=fleet, observer=people, alarms=MemoryAlertStore())
        return part, people

    return make


def live(part, town, clock, *, hours=12):
    """Let minutes pass until the ranker's experiment is over; return it."""
    for _ in range(int(hours * 60)):
        part.tick(clock.now())
        experiment = part.rollouts.experiments.all()[0]
        if experiment.state not in (State.RUNNING, State.PROMOTING, State.ROLLING_BACK):
            return experiment
        town.minute(clock.current)
        clock.advance(60)
    return part.rollouts.experiments.all()[0]


def ranker_only(part):
    part.rollouts.registry.set_alias("nlg", "challenger", None)


def test_a_better_challenger_goes_through_its_steps_and_serves(part_over, clock):
    part, town = part_over(ctr=(0.30, 0.45))
    ranker_only(part)
    ended = live(part, town, clock)
    assert ended.state is State.PROMOTED, ended.why
    assert part.rollouts.registry.alias("ranker", "champion").version == ended.candidate
    acts = [e.note.what for e in part.rollouts.experiments.history(ended.id)]
    first, *steps, decided, last = [act for act in acts if act != "hold"]
    # Who gets which arm is drawn anew for each experiment, so how soon it is clear differs.
    assert (first, set(steps), decided, last) == ("start", {"step"}, "promote", "done")
    assert part.fleet.held.splits == ()


def test_a_worse_challenger_is_rolled_back_and_does_not_come_again(part_over, clock):
    part, town = part_over(ctr=(0.40, 0.10))
    ranker_only(part)
    ended = live(part, town, clock)
    assert ended.state is State.ROLLED_BACK
    assert part.rollouts.registry.get("ranker", ended.candidate).refused
    part.tick(clock.now())
    assert len(part.rollouts.experiments.all()) == 1
    kept = part.rollouts.experiments.history(ended.id)
    assert any(e.note.what == "roll_back" and e.note.evidence["analysis"] for e in kept)


def test_errors_of_the_candidate_end_it_long_before_its_clicks_could(part_over, clock):
    part, town = part_over(ctr=(0.3, 0.3), errors=0.4)
    ranker_only(part)
    ended = live(part, town, clock, hours=2)
    assert ended.state is State.ROLLED_BACK
    assert "errors" in ended.why


def test_nothing_happens_without_traffic(part_over, clock):
    part, _ = part_over(ctr=(0.3, 0.3), users_a_minute=0)
    for _ in range(50):
        part.tick(clock.now())
        clock.advance(3600)
    assert {e.state for e in part.rollouts.experiments.all()} == {State.RUNNING}
    holds = [e for e in part.rollouts.experiments.history(part.rollouts.experiments.all()[0].id) if e.note.what == "hold"]  # fmt: skip
    assert 1 <= len(holds) <= 3


def test_replicas_that_were_away_get_the_table_when_they_are_back(part_over, clock):
    part, _ = part_over(ctr=(0.3, 0.3))
    part.tick(clock.now())
    held = part.fleet.held
    part.fleet.held = type(held)()
    part.tick(clock.now())
    assert part.fleet.held == held


class DeathError(BaseException):
    """The process ends here."""


class Mortal:
    """Everything that writes, in an order; the `last`-th write is not followed by another line of code."""

    def __init__(self, inner, counter):
        self._inner, self._counter = inner, counter

    def __getattr__(self, name):
        inner = getattr(self._inner, name)
        if name not in ("add", "change", "note", "apply", "promote", "refuse", "rollback"):
            return inner

        def write(*args, **kwargs):
            result = inner(*args, **kwargs)
            self._counter["left"] -= 1
            if self._counter["left"] == 0:
                raise DeathError
            return result

        return write


@pytest.mark.parametrize("better", [True, False])
@pytest.mark.parametrize("last", range(1, 9))
def test_a_death_after_any_write_leads_to_the_same_end(part_over, clock, better, last):
    part, town = part_over(ctr=(0.3, 0.45) if better else (0.4, 0.1))
    ranker_only(part)
    counter = {"left": last}
    dying = RolloutPart(
        rollouts=replace(
            part.rollouts,
            experiments=Mortal(part.rollouts.experiments, counter),
            registry=Mortal(part.rollouts.registry, counter),
        ),
        fleet=Mortal(part.fleet, counter),
        observer=town,
        alarms=part.alarms,
    )
    with contextlib.suppress(DeathError):
        live(dying, town, clock)
    ended = live(part, town, clock)
    assert ended.state is (State.PROMOTED if better else State.ROLLED_BACK)
    assert len(part.rollouts.experiments.all()) == 1
    acts = [e.act for e in part.rollouts.registry.history("ranker")]
    assert acts == (["promote", "promote"] if better else ["promote"])


class Away(MemoryFleet):
    """Replicas that cannot be reached."""

    def apply(self, traffic):
        raise NaviyamError("nobody there")


def test_a_service_that_cannot_be_reached_is_an_error_that_the_controller_sees(part_over, clock):
    part, _ = part_over(ctr=(0.3, 0.3))
    with pytest.raises(NaviyamError, match="nobody there"):
        replace(part, fleet=Away()).tick(clock.now())
    part.tick(clock.now())
    assert part.fleet.held.splits


def alarm(part, now, *, level=Level.ALARM):
    part.alarms.keep(
        Watch(rule="error_rate", population="real"),
        AlertEvent(
            kind="raised", alert_id="al_1", rule="error_rate", population="real", level=level,
            at=now, value=0.09, statement="9 % of the requests failed",
        ),
    )  # fmt: skip


def test_an_alarm_of_the_whole_service_ends_what_is_being_tried(part_over, clock):
    part, _ = part_over(ctr=(0.3, 0.3))
    ranker_only(part)
    part.tick(clock.now())
    alarm(part, clock.now(), level=Level.WARN)
    part.tick(clock.now())
    assert part.rollouts.experiments.all()[0].state is State.RUNNING
    part.alarms.keep(Watch(rule="error_rate", population="real"), None)
    alarm(part, clock.now())
    part.tick(clock.now())
    (ended,) = part.rollouts.experiments.all()
    assert ended.state is State.ROLLED_BACK
    assert "9 %" in ended.why


@pytest.mark.parametrize(("hours", "blamed"), [(1, True), (30, False)])
def test_an_alarm_soon_after_a_promotion_takes_it_back(part_over, clock, hours, blamed):
    part, town = part_over(ctr=(0.30, 0.45))
    ranker_only(part)
    before = part.rollouts.registry.alias("ranker", "champion").version
    promoted = live(part, town, clock)
    clock.advance(hours * 3600)
    alarm(part, clock.now())
    part.tick(clock.now())
    state = part.rollouts.experiments.get(promoted.id).state
    assert state is (State.ROLLED_BACK if blamed else State.PROMOTED)
    serving = part.rollouts.registry.alias("ranker", "champion").version
    assert serving == (before if blamed else promoted.candidate)
