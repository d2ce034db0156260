"""The rollouts' part of the controller: begins canaries, looks at them, acts on the verdict, carries the traffic table.

Every decision is a write to the store; what follows from it (traffic, registry) is done from the store, again after a
crash if need be. One experiment that cannot be looked at does not hold up the others. No Ray here: the replicas and the
event log come as ports.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from cluster.monitoring.store import AlertStore, unread
from cluster.rollout.analysis import Analysis, analyse
from cluster.rollout.experiment import MODEL_OF, OPEN, Experiment, State
from cluster.rollout.looks import Look, Looks, MemoryLooks
from cluster.rollout.observed import Seen
from cluster.rollout.outcomes import WeightChange
from cluster.rollout.rollouts import Rollouts
from cluster.rollout.store import Note
from cluster.rollout.traffic import Traffic
from cluster.rollout.verdict import Course, Verdict, judge
from naviyam.arms import Layer
from naviyam.errors import ConflictError, NaviyamError
from naviyam.settings import Settings

WHO = "controller"
_DIGITS = re.compile(r"[-+]?\d[\d.,:]*")
_log = logging.getLogger(__name__)


class Fleet(Protocol):
    """The running replicas."""

    def revision(self) -> int | None:
        """Return the lowest revision that a replica holds, None where none answers."""
        ...

    def apply(self, traffic: Traffic) -> None:
        """Carry a table to all replicas; returns when they hold it. Candidates are loaded before anybody gets them.

        Raises:
            NaviyamError: they could not be reached.
        """
        ...

    def serves(self, model: str, version: str) -> bool:
        """Return whether requests without an experiment are answered with a version."""
        ...


class Observer(Protocol):
    """The event log, as far as experiments are concerned."""

    def seen(self, experiment: Experiment) -> tuple[Seen, ...]:
        """Return every answer of an experiment so far."""
        ...


@dataclass(slots=True, kw_only=True)
class MemoryFleet:
    """Replicas that only note what they are told; ships for tests and dry runs."""

    held: Traffic = field(default_factory=Traffic)
    serving: dict[str, str] = field(default_factory=dict)

    def revision(self) -> int | None:
        return self.held.revision

    def apply(self, traffic: Traffic) -> None:
        if traffic.revision > self.held.revision:
            self.held = traffic

    def serves(self, model: str, version: str) -> bool:
        return self.serving.get(model, version) == version


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPart:
    """What the controller does for experiments at each of its ticks."""

    rollouts: Rollouts
    fleet: Fleet
    observer: Observer
    alarms: AlertStore
    looks: Looks = field(default_factory=MemoryLooks)
    name: str = "rollouts"

    @property
    def every_s(self) -> float:
        """Seconds between two ticks."""
        return self.rollouts.settings.rollout.every_s

    def tick(self, now: datetime) -> None:
        """Finish what was decided, heed alarms, begin what waits, look at what runs."""
        self.settle()
        self._heed(now)
        if self.rollouts.settings.rollout.automatic:
            self._begin()
        for experiment in self.rollouts.experiments.all():
            if experiment.state is State.RUNNING:
                with _alone(experiment):
                    self._look(experiment, now)
                    self.settle()
        self.carry()

    def settle(self) -> None:
        """Carry the table, then let the registry follow what was decided, and carry what that changed."""
        self.carry()
        before = self.rollouts.experiments.traffic().revision
        for experiment in self.rollouts.experiments.all():
            if experiment.state in (State.PROMOTING, State.ROLLING_BACK):
                with _alone(experiment):
                    self.rollouts.settle(experiment.id, serves=self.fleet.serves)
        if self.rollouts.experiments.traffic().revision != before:
            self.carry()

    def carry(self) -> bool:
        """Bring the replicas to the store's table where they hold another one; return False where there are none."""
        traffic = self.rollouts.experiments.traffic()
        held = self.fleet.revision()
        if held is not None and held != traffic.revision:
            self.fleet.apply(traffic)
        return held is not None

    def looked(self, experiment: Experiment, now: datetime, *, fresh: bool = False) -> Look:
        """Return the last look at an experiment; one that is made now, and not kept, where `fresh` or nobody has looked."""
        held = None if fresh else self.looks.last(experiment.id)
        if held is not None:
            return held
        seen = self.observer.seen(experiment)
        return look_of(experiment, *look(experiment, seen, self.rollouts.settings, now))

    def _heed(self, now: datetime) -> None:
        """End what an alarm of the whole service speaks against: every running experiment, else the last promotion.

        A promotion is blamed for `rollout.watch_s`; what was heeded is remembered after it was acted on, so that a crash
        in between only acts again on what is over by then.
        """
        for event in unread(self.alarms, self.name):
            if event.rolls_back:
                for experiment in self._suspects(event.at):
                    with _alone(experiment):
                        self.rollouts.roll_back(
                            experiment.id,
                            who=WHO,
                            why=f"alarm {event.rule}: {event.statement}",
                            evidence={"alert": event.to_dict()},
                        )
            self.alarms.advance(self.name, event.number)
        self.settle()

    def _suspects(self, at: datetime) -> list[Experiment]:
        experiments = self.rollouts.experiments.all()
        trying = [
            e
            for e in experiments
            if e.state in (State.RUNNING, State.PROMOTING) and e.created_at <= at
        ]
        if trying:
            return trying
        since = at - timedelta(seconds=self.rollouts.settings.rollout.watch_s)
        promoted = [
            (entry.note.at, e)
            for e in experiments
            if e.state is State.PROMOTED
            and (entry := self.rollouts.experiments.history(e.id)[-1]).note.at >= since
        ]
        return [max(promoted, key=lambda found: found[0])[1]] if promoted else []

    def _begin(self) -> None:
        """Begin a canary for a challenger that was in none yet; one whose canary ended undecided waits for a person."""
        experiments = self.rollouts.experiments.all()
        registry = self.rollouts.registry
        for layer, model in MODEL_OF.items():
            if model not in registry.names():
                continue
            challenger = registry.alias(model, "challenger")
            if challenger is None or _tried(experiments, layer, challenger.version):
                continue
            try:
                self.rollouts.start(
                    layer,
                    challenger.version,
                    who=WHO,
                    why="learning left a challenger",
                )
            except ConflictError as e:
                _log.info("no canary for %s %s: %s", model, challenger.version, e)
        self.carry()

    def _look(self, experiment: Experiment, now: datetime) -> None:
        settings = self.rollouts.settings
        analysis, verdict = look(experiment, self.observer.seen(experiment), settings, now)
        evidence = {"analysis": analysis.to_dict(), "verdict": verdict.to_dict()}
        self.looks.keep(look_of(experiment, analysis, verdict))
        why = "; ".join(verdict.reasons)
        if verdict.action == "hold":
            self._note(experiment, verdict, evidence, now)
            return
        act = {
            "advance": self.rollouts.advance,
            "promote": self.rollouts.promote,
            "roll_back": self.rollouts.roll_back,
            "pause": self.rollouts.pause,
            "inconclusive": self.rollouts.expire,
        }[verdict.action]
        act(experiment.id, who=WHO, why=why, evidence=evidence)

    def _note(
        self, experiment: Experiment, verdict: Verdict, evidence: Mapping[str, Any], now: datetime
    ) -> None:
        """Keep why nothing was done, once for each reason to wait: the history is for people."""
        last = self.rollouts.experiments.history(experiment.id)[-1].note
        kinds = [_DIGITS.sub("#", reason) for reason in verdict.reasons]
        if last.what == "hold" and last.evidence.get("waits_for") == kinds:
            return
        self.rollouts.experiments.note(
            experiment.id,
            Note(
                what="hold",
                who=WHO,
                why="; ".join(verdict.reasons),
                at=now,
                evidence={**evidence, "waits_for": kinds},
            ),
        )


def look(
    experiment: Experiment, stream: Iterable[Seen], settings: Settings, now: datetime
) -> tuple[Analysis, Verdict]:
    """Return what the answers of an experiment say by now, and what is to be done; nothing is done."""
    analysis = analyse(
        stream,
        weights=[WeightChange(at=p.since, weight=p.weight) for p in experiment.periods],
        settings=settings.rollout,
        now=now,
    )
    course = Course(
        layer=experiment.layer,
        offline_gain=experiment.offline_gain,
        step=experiment.step,
        in_step_s=(now - experiment.step_since).total_seconds(),
        age_s=experiment.age(now).total_seconds(),
    )
    rollout = settings.rollout.model_copy(update={"steps": experiment.steps})
    return analysis, judge(analysis, course, rollout=rollout, release=settings.release)


def look_of(experiment: Experiment, analysis: Analysis, verdict: Verdict) -> Look:
    """Return what is kept of a look."""
    return Look(
        experiment=experiment.id,
        at=analysis.at,
        weight=experiment.weight,
        analysis=analysis.to_dict(),
        verdict=verdict.to_dict(),
    )


def _tried(experiments: tuple[Experiment, ...], layer: Layer, version: str) -> bool:
    return any(
        e.layer == layer and (e.candidate == version or e.state in OPEN) for e in experiments
    )


@contextmanager
def _alone(experiment: Experiment) -> Iterator[None]:
    """Log what goes wrong with one experiment, and go on with the next."""
    try:
        yield
    except (NaviyamError, OSError) as e:
        _log.error("experiment %s: %s", experiment.id, e)
