"""The control plane's memory in this process: for tests, replays and dry runs. Gone with it."""

import copy
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cluster.jobs.states import JobEvent, JobState, after
from cluster.jobs.store import Document, job_id, no_job, queue_full
from cluster.jobs.types import Change, Job, JobSpec


class MemoryStore:
    """`Store` in dictionaries, with a lock in place of transactions."""

    def __init__(self, salt: Callable[[], str] = lambda: secrets.token_hex(2)) -> None:
        self._salt = salt
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._history: list[Change] = []
        self._documents: dict[str, Document] = {}
        self._leases: dict[str, tuple[str, datetime]] = {}

    def submit(self, spec: JobSpec, *, now: datetime, max_queued: int) -> Job:
        with self._lock:
            for job in self._jobs.values():
                if spec.dedup_key and job.spec.dedup_key == spec.dedup_key and not job.ended:
                    return job
            for needed in spec.after:
                self.job(needed)
            queued = sum(job.state == JobState.QUEUED for job in self._jobs.values())
            if queued >= max_queued:
                raise queue_full(queued, max_queued)
            number = len(self._jobs) + 1
            job = Job(
                id=job_id(spec.kind, number, self._salt()),
                number=number,
                spec=spec,
                state=JobState.QUEUED,
                submitted_at=now,
            )
            self._jobs[job.id] = job
            self._note(job, None, now)
            return job

    def job(self, job_id: str) -> Job:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise no_job(job_id) from None

    def jobs(
        self, *, states: frozenset[JobState] | None = None, limit: int = 500
    ) -> tuple[Job, ...]:
        with self._lock:
            found = [j for j in self._jobs.values() if states is None or j.state in states]
        return tuple(sorted(found, key=lambda j: -j.number)[:limit])

    def move(
        self, job: Job, event: JobEvent, *, now: datetime, changes: Mapping[str, Any] | None = None
    ) -> Job | None:
        state = after(job.state, event)
        with self._lock:
            held = self._jobs[job.id]
            if (held.state, held.attempt) != (job.state, job.attempt):
                return None
            moved = replace(held, **{"waits_for": "", **(changes or {}), "state": state})
            self._jobs[job.id] = moved
            self._note(moved, event, now)
            return moved

    def note(self, job_id: str, waits_for: str) -> None:
        with self._lock:
            self._jobs[job_id] = replace(self.job(job_id), waits_for=waits_for)

    def ask_cancel(self, job_id: str, why: str) -> Job:
        with self._lock:
            job = self.job(job_id)
            if not job.ended and not job.cancel:
                job = self._jobs[job_id] = replace(job, cancel=why)
            return job

    def history(self, job_id: str) -> tuple[Change, ...]:
        self.job(job_id)
        return tuple(change for change in self._history if change.job == job_id)

    def read(self, name: str) -> Document:
        return copy.deepcopy(self._documents.get(name, {}))

    def change(self, name: str, edit: Callable[[Document], Document]) -> Document:
        with self._lock:
            self._documents[name] = copy.deepcopy(edit(self.read(name)))
            return self.read(name)

    def acquire(self, name: str, holder: str, *, now: datetime, ttl_s: float) -> bool:
        with self._lock:
            held, until = self._leases.get(name, (holder, now))
            if held != holder and until > now:
                return False
            self._leases[name] = (holder, now + timedelta(seconds=ttl_s))
            return True

    def release(self, name: str, holder: str) -> None:
        with self._lock:
            if self._leases.get(name, ("", None))[0] == holder:
                del self._leases[name]

    def _note(self, job: Job, event: JobEvent | None, now: datetime) -> None:
        self._history.append(
            Change(
                at=now,
                job=job.id,
                event=event,
                state=job.state,
                attempt=job.attempt,
                reason=job.reason,
            )
        )
