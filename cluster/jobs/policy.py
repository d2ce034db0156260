"""Rules of the queue: what may start, what a failure means, what is tried again. Pure; the caller brings time and load."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cluster.jobs.states import JobState
from cluster.jobs.types import ErrorKind, Job, Load, Refusal, Retry
from cluster.programs import SAID_WHY
from naviyam.settings import Jobs

HALF: Final = 0.5
_USAGE = 2
_MEMORY = re.compile(
    r"MemoryError|out[- ]of[- ]memory|OutOfMemory|oom[-_ ]?kill|cannot allocate memory"
    r"|can't allocate memory|running low on memory",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The job goes back to the queue."""

    not_before: datetime
    batch_scale: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The job has failed for good."""

    reason: str


def classify(code: int | None, words: str) -> ErrorKind:
    """Return why an attempt ended, from its exit code (None: nobody saw one) and its last words.

    Memory is looked for first: Python's MemoryError ends a program with the code of one that says why it cannot.
    """
    if _MEMORY.search(words):
        return ErrorKind.MEMORY
    if code in (SAID_WHY, _USAGE):
        return ErrorKind.BAD
    return ErrorKind.TRANSIENT


def after_failure(
    job: Job, kind: ErrorKind, words: str, limits: Jobs, now: datetime
) -> Again | GiveUp:
    """Return what follows the end of the job's current attempt.

    Transient: again after `backoff_s` x 2^(attempt-1), at most `max_backoff_s`, up to `max_attempts`. Memory: once more
    with half the batch; a program without a batch as it was, since a neighbour may have held the memory. Bad: never.
    """
    said = _last_line(words)
    if job.spec.retry is Retry.NEVER:
        return GiveUp(reason=f"{kind.value}; the job asked for no second attempt: {said}")
    if kind in (ErrorKind.BAD, ErrorKind.DEADLINE):
        return GiveUp(reason=f"{kind.value}: {said}")
    if job.attempt >= limits.max_attempts:
        return GiveUp(
            reason=f"{kind.value} in attempt {job.attempt} of {limits.max_attempts} "
            f"(jobs.max_attempts): {said}"
        )
    wait_s = backoff_s(job.attempt, limits)
    scale = job.batch_scale
    if kind is ErrorKind.MEMORY:
        if job.error is ErrorKind.MEMORY or scale < 1:
            return GiveUp(reason=f"{kind.value} a second time (batch x {scale:g}): {said}")
        scale = HALF if job.spec.shrinks else scale
    half = f" with batch x {scale:g}" if scale != job.batch_scale else ""
    return Again(
        not_before=now + timedelta(seconds=wait_s),
        batch_scale=scale,
        reason=f"{kind.value}; again in {wait_s:.0f} s{half}: {said}",
    )


def backoff_s(attempt: int, limits: Jobs) -> float:
    """Return how long attempt + 1 waits: exponential, with a limit."""
    return min(limits.max_backoff_s, limits.backoff_s * 2.0 ** min(attempt - 1, 60))


def can_start(
    job: Job,
    needed: Mapping[str, JobState],
    *,
    running: int,
    load: Load | None,
    limits: Jobs,
    now: datetime,
) -> Refusal | None:
    """Return why a queued job must wait, None where it may start now.

    Args:
        job: the job.
        needed: states of the jobs it depends on.
        running: places taken.
        load: of the machines; None is not known, and then nothing is started.
        limits: of the settings.
        now: the time.
    """
    for name in job.spec.after:
        if needed[name] is not JobState.SUCCEEDED:
            return Refusal(code="dependency", reason=f"waits for {name} ({needed[name].value})")
    if job.not_before is not None and now < job.not_before:
        at = job.not_before.isoformat(timespec="seconds")
        return Refusal(code="backoff", reason=f"waits until {at} after attempt {job.attempt}")
    if running >= limits.max_running:
        return Refusal(
            code="running",
            reason=f"{running} jobs run, at most {limits.max_running} may (jobs.max_running)",
        )
    return gate(load, limits)


def gate(load: Load | None, limits: Jobs) -> Refusal | None:
    """Return which resource is used too much to start a job, None where all are free enough."""
    if load is None or load.cpu is None or load.memory is None:
        return Refusal(code="load", reason="how busy the machines are is not known yet")
    for name in ("cpu", "memory", "gpu"):
        used, limit = getattr(load, name), getattr(limits.gate, name)
        if used is not None and used > limit:
            return Refusal(
                code=name,
                reason=f"{name} at {used:.0%}, a job starts at {limit:.0%} or less (jobs.gate.{name})",
            )
    return None


def failed_dependency(job: Job, needed: Mapping[str, JobState]) -> str:
    """Return why the job will never be able to start, "" where it may."""
    for name in job.spec.after:
        if needed[name] in (JobState.FAILED, JobState.CANCELLED):
            return f"it depends on {name}, which is {needed[name].value}"
    return ""


def past_deadline(job: Job, limits: Jobs, now: datetime) -> str:
    """Return that the job has run too long, "" where it has not."""
    limit_s = limits.deadline_s if job.spec.deadline_s is None else job.spec.deadline_s
    if job.started_at is None or now - job.started_at <= timedelta(seconds=limit_s):
        return ""
    return f"it did not end within {limit_s:.0f} s of its start"


def _last_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "it left no words"
