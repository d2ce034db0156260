"""The life of a job as a table. No I/O; a step that is not in the table is an error that names both ends."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from naviyam.errors import NaviyamError


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    """Waits for its turn, a dependency, the end of a backoff or a free machine."""

    STARTING = "starting"
    """The attempt is decided and written down; the cluster may or may not know it."""

    RUNNING = "running"
    STOPPING = "stopping"
    """It is to end (cancelled, or past its deadline); the cluster may still run it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    """What happens to a job."""

    CHOSEN = "chosen"
    SUBMITTED = "submitted"
    DONE = "done"
    RETRIED = "retried"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TransitionError(NaviyamError, RuntimeError):
    """An event came to a state that does not know it."""


_S, _E = JobState, JobEvent
TRANSITIONS: Final[Mapping[tuple[JobState, JobEvent], JobState]] = {
    (_S.QUEUED, _E.CHOSEN): _S.STARTING,
    (_S.QUEUED, _E.CANCELLED): _S.CANCELLED,
    # What a lost attempt left behind: the result of a retry that need not run any more.
    (_S.QUEUED, _E.DONE): _S.SUCCEEDED,
    (_S.STARTING, _E.SUBMITTED): _S.RUNNING,
    (_S.STARTING, _E.DONE): _S.SUCCEEDED,
    (_S.STARTING, _E.RETRIED): _S.QUEUED,
    (_S.STARTING, _E.STOPPED): _S.STOPPING,
    (_S.STARTING, _E.FAILED): _S.FAILED,
    (_S.STARTING, _E.CANCELLED): _S.CANCELLED,
    (_S.RUNNING, _E.DONE): _S.SUCCEEDED,
    (_S.RUNNING, _E.RETRIED): _S.QUEUED,
    (_S.RUNNING, _E.STOPPED): _S.STOPPING,
    (_S.RUNNING, _E.FAILED): _S.FAILED,
    (_S.RUNNING, _E.CANCELLED): _S.CANCELLED,
    (_S.STOPPING, _E.DONE): _S.SUCCEEDED,
    (_S.STOPPING, _E.FAILED): _S.FAILED,
    (_S.STOPPING, _E.CANCELLED): _S.CANCELLED,
}
ENDED: Final = frozenset((_S.SUCCEEDED, _S.FAILED, _S.CANCELLED))
ON_CLUSTER: Final = frozenset((_S.STARTING, _S.RUNNING, _S.STOPPING))
"""States in which the cluster may hold a process of the job; each takes one of the places that run at once."""


def after(state: JobState, event: JobEvent) -> JobState:
    """Return the state after an event.

    Raises:
        TransitionError: the table has no such step.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise TransitionError(
            f"a job that is {state.value} cannot be {event.value}; it can be "
            f"{[e.value for s, e in TRANSITIONS if s == state] or 'nothing: it has ended'}"
        ) from None
