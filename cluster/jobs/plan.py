"""One tick of the job controller: what is seen -> what to do. Pure; `controller` applies it.

Every action is safe to repeat and begins with a write, so that a controller killed between any two finds its way: a
decided attempt that the cluster does not know is submitted under its fixed name, one that it knows is adopted, one that
left a result is done whatever the cluster says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cluster.jobs import policy
from cluster.jobs.states import JobEvent, JobState
from cluster.jobs.types import Ended, ErrorKind, Job, Load, Run, RunState
from naviyam.settings import Jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a tick may know."""

    jobs: tuple[Job, ...]
    """Those that have not ended."""

    limits: Jobs
    needed: Mapping[str, JobState] = field(default_factory=dict)
    """States of every job that one of `jobs` depends on."""

    runs: Mapping[str, Run] | None = None
    """Submissions that the cluster knows, by id; None where it was not asked or does not answer."""

    done: frozenset[str] = frozenset()
    """Jobs whose result lies in their folder."""

    ended: Mapping[str, Ended] = field(default_factory=dict)
    """What attempts wrote of their own end, by submission."""

    gone: frozenset[str] = frozenset()
    """Submissions whose process ended, or never began, so long ago that the cluster's word for them counts no more: Ray
    goes on calling a job running that ran when its head was killed."""

    strays: frozenset[str] = frozenset()
    """Submissions that run for a job that has ended or is at a later attempt."""

    load: Load | None = None
    starts: bool = True
    """False where a job was started since `load` was taken: it is not known yet what it weighs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Write a step of a job."""

    job: Job
    event: JobEvent
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Hand the written attempt to the cluster, unless it knows it already."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End a submission."""

    submission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Write what a queued job waits for."""

    job: Job
    waits_for: str


Action = Move | Submit | Stop | Note


def plan_tick(snapshot: Snapshot, now: datetime) -> tuple[Action, ...]:
    """Return what to do now, in order. At most one job is started: the next look sees what it weighs."""
    actions: list[Action] = [Stop(submission=name) for name in sorted(snapshot.strays)]
    waiting = []
    for job in sorted(snapshot.jobs, key=lambda j: j.number):
        if job.id in snapshot.done:
            changes = {"ended_at": now, "reason": "", "error": None}
            actions.append(Move(job=job, event=JobEvent.DONE, changes=changes))
        elif job.state is not JobState.QUEUED:
            actions += _on_cluster(job, snapshot, now)
        elif why := _never_starts(job, snapshot):
            actions.append(_end(job, JobEvent.CANCELLED, why, now))
        else:
            waiting.append(job)
    return (*actions, *(_begin(waiting, snapshot, now) if snapshot.starts else ()))


def _never_starts(job: Job, snapshot: Snapshot) -> str:
    if job.cancel:
        return f"cancelled by {job.cancel}"
    return policy.failed_dependency(job, snapshot.needed)


def _begin(waiting: list[Job], snapshot: Snapshot, now: datetime) -> list[Action]:
    """Choose the next job by priority, then age; say of the others what they wait for."""
    places = sum(j.state is not JobState.QUEUED for j in snapshot.jobs)
    begun = False
    actions: list[Action] = []
    for job in sorted(waiting, key=lambda j: (-j.spec.priority, j.number)):
        refusal = policy.can_start(
            job,
            snapshot.needed,
            running=places,
            load=snapshot.load,
            limits=snapshot.limits,
            now=now,
        )
        if refusal is None and not begun:
            changes = {
                "attempt": job.attempt + 1,
                "started_at": job.started_at or now,
                "not_before": None,
                "reason": "",
            }
            actions.append(Move(job=job, event=JobEvent.CHOSEN, changes=changes))
            places, begun = places + 1, True
        elif refusal is not None and _about(job.waits_for) != _about(refusal.reason):
            actions.append(Note(job=job, waits_for=refusal.reason))
    return actions


def _about(reason: str) -> str:
    """Return a reason without its figures: a gauge that trembles is not written down every second."""
    return "".join(c for c in reason if not c.isdigit())


def _on_cluster(job: Job, snapshot: Snapshot, now: datetime) -> list[Action]:
    """Follow an attempt that was written down: submit, adopt, end or judge it."""
    if (ended := snapshot.ended.get(job.submission)) is not None:
        return [_judge(job, ended.code, ended.words, snapshot, now)]
    if snapshot.runs is None:
        return []
    run = snapshot.runs.get(job.submission)
    if run is None:
        if job.state is not JobState.STARTING:
            lost = "the cluster does not know the attempt any more"
            return [_judge(job, None, lost, snapshot, now)]
        if job.cancel:
            return [_end(job, JobEvent.CANCELLED, f"cancelled by {job.cancel}", now)]
        return [Submit(job=job)]
    if run.state.over:
        return [_over(job, run, snapshot, now)]
    if job.submission in snapshot.gone:
        lost = f"the cluster calls it {run.state.value}, but its process is gone"
        return [_judge(job, None, lost, snapshot, now)]
    if job.state is JobState.STOPPING:
        return [Stop(submission=job.submission)]
    if why := policy.past_deadline(job, snapshot.limits, now):
        return _stop(job, why, ErrorKind.DEADLINE)
    if job.cancel:
        return _stop(job, f"cancelled by {job.cancel}", None)
    if job.state is JobState.STARTING:
        return [Move(job=job, event=JobEvent.SUBMITTED, changes={})]
    return []


def _stop(job: Job, why: str, error: ErrorKind | None) -> list[Action]:
    return [
        Move(job=job, event=JobEvent.STOPPED, changes={"reason": why, "error": error}),
        Stop(submission=job.submission),
    ]


def _over(job: Job, run: Run, snapshot: Snapshot, now: datetime) -> Action:
    """Judge an attempt by the cluster's words alone: it was killed before it could leave its own."""
    if run.state is RunState.STOPPED and job.state is not JobState.STOPPING:
        why = f"stopped on the cluster by someone else: {run.message}".rstrip(": ")
        return _end(job, JobEvent.CANCELLED, why, now)
    # A driver's code 1 without a word of its own is the cluster's, not the program's.
    return _judge(job, None, run.message, snapshot, now)


def _judge(job: Job, code: int | None, words: str, snapshot: Snapshot, now: datetime) -> Action:
    """Decide what follows the end of an attempt that left no result."""
    if job.state is JobState.STOPPING:
        event = JobEvent.FAILED if job.error is ErrorKind.DEADLINE else JobEvent.CANCELLED
        return _end(job, event, job.reason, now)
    kind = policy.classify(code, words)
    if job.cancel:
        return _end(job, JobEvent.CANCELLED, f"cancelled by {job.cancel}", now)
    verdict = policy.after_failure(job, kind, words, snapshot.limits, now)
    if isinstance(verdict, policy.GiveUp):
        return Move(
            job=job,
            event=JobEvent.FAILED,
            changes={"error": kind, "reason": verdict.reason, "ended_at": now},
        )
    return Move(
        job=job,
        event=JobEvent.RETRIED,
        changes={
            "error": kind,
            "reason": verdict.reason,
            "not_before": verdict.not_before,
            "batch_scale": verdict.batch_scale,
        },
    )


def _end(job: Job, event: JobEvent, why: str, now: datetime) -> Move:
    return Move(job=job, event=event, changes={"reason": why, "ended_at": now})
