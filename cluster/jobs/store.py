"""Ports of the control plane's memory: jobs, documents of other parts, leases. Every call is one durable transaction.

Who asks (command line, HTTP, schedule) only adds jobs and marks them; the controller alone moves them, so that both
work while the other is down. Implementations: `memory_store.MemoryStore`, `sql_store.SqlStore`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from cluster.jobs.states import JobEvent, JobState
from cluster.jobs.types import Change, Job, JobSpec
from naviyam.errors import NaviyamError, NotFoundError, OverloadedError

Document = dict[str, Any]


class StoreError(NaviyamError, RuntimeError):
    """The database does not answer, or refuses; the message names it without its password."""


class JobStore(Protocol):
    """Jobs and their history."""

    def submit(self, spec: JobSpec, *, now: datetime, max_queued: int) -> Job:
        """Add a job, or return the one that has not ended and has the same `dedup_key`.

        Raises:
            OverloadedError: `max_queued` jobs wait already.
            NotFoundError: a job of `after` does not exist.
        """
        ...

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFoundError: there is none of this id.
        """
        ...

    def jobs(
        self, *, states: frozenset[JobState] | None = None, limit: int = 500
    ) -> tuple[Job, ...]:
        """Return jobs by state, the newest first; None is all states."""
        ...

    def move(
        self, job: Job, event: JobEvent, *, now: datetime, changes: Mapping[str, Any] | None = None
    ) -> Job | None:
        """Write the step of `job` by `event` with changed fields; None where somebody else moved it since.

        Raises:
            TransitionError: the state machine has no such step.
        """
        ...

    def note(self, job_id: str, waits_for: str) -> None:
        """Write what keeps a queued job from starting."""
        ...

    def ask_cancel(self, job_id: str, why: str) -> Job:
        """Mark a job to be ended; the first to ask stays. One that has ended is returned as it is.

        Raises:
            NotFoundError: there is none of this id.
        """
        ...

    def history(self, job_id: str) -> tuple[Change, ...]:
        """Return what happened to a job, the oldest first."""
        ...


class Documents(Protocol):
    """Small JSON documents by name: the schedule, the parts' own state."""

    def read(self, name: str) -> Document:
        """Return a document, {} where there is none."""
        ...

    def change(self, name: str, edit: Callable[[Document], Document]) -> Document:
        """Replace a document by `edit` of it, alone among all processes; return the new one."""
        ...


class Leases(Protocol):
    """Who may act."""

    def acquire(self, name: str, holder: str, *, now: datetime, ttl_s: float) -> bool:
        """Take or renew a lease; False where another holder's has not run out."""
        ...

    def release(self, name: str, holder: str) -> None:
        """Give a lease back. Idempotent."""
        ...


class Store(JobStore, Documents, Leases, Protocol):
    """All of it."""


def no_job(job_id: str) -> NotFoundError:
    """Return the error of an id that is not there."""
    return NotFoundError(f"no job {job_id!r}; `naviyam jobs list` shows them")


def queue_full(queued: int, max_queued: int) -> OverloadedError:
    """Return the error of a full queue."""
    return OverloadedError(
        f"{queued} jobs wait, at most {max_queued} may (jobs.max_queued); cancel one with "
        "`naviyam jobs cancel ID` or try again when one has started",
        retry_after_s=60,
    )


def job_id(kind: str, number: int, salt: str) -> str:
    """Return a new job's id; the salt keeps the jobs of two databases on one cluster apart."""
    return f"{kind}-{number}-{salt}"
