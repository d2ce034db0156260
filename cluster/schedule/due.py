"""When the cluster learns by itself. Pure: cron, missed runs as one, the limit of a day, enough new samples, pause.

Times are those of the schedule's clock, which may run faster than the machine's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from naviyam.errors import ConfigError

_KEPT = 50
"""Decisions kept for people to read."""

_MOST_MISSED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A cron expression of five fields in a time zone."""

    expression: str
    timezone: str

    def __post_init__(self) -> None:
        try:
            CronSim(self.expression, datetime(2026, 1, 1, tzinfo=ZoneInfo(self.timezone)))
        except (CronSimError, ZoneInfoNotFoundError, ValueError) as e:
            raise ConfigError(
                f"schedule {self.expression!r} in {self.timezone!r} is not five cron fields and a time zone: {e!r}"
            ) from e

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after `moment`, aware."""
        yield from CronSim(self.expression, moment.astimezone(ZoneInfo(self.timezone)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Somebody asked for a run now."""

    at: datetime
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided of one run that was due."""

    due_at: datetime
    decided_at: datetime
    ran: bool
    reason: str
    job: str = ""
    missed: int = 0
    """Earlier due times that this one stands for."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            "due_at": self.due_at.isoformat(),
            "decided_at": self.decided_at.isoformat(),
            "ran": self.ran,
            "reason": self.reason,
            "job": self.job,
            "missed": self.missed,
        }

    @classmethod
    def parse(cls, held: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        times = {name: datetime.fromisoformat(held[name]) for name in ("due_at", "decided_at")}
        return cls(**{**held, **times})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """What one schedule remembers."""

    seen_until: datetime
    """Due times up to here were decided."""

    paused: str = ""
    """Who paused it and why; "" where it runs."""

    trigger: Trigger | None = None
    decisions: tuple[Decision, ...] = field(default=())
    """The newest last."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        trigger = self.trigger and {"at": self.trigger.at.isoformat(), "who": self.trigger.who}
        return {
            "seen_until": self.seen_until.isoformat(),
            "paused": self.paused,
            "trigger": trigger,
            "decisions": [d.to_dict() for d in self.decisions],
        }

    @classmethod
    def parse(cls, held: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        trigger = held["trigger"]
        return cls(
            seen_until=datetime.fromisoformat(held["seen_until"]),
            paused=held["paused"],
            trigger=trigger
            and Trigger(at=datetime.fromisoformat(trigger["at"]), who=trigger["who"]),
            decisions=tuple(Decision.parse(each) for each in held["decisions"]),
        )

    def decided(self, decision: Decision, trigger: Trigger | None) -> Self:
        """Return the state after a decision: its due time is over, and `trigger`, which it knew of, is answered."""
        return replace(
            self,
            seen_until=max(self.seen_until, decision.due_at),
            trigger=None if self.trigger == trigger else self.trigger,
            decisions=(*self.decisions, decision)[-_KEPT:],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a schedule is bound to."""

    cron: Cron
    max_a_day: int
    """Runs in one day of the cron's time zone."""

    least_samples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A run is to start, in words why."""

    at: datetime
    missed: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNow:
    """A run was due and does not start, in words why."""

    at: datetime
    missed: int
    reason: str


def due(
    state: ScheduleState,
    now: datetime,
    rules: Rules,
    *,
    running: str,
    new_samples: Callable[[], int],
) -> Due | NotNow | None:
    """Return the run that is to start, or why the one that is due does not; None where none is due.

    A run that somebody asks for needs neither the hour nor samples and is not held by a pause; the limit of a day and a
    run that goes on hold it as well.

    Args:
        state: of the schedule.
        now: of its clock.
        rules: what binds it.
        running: the job of its kind that has not ended, "" where there is none.
        new_samples: counts what could be learned; asked last, and only where it decides.
    """
    times = _over(state, now, rules.cron)
    if state.trigger is None and not times:
        return None
    at = now if state.trigger is not None else times[-1]
    missed = max(0, len(times) - 1)
    if why := _refused(state, now, rules, running=running, new_samples=new_samples):
        return NotNow(at=at, missed=missed, reason=why)
    if state.trigger is not None:
        return Due(at=at, missed=missed, reason=f"asked for by {state.trigger.who}")
    late = f", {missed} missed before it" if missed else ""
    return Due(at=at, missed=missed, reason=f"due at {at.isoformat(timespec='minutes')}{late}")


def next_due(state: ScheduleState, now: datetime, cron: Cron) -> datetime:
    """Return the next time at which a run will be due."""
    return next(cron.after(max(now, state.seen_until)))


def overdue(state: ScheduleState, now: datetime, cron: Cron) -> datetime | None:
    """Return the oldest due time that has come and nothing was decided on; None where there is none."""
    times = _over(state, now, cron)
    return times[0] if times else None


def _over(state: ScheduleState, now: datetime, cron: Cron) -> list[datetime]:
    """Return the due times that have come and were not decided."""
    times = []
    for at in islice(cron.after(state.seen_until), _MOST_MISSED):
        if at > now:
            break
        times.append(at)
    return times


def _refused(
    state: ScheduleState,
    now: datetime,
    rules: Rules,
    *,
    running: str,
    new_samples: Callable[[], int],
) -> str:
    if state.paused and state.trigger is None:
        return f"paused by {state.paused}"
    if running:
        return f"{running} has not ended"
    ran = runs_today(state, now, rules.cron)
    if ran >= rules.max_a_day:
        return f"{ran} runs today, at most {rules.max_a_day} a day"
    if state.trigger is None and rules.least_samples:
        samples = new_samples()
        if samples < rules.least_samples:
            return f"{samples} new good samples, at least {rules.least_samples} are needed"
    return ""


def runs_today(state: ScheduleState, now: datetime, cron: Cron) -> int:
    """Return how many runs began on the day of `now` in the cron's zone."""
    today = now.astimezone(ZoneInfo(cron.timezone)).date()
    return sum(
        d.ran and d.decided_at.astimezone(ZoneInfo(cron.timezone)).date() == today
        for d in state.decisions
    )


def begin(now: datetime) -> ScheduleState:
    """Return the state of a schedule that never was: what was due before it began is not missed."""
    return ScheduleState(seen_until=now - timedelta(microseconds=1))
