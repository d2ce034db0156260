"""What the controller tells Prometheus, as samples: pure functions over what the store holds.

A sample that is not there any more is told as 0 once more (`Shown`), so that nothing stays open that has ended.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cluster.jobs import policy
from cluster.jobs.states import ON_CLUSTER, JobState
from cluster.jobs.types import Job, Load
from cluster.monitoring.alerts import Alert
from cluster.rollout.experiment import OPEN, Experiment
from cluster.rollout.traffic import Traffic
from cluster.telemetry.catalogue import (
    ALERTS,
    CONTROLLER_ACTS,
    CONTROLLER_BEAT,
    EVENT_OLDEST,
    EVENT_SEGMENTS,
    EXPERIMENT_WEIGHT,
    EXPERIMENTS,
    JOB_WAIT,
    JOBS,
    JOBS_ENDED,
    JOBS_LIMIT,
    JOBS_WAITING,
    LOAD,
    LOAD_LIMIT,
    PART_AT,
    PART_ERRORS,
    PART_SECONDS,
    SCHEDULE_LATE,
    SCHEDULE_NEXT,
    SCHEDULE_PAUSED,
    SCHEDULE_RUNS,
    TRAFFIC_WANTED,
)
from cluster.telemetry.instruments import Counts, Instrument, Meter
from naviyam.arms import LAYERS
from naviyam.settings import Jobs

_DAY = timedelta(days=1)
_TURN = "turn"
"""Of a queued job that nothing but the order keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A gauge's value under labels, in the instrument's order."""

    instrument: Instrument
    value: float
    labels: tuple[str, ...] = ()


def _sample(instrument: Instrument, value: float, *labels: str) -> Sample:
    return Sample(instrument=instrument, value=float(value), labels=labels)


class Shown:
    """Sets gauges and takes back those whose labels are gone."""

    def __init__(self, meter: Meter) -> None:
        self._counts = Counts(meter)
        self._held: dict[str, frozenset[tuple[Instrument, tuple[str, ...]]]] = {}

    def show(self, group: str, samples: Iterable[Sample]) -> None:
        """Set everything of a group; what it showed before and does not now becomes 0."""
        found = list(samples)
        now = frozenset((s.instrument, s.labels) for s in found)
        gone = self._held.get(group, frozenset()) - now
        self._held[group] = now
        for sample in (*found, *(_sample(i, 0.0, *labels) for i, labels in sorted(gone, key=str))):
            labels = dict(zip(sample.instrument.labels, sample.labels, strict=True))
            self._counts.take(sample.instrument, sample.value, **labels)


def beat(state: Mapping[str, Any]) -> list[Sample]:
    """Return what `Parts.state` says: who acts, and how each part does."""
    samples = [
        _sample(CONTROLLER_ACTS, bool(state["acts"])),
        _sample(CONTROLLER_BEAT, _seconds(state["at"])),
    ]
    for name, health in state["parts"].items():
        samples += [
            _sample(PART_SECONDS, health["last_s"], name),
            _sample(PART_ERRORS, health["errors_in_row"], name),
        ]
        if health["last_at"]:
            samples.append(_sample(PART_AT, _seconds(health["last_at"]), name))
    return samples


def jobs(
    recent: tuple[Job, ...],
    open_jobs: tuple[Job, ...],
    *,
    needed: Mapping[str, JobState],
    load: Load | None,
    limits: Jobs,
    now: datetime,
) -> list[Sample]:
    """Return how the queue is.

    Args:
        recent: the newest jobs, whatever became of them.
        open_jobs: those that have not ended.
        needed: states of the jobs that open ones depend on.
        load: of the machines, None where it is not known.
        limits: of the settings.
        now: the time.
    """
    states = Counter(job.state for job in open_jobs)
    queued = [job for job in open_jobs if job.state is JobState.QUEUED]
    running = sum(job.state in ON_CLUSTER for job in open_jobs)
    reasons: Counter[str] = Counter()
    for job in queued:
        refusal = policy.can_start(job, needed, running=running, load=load, limits=limits, now=now)
        reasons[_TURN if refusal is None else refusal.code] += 1
    ended = Counter(
        (job.spec.kind, job.state.value)
        for job in recent
        if job.ended_at is not None and now - job.ended_at <= _DAY
    )
    oldest = min((job.submitted_at for job in queued), default=now)
    shown = (JobState.QUEUED, *sorted(ON_CLUSTER))
    return [
        *(_sample(JOBS, states[state], state.value) for state in shown),
        *(_sample(JOBS_WAITING, count, reason) for reason, count in sorted(reasons.items())),
        *(_sample(JOBS_ENDED, count, *key) for key, count in sorted(ended.items())),
        _sample(JOBS_LIMIT, limits.max_queued, "queued"),
        _sample(JOBS_LIMIT, limits.max_running, "running"),
        _sample(JOB_WAIT, max(0.0, (now - oldest).total_seconds())),
        *_load(load, limits),
    ]


def schedule(shown: Mapping[str, Mapping[str, Any]]) -> list[Sample]:
    """Return how the schedules are, from `ScheduleCommands.show`."""
    samples = []
    for kind, one in shown.items():
        samples += [
            _sample(SCHEDULE_LATE, one["late_s"], kind),
            _sample(SCHEDULE_NEXT, _seconds(one["next_real_at"]), kind),
            _sample(SCHEDULE_PAUSED, bool(one["paused"]), kind),
            _sample(SCHEDULE_RUNS, one["ran_today"], kind),
        ]
    return samples


def experiments(held: tuple[Experiment, ...], traffic: Traffic) -> list[Sample]:
    """Return which experiments are open, and what replicas should do."""
    weights = dict.fromkeys(LAYERS, 0.0) | {s.layer: s.weight for s in traffic.splits}
    open_now = Counter((e.layer, e.state.value) for e in held if e.state in OPEN)
    return [
        *(_sample(EXPERIMENTS, count, *key) for key, count in sorted(open_now.items())),
        *(_sample(EXPERIMENT_WEIGHT, weight, layer) for layer, weight in weights.items()),
        _sample(TRAFFIC_WANTED, traffic.revision),
    ]


def alerts(open_alerts: tuple[Alert, ...]) -> list[Sample]:
    """Return the open alerts by rule."""
    found = Counter((a.rule, a.population, a.level.name.lower()) for a in open_alerts)
    return [_sample(ALERTS, count, *key) for key, count in sorted(found.items())]


def segments(began: Mapping[str, list[datetime]], now: datetime) -> list[Sample]:
    """Return how far compaction is behind: by kind, when each segment began that is not in Parquet."""
    samples = []
    for kind, times in began.items():
        age_s = (now - min(times)).total_seconds() if times else 0.0
        samples += [
            _sample(EVENT_SEGMENTS, len(times), kind),
            _sample(EVENT_OLDEST, max(0.0, age_s), kind),
        ]
    return samples


def _load(load: Load | None, limits: Jobs) -> list[Sample]:
    samples = []
    for resource in ("cpu", "memory", "gpu"):
        used = None if load is None else getattr(load, resource)
        if used is not None:
            samples.append(_sample(LOAD, used, resource))
        samples.append(_sample(LOAD_LIMIT, getattr(limits.gate, resource), resource))
    return samples


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
