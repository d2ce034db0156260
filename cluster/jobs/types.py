"""What a job is asked to do, what became of it, and how it looks on the cluster. Frozen values; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cluster.jobs.states import ENDED, JobEvent, JobState

SMALLER_BATCH = "--batch-scale"
"""Option of the trainers that hold less at once."""


class ErrorKind(StrEnum):
    """Why an attempt ended; what follows is decided by `policy.after_failure`."""

    TRANSIENT = "transient"
    """Something outside ended it: a signal, a node, the cluster's memory of it."""

    MEMORY = "out of memory"
    BAD = "bad data or configuration"
    """The program said why it cannot; the same input would give the same answer."""

    DEADLINE = "deadline"


class Retry(StrEnum):
    """Whether a job may be run again."""

    BY_ERROR = "by error"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What is to run: `python -m module arguments...`, as strings; the control plane imports no workload."""

    kind: str
    module: str
    arguments: tuple[str, ...] = ()
    priority: int = 0
    """Greater is sooner; among equals the older one."""

    after: tuple[str, ...] = ()
    """Jobs that must have succeeded before."""

    deadline_s: float | None = None
    """Time after the first start; None is `jobs.deadline_s`."""

    retry: Retry = Retry.BY_ERROR
    shrinks: bool = False
    """Whether the program takes `SMALLER_BATCH`."""

    configured: bool = False
    """Whether the program takes `--config`; the controller gives it its own."""

    dedup_key: str = ""
    """While a job with this key has not ended, the same key gives that job; "" gives a new one."""

    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the store holds it."""

    id: str
    number: int
    """Order of submission."""

    spec: JobSpec
    state: JobState
    submitted_at: datetime
    attempt: int = 0
    """Of the attempt that runs or ran last; 0 before the first."""

    batch_scale: float = 1.0
    not_before: datetime | None = None
    started_at: datetime | None = None
    """Of the first attempt."""

    ended_at: datetime | None = None
    error: ErrorKind | None = None
    """Of the last attempt that failed."""

    reason: str = ""
    """Why it is in its state, in words."""

    waits_for: str = ""
    """What keeps a queued job from starting."""

    cancel: str = ""
    """Who asked for its end and why; "" where nobody did."""

    @property
    def submission(self) -> str:
        """Id of the current attempt on the cluster."""
        return f"{self.id}-{self.attempt}"

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ENDED

    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of the next attempt."""
        if self.batch_scale == 1.0:
            return self.spec.arguments
        return (*self.spec.arguments, SMALLER_BATCH, str(self.batch_scale))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types, for tables and HTTP."""
        spec = self.spec
        return {
            "id": self.id,
            "kind": spec.kind,
            "state": self.state.value,
            "attempt": self.attempt,
            "priority": spec.priority,
            "who": spec.who,
            "module": spec.module,
            "arguments": list(spec.arguments),
            "after": list(spec.after),
            "batch_scale": self.batch_scale,
            **{
                name: at and at.isoformat()
                for name in ("submitted_at", "not_before", "started_at", "ended_at")
                for at in (getattr(self, name),)
            },
            "error": self.error and self.error.value,
            "reason": self.reason,
            "waits_for": self.waits_for,
            "cancel": self.cancel,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step in a job's history."""

    at: datetime
    job: str
    event: JobEvent | None
    """None is the submission."""

    state: JobState
    attempt: int
    reason: str


class RunState(StrEnum):
    """What the cluster says of one attempt."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def over(self) -> bool:
        """Whether its process has ended."""
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One submission as the cluster reports it."""

    submission: str
    state: RunState
    exit_code: int | None = None
    message: str = ""
    entrypoint: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an attempt wrote of its own end."""

    code: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the machines are, as shares 0..1; None where it is not known, or there is no GPU."""

    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why not: a stable `code`, and words with the value and the limit."""

    code: str
    reason: str
