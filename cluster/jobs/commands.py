"""What people ask of the queue: the verbs behind command line, HTTP and the schedule. All of them are writes to the store.

None needs the controller or Ray to be up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.jobs.folders import JobFolder
from cluster.jobs.kinds import kind_of
from cluster.jobs.runs import ClusterError, Runs
from cluster.jobs.store import JobStore
from cluster.jobs.types import Job, JobSpec, Retry, Run, RunState
from naviyam.clock import Clock
from naviyam.errors import InputError, NotFoundError
from naviyam.settings import Settings

JOB_MARK = "naviyam_job"
"""Key in a Ray job's metadata that holds our job's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCommands:
    """The verbs over one installation's store.

    Args:
        settings: of the installation.
        store: of the jobs.
        clock: gives the times.
    """

    settings: Settings
    store: JobStore
    clock: Clock

    def submit(
        self,
        kind: str,
        arguments: Sequence[str] = (),
        *,
        who: str,
        priority: int = 0,
        after: Sequence[str] = (),
        deadline_s: float | None = None,
        retries: bool = True,
        dedup_key: str = "",
    ) -> Job:
        """Put a job of a known kind into the queue; return it at once.

        Raises:
            InputError: there is no such kind.
            OverloadedError: the queue is full.
            NotFoundError: a job of `after` does not exist.
        """
        known = kind_of(kind)
        if "--config" in arguments:
            raise InputError("the controller gives --config; leave it out", field="arguments")
        if deadline_s is not None and deadline_s <= 0:
            raise InputError(f"deadline_s is {deadline_s}; it must be above 0", field="deadline_s")
        spec = JobSpec(
            kind=kind,
            module=known.module,
            arguments=tuple(arguments),
            configured=True,
            priority=priority,
            after=tuple(after),
            deadline_s=deadline_s,
            retry=Retry.BY_ERROR if retries else Retry.NEVER,
            shrinks=known.shrinks,
            dedup_key=dedup_key,
            who=who,
        )
        return self.store.submit(
            spec, now=self.clock.now(), max_queued=self.settings.jobs.max_queued
        )

    def cancel(self, job_id: str, *, who: str, why: str = "") -> Job:
        """Ask for a job's end; the controller brings it about. One that has ended is returned as it is."""
        return self.store.ask_cancel(job_id, f"{who}: {why}" if why else who)

    def describe(self, job_id: str) -> dict[str, Any]:
        """Return a job, its history, its result and where its logs are, in JSON's types."""
        job = self.store.job(job_id)
        folder = JobFolder.of(self.settings, job.id)
        history = [
            {
                "at": c.at.isoformat(),
                "event": "submitted" if c.event is None else c.event.value,
                "state": c.state.value,
                "attempt": c.attempt,
                "reason": c.reason,
            }
            for c in self.store.history(job.id)
        ]
        return {
            **job.to_dict(),
            "history": history,
            "result": folder.result(),
            "folder": str(folder.path),
        }

    def logs(self, job_id: str, attempt: int | None, runs: Runs | None) -> str:
        """Return what an attempt said (None: the last), from its folder, else from the cluster; a foreign job's too.

        Raises:
            NotFoundError: neither knows the job.
        """
        try:
            job = self.store.job(job_id)
        except NotFoundError:
            text = _log(runs, job_id)
            if not text:
                raise
            return text
        number = job.attempt if attempt is None else attempt
        text = JobFolder.of(self.settings, job.id).log(number)
        return text or _log(runs, f"{job.id}-{number}")


def foreign(runs: Runs | None) -> tuple[tuple[Run, ...], str]:
    """Return submissions that others gave to the cluster, the newest first, and why they are not known (else "")."""
    if runs is None:
        return (), "Ray does not run"
    try:
        found = [r for r in runs.look().values() if JOB_MARK not in r.metadata]
    except ClusterError as e:
        return (), str(e)
    return tuple(sorted(found, key=_age)), ""


def foreign_row(run: Run) -> dict[str, Any]:
    """Return a foreign job in the shape of our own."""
    return {
        "id": run.submission,
        "kind": "foreign",
        "state": run.state.value,
        "attempt": 1,
        "priority": None,
        "who": run.metadata.get("user", "ray job submit"),
        "module": run.entrypoint,
        "started_at": run.started_at and run.started_at.isoformat(),
        "ended_at": run.ended_at and run.ended_at.isoformat(),
        "reason": run.message if run.state is RunState.FAILED else "",
        "waits_for": "",
    }


def _age(run: Run) -> float:
    return -run.started_at.timestamp() if run.started_at else 0.0


def _log(runs: Runs | None, submission: str) -> str:
    if runs is None:
        return ""
    try:
        return runs.log(submission)
    except ClusterError:
        return ""
