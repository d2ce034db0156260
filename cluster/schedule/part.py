"""The schedule's part of the controller, and what people ask of it. Decides with `due`; its state is two documents.

The run is written into the queue under the key of its due time before it is written down as decided: killed between the
two, the next tick finds the same job by that key.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cluster.jobs.commands import JobCommands
from cluster.jobs.kinds import HOUSEKEEPING, LEARN
from cluster.jobs.states import ENDED, JobState
from cluster.jobs.store import Document, Store
from cluster.schedule.due import (
    Cron,
    Decision,
    Due,
    NotNow,
    Rules,
    ScheduleState,
    Trigger,
    begin,
    due,
    next_due,
    overdue,
    runs_today,
)
from naviyam.clock import Clock, ScaledClock
from naviyam.errors import InputError, OverloadedError
from naviyam.feedback.store import EventStore
from naviyam.learning.fresh import last_learned, new_good_answers
from naviyam.settings import Settings

DOCUMENT: Final = "schedule"
CLOCK: Final = "schedule-clock"
WHO: Final = "schedule"
_PRIORITY = 10
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One kind of job that is run by the clock."""

    kind: str
    rules: Rules
    arguments: tuple[str, ...] = ()
    priority: int = 0
    scaled: bool = False
    """Whether `schedule.clock_scale` moves it; what expires does so by the machine's clock."""


def plans_of(settings: Settings) -> tuple[Plan, ...]:
    """Return what runs by the clock."""
    schedule = settings.schedule
    learning = Cron(expression=schedule.cron, timezone=schedule.timezone)
    keeping = Cron(expression=schedule.housekeeping_cron, timezone=schedule.timezone)
    return (
        Plan(
            kind=LEARN,
            rules=Rules(
                cron=learning,
                max_a_day=schedule.max_trainings_a_day,
                least_samples=settings.learning.min_samples,
            ),
            arguments=("--hold", "--who", WHO),
            priority=_PRIORITY,
            scaled=True,
        ),
        Plan(kind=HOUSEKEEPING, rules=Rules(cron=keeping, max_a_day=24)),
    )


def schedule_clock(settings: Settings, store: Store, real: Clock) -> Clock:
    """Return the schedule's clock; a scaled one keeps its origin in the store, so that a restart does not jump."""
    scale = settings.schedule.clock_scale
    held = store.read(CLOCK)
    if scale == 1.0 and not held:
        return real
    if held.get("scale") != scale:
        held = store.change(CLOCK, lambda old: _rescaled(old, scale, real))
    return _scaled(held, real)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCommands:
    """What people ask of the schedules; works while the controller is down."""

    settings: Settings
    store: Store
    clock: Clock
    """The machine's."""

    def pause(self, kind: str, *, who: str) -> ScheduleState:
        """Let nothing start by the clock."""
        return self._edit(kind, lambda s: replace(s, paused=who))

    def resume(self, kind: str) -> ScheduleState:
        """Let it start again; what was due in the pause was decided."""
        return self._edit(kind, lambda s: replace(s, paused=""))

    def run_now(self, kind: str, *, who: str) -> ScheduleState:
        """Ask for a run at the controller's next look."""
        at = self._clock(self._plan(kind)).now()
        return self._edit(kind, lambda s: replace(s, trigger=Trigger(at=at, who=who)))

    def show(self) -> dict[str, Any]:
        """Return every schedule: when it runs next, what holds it, what was decided and why."""
        document = self.store.read(DOCUMENT)
        found = {}
        for plan in plans_of(self.settings):
            clock = self._clock(plan)
            now = clock.now()
            state = _state(document, plan.kind, now)
            ahead = next_due(state, now, plan.rules.cron)
            real = clock.real_time(ahead) if isinstance(clock, ScaledClock) else ahead
            found[plan.kind] = {
                "cron": plan.rules.cron.expression,
                "timezone": plan.rules.cron.timezone,
                "now": now.isoformat(),
                "clock_scale": self.settings.schedule.clock_scale if plan.scaled else 1.0,
                "enabled": self.settings.schedule.enabled,
                "paused": state.paused,
                "next_at": ahead.isoformat(),
                "next_real_at": real.isoformat(),
                "late_s": self._late_s(plan, state, now),
                "ran_today": runs_today(state, now, plan.rules.cron),
                "max_a_day": plan.rules.max_a_day,
                "least_samples": plan.rules.least_samples,
                "asked_by": state.trigger.who if state.trigger else "",
                "decisions": [d.to_dict() for d in reversed(state.decisions)],
            }
        return found

    def _late_s(self, plan: Plan, state: ScheduleState, now: datetime) -> float:
        """Return how long, in seconds of the machine, a due time has waited to be decided on."""
        at = overdue(state, now, plan.rules.cron) if self.settings.schedule.enabled else None
        scale = self.settings.schedule.clock_scale if plan.scaled else 1.0
        return 0.0 if at is None else (now - at).total_seconds() / scale

    def _edit(self, kind: str, edit: Callable[[ScheduleState], ScheduleState]) -> ScheduleState:
        now = self._clock(self._plan(kind)).now()

        def change(document: Document) -> Document:
            return {**document, kind: edit(_state(document, kind, now)).to_dict()}

        return ScheduleState.parse(self.store.change(DOCUMENT, change)[kind])

    def _clock(self, plan: Plan) -> Clock:
        return schedule_clock(self.settings, self.store, self.clock) if plan.scaled else self.clock

    def _plan(self, kind: str) -> Plan:
        plans = {plan.kind: plan for plan in plans_of(self.settings)}
        if kind not in plans:
            raise InputError(
                f"{kind!r} does not run by the clock; what does: {sorted(plans)}", field="kind"
            )
        return plans[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePart:
    """Puts what is due into the queue; `new_samples` counts what could be learned."""

    commands: JobCommands
    store: Store
    new_samples: Callable[[Settings], int]
    name: str = "schedule"
    every_s: float = _EVERY_S

    def tick(self, now: datetime) -> None:
        """Decide what is due by the schedule's own clock."""
        if not self.commands.settings.schedule.enabled:
            return
        settings = self.commands.settings
        scaled = schedule_clock(settings, self.store, self.commands.clock)
        for plan in plans_of(settings):
            self._decide(plan, scaled.now() if plan.scaled else now)

    def _decide(self, plan: Plan, now: datetime) -> None:
        document = self.store.read(DOCUMENT)
        if plan.kind not in document:
            self.store.change(DOCUMENT, lambda d: {plan.kind: begin(now).to_dict(), **d})
            return
        state = _state(document, plan.kind, now)
        found = due(
            state,
            now,
            plan.rules,
            running=self._running(plan.kind, state),
            new_samples=lambda: self.new_samples(self.commands.settings),
        )
        if found is not None:
            decision = self._act(plan, found, now)

            def write(held: Document) -> Document:
                decided = _state(held, plan.kind, now).decided(decision, state.trigger)
                return {**held, plan.kind: decided.to_dict()}

            self.store.change(DOCUMENT, write)

    def _act(self, plan: Plan, found: Due | NotNow, now: datetime) -> Decision:
        job, ran, reason = "", isinstance(found, Due), found.reason
        if ran:
            try:
                job = self.commands.submit(
                    plan.kind,
                    plan.arguments,
                    who=WHO,
                    priority=plan.priority,
                    dedup_key=f"schedule-{plan.kind}",
                ).id
            except OverloadedError as e:
                ran, reason = False, str(e)
        return Decision(
            due_at=found.at, decided_at=now, ran=ran, reason=reason, job=job, missed=found.missed
        )

    def _running(self, kind: str, state: ScheduleState) -> str:
        """Return the job of a kind that has not ended, whoever asked for it.

        One of the schedule's own that no decision names was left by a controller that was killed: it is not running
        then, but what is due finds it by its key.
        """
        decided = {d.job for d in state.decisions}
        for job in self.store.jobs(states=frozenset(JobState) - ENDED):
            if job.spec.kind == kind and (job.spec.who != WHO or job.id in decided):
                return job.id
        return ""


def count_new(settings: Settings) -> int:
    """Return how many good answers came since the last run that learned."""
    since = last_learned(settings.paths.state)
    return new_good_answers(EventStore.of(settings), since, min_stars=settings.learning.min_stars)


def _state(document: Document, kind: str, now: datetime) -> ScheduleState:
    held = document.get(kind)
    return begin(now) if held is None else ScheduleState.parse(held)


def _rescaled(old: Document, scale: float, real: Clock) -> Document:
    """Return a clock that goes on from what the old one shows."""
    at = real.now()
    virtual = _scaled(old, real).now() if old else at
    return {"origin": at.isoformat(), "virtual": virtual.isoformat(), "scale": scale}


def _scaled(held: Document, real: Clock) -> ScaledClock:
    return ScaledClock(
        real=real,
        origin=datetime.fromisoformat(held["origin"]),
        virtual=datetime.fromisoformat(held["virtual"]),
        scale=float(held["scale"]),
    )
